/* SPDX-License-Identifier: Apache-2.0
 * The end of a run: its metrics from the accuracy matrix, its status.
 */
#include <math.h>
#include <string.h>

#include "analysis/statistics/forgetting.h"
#include "eval/run/work.h"
#include "store/base/memory.h"
#include "store/results/query.h"

/* R of one run: (length + 1) rows, a column per task of the order, then one per watched task. */
typedef struct accuracies {
    size_t tasks, watched, columns;
    double *value;
} accuracies;

/* The column of a task, or SIZE_MAX. */
static size_t column_of(const wane_work *work, const wane_plan_run *run, int64_t task)
{
    const wane_experiment *x = work->experiment;
    for (size_t j = 0; j < run->length; j++)
        if (work->plan->task_ids[work->plan->stages[run->stages[j + 1]].task] == task) return j;
    for (size_t t = x->trained_tasks; t < x->task_count; t++)
        if (work->plan->task_ids[t] == task) return run->length + t - x->trained_tasks;
    return SIZE_MAX;
}

static wane_status read_accuracies(accuracies *out, wane_work *work, const wane_plan_run *run,
                                   wane_error *err)
{
    static const char sql[] =
        "SELECT p.position, s.task, s.value FROM run_stage p JOIN score s ON s.stage = p.stage "
        "WHERE p.run = ?1 AND s.step = -1 AND s.split = 'test' AND s.metric = 'accuracy'";
    const wane_experiment *x = work->experiment;
    accuracies a = {.tasks = run->length, .watched = x->task_count - x->trained_tasks};
    a.columns = a.tasks + a.watched;
    a.value = wane_alloc((run->length + 1) * a.columns, sizeof *a.value);
    if (!a.value) return wane_fail_memory(err, "seal", run->name);
    for (size_t i = 0; i < (run->length + 1) * a.columns; i++) a.value[i] = NAN;
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK) {
        size_t position = (size_t)wane_query_int(query, 0);
        size_t column = column_of(work, run, wane_query_int(query, 1));
        if (position <= run->length && column != SIZE_MAX)
            a.value[position * a.columns + column] = wane_query_double(query, 2);
    }
    wane_query_free(query);
    if (st == WANE_DONE) {
        *out = a;
        return WANE_OK;
    }
    wane_free(a.value);
    return st;
}

/* Metrics after every stage; behind a divergence each is missing, and says so. */
static size_t fill_metrics(wane_metric_row *rows, const accuracies *a, double *matrix,
                           const wane_work *work, const wane_plan_run *run, size_t sound)
{
    size_t count = 0;
    for (size_t i = 0; i <= run->length; i++)
        memcpy(matrix + i * a->tasks, a->value + i * a->columns, a->tasks * sizeof *matrix);
    for (size_t k = 1; k <= run->length; k++) {
        wane_metric metrics[WANE_FORGETTING_METRICS];
        wane_forgetting_metrics(metrics, matrix, k, a->tasks, NULL);
        for (size_t m = 0; m < WANE_FORGETTING_METRICS; m++)
            rows[count++] = (wane_metric_row){(int64_t)k, metrics[m].name, "",
                                              k <= sound ? metrics[m].value : NAN,
                                              k <= sound ? metrics[m].reason : "diverged"};
        for (size_t w = 0; w < a->watched; w++) {
            const char *name =
                work->experiment->tasks[work->experiment->trained_tasks + w].spec.name;
            double change = a->value[k * a->columns + a->tasks + w] - a->value[a->tasks + w];
            rows[count++] =
                (wane_metric_row){(int64_t)k, "held_out_change", name, k <= sound ? change : NAN,
                                  k > sound       ? "diverged"
                                  : isnan(change) ? "missing_cell"
                                                  : NULL};
        }
    }
    return count;
}

static wane_status failed_gates(size_t *out, wane_work *work, const wane_plan_run *run,
                                wane_error *err)
{
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(
        &query, work->db, "SELECT count(*) FROM gate WHERE run = ?1 AND passed = 0", &id, 1, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *out = (size_t)wane_query_int(query, 0);
    wane_query_free(query);
    return st;
}

/* The last position whose stage is trained and did not diverge. */
static wane_status sound_positions(size_t *out, wane_work *work, const wane_plan_run *run,
                                   wane_error *err)
{
    *out = 0;
    for (size_t p = 1; p <= run->length; p++) {
        wane_stage_state state = {0};
        wane_status st =
            wane_results_stage_state(work->db, &state, work->plan->stages[run->stages[p]].id, err);
        if (st != WANE_OK) return st;
        if (state.status != WANE_STAGE_DONE) return WANE_OK;
        *out = p;
    }
    return WANE_OK;
}

wane_status wane_run_finish(wane_work *work, const wane_plan_run *run, bool diverged,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    accuracies a = {0};
    wane_metric_row *rows = NULL;
    double *matrix = NULL;
    size_t failed = 0, sound = 0;
    WANE_TRY(read_accuracies(&a, work, run, err));
    WANE_TRY(sound_positions(&sound, work, run, err));
    WANE_TRY(failed_gates(&failed, work, run, err));
    rows = wane_alloc(run->length * (WANE_FORGETTING_METRICS + a.watched), sizeof *rows);
    matrix = wane_alloc((run->length + 1) * a.tasks, sizeof *matrix);
    WANE_TRY(rows && matrix ? WANE_OK : wane_fail_memory(err, "seal", run->name));
    wane_run_seal seal = {.status = failed     ? WANE_RUN_GATE_FAILED
                                    : diverged ? WANE_RUN_DIVERGED
                                               : WANE_RUN_DONE,
                          .error = failed ? "a sanity gate failed" : NULL,
                          .metrics = rows,
                          .metric_count = fill_metrics(rows, &a, matrix, work, run, sound)};
    WANE_TRY(wane_results_seal_run(work->db, run->id, &seal, err));
    WANE_TRY(wane_stage_let_go(work, run, err));
    if (failed) work->outcome->gates_failed++;
    else if (diverged) work->outcome->runs_diverged++;
    else work->outcome->runs_done++;
done:
    wane_free(a.value);
    wane_free(rows);
    wane_free(matrix);
    return st;
}
