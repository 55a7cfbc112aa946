/* SPDX-License-Identifier: Apache-2.0
 * The rotated null beside counts of intruders.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/curves.h"

/* Sums over the runs of a point. */
typedef struct sums {
    double mean, low, high;
    size_t runs;
} sums;

/* As points are sorted; that of a mean is of every run. */
static int by_place(const void *key, const void *item)
{
    const wane_curves_point *a = key, *b = item;
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    if (a->stage != b->stage) return a->stage < b->stage ? -1 : 1;
    return b->run ? strcmp(a->run, b->run) : 0;
}

static wane_status add_runs(wane_curves *c, sums *all, wane_query *q, bool several, wane_error *err)
{
    enum { EXPERIMENT, GROUP, RUN, POSITION, PLACE, MEAN, LOW, HIGH };
    const size_t groups = c->groups;
    wane_status st = WANE_OK;
    while ((st = wane_query_next(q, err)) == WANE_OK) {
        wane_curves_point key = {.run = wane_query_text(q, RUN)};
        int64_t place = wane_query_int(q, c->kind == WANE_CURVES_EPSILON ? PLACE : POSITION);
        WANE_TRY(wane_curves_group(c, &key.group, several ? wane_query_text(q, EXPERIMENT) : NULL,
                                   wane_query_text(q, GROUP), err));
        key.stage = place < 0 ? 0 : (size_t)place;
        const wane_curves_point *found =
            bsearch(&key, c->point, c->points, sizeof *c->point, by_place);
        if (!found) continue;
        sums *s = &all[found - c->point];
        s->mean += wane_query_double(q, MEAN);
        s->low += wane_query_double(q, LOW);
        s->high += wane_query_double(q, HIGH);
        s->runs++;
    }
    if (st == WANE_DONE) st = WANE_OK;
done:
    c->groups = groups; /* one without a count has no line */
    return st;
}

wane_status wane_curves_add_null(wane_curves *c, wane_results *db, bool several, wane_error *err)
{
    const wane_curves_request *r = &c->request;
    const wane_curves_null none = {NAN, NAN, NAN};
    bool over_epsilon = c->kind == WANE_CURVES_EPSILON, over_k = c->kind == WANE_CURVES_K;
    wane_counting counting = r->counting;
    wane_query *query = NULL;
    wane_status st = WANE_OK;
    for (size_t i = 0; i < c->points; i++) c->point[i].null = none;
    c->counts = strcmp(r->metric, "intruders") == 0 ||
                (c->kind == WANE_CURVES_SCATTER && strcmp(r->x, "intruders") == 0);
    if (!c->counts) return WANE_OK;
    if (over_epsilon) counting.epsilon = 1;
    c->no_null = over_k ? "draws are counted at k = 10" : wane_counting_no_null(&counting);
    if (c->no_null) return WANE_OK;
    sums *all = wane_alloc(c->points, sizeof *all);
    if (!all) return wane_fail_memory(err, "curves", "null");
    WANE_TRY(wane_counting_null(&query, db, &counting, r->experiment, r->by,
                                over_epsilon ? (int)r->stage : -1, over_epsilon, err));
    WANE_TRY(add_runs(c, all, query, several, err));
    for (size_t i = 0; i < c->points; i++) {
        double n = (double)all[i].runs;
        if (all[i].runs == 0 || all[i].runs < c->point[i].n) continue;
        c->point[i].null = (wane_curves_null){all[i].mean / n, all[i].low / n, all[i].high / n};
        c->nulls++;
    }
    if (c->nulls == 0) c->no_null = "none was drawn for these stages";
done:
    wane_query_free(query);
    wane_free(all);
    return st;
}

/* Of points: how many counts lie above what their null gives. */
static void say_points(wane_text *out, const wane_curves *c)
{
    bool up = strcmp(c->request.metric, "intruders") == 0;
    size_t above = 0, empty = 0;
    for (size_t i = 0; i < c->points; i++) {
        const wane_curves_point *p = &c->point[i];
        above += (up ? p->y : p->x) > p->null.high;
        empty += p->null.high == 0;
    }
    wane_text_printf(out,
                     "; rotated null of %zu of them: %zu above its 97.5%%, of %zu it is 0 "
                     "(uninformative)",
                     c->nulls, above, empty);
}

void wane_curves_say_null(wane_text *out, const wane_curves *c, bool drawn)
{
    if (!c->counts) return;
    if (c->no_null) wane_text_printf(out, "; no null: %s", c->no_null);
    else if (c->kind == WANE_CURVES_SCATTER) say_points(out, c);
    else
        wane_text_printf(out, "; %srotated null, mean and 95%%",
                         drawn ? "dotted, with its band: " : "in brackets: ");
}
