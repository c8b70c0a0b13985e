/* Events: what they change when they fire, and how tangents go through it.
 *
 * Tangents jump where an event changes states, because its time depends on what they are the
 * derivatives by: S. Galan, W. F. Feehery & P. I. Barton (1999), Parametric sensitivity functions
 * for hybrid discrete/continuous systems, Appl. Numer. Math. 31, 17-47.
 */
#include <math.h>
#include <string.h>

#include "zeros.h"

enum {
    MOST_FIRINGS = 32,      /* of one event at one instant */
    POLL_EVERY = 256
};

static const double INSTANT = 1e-13;    /* of time: closer events are simultaneous */

size_t tro_events_work(const tro_events *events, int n_tangent)
{
    const size_t n = (size_t)events->model->n_state, m = (size_t)events->model->n_observable;
    const size_t watch = (sizeof(struct tro_watch) + sizeof(double) - 1) / sizeof(double);
    const size_t n_event = (size_t)events->n_event, wide = (size_t)n_tangent;
    return (TRO_GLANCE + 2) * n + 2 * m + m * n + n_event * (TRO_GLANCE + 1 + watch + wide) +
           (wide ? m * (size_t)events->model->n_param + n * (2 + wide) : 0);
}

void tro_events_start(tro_events *events, tro_system *system, double *work)
{
    const size_t n = (size_t)events->model->n_state, m = (size_t)events->model->n_observable;
    const size_t n_event = (size_t)events->n_event;
    events->system = system;
    events->ended = -1;
    events->began = tro_clock();
    events->log.n = 0;
    events->z = work;
    events->after = work + TRO_GLANCE * n;
    events->rate = events->after + n;
    events->values = events->rate + n;
    events->before = events->values + m;
    events->gradient = events->before + m;
    events->samples = events->gradient + m * n;
    events->left = events->samples + n_event * TRO_GLANCE;
    events->watch = (struct tro_watch *)(void *)(events->left + n_event);
    const size_t watch = (sizeof(struct tro_watch) + sizeof(double) - 1) / sizeof(double);
    const size_t n_tangent = (size_t)system->n_tangent;
    events->due = events->left + n_event * (1 + watch);
    events->by_p = events->due + n_event * n_tangent;
    events->moved = events->by_p + m * (size_t)events->model->n_param;
    events->leave = events->moved + n;
    events->tangents = events->leave + n;
    if (n_tangent) {
        tro_trace_free(&events->log);
        events->log.width = (int)(3 + (size_t)tro_zeros_n_state(events) * (1 + n_tangent) + n_tangent);
    }
    for (size_t k = 0; k < n_event; k++)
        events->watch[k] = (struct tro_watch){.last = -HUGE_VAL};
}

/* ---- firing ---- */

static int events_wanted(const tro_events *events, int event, int direction)
{
    return events->direction[event] == 0 || events->direction[event] == direction;
}

static int events_changes(const tro_events *events, int event)
{
    if (events->terminal[event]) return 1;
    for (int m = 0; m < events->n_set; m++)
        if (events->set_event[m] == event) return 1;
    return 0;
}

/* ---- tangents ---- */

/* Fill the tangents at theta. */
static void events_carry(tro_events *events, const tro_piece *piece, double theta)
{
    const size_t n = (size_t)tro_zeros_n_state(events), stride = (size_t)piece->stride;
    for (size_t i = n; i < stride; i++) {
        double value = 0.0;
        for (size_t j = (size_t)piece->n_coef; j-- > 0;)
            value = value * theta + piece->coef[j * stride + i];
        events->tangents[i - n] = theta >= 1.0 ? piece->y_end[i] : value;
    }
}

/* How states, time and inputs move at z. */
static void events_move(tro_events *events, const double *z, double *rate)
{
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events);
    tro_zeros_flow(events, z, rate);
    rate[n] = 1.0;
    tro_stimulus_values(system->stimulus, z[n], system->low, system->high, events->moved,
                        rate + n + 1);
}

