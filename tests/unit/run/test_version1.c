/* SPDX-License-Identifier: Apache-2.0
 * A database of version 1, 2 or 5, as the program of that time left it: it opens, keeps every row
 * and every trained stage, and new cells are filled from its weights. versionN.tar.gz holds a
 * model, the experiment, its database and its weights; the programs that wrote them are this
 * project at 52a1119, at 7fc33b6 and at ce5a846.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/results/database.h"
#include "store/results/query.h"
#include "tests/support/pack.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

enum { TABLES = 40 };

static char folder[400], database[440], yaml[440];

static int unpack_version(void **state, const char *archive)
{
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(folder, sizeof folder, "%s", scratch_folder());
    (void)snprintf(database, sizeof database, "%s/small.db", folder);
    (void)snprintf(yaml, sizeof yaml, "%s/small.yaml", folder);
    unpack(archive, folder);
    return 0;
}

static int unpack_all(void **state)
{
    return unpack_version(state, "unit/run/version1.tar.gz");
}

static int unpack_second(void **state)
{
    return unpack_version(state, "unit/run/version2.tar.gz");
}

static int unpack_fifth(void **state)
{
    return unpack_version(state, "unit/run/version5.tar.gz");
}

static int run(void)
{
    char root[440];
    (void)snprintf(root, sizeof root, "root=%s", folder);
    /* The file was made on another machine, perhaps. */
    const char *const arguments[] = {"run",       yaml, root,      "--db", database,
                                     "--threads", "1",  "--mixed", NULL};
    int code = process_run(arguments, "out", "err");
    char *text = read_file(scratch_path("err"), NULL);
    if (code != 0) print_error("%s\n", text);
    free(text);
    return code;
}

static sqlite3 *open_plain(const char *path)
{
    sqlite3 *sql = NULL;
    assert_int_equal(sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return sql;
}

/* Every table's name and columns as the file has them now, as a SELECT. */
static size_t list_tables(char *select[TABLES])
{
    sqlite3 *sql = open_plain(database);
    sqlite3_stmt *rows = NULL;
    size_t count = 0;
    assert_int_equal(
        sqlite3_prepare_v2(sql,
                           "SELECT printf('SELECT %s FROM \"%w\"', (SELECT group_concat('\"' || "
                           "name || '\"') FROM pragma_table_info(t.name) WHERE name NOT IN ("
                           "'random_u', 'random_v')), name) FROM "
                           "sqlite_schema t WHERE type = 'table' ORDER BY name",
                           -1, &rows, NULL),
        SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        assert_true(count < TABLES);
        select[count++] = wane_strdup((const char *)sqlite3_column_text(rows, 0));
    }
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(sql);
    return count;
}

/* All that the statements give, doubles bit by bit. */
static char *dump(const char *path, const char *const *select, size_t count)
{
    sqlite3 *sql = open_plain(path);
    wane_text text = {0};
    for (size_t t = 0; t < count; t++) {
        sqlite3_stmt *rows = NULL;
        assert_int_equal(sqlite3_prepare_v2(sql, select[t], -1, &rows, NULL), SQLITE_OK);
        wane_text_printf(&text, "%s\n", select[t]);
        while (sqlite3_step(rows) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(rows); c++)
                if (sqlite3_column_type(rows, c) == SQLITE_FLOAT)
                    wane_text_printf(&text, "%a|", sqlite3_column_double(rows, c));
                else {
                    const char *value = (const char *)sqlite3_column_text(rows, c);
                    wane_text_printf(&text, "%s|", value ? value : "NULL");
                }
            wane_text_string(&text, "\n");
        }
        (void)sqlite3_finalize(rows);
    }
    (void)sqlite3_close(sql);
    return text.data;
}

static void it_opens_and_keeps_every_row(void **state)
{
    (void)state;
    wane_error err;
    char *select[TABLES];
    size_t count = list_tables(select);
    const char *const *all = (const char *const *)select;
    char *before = dump(database, all, count);
    assert_true(count == 30 || count == 31 || count == 34);
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    int64_t version = 0;
    CHECK_OK(wane_results_get(db, &version, 1, &err, "PRAGMA user_version", ""));
    assert_int_equal(version, WANE_RESULTS_VERSION);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run_summary"), 2);
    CHECK_OK(wane_results_check(db, &err));
    wane_results_close(db);
    char *after = dump(database, all, count);
    assert_string_equal(before, after);
    wane_free(before);
    wane_free(after);
    for (size_t t = 0; t < count; t++) wane_free(select[t]);
}

