/* SPDX-License-Identifier: Apache-2.0
 * Numbers that are not finite: a given model with a NaN, or whose logits overflow, fails its run; a
 * training that ends in none is a result. No cell of either holds a made-up number.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model.h"
#include "store/base/text.h"
#include "store/results/database.h"
#include "tests/support/pack.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* %s: the model, the methods. */
static const char experiment[] =
    "name: small\n"
    "model: %s\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 10}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 8, test_rows: 20}\n"
    "  - {path: builtin/counting, train_rows: 8, test_rows: 20}\n"
    "watch: [{path: builtin/agreement, train_rows: 8, test_rows: 20}]\n"
    "intruders: {against: [base, previous]}\n"
    "matrices: [{name: layers.0.q_proj, stages: all}]\n"
    "interventions: {lambdas: [0.3, 1], stages: all}\n"
    "methods:\n%s"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96, warmup_ratio: 0}\n";

static char path_space[4][512];

static const char *path_of(int slot, const char *name)
{
    (void)snprintf(path_space[slot], sizeof path_space[slot], "%s", scratch_path(name));
    return path_space[slot];
}

/* The exit code of a run of `methods` on `model`, with one more setting; db: "NAME.db". */
static int run(const char *model, const char *methods, const char *setting, const char *db)
{
    wane_text text = {0};
    wane_text_printf(&text, experiment, scratch_path(model), methods);
    write_file(scratch_path("x.yaml"), text.data, text.length);
    wane_text_free(&text);
    const char *const arguments[] = {"run",          path_of(0, "x.yaml"), setting, "--db",
                                     path_of(1, db), "--threads",          "1",     NULL};
    return process_run(arguments, "out", "err");
}

static bool said(const char *file, const char *what)
{
    char *text = read_file(scratch_path(file), NULL);
    bool found = strstr(text, what) != NULL;
    free(text);
    return found;
}

static int64_t ask(const char *db, const char *sql)
{
    return query_integer_at(scratch_path(db), sql);
}

enum { EVERY = -1 };

/* The model in folder `from` with one or every value of a parameter changed, as folder `to`. */
static void change(const char *to, const char *from, const char *parameter, int element,
                   float value)
{
    wane_error err;
    wane_model *model = NULL;
    char path[64], copy[64];
    CHECK_OK(wane_model_load(&model, scratch_path(from), &err));
    long at = wane_parameters_find(&model->parameters, parameter);
    assert_true(at >= 0);
    const wane_parameter *p = &model->parameters.parameter[at];
    for (size_t i = 0; i < p->rows * p->cols; i++)
        if (element == EVERY || i == (size_t)element)
            wane_model_weight(model, (size_t)at)[i] = value;
    CHECK_OK(wane_model_save(model, scratch_path(to), &err));
    wane_model_free(model);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", from);
    (void)snprintf(copy, sizeof copy, "%s/tokenizer.json", to);
    copy_file(scratch_path(path), scratch_path(copy));
}

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    const char *const arguments[] = {
        "pretrain", "-o", path_of(0, "model"), "--steps", "20", "--documents", "100",
        "--width",  "32", "--layers",          "1",       NULL};
    if (process_run(arguments, "out", "err") != 0) return -1;
    change("nan", "model", "model.norm.weight", 5, NAN);
    change("overflow", "model", "model.norm.weight", EVERY, 3.4e38f);
    return 0;
}

