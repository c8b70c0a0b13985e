/* Extremes, means and cycles of a run, from the polynomials of its steps.
 *
 * A step is sampled at a few points; what lies between them is found on the polynomial itself.
 * A cycle goes from one upward passage through a level to the next. What makes a cycle is told
 * in words in trustode/measures.py.
 */
#include <math.h>

#include "measures.h"

/* Of a step: how closely a passage is located. */
static const double CLOSE = 1e-14;

enum {
    GRID = 8,          /* parts of a step that are sampled */
    MOST_CYCLES = 1024, /* of more only the last count */
    MOST_LAG = 8,      /* passages that one period may have, at most */
    NEWTON = 60
};

/* Where the second half and the last part of a span begin. */
static const double PARTS[3] = {0.5, 0.8, 1.0};
/* Cycles whose lengths and heights differ by less than this share are the same. */
static const double SAME = 0.05;
/* An oscillation whose extrapolated swing is below this share of its last is dying out. */
static const double SUSTAINED = 0.5;
/* A quantile that neither a few transient cycles nor the odd one of a long pattern decides. */
static const double MOST = 0.8;
/* An oscillation that has not come back for so many of its longest cycles has ceased. */
static const double OVERDUE = 1.5;
/* 1/(j + 1), as far as any method's order goes. */
static const double RECIPROCAL[] = {
    1.0,      1.0 / 2,  1.0 / 3,  1.0 / 4,  1.0 / 5,  1.0 / 6,  1.0 / 7,  1.0 / 8,  1.0 / 9,
    1.0 / 10, 1.0 / 11, 1.0 / 12, 1.0 / 13, 1.0 / 14, 1.0 / 15, 1.0 / 16, 1.0 / 17, 1.0 / 18,
    1.0 / 19, 1.0 / 20, 1.0 / 21, 1.0 / 22, 1.0 / 23, 1.0 / 24, 1.0 / 25};

size_t tro_measures_work(const tro_measures *plan)
{
    const size_t n = (size_t)plan->n_seen;
    return 2 * n + (plan->level ? n + MOST_CYCLES * (3 + n) : 0);
}

void tro_measures_start(const tro_measures *plan, long run, double *work, tro_gauge *gauge)
{
    const size_t n = (size_t)plan->n_seen, width = plan->level ? 5 + n : 9 * n;
    *gauge = (tro_gauge){.plan = plan, .out = plan->out + (size_t)run * width};
    if (!plan->level) {
        for (size_t part = 0; part < 3; part++)
            for (size_t i = 0; i < n; i++) {
                gauge->out[3 * part * n + i] = HUGE_VAL;
                gauge->out[(3 * part + 1) * n + i] = -HUGE_VAL;
                gauge->out[(3 * part + 2) * n + i] = 0.0;
            }
        return;
    }
    gauge->level = plan->level[run];
    gauge->high = -HUGE_VAL;
    gauge->low = HUGE_VAL;
    gauge->integral = work;
    gauge->ring = work + n;
    for (size_t i = 0; i < n; i++) work[i] = 0.0;
}

/* ---- one state on one step ---- */

typedef struct {
    const double *c;
    size_t stride;
    int n_coef;
} curve;

static curve measures_curve(const tro_stretch *s, int i)
{
    const size_t at = (size_t)(s->column ? s->column[i] : i);
    return (curve){s->coef + at * s->by_state, s->by_power, s->n_coef};
}

static double measures_value(curve x, double theta)
{
    double value = 0.0;
    for (int j = x.n_coef - 1; j >= 0; j--) value = value * theta + x.c[(size_t)j * x.stride];
    return value;
}

/* Slope by theta, and the slope's own. */
static double measures_slope(curve x, double theta, double *bend)
{
    double slope = 0.0, second = 0.0;
    for (int j = x.n_coef - 1; j >= 1; j--) {
        second = second * theta + slope;
        slope = slope * theta + j * x.c[(size_t)j * x.stride];
    }
    *bend = second;
    return slope;
}

/* The integral by theta from 0. */
static double measures_area(curve x, double theta)
{
    double sum = 0.0;
    for (int j = x.n_coef - 1; j >= 0; j--)
        sum = sum * theta + x.c[(size_t)j * x.stride] * RECIPROCAL[j];
    return sum * theta;
}

/* Values at GRID + 1 points from a to b. */
static void measures_sample(curve x, double a, double b, double *values)
{
    double theta[GRID], v[GRID];
    const double part = (b - a) / (double)GRID;
    for (int m = 0; m < GRID; m++) theta[m] = a + part * (m + 1), v[m] = 0.0;
    for (int j = x.n_coef - 1; j >= 0; j--) {
        const double c = x.c[(size_t)j * x.stride];
        for (int m = 0; m < GRID; m++) v[m] = v[m] * theta[m] + c;
    }
    values[0] = a == 0.0 ? x.c[0] : measures_value(x, a);
    for (int m = 0; m < GRID; m++) values[m + 1] = v[m];
}