/* Tables and their columns, in order, with type, default and place in the key. */
static void it_is_made_like_a_fresh_one(void **state)
{
    (void)state;
    static const char *const shape[] = {
        "SELECT t.name, c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk FROM "
        "sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, 2",
        "SELECT name, type FROM sqlite_schema WHERE type <> 'table' ORDER BY 1"};
    wane_results *db = open_results(scratch_path("fresh.db"), WANE_RESULTS_CREATE);
    wane_results_close(db);
    db = open_results(database, WANE_RESULTS_READ);
    wane_results_close(db);
    char *fresh = dump(scratch_path("fresh.db"), shape, 2), *old = dump(database, shape, 2);
    assert_string_equal(fresh, old);
    wane_free(fresh);
    wane_free(old);
}

static void add_corpus_named(const char *name, int seed)
{
    static const char first[] = "corpora:\n";
    char *text = read_file(yaml, NULL), *list = strstr(text, first);
    assert_non_null(list);
    wane_text more = {0};
    wane_text_append(&more, text, (size_t)(list - text) + sizeof first - 1);
    wane_text_printf(&more, "  - {name: %s, path: builtin, seed: %d, documents: 2}\n%s", name, seed,
                     list + sizeof first - 1);
    write_file(yaml, more.data, more.length);
    wane_text_free(&more);
    free(text);
}

static void add_corpus(void)
{
    add_corpus_named("other", 5);
}

/* The same experiment and a corpus more: nothing is trained, what was measured stays. */
static void new_cells_are_filled_without_training(void **state)
{
    (void)state;
    static const char *const select[] = {
        "SELECT * FROM step ORDER BY stage, step",
        "SELECT id, key, parent, status, steps FROM stage ORDER BY id",
        /* Adapters are sealed anew as they are read: over their configuration too. */
        "SELECT stage, kind, path, iif(kind = 'adapter', '', sha256), gone FROM artifact "
        "ORDER BY stage",
        "SELECT stage, step, metric, split, task, value, n FROM score",
        "SELECT stage, step, nll, stderr, tokens FROM likelihood WHERE corpus = 1",
        "SELECT stage, matrix, intruders_u, intruders_v, printf('%.5g', delta_frobenius) "
        "FROM spectrum ORDER BY stage, matrix"};
    enum { SELECTS = sizeof select / sizeof *select };
    char *before = dump(database, select, SELECTS);
    assert_int_equal(run(), 0);
    char *after = dump(database, select, SELECTS);
    assert_string_equal(before, after);
    wane_free(after);
    add_corpus();
    assert_int_equal(run(), 0);
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM likelihood WHERE corpus = 2"),
                     5);
    after = dump(database, select, SELECTS);
    assert_string_equal(before, after);
    wane_free(before);
    wane_free(after);
}

/* The next run brings what an earlier program did not know of what it had measured: the entropies
 * of texts and the metrics of learned tasks, at every position where there is one, and no other
 * row. */
