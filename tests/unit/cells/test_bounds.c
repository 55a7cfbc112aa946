/* SPDX-License-Identifier: Apache-2.0
 * An experiment whose cosines are bounded, beside the same by the SVD of the base: the same counts
 * wherever bounds decide, intervals that hold the cosines, nothing of the base on disk.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/results/database.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

/* Wide enough for bounds on ten directions. */
static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 80, layers: 1, heads: 2, kv_heads: 2, hidden: 96, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 4}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: 8}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 8}\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 5e-2}\n"
    "  - {name: full, kind: full, learning_rate: 1e-2}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "intruders: {top: 10, against: [base, previous], exact: true}\n"
    "track: {every: 4, top: 10, nll_tokens: 0, task_rows: 0}\n"
    "interventions: {lambdas: [0, 0.5], choices: top}\n"
    "matrices: [q_proj]\n"
    "keep: all\n";

static char yaml[512];

/* Fills `database`, with up to three settings that are others than the file's. */
static void run(const char *database, const char *threads, const char *const more[3])
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", scratch_path(database));
    const char *arguments[12] = {"run", yaml, "--db", path, "--threads", threads};
    size_t count = 6;
    for (size_t i = 0; more && i < 3 && more[i]; i++) arguments[count++] = more[i];
    if (process_run(arguments, "out", "err") == 0) return;
    char *said = read_file(scratch_path("err"), NULL);
    fail_msg("%s: %s", database, said);
}

static int make(void **state)
{
    static const char *const bounded[3] = {"intruders.exact=false"};
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    write_file(yaml, experiment, sizeof experiment - 1);
    run("exact.db", "1", NULL);
    run("bounded.db", "2", bounded);
    return 0;
}

/* Over e, the database of exact cosines, and b, that of bounded ones. */
static double both(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    char text[2][700];
    (void)snprintf(text[0], sizeof text[0], "ATTACH '%s' AS e", scratch_path("exact.db"));
    (void)snprintf(text[1], sizeof text[1], "ATTACH '%s' AS b", scratch_path("bounded.db"));
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sqlite3_exec(db, text[i], NULL, NULL, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    double value = sqlite3_column_double(row, 0);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return value;
}

#define SAME_DIRECTION                                                                             \
    "FROM b.direction d JOIN e.direction x USING (stage, step, against, side, position, matrix) "
#define NONE(sql) assert_int_equal((int)both("SELECT count(*) " sql), 0)

static void bounds_hold_the_cosines(void **state)
{
    (void)state;
    /* Two runs of two stages, seven matrices: two references, and two looks into each stage. */
    double rows = 2 * 2 * 7 * 2 * 10 * (2 + 2);
    assert_int_equal((int)both("SELECT count(*) " SAME_DIRECTION), (int)rows);
    NONE(SAME_DIRECTION "WHERE abs(d.sigma - x.sigma) > 1e-5 * x.sigma OR d.identity IS NOT "
                        "x.identity OR d.reason IS NOT x.reason");
    NONE(SAME_DIRECTION "WHERE d.max_cosine_low > x.max_cosine + 1e-6 OR d.max_cosine_high < "
                        "x.max_cosine - 1e-6 OR d.cluster_overlap < x.cluster_overlap - 1e-6");
    /* What each says of itself. */
    NONE("FROM b.direction WHERE steps IS NULL OR span IS NOT NULL OR subspace_overlap IS NOT NULL "
         "OR argmax IS NOT NULL");
    NONE("FROM e.direction WHERE steps IS NOT NULL OR max_cosine_high IS NOT max_cosine OR span IS "
         "NULL");
    NONE("FROM b.spectrum WHERE base_count IS NOT NULL OR reason IS NOT iif(changed, 'bounded', "
         "'unchanged')");
    NONE("FROM e.spectrum WHERE base_count IS NULL OR reason IS 'bounded'");
    assert_true(both("SELECT count(*) FROM b.direction WHERE max_cosine_high > max_cosine_low") >
                100);
    assert_true(both("SELECT count(*) FROM b.direction WHERE steps > 0") > 100);
}

static void counts_are_the_same(void **state)
{
    (void)state;
    static const double decided[] = {.1, .2, .3, .4, .45, .5, .55, .6, .7, .8, .9};
    for (size_t i = 0; i < sizeof decided / sizeof *decided; i++) {
        char sql[500];
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) " SAME_DIRECTION
                       "WHERE (d.cluster_overlap < %g) <> (x.cluster_overlap < %g) OR "
                       "(d.max_cosine >= %g) <> (x.max_cosine >= %g)",
                       decided[i], decided[i], decided[i], decided[i]);
        assert_int_equal((int)both(sql), 0);
    }
    NONE("FROM b.spectrum_total t JOIN e.spectrum_total x USING (stage, step, against) WHERE "
         "t.intruders_u IS NOT x.intruders_u OR t.intruders_v IS NOT x.intruders_v OR "
         "t.existing_u IS NOT x.existing_u OR abs(t.energy_u - x.energy_u) > 1e-5");
    assert_true(both("SELECT sum(intruders_u) FROM b.spectrum_total WHERE step = -1") > 10);
    /* Where bounds leave it open the count is a part of the true one, and the rest is unresolved.
     */
    NONE("FROM (SELECT sum(d.cluster_overlap < .62) AS certain, sum(x.cluster_overlap < .62) AS "
         "yes, sum(d.max_cosine < .62) AS possible " SAME_DIRECTION
         "GROUP BY stage, step, against, side) WHERE certain > yes OR possible < yes");
    assert_true(
        both("SELECT sum(d.max_cosine < .62 AND d.cluster_overlap >= .62) " SAME_DIRECTION) > 0);
}

