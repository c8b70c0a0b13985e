/* Several threads take the runs of one ensemble out of one queue, as the wrapper lets them, for
 * ThreadSanitizer to watch; what they find is compared with what one thread found. */
#include <pthread.h>
#include <string.h>

#define main harness_main
#include "harness.c"
#undef main

enum { N_THREAD = 3, N_SHARED = 40, N_OUT = 9, ENDLESS = 1000000000 };

/* What all threads see. */
typedef struct {
    const tro_model *model;
    tro_stimulus stimulus;
    double *p, *start, *y, t[N_OUT];
    const double *atol;
    tro_report reports[N_SHARED];
    double out[N_SHARED * 18];
    long long queue;
    int cancel, n_tangent, measured, with_series;
    double h_max;
} ensemble;

/* Take runs from the queue until there are none left: those that the series hands over too. */
static void *take(void *given)
{
    ensemble *e = given;
    const size_t n = (size_t)e->model->n_state, dim = n * (size_t)(1 + e->n_tangent);
    const int vary[2] = {0, -1}, seed[2] = {0, -1};
    tro_measures measures = {.n_seen = 2, .seen = (const int[]){0, 1}, .begin = e->t[0],
                             .end = e->t[N_OUT - 1], .out = e->out};
    const tro_options options = {.method = &tro_tsit5, .stiff = &tro_rodas5p, .rtol = 1e-6,
                                 .atol = e->atol, .h_max = e->h_max, .max_steps = ENDLESS,
                                 .time_limit = HUGE_VAL, .cancel = &e->cancel,
                                 .measures = e->measured ? &measures : NULL};
    double *work = malloc(tro_solve_work(e->model, e->n_tangent, &options) * sizeof *work);
    tro_probe probe = {e->model, &options, work};
    const tro_stimulus *stimulus = &e->stimulus;
    long handed[N_SHARED], n_handed = 0;
    tro_queue queue = {&e->queue, N_SHARED, 4 * N_THREAD, 0, 0};
    const tro_lanes_job job = {
        .series = e->n_tangent ? tro_tangents() : tro_series(), .order = 11,
        .queue = &queue, .p = e->p, .stimuli = &stimulus, .n_stimuli = 1, .t_out = e->t,
        .n_out = N_OUT, .start = e->start, .y_out = e->y, .n_tangent = e->n_tangent,
        .vary = vary, .seed = seed, .options = &options, .reports = e->reports,
        .handed = handed, .n_handed = &n_handed, .probe = tro_solve_probe,
        .probe_context = &probe};
    if (e->with_series) LANES.run(&job);
    for (long k = 0; !tro_stopped(&options); k++) {
        const long long next = k < n_handed ? handed[k] : tro_queue_next(&queue);
        if (next < 0) break;
        const size_t run = (size_t)next;
        double *y = e->y + run * N_OUT * dim;
        if (k >= n_handed) memcpy(y, e->start + run * dim, dim * sizeof *y);
        measures.run = (long)next;
        tro_solve(e->model, e->p + run * (size_t)e->model->n_param, stimulus, e->n_tangent, vary,
                  e->t, N_OUT, &options, work, y, NULL, &e->reports[run]);
    }
    free(work);
    return NULL;
}

static int share(ensemble *e, int n_thread, double seconds)
{
    pthread_t threads[N_THREAD];
    e->queue = 0;
    memset(e->reports, 0, sizeof e->reports);
    for (int k = 0; k < n_thread; k++)
        if (pthread_create(&threads[k], NULL, take, e)) return 1;
    for (const double began = tro_clock(); seconds > 0.0 && tro_clock() - began < seconds;) {}
    if (seconds > 0.0) __atomic_store_n(&e->cancel, 1, __ATOMIC_RELAXED);
    for (int k = 0; k < n_thread; k++) pthread_join(threads[k], NULL);
    return 0;
}

/* An ensemble solved by one thread, then by several: the same bits. One run is not finite. */
static int same(int n_tangent, int measured, int with_series, int endless)
{
    const tro_model *model = tro_entry();
    const size_t n = (size_t)model->n_state, dim = n * (size_t)(1 + n_tangent);
    const size_t n_param = (size_t)model->n_param, size = N_SHARED * N_OUT * dim;
    const double knots[2] = {-1.0, 5.0}, breaks[1] = {5.0};
    const double coefs[8] = {0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0};
    tro_table *tables = calloc((size_t)model->n_input + 1, sizeof *tables);
    double *atol = malloc(n * sizeof *atol);
    ensemble *e = calloc(1, sizeof *e);
    for (int i = 0; i < model->n_input; i++) tables[i] = (tro_table){2, knots, coefs};
    for (size_t i = 0; i < n; i++) atol[i] = 1e-9;
    *e = (ensemble){.model = model, .stimulus = {model->n_input, tables, 1, breaks, 1, breaks},
                    .p = malloc(N_SHARED * n_param * sizeof(double)), .atol = atol,
                    .start = calloc(N_SHARED * dim, sizeof(double)),
                    .y = calloc(size, sizeof(double)), .n_tangent = n_tangent,
                    .measured = measured, .with_series = with_series,
                    .h_max = endless ? 1e-3 : HUGE_VAL};
    for (int k = 0; k < N_OUT; k++) e->t[k] = (endless ? 1e7 : 1.5) * k;
    for (size_t run = 0; run < N_SHARED; run++) {
        double *p = e->p + run * n_param, *start = e->start + run * dim;
        for (size_t k = 0; k < n_param; k++)
            p[k] = run == 3 ? NAN : 0.5 + 0.01 * (double)((run + k) % 7);
        model->initial(model, 0.0, p, p, p, start);
        if (n_tangent == 2) start[2 * n] = 1.0;
    }
    double *alone = malloc(size * sizeof *alone);
    int bad = 0, n_cut = 0, n_ended = 0;
    if (!endless) {
        bad |= share(e, 1, 0.0);
        memcpy(alone, e->y, size * sizeof *alone);
        memset(e->y, 0, size * sizeof *alone);
    }
    bad |= share(e, N_THREAD, endless ? 0.05 : 0.0);
    for (size_t run = 0; run < N_SHARED; run++) {
        const int wanted = run == 3 ? TRO_NONFINITE : TRO_SUCCESS;
        const size_t row = run * N_OUT * dim;
        n_cut += e->reports[run].status == TRO_INTERRUPTED;
        n_ended += e->reports[run].n_written == N_OUT;
        if (!endless && e->reports[run].status != wanted) bad = 1;
        if (!endless && run != 3 && memcmp(alone + row, e->y + row, N_OUT * dim * sizeof *alone))
            bad = 1;
    }
    /* What was under way was cut short, and no run began after that. On a busy machine the
     * series may have handed all runs over by then, with no other method begun yet. */
    if (endless && (n_ended > 0 || n_cut > N_THREAD)) bad = 1;
    printf("shared: tangents %d measures %d series %d endless %d: %s\n", n_tangent, measured,
           with_series, endless, bad ? "wrong" : "right");
    free(alone), free(e->p), free(e->start), free(e->y), free(e), free(tables), free(atol);
    return bad;
}

int main(void)
{
    int bad = 0;
    for (int with_series = 0; with_series < 2; with_series++) {
        bad |= same(0, 0, with_series, 0);
        bad |= same(2, 0, with_series, 0);
        bad |= same(0, 1, with_series, 0);
        bad |= same(0, 0, with_series, 1);
    }
    return bad;
}
