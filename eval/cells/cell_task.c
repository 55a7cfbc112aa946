/* SPDX-License-Identifier: Apache-2.0
 * A score cell: one task under one stage, with every example's outcome; without a score where a
 * logit is not finite, and then without outcomes.
 */
#include <math.h>

#include "eval/cells/cell.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t t, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_work *work = at->work;
    const wane_input_task *task = &work->inputs->tasks[t];
    bool verbalizer = work->experiment->head == WANE_HEAD_VERBALIZER;
    bool trained_here = verbalizer && wane_plan_trains(work->plan, at->run, at->position, t);
    const char *reason = NULL;
    wane_accuracy a = {0};
    wane_example_row *examples = NULL;
    if (verbalizer)
        WANE_TRY(wane_measure_accuracy(
            &a, at->chain->model, NULL, trained_here ? work->inputs->base : NULL, &task->task,
            WANE_SPLIT_TEST, &task->test, work->experiment->tasks[t].per_token, work->pool, err));
    else WANE_TRY(wane_score_by_head(&a, &reason, at, t, err));
    if (reason) {
        st = wane_commit_reason(work, cell, reason, err);
        goto done;
    }
    if (a.reason)
        wane_log_line(work->options->log, WANE_LOG_WARNING,
                      "%s: stage %zu: task %s, row %zu: logits are not finite: no score",
                      at->run->name, at->position, work->experiment->tasks[t].spec.name, a.row);
    examples = wane_alloc(a.examples, sizeof *examples);
    WANE_TRY(examples ? WANE_OK : wane_fail_memory(err, "measure", task->key));
    for (size_t i = 0; i < a.examples; i++)
        examples[i] = (wane_example_row){.split = "test",
                                         .row = (int64_t)a.example[i].row,
                                         .label = a.example[i].label,
                                         .predicted = a.example[i].predicted,
                                         .margin = a.example[i].margin,
                                         .loss = a.example[i].loss};
    int64_t n = (int64_t)a.examples;
    wane_score_row scores[5] = {
        {"test", "accuracy", a.accuracy, a.stderr_, n, a.reason},
        {"test", "loss", a.loss, NAN, n, a.reason},
        {"test", "majority", a.majority, NAN, n, NULL},
        {"test", "kl_on_task_prompt", a.kl_on_task_prompt, NAN, n, a.kl_reason},
        {"test", "kl_on_task_answer", a.kl_on_task_answer, NAN, n, a.kl_reason}};
    wane_cell_rows rows = {.scores = scores,
                           .score_count = trained_here ? 5 : 3,
                           .examples = examples,
                           .example_count = a.reason ? 0 : a.examples};
    WANE_TRY(wane_work_commit(work, cell, &rows, err));
done:
    wane_free(examples);
    wane_accuracy_free(&a);
    return st;
}

static wane_status visit(const wane_visiting *at, wane_error *err)
{
    const wane_inputs *in = at->plan->inputs;
    wane_status st = WANE_OK;
    for (size_t t = 0; t < in->experiment->task_count && st == WANE_OK; t++)
        if (wane_task_measured(at->plan, at->run, at->position, t))
            st = wane_visit(at, in->tasks[t].key, in->tasks[t].settings,
                            in->tasks[t].task.sha256[WANE_SPLIT_TEST], t, err);
    return st;
}

static void cost(wane_cost *sum, const wane_visiting *at, size_t t)
{
    enum { EXAMPLE_BYTES = 40 };
    const wane_inputs *in = at->plan->inputs;
    sum->cells++;
    sum->flops += wane_flops_of_task(in, t);
    sum->bytes += EXAMPLE_BYTES * (double)in->tasks[t].test.rows;
}

const wane_measure wane_score_measure = {.name = WANE_CELL_SCORE,
                                         .of_base = true,
                                         .of_perturbed = true,
                                         .visit = visit,
                                         .fill = fill,
                                         .reach = wane_head_reach,
                                         .free = wane_probe_rows_free,
                                         .cost = cost};
