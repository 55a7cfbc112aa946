/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/counting.h"

#include <string.h>

#include "eval/cli/measures.h"
#include "store/results/query.h"

wane_counting wane_counting_usual(void)
{
    return (wane_counting){.k = 10, .epsilon = 0.5, .side = "u", .against = "base"};
}

bool wane_counting_is_usual(const wane_counting *c)
{
    wane_counting usual = wane_counting_usual();
    return c->k == usual.k && c->epsilon == usual.epsilon && strcmp(c->side, usual.side) == 0 &&
           strcmp(c->against, usual.against) == 0;
}

bool wane_counting_metric(const char *metric)
{
    return strcmp(metric, "intruders") == 0 || strcmp(metric, "intruders_random") == 0 ||
           strcmp(metric, "intruder_energy") == 0;
}

/* A stage is as deep as its deepest matrix; when that one is stored whole, so are all. */
wane_status wane_counting_top(size_t *top, bool *all, wane_results *db, const wane_counting *c,
                              const char *experiment, wane_error *err)
{
    static const char sql[] =
        "SELECT min(CASE WHEN stored < most THEN stored END), max(stored) FROM "
        "(SELECT s.stored, (SELECT max(min(m.\"rows\", m.cols)) FROM spectrum x "
        "JOIN matrix m ON m.id = x.matrix WHERE x.stage = s.stage AND x.step = -1 "
        "AND x.against = :against) AS most FROM (SELECT g.stage, (SELECT max(d.position) FROM "
        "direction d WHERE d.stage = g.stage AND d.step = -1 AND d.against = :against "
        "AND d.side = :side) AS stored FROM (SELECT DISTINCT p.stage FROM run_list l "
        "JOIN run r ON r.key = l.key JOIN run_stage p ON p.run = r.id "
        "WHERE p.position > 0 AND " WANE_USABLE_RUNS ") g) s WHERE s.stored IS NOT NULL)";
    const wane_binding bindings[] = {
        {"against", {.type = WANE_VALUE_TEXT, .text = c->against}},
        {"side", {.type = WANE_VALUE_TEXT, .text = c->side}},
        {"experiment",
         {.type = experiment ? WANE_VALUE_TEXT : WANE_VALUE_NULL, .text = experiment}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, db, sql, bindings, 3, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK && wane_query_type(query, 1) == WANE_VALUE_NULL)
        st = wane_fail(err, WANE_ENUMERIC,
                       "read: intruders: no finished run has directions of side %s against %s",
                       c->side, c->against);
    if (st == WANE_OK) {
        *all = wane_query_type(query, 0) == WANE_VALUE_NULL;
        *top = (size_t)wane_query_int(query, *all ? 1 : 0);
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

void wane_counting_sql(wane_text *sql, const wane_counting *c, const char *metric)
{
    if (strcmp(metric, "intruders_random") == 0) {
        wane_text_printf(sql,
                         "SELECT e.key AS experiment, r.name AS run, p.position AS position, "
                         "sum(intruder_random(m.%s, s.base_count, min(%zu, m.\"rows\", m.cols), "
                         "%.17g)) AS value FROM run r JOIN experiment e ON e.id = r.experiment "
                         "JOIN run_stage p ON p.run = r.id JOIN spectrum s ON s.stage = p.stage "
                         "AND s.step = -1 AND s.against = '%s' JOIN matrix m ON m.id = s.matrix ",
                         strcmp(c->side, "u") == 0 ? "\"rows\"" : "cols", c->k, c->epsilon,
                         c->against);
    } else {
        wane_text_printf(sql,
                         "SELECT e.key AS experiment, r.name AS run, p.position AS position, ");
        if (strcmp(metric, "intruders") == 0)
            wane_text_printf(sql, "sum(d.max_cosine < %.17g)", c->epsilon);
        else
            wane_text_printf(sql,
                             "sum(CASE WHEN d.max_cosine < %.17g THEN d.sigma * d.sigma ELSE 0 "
                             "END) / nullif(sum(d.sigma * d.sigma), 0)",
                             c->epsilon);
        wane_text_printf(sql,
                         " AS value FROM run r JOIN experiment e ON e.id = r.experiment "
                         "CROSS JOIN run_stage p ON p.run = r.id CROSS JOIN direction d "
                         "ON d.stage = p.stage AND d.step = -1 AND d.against = '%s' "
                         "AND d.side = '%s' AND d.position <= %zu ",
                         c->against, c->side, c->k);
    }
    wane_text_string(sql, "WHERE r.superseded = 0 GROUP BY r.id, p.position");
}
