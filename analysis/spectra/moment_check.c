/* SPDX-License-Identifier: Apache-2.0
 * What is decided of a vector so far, and which bounds can decide more.
 */
#include "analysis/spectra/moment_bound.h"

#include <math.h>

/* The cosine of an angle greater than that of `cosine` by one of the given sine, or less. */
static double turned_by(double cosine, double slack, bool away)
{
    double rest = sqrt(fmax(1 - slack * slack, 0)), sine = sqrt(fmax(1 - cosine * cosine, 0));
    if (away) return fmax(cosine * rest - sine * slack, 0);
    return sine > slack ? cosine * rest + sine * slack : 1;
}

static void widen(wane_cosine_bounds *out, const wane_cosine_bounds *proved, double slack)
{
    *out = *proved;
    if (!(slack > 0)) return;
    out->low = turned_by(proved->low, slack, true);
    out->high = turned_by(proved->high, slack, false);
    out->cluster_low = turned_by(proved->cluster_low, slack, true);
    out->cluster_high = turned_by(proved->cluster_high, slack, false);
}

static bool is_narrow(const wane_cosine_bounds *b, double width)
{
    return width > 0 && b->high - b->low <= width && b->cluster_high - b->cluster_low <= width;
}

static bool is_open(const wane_cosine_bounds *b, double epsilon)
{
    wane_direction_kind kind;
    return !wane_moment_judge(&kind, b, epsilon);
}

bool wane_moment_enough(const wane_moment_state *one, const wane_moment_options *o)
{
    bool open = o->epsilons == 0;
    for (size_t e = 0; e < o->epsilons && !open; e++) open = is_open(one->out, o->epsilon[e]);
    return !open || is_narrow(one->out, o->width) || is_narrow(&one->proved, one->slack);
}

/* What a bound from above must be less than, that it ends anything: for clusters the greatest
 * epsilon that is open; for single directions of those that the cluster's mass is not below. */
static double useful_limit(const wane_moment_state *one, const wane_moment_options *o,
                           wane_window window)
{
    bool single = window == WANE_WINDOW_SINGLE;
    const wane_cosine_bounds *b = one->out, *proved = &one->proved;
    double limit = 0;
    for (size_t e = 0; e < o->epsilons; e++)
        if (is_open(b, o->epsilon[e]) && single == (b->cluster_low >= o->epsilon[e]))
            limit = fmax(limit, turned_by(o->epsilon[e], one->slack, true));
    if (o->width > 0)
        limit = fmax(limit, turned_by(fmin((single ? b->low : b->cluster_low) + o->width, 1),
                                      one->slack, true));
    if (one->slack > 0)
        limit = fmax(limit, (single ? proved->low : proved->cluster_low) + one->slack);
    return limit;
}

void wane_moment_take(wane_moment_state *one, const wane_moment_rule *rule,
                      const wane_moment_options *o, bool last)
{
    wane_cosine_bounds *b = &one->proved;
    double low[WANE_WINDOWS], *high[WANE_WINDOWS] = {&b->high, &b->cluster_high};
    for (wane_window w = 0; w < WANE_WINDOWS; w++) low[w] = wane_moment_below(rule, w);
    b->low = fmax(b->low, low[WANE_WINDOW_SINGLE]);
    b->cluster_low = fmax(b->cluster_low, fmax(low[WANE_WINDOW_CLUSTER], b->low));
    b->steps = rule->b.steps;
    if (rule->b.closed) {
        b->high = low[WANE_WINDOW_SINGLE];
        b->cluster_high = fmax(b->high, low[WANE_WINDOW_CLUSTER]);
        b->low = b->high;
        b->cluster_low = b->cluster_high;
    }
    widen(one->out, b, one->slack);
    for (wane_window w = WANE_WINDOWS; w-- > 0 && !rule->b.closed;) {
        double limit = last ? 2 : useful_limit(one, o, w);
        if (!(limit > 0) || (!last && wane_moment_enough(one, o))) continue;
        *high[w] = fmin(*high[w], wane_moment_above(rule, w, low[w], limit));
        b->high = fmin(b->high, b->cluster_high);
        widen(one->out, b, one->slack);
    }
}