/* Where the slope, which has sign at a and not at b, is zero, and the value there. */
static double measures_turn(curve x, double a, double b, double sign)
{
    double theta = 0.5 * (a + b);
    const double close = 1e-7 * (b - a);
    for (int k = 0; k < NEWTON; k++) {
        double bend;
        const double slope = measures_slope(x, theta, &bend);
        if (slope * sign > 0.0) a = theta; else b = theta;
        double next = theta - slope / bend;
        if (!(next > a && next < b)) next = 0.5 * (a + b);
        const double moved = fabs(next - theta);
        theta = next;
        /* An extreme is flat: its value is off by the square of that. */
        if (moved <= close) break;
    }
    return measures_value(x, theta);
}

/* Where it rises through a level between a, where it is below, and b. */
static double measures_rise(curve x, double level, double a, double b)
{
    double theta = 0.5 * (a + b);
    for (int k = 0; k < NEWTON; k++) {
        double bend;
        const double value = measures_value(x, theta) - level;
        const double slope = measures_slope(x, theta, &bend);
        if (value < 0.0) a = theta; else b = theta;
        double next = theta - value / slope;
        if (!(next > a && next < b)) next = 0.5 * (a + b);
        const double moved = fabs(next - theta);
        theta = next;
        if (moved <= CLOSE) break;
    }
    return theta;
}

/* Raise `high` (of the curve times sign) to its greatest value between a and b, of which
 * values are samples. */
static void measures_raise(curve x, double sign, double a, double b, const double *values,
                           double *high)
{
    const double part = (b - a) / (double)GRID;
    double most = *high, bend;
    for (int m = 0; m <= GRID; m++) most = sign * values[m] > most ? sign * values[m] : most;
    *high = most;
    for (int m = 0; m <= GRID; m++) {
        const int first = m == 0, last = m == GRID, middle = first ? 1 : last ? GRID - 1 : m;
        if (!first && values[m] * sign < values[m - 1] * sign) continue;
        if (!last && values[m] * sign <= values[m + 1] * sign) continue;
        /* A parabola would rise above the middle of three samples by an eighth of this. */
        const double bulge =
            fabs(values[middle - 1] - 2.0 * values[middle] + values[middle + 1]);
        if (!(values[m] * sign + 0.25 * bulge > *high)) continue;
        const double low_end = first ? a : a + part * (m - 1);
        const double high_end = last ? b : a + part * (m + 1);
        if (first && !(measures_slope(x, a, &bend) * sign > 0.0)) continue;
        if (last && !(measures_slope(x, b, &bend) * sign < 0.0)) continue;
        const double found = sign * measures_turn(x, low_end, high_end, sign);
        if (found > *high) *high = found;
    }
}

/* Whether a curve rises or falls all the way from 0 to 1, as its coefficients show. */
static int measures_monotone(curve x)
{
    double sum = 0.0;
    for (int j = 2; j < x.n_coef; j++) sum += j * fabs(x.c[(size_t)j * x.stride]);
    return x.n_coef > 1 && fabs(x.c[x.stride]) >= sum;
}

/* Widen low to high by what a curve, which strays by `spread` from its start, reaches between a
 * and b. */
static void measures_widen(curve x, double spread, double a, double b, double *low, double *high)
{
    double values[GRID + 1];
    if (x.c[0] + spread <= *high && x.c[0] - spread >= *low) return;
    if (measures_monotone(x)) {
        const double ends[2] = {measures_value(x, a), measures_value(x, b)};
        for (int k = 0; k < 2; k++) {
            if (ends[k] < *low) *low = ends[k];
            if (ends[k] > *high) *high = ends[k];
        }
        return;
    }
    measures_sample(x, a, b, values);
    double lowest = -*low;
    measures_raise(x, -1.0, a, b, values, &lowest);
    measures_raise(x, 1.0, a, b, values, high);
    *low = -lowest;
}

/* ---- the extent of all states ---- */

static void measures_extend(tro_gauge *g, const tro_stretch *s, double a, double b)
{
    const int n = g->plan->n_seen, whole = a == 0.0 && b == 1.0;
    double *low = g->out + 3 * g->part * n, *high = low + n, *area = high + n;
    for (int i = 0; i < n; i++) {
        const curve x = measures_curve(s, i);
        const size_t at = (size_t)i * s->by_state;
        measures_widen(x, s->spread[at], a, b, &low[i], &high[i]);
        area[i] += s->h * (whole ? s->area[at] : measures_area(x, b) - measures_area(x, a));
    }
}

