/* SPDX-License-Identifier: Apache-2.0
 * sample_seed: which training rows each seed draws, what that changes and what it must not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/plan/plan.h"
#include "store/base/text.h"
#include "store/files/file.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

enum { TRAIN = 24, DRAWN = 8, TEST = 12 };

/* Test rows 0 .. SEEN - 1 are those of train. */
enum { SEEN = 6 };

static const char experiment[] =
    "name: samples\n"
    "model: model\n"
    "corpora: [{name: c, path: builtin, role: pretraining, documents: 4}]\n"
    "tasks:\n"
    "  - {name: part, path: task, template: \"{text} where ?\", labels: {0: \" yes\", 1: \" no\"}, "
    "train_rows: 8, test_rows: 12}\n"
    "  - {name: whole, path: task, template: \"{text} who ?\", labels: {0: \" yes\", 1: \" no\"}, "
    "train_rows: 24}\n"
    "  - {path: builtin/topic, train_rows: 8, test_rows: 8}\n"
    "methods: [{name: m, kind: lora, rank: 2, learning_rate: 1e-3}]\n"
    "training: {epochs: 1, batch_size: 4, max_seq_length: 64}\n"
    "keep: none\n";

static int make(void **state)
{
    wane_error err;
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_folder_make(scratch_path("task"), &err));
    write_task_rows("task/train.jsonl", 0, TRAIN);
    write_task_rows("task/test.jsonl", TRAIN - SEEN,
                    TEST); /* the last six of train and six new ones */
    write_file(scratch_path("x.yaml"), experiment, sizeof experiment - 1);
    return 0;
}

typedef struct opened {
    wane_experiment *x;
    wane_inputs *inputs;
    wane_plan *plan;
} opened;

static opened open_with(const char *first, const char *second)
{
    static const wane_log quiet;
    wane_error err;
    opened o = {0};
    wane_pool *pool = NULL;
    const char *const overrides[] = {first, second};
    CHECK_OK(wane_experiment_parse(&o.x, experiment, sizeof experiment - 1, "x.yaml",
                                   scratch_folder(), overrides,
                                   second  ? 2
                                   : first ? 1
                                           : 0,
                                   &err));
    CHECK_OK(wane_pool_new(&pool, 1, &err));
    CHECK_OK(wane_inputs_open(&o.inputs, o.x, scratch_folder(), pool, &quiet, &err));
    CHECK_OK(wane_plan_make(&o.plan, o.inputs, &err));
    wane_pool_free(pool);
    return o;
}

static void done_with(opened *o)
{
    wane_plan_free(o->plan);
    wane_inputs_free(o->inputs);
    wane_experiment_free(o->x);
}

static const char *first_stage(const opened *o, size_t run)
{
    return o->plan->stages[o->plan->runs[run].stages[1]].key;
}

static void each_seed_draws_its_own(void **state)
{
    (void)state;
    opened o = open_with("seeds=[0, 1, 7]", "sample_seed=true"), one = open_with("seeds=[7]", NULL);
    opened again = open_with("seeds=[7]", "sample_seed=true");
    const wane_task *fixed = &o.inputs->tasks[0].task;
    assert_int_equal(fixed->train_available, TRAIN);
    for (size_t s = 0; s < 3; s++) {
        const wane_task *t = wane_inputs_rows(o.inputs, 0, o.x->seeds[s]);
        assert_int_equal(t->rows[WANE_SPLIT_TRAIN], DRAWN);
        assert_string_equal(t->sha256[WANE_SPLIT_TEST], fixed->sha256[WANE_SPLIT_TEST]);
        assert_string_not_equal(t->sha256[WANE_SPLIT_TRAIN], fixed->sha256[WANE_SPLIT_TRAIN]);
        for (size_t r = 0; r < s; r++)
            assert_string_not_equal(
                t->sha256[WANE_SPLIT_TRAIN],
                wane_inputs_rows(o.inputs, 0, o.x->seeds[r])->sha256[WANE_SPLIT_TRAIN]);
        /* by hand: how many of its rows the test split holds */
        size_t seen = 0;
        for (size_t i = 0; i < DRAWN; i++)
            seen += t->row[WANE_SPLIT_TRAIN][i].number >= TRAIN - SEEN;
        assert_int_equal(wane_inputs_overlap(o.inputs, 0, o.x->seeds[s])->normalised, seen);
        assert_true(
            wane_inputs_overlap(o.inputs, 0, wane_inputs_most_overlap(o.inputs, 0))->normalised >=
            seen);
    }
    /* what a seed draws hangs on nothing but itself */
    assert_string_equal(wane_inputs_rows(again.inputs, 0, 7)->sha256[WANE_SPLIT_TRAIN],
                        wane_inputs_rows(o.inputs, 0, 7)->sha256[WANE_SPLIT_TRAIN]);
    assert_string_equal(first_stage(&again, 0), first_stage(&o, 2));
    assert_string_not_equal(first_stage(&again, 0), first_stage(&one, 0));
    /* and cells are the same for all */
    assert_string_equal(o.inputs->tasks[0].key, one.inputs->tasks[0].key);
    done_with(&o);
    done_with(&one);
    done_with(&again);
}

