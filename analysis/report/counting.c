/* SPDX-License-Identifier: Apache-2.0
 * Counts of intruders as pieces of SQL over the stored directions, after a check that enough of
 * them are stored for the k and epsilon asked for.
 */
#include "analysis/report/counting.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/statement.h"
#include "store/results/query.h"

wane_counting wane_counting_usual(void)
{
    return (wane_counting){.k = 10, .epsilon = 0.5, .side = "u", .against = "base"};
}

wane_counting wane_counting_asked(size_t k, double epsilon, const char *side, const char *against)
{
    wane_counting c = wane_counting_usual();
    if (k) c.k = k;
    if (!isnan(epsilon)) c.epsilon = epsilon;
    if (side) c.side = side;
    if (against) c.against = against;
    return c;
}

static const char top_sql[] = {
#include "counted_top.inc"
};
static const char null_sql[] = {
#include "counted_null.inc"
};
static const char counted_sql[] = {
#include "counted.inc"
};

wane_status wane_counting_top(size_t *top, bool *all, wane_results *db, const wane_counting *c,
                              const char *experiment, wane_error *err)
{
    const wane_binding bindings[] = {{"against", wane_value_text(c->against)},
                                     {"side", wane_value_text(c->side)},
                                     {NULL, {.type = WANE_VALUE_NULL}}};
    wane_query *query = NULL;
    wane_status st = wane_statement_open(&query, db, top_sql, experiment, NULL, bindings, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK && wane_query_int(query, 2) == 0)
        st = wane_fail(err, WANE_ENUMERIC,
                       "read: intruders: no finished run has directions of side %s against %s",
                       c->side, c->against);
    if (st == WANE_OK) {
        *all = wane_query_type(query, 0) == WANE_VALUE_NULL;
        *top = (size_t)wane_query_int(query, *all ? 1 : 0);
        if (*top == 0) *top = 1; /* nothing changed anywhere: there is nothing to store */
    }
    wane_query_free(query);
    return st;
}

wane_status wane_counting_check(wane_results *db, const wane_counting *c, const char *experiment,
                                wane_error *err)
{
    size_t top = 0;
    bool all = false;
    if (strcmp(c->side, "u") != 0 && strcmp(c->side, "v") != 0)
        return wane_fail(err, WANE_EINVAL, "read: side: %s: neither u nor v", c->side);
    if (strcmp(c->against, "base") != 0 && strcmp(c->against, "previous") != 0)
        return wane_fail(err, WANE_EINVAL, "read: against: %s: neither base nor previous",
                         c->against);
    if (c->k == 0) return wane_fail(err, WANE_EINVAL, "read: k: 0: at least 1");
    if (!(c->epsilon > 0 && c->epsilon <= 1))
        return wane_fail(err, WANE_EINVAL, "read: epsilon: %g: not in (0, 1]", c->epsilon);
    wane_status st = wane_counting_top(&top, &all, db, c, experiment, err);
    if (st == WANE_OK && c->k > top && !all)
        return wane_fail(err, WANE_EINVAL,
                         "read: k: %zu: only the top %zu directions of each matrix are stored; "
                         "'intruders: {top: %zu}' in the experiment fills in the rest",
                         c->k, top, c->k);
    return st;
}

/* ---------------------------------------------------------------------------------------- null */

enum { BINS = 20 }; /* of null_draw.below */

const char *wane_counting_no_null(const wane_counting *c)
{
    if (strcmp(c->against, "base") != 0) return "draws are counted against the base";
    if (c->k != 10) return "draws are counted at k = 10";
    if (fabs(BINS * c->epsilon - round(BINS * c->epsilon)) > 1e-9)
        return "draws are counted at epsilon = 0.05, 0.1, ..., 1";
    return NULL;
}

wane_status wane_counting_null(wane_query **out, wane_results *db, const wane_counting *c,
                               const char *experiment, const char *by, int stage, bool every,
                               wane_error *err)
{
    const wane_sql_part parts[] = {
        {"by", by},
        {"place", every ? "j.key AS place, j.value AS x, :bin"
                        : ":bin AS place, json_extract(d.below, format('$[%d]', :bin)) AS x"},
        {"each", every ? " CROSS JOIN json_each(d.below) j" : ""},
        {NULL, NULL}};
    const wane_binding bindings[] = {
        {"side", wane_value_text(c->side)},
        {"stage", wane_value_whole(stage)},
        {"bin", wane_value_whole((int64_t)round(BINS * c->epsilon) - 1)},
        {NULL, {.type = WANE_VALUE_NULL}}};
    return wane_statement_open(out, db, null_sql, experiment, parts, bindings, err);
}

/* -------------------------------------------------------------------------------------- counts */

/* What each metric is of the rows d of a stage; filled in as statements are. */
static const struct counted {
    const char *metric, *value;
} counted[] = {{"intruders", "count(*) FILTER (WHERE {cosine} < {epsilon})"},
               {"intruders_unresolved",
                "CASE WHEN count(d.cluster_overlap) = count(d.max_cosine) THEN count(*) FILTER "
                "(WHERE d.max_cosine < {epsilon} AND d.cluster_overlap >= {epsilon}) END"},
               {"intruders_existing", "count(d.max_cosine)"},
               {"intruder_energy",
                "total(d.sigma * d.sigma) FILTER (WHERE {cosine} < {epsilon}) / "
                "nullif(sum(d.sigma * d.sigma) FILTER (WHERE d.max_cosine IS NOT NULL), 0)"}};
enum { COUNTED = sizeof counted / sizeof *counted };

static const struct counted *find(const char *metric)
{
    for (size_t i = 0; i < COUNTED; i++)
        if (strcmp(counted[i].metric, metric) == 0) return &counted[i];
    return NULL;
}

bool wane_counting_metric(const char *metric)
{
    return find(metric) != NULL;
}

void wane_counting_sql(wane_text *sql, const wane_counting *c, const char *metric)
{
    char epsilon[32], k[32];
    wane_text value = {0};
    (void)snprintf(k, sizeof k, "%zu", c->k);
    const wane_sql_part of_value[] = {{"epsilon", wane_format_double(epsilon, c->epsilon)},
                                      {NULL, NULL}};
    wane_statement_fill(&value, find(metric)->value, of_value);
    const wane_sql_part parts[] = {
        {"value", value.data}, {"against", c->against}, {"side", c->side}, {"k", k}, {NULL, NULL}};
    if (value.failed) sql->failed = true;
    else wane_statement_fill(sql, counted_sql, parts);
    wane_text_free(&value);
}