static void outcomes_come_with_the_next_run(void **state)
{
    (void)state;
    static const char unknown[] = "SELECT count(*) FROM corpus WHERE unigram_entropy IS NULL";
    static const char *const names[] = {"majority", "learned_tasks", "bwt_learned",
                                        "forgetting_learned"};
    static const char *const earlier[] = {
        "SELECT * FROM metric WHERE name NOT IN ('majority', 'learned_tasks', 'bwt_learned', "
        "'forgetting_learned') ORDER BY run, position, name, subject"};
    const char *const verify[] = {"verify", database, NULL};
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    wane_results_close(db);
    assert_true(query_integer_at(database, unknown) > 0);
    char *before = dump(database, earlier, 1);
    int64_t stages = query_integer_at(database, "SELECT count(*) FROM metric WHERE name = 'acc'");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(run(), 0);
        assert_int_equal(query_integer_at(database, unknown), 0);
        for (size_t i = 0; i < 4; i++) {
            char sql[100];
            (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM metric WHERE name = '%s'",
                           names[i]);
            assert_int_equal(query_integer_at(database, sql), stages);
        }
        char *after = dump(database, earlier, 1);
        assert_string_equal(before, after);
        wane_free(after);
        assert_int_equal(process_run(verify, "page", "err"), 0);
    }
    assert_true(stages > 0);
    wane_free(before);
    /* How many are learned, and what guessing gives, from the scores themselves. */
    assert_int_equal(
        query_integer_at(
            database,
            "SELECT count(*) FROM metric m WHERE m.name = 'learned_tasks' AND m.value IS NOT "
            "(SELECT "
            "sum(a.value > g.value + 2 * a.stderr) FROM run_stage p JOIN score a ON a.stage = "
            "p.stage "
            "AND a.task = p.task AND a.step = -1 AND a.metric = 'accuracy' AND a.split = 'test' "
            "JOIN "
            "score g ON g.stage = p.stage AND g.task = p.task AND g.step = -1 AND g.metric = "
            "'majority' AND g.split = 'test' WHERE p.run = m.run AND p.position <= m.position)"),
        0);
    assert_int_equal(
        query_integer_at(
            database,
            "SELECT count(*) FROM metric m WHERE m.name = 'majority' AND abs(m.value - (SELECT "
            "avg(g.value) FROM run_stage p JOIN score g ON g.stage = p.stage AND g.task = p.task "
            "AND "
            "g.step = -1 AND g.metric = 'majority' AND g.split = 'test' WHERE p.run = m.run AND "
            "p.position <= m.position)) < 1e-12"),
        stages);
}