static double events_dot(const double *a, const double *b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* Derivatives of the time at which an event crosses at z: its function stays zero there. NaN where
 * it has no slope, as one that jumps. Those of the event that put it on zero are kept. */
static void events_time_tangents(tro_events *events, int event)
{
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events), n_z = events->model->n_state;
    const double *row = events->gradient + (size_t)event * (size_t)n_z;
    const double *by_p = events->by_p + (size_t)event * (size_t)events->model->n_param;
    const double slope = events_dot(row, events->rate, n_z);
    const int swept = events->watch[event].swept;
    double *due = events->due + (size_t)event * (size_t)system->n_tangent;
    for (int k = 0; k < system->n_tangent && swept != TRO_SWEPT_BY_RESET; k++) {
        const int by = system->vary[k];
        const double moves = events_dot(row, events->tangents + (size_t)k * (size_t)n, n) +
                             (by >= 0 ? by_p[by] : 0.0);
        due[k] = swept ? 0.0 : slope == 0.0 ? NAN : 0.0 - moves / slope;
    }
}

/* How everything changes at z: rate, gradient and by_p. */
static void events_linearize(tro_events *events)
{
    const tro_model *model = events->model;
    events_move(events, events->z, events->rate);
    tro_zeros_differentiate(events, events->z);
    model->observe_dp(model, 0.0, events->z, events->system->p, NULL, events->by_p);
}

/* Tangents at theta, where z stands, and the derivatives of the times of all events that cross
 * there. */
static void events_times(tro_events *events, const tro_piece *piece, double theta, double instant)
{
    if (!events->system->n_tangent) return;
    events_carry(events, piece, theta);
    events_linearize(events);
    for (int k = 0; k < events->n_event; k++)
        if ((events->watch[k].next - theta) * piece->h <= instant) events_time_tangents(events, k);
}

/* Take the tangents through an event's change of the states from z to after: to the event's own
 * time, through what it sets, and back to a time that stands. */
static int events_jump(tro_events *events, int event, const double *after)
{
    const tro_system *system = events->system;
    const int n = tro_zeros_n_state(events), n_z = events->model->n_state;
    const double *due = events->due + (size_t)event * (size_t)system->n_tangent;
    double *moved = events->moved, *leave = events->leave;
    events_linearize(events);
    tro_zeros_flow(events, after, leave);
    for (int k = 0; k < system->n_tangent; k++) {
        double *tangent = events->tangents + (size_t)k * (size_t)n;
        const int by = system->vary[k];
        for (int i = 0; i < n_z; i++)
            moved[i] = (i < n ? tangent[i] : 0.0) + due[k] * events->rate[i];
        for (int i = 0; i < n; i++) tangent[i] = moved[i] - due[k] * leave[i];
        for (int m = 0; m < events->n_set; m++) {
            if (events->set_event[m] != event) continue;
            const size_t row = (size_t)(events->n_event + m);
            const int i = events->set_state[m];
            tangent[i] = events_dot(events->gradient + row * (size_t)n_z, moved, n_z) -
                         due[k] * leave[i];
            if (by >= 0) tangent[i] += events->by_p[row * (size_t)events->model->n_param + (size_t)by];
        }
        for (int i = 0; i < n; i++)
            if (!isfinite(tangent[i])) return TRO_NONFINITE;
    }
    return TRO_SUCCESS;
}

/* Log the derivatives of a firing's time, and those of the states just before it at that time. */
static void events_log_tangents(tro_events *events, int event, double *row)
{
    const int n = tro_zeros_n_state(events), n_tangent = events->system->n_tangent;
    const double *due = events->due + (size_t)event * (size_t)n_tangent;
    const double *tangent = events->tangents;
    tro_zeros_flow(events, events->z, events->leave);
    memcpy(row, due, (size_t)n_tangent * sizeof *row);
    row += n_tangent;
    for (int k = 0; k < n_tangent; k++)
        for (int i = 0; i < n; i++) *row++ = *tangent++ + due[k] * events->leave[i];
}

