/* SPDX-License-Identifier: Apache-2.0
 * What stands beside a count of intruders, from a run to the database: draws of the two nulls, the
 * onset, the norm of everything that changed; each against the same made here from the kept
 * weights.
 */
#include "analysis/spectra/null.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report/glossary.h"
#include "store/files/update.h"
#include "store/results/query.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\nmodel: model\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: 16}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 16}\n"
    "methods:\n"
    "  - {name: full, kind: full, learning_rate: 1e-3}\n"
    "  - {name: matrices, kind: full-matrices, learning_rate: 3e-2}\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 2e-1}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 64}\n"
    "keep: all\nintruders: {nulls: %s}\n";

static wane_error err;
static wane_model *base;

static int run(const char *nulls, const char *more)
{
    char text[2000], yaml[512], path[512];
    int length = snprintf(text, sizeof text, experiment, nulls);
    write_file(scratch_path("small.yaml"), text, (size_t)length);
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(path, sizeof path, "%s", scratch_path("small.db"));
    const char *const arguments[] = {"run", yaml, "--db", path, "--threads", "1", more, NULL};
    return process_run(arguments, "out", "err");
}

static int make(void **state)
{
    if (scratch_make(state) != 0 || process_pretrain("model") != 0) return -1;
    CHECK_OK(wane_model_load(&base, scratch_path("model"), &err));
    return run("auto", NULL);
}

static int unmake(void **state)
{
    wane_model_free(base);
    return scratch_remove(state);
}

static int64_t number(const char *sql)
{
    return query_integer_at(scratch_path("small.db"), sql);
}

/* The first row: texts and numbers of its columns. */
static wane_query *row(wane_results *db, const char *sql)
{
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    return query;
}

