/* SPDX-License-Identifier: Apache-2.0
 * The commands that read a database, on one that a small experiment wrote.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/correlation.h"
#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/support/told.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 60,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 20}]\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 48, test_rows: 32}\n"
    "  - {path: builtin/counting, train_rows: 48, test_rows: 32}\n"
    "seeds: [0, 1]\n"
    "methods:\n"
    "  - {name: full, kind: full-matrices, learning_rate: [1e-3, 3e-3]}\n"
    "  - {name: lora, kind: lora, rank: [1, 4], learning_rate: 1e-2}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n";

static int make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    write_file(scratch_path("small.yaml"), experiment, sizeof experiment - 1);
    return told("run {small.yaml} --db {x.db} --threads 1");
}

static int unmake(void **state)
{
    told_free();
    return scratch_remove(state);
}

/* The points of correlation_points, two columns of them. */
static size_t points(double *x, double *y, const char *sql)
{
    wane_error err;
    wane_query *query = NULL;
    size_t count = 0;
    wane_results *db = open_results(scratch_path("x.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    while (wane_query_next(query, &err) == WANE_OK) {
        assert_true(count < 64);
        x[count] = wane_query_double(query, 0);
        y[count++] = wane_query_double(query, 1);
    }
    wane_query_free(query);
    wane_results_close(db);
    return count;
}

static void correlate_is_that_of_the_view(void **state)
{
    (void)state;
    wane_error err;
    double x[64], y[64], rho = 0, tau = 0;
    size_t n =
        points(x, y, "SELECT delta_frobenius, pretraining_forgetting FROM correlation_points");
    assert_int_equal(n, 16); /* 4 configs, 2 seeds, 2 stages */
    CHECK_OK(wane_spearman(&rho, x, y, n, &err));
    CHECK_OK(wane_kendall_tau_b(&tau, x, y, n, &err));
    const wane_json *root = told_json("correlate {x.db} --x delta_frobenius --json");
    json_keys_are(root, "x y given blocks points null collapsed collapsed_unknown n n_blocks p_min "
                        "null_mean zeros separation within_runs coefficients beside");
    assert_string_equal(json_text(root, "y"), "pretraining_forgetting");
    assert_string_equal(json_text(root, "blocks"), "config");
    assert_true(json_number(root, "n") == 16 && json_number(root, "n_blocks") == 4);
    CHECK_NEAR(json_number(root, "p_min"), 2.0 / 24, 1e-15, 0); /* all 4! permutations, two sides */
    const wane_json *list = wane_json_get(root, "coefficients");
    const double expected[] = {rho, tau, wane_pearson(x, y, n)};
    static const char *const names[] = {"spearman", "kendall_tau_b", "pearson"};
    assert_int_equal(wane_json_size(list), 3);
    for (size_t i = 0; i < 3; i++) {
        const wane_json *c = wane_json_at(list, i);
        json_keys_are(c, "name value low high p p_method reason result smallest_visible "
                         "visible_reason");
        assert_string_equal(json_text(c, "name"), names[i]);
        CHECK_NEAR(json_number(c, "value"), expected[i], 1e-14, 0);
        assert_true(isnan(json_number(c, "low"))); /* below 6 blocks */
        assert_string_equal(json_text(c, "p_method"), "exact");
    }
}

static void correlate_refuses_what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(told("correlate {x.db} --x intruder"), 2);
    assert_non_null(strstr(told_err(), "intruders"));
    assert_int_equal(told("correlate {x.db} --x trained"), 2);
    assert_int_equal(told("correlate {x.db} --blocks seeds"), 2);
    assert_int_equal(told("correlate {none.db}"), 2);
    assert_int_equal(told("correlate {small.yaml}"), 2);
}

