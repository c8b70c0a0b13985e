/* What the Taylor method keeps of the runs that it advances side by side. */
#ifndef TRO_TAYLOR_BATCH_H
#define TRO_TAYLOR_BATCH_H

#include <string.h>

#include "lanes_run.h"
#include "measures.h"
#include "taylor.h"
#if TRO_LANES == 1
#include "taylor_tangents.h"
#endif

/* A single run's states go through vectors too, a block at a time. */
enum { BLOCK = 4 };
#if TRO_LANES == 1 && defined(__GNUC__) && !defined(__TINYC__)
#define BLOCKS 1
typedef double taylor_block __attribute__((vector_size(8 * BLOCK)));
typedef long long taylor_mask __attribute__((vector_size(8 * BLOCK)));
/* The same at any place in memory. */
typedef double taylor_loose __attribute__((vector_size(8 * BLOCK), aligned(8), may_alias));

static inline taylor_block taylor_block_set(double x) { return x - (taylor_block){0.0}; }

/* The same operation as tro_fma. */
static inline taylor_block taylor_block_fma(taylor_block a, taylor_block b, taylor_block c)
{
#if TRO_WHOLE == TRO_CLANG
    return __builtin_elementwise_fma(a, b, c);
#elif TRO_WHOLE == TRO_GCC
    return __builtin_ia32_vfmaddpd256(a, b, c);
#else
    taylor_block out;
    for (int q = 0; q < BLOCK; q++) out[q] = tro_fma(a[q], b[q], c[q]);
    return out;
#endif
}

static inline taylor_block taylor_block_read(const double *from)
{
    return *(const taylor_loose *)(const void *)from;
}

/* Write the first n of a block, or all of it. */
static inline void taylor_block_write(double *to, taylor_block block, int n)
{
    switch (n < BLOCK ? n : BLOCK) {
    case 4: *(taylor_loose *)(void *)to = block; return;
    case 3: to[2] = block[2]; /* fall through */
    case 2: to[1] = block[1]; /* fall through */
    default: to[0] = block[0];
    }
}
#else
#define BLOCKS 0
#endif

typedef struct {
    long run; /* -1 when the lane is idle */
    const double *p;
    const tro_stimulus *stimulus;
    double *y_out;
    double end, stop, t_before, h_before;
    double low, high, low_before, high_before; /* interval of now, and of the last step */
    long next_stop, stop_before, written, written_before, n_steps, n_rejected, n_series;
    int hoisted;   /* the constants are those of the inputs that are held */
    int first;     /* no step was taken yet */
    int confirm;   /* the last step waits to be confirmed */
    int landed;    /* the last step ended on the stop */
    int tries, looks, looks_wanted;
    long probe_at; /* steps after which a stiff method is tried whatever the series shows */
} lane;

typedef struct {
    const tro_lanes_job *job;
    const tro_taylor *model;
    int n, order;
    lane lanes[TRO_LANES];
    tro_v t, scale, inverse, most, h; /* most: longest step that is allowed next */
    tro_v *s, *c, *y_before, *y_new, *slope, *weight;
    tro_v *y;           /* the states: where their series begin */
    double *atol;       /* (n) and ones, as all of these up to a whole block */
    double *scratch, *inputs;
    /* Inputs that move: their cubics, where these begin, and their coefficients now. */
    tro_v *cubics, *knots, *u;
    double *held;       /* (TRO_LANES, n_input) what the others are */
    double *state;      /* (n) where an event leaves the states */
    double *piece;      /* (order + 1, n) the last step, where events are watched for */
    int n_active;
    size_t dim; /* of an output row */
#if TRO_LANES == 1
    tro_tangents tangents;
#endif
    /* What is measured; the last step waits in powers of its length to be confirmed. */
    tro_gauge gauges[TRO_LANES];
    double *room; /* (TRO_LANES) of the gauges */
    tro_v *last;  /* (order + 3, n_seen): coefficients, their spread and area */
} batch;

#endif