static void what_stands_on_them_is_the_same(void **state)
{
    (void)state;
    /* Of low-rank changes the same random ones, of others some of the same law. */
    NONE("FROM b.null_draw n JOIN e.null_draw x USING (stage, step, kind, side, draw) JOIN "
         "b.run_stage p USING (stage) JOIN b.run r ON r.id = p.run WHERE r.kind = 'lora' AND "
         "(n.below <> x.below OR n.intruders <> x.intruders)");
    NONE(
        "FROM (SELECT avg(n.intruders) AS u, avg(x.intruders) AS v, avg(x.intruders * x.intruders) "
        "AS w FROM b.null_draw n JOIN e.null_draw x USING (stage, step, kind, side, draw) GROUP BY "
        "stage, kind, side) WHERE abs(u - v) > .1 + 5 * sqrt(2 * max(w - v * v, 0) / 99)");
    assert_true(both("SELECT count(*) FROM b.null_draw") > 300);
    NONE("FROM b.overlap o JOIN e.overlap x USING (stage, step, matrix, side, i, j) WHERE "
         "abs(o.value - x.value) > 1e-6");
    assert_true(both("SELECT count(*) FROM b.overlap") > 300);
    /* What is certain: at that place or later. */
    NONE("FROM b.measured m JOIN e.measured x USING (stage, step, measure, subject, matrix, name) "
         "WHERE measure = 'onset' AND m.value < x.value - 1e-9 OR m.value > x.value + .05");
    NONE("FROM b.intervention i JOIN e.intervention x USING (stage, step, choice, arm, lambda, "
         "measure, target) WHERE i.reason IS NOT x.reason OR abs(i.value - x.value) > "
         "1e-4 + 1e-3 * abs(x.value)");
    assert_true(both("SELECT count(*) FROM b.intervention WHERE value IS NOT NULL") > 20);
    /* Neither is made of numbers that are not there. */
    NONE("FROM b.spectrum_total t JOIN b.stage s ON s.id = t.stage JOIN b.spectrum m USING (stage, "
         "step, against) WHERE m.changed AND m.effective_rank IS NULL AND t.effective_rank IS NOT "
         "NULL");
    /* One singular value of the change of a whole weight, and what is made of it. */
    NONE("FROM b.spectrum m JOIN e.spectrum x USING (stage, step, against, matrix) WHERE step = -1 "
         "AND (m.delta_spectral IS NULL OR abs(m.delta_spectral - x.delta_spectral) > 1e-6 * "
         "x.delta_spectral OR abs(m.stable_rank - x.stable_rank) > 2e-6 * x.stable_rank OR "
         "abs(m.top_share - x.top_share) > 2e-6)");
    NONE("FROM b.spectrum_total t JOIN e.spectrum_total x USING (stage, step, against) WHERE step "
         "= -1 AND (t.stable_rank IS NULL OR abs(t.stable_rank - x.stable_rank) > 2e-6 * "
         "x.stable_rank)");
}

static void nothing_of_the_base_is_on_disk(void **state)
{
    (void)state;
    static const char *const folders[] = {"svd", "svd_previous"};
    for (size_t i = 0; i < 2; i++) {
        char path[600], **names = NULL;
        size_t count = 0;
        wane_error err;
        (void)snprintf(path, sizeof path, "%s.artifacts/%s", scratch_path("bounded.db"),
                       folders[i]);
        CHECK_OK(wane_folder_walk(&names, &count, path, 1000, &err));
        assert_int_equal(count, 0);
        wane_names_free(names, count);
    }
}

