/* SPDX-License-Identifier: Apache-2.0
 * The gates around a training, on an adapter that is not what it should be.
 */
#include <math.h>
#include <stdio.h>

#include "eval/model/term.h"
#include "eval/plan/plan.h"
#include "eval/run/gates.h"
#include "eval/stages/gate.h"
#include "store/base/memory.h"
#include "store/results/query.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: gates\n"
    "model: builtin\n"
    "pretraining: {width: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, steps: 2,\n"
    "              documents: 50, batch_tokens: 256, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks: [{path: builtin/topic, train_rows: 8, test_rows: 8}]\n"
    "methods: [{name: lora, kind: lora, rank: 2, learning_rate: 1e-2}]\n";

static const wane_log silent;

typedef struct room {
    wane_experiment *experiment;
    wane_inputs *inputs;
    wane_plan *plan;
    wane_work work;
    wane_run_options options;
} room;

static room at;

static int open_room(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0) return -1;
    CHECK_OK(wane_pool_new(&at.work.pool, 1, &err));
    CHECK_OK(wane_experiment_parse(&at.experiment, experiment, sizeof experiment - 1, "gates.yaml",
                                   scratch_folder(), NULL, 0, &err));
    CHECK_OK(wane_inputs_open(&at.inputs, at.experiment, scratch_path("builtin"), at.work.pool,
                              &silent, &err));
    CHECK_OK(wane_plan_make(&at.plan, at.inputs, &err));
    at.work.db = open_results(scratch_path("x.db"), WANE_RESULTS_CREATE);
    CHECK_OK(wane_plan_store(at.plan, at.work.db, &err));
    at.work.plan = at.plan;
    at.work.inputs = at.inputs;
    at.work.experiment = at.experiment;
    at.work.options = &at.options;
    return 0;
}

static int close_room(void **state)
{
    wane_results_close(at.work.db);
    wane_plan_free(at.plan);
    wane_inputs_free(at.inputs);
    wane_experiment_free(at.experiment);
    wane_pool_free(at.work.pool);
    return scratch_remove(state);
}

/* An adapter whose B is not zero changes the model before its first step. */
static void adapter_not_zero_at_the_start(void **state)
{
    (void)state;
    wane_error err;
    wane_adapter *adapter = NULL;
    wane_probe before = {0}, with = {0};
    const wane_parameters *table = &at.inputs->base->parameters;
    bool *target = wane_alloc(table->count, sizeof *target);
    assert_non_null(target);
    for (size_t i = 0; i < table->count; i++) target[i] = table->parameter[i].linear;
    CHECK_OK(wane_adapter_new(&adapter, &wane_low_rank, table, target, 2, 2.0, 0, 0, 1, &err));
    wane_free(target);
    CHECK_OK(wane_probe_take(&before, &at.work, at.inputs->base, NULL, &err));
    CHECK_OK(wane_probe_take(&with, &at.work, at.inputs->base, adapter, &err));
    CHECK_OK(wane_gate_adapter_init(&at.work, &at.plan->runs[0], 1, &before, &with, &err));
    assert_int_equal(
        query_integer(at.work.db, "SELECT passed FROM gate WHERE name = 'adapter_init'"), 1);
    wane_free(with.logits);
    for (size_t i = 0; i < adapter->floats; i++) adapter->block[i] += 0.5f;
    CHECK_OK(wane_probe_take(&with, &at.work, at.inputs->base, adapter, &err));
    CHECK_OK(wane_gate_adapter_init(&at.work, &at.plan->runs[0], 1, &before, &with, &err));
    assert_int_equal(
        query_integer(at.work.db, "SELECT passed FROM gate WHERE name = 'adapter_init'"), 0);
    assert_int_equal(
        query_integer(at.work.db, "SELECT value > 0 FROM gate WHERE name = 'adapter_init'"), 1);
    /* The same two probes as "unmerged" and "merged": a merge that lost the change. */
    CHECK_OK(wane_gate_merged(&at.work, &at.plan->runs[0], 1, &with, &before, &err));
    assert_int_equal(
        query_integer(at.work.db, "SELECT passed FROM gate WHERE name = 'merged_logits'"), 0);
    assert_int_equal(
        query_integer(at.work.db, "SELECT value > bound FROM gate WHERE name = 'merged_logits'"),
        1);
    wane_free(before.logits);
    wane_free(with.logits);
    wane_adapter_free(adapter);
}

/* A probe of that nll whose first logit is the largest. */
static wane_probe probe_of(double nll, float largest)
{
    size_t vocabulary = at.inputs->base->config.vocabulary;
    wane_probe probe = {.nll = nll, .finite = true};
    probe.logits = wane_alloc(vocabulary, sizeof *probe.logits);
    assert_non_null(probe.logits);
    probe.logits[0] = largest;
    return probe;
}

/* Parts in 10^7 of the value, and 10^8 where it passed: both in one whole number. */
static int64_t gate(const char *name)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql,
                   "SELECT round(value * 1e7) + passed * 100000000 FROM gate WHERE name = '%s'",
                   name);
    return query_integer(at.work.db, sql);
}

