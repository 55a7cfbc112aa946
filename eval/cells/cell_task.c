/* SPDX-License-Identifier: Apache-2.0
 * A score cell: one task under one stage, with every example's outcome; without a score where a
 * logit is not finite, and then without outcomes.
 */
#include <math.h>

#include "eval/cells/cell.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"

wane_status wane_cell_fill_task(wane_work *work, const wane_cell *cell, size_t t,
                                const wane_plan_run *run, size_t position, const wane_chain *chain,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_input_task *task = &work->inputs->tasks[t];
    bool verbalizer = work->experiment->head == WANE_HEAD_VERBALIZER;
    bool trained_here = verbalizer && wane_plan_trains(work->plan, run, position, t);
    wane_cell stated = *cell;
    wane_accuracy a = {0};
    wane_example_row *examples = NULL;
    if (verbalizer)
        WANE_TRY(wane_measure_accuracy(
            &a, chain->model, NULL, trained_here ? work->inputs->base : NULL, &task->task,
            WANE_SPLIT_TEST, &task->test, work->experiment->tasks[t].per_token, work->pool, err));
    else WANE_TRY(wane_score_by_head(&a, &stated.reason, work, t, run, position, chain, err));
    if (stated.reason) {
        st = wane_work_commit(work, &stated, &(wane_cell_rows){0}, err);
        goto done;
    }
    if (a.reason)
        wane_log_line(work->options->log, WANE_LOG_WARNING,
                      "%s: stage %zu: task %s, row %zu: logits are not finite: no score", run->name,
                      position, work->experiment->tasks[t].spec.name, a.row);
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
