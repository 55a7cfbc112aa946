/* SPDX-License-Identifier: Apache-2.0
 * Finds the one matrix that is meant among those that have rows, and counts the runs.
 */
#include "analysis/report/looks.h"

#include <math.h>
#include <string.h>

#include "store/base/matrix_name.h"

/* The full name of the one matrix meant. */
static wane_status find_matrix(const char **out, const wane_reporting *r, const char *matrices,
                               const char *setting, wane_error *err)
{
    const char *name = r->asked.name, *matrix = r->asked.matrix;
    wane_query *q = NULL;
    const char *first = NULL, *second = NULL;
    size_t count = 0, all = 0;
    wane_status st = wane_query_open(&q, r->db, matrices, NULL, 0, err);
    while (st == WANE_OK && (st = wane_query_next(q, err)) == WANE_OK) {
        const char *there = wane_query_text(q, 0);
        all++;
        if (matrix && !wane_matrix_named(matrix, there)) continue;
        const char *kept = wane_arena_strdup(r->arena, there);
        if (!kept) st = wane_fail_memory(err, "curves", there);
        if (count++ == 0) first = kept;
        else if (count == 2) second = kept;
    }
    wane_query_free(q);
    if (st != WANE_DONE) return st;
    if (all == 0)
        return wane_fail(err, WANE_ENOTFOUND,
                         "curves: %s: nothing is stored ('%s:' in the experiment asks for it)",
                         name, setting);
    if (count == 0)
        return wane_fail(err, WANE_ENOTFOUND,
                         "curves: %s: '%s' names none of the %zu matrices there", name, matrix,
                         all);
    if (count > 1)
        return wane_fail(err, WANE_EINVAL, "curves: %s: --matrix must name one of %zu: %s, %s%s",
                         name, count, first, second, count > 2 ? ", ..." : "");
    *out = first;
    return WANE_OK;
}

wane_status wane_looks_open(wane_reporting *r, const char *matrices, const char *setting,
                            wane_error *err)
{
    const wane_report_request *asked = &r->asked;
    wane_text stage = {0};
    wane_status st = WANE_OK;
    wane_looks *l = wane_arena_alloc(r->arena, 1, sizeof *l);
    if (!l) return wane_fail_memory(err, "curves", asked->name);
    *l = (wane_looks){.side = asked->side ? asked->side : "u",
                      .position = wane_report_stage(asked),
                      .epsilon = isnan(asked->epsilon) ? 0.5 : asked->epsilon};
    wane_report_say_stage(&stage, l->position);
    l->stage = wane_report_keep(r, &stage);
    if (!l->stage) return wane_fail_memory(err, "curves", asked->name);
    st = find_matrix(&l->matrix, r, matrices, setting, err);
    r->state = l;
    return st;
}

wane_status wane_looks_take_run(const wane_reporting *r, const wane_query *row, wane_error *err)
{
    wane_looks *l = r->state;
    const char *name = wane_query_text(row, 1);
    if (l->runs && strcmp(l->run[l->runs - 1], name) == 0) return WANE_DONE;
    if (l->runs == WANE_LOOKS_RUNS)
        return wane_fail(err, WANE_EINVAL,
                         "curves: %s: more than %d runs: choose some with --where", r->asked.name,
                         WANE_LOOKS_RUNS);
    l->run[l->runs] = wane_arena_strdup(r->arena, name);
    return l->run[l->runs++] ? WANE_OK : wane_fail_memory(err, "curves", name);
}
