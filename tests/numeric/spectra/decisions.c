/* SPDX-License-Identifier: Apache-2.0
 * Judges the same change against a base known whole and against its leading triplets alone.
 */
#include "tests/numeric/spectra/decisions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/directions.h"

static const double tenths[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
enum { TENTHS = 9 };

static void succeed(wane_status st, const wane_error *err)
{
    if (st == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    abort();
}

static wane_spectrum find(const decision_question *q, const wane_base_svd *base,
                          wane_spectrum_options options)
{
    const weight_change *c = q->change;
    const wane_matrix w = q->base->weight;
    wane_spectrum out;
    wane_error err;
    options.top = q->top;
    options.u = options.v = options.scan = true;
    options.rounding = c->rounding;
    if (c->term.rank)
        succeed(wane_spectrum_lowrank(&out, base, &c->term, 1, &options, q->pool, &err), &err);
    else
        succeed(wane_spectrum_full(&out, base, (wane_matrix){c->tuned, w.rows, w.cols, w.cols},
                                   &options, q->pool, &err),
                &err);
    return out;
}

/* What is said of one direction: that it is of a kind, by an interval. */
typedef struct judged {
    const decision_question *question;
    const wane_direction *truth, *said;
    int side;
    size_t position;
} judged;

static void tell(const judged *j, const char *what, double epsilon)
{
    const wane_direction *t = j->truth, *s = j->said;
    (void)fprintf(stderr,
                  "%s: %s, %zu x %zu, side %c, direction %zu, epsilon %g: max_cosine %.8g in %.8g "
                  "%.8g, cluster_overlap %.8g at most %.8g, sigma %.9g and %.9g, %zu steps\n",
                  what, j->question->name, j->question->base->weight.rows,
                  j->question->base->weight.cols, j->side ? 'v' : 'u', j->position + 1, epsilon,
                  t->max_cosine, s->low, s->high, t->cluster_overlap, s->cluster_overlap, t->sigma,
                  s->sigma, s->steps);
}

static void judge_interval(decision_counts *out, const judged *j)
{
    const wane_direction *t = j->truth, *s = j->said;
    double miss = fmax(t->cluster_overlap - s->cluster_overlap, s->low - t->cluster_overlap);
    if (t->cluster_overlap < t->max_cosine + DECISION_SLACK)
        miss = fmax(miss, fmax(s->low - t->max_cosine, t->max_cosine - s->high));
    out->directions++;
    out->steps[s->steps]++;
    out->miss = fmax(out->miss, miss);
    if (miss <= DECISION_SLACK) return;
    out->outside++;
    tell(j, "outside", NAN);
}

static void judge_kind(decision_counts *out, const judged *j, double epsilon)
{
    const wane_direction *t = j->truth;
    wane_direction_kind truth = wane_direction_judge(t, epsilon);
    wane_direction_kind said = wane_direction_judge(j->said, epsilon);
    if (said == WANE_DIRECTION_UNRESOLVED) {
        out->unresolved += truth == said;
        out->open += truth != said;
        return;
    }
    out->decided++;
    if (said == truth) return;
    double by = said == WANE_DIRECTION_INTRUDER ? t->cluster_overlap - epsilon
                                                : epsilon - t->cluster_overlap;
    if (said == WANE_DIRECTION_OF_BASE && truth == WANE_DIRECTION_UNRESOLVED) {
        bool inside = t->cluster_overlap > t->max_cosine + DECISION_SLACK;
        out->clusters += inside;
        out->edge += !inside;
    } else if (by <= DECISION_SLACK) out->edge++;
    else {
        out->wrong++;
        tell(j, "wrong", epsilon);
    }
}

static void judge_all(decision_counts *out, const decision_question *q, const wane_spectrum *truth,
                      const wane_spectrum *said, const double *epsilon, size_t epsilons)
{
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < truth->count; i++) {
            const judged j = {q, &truth->side[side][i], &said->side[side][i], side, i};
            if (isnan(j.truth->max_cosine) && isnan(j.said->max_cosine)) continue;
            if (isnan(j.truth->max_cosine) || isnan(j.said->max_cosine)) {
                out->wrong++;
                tell(&j, "exists by one alone", NAN);
                continue;
            }
            judge_interval(out, &j);
            for (size_t e = 0; e < epsilons; e++) judge_kind(out, &j, epsilon[e]);
        }
}

/* The bounds of the directions of `truth`, in place of those a fallback has answered. */
static void bound_found(wane_spectrum *said, const decision_question *q, const wane_spectrum *truth,
                        const double *epsilon, size_t epsilons)
{
    const wane_matrix w = q->base->weight;
    double largest = q->base->svd->sigma[0];
    const wane_moment_options options = {
        .floor = wane_direction_floor(w.rows, w.cols, largest, 0),
        .blur = wane_direction_floor(w.rows, w.cols, largest, q->change->rounding),
        .largest = largest * (1 + 1e-6),
        .epsilon = epsilon,
        .epsilons = epsilons,
        .steps = WANE_MOMENT_STEPS};
    size_t count = truth->count;
    wane_cosine_bounds *bounds = calloc(2 * count, sizeof *bounds);
    wane_error err;
    if (!bounds) abort();
    const wane_moment_side sides[] = {
        {.count = count, .directions = truth->u, .out = bounds},
        {.count = count, .directions = truth->v, .out = bounds + count}};
    succeed(wane_moment_bounds(sides, w, &options, q->pool, &err), &err);
    for (size_t i = 0; i < 2 * count; i++) {
        wane_direction *d = &said->side[i / count][i % count];
        if (isnan(truth->side[i / count][i % count].max_cosine)) continue;
        d->max_cosine = d->low = bounds[i].low;
        d->high = bounds[i].high;
        d->cluster_overlap = bounds[i].cluster_high;
        d->steps = bounds[i].steps;
    }
    free(bounds);
}

void decisions_judge(decision_counts *out, const decision_question *question)
{
    const decision_question *q = question;
    wane_spectrum truth =
        find(q, q->base->svd, (wane_spectrum_options){.dense = true, .vectors = true});
    size_t runs = q->alone ? TENTHS : 1, each = q->alone ? 1 : TENTHS;
    for (size_t run = 0; run < runs && truth.changed; run++) {
        const double *epsilon = tenths + run;
        wane_spectrum said =
            find(q, q->leading, (wane_spectrum_options){.epsilon = epsilon, .epsilons = each});
        if (!said.bounded) {
            out->exact += 2 * said.count;
            bound_found(&said, q, &truth, epsilon, each);
        }
        judge_all(out, q, &truth, &said, epsilon, each);
        wane_spectrum_free(&said);
    }
    wane_spectrum_free(&truth);
}

void decisions_add(decision_counts *to, const decision_counts *from)
{
    to->decided += from->decided;
    to->wrong += from->wrong;
    to->edge += from->edge;
    to->clusters += from->clusters;
    to->unresolved += from->unresolved;
    to->open += from->open;
    to->outside += from->outside;
    to->miss = fmax(to->miss, from->miss);
    to->directions += from->directions;
    to->exact += from->exact;
    for (size_t i = 0; i <= WANE_MOMENT_STEPS; i++) to->steps[i] += from->steps[i];
}

size_t decisions_steps(const decision_counts *counts, double share)
{
    size_t at = 0;
    for (size_t i = 0; i <= WANE_MOMENT_STEPS; i++) {
        at += counts->steps[i];
        if (counts->directions && (double)at >= share * (double)counts->directions) return i;
    }
    return 0;
}