/* Log a firing at z; an event that fires again and again at one instant ends the run. */
static int events_log(const tro_options *options, int event, int direction, double instant)
{
    tro_events *events = options->events;
    struct tro_watch *watch = &events->watch[event];
    const int n = tro_zeros_n_state(events);
    const double t = events->z[n];
    double *row = tro_trace_row(&events->log);
    if (!row) return TRO_NO_MEMORY;
    row[0] = event;
    row[1] = t;
    row[2] = direction;
    memcpy(row + 3, events->z, (size_t)n * sizeof *row);
    if (events->system->n_tangent) events_log_tangents(events, event, row + 3 + n);
    if (t - watch->last > instant && !watch->stuck) watch->count = 0;
    watch->last = t;
    if (++watch->count > MOST_FIRINGS) {
        events->ended = event;
        return TRO_ENDLESS;
    }
    if (events->log.n % POLL_EVERY) return TRO_SUCCESS;
    /* A single step may hold any number of events. */
    if (options->time_limit > 0.0 && tro_clock() - events->began > options->time_limit)
        return TRO_TIME_LIMIT;
    return tro_stopped(options) ? TRO_INTERRUPTED : TRO_SUCCESS;
}

/* What an event sets off happens when it does. */
static void events_share_time(tro_events *events, int event, int other)
{
    const size_t n_tangent = (size_t)events->system->n_tangent;
    if (n_tangent && other != event)
        memcpy(events->due + (size_t)other * n_tangent, events->due + (size_t)event * n_tangent,
               n_tangent * sizeof *events->due);
}

/* Set the states that an event resets, all from the values just before, and see what that does
 * to the other events: one that changes sides is about to fire. */
static int events_reset(tro_events *events, int event)
{
    const int n_z = events->model->n_state, n_tangent = events->system->n_tangent;
    int changed = 0;
    tro_zeros_observe(events, events->z, events->before);
    memcpy(events->after, events->z, (size_t)n_z * sizeof *events->z);
    for (int m = 0; m < events->n_set; m++) {
        if (events->set_event[m] != event) continue;
        const double value = events->before[events->n_event + m];
        if (!isfinite(value)) {
            events->ended = event;
            return TRO_NONFINITE;
        }
        events->after[events->set_state[m]] = value;
        changed = 1;
    }
    if (!changed) return TRO_SUCCESS;
    if (n_tangent && events_jump(events, event, events->after) != TRO_SUCCESS) {
        events->ended = event;
        return TRO_NONFINITE;
    }
    memcpy(events->z, events->after, (size_t)n_z * sizeof *events->z);
    tro_zeros_observe(events, events->z, events->values);
    tro_zeros_differentiate(events, events->z);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        const double g = events->values[k];
        const double noise = tro_zeros_noise(events, events->z, k);
        if (!isfinite(g)) {
            events->ended = k;
            return TRO_NONFINITE;
        }
        /* What a crossing left of zero is zero still. */
        if (fabs(g) <= fmax(noise, watch->zero ? 4.0 * fabs(events->left[k]) : 0.0)) {
            if (!watch->zero) events_share_time(events, event, k);
            watch->zero = 1;
            continue;
        }
        const int side = tro_zeros_sign(g);
        if (k != event && !watch->pending && side == -watch->sign &&
            events_wanted(events, k, side)) {
            watch->pending = side;
            events_share_time(events, event, k);
        }
        watch->sign = side;
        watch->zero = 0;
    }
    return TRO_SUCCESS;
}

/* Fire the events that cross at theta, in order of listing, then those that their resets set
 * off. Leaves the states in z. */
