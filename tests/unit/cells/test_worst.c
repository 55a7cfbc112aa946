/* SPDX-License-Identifier: Apache-2.0
 * Worst-case accuracies of three tasks from looks written by hand. With three no share is a half,
 * and a task is looked at in two stages behind its own.
 */
#include <math.h>

#include "eval/cells/track.h"
#include "eval/plan/plan.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: worst\n"
    "model: builtin\n"
    "pretraining: {width: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, steps: 2,\n"
    "              documents: 50, batch_tokens: 256, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 8, test_rows: 8}\n"
    "  - {path: builtin/order, train_rows: 8, test_rows: 8}\n"
    "methods: [{name: lora, kind: lora, rank: 2, learning_rate: 1e-2}]\n";

static const wane_log silent;

/* Accuracies at steps 0, 1 and 2 of stage 1 .. 3, of each task trained so far. */
enum { TASKS = 3, LOOKS = 3 };
static const double looks[TASKS][TASKS][LOOKS] = {
    {{.125, .5, .75}},
    {{.0625, .25, .375}, {.125, .5, .875}},
    {{.375, .5, .625}, {.25, .75, .5}, {0, .25, 1}},
};

static void write_looks(wane_work *work)
{
    wane_error err;
    const wane_plan_run *run = &work->plan->runs[0];
    for (size_t stage = 1; stage <= TASKS; stage++)
        for (size_t task = 0; task < stage; task++)
            for (int step = 0; step < LOOKS; step++) {
                const wane_cell cell = {.stage = work->plan->stages[run->stages[stage]].id,
                                        .step = step,
                                        .measure = WANE_CELL_SCORE,
                                        .subject = work->inputs->tasks[task].key,
                                        .settings_sha256 = "s",
                                        .data_sha256 = "d"};
                const wane_score_row score = {.split = "test",
                                              .metric = "accuracy",
                                              .value = looks[stage - 1][task][step],
                                              .n = 16};
                const wane_cell_rows rows = {.scores = &score, .score_count = 1};
                CHECK_OK(wane_cell_commit(work->db, &cell, &rows, &err));
            }
}

/* min_acc: the lowest behind the task's own stage, the mean over the tasks before; the look at
 * step 0 is the last one of the stage before and does not count. wc_acc: 1/k of the last look into
 * the task just trained, the rest of min_acc. */
static void three_tasks(void **state)
{
    (void)state;
    wane_error err;
    wane_experiment *x = NULL;
    wane_inputs *inputs = NULL;
    wane_plan *plan = NULL;
    wane_work work = {0};
    double min_acc[TASKS], wc_acc[TASKS];
    bool not_finite[TASKS];
    CHECK_OK(wane_pool_new(&work.pool, 1, &err));
    CHECK_OK(wane_experiment_parse(&x, experiment, sizeof experiment - 1, "worst.yaml",
                                   scratch_folder(), NULL, 0, &err));
    CHECK_OK(wane_inputs_open(&inputs, x, scratch_path("builtin"), work.pool, &silent, &err));
    CHECK_OK(wane_plan_make(&plan, inputs, &err));
    work.db = open_results(scratch_path("x.db"), WANE_RESULTS_CREATE);
    CHECK_OK(wane_plan_store(plan, work.db, &err));
    work.plan = plan;
    work.inputs = inputs;
    work.experiment = x;
    write_looks(&work);
    CHECK_OK(wane_track_worst(min_acc, wc_acc, not_finite, &work, &plan->runs[0], &err));
    assert_true(isnan(min_acc[0]));
    CHECK_NEAR(min_acc[1], .25, 0, 1e-15);
    CHECK_NEAR(min_acc[2], (.25 + .5) / 2, 0, 1e-15); /* of the first task in stage 2 */
    CHECK_NEAR(wc_acc[0], .75, 0, 1e-15);
    CHECK_NEAR(wc_acc[1], .875 / 2 + .25 / 2, 0, 1e-15);
    CHECK_NEAR(wc_acc[2], 1. / 3 + 2 * .375 / 3, 0, 1e-15);
    for (size_t k = 0; k < TASKS; k++) assert_false(not_finite[k]);
    wane_results_close(work.db);
    wane_plan_free(plan);
    wane_inputs_free(inputs);
    wane_experiment_free(x);
    wane_pool_free(work.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_tasks, scratch_make, scratch_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
