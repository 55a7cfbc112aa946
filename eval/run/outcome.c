/* SPDX-License-Identifier: Apache-2.0
 * What became of a stage, as the views say it, for those who watch a run.
 */
#include "eval/run/seal.h"
#include "store/results/query.h"

wane_status wane_outcome_of_stage(const char **out, wane_work *work, const wane_plan_run *run,
                                  size_t position, wane_error *err)
{
    static const char sql[] = "SELECT collapsed, beyond_uniform FROM stage_summary "
                              "WHERE experiment = ?1 AND run = ?2 AND position = ?3";
    const wane_binding bindings[] = {
        {NULL, {.type = WANE_VALUE_TEXT, .text = work->experiment->name}},
        {NULL, {.type = WANE_VALUE_TEXT, .text = run->name}},
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = (int64_t)(position + run->shift)}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, bindings, 3, err);
    *out = NULL;
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK && wane_query_int(query, 0) == 1)
        *out = wane_query_int(query, 1) == 1 ? "collapsed, beyond a uniform guess" : "collapsed";
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_outcome_count(wane_work *work, wane_error *err)
{
    static const char sql[] =
        "SELECT count(DISTINCT CASE WHEN collapsed IS NOT NULL THEN stage END), "
        "count(DISTINCT CASE WHEN collapsed THEN stage END), "
        "count(DISTINCT CASE WHEN beyond_uniform THEN stage END) FROM stage_summary "
        "WHERE experiment = ?1 AND position > 0";
    const wane_binding name = {NULL, {.type = WANE_VALUE_TEXT, .text = work->experiment->name}};
    wane_query *query = NULL;
    wane_run_outcome *o = work->outcome;
    wane_status st = wane_query_open(&query, work->db, sql, &name, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        o->stages_known = (size_t)wane_query_int(query, 0);
        o->stages_collapsed = (size_t)wane_query_int(query, 1);
        o->stages_beyond = (size_t)wane_query_int(query, 2);
    }
    wane_query_free(query);
    return st;
}
