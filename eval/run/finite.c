/* SPDX-License-Identifier: Apache-2.0
 * Numbers that are not finite: the gate on what is given, and what a stage's own cells say.
 */
#include <math.h>

#include "eval/run/gates.h"
#include "store/base/text.h"
#include "store/results/query.h"

/* Appends "corpus c, document 3": the first number of a stage that is missing because it is not
 * finite; *count how many are. */
static wane_status missing_numbers(wane_text *first, int64_t *count, wane_work *work, int64_t stage,
                                   wane_error *err)
{
    static const char sql[] =
        "SELECT 'corpus ' || c.name || coalesce((SELECT ', document ' || min(w.document) FROM "
        "\"window\" w WHERE w.stage = l.stage AND w.step = l.step AND w.corpus = l.corpus AND "
        "coalesce(w.nll, w.kl, w.soft_ce) IS NULL), '') FROM likelihood l JOIN corpus c "
        "ON c.id = l.corpus WHERE l.stage = ?1 AND l.step = -1 AND l.reason = '" WANE_NOT_FINITE
        "' UNION ALL SELECT 'task ' || t.name FROM score s JOIN task t ON t.id = s.task WHERE "
        "s.stage = ?1 AND s.step = -1 AND s.metric = 'accuracy' AND s.reason = '" WANE_NOT_FINITE
        "'";
    wane_binding id = {NULL, {.type = WANE_VALUE_INTEGER, .integer = stage}};
    wane_query *query = NULL;
    *count = 0;
    wane_status st = wane_query_open(&query, work->db, sql, &id, 1, err);
    while (st == WANE_OK && (st = wane_query_next(query, err)) == WANE_OK)
        if ((*count)++ == 0 && first) wane_text_string(first, wane_query_text(query, 0));
    wane_query_free(query);
    return st == WANE_DONE ? WANE_OK : st;
}

wane_status wane_stage_finite(bool *out, wane_work *work, int64_t stage, wane_error *err)
{
    int64_t count = 0;
    wane_status st = missing_numbers(NULL, &count, work, stage, err);
    *out = count == 0;
    return st;
}

/* "path: value 5 of model.norm.weight is NaN", "path: logits are not finite: corpus c, document 3".
 * *count: how many cells lack a number; 0 too where a weight is bad that nothing measured met. */
static wane_status describe(wane_text *detail, int64_t *count, bool *finite, wane_work *work,
                            const char *path, int64_t stage, const wane_model *model,
                            wane_error *err)
{
    wane_text first = {0};
    char weight[300];
    const char *bad = model ? wane_model_say_not_finite(weight, sizeof weight, model) : NULL;
    wane_status st = missing_numbers(&first, count, work, stage, err);
    *finite = !bad && *count == 0;
    if (bad) wane_text_printf(detail, "%s: %s", path, bad);
    else if (*count)
        wane_text_printf(detail, "%s: logits are not finite: %s", path,
                         first.data ? first.data : "");
    else wane_text_string(detail, "weights and logits of what is given are finite");
    wane_text_free(&first);
    return st == WANE_OK ? wane_text_check(detail, "gate", path, err) : st;
}

static wane_status describe_base(wane_text *detail, int64_t *count, bool *finite, wane_work *work,
                                 wane_error *err)
{
    const char *path = work->experiment->model ? work->experiment->model : "the built-in model";
    return describe(detail, count, finite, work, path, work->plan->stages[0].id, work->inputs->base,
                    err);
}

wane_status wane_base_tell_not_finite(wane_work *work, wane_error *err)
{
    wane_text detail = {0};
    int64_t count = 0;
    bool finite = true;
    wane_status st = describe_base(&detail, &count, &finite, work, err);
    if (st == WANE_OK && !finite)
        wane_log_line(work->options->log, WANE_LOG_ERROR, "%s: the base is not finite: %s",
                      work->experiment->name, detail.data);
    wane_text_free(&detail);
    return st;
}

wane_status wane_gate_base_finite(bool *out, wane_work *work, const wane_plan_run *run,
                                  wane_error *err)
{
    wane_text detail = {0};
    int64_t count = 0;
    wane_status st = describe_base(&detail, &count, out, work, err);
    wane_gate_row gate = {"finite", "", *out, (double)count, 0, detail.data};
    if (st == WANE_OK) st = wane_results_put_gate(work->db, run->id, &gate, err);
    wane_text_free(&detail);
    return st;
}

/* The gate's row stands with every run of the stage: whoever puts it first says what it is. */
wane_status wane_gate_given_finite(wane_work *work, const wane_plan_run *run, size_t position,
                                   const wane_model *model, wane_error *err)
{
    const wane_plan_stage *stage = &work->plan->stages[run->stages[position]];
    const char *task = work->experiment->tasks[wane_plan_task(run, position)].spec.name;
    wane_text detail = {0};
    int64_t count = 0;
    bool finite = false, said = false;
    wane_status st = describe(&detail, &count, &finite, work, stage->source, stage->id, model, err);
    wane_gate_row gate = {"finite", NULL, finite, (double)count, 0, detail.data};
    if (st == WANE_OK && !finite) st = wane_gate_there(&said, work, run, gate.name, task, err);
    if (st == WANE_OK && !finite && !said)
        wane_log_line(work->options->log, WANE_LOG_ERROR, "%s: stage %zu is not finite: %s",
                      run->name, position, detail.data);
    if (st == WANE_OK) st = wane_gate_put_for_stage(work, run, position, &gate, err);
    wane_text_free(&detail);
    return st;
}
