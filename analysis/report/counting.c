/* SPDX-License-Identifier: Apache-2.0
 * Counts of intruders as pieces of SQL over the stored directions, after a check that enough of
 * them are stored for the k and epsilon asked for.
 */
#include "analysis/report/counting.h"

#include <math.h>
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

/* A stage is as deep as its deepest changed matrix; when that one is stored whole, so are all. */
wane_status wane_counting_top(size_t *top, bool *all, wane_results *db, const wane_counting *c,
                              const char *experiment, wane_error *err)
{
    static const char sql[] =
        "SELECT min(CASE WHEN stored < most THEN stored END), max(stored), count(*) FROM "
        "(SELECT s.stored, (SELECT max(min(m.\"rows\", m.cols)) FROM spectrum x "
        "JOIN matrix m ON m.id = x.matrix WHERE x.stage = s.stage AND x.step = -1 "
        "AND x.against = :against AND x.changed = 1) AS most FROM (SELECT g.stage, (SELECT "
        "max(d.position) FROM "
        "direction d WHERE d.stage = g.stage AND d.step = -1 AND d.against = :against "
        "AND d.side = :side) AS stored FROM (SELECT DISTINCT p.stage FROM run_list l "
        "JOIN run r ON r.key = l.key JOIN run_stage p ON p.run = r.id "
        "JOIN spectrum_total x ON x.stage = p.stage AND x.step = -1 AND x.against = :against "
        "AND CASE :side WHEN 'u' THEN x.intruders_u ELSE x.intruders_v END IS NOT NULL "
        "WHERE p.position > 0 AND " WANE_USABLE_RUNS ") g) s)";
    const wane_binding bindings[] = {
        {"against", {.type = WANE_VALUE_TEXT, .text = c->against}},
        {"side", {.type = WANE_VALUE_TEXT, .text = c->side}},
        {"experiment",
         {.type = experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = experiment}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, bindings, 3, err);
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
    wane_text sql = {0};
    const wane_binding bindings[] = {
        {"experiment",
         {.type = experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = experiment}},
        {"side", {.type = WANE_VALUE_TEXT, .text = c->side}},
        {"stage", {.type = WANE_VALUE_INTEGER, .integer = stage}},
        {"bin", {.type = WANE_VALUE_INTEGER, .integer = (int64_t)round(BINS * c->epsilon) - 1}}};
    wane_text_printf(
        &sql,
        "SELECT experiment, line, run, position, place, avg(x), avg(x) FILTER (WHERE number IN "
        "(2, 3)), avg(x) FILTER (WHERE number IN (97, 98)) FROM (SELECT r.id, l.experiment, "
        "l.\"%s\" AS line, l.run, p.position, n.place, n.x, row_number() OVER (PARTITION BY r.id, "
        "p.position, n.place ORDER BY n.x) AS number FROM run r CROSS JOIN run_list l "
        "ON l.key = r.key CROSS JOIN run_stage p ON p.run = r.id AND p.position > 0 AND "
        "(:stage < 0 OR p.position = CASE :stage WHEN 0 THEN r.stages ELSE :stage END) "
        "CROSS JOIN (SELECT d.stage, %s FROM null_draw d%s WHERE d.step = -1 "
        "AND d.kind = 'rotated' AND d.side = :side) n ON n.stage = p.stage WHERE " WANE_USABLE_RUNS
        ") GROUP BY id, position, place ORDER BY id, position, place",
        by,
        every ? "j.key AS place, j.value AS x, :bin"
              : ":bin AS place, json_extract(d.below, format('$[%d]', :bin)) AS x",
        every ? " CROSS JOIN json_each(d.below) j" : "");
    wane_status st = wane_text_check(&sql, "read", "null", err);
    if (st == WANE_OK)
        st = wane_query_open(out, db, sql.data, bindings, sizeof bindings / sizeof *bindings, err);
    wane_text_free(&sql);
    return st;
}

/* -------------------------------------------------------------------------------------- counts */

/* What each metric is of the rows d of a stage. */
static const struct counted {
    const char *metric, *value;
} counted[] = {{"intruders", "count(*) FILTER (WHERE " WANE_SQL_COSINE " < {epsilon})"},
               {"intruders_unresolved",
                "CASE WHEN count(d.cluster_overlap) = count(d.max_cosine) THEN count(*) FILTER "
                "(WHERE d.max_cosine < {epsilon} AND d.cluster_overlap >= {epsilon}) END"},
               {"intruders_existing", "count(d.max_cosine)"},
               {"intruder_energy",
                "total(d.sigma * d.sigma) FILTER (WHERE " WANE_SQL_COSINE " < {epsilon}) / "
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

/* The value with each "{epsilon}" filled in. */
static void write_value(wane_text *sql, const char *value, const char *epsilon)
{
    for (const char *open; (open = strchr(value, '{')) != NULL;) {
        wane_text_append(sql, value, (size_t)(open - value));
        wane_text_string(sql, epsilon);
        value = strchr(open, '}') + 1;
    }
    wane_text_string(sql, value);
}

void wane_counting_sql(wane_text *sql, const wane_counting *c, const char *metric)
{
    char epsilon[32];
    wane_text_string(sql, "SELECT e.key AS experiment, r.name AS run, p.position AS position, ");
    write_value(sql, find(metric)->value, wane_format_double(epsilon, c->epsilon));
    wane_text_printf(sql,
                     " AS value FROM run r JOIN experiment e ON e.id = r.experiment "
                     "CROSS JOIN run_stage p ON p.run = r.id CROSS JOIN spectrum_total x "
                     "ON x.stage = p.stage AND x.step = -1 AND x.against = '%s' "
                     "AND x.intruders_%s IS NOT NULL LEFT JOIN direction d "
                     "ON d.stage = p.stage AND d.step = -1 AND d.against = '%s' "
                     "AND d.side = '%s' AND d.position <= %zu AND " WANE_SQL_CHANGED
                     "WHERE r.superseded = 0 GROUP BY r.id, p.position",
                     c->against, c->side, c->against, c->side, c->k);
}
