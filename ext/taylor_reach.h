/* Steps over which a function may wake up and be at rest again at their ends, as exp(-(y - 50)^2)
 * of a state y: neither the coefficients nor the defect say anything of it, so its argument must
 * not move that far. For taylor.c alone, at each of its widths. */
#ifndef TRO_TAYLOR_REACH_H
#define TRO_TAYLOR_REACH_H

#include "taylor_batch.h"

/* How far the argument of a function that flattens away from zero may move in a step, and the share
 * of its distance to zero that it may move further; and that of a sine. None is ever reached where
 * what the function says can be seen: its own coefficients allow less. */
static const double STEEP = 8.0, FURTHER = 0.25, WAVE = 2.0;

/* The arguments of one kind, and how far each may move. */
typedef struct {
    const int *slots;
    int n;
    double near, further;
} taylor_arguments;

/* How far an argument moves beyond what it may, which is `most`. */
static inline tro_v taylor_beyond(const batch *b, const taylor_arguments *some, int k, tro_v theta,
                                  tro_v half, tro_v *most)
{
    const size_t n_slot = (size_t)b->model->n_slot;
    const tro_v *a = b->s + some->slots[k];
    *most = tro_fma(tro_set(some->further), tro_abs(a[0]), tro_set(some->near));
    return tro_fma(tro_abs(a[n_slot]), theta, tro_abs(a[2 * n_slot]) * half) - *most;
}

/* Steps h, shorter where an argument would move too far. */
static tro_v taylor_reach(const batch *b, tro_v h)
{
    const tro_taylor *model = b->model;
    const taylor_arguments kinds[] = {{model->steep, model->n_steep, STEEP, FURTHER},
                                      {model->waves, model->n_wave, WAVE, 0.0}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    const tro_v none = tro_set(0.0);
    tro_v most, worst = none;
    if (!model->n_steep && !model->n_wave) return h;
    const tro_v theta = h / b->scale, half = tro_set(0.5) * theta * theta;
    for (int q = 0; q < KINDS; q++)
        for (int k = 0; k < kinds[q].n; k++)
            worst = tro_larger(worst, taylor_beyond(b, &kinds[q], k, theta, half, &most));
    if (!tro_any(tro_less(none, worst))) return h;
    for (int q = 0; q < KINDS; q++)
        for (int k = 0; k < kinds[q].n; k++) {
            const tro_m far = tro_less(none, taylor_beyond(b, &kinds[q], k, theta, half, &most));
            const tro_v *a = b->s + kinds[q].slots[k];
            const tro_v rise = tro_abs(a[model->n_slot]), bend = tro_abs(a[2 * model->n_slot]);
            const tro_v cut = tro_smaller(tro_set(0.5) * most / rise, tro_sqrt(most / bend));
            h = tro_select(far, tro_smaller(h, cut * b->scale), h);
        }
    return h;
}

#endif
