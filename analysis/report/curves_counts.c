/* SPDX-License-Identifier: Apache-2.0
 * Intruders of a stage against epsilon or k, counted from the stored directions in one pass.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/curves.h"
#include "analysis/report/statement.h"

/* At epsilon 1 every direction would count. */
enum { EPSILON_STEPS = 20, K_WHOLE = 128 };

typedef struct counts {
    wane_curves *curves;
    bool several;
    double *place;                /* the values of epsilon or k */
    double *below, *part, *whole; /* of the run being read, at or from each place on */
    size_t top;
} counts;

/* epsilon: .05, .10, ..., .95; k: every one up to 128, then about 1% apart, the last always. */
static wane_status make_places(counts *s, wane_error *err)
{
    wane_curves *c = s->curves;
    bool epsilon = c->kind == WANE_CURVES_EPSILON;
    size_t most = epsilon ? EPSILON_STEPS - 1 : s->top;
    s->place = wane_alloc(most, sizeof *s->place);
    if (!s->place) return wane_fail_memory(err, "curves", c->request.x);
    for (size_t k = 1; epsilon && k <= most; k++) s->place[c->stages++] = (double)k / EPSILON_STEPS;
    for (size_t k = 1; !epsilon && k <= most; k++) {
        bool kept = k <= K_WHOLE || k == most || k >= (size_t)(1.01 * s->place[c->stages - 1]) + 1;
        if (kept) s->place[c->stages++] = (double)k;
    }
    double **const arrays[] = {&s->below, &s->part, &s->whole};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!(*arrays[i] = wane_alloc(c->stages + 1, sizeof **arrays[i])))
            return wane_fail_memory(err, "curves", c->request.x);
    c->stage_name = wane_alloc(c->stages, sizeof *c->stage_name);
    if (!c->stage_name) return wane_fail_memory(err, "curves", c->request.x);
    for (size_t i = 0; i < c->stages; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, epsilon ? "%.2f" : "%.0f", s->place[i]);
        if (!(c->stage_name[i] = wane_arena_strdup(c->arena, text)))
            return wane_fail_memory(err, "curves", c->request.x);
    }
    return WANE_OK;
}

/* The first place a direction counts at: epsilon above its cosine, or k at its position. */
static size_t first_place(const counts *s, double cosine, double position)
{
    bool epsilon = s->curves->kind == WANE_CURVES_EPSILON;
    size_t low = 0, high = s->curves->stages;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool reached = epsilon ? cosine < s->place[middle] : position <= s->place[middle];
        if (reached) high = middle;
        else low = middle + 1;
    }
    return low;
}

static void take_direction(counts *s, double cosine, double position, double sigma)
{
    bool epsilon = s->curves->kind == WANE_CURVES_EPSILON;
    if (isnan(cosine)) return; /* it does not exist */
    size_t at = first_place(s, cosine, position);
    bool intruder = epsilon || cosine < s->curves->request.counting.epsilon;
    s->whole[epsilon ? 0 : at] += sigma * sigma;
    if (!intruder) return;
    s->below[at]++;
    s->part[at] += sigma * sigma;
}

/* Turns what was found at each place into what holds there, as points. */
static wane_status end_run(counts *s, size_t group, const char *run, wane_error *err)
{
    wane_curves *c = s->curves;
    bool energy = strcmp(c->request.metric, "intruder_energy") == 0;
    double below = 0, part = 0, whole = 0;
    for (size_t i = 0; i < c->stages; i++) {
        below += s->below[i];
        part += s->part[i];
        whole += s->whole[i];
        wane_curves_point point = {.group = group,
                                   .stage = i,
                                   .n = 1,
                                   .run = run,
                                   .x = s->place[i],
                                   .y = energy ? part / whole : below};
        if (isnan(point.y)) continue;
        wane_status st = wane_curves_add(c, point, err);
        if (st != WANE_OK) return st;
    }
    memset(s->below, 0, (c->stages + 1) * sizeof *s->below);
    memset(s->part, 0, (c->stages + 1) * sizeof *s->part);
    memset(s->whole, 0, (c->stages + 1) * sizeof *s->whole);
    return WANE_OK;
}

