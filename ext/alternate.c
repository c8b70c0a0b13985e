/* Runs that a series and other methods carry on in turn. */
#include "lanes_run.h"
#include "measures.h"

/* Go on with one run, up to its end or to where the series can take it back. */
static void alternate_solve(const tro_lanes_job *job, long run, const tro_model *model,
                            const tro_options *options, double *work)
{
    const size_t dim = (size_t)model->n_state * (size_t)(1 + job->n_tangent);
    double *rows = job->y_out + (size_t)run * (size_t)job->n_out * dim;
    tro_solve(model, job->p + (size_t)run * (size_t)model->n_param,
              job->stimuli[job->n_stimuli > 1 ? run : 0], job->n_tangent, job->vary, job->t_out,
              job->n_out, options, work, rows, job->trace, &job->reports[run]);
}

static int alternate_late(const tro_options *options, const tro_report *report)
{
    return options->time_limit > 0.0 && report->taken > options->time_limit;
}

int tro_alternate(const tro_lanes_method *lanes, const tro_lanes_job *job, const tro_model *model,
                  double *work)
{
    tro_options options = *job->options;
    tro_measures measures;
    /* Measures are taken by one method alone. */
    options.hand_back = options.stiff && !options.measures;
    if (options.measures) {
        measures = *options.measures;
        options.measures = &measures;
    }
    tro_queue queue = {0};
    tro_lanes_job again = *job;
    again.queue = &queue;
    /* A run that is handed over again was taken from its place before: one list serves both. */
    again.resumed = job->handed;
    int status = lanes->run(job);
    long n_waiting = *job->n_handed; /* also where an interrupt ends all */
    while (*job->n_handed > 0 && status == TRO_SUCCESS) {
        const long n_handed = *job->n_handed;
        n_waiting = *job->n_handed = 0;
        for (long k = 0; k < n_handed; k++) {
            const long run = job->handed[k];
            /* Each may be too short for a look of its own at the clock and the cancel flag. */
            if (tro_stopped(&options)) status = TRO_INTERRUPTED;
            if (status != TRO_SUCCESS || alternate_late(&options, &job->reports[run])) {
                job->reports[run].status = status ? status : TRO_TIME_LIMIT;
                continue;
            }
            if (options.measures) measures.run = run;
            alternate_solve(job, run, model, &options, work);
            if (job->reports[run].status > TRO_SUCCESS) job->handed[n_waiting++] = run;
        }
        if (n_waiting == 0 || status != TRO_SUCCESS) break;
        if (options.events) tro_solve_watch_on(job->look_context);
        queue = (tro_queue){.end = n_waiting};
        status = lanes->run(&again);
    }
    for (long k = 0; status != TRO_SUCCESS && k < n_waiting; k++)
        if (job->reports[job->handed[k]].status > TRO_SUCCESS)
            job->reports[job->handed[k]].status = status;
    return status;
}