/* The middle of three stages is given and not finite. */
static void given_models(void **state)
{
    (void)state;
    static const char *const bad[] = {"nan", "overflow"};
    static const char *const says[] = {"nan: value 5 of model.norm.weight is NaN",
                                       "overflow: logits are not finite: corpus text, document "};
    for (size_t i = 0; i < 2; i++) {
        char methods[1600], db[32];
        (void)snprintf(db, sizeof db, "%s.db", bad[i]);
        (void)snprintf(methods, sizeof methods,
                       "  - {name: broken, kind: given, stages: [%s, %s]}\n", scratch_path(bad[i]),
                       scratch_path("model"));
        assert_int_equal(run("model", methods, "protocol.adapter=merge", db), 1);
        assert_true(said("err", says[i]));
        assert_true(said("err", "1 with a failed gate"));
        assert_true(said("err", "warning: broken/given/s0: stage 1: corpus text, document "));
        assert_false(said("out", "nan ") || said("out", "inf "));
        assert_false(said("out", "accuracy after each stage")); /* no run is done: no mean */
        assert_true(said("out", "\nbroken     0         1 "));
        assert_int_equal(ask(db, "SELECT status = 'gate_failed' AND error LIKE 'not finite: %' "
                                 "FROM run"),
                         1);
        assert_int_equal(ask(db, "SELECT sum(passed) * 10 + count(*) FROM gate WHERE name = "
                                 "'finite'"),
                         23); /* base and second stage pass, the first does not */
        assert_int_equal(ask(db, "SELECT count(*) FROM likelihood WHERE nll IS NULL AND "
                                 "kl_to_base IS NULL AND token_perplexity IS NULL AND reason = "
                                 "'not_finite' AND tokens > 0"),
                         1);
        assert_int_equal(ask(db, "SELECT count(*) FROM score WHERE metric IN ('accuracy', 'loss') "
                                 "AND value IS NULL AND stderr IS NULL AND reason = 'not_finite'"),
                         2 * 3);
        assert_int_equal(ask(db, "SELECT count(*) FROM score WHERE value IS NULL AND reason IS "
                                 "NULL"),
                         0);
        assert_int_equal(ask(db, "SELECT count(*) FROM example e JOIN score s USING (stage, step, "
                                 "task) WHERE s.metric = 'accuracy' AND s.reason IS NOT NULL"),
                         0);
        assert_int_equal(ask(db, "SELECT count(DISTINCT reason) FROM metric WHERE position = 2 AND "
                                 "name IN ('bwt', 'forgetting', 'forgetting_max_all', 'fwt', "
                                 "'learning_acc', 'aia') AND value IS NULL AND reason = "
                                 "'not_finite'"),
                         1);
        assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE position = 2 AND name IN "
                                 "('acc', 'held_out_change') AND value IS NOT NULL"),
                         2);
        assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE position = 1 AND name = "
                                 "'held_out_change' AND reason = 'not_finite'"),
                         1);
        /* Said again, nothing is measured again. */
        assert_int_equal(run("model", methods, "protocol.adapter=merge", db), 1);
        assert_true(said("err", " 0 cells filled here; runs: 0 done, 0 diverged, 1 with a failed"));
    }
}

/* A NaN in a matrix: what stands on it is missing and names it, what does not is there. */
static void a_matrix(void **state)
{
    (void)state;
    static const char *const heads[] = {"protocol.head=verbalizer", "protocol.head=reprobe"};
    change("matrix", "model", "model.layers.0.self_attn.q_proj.weight", 5, NAN);
    for (size_t i = 0; i < 2; i++) {
        char methods[1600], db[32];
        (void)snprintf(db, sizeof db, "matrix-%zu.db", i);
        (void)snprintf(methods, sizeof methods,
                       "  - {name: broken, kind: given, stages: [%s, %s]}\n",
                       scratch_path("matrix"), scratch_path("model"));
        assert_int_equal(run("model", methods, heads[i], db), 1);
        /* Against the base after stage 1; against the stage before after both. */
        assert_int_equal(ask(db, "SELECT count(*) FROM spectrum s JOIN matrix m ON m.id = s.matrix "
                                 "WHERE s.reason = 'not_finite' AND m.module = 'q_proj' AND "
                                 "s.intruders_u IS NULL AND s.delta_frobenius IS NULL"),
                         3);
        assert_int_equal(ask(db, "SELECT count(*) FROM spectrum WHERE intruders_u IS NULL"), 3);
        assert_int_equal(ask(db, "SELECT count(*) FROM spectrum_total WHERE intruders_u IS NULL "
                                 "AND delta_frobenius IS NULL"),
                         3);
        assert_int_equal(ask(db, "SELECT count(*) FROM spectrum_total"), 4);
        assert_int_equal(ask(db, "SELECT count(*) FROM direction d JOIN spectrum s USING (stage, "
                                 "step, against, matrix) WHERE s.reason = 'not_finite'"),
                         0);
        assert_int_equal(ask(db, "SELECT count(*) FROM cell WHERE measure = 'overlap' AND reason = "
                                 "'not_finite'"),
                         1);
        assert_int_equal(ask(db, "SELECT count(*) FROM change c JOIN matrix m ON m.id = c.matrix "
                                 "WHERE (c.f_delta IS NULL OR m.module = 'q_proj') <> (c.reason = "
                                 "'not_finite')"),
                         0);
        assert_int_equal(ask(db, "SELECT count(*) > 0 AND min(reason) = 'not_finite' AND "
                                 "max(reason) = 'not_finite' FROM intervention i JOIN run_stage p "
                                 "ON p.stage = i.stage AND p.position = 1"),
                         1);
        assert_int_equal(ask(db, "SELECT count(*) FROM score WHERE metric = 'accuracy' AND reason "
                                 "= 'not_finite'"),
                         3);
        /* Whether the task of such a stage was learned is not known, whatever else is. */
        assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE name = 'learned_tasks' AND "
                                 "value IS NULL AND reason = 'not_finite'"),
                         2);
        assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE position = 2 AND value IS NULL "
                                 "AND name IN ('bwt_learned', 'forgetting_learned') AND reason = "
                                 "'not_finite'"),
                         2);
        assert_int_equal(
            ask(db, "SELECT count(*) FROM metric WHERE name = 'majority' AND value > 0"), 2);
        assert_int_equal(ask(db, "SELECT sum(collapsed) FROM stage_summary WHERE position = 1 AND "
                                 "beyond_uniform IS NULL AND learned IS NULL"),
                         1);
        static const char *const counts[] = {"intruders", "intruders_by_matrix",
                                             "intruders_by_module"};
        for (size_t q = 0; q < 3; q++) {
            const char *const arguments[] = {"query",    path_of(0, db), "--name",
                                             counts[q],  "--param",      "position=1",
                                             "--format", "csv",          NULL};
            assert_int_equal(process_run(arguments, "out", "err"), 0);
            assert_true(said("out", ",not_finite\n"));
        }
    }
}