static const char sql[] = {
#include "curves_counts.inc"
};

static wane_status open(wane_query **out, const counts *s, wane_results *db, wane_error *err)
{
    const wane_curves_request *r = &s->curves->request;
    size_t k = s->curves->kind == WANE_CURVES_K ? s->top : r->counting.k;
    const wane_sql_part parts[] = {{"by", r->by}, {NULL, NULL}};
    const wane_binding bindings[] = {{"stage", wane_value_whole((int64_t)r->stage)},
                                     {"against", wane_value_text(r->counting.against)},
                                     {"side", wane_value_text(r->counting.side)},
                                     {"k", wane_value_whole((int64_t)k)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    return wane_statement_open(out, db, sql, r->experiment, parts, bindings, err);
}

static wane_status read_directions(counts *s, wane_results *db, wane_error *err)
{
    enum { ID, EXPERIMENT, GROUP, RUN, COSINE, POSITION, SIGMA };
    wane_curves *c = s->curves;
    wane_query *q = NULL;
    int64_t id = -1;
    size_t group = 0;
    const char *run = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(open(&q, s, db, err));
    while ((st = wane_query_next(q, err)) == WANE_OK) {
        if (wane_query_int(q, ID) != id) {
            if (run) WANE_TRY(end_run(s, group, run, err));
            id = wane_query_int(q, ID);
            WANE_TRY(wane_curves_group(c, &group,
                                       s->several ? wane_query_text(q, EXPERIMENT) : NULL,
                                       wane_query_text(q, GROUP), err));
            run = wane_arena_strdup(c->arena, wane_query_text(q, RUN));
            if (!run) {
                st = wane_fail_memory(err, "curves", "runs");
                goto done;
            }
        }
        take_direction(s, wane_query_double(q, COSINE), wane_query_double(q, POSITION),
                       wane_query_double(q, SIGMA));
    }
    if (st == WANE_DONE) st = run ? end_run(s, group, run, err) : WANE_OK;
done:
    wane_query_free(q);
    return st;
}

wane_status wane_curves_count(wane_curves *c, wane_results *db, bool several, wane_error *err)
{
    const wane_curves_request *r = &c->request;
    wane_counting counting = r->counting;
    counts s = {.curves = c, .several = several};
    bool all = false;
    wane_status st = WANE_OK;
    if (strcmp(r->metric, "intruders") != 0 && strcmp(r->metric, "intruder_energy") != 0)
        return wane_fail(err, WANE_EINVAL,
                         "curves: %s: over %s only intruders and intruder_energy are counted",
                         r->metric, r->x);
    if (counting.k == 0 && c->kind == WANE_CURVES_K) counting.k = 1; /* as far as it is stored */
    WANE_TRY(wane_counting_check(db, &counting, r->experiment, err));
    WANE_TRY(wane_counting_top(&s.top, &all, db, &counting, r->experiment, err));
    c->top = s.top;
    if (c->kind == WANE_CURVES_K && r->counting.k > 0 && r->counting.k < s.top)
        s.top = r->counting.k;
    WANE_TRY(make_places(&s, err));
    WANE_TRY(read_directions(&s, db, err));
    if (c->points == 0) {
        st = wane_fail(err, WANE_ENUMERIC,
                       "curves: %s: no finished run has directions after stage "
                       "%zu",
                       r->metric, r->stage);
        goto done;
    }
    WANE_TRY(wane_curves_average(c, err));
    st = wane_curves_add_null(c, db, several, err);
done:
    wane_free(s.place);
    wane_free(s.below);
    wane_free(s.part);
    wane_free(s.whole);
    return st;
}