/* ---- cycles of the first state seen ---- */

static double *measures_passage(const tro_gauge *g, long k)
{
    return g->ring + (size_t)(k % MOST_CYCLES) * (size_t)(3 + g->plan->n_seen);
}

static void measures_follow(tro_gauge *g, const tro_stretch *s)
{
    const int n = g->plan->n_seen;
    const curve x = measures_curve(s, 0);
    const double spread = s->spread[0];
    /* Where the level is out of reach, or passed once at most, the ends tell. */
    const int parts = fabs(g->level - x.c[0]) > spread || measures_monotone(x) ? 1 : GRID;
    double values[GRID + 1] = {x.c[0], measures_value(x, 1.0)}, a = 0.0;
    if (parts > 1) measures_sample(x, 0.0, 1.0, values);
    for (int m = 0; m <= parts; m++) {
        const int below = g->below;
        g->below = values[m] < g->level;
        if (!below || g->below) continue;
        /* Where one step's polynomial leaves off below the level, the next may start above. */
        const double theta =
            m ? measures_rise(x, g->level, (double)(m - 1) / parts, (double)m / parts) : 0.0;
        double *row = measures_passage(g, g->n_passage++);
        measures_widen(x, spread, a, theta, &g->low, &g->high);
        row[0] = s->t + theta * s->h;
        row[1] = g->high;
        row[2] = g->high - g->low;
        for (int i = 0; i < n; i++)
            row[3 + i] = g->integral[i] + s->h * measures_area(measures_curve(s, i), theta);
        g->high = g->low = g->level;
        a = theta;
    }
    measures_widen(x, spread, a, 1.0, &g->low, &g->high);
    for (int i = 0; i < n; i++) g->integral[i] += s->h * s->area[(size_t)i * s->by_state];
}

void tro_measures_outline(tro_stretch *stretch, int n_seen, double *room)
{
    stretch->spread = room;
    stretch->area = room + n_seen;
    for (int i = 0; i < n_seen; i++) {
        const curve x = measures_curve(stretch, i);
        double sum = 0.0;
        for (int j = 1; j < x.n_coef; j++) sum += fabs(x.c[(size_t)j * x.stride]);
        room[i] = sum;
        room[n_seen + i] = measures_area(x, 1.0);
    }
}

void tro_measures_step(tro_gauge *gauge, const tro_stretch *stretch)
{
    const tro_measures *plan = gauge->plan;
    if (plan->level) {
        measures_follow(gauge, stretch);
        return;
    }
    double from = 0.0;
    for (;;) {
        const double edge = plan->begin + PARTS[gauge->part] * (plan->end - plan->begin);
        if (gauge->part == 2 || stretch->t_end <= edge) break;
        const double to = (edge - stretch->t) / stretch->h;
        if (to > from) measures_extend(gauge, stretch, from, to), from = to;
        gauge->part++;
    }
    if (from < 1.0) measures_extend(gauge, stretch, from, 1.0);
}

/* ---- what the cycles are ---- */

/* The mean swing of some cycles; cycle k ends with passage k. */
static double measures_mean_swing(const tro_gauge *g, long first, long n)
{
    double sum = 0.0;
    for (long k = first; k < first + n; k++) sum += measures_passage(g, k)[2];
    return sum / (double)n;
}

/* Whether the swings of n successive cycles go on for ever. */
static int measures_sustained(const tro_gauge *g, long at, long n)
{
    const double end = measures_passage(g, at + n - 1)[2];
    if (n < 3) return end > (1.0 - SAME) * measures_passage(g, at)[2];
    const long third = n / 3, rest = n - third;
    const double first = measures_mean_swing(g, at, third);
    const double last = measures_mean_swing(g, at + rest, third);
    /* A method's own damping, or a decay too slow to see, is no decay. */
    if (last > (1.0 - SAME) * first) return 1;
    /* The middle mean lies as far from the first as from the last, as Aitken's formula needs. */
    const double middle = 0.5 * (measures_mean_swing(g, at + rest / 2, third) +
                                 measures_mean_swing(g, at + (rest + 1) / 2, third));
    const double earlier = middle - first, later = last - middle;
    if (earlier >= 0.0 || later >= 0.0) return 1;
    return later > earlier && last - later * later / (later - earlier) > SUSTAINED * last;
}

static double measures_length(const tro_gauge *g, long k)
{
    return measures_passage(g, k)[0] - measures_passage(g, k - 1)[0];
}

