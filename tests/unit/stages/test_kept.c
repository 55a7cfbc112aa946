/* SPDX-License-Identifier: Apache-2.0
 * What a strategy leaves at a stage is there for the stage behind it, in this call or in another
 * one, under its seal; by a strategy that the test has made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/experiment/inputs.h"
#include "eval/run/run.h"
#include "store/base/threads.h"
#include "store/results/query.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 1, heads: 2, kv_heads: 1, hidden: 32, steps: 5,\n"
    "              documents: 100, batch_tokens: 256, context: 96}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 16, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 16, test_rows: 8}\n"
    "  - {path: builtin/order, train_rows: 16, test_rows: 8}\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {batch_size: 8, max_seq_length: 96}\n";

/* ------------------------------------------------------------------- the strategy of the test */

/* Leaves one number at a stage: its position behind the digits of the stages before. */
static float number;
static double seen[4]; /* by position: what was found of the stage before; -1: nothing */

static wane_status begin(wane_strategy_training *t, wane_error *err)
{
    float found = 0;
    seen[t->position] = -1;
    const wane_tensor *left = t->before ? wane_tensors_find(t->before, "digits") : NULL;
    wane_status st = left ? wane_tensors_read(t->before, left, &found, err) : WANE_OK;
    if (left) seen[t->position] = (double)found;
    number = 10 * found + (float)t->position;
    return st;
}

static double nothing(const wane_strategy_training *t, size_t tensor, size_t first, size_t count)
{
    (void)t;
    (void)tensor;
    (void)first;
    (void)count;
    return 0;
}

static wane_status after(const wane_tensor_source **out, size_t *count,
                         const wane_strategy_training *t, wane_error *err)
{
    static const wane_tensor_source digits = {
        .name = "digits", .data = &number, .dimensions = 1, .shape = {1}};
    (void)t;
    (void)err;
    *out = &digits;
    *count = 1;
    return WANE_OK;
}

static const wane_settings settings = {.name = "digits", .help = "counts the stages of its path"};
static const wane_strategy digits = {
    .settings = &settings, .begin = begin, .penalty = nothing, .after = after};

/* ------------------------------------------------------------------------------------- runs */

/* Runs the first `tasks` tasks under it. */
static wane_run_outcome run(const char *database, size_t tasks, const char *keep)
{
    static const wane_log quiet;
    char builtin[600], path[600];
    wane_error err;
    wane_experiment *x = NULL;
    wane_inputs *inputs = NULL;
    wane_plan *plan = NULL;
    wane_pool *pool = NULL;
    wane_run_outcome outcome = {0};
    const char *said[] = {"orders=[{name: o, tasks: [topic, counting, order]}]", keep};
    if (tasks == 2) said[0] = "orders=[{name: o, tasks: [topic, counting]}]";
    (void)snprintf(builtin, sizeof builtin, "%s/builtin", scratch_folder());
    (void)snprintf(path, sizeof path, "%s/%s", scratch_folder(), database);
    CHECK_OK(wane_experiment_parse(&x, experiment, strlen(experiment), "x.yaml", scratch_folder(),
                                   said, 2, &err));
    x->configs[0].strategy = &digits;
    CHECK_OK(wane_pool_new(&pool, 1, &err));
    CHECK_OK(wane_inputs_open(&inputs, x, builtin, pool, &quiet, &err));
    CHECK_OK(wane_plan_make(&plan, inputs, &err));
    const wane_run_options options = {.database = path, .threads = 1, .jobs = 1, .log = &quiet};
    for (size_t p = 0; p < 4; p++) seen[p] = -2;
    CHECK_OK(wane_run(&outcome, plan, &options, &err));
    wane_plan_free(plan);
    wane_inputs_free(inputs);
    wane_pool_free(pool);
    wane_experiment_free(x);
    return outcome;
}

static int64_t ask(const char *database, const char *sql)
{
    return query_integer_at(scratch_path(database), sql);
}

static void the_next_stage_finds_it(void **state)
{
    (void)state;
    assert_int_equal(run("one.db", 3, "keep=all").runs_done, 1);
    assert_true(seen[1] == -1 && seen[2] == 1 && seen[3] == 12);
    assert_int_equal(ask("one.db", "SELECT count(*) FROM artifact WHERE kind = 'strategy' AND NOT "
                                   "gone AND length(sha256) = 64 AND bytes = 4"),
                     3);
    assert_int_equal(
        ask("one.db", "SELECT count(*) FROM parameter WHERE key = 'strategy' AND value = 'digits'"),
        1);
}

/* A task that is appended begins behind what another call has left. */
static void another_call_finds_it(void **state)
{
    (void)state;
    assert_int_equal(run("two.db", 2, "keep=adapters").runs_done, 1);
    assert_true(seen[1] == -1 && seen[2] == 1 && seen[3] == -2);
    assert_int_equal(run("two.db", 3, "keep=adapters").runs_done, 1);
    assert_true(seen[1] == -2 && seen[2] == -2 && seen[3] == 12);
}

static void what_is_not_kept_is_said(void **state)
{
    (void)state;
    assert_int_equal(run("none.db", 2, "keep=none").runs_done, 1);
    assert_int_equal(
        ask("none.db", "SELECT count(*) FROM artifact WHERE kind = 'strategy' AND gone"), 2);
    assert_int_equal(run("none.db", 3, "keep=none").runs_failed, 1);
}

/* Its bytes are under the stage's seal, as those of its weights are. */
static void other_bytes_are_refused(void **state)
{
    (void)state;
    char path[900];
    wane_error err;
    wane_results *db = NULL;
    wane_query *query = NULL;
    assert_int_equal(run("bad.db", 2, "keep=all").runs_done, 1);
    db = open_results(scratch_path("bad.db"), WANE_RESULTS_READ);
    static const char sql[] =
        "SELECT a.path FROM artifact a JOIN run_stage p ON p.stage = a.stage WHERE "
        "a.kind = 'strategy' AND p.position = 2";
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    (void)snprintf(path, sizeof path, "%s.artifacts/%s", scratch_path("bad.db"),
                   wane_query_text(query, 0));
    wane_query_free(query);
    wane_results_close(db);
    size_t count = 0;
    char *bytes = read_file(path, &count);
    bytes[count - 1] ^= 1;
    write_file(path, bytes, count);
    free(bytes);
    assert_int_equal(run("bad.db", 3, "keep=all").runs_failed, 1);
    assert_int_equal(ask("bad.db", "SELECT count(*) FROM run WHERE error LIKE '%not those that "
                                   "were sealed%'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_stage_finds_it),
        cmocka_unit_test(another_call_finds_it),
        cmocka_unit_test(what_is_not_kept_is_said),
        cmocka_unit_test(other_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