static char *rows_of(const char *database, bool looks)
{
    static const char *const tables[] = {
        "spectrum ORDER BY stage, step, against, matrix",
        "direction ORDER BY stage, step, against, side, position, matrix",
        "cell ORDER BY stage, step, measure, subject",
        "measured ORDER BY 1, 2, 3, 4, 5, 6",
        "intervention ORDER BY 1, 2, 3, 4, 5, 6, 7",
        "overlap ORDER BY 1, 2, 3, 4, 5, 6"};
    wane_text text = {0};
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(scratch_path(database), &db, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        sqlite3_stmt *row = NULL;
        char sql[200];
        (void)snprintf(sql, sizeof sql, "SELECT * FROM (SELECT * FROM %s) WHERE step = -1 OR %d",
                       tables[t], looks);
        if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
            fail_msg("%s", sqlite3_errmsg(db));
        while (sqlite3_step(row) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(row); c++)
                if (sqlite3_column_type(row, c) == SQLITE_FLOAT)
                    wane_text_printf(&text, "%a|", sqlite3_column_double(row, c));
                else {
                    const char *value = (const char *)sqlite3_column_text(row, c);
                    wane_text_printf(&text, "%s|", value ? value : "");
                }
            wane_text_string(&text, "\n");
        }
        (void)sqlite3_finalize(row);
    }
    (void)sqlite3_close(db);
    assert_false(text.failed);
    return text.data;
}

/* Whatever order cells are filled in, in how many processes and threads. */
static void resumed_rows_are_the_same(void **state)
{
    (void)state;
    static const char *const less[3] = {"intruders={top: 10, nulls: none, exact: false}",
                                        "interventions=false", "matrices=[]"};
    static const char *const all[3] = {"intruders.exact=false"};
    run("parts.db", "1", less);
    run("parts.db", "3", all);
    char *whole = rows_of("bounded.db", true), *parts = rows_of("parts.db", true);
    assert_string_equal(whole, parts);
    wane_free(whole);
    wane_free(parts);
}

static void copy(const char *from, const char *to)
{
    size_t size = 0;
    char *bytes = read_file(scratch_path(from), &size);
    write_file(scratch_path(to), bytes, size);
    free(bytes);
    char old[600], new[600];
    (void)snprintf(old, sizeof old, "%s.artifacts", scratch_path(from));
    (void)snprintf(new, sizeof new, "%s.artifacts", scratch_path(to));
    wane_text line = {0};
    wane_text_printf(&line, "cp -r '%s' '%s'", old, new);
    assert_int_equal(system(line.data), 0);
    wane_text_free(&line);
}

/* Exact cosines serve where bounds are asked for; bounds do not where exact ones are. */
static void exact_serves_for_bounded(void **state)
{
    (void)state;
    static const char *const ways[][3] = {{"intruders.exact=false"}, {"intruders.exact=auto"}};
    char *before = rows_of("exact.db", true);
    for (size_t i = 0; i < 2; i++) {
        run("exact.db", "1", ways[i]);
        char *after = rows_of("exact.db", true);
        assert_string_equal(before, after);
        wane_free(after);
    }
    wane_free(before);
    copy("bounded.db", "turned.db");
    run("turned.db", "2", NULL);
    char *exact = rows_of("exact.db", false), *turned = rows_of("turned.db", false);
    assert_string_equal(exact, turned);
    wane_free(exact);
    wane_free(turned);
}

/* The epsilon of interventions is decided too, and by that alone the rows are others. */
static void own_epsilon_is_decided(void **state)
{
    (void)state;
    static const char open[] =
        "SELECT count(*) FROM direction d WHERE step = -1 AND max_cosine < 0.62 AND "
        "max_cosine_high >= 0.62";
    static const char *const more[3] = {"intruders.exact=false", "interventions.epsilon=0.62"};
    assert_true(query_integer_at(scratch_path("bounded.db"), open) > 0);
    copy("bounded.db", "own.db");
    run("own.db", "2", more);
    assert_int_equal(query_integer_at(scratch_path("own.db"), open), 0);
}

static void measured_again_they_are_the_same(void **state)
{
    (void)state;
    char database[512];
    (void)snprintf(database, sizeof database, "%s", scratch_path("bounded.db"));
    const char *arguments[] = {"verify", database,    "--recompute", "1000", "--experiment",
                               yaml,     "--threads", "2",           NULL,   NULL};
    /* By the file's own setting they would be exact. */
    assert_int_equal(process_run(arguments, "page", "err"), 0);
    char *page = read_file(scratch_path("page"), NULL);
    assert_non_null(strstr(page, "other settings"));
    free(page);
    arguments[8] = "intruders.exact=false";
    assert_int_equal(process_run(arguments, "page", "err"), 0);
    page = read_file(scratch_path("page"), NULL);
    assert_null(strstr(page, "other settings"));
    free(page);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE direction SET max_cosine_high = max_cosine_high + 1e-9 "
                                  "WHERE stage = 2 AND position = 1 AND step = -1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    assert_int_equal(process_run((const char *const[]){"verify", database, NULL}, "page", "err"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold_the_cosines),
        cmocka_unit_test(counts_are_the_same),
        cmocka_unit_test(what_stands_on_them_is_the_same),
        cmocka_unit_test(nothing_of_the_base_is_on_disk),
        cmocka_unit_test(resumed_rows_are_the_same),
        cmocka_unit_test(exact_serves_for_bounded),
        cmocka_unit_test(own_epsilon_is_decided),
        cmocka_unit_test(measured_again_they_are_the_same),
    };
    return cmocka_run_group_tests(tests, make, scratch_remove);
}
