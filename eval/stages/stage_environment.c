/* SPDX-License-Identifier: Apache-2.0
 * Whether a stage was made by the kernels of this machine.
 */
#include <stdio.h>
#include <string.h>

#include "eval/compute/environment.h"
#include "eval/stages/stages.h"
#include "store/results/query.h"

/* What the stage was made on, compared with here. */
typedef struct comparison {
    bool same, mixed;
    char core[64], features[128]; /* theirs */
    int64_t numbers;
} comparison;

static wane_status compare(comparison *out, const wane_environment_row *here, wane_work *work,
                           int64_t stage, wane_error *err)
{
    static const char sql[] = "SELECT blas_core, cpu_features, numbers, mixed FROM environment "
                              "WHERE stage = ?1";
    wane_query *query = NULL;
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = stage}};
    *out = (comparison){.same = true};
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) {
        const char *core = wane_query_text(query, 0), *features = wane_query_text(query, 1);
        *out = (comparison){.same = core && features && strcmp(core, here->blas_core) == 0 &&
                                    strcmp(features, here->cpu_features) == 0 &&
                                    wane_query_int(query, 2) == here->numbers,
                            .mixed = wane_query_int(query, 3) == 1,
                            .numbers = wane_query_int(query, 2)};
        (void)snprintf(out->core, sizeof out->core, "%s", core ? core : "?");
        (void)snprintf(out->features, sizeof out->features, "%s", features ? features : "?");
    }
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_environment_mixed(bool *out, wane_work *work, int64_t stage, wane_error *err)
{
    wane_environment here;
    comparison made;
    wane_environment_read(&here, 1, 1);
    wane_status st = compare(&made, &here.row, work, stage, err);
    if (st == WANE_OK) *out = !made.same || made.mixed;
    return st;
}

wane_status wane_environment_check(wane_work *work, int64_t stage, wane_error *err)
{
    wane_environment here;
    comparison made;
    if (work->options->mixed) return WANE_OK;
    wane_environment_read(&here, 1, 1);
    wane_status st = compare(&made, &here.row, work, stage, err);
    if (st != WANE_OK || made.same) return st;
    return wane_fail(err, WANE_EVERSION,
                     "run: %s: made with BLAS core %s, kernels %s, numbers %lld; here they are %s, "
                     "%s, %lld, which gives other bits: run on the same kind of machine, or say "
                     "--mixed",
                     wane_results_path(work->db), made.core, made.features, (long long)made.numbers,
                     here.row.blas_core, here.row.cpu_features, (long long)here.row.numbers);
}

wane_status wane_stage_seal_untrained(wane_work *work, const wane_plan_stage *stage,
                                      wane_error *err)
{
    wane_environment environment;
    wane_environment_read(&environment, wane_pool_threads(work->pool), work->options->jobs);
    wane_stage_seal seal = {
        .status = WANE_STAGE_DONE, .diverged_at = WANE_NULL, .environment = &environment.row};
    return wane_results_seal_stage(work->db, stage->id, &seal, err);
}