/* Whether n cycles from `at` on are, most of them, the same as those so many cycles later. */
static int measures_repeats(const tro_gauge *g, long at, long n, long lag, double length,
                            double swing)
{
    const long count = n - lag;
    const double place = MOST * (double)(count - 1);
    long below = 0;
    double under = -HUGE_VAL, over = HUGE_VAL;
    for (long k = at; k < at + count; k++) {
        const double by_length = fabs(measures_length(g, k + lag) - measures_length(g, k)) / length;
        const double by_height =
            fabs(measures_passage(g, k + lag)[1] - measures_passage(g, k)[1]) / swing;
        const double off = by_length > by_height ? by_length : by_height;
        if (off < SAME)
            below++, under = off > under ? off : under;
        else
            over = off < over ? off : over;
    }
    /* The quantile lies between the values of these two ranks. */
    const long rank = (long)floor(place);
    if (below > rank + 1 || below == count) return 1;
    return below == rank + 1 && under + (over - under) * (place - (double)rank) < SAME;
}

void tro_measures_end(tro_gauge *gauge)
{
    const tro_measures *plan = gauge->plan;
    if (!plan->level) return;
    const long run = (long)((gauge->out - plan->out) / (5 + plan->n_seen));
    const long oldest = gauge->n_passage > MOST_CYCLES ? gauge->n_passage - MOST_CYCLES : 0;
    const long last = gauge->n_passage - 1, at = oldest + 1, n = last - oldest;
    double *out = gauge->out;
    for (int k = 0; k < 5 + plan->n_seen; k++) out[k] = NAN;
    out[0] = TRO_NO_CYCLE;
    if (n < 2) return;
    const double *end = measures_passage(gauge, last);
    double longest = 0.0, widest = 0.0;
    for (long k = at; k <= last; k++) {
        const double length = measures_length(gauge, k), swing = measures_passage(gauge, k)[2];
        longest = length > longest ? length : longest;
        widest = swing > widest ? swing : widest;
    }
    if (plan->end - end[0] > OVERDUE * longest || !(end[2] > plan->smallest[run]) ||
        !measures_sustained(gauge, at, n))
        return;
    const double mean = (end[0] - measures_passage(gauge, oldest)[0]) / (double)n;
    long every = 1;
    out[0] = TRO_IRREGULAR;
    for (long lag = 1; lag <= MOST_LAG && lag <= n / 2 && out[0] == (double)TRO_IRREGULAR; lag++)
        if (measures_repeats(gauge, at, n, lag, mean, widest)) out[0] = TRO_CYCLING, every = lag;
    const long begin = oldest + n % every, count = n / every;
    const double *start = measures_passage(gauge, begin);
    const double whole = end[0] - start[0], period = whole / (double)count;
    double sum = 0.0;
    for (long k = begin; k < last; k += every) {
        const double off =
            measures_passage(gauge, k + every)[0] - measures_passage(gauge, k)[0] - period;
        sum += off * off;
    }
    out[1] = period;
    out[2] = sqrt(sum / (double)count) / period;
    out[3] = start[0];
    out[4] = end[0];
    for (int i = 0; i < plan->n_seen; i++) out[5 + i] = (end[3 + i] - start[3 + i]) / whole;
}

/* ---- samples ---- */

void tro_measures_samples(const tro_measures *plan, long run, const double *t, const double *y,
                          long n, double *work)
{
    const size_t n_seen = (size_t)plan->n_seen;
    double *coef = work + tro_measures_work(plan) - 2 * n_seen;
    tro_gauge gauge;
    tro_measures_start(plan, run, work, &gauge);
    for (long k = 0; k + 1 < n; k++) {
        for (size_t i = 0; i < n_seen; i++) {
            const double *row = y + (size_t)k * n_seen + i;
            const double b = row[0], c = row[n_seen];
            /* One sample beyond each end, on the parabola of the three next to it. */
            const double a = k > 0 ? row[-(long)n_seen] : 3.0 * b - 3.0 * c + row[2 * n_seen];
            const double d =
                k + 2 < n ? row[2 * n_seen] : 3.0 * c - 3.0 * b + row[-(long)n_seen];
            coef[i] = b;
            coef[n_seen + i] = c - a / 3.0 - b / 2.0 - d / 6.0;
            coef[2 * n_seen + i] = (a + c) / 2.0 - b;
            coef[3 * n_seen + i] = (3.0 * (b - c) + d - a) / 6.0;
        }
        tro_stretch stretch = {.t = t[k], .h = t[k + 1] - t[k], .t_end = t[k + 1], .n_coef = 4,
                               .coef = coef, .by_power = n_seen, .by_state = 1};
        tro_measures_outline(&stretch, plan->n_seen, coef + 4 * n_seen);
        tro_measures_step(&gauge, &stretch);
    }
    tro_measures_end(&gauge);
}