static size_t times_said(const char *what)
{
    char *text = read_file(scratch_path("err"), NULL);
    size_t count = 0;
    for (const char *p = text; (p = strstr(p, what)); p++) count++;
    free(text);
    return count;
}

/* What fails the gates of several runs is said once, by however many workers it is met. */
static void said_once(void **state)
{
    (void)state;
    static const char tuned[] = "  - {name: full, kind: full, learning_rate: 1e-3}\n"
                                "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-3}\n";
    static const char *const jobs[] = {"1", "2"};
    const char *nan = path_of(2, "nan"), *good = path_of(3, "model");
    char given[2400];
    (void)snprintf(given, sizeof given,
                   "  - {name: a, kind: given, stages: [%s, %s]}\n"
                   "  - {name: b, kind: given, stages: [%s, %s]}\n",
                   nan, good, nan, nan);
    for (size_t i = 0; i < 2; i++) {
        const char *const arguments[] = {"run",       path_of(0, "x.yaml"),
                                         "--db",      path_of(1, i ? "two.db" : "one.db"),
                                         "--jobs",    jobs[i],
                                         "--threads", "1",
                                         NULL};
        for (size_t k = 0; k < 2; k++) {
            wane_text text = {0};
            remove_tree(arguments[3]);
            wane_text_printf(&text, experiment, scratch_path(k ? "model" : "nan"),
                             k ? given : tuned);
            write_file(arguments[1], text.data, text.length);
            wane_text_free(&text);
            assert_int_equal(process_run(arguments, "out", "err"), 1);
            assert_true(said("err", "2 with a failed gate"));
            assert_int_equal(times_said("the base is not finite: "), !k);
            assert_int_equal(times_said("/given/s0: stage 1 is not finite: "), k);
            assert_int_equal(times_said("/given/s0: stage 2 is not finite: "), k);
        }
    }
}

/* Nothing is trained on a base that is not finite, and nothing is held against it. */
static void a_base(void **state)
{
    (void)state;
    static const char methods[] = "  - {name: full, kind: full, learning_rate: 1e-3}\n"
                                  "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-3}\n";
    static const char *const bad[] = {"nan", "overflow"};
    for (size_t i = 0; i < 2; i++) {
        char db[32];
        (void)snprintf(db, sizeof db, "base-%s.db", bad[i]);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(run(bad[i], methods, "protocol.adapter=merge", db), 1);
            assert_true(said("err", "the base is not finite: "));
            assert_true(said("err", " 0 stages trained (0 steps)"));
            assert_true(said("err", "2 with a failed gate, 0 failed"));
            assert_int_equal(ask(db, "SELECT count(*) FROM run WHERE status = 'gate_failed'"), 2);
            assert_int_equal(ask(db, "SELECT count(*) FROM gate WHERE name = 'finite' AND subject "
                                     "= '' AND passed = 0"),
                             2);
            assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE reason <> 'not_finite'"),
                             0);
        }
    }
}