/* What gates hold against their bounds are changes of the value before, not of 1. */
static void errors_are_relative(void **state)
{
    (void)state;
    enum { PASSED = 100000000 };
    wane_error err;
    const wane_plan_run *run = &at.plan->runs[0];
    static const struct {
        double nll, merged;
        float largest, other; /* logits */
        int64_t of_nll, of_logits;
    } cases[] = {
        /* Far from 1 on both sides: small beside a large value, large beside a small one. */
        {4, 4 + 2e-5, 64, 64 - 0x1p-8f, 50 + PASSED, 610 + PASSED}, /* 5e-6, 2^-14 */
        {.125, .125 + 5e-6, .125f, .125f - 0x1p-14f, 400, 4883},    /* 4e-5, 2^-11 */
        {-4, -4 - 2e-5, -64, -64 + 0x1p-8f, 50 + PASSED, 610 + PASSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_probe before = probe_of(cases[i].nll, cases[i].largest);
        wane_probe after = probe_of(cases[i].merged, cases[i].other);
        CHECK_OK(wane_gate_merged(&at.work, run, 1, &before, &after, &err));
        assert_int_equal(gate("merged_nll"), cases[i].of_nll);
        assert_int_equal(gate("merged_logits"), cases[i].of_logits);
        CHECK_OK(wane_gate_adapter_init(&at.work, run, 1, &before, &after, &err));
        assert_int_equal(gate("adapter_init"), cases[i].of_nll % PASSED); /* not 0: not passed */
        wane_free(before.logits);
        wane_free(after.logits);
    }
}

/* Wherever it stands among those that are as they were. */
static void a_logit_that_is_no_number(void **state)
{
    (void)state;
    wane_error err;
    size_t vocabulary = at.inputs->base->config.vocabulary;
    for (size_t i = 0; i < 3; i++) {
        wane_probe before = probe_of(4, 64), after = probe_of(4, 64);
        after.logits[i * (vocabulary - 1) / 2] = NAN;
        CHECK_OK(wane_gate_merged(&at.work, &at.plan->runs[0], 1, &before, &after, &err));
        assert_int_equal(query_integer(at.work.db, "SELECT count(*) FROM gate WHERE passed = 0 AND "
                                                   "name = 'merged_logits' AND value IS NULL"),
                         1);
        wane_free(before.logits);
        wane_free(after.logits);
    }
}

static double number(const char *sql)
{
    wane_error err;
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, at.work.db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    double value = wane_query_double(query, 0);
    wane_query_free(query);
    return value;
}

/* What a run's base and tasks are held against, with rows in common and without. */
static void gates_of_a_run(void **state)
{
    (void)state;
    wane_error err;
    bool finite = false;
    wane_input_task *task = &at.inputs->tasks[0];
    double share = 0, n = (double)task->test.rows;
    const wane_cell cell = {.stage = at.plan->stages[0].id,
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_LIKELIHOOD,
                            .subject = at.inputs->corpora[0].key,
                            .settings_sha256 = "s",
                            .data_sha256 = "d"};
    const wane_likelihood_row likelihood = {.nll = 1.5, .tokens = 10};
    CHECK_OK(
        wane_cell_commit(at.work.db, &cell, &(wane_cell_rows){.likelihood = &likelihood}, &err));
    for (size_t l = 0; l < task->test.label_count; l++) {
        double count = 0;
        for (size_t r = 0; r < task->test.rows; r++) count += task->test.labels[r] == (int32_t)l;
        share = fmax(share, count / n);
    }
    const wane_overlap overlaps[] = {{0}, {.exact = 1, .normalised = 3, .first_test_row = 5}};
    for (int common = 0; common < 2; common++) {
        task->overlap = overlaps[common];
        CHECK_OK(wane_gates_of_run(&finite, &at.work, &at.plan->runs[0], &err));
        assert_true(finite);
        assert_true(number("SELECT value FROM gate WHERE name = 'overlap'") == (common ? 3 : 0));
        assert_true(number("SELECT passed FROM gate WHERE name = 'overlap'") == !common);
    }
    CHECK_NEAR(number("SELECT bound FROM gate WHERE name = 'random_copy'"),
               share + 4 * sqrt(share * (1 - share) / 8), 0, 1e-14);
    assert_true(number("SELECT value FROM gate WHERE name = 'base_nll'") == 1.5);
    CHECK_NEAR(number("SELECT bound FROM gate WHERE name = 'base_nll'"),
               log((double)at.inputs->base->config.vocabulary), 0, 1e-14);
    wane_free(at.work.random_scores);
    at.work.random_scores = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapter_not_zero_at_the_start), cmocka_unit_test(errors_are_relative),
        cmocka_unit_test(a_logit_that_is_no_number), cmocka_unit_test(gates_of_a_run)};
    return cmocka_run_group_tests(tests, open_room, close_room);
}
