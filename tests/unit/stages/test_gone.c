/* SPDX-License-Identifier: Apache-2.0
 * Weights that are gone, let go or deleted by hand, leave what was measured on them: the run stays
 * in every mean, the cells that cannot be filled say why, and are filled when the files are back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 10}\n%s"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: %d}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 16}\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: 1e-3}\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "%s";
static const char keep_all[] = "keep: all\n";
static const char other[] = "  - {name: other, path: builtin, seed: 5, documents: 5}\n";

static int test_rows = 16;

static int run(const char *database, const char *corpora, const char *more, const char *jobs)
{
    wane_text text = {0};
    char yaml[512], path[512];
    wane_text_printf(&text, experiment, corpora, test_rows, more);
    write_file(scratch_path("small.yaml"), text.data, text.length);
    wane_text_free(&text);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *const arguments[] = {"run", yaml, "--db", path, "--jobs", jobs, NULL};
    return process_run(arguments, "out", "err");
}

static void said(const char *wanted)
{
    char *text = read_file(scratch_path("err"), NULL);
    if (!strstr(text, wanted)) print_error("not \"%s\" but: %s\n", wanted, text);
    assert_non_null(strstr(text, wanted));
    free(text);
}

static int64_t number(const char *database, const char *sql)
{
    return query_integer_at(scratch_path(database), sql);
}

/* The path of an artifact, in the files of the database. */
static void artifact(char out[1024], const char *database, const char *method, int position,
                     const char *kind)
{
    wane_error err;
    wane_query *query = NULL;
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "SELECT a.path FROM artifact a JOIN run_stage p ON p.stage = a.stage JOIN run r "
                   "ON r.id = p.run WHERE r.method = '%s' AND p.position = %d AND a.kind = '%s'",
                   method, position, kind);
    wane_results *db = open_results(scratch_path(database), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    (void)snprintf(out, 1024, "%s.artifacts/%s", scratch_path(database), wane_query_text(query, 0));
    wane_query_free(query);
    wane_results_close(db);
}

static const char done[] = "SELECT count(*) FROM run WHERE status = 'done' AND error IS NULL";
static const char metrics[] = "SELECT CAST(1e9 * sum(value * position) AS INTEGER) FROM metric";
static const char events[] = "SELECT count(*) FROM event WHERE level = 'warning' AND run IS NOT "
                             "NULL AND stage IS NOT NULL AND message LIKE '%weights_gone%'";

/* The first stage of each method is deleted: of an adapter's chain the second is gone with it. */
static void deleted_by_hand(void **state)
{
    (void)state;
    char full[1024], lora[1024], away[2][1100];
    assert_int_equal(run("hand.db", "", keep_all, "1"), 0);
    int64_t before = number("hand.db", metrics),
            cells = number("hand.db", "SELECT count(*) FROM cell");
    artifact(full, "hand.db", "full", 2, "tensors");
    artifact(lora, "hand.db", "lora", 1, "adapter");
    (void)snprintf(away[0], sizeof away[0], "%s.away", full);
    (void)snprintf(away[1], sizeof away[1], "%s.away", lora);
    assert_int_equal(rename(full, away[0]), 0);
    assert_int_equal(rename(lora, away[1]), 0);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(run("hand.db", other, keep_all, again == 1 ? "2" : "1"), 1);
        said("small: 3 cells cannot be filled: weights_gone");
        said("runs: 2 done, 0 diverged, 0 with a failed gate, 0 failed");
        assert_int_equal(number("hand.db", done), 2);
        assert_int_equal(number("hand.db", metrics), before);
        assert_int_equal(number("hand.db", "SELECT count(*) FROM event WHERE level = 'error'"), 0);
        assert_int_equal(number("hand.db", events), 3);
        /* The base's, and that of the first stage of full updates. */
        if (again == 0) assert_int_equal(number("hand.db", "SELECT count(*) FROM cell"), cells + 2);
    }
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path("hand.db"));
    const char *const show[] = {"show", path, "lora/given/s0", NULL};
    assert_int_equal(process_run(show, "err", "out"), 0);
    said("1 cell of stage 2 cannot be filled: weights_gone");
    /* Not asked for, not missed. */
    assert_int_equal(run("hand.db", "", keep_all, "1"), 0);
    assert_int_equal(rename(away[0], full), 0);
    assert_int_equal(rename(away[1], lora), 0);
    assert_int_equal(run("hand.db", other, keep_all, "2"), 0);
    assert_int_equal(number("hand.db", "SELECT count(*) FROM cell"), cells + 5);
    assert_int_equal(number("hand.db", done), 2);
    assert_int_equal(run("whole.db", other, keep_all, "1"), 0);
    assert_int_equal(number("whole.db", "SELECT count(*) FROM likelihood"),
                     number("hand.db", "SELECT count(*) FROM likelihood"));
    assert_int_equal(number("whole.db", "SELECT CAST(1e9 * sum(nll) AS INTEGER) FROM likelihood"),
                     number("hand.db", "SELECT CAST(1e9 * sum(nll) AS INTEGER) FROM likelihood"));
}