/* No loss sees the last update: a stage that it leaves without numbers has diverged all the same.
 */
static void trainings_that_end_in_no_numbers(void **state)
{
    (void)state;
    static const char methods[] =
        "  - {name: full, kind: full, learning_rate: 1e3, weight_decay: 1e3}\n"
        "  - {name: lora, kind: lora, rank: 2, alpha: 4096, learning_rate: 1e3, weight_decay: "
        "1e3}\n";
    static const char *const heads[] = {"protocol.head=verbalizer", "protocol.head=linear",
                                        "protocol.head=reprobe"};
    for (size_t i = 0; i < 3; i++) {
        char db[32];
        (void)snprintf(db, sizeof db, "trained-%zu.db", i);
        assert_int_equal(run("model", methods, heads[i], db), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM run WHERE status = 'diverged'"), 2);
        assert_int_equal(ask(db, "SELECT count(*) FROM stage WHERE status = 'diverged' AND "
                                 "diverged_at = 1 AND steps = 1 AND steps_planned = 1"),
                         2);
        assert_int_equal(ask(db, "SELECT count(*) FROM stage WHERE status = 'skipped'"), 2);
        assert_int_equal(ask(db, "SELECT count(*) FROM gate WHERE passed = 0"), 0);
        assert_int_equal(ask(db, "SELECT count(*) FROM metric WHERE value IS NOT NULL OR reason "
                                 "NOT IN ('diverged')"),
                         0);
        assert_int_equal(run("model", methods, heads[i], db), 0);
        assert_true(said("err", "2 diverged, 0 with a failed gate, 0 failed"));
    }
}

/* The first step is taken from a sound base and ruins it, the loss of the second is no number;
 * there is nothing left to train or to fill. */
static void a_loss_that_is_no_number(void **state)
{
    (void)state;
    static const char methods[] =
        "  - {name: full, kind: full-matrices, learning_rate: 1e3, weight_decay: 1e3}\n";
    int code = run("model", methods, "training.epochs=4", "loss.db");
    if (code != 0) process_print_said(code);
    assert_int_equal(code, 0);
    assert_int_equal(ask("loss.db", "SELECT count(*) FROM stage WHERE status = 'diverged' AND "
                                    "diverged_at = 1 AND steps = 1 AND steps_planned = 4"),
                     1);
    assert_int_equal(ask("loss.db", "SELECT sum((loss IS NULL) = (step = 1)) FROM step"), 2);
    assert_int_equal(ask("loss.db", "SELECT count(*) FROM step"), 2);
    const char *const arguments[] = {"run",  path_of(0, "x.yaml"),  "training.epochs=4",
                                     "--db", path_of(1, "loss.db"), "--dry-run",
                                     NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    assert_true(said("out", ", 0 to train"));
    assert_true(said("out", ", 0 to fill"));
}

/* A trained stage whose weights are finite, and its logits on some measured text are not: its cells
 * are missing, its run has diverged, and nothing has failed. */
static void a_trained_stage_that_overflows_elsewhere(void **state)
{
    (void)state;
    static const char methods[] = "  - {name: full, kind: full, learning_rate: 1e-3}\n";
    sqlite3 *sql = NULL;
    assert_int_equal(run("model", methods, "protocol.adapter=merge", "over.db"), 0);
    assert_int_equal(ask("over.db", "SELECT count(*) FROM run WHERE status = 'done'"), 1);
    /* As the measuring would have left it, before the seal of the run. */
    assert_int_equal(sqlite3_open(scratch_path("over.db"), &sql), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(sql,
                     "CREATE TEMP TABLE bad AS SELECT stage FROM run_stage WHERE run = 1 AND "
                     "position = 1;"
                     "UPDATE likelihood SET nll = NULL, reason = 'not_finite' WHERE step = -1 AND "
                     "stage IN bad;"
                     "UPDATE score SET value = NULL, reason = 'not_finite' WHERE metric IN "
                     "('accuracy', 'loss') AND step = -1 AND stage IN bad;"
                     "UPDATE run SET status = 'running'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    (void)sqlite3_close(sql);
    assert_int_equal(run("model", methods, "protocol.adapter=merge", "over.db"), 0);
    assert_true(said("err", "0 done, 1 diverged, 0 with a failed gate, 0 failed"));
    assert_int_equal(ask("over.db", "SELECT count(*) FROM run WHERE status = 'diverged'"), 1);
    assert_int_equal(ask("over.db", "SELECT count(*) FROM metric WHERE name = 'bwt' AND position = "
                                    "2 AND reason = 'not_finite'"),
                     1);
    assert_int_equal(ask("over.db", "SELECT count(*) FROM metric WHERE name = 'acc' AND position = "
                                    "2 AND value IS NOT NULL"),
                     1);
    const char *const show[] = {"show", path_of(0, "over.db"), "full/given/s0", NULL};
    assert_int_equal(process_run(show, "out", "err"), 0);
    assert_true(said("out", "diverged: stage 1 (topic), not finite\n"));
}

/* A file of version 1 in which a stage's logits were not finite: what was made of them is taken
 * back. */
static void a_file_of_version_1(void **state)
{
    (void)state;
    sqlite3 *sql = NULL;
    unpack("unit/run/version1.tar.gz", scratch_folder());
    assert_int_equal(sqlite3_open(scratch_path("small.db"), &sql), SQLITE_OK);
    /* As that version left a NaN, at the last stage of its first run. */
    assert_int_equal(
        sqlite3_exec(sql,
                     "CREATE TEMP TABLE bad AS SELECT stage FROM run_stage WHERE run = 1 AND "
                     "position = (SELECT stages FROM run WHERE id = 1);"
                     "UPDATE score SET value = NULL WHERE metric = 'loss' AND step = -1 AND stage "
                     "IN bad; UPDATE likelihood SET nll = NULL, token_perplexity = 9e999 WHERE "
                     "step = -1 AND stage IN bad;",
                     NULL, NULL, NULL),
        SQLITE_OK);
    (void)sqlite3_close(sql);
    assert_int_equal(ask("small.db", "SELECT count(*) FROM run WHERE id = 1 AND status = "
                                     "'diverged' AND error LIKE 'not finite: %'"),
                     1);
    assert_int_equal(ask("small.db", "SELECT count(*) > 0 AND sum(value IS NULL) = count(*) FROM "
                                     "score WHERE metric <> 'majority' AND step = -1 AND stage = "
                                     "(SELECT stage FROM run_stage WHERE run = 1 AND position = "
                                     "(SELECT stages FROM run WHERE id = 1))"),
                     1);
    assert_int_equal(ask("small.db", "SELECT count(*) FROM example e JOIN score s USING (stage, "
                                     "step, task) WHERE s.reason = 'not_finite'"),
                     0);
    assert_int_equal(ask("small.db", "SELECT count(*) > 0 FROM example"), 1);
    assert_int_equal(ask("small.db", "SELECT count(*) FROM likelihood WHERE reason = 'not_finite' "
                                     "AND token_perplexity IS NULL"),
                     ask("small.db", "SELECT count(*) FROM likelihood WHERE nll IS NULL"));
    assert_int_equal(ask("small.db", "SELECT count(*) FROM metric WHERE run = 1 AND position = "
                                     "(SELECT stages FROM run WHERE id = 1) AND value IS NOT "
                                     "NULL"),
                     0);
    assert_int_equal(ask("small.db", "SELECT count(*) > 0 FROM metric WHERE run = 1 AND value IS "
                                     "NOT NULL"),
                     1);
    assert_int_equal(ask("small.db", "SELECT count(*) > 0 FROM run WHERE status = 'done'"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_models),
        cmocka_unit_test(a_matrix),
        cmocka_unit_test(a_base),
        cmocka_unit_test(said_once),
        cmocka_unit_test(trainings_that_end_in_no_numbers),
        cmocka_unit_test(a_loss_that_is_no_number),
        cmocka_unit_test(a_trained_stage_that_overflows_elsewhere),
        cmocka_unit_test(a_file_of_version_1),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
