/* Compares three runs with observations, as a fit does, for the sanitizers to watch: in one thread
 * and in two that share the runs. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objective.h"

const tro_model *tro_entry(void);

enum { N_RUN = 3, N_COLUMN = 3, N_NAME = 3, N_ROW = 9, N_TANGENT = 2 };

static void *take(void *objective)
{
    tro_objective_run(objective);
    return NULL;
}

int main(void)
{
    const tro_model *model = tro_entry();
    const size_t n = (size_t)model->n_state, dim = n * (1 + N_TANGENT);
    const double knots[2] = {-1.0, 5.0}, breaks[1] = {5.0};
    const double coefs[8] = {0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0};
    const long long first_time[N_RUN + 1] = {0, 3, 4, 8}, first_row[N_RUN + 1] = {0, 4, 5, N_ROW};
    const double times[8] = {0.0, 3.0, 7.0, 1.0, 0.0, 2.0, 5.0, 6.0};
    const long long time[N_ROW] = {0, 0, 1, 2, 0, 0, 1, 3, 3};
    const int column[N_ROW] = {0, 1, 0, 2, 0, 1, 2, 0, 0};
    const double values[N_ROW] = {0.1, 1.0, 0.3, 0.2, 0.1, 2.0, 0.3, 0.5, 1.0};
    const double size[N_ROW] = {1.0, 2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0};
    const int form[N_COLUMN] = {TRO_SQUARES, TRO_BINOMIAL, TRO_ROWS};
    const int observable[N_COLUMN] = {0, model->n_observable - 1, 0}, vary[N_TANGENT] = {0, -1};
    const int tangent[N_NAME] = {0, 1, -1}, param[N_NAME] = {-1, 0, model->n_param - 1};
    enum { N_SUM = N_RUN * N_COLUMN * (1 + N_NAME + N_NAME * N_NAME) };
    double sums[N_SUM] = {0.0}, located[N_ROW], slopes[N_ROW * N_NAME];
    tro_table *tables = calloc((size_t)model->n_input + 1, sizeof *tables);
    double *p = calloc((size_t)(model->n_param * N_RUN), sizeof *p);
    double *start = calloc(N_RUN * dim, sizeof *start), *atol = calloc(n, sizeof *atol);
    for (int i = 0; i < model->n_input; i++) tables[i] = (tro_table){2, knots, coefs};
    for (int k = 0; k < model->n_param * N_RUN; k++) p[k] = 0.5;
    for (size_t i = 0; i < n; i++) atol[i] = 1e-9;
    for (size_t run = 0; run < N_RUN; run++) {
        model->initial(model, 0.0, p, p, p, start + run * dim);
        start[run * dim + 2 * n] = 1.0;
    }
    const tro_stimulus stimulus = {model->n_input, tables, 1, breaks};
    const tro_stimulus *stimuli[N_RUN] = {&stimulus, &stimulus, &stimulus};
    tro_options options = {.method = &tro_tsit5, .rtol = 1e-6, .atol = atol, .h_max = HUGE_VAL,
                           .max_steps = 100000};
    tro_report reports[N_RUN] = {{0}};
    long long queue = 0;
    tro_objective objective = {
        .model = model, .options = &options, .n_tangent = N_TANGENT, .vary = vary, .n_run = N_RUN,
        .queue = &queue, .p = p, .start = start, .stimuli = stimuli, .first_time = first_time,
        .times = times, .n_column = N_COLUMN, .form = form, .observable = observable,
        .n_name = N_NAME, .tangent = tangent, .param = param, .first_row = first_row,
        .column = column, .time = time, .values = values, .size = size, .reports = reports,
        .sums = sums, .located = located, .slopes = slopes};
    const int whole = tro_objective_run(&objective);
    const double residual = values[0] - located[0], other = values[2] - located[2];
    const int right = fabs(sums[0] - 0.5 * (residual * residual + other * other)) < 1e-14;
    printf("objective %d %.17g\n", whole, sums[0]);
    const double before = sums[0];
    double alone[N_SUM];
    memcpy(alone, sums, sizeof sums);
    for (int k = 0; k < N_SUM; k++) sums[k] = 0.0;
    queue = 0;
    pthread_t threads[2];
    for (int k = 0; k < 2; k++)
        if (pthread_create(&threads[k], NULL, take, &objective)) return 1;
    for (int k = 0; k < 2; k++) pthread_join(threads[k], NULL);
    const int shared = memcmp(alone, sums, sizeof sums) == 0;
    for (int k = 0; k < N_SUM; k++) sums[k] = 0.0;
    queue = 0;
    options.stiff = options.method = &tro_rodas5p;
    const int stiff = tro_objective_run(&objective);
    const int same = fabs(sums[0] - before) < 1e-5;
    printf("objective %d %.17g\n", stiff, sums[0]);
    queue = 0;
    options.max_steps = 2;
    const int cut = tro_objective_run(&objective);
    free(tables), free(p), free(start), free(atol);
    return whole != TRO_SUCCESS || !right || stiff != TRO_SUCCESS || !same || !shared ||
           cut != TRO_MAX_STEPS;
}