static void nothing_to_choose_from_changes_nothing(void **state)
{
    (void)state;
    opened with = open_with("orders=[{name: o, tasks: [whole, topic]}]", "sample_seed=true");
    opened without = open_with("orders=[{name: o, tasks: [whole, topic]}]", NULL);
    assert_true(wane_inputs_sampled(with.inputs, 0));
    for (size_t t = 1; t < 3; t++) {
        assert_false(wane_inputs_sampled(with.inputs, t));
        assert_null(with.inputs->tasks[t].samples);
    }
    for (size_t p = 1; p <= 2; p++)
        assert_string_equal(with.plan->stages[with.plan->runs[0].stages[p]].key,
                            without.plan->stages[without.plan->runs[0].stages[p]].key);
    done_with(&with);
    done_with(&without);
}

/* Joint training and heads find the rows of the stage's own seed. */
static void joint_stages_are_of_one_seed(void **state)
{
    (void)state;
    opened o = open_with("bounds.joint=all", "sample_seed=true");
    for (size_t r = 0; r < o.plan->run_count; r++)
        for (size_t p = 1; p <= o.plan->runs[r].length; p++)
            assert_true(
                wane_plan_trains(o.plan, &o.plan->runs[r], p, wane_plan_task(&o.plan->runs[r], p)));
    done_with(&o);
}

static char *said(const char *file)
{
    return read_file(scratch_path(file), NULL);
}

static void validate_says_what_it_does(void **state)
{
    (void)state;
    char yaml[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    const char *const with[] = {"validate", yaml, "sample_seed=true", "seeds=[0, 1]", NULL};
    assert_int_equal(process_run(with, "out", "err"), 0);
    char *page = said("out");
    assert_non_null(strstr(page, "sample_seed: true\n"));
    assert_non_null(strstr(page, "# sample_seed          each seed draws the training rows anew: "
                                 "part 8 of 24\n"));
    assert_non_null(strstr(page, "no effect on whole: train_rows takes all 24 rows\n"));
    assert_non_null(strstr(page, "no effect on topic: built in, it has no other rows\n"));
    free(page);
    const char *const without[] = {"validate", yaml, NULL};
    assert_int_equal(process_run(without, "out", "err"), 0);
    page = said("out");
    assert_null(strstr(page, "sample_seed"));
    free(page);
}

/* The gate of each run is over the rows that its own seed trains on. */
static void gates_know_the_rows_of_their_run(void **state)
{
    (void)state;
    char yaml[512], database[512], sql[200];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("samples.db"));
    const char *const arguments[] = {
        "run", yaml, "--db", database, "--threads", "1", "sample_seed=true", "seeds=[0, 1]", NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 1); /* a gate fails */
    opened o = open_with("seeds=[0, 1]", "sample_seed=true");
    for (int s = 0; s < 2; s++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT g.value FROM gate g JOIN run r ON r.id = g.run WHERE g.name = "
                       "'overlap' AND g.subject = 'part' AND r.seed = %d",
                       s);
        assert_int_equal(query_integer_at(database, sql),
                         wane_inputs_overlap(o.inputs, 0, (uint64_t)s)->normalised);
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM stage s JOIN run_stage p ON p.stage = s.id JOIN run r "
                       "ON r.id = p.run WHERE s.key = '%s' AND r.seed = %d",
                       first_stage(&o, (size_t)s), s);
        assert_int_equal(query_integer_at(database, sql), 1);
    }
    assert_int_equal(
        query_integer_at(database, "SELECT count(*) FROM task WHERE train_sha256 IS NULL"), 1);
    done_with(&o);
    /* the same line goes on and finds all there */
    assert_int_equal(process_run(arguments, "out", "err"), 1);
    char *page = said("err");
    assert_non_null(strstr(page, "0 stages trained (0 steps), 0 cells filled"));
    free(page);
}

/* A run under sample_seed trains exactly as one whose train file holds the drawn rows alone. */
static void what_is_drawn_is_what_is_trained_on(void **state)
{
    (void)state;
    static const char sql[] =
        "SELECT CAST(1e9 * sum(t.loss * (t.step + 1)) AS INTEGER) FROM step t JOIN run_stage p ON "
        "p.stage = t.stage JOIN run r ON r.id = p.run WHERE p.position = 1 AND r.seed = 1";
    wane_error err;
    wane_text rows = {0};
    char yaml[512], database[512];
    opened o = open_with("seeds=[1]", "sample_seed=true");
    const wane_task *drawn = wane_inputs_rows(o.inputs, 0, 1);
    for (size_t i = 0; i < DRAWN; i++)
        wane_text_printf(&rows, "{\"text\": \"%s\", \"label\": %d}\n",
                         drawn->row[WANE_SPLIT_TRAIN][i].text,
                         drawn->row[WANE_SPLIT_TRAIN][i].label);
    CHECK_OK(wane_folder_make(scratch_path("drawn"), &err));
    write_file(scratch_path("drawn/train.jsonl"), rows.data, rows.length);
    write_task_rows("drawn/test.jsonl", TRAIN - SEEN, TEST);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("x.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("drawn.db"));
    const char *const arguments[] = {"run",       yaml, "--db",      database,
                                     "--threads", "1",  "seeds=[1]", "tasks.part.path=drawn",
                                     NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 1);
    assert_int_equal(query_integer_at(database, sql),
                     query_integer_at(scratch_path("samples.db"), sql));
    wane_text_free(&rows);
    done_with(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_seed_draws_its_own),
        cmocka_unit_test(nothing_to_choose_from_changes_nothing),
        cmocka_unit_test(joint_stages_are_of_one_seed),
        cmocka_unit_test(validate_says_what_it_does),
        cmocka_unit_test(gates_know_the_rows_of_their_run),
        cmocka_unit_test(what_is_drawn_is_what_is_trained_on),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