static int events_fire(const tro_options *options, const tro_piece *piece, double theta,
                       double instant)
{
    tro_events *events = options->events;
    tro_zeros_place(events, piece, theta);
    events_times(events, piece, theta, instant);
    tro_zeros_observe(events, events->z, events->values);
    for (int k = 0; k < events->n_event; k++) {
        struct tro_watch *watch = &events->watch[k];
        events->left[k] = watch->swept ? 0.0 : events->values[k];
        watch->pending = 0;
        if ((watch->next - theta) * piece->h > instant) continue;
        if (events_wanted(events, k, -watch->sign)) watch->pending = -watch->sign;
        watch->sign = 0;
        watch->zero = 1;
    }
    int ended = -1;
    for (int fired = 1; fired;) {
        fired = 0;
        for (int k = 0; k < events->n_event; k++) {
            struct tro_watch *watch = &events->watch[k];
            const int direction = watch->pending;
            if (direction == 0) continue;
            fired = 1;
            watch->pending = 0;
            int status = events_log(options, k, direction, instant);
            if (events->terminal[k] && ended < 0) ended = k;
            if (status == TRO_SUCCESS) status = events_reset(events, k);
            if (status != TRO_SUCCESS) return status;
        }
    }
    events->ended = ended;
    return TRO_SUCCESS;
}

/* What happens within an instant of an output time happens then: one rounding decides otherwise
 * whether the output sees it. */
static double events_settle(tro_events *events, const tro_piece *piece, double t, double instant)
{
    double nearest = HUGE_VAL;
    for (long k = 0; k < piece->n_due && piece->due[k] <= fmin(t + instant, piece->t_end); k++)
        if (piece->due[k] >= piece->t && fabs(piece->due[k] - t) < fabs(nearest - t))
            nearest = piece->due[k];
    if (!(fabs(nearest - t) <= instant) || nearest == t) return t;
    for (long k = events->log.n; k-- > 0;) {
        double *row = events->log.rows + (size_t)k * (size_t)events->log.width;
        if (row[1] != t) break;
        row[1] = nearest;
    }
    return nearest;
}

int tro_events_step(const tro_options *options, const tro_piece *piece, double *t, int *cut)
{
    tro_events *events = options->events;
    const double instant = INSTANT * fmax(fabs(piece->t), fabs(piece->t_end));
    double theta = 0.0;
    *cut = 0;
    int status = tro_zeros_look(events, piece);
    while (status == TRO_SUCCESS) {
        int first = -1, changes = 0;
        for (int k = 0; k < events->n_event; k++)
            if (events->watch[k].next <= 1.0 &&
                (first < 0 || events->watch[k].next < events->watch[first].next))
                first = k;
        if (first < 0) return TRO_SUCCESS;
        theta = events->watch[first].next;
        for (int k = 0; k < events->n_event; k++) {
            const struct tro_watch *watch = &events->watch[k];
            if ((watch->next - theta) * piece->h <= instant &&
                events_wanted(events, k, -watch->sign) && events_changes(events, k))
                changes = 1;
        }
        if (changes) {
            *cut = 1;
            status = events_fire(options, piece, theta, instant);
            break;
        }
        struct tro_watch *watch = &events->watch[first];
        const int direction = -watch->sign;
        tro_zeros_place(events, piece, theta);
        events_times(events, piece, theta, instant);
        if (events_wanted(events, first, direction))
            status = events_log(options, first, direction, instant);
        watch->sign = direction;
        if (status == TRO_SUCCESS) status = tro_zeros_seek(events, piece, first, theta);
        if (status == TRO_NONFINITE || status == TRO_ENDLESS) events->ended = first;
    }
    if (status != TRO_SUCCESS && !*cut) {
        *cut = 1;
        tro_zeros_place(events, piece, theta);
        if (events->system->n_tangent) events_carry(events, piece, theta);
    }
    *t = events_settle(events, piece, tro_zeros_time(piece, theta), instant);
    return status;
}