/* Let go under `keep`: no line says failed, the file's own question is answered as before. */
static void let_go(void **state)
{
    (void)state;
    assert_int_equal(run("none.db", "", "keep: none\n", "1"), 0);
    int64_t before = number("none.db", metrics);
    assert_int_equal(run("none.db", other, "keep: none\n", "1"), 1);
    said("small: 4 cells cannot be filled: weights_gone");
    assert_int_equal(number("none.db", done), 2);
    assert_int_equal(number("none.db", metrics), before);
    char yaml[512], path[512];
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path("none.db"));
    const char *const arguments[] = {"run", yaml, "--db", path, "--dry-run", NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    char *text = read_file(scratch_path("out"), NULL);
    assert_non_null(strstr(text, "0 to fill"));
    assert_non_null(strstr(text, "gone      4 cells cannot be filled: weights_gone"));
    free(text);
}

/* A head is asked for by the scores of its task alone. */
static void a_head_is_gone(void **state)
{
    (void)state;
    static const char linear[] = "protocol: {head: linear}\nkeep: all\n";
    char head[1024];
    assert_int_equal(run("head.db", "", linear, "1"), 0);
    artifact(head, "head.db", "lora", 1, "head");
    assert_int_equal(unlink(head), 0);
    assert_int_equal(run("head.db", other, linear, "1"), 0);
    test_rows = 24;
    assert_int_equal(run("head.db", other, linear, "1"), 1);
    test_rows = 16;
    said("small: 2 cells cannot be filled: weights_gone");
    assert_int_equal(number("head.db", done), 2);
}

/* Weights that are there and not those that were sealed fail the call, and undo nothing. */
static void damaged(void **state)
{
    (void)state;
    char full[1024];
    assert_int_equal(run("bad.db", "", "", "1"), 0);
    int64_t before = number("bad.db", metrics);
    artifact(full, "bad.db", "full", 2, "tensors");
    size_t count = 0;
    char *bytes = read_file(full, &count);
    bytes[count - 1] ^= 1;
    write_file(full, bytes, count);
    free(bytes);
    assert_int_equal(run("bad.db", other, "", "1"), 1);
    said("1 failed");
    assert_int_equal(number("bad.db", done), 2);
    assert_int_equal(number("bad.db", metrics), before);
}

/* Nor is anything scored with a head that is another. */
static void a_damaged_head(void **state)
{
    (void)state;
    static const char linear[] = "protocol: {head: linear}\nkeep: all\n";
    char head[1024];
    assert_int_equal(run("head.db", "", linear, "1"), 0);
    artifact(head, "head.db", "lora", 1, "head");
    size_t count = 0;
    char *bytes = read_file(head, &count);
    bytes[count - 1] ^= 1;
    write_file(head, bytes, count);
    free(bytes);
    test_rows = 24;
    assert_int_equal(run("head.db", other, linear, "1"), 1);
    test_rows = 16;
    said("1 failed");
    assert_int_equal(number("head.db", done), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deleted_by_hand, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(let_go, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_head_is_gone, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(damaged, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_damaged_head, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