/* Each mean of the curve is the mean over the seeds of the view it comes from. */
static void curves_are_means_of_the_view(void **state)
{
    (void)state;
    double position[64], value[64];
    size_t n =
        points(position, value,
               "SELECT position, avg(pretraining_forgetting) FROM stage_summary WHERE method "
               "= 'lora-r4' GROUP BY position ORDER BY position");
    assert_int_equal(n, 3);
    assert_true(value[0] == 0);
    assert_int_equal(told("curves {x.db} -o {c.csv}"), 0);
    char *csv = read_file(scratch_path("c.csv"), NULL);
    char *line = strstr(csv, "lora-r4,");
    for (size_t i = 0; i < n; i++) {
        assert_non_null(line);
        char *end = NULL;
        CHECK_NEAR(strtod(line + strlen("lora-r4,"), &end), position[i], 0, 0);
        assert_int_equal(*end, ',');
        assert_true(strtod(end + 1, &end) == 2); /* runs */
        CHECK_NEAR(strtod(end + 1, &end), value[i], 1e-12, 1e-12);
        line = strstr(end, "lora-r4,");
    }
    assert_null(line);
    free(csv);
    assert_int_equal(told("curves {x.db} -o {c.svg}"), 0);
    char *svg = read_file(scratch_path("c.svg"), NULL);
    static const char *const names[] = {"full-lr0.001", "full-lr0.003", "lora-r1", "lora-r4"};
    assert_non_null(strstr(svg, "<svg"));
    for (size_t i = 0; i < 4; i++) assert_non_null(strstr(svg, names[i]));
    free(svg);
    assert_int_equal(told("curves {x.db} --metric forgeting"), 2);
    assert_non_null(strstr(told_err(), "forgetting"));
    assert_int_equal(told("curves {x.db} -o {c.gif}"), 2);
}

/* What `line` says, row by row: the third column is compared with `value` for method lora-r4. */
static void means_are(const char *line, size_t first, double step, const double *value,
                      size_t count)
{
    assert_int_equal(told(line), 0);
    const char *row = strstr(told_out(), "lora-r4,");
    for (size_t i = 0; i < count; i++) {
        assert_non_null(row);
        char *end = NULL;
        CHECK_NEAR(strtod(row + strlen("lora-r4,"), &end), (double)(first + i) * step, 1e-12, 0);
        assert_true(strtod(end + 1, &end) == 2); /* runs */
        CHECK_NEAR(strtod(end + 1, &end), value[i], 1e-12, 0);
        row = strstr(end, "lora-r4,");
    }
    assert_null(row);
}

/* Counts over epsilon and k are those of the directions, one by one. */
static void counts_are_those_of_the_directions(void **state)
{
    (void)state;
    enum { EPSILONS = 19, KS = 32 };
    double cosine[4096], place[4096], by_epsilon[EPSILONS] = {0}, by_k[KS] = {0};
    wane_error err;
    wane_query *query = NULL;
    size_t count = 0;
    wane_results *db = open_results(scratch_path("x.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db,
                             "SELECT d.max_cosine, d.position FROM run r JOIN run_stage p "
                             "ON p.run = r.id AND p.position = 2 JOIN direction d "
                             "ON d.stage = p.stage WHERE r.method = 'lora-r4' AND d.side = 'v' "
                             "AND d.against = 'base' AND d.step = -1",
                             NULL, 0, &err));
    while (wane_query_next(query, &err) == WANE_OK) {
        assert_true(count < 4096);
        cosine[count] = wane_query_double(query, 0);
        place[count++] = wane_query_double(query, 1);
    }
    wane_query_free(query);
    wane_results_close(db);
    assert_int_equal(count, 2 * 14 * 32 - 2 * 4 * 16); /* two runs; k_proj and v_proj: rank 16 */
    for (size_t i = 0; i < count; i++) {
        for (size_t e = 0; e < EPSILONS; e++)
            by_epsilon[e] += place[i] <= 7 && cosine[i] < (double)(e + 1) / 20 ? 0.5 : 0;
        for (size_t k = 0; k < KS; k++)
            by_k[k] += place[i] <= (double)(k + 1) && cosine[i] < 0.9 ? 0.5 : 0;
    }
    assert_true(by_epsilon[EPSILONS - 1] > 0 && by_k[KS - 1] > by_k[0]);
    means_are("curves {x.db} -x epsilon --k 7 --side v --format csv", 1, 0.05, by_epsilon,
              EPSILONS);
    means_are("curves {x.db} -x k --epsilon 0.9 --side v --format csv", 1, 1, by_k, KS);
    assert_int_equal(told("curves {x.db} -m intruders --k 7 --side v --epsilon 0.95 --format csv"),
                     0);
    const char *row = strstr(told_out(), "lora-r4,2,2,");
    assert_non_null(row);
    CHECK_NEAR(strtod(row + strlen("lora-r4,2,2,"), NULL), by_epsilon[EPSILONS - 1], 1e-12, 0);
    assert_int_equal(told("curves {x.db} -x k --k 33 --side v"), 0); /* all are stored */
    assert_int_equal(told("curves {x.db} -x epsilon --against previous"), 1);
    assert_non_null(strstr(told_err(), "against previous"));
}

