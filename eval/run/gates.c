/* SPDX-License-Identifier: Apache-2.0
 * Sanity gates of a run: its base, its tasks, and those of stages that another run has trained.
 */
#include "eval/run/gates.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/measure/measure.h"
#include "store/base/memory.h"
#include "store/results/query.h"

wane_status wane_gates_of_stage(wane_work *work, const wane_plan_run *run, size_t position,
                                wane_error *err)
{
    static const char sql[] =
        "SELECT g.name, min(g.passed), g.value, g.bound, g.detail FROM run_stage z JOIN task t ON "
        "t.id = z.task JOIN gate g ON g.run = z.run AND g.subject = t.name WHERE z.stage = ?1 AND "
        "z.run <> ?2 AND g.name IN ('adapter_init', 'merged_nll', 'merged_logits', 'finite') AND "
        "NOT EXISTS "
        "(SELECT 1 FROM gate h WHERE h.run = ?2 AND h.name = g.name AND h.subject = ?3) "
        "GROUP BY g.name";
    enum { MOST = 4 };
    const char *task = work->experiment->tasks[wane_plan_task(run, position)].spec.name;
    wane_gate_row gates[MOST];
    char *texts[2 * MOST] = {NULL};
    size_t count = 0;
    wane_binding keys[3] = {
        {NULL,
         {.type = WANE_VALUE_INTEGER, .integer = work->plan->stages[run->stages[position]].id}},
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = run->id}},
        {NULL, {.type = WANE_VALUE_TEXT, .text = task}}};
    wane_query *query = NULL;
    wane_status st = wane_query_open(&query, work->db, sql, keys, 3, err);
    while (st == WANE_OK && count < MOST && (st = wane_query_next(query, err)) == WANE_OK) {
        char **name = &texts[2 * count], **detail = &texts[2 * count + 1];
        *name = wane_strdup(wane_query_text(query, 0));
        *detail = wane_strdup(wane_query_text(query, 4));
        if (!*name || !*detail) st = wane_fail_memory(err, "gate", task);
        gates[count++] = (wane_gate_row){*name,
                                         task,
                                         wane_query_int(query, 1) != 0,
                                         wane_query_double(query, 2),
                                         wane_query_double(query, 3),
                                         *detail};
    }
    wane_query_free(query);
    if (st == WANE_DONE) st = WANE_OK;
    for (size_t i = 0; i < count && st == WANE_OK; i++)
        st = wane_results_put_gate(work->db, run->id, &gates[i], err);
    for (size_t i = 0; i < 2 * MOST; i++) wane_free(texts[i]);
    return st;
}

/* --------------------------------------------------------------------------- once for all runs */

/* The accuracy of a randomly initialised copy on every task, measured once in a process. */
static wane_status random_scores(wane_work *work, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_model *random = NULL;
    size_t count = work->experiment->task_count;
    wane_random_score *scores = wane_alloc(count, sizeof *scores);
    WANE_TRY(scores ? WANE_OK : wane_fail_memory(err, "gate", "random copy"));
    WANE_TRY(wane_model_random(&random, &work->inputs->base->config, 0x5eed, err));
    for (size_t t = 0; t < count; t++) {
        const wane_input_task *task = &work->inputs->tasks[t];
        wane_accuracy a = {0};
        WANE_TRY(wane_work_continue(work, err));
        WANE_TRY(wane_measure_accuracy(&a, random, NULL, NULL, &task->task, WANE_SPLIT_TEST,
                                       &task->test, work->experiment->tasks[t].per_token,
                                       work->pool, err));
        double m = a.majority;
        scores[t] = (wane_random_score){a.accuracy, m + 4 * sqrt(m * (1 - m) / (double)a.examples)};
        wane_accuracy_free(&a);
    }
    work->random_scores = scores;
    scores = NULL;
done:
    wane_model_free(random);
    wane_free(scores);
    return st;
}

static wane_status gate_tasks(wane_work *work, const wane_plan_run *run, wane_error *err)
{
    wane_status st = WANE_OK;
    /* A probe may learn from the features of any network, and a linear head is not there yet. */
    bool verbalizer = work->experiment->head == WANE_HEAD_VERBALIZER;
    if (verbalizer && !work->random_scores) st = random_scores(work, err);
    for (size_t t = 0; t < work->experiment->task_count && st == WANE_OK; t++) {
        const wane_overlap *found = wane_inputs_overlap(work->inputs, t, run->seed);
        const char *name = work->experiment->tasks[t].spec.name;
        wane_random_score score = {0};
        if (verbalizer) score = work->random_scores[t];
        wane_gate_row chance = {"random_copy",
                                name,
                                score.accuracy <= score.bound,
                                score.accuracy,
                                score.bound,
                                "accuracy of a randomly initialised copy; bound: majority share + "
                                "4 standard errors"};
        char detail[160] = "test rows whose prompt is a training row's, after normalisation";
        if (found->normalised)
            (void)snprintf(detail, sizeof detail,
                           "%zu test rows are in train exactly, %zu after normalisation; the first "
                           "is row %zu",
                           found->exact, found->normalised, found->first_test_row);
        wane_gate_row overlap = {
            "overlap", name, found->normalised == 0, (double)found->normalised, 0, detail};
        if (verbalizer) st = wane_results_put_gate(work->db, run->id, &chance, err);
        if (st == WANE_OK && !work->experiment->tasks[t].watched)
            st = wane_results_put_gate(work->db, run->id, &overlap, err);
    }
    return st;
}

static wane_status base_nll(double *out, wane_work *work, size_t corpus, wane_error *err)
{
    wane_query *query = NULL;
    wane_binding ids[2] = {
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = work->plan->stages[0].id}},
        {NULL, {.type = WANE_VALUE_INTEGER, .integer = work->plan->corpus_ids[corpus]}}};
    wane_status st = wane_query_open(
        &query, work->db,
        "SELECT nll FROM likelihood WHERE stage = ?1 AND step = -1 AND corpus = ?2", ids, 2, err);
    if (st == WANE_OK) st = wane_query_next(query, err);
    if (st == WANE_OK) *out = wane_query_double(query, 0);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_EINTERNAL, "gate: %s: stage 0 has no likelihood",
                       work->inputs->corpora[corpus].key);
    wane_query_free(query);
    return st;
}

wane_status wane_gates_of_run(bool *finite, wane_work *work, const wane_plan_run *run,
                              wane_error *err)
{
    wane_status st = wane_gate_base_finite(finite, work, run, err);
    if (st == WANE_OK) st = gate_tasks(work, run, err);
    double bound = log((double)work->inputs->base->config.vocabulary);
    for (size_t c = 0; c < work->experiment->corpus_count && st == WANE_OK; c++) {
        double nll = NAN;
        if (strcmp(work->experiment->corpora[c].role, "pretraining") != 0) continue;
        if ((st = base_nll(&nll, work, c, err)) != WANE_OK) break;
        wane_gate_row gate = {
            "base_nll",  work->experiment->corpora[c].spec.name,
            nll < bound, nll,
            bound,       "nats per token of the base on its pretraining text; bound: uniform"};
        st = wane_results_put_gate(work->db, run->id, &gate, err);
    }
    return st;
}