/* What was there is as it was, and says that no seal is over it; what is filled since is sealed. */
static void earlier_rows_are_unsealed(void **state)
{
    (void)state;
    const char *const arguments[] = {"verify", database, NULL};
    assert_int_equal(process_run(arguments, "page", "err"), 0);
    char *page = read_file(scratch_path("page"), NULL);
    assert_non_null(strstr(page, "unsealed"));
    free(page);
    int64_t cells = query_integer_at(database, "SELECT count(*) FROM cell");
    assert_int_equal(
        query_integer_at(database, "SELECT count(*) FROM cell WHERE rows_sha256 IS NULL"), cells);
    add_corpus();
    assert_int_equal(run(), 0);
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM cell WHERE measure = "
                                                "'likelihood' AND rows_sha256 IS NULL"),
                     5);
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM cell WHERE measure = "
                                                "'likelihood' AND length(rows_sha256) = 64"),
                     5);
    assert_int_equal(process_run(arguments, "page", "err"), 0);
    sqlite3 *plain = NULL;
    assert_int_equal(sqlite3_open_v2(database, &plain, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, "DELETE FROM likelihood WHERE stage = 2 AND corpus = 2",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(plain);
    assert_int_equal(process_run(arguments, "page", "err"), 1);
}

static void change(const char *sql)
{
    sqlite3 *plain = NULL;
    assert_int_equal(sqlite3_open_v2(database, &plain, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(plain);
}

static void remove_update(int stage)
{
    char sql[120], path[1000];
    sqlite3 *plain = open_plain(database);
    sqlite3_stmt *rows = NULL;
    (void)snprintf(sql, sizeof sql, "SELECT path FROM artifact WHERE stage = %d", stage);
    assert_int_equal(sqlite3_prepare_v2(plain, sql, -1, &rows, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    (void)snprintf(path, sizeof path, "%s.artifacts/%s", database,
                   (const char *)sqlite3_column_text(rows, 0));
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(plain);
    remove_tree(path);
}

/* Directions that exist and clusters are found from the weights; counts stay as they were. */
static void spectra_are_measured_again(void **state)
{
    (void)state;
    assert_int_equal(run(), 0);
    assert_int_equal(query_integer_at(database,
                                      "SELECT count(*) FROM spectrum WHERE changed = 1 AND "
                                      "\"floor\" > 0 AND existing_u = 10 AND "
                                      "unresolved_u IS NOT NULL"),
                     28);
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM direction "
                                                "WHERE cluster_overlap >= max_cosine"),
                     4 * 7 * 2 * 10);
    char *said = read_file(scratch_path("err"), NULL);
    assert_null(strstr(said, "earlier wane"));
    free(said);
}

/* One adapter let go, one file deleted: what cannot be measured again stays, and the runs are done.
 */
static void spectra_without_weights_stay(void **state)
{
    (void)state;
    static const char *const kept[] = {
        "SELECT stage, matrix, intruders_u, energy_u, delta_frobenius, reason "
        "FROM spectrum WHERE stage IN (3, 4)",
        "SELECT stage, side, position, matrix, sigma, max_cosine FROM direction "
        "WHERE stage IN (3, 4)",
        "SELECT * FROM step ORDER BY stage, step"};
    remove_update(3);
    remove_update(4);
    change("UPDATE artifact SET gone = 1 WHERE stage = 3");
    char *before = dump(database, kept, 3);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(run(), 0);
        char *said = read_file(scratch_path("err"), NULL), *after = dump(database, kept, 3);
        assert_non_null(strstr(said, "2 spectra stay as an earlier wane measured them"));
        assert_string_equal(before, after);
        assert_int_equal(
            query_integer_at(database, "SELECT count(*) FROM run WHERE status = 'done'"), 2);
        assert_int_equal(query_integer_at(database, "SELECT sum(stage) FROM spectrum_total "
                                                    "WHERE existing_u IS NULL AND changed = 7"),
                         3 + 4);
        assert_int_equal(query_integer_at(database, "SELECT sum(stage) FROM spectrum_total "
                                                    "WHERE existing_u = 70"),
                         2 + 5);
        free(said);
        wane_free(after);
    }
    wane_free(before);
}

/* Rows that were hashed before a column came stay under their hashes, and under them alone; the
 * next run measures none of them again. */
static void seals_of_version_5_hold(void **state)
{
    (void)state;
    static const char *const cells[] = {
        "SELECT * FROM cell ORDER BY stage, step, measure, subject",
        "SELECT * FROM direction ORDER BY stage, step, against, side, position, matrix"};
    const char *const verify[] = {"verify", database, NULL};
    static const char *const changes[] = {
        "UPDATE direction SET max_cosine = .5, max_cosine_low = .5, max_cosine_high = .5 "
        "WHERE stage = 2 AND position = 1",
        "UPDATE direction SET steps = 3 WHERE stage = 2 AND position = 1",
        "PRAGMA ignore_check_constraints = 1; UPDATE direction SET max_cosine_low = "
        "max_cosine / 2 WHERE stage = 2 AND position = 1"};
    assert_int_equal(process_run(verify, "page", "err"), 0);
    char *page = read_file(scratch_path("page"), NULL), *before = dump(database, cells, 2);
    assert_null(strstr(page, "unsealed"));
    free(page);
    assert_int_equal(query_integer_at(database,
                                      "SELECT count(*) FROM direction WHERE max_cosine IS NOT "
                                      "max_cosine_low OR max_cosine IS NOT max_cosine_high OR "
                                      "steps IS NOT NULL"),
                     0);
    assert_int_equal(run(), 0);
    char *after = dump(database, cells, 2);
    assert_string_equal(before, after);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        size_t size = 0;
        char *whole = read_file(database, &size);
        change(changes[i]);
        if (process_run(verify, "page", "err") != 1) fail_msg("%s: not found", changes[i]);
        write_file(database, whole, size);
        free(whole);
    }
    assert_int_equal(process_run(verify, "page", "err"), 0);
    wane_free(before);
    wane_free(after);
}

static char edited[600], kept[4096];

/* The configuration of the first adapter there is, `from` in it become `to`. */
static void edit_adapter(const char *from, const char *to)
{
    sqlite3 *sql = open_plain(database);
    sqlite3_stmt *rows = NULL;
    assert_int_equal(sqlite3_prepare_v2(sql,
                                        "SELECT path FROM artifact WHERE kind = 'adapter' AND gone "
                                        "= 0 ORDER BY stage",
                                        -1, &rows, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    (void)snprintf(edited, sizeof edited, "%s.artifacts/%s/adapter_config.json", database,
                   (const char *)sqlite3_column_text(rows, 0));
    (void)sqlite3_finalize(rows);
    (void)sqlite3_close(sql);
    char *text = read_file(edited, NULL), *place = strstr(text, from);
    assert_non_null(place);
    (void)snprintf(kept, sizeof kept, "%s", text);
    wane_text more = {0};
    wane_text_append(&more, text, (size_t)(place - text));
    wane_text_printf(&more, "%s%s", to, place + strlen(from));
    write_file(edited, more.data, more.length);
    wane_text_free(&more);
    free(text);
}

static void is_refused(const char *cause)
{
    static const char count[] = "SELECT count(*) FROM likelihood";
    int64_t before = query_integer_at(database, count);
    char root[440];
    (void)snprintf(root, sizeof root, "root=%s", folder);
    const char *const arguments[] = {"run",       yaml, root,      "--db", database,
                                     "--threads", "1",  "--mixed", NULL};
    assert_int_not_equal(process_run(arguments, "out", "err"), 0);
    char *text = read_file(scratch_path("err"), NULL);
    if (!strstr(text, cause)) fail_msg("%s", text);
    free(text);
    /* What other stages could have measured may be there; nothing of the adapter's. */
    assert_true(query_integer_at(database, count) - before < 4);
    write_file(edited, kept, strlen(kept));
}

/* The seal of that time leaves the configuration out: it is held against what the stage was trained
 * with, and then sealed too. */
static void configurations_come_under_the_seal(void **state)
{
    (void)state;
    static const char seals[] = "SELECT stage, sha256 FROM artifact WHERE kind = 'adapter'";
    const char *const select[] = {seals};
    char *before = dump(database, select, 1);
    add_corpus();
    edit_adapter("\"lora_alpha\": ", "\"lora_alpha\": 1");
    is_refused("adapter_config.json is not that of its stage: model.layers.");
    edit_adapter("\"use_rslora\": false", "\"use_rslora\": 1");
    is_refused("adapter_config.json is not that of its stage");
    edit_adapter("\"bias\"", "\"exclude_modules\": [\"q_proj\"], \"bias\"");
    is_refused("other target_modules than it was trained on");
    assert_int_equal(run(), 0);
    char *after = dump(database, select, 1);
    assert_string_not_equal(before, after);
    add_corpus_named("third", 6);
    edit_adapter("\"lora_dropout\": 0", "\"lora_dropout\": 0.0");
    is_refused("its bytes are not those that were sealed");
    assert_int_equal(run(), 0);
    char *last = dump(database, select, 1);
    assert_string_equal(after, last);
    wane_free(before);
    wane_free(after);
    wane_free(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_opens_and_keeps_every_row, unpack_all, scratch_remove),
        cmocka_unit_test_setup_teardown(it_is_made_like_a_fresh_one, unpack_all, scratch_remove),
        cmocka_unit_test_setup_teardown(it_opens_and_keeps_every_row, unpack_second,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(it_is_made_like_a_fresh_one, unpack_second, scratch_remove),
        cmocka_unit_test_setup_teardown(it_opens_and_keeps_every_row, unpack_fifth, scratch_remove),
        cmocka_unit_test_setup_teardown(it_is_made_like_a_fresh_one, unpack_fifth, scratch_remove),
        cmocka_unit_test_setup_teardown(seals_of_version_5_hold, unpack_fifth, scratch_remove),
        cmocka_unit_test_setup_teardown(new_cells_are_filled_without_training, unpack_second,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(outcomes_come_with_the_next_run, unpack_second,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(earlier_rows_are_unsealed, unpack_all, scratch_remove),
        cmocka_unit_test_setup_teardown(earlier_rows_are_unsealed, unpack_second, scratch_remove),
        cmocka_unit_test_setup_teardown(new_cells_are_filled_without_training, unpack_all,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(outcomes_come_with_the_next_run, unpack_all,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(spectra_are_measured_again, unpack_all, scratch_remove),
        cmocka_unit_test_setup_teardown(spectra_without_weights_stay, unpack_all, scratch_remove),
        cmocka_unit_test_setup_teardown(configurations_come_under_the_seal, unpack_all,
                                        scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