static void the_cells_of_each_stage(void **state)
{
    (void)state;
    static const struct {
        const char *method, *measure;
        int64_t cells[2]; /* after each stage */
    } wanted[] = {
        {"full", "norm", {1, 1}},     {"full", "onset", {0, 0}},     {"full", "null", {0, 2}},
        {"matrices", "norm", {1, 1}}, {"matrices", "onset", {0, 0}}, {"matrices", "null", {0, 2}},
        {"lora", "norm", {1, 1}},     {"lora", "onset", {1, 1}},     {"lora", "null", {2, 2}}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        for (int p = 1; p <= 2; p++) {
            char sql[400];
            (void)snprintf(sql, sizeof sql,
                           "SELECT count(*) FROM cell c JOIN run_stage p ON p.stage = c.stage JOIN "
                           "run r ON r.id = p.run WHERE r.method = '%s' AND p.position = %d AND "
                           "c.measure = '%s' AND c.step = -1 AND c.reason IS NULL",
                           wanted[i].method, p, wanted[i].measure);
            assert_int_equal(number(sql), wanted[i].cells[p - 1]);
        }
    /* 99 of each kind and side, each over all changed matrices; below[9] is the count itself. */
    assert_int_equal(number("SELECT count(*) FROM null_draw"), 4 * 4 * 99);
    assert_int_equal(number("SELECT count(*) FROM null_draw WHERE intruders <> "
                            "json_extract(below, '$[9]') OR json_array_length(below) <> 20 OR "
                            "json_extract(below, '$[19]') > existing OR draw NOT BETWEEN 1 AND 99"),
                     0);
    assert_true(number("SELECT count(DISTINCT intruders) FROM null_draw") > 3);
}

/* The kept update of a method's stage. */
static void open_update(wane_update *out, char key[65], const char *method, int position)
{
    char sql[400], path[700];
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    (void)snprintf(sql, sizeof sql,
                   "SELECT a.path, g.key FROM run r JOIN run_stage p ON p.run = r.id JOIN stage g "
                   "ON g.id = p.stage JOIN artifact a ON a.stage = g.id WHERE r.method = '%s' AND "
                   "p.position = %d",
                   method, position);
    wane_query *query = row(db, sql);
    (void)snprintf(path, sizeof path, "%s.artifacts/%s", scratch_path("small.db"),
                   wane_query_text(query, 0));
    (void)snprintf(key, 65, "%s", wane_query_text(query, 1));
    wane_query_free(query);
    wane_results_close(db);
    CHECK_OK(wane_update_load(out, path, NULL, NULL, &err));
}

static double stored(const char *method, int position, const char *name)
{
    char sql[400];
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    (void)snprintf(sql, sizeof sql,
                   "SELECT \"%s\" FROM stage_summary WHERE method = '%s' AND position = %d", name,
                   method, position);
    wane_query *query = row(db, sql);
    double value = wane_query_double(query, 0);
    wane_query_free(query);
    wane_results_close(db);
    return value;
}

/* From the file of all tuned tensors: embeddings, norms and head too. */
static void the_norm_is_over_every_tensor(void **state)
{
    (void)state;
    wane_update update = {0};
    char key[65];
    double all = 0, linear = 0;
    open_update(&update, key, "full", 2);
    for (size_t t = 0; t < update.count; t++) {
        const wane_update_tensor *tensor = &update.tensors[t];
        long i = wane_parameters_find(&base->parameters, tensor->name);
        assert_true(i >= 0);
        const wane_parameter *p = &base->parameters.parameter[i];
        for (size_t k = 0; k < p->rows * p->cols; k++) {
            double d = (double)tensor->data[k] - (double)base->weights[p->offset + k];
            all += d * d;
            if (p->linear) linear += d * d;
        }
    }
    wane_update_free(&update);
    assert_true(all > 1.05 * linear && linear > 0);
    CHECK_NEAR(stored("full", 2, "delta_frobenius_all"), sqrt(all), 0, 1e-12);
    CHECK_NEAR(stored("full", 2, "delta_frobenius"), sqrt(linear), 0, 1e-6);
    /* Of linear weights alone it is their norm; merging has rounded W_0 + B A to fp32. */
    for (int p = 1; p <= 2; p++) {
        CHECK_NEAR(stored("matrices", p, "delta_frobenius_all"),
                   stored("matrices", p, "delta_frobenius"), 0, 1e-6);
        CHECK_NEAR(stored("lora", p, "delta_frobenius_all"), stored("lora", p, "delta_frobenius"),
                   0, 1e-5);
    }
}

static uint64_t first_bytes(const char *key)
{
    uint64_t seed = 0;
    for (int i = 0; i < 16; i++)
        seed = 16 * seed + (uint64_t)(key[i] <= '9' ? key[i] - '0' : key[i] - 'a' + 10);
    return seed;
}

static void draws_are(wane_null kind, const char *key, wane_null_tally want[2][WANE_NULL_DRAWS])
{
    char sql[600];
    wane_query *query = NULL;
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    (void)snprintf(sql, sizeof sql,
                   "SELECT n.intruders, n.unresolved, n.existing, json_extract(n.below, '$[15]') "
                   "FROM null_draw n JOIN stage g ON g.id = n.stage WHERE g.key = '%s' AND "
                   "n.kind = '%s' ORDER BY n.side, n.draw",
                   key, wane_null_names[kind]);
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    for (size_t i = 0; i < 2 * (size_t)WANE_NULL_DRAWS; i++) {
        const wane_null_tally *t = &want[i / WANE_NULL_DRAWS][i % WANE_NULL_DRAWS];
        CHECK_OK(wane_query_next(query, &err));
        assert_int_equal(wane_query_int(query, 0), t->intruders);
        assert_int_equal(wane_query_int(query, 1), t->unresolved);
        assert_int_equal(wane_query_int(query, 2), t->existing);
        assert_int_equal(wane_query_int(query, 3), t->below[15]);
    }
    wane_query_free(query);
    wane_results_close(db);
}

/* All matrices at once, in the order of the table, from the first bytes of the stage's key. */
static void draws_are_those_of_the_stage(const char *method, int position)
{
    const wane_parameters *table = &base->parameters;
    static wane_null_tally tally[2][WANE_NULL_DRAWS];
    wane_null_change *changes = calloc(table->count, sizeof *changes);
    wane_base_svd **svd = calloc(table->count, sizeof(wane_base_svd *));
    double smallest = NAN;
    wane_update update = {0};
    char key[65];
    assert_true(changes && svd);
    open_update(&update, key, method, position);
    const wane_spectrum_options options = {.top = WANE_NULL_TOP, .u = true, .v = true};
    for (size_t t = 0; t < update.count; t++) {
        const wane_update_tensor *tensor = &update.tensors[t];
        long i = wane_parameters_find(table, tensor->name);
        if (!table->parameter[i].linear) continue;
        const wane_matrix tuned = {tensor->data, tensor->rows, tensor->cols, tensor->cols};
        CHECK_OK(wane_base_svd_compute(&svd[i], wane_model_matrix(base, (size_t)i), &err));
        if (tensor->data) {
            CHECK_OK(wane_null_change_full(&changes[i], svd[i], tuned, &options, NULL, &err));
            continue;
        }
        double onset = NAN;
        CHECK_OK(
            wane_null_change_lowrank(&changes[i], svd[i], &tensor->term, 1, &options, NULL, &err));
        CHECK_OK(wane_null_onset(&onset, svd[i], &tensor->term, 1, &options, NULL, &err));
        smallest = fmin(smallest, onset);
    }
    for (int kind = 0; kind < WANE_NULLS; kind++) {
        CHECK_OK(wane_null_draw(tally, (wane_null)kind, changes, table->count, first_bytes(key),
                                NULL, &err));
        draws_are((wane_null)kind, key, tally);
    }
    double seen = stored(method, position, "onset");
    if (isnan(smallest)) assert_true(isnan(seen));
    else CHECK_NEAR(seen, smallest, 0, 0);
    for (size_t i = 0; i < table->count; i++) wane_base_svd_free(svd[i]);
    for (size_t i = 0; i < table->count; i++) wane_null_change_free(&changes[i]);
    wane_update_free(&update);
    free(changes);
    free(svd);
}

static void draws_and_onset_are_those_of_the_weights(void **state)
{
    (void)state;
    draws_are_those_of_the_stage("lora", 1);
    draws_are_those_of_the_stage("matrices", 2);
    assert_true(number("SELECT count(*) FROM measured WHERE name = 'onset' AND matrix <> ''") ==
                28);
    assert_true(number("SELECT count(*) FROM measured WHERE name = 'onset' AND value > 0 AND "
                       "value <= 1.25") > 0);
    assert_int_equal(number("SELECT count(*) FROM measured m WHERE m.name = 'onset' AND m.matrix = "
                            "'' AND m.value IS NOT (SELECT min(o.value) FROM measured o WHERE "
                            "o.stage = m.stage AND o.name = 'onset' AND o.matrix <> '')"),
                     0);
    assert_int_equal(number("SELECT count(*) FROM measured WHERE value IS NULL AND reason <> "
                            "'none_up_to_1.25'"),
                     0);
}

/* `wane explain` knows every number of a measure. */
static void every_number_is_explained(void **state)
{
    (void)state;
    wane_query *query = NULL;
    size_t names = 0;
    wane_results *db = open_results(scratch_path("small.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, "SELECT DISTINCT name FROM measured", NULL, 0, &err));
    for (; wane_query_next(query, &err) == WANE_OK; names++)
        assert_non_null(wane_meaning_find(wane_query_text(query, 0), NULL));
    assert_int_equal(names, 2);
    wane_query_free(query);
    wane_results_close(db);
}

static void said(const char *wanted)
{
    char *text = read_file(scratch_path("err"), NULL);
    if (!strstr(text, wanted)) print_error("not \"%s\" but: %s\n", wanted, text);
    assert_non_null(strstr(text, wanted));
    free(text);
}

/* Asked for more, the cells are filled from kept weights; for none, those that are there stay;
 * where the weights are gone, that is said. */
static void more_are_filled_from_kept_weights(void **state)
{
    (void)state;
    wane_update update = {0};
    char key[65], path[700];
    assert_int_equal(run("none", NULL), 0);
    said("0 stages trained (0 steps), 0 cells filled here");
    open_update(&update, key, "full", 1);
    wane_update_free(&update);
    (void)snprintf(path, sizeof path, "%s.artifacts/updates/%s.safetensors",
                   scratch_path("small.db"), key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run("all", NULL), 1);
    said("0 stages trained (0 steps), 2 cells filled here");
    said("2 cells cannot be filled: weights_gone");
    assert_int_equal(number("SELECT count(*) FROM null_draw"), 5 * 4 * 99);
    draws_are_those_of_the_stage("matrices", 1);
    assert_int_equal(run("all", NULL), 1);
    said(" 0 cells filled here");
}

/* Bit by bit the same. */
static void measured_again_they_are_the_same(void **state)
{
    (void)state;
    char database[512], yaml[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("small.db"));
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    assert_int_equal(run("auto", NULL), 0);
    const char *const arguments[] = {"verify", database,    "--recompute", "1000", "--experiment",
                                     yaml,     "--threads", "2",           NULL};
    int code = process_run(arguments, "out", "err");
    if (code != 0) process_print_said(code);
    assert_int_equal(code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cells_of_each_stage),
        cmocka_unit_test(the_norm_is_over_every_tensor),
        cmocka_unit_test(draws_and_onset_are_those_of_the_weights),
        cmocka_unit_test(every_number_is_explained),
        cmocka_unit_test(measured_again_they_are_the_same),
        cmocka_unit_test(more_are_filled_from_kept_weights),
    };
    return cmocka_run_group_tests_name("nulls", tests, make, unmake);
}