static void the_rest_reads_it_too(void **state)
{
    (void)state;
    assert_int_equal(told("ls {x.db}"), 0);
    assert_non_null(strstr(told_out(), "lora-r1/given/s1"));
    assert_int_equal(told("ls {x.db} --where seed=0"), 0);
    assert_null(strstr(told_out(), "lora-r1/given/s1"));
    assert_int_equal(told("show {x.db} lora-r4/given/s0"), 0);
    assert_non_null(strstr(told_out(), "topic > counting"));
    assert_int_equal(told("show {x.db} lora-r4"), 2);
    assert_int_equal(told("query {x.db} DELETE~FROM~run"), 2);
    const wane_json *root = told_json("query {x.db} SELECT~count(*)~AS~n~FROM~run --format json");
    int64_t runs = 0;
    assert_true(
        wane_json_integer(&runs, wane_json_at(wane_json_at(wane_json_get(root, "rows"), 0), 0)));
    assert_int_equal(runs, 8);
}

/* A measure this program has not: two numbers of every stage, one of them of the corpus, with the
 * norm of the change for mean, and one of a matrix, which is none of the stage. */
static size_t put_sizes(double *stage, double *norm)
{
    wane_error err;
    wane_query *query = NULL;
    char corpus[256] = "";
    size_t n =
        points(stage, norm, "SELECT stage, delta_frobenius FROM spectrum_total WHERE step = -1");
    wane_results *db = open_results(scratch_path("x.db"), WANE_RESULTS_WRITE);
    CHECK_OK(wane_query_open(&query, db, "SELECT key FROM corpus", NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    (void)snprintf(corpus, sizeof corpus, "%s", wane_query_text(query, 0));
    wane_query_free(query);
    for (size_t i = 0; i < 2 * n; i++) {
        const wane_measured_row rows[] = {{"", "size", norm[i / 2] + (i % 2 ? 1 : -1), NULL},
                                          {"a.weight", "size", 1e9, NULL}};
        const wane_cell cell = {.stage = (int64_t)stage[i / 2],
                                .step = WANE_STEP_SEALED,
                                .measure = "size",
                                .subject = i % 2 ? corpus : "",
                                .settings_sha256 = "1",
                                .data_sha256 = ""};
        CHECK_OK(wane_cell_commit(db, &cell,
                                  &(wane_cell_rows){.measured = rows, .measured_count = 2}, &err));
    }
    wane_results_close(db);
    return n;
}

static void any_number_of_a_measure_is_a_metric(void **state)
{
    (void)state;
    double stage[64], norm[64], value[64], rho[3];
    assert_int_equal(told("curves {x.db} -m size"), 2);
    assert_int_equal(put_sizes(stage, norm), 16);
    size_t n = points(stage, value,
                      "SELECT position, avg(delta_frobenius) FROM stage_summary WHERE method = "
                      "'lora-r4' AND position > 0 GROUP BY position ORDER BY position");
    means_are("curves {x.db} -m size --format csv", 1, 1, value, n);
    for (size_t i = 0; i < n; i++) value[i] += 1;
    means_are("curves {x.db} -m size --corpus text --format csv", 1, 1, value, n);
    const wane_json *list =
        wane_json_get(told_json("correlate {x.db} --x delta_frobenius --json"), "coefficients");
    for (size_t i = 0; i < 3; i++) rho[i] = json_number(wane_json_at(list, i), "value");
    const wane_json *root = told_json("correlate {x.db} --x size --json");
    assert_true(json_number(root, "n") == 16);
    list = wane_json_get(root, "coefficients");
    for (size_t i = 0; i < 3; i++)
        CHECK_NEAR(json_number(wane_json_at(list, i), "value"), rho[i], 1e-12, 0);
    root = told_json("correlate {x.db} --x intruders --y size --given size,rank --json");
    assert_true(json_number(root, "n") == 16);
    assert_int_equal(told("compare {x.db} lora-r1 lora-r4 --metric size"), 0);
    assert_non_null(strstr(told_out(), "size"));
    assert_int_equal(told("compare {x.db} lora-r1 lora-r4 --metric size --match norm"), 0);
    assert_int_equal(told("ls {x.db} metrics --format csv"), 0);
    assert_non_null(strstr(told_out(), "size,32,0,"));
    const char *column = strstr(told_out(), "\ndelta_frobenius_all,"); /* and of stage_summary */
    assert_non_null(column);
    assert_null(strstr(column + 1, "\ndelta_frobenius_all,"));
    assert_int_equal(told("query {x.db} --name measured_values --param run=lora-r4/given/s0"), 0);
    assert_non_null(strstr(told_out(), "a.weight"));
    assert_int_equal(told("verify {x.db}"), 0);
    static const told_refusal refused[] = {
        {"curves {x.db} -m sizee", "did you mean size"},
        {"curves {x.db} -m size --corpus none", "size"},
        {"curves {x.db} -m size --task topic", "what is measured on that task"},
        {"correlate {x.db} --x siez", "siez"},
        {"correlate {x.db} --x size --points looks", "size: not measured at looks"}};
    told_refused(refused, sizeof refused / sizeof *refused);
}

/* What validate prints is an experiment file again, with the same settings. */
static void validate_prints_a_file(void **state)
{
    (void)state;
    assert_int_equal(told("validate {small.yaml}"), 0);
    char *first = strdup(told_out());
    assert_non_null(strstr(first, "# plan "));
    assert_non_null(strstr(first, "8 runs, 16 stages to train, 96 steps, 131 cells"));
    write_file(scratch_path("printed.yaml"), first, strlen(first));
    assert_int_equal(told("validate {printed.yaml}"), 0);
    size_t settings = (size_t)(strstr(first, "\n\n#") - first);
    assert_memory_equal(told_out(), first, settings);
    free(first);
    assert_int_equal(told("validate {small.yaml} methods.full.learning_rate=fast"), 2);
    assert_non_null(strstr(told_err(), "fast"));
}

/* A stage that is trained, one that only gets new cells, and one that is left as it is. */
static void progress_says_what_was_done(void **state)
{
    (void)state;
    const char *methods = strstr(experiment, "methods:");
    for (int rows = 32; rows >= 24; rows -= 8) {
        wane_text text = {0};
        const char *test = strstr(strstr(experiment, "builtin/counting"), "test_rows: ");
        wane_text_printf(&text, "%.*stest_rows: %d}\n", (int)(test - experiment), experiment, rows);
        wane_text_printf(&text, "keep: all\nmethods: [{name: more, kind: full-matrices}]\n%s",
                         strstr(methods, "training:"));
        write_file(scratch_path(rows == 32 ? "more.yaml" : "again.yaml"), text.data, text.length);
        wane_text_free(&text);
    }
    assert_int_equal(told("run {more.yaml} --db {more.db} --threads 1"), 0);
    assert_non_null(strstr(told_err(), "\nstage 0, the base model: 3 cells filled\n"));
    const char *line =
        strstr(told_err(), "\nrun 1/1 more/given/s0: stage 1/2 topic: trained, 6 steps, loss ");
    assert_non_null(line);
    assert_int_equal(strncmp(strchr(line, ';'), "; 6 cells filled\n", 17), 0);
    assert_int_equal(told("run {again.yaml} --db {more.db} --threads 1"), 0);
    assert_null(strstr(told_err(), "trained, "));
    assert_non_null(
        strstr(told_err(), "\nrun 1/1 more/given/s0: stage 1/2 topic: 1 cell filled\n"));
    assert_int_equal(told("run {again.yaml} --db {more.db} --threads 1"), 0);
    assert_null(strstr(told_err(), "stage 1/2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correlate_is_that_of_the_view),
        cmocka_unit_test(correlate_refuses_what_is_not_there),
        cmocka_unit_test(curves_are_means_of_the_view),
        cmocka_unit_test(counts_are_those_of_the_directions),
        cmocka_unit_test(the_rest_reads_it_too),
        cmocka_unit_test(any_number_of_a_measure_is_a_metric),
        cmocka_unit_test(validate_prints_a_file),
        cmocka_unit_test(progress_says_what_was_done),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
