/* SPDX-License-Identifier: Apache-2.0
 * `wane verify`: a database as a run left it has nothing amiss; changed in any of these ways, what
 * was changed is found and named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/results/database.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

static const char experiment[] =
    "name: small\n"
    "model: builtin\n"
    "pretraining: {width: 32, layers: 2, heads: 2, kv_heads: 1, hidden: 64, steps: 20,\n"
    "              documents: 200, batch_tokens: 512, context: 96}\n"
    "corpora:\n"
    "  - {name: text, path: builtin, role: pretraining, documents: 10}\n"
    "tasks:\n"
    "  - {path: builtin/topic, train_rows: 32, test_rows: 24}\n"
    "  - {path: builtin/counting, train_rows: 32, test_rows: 24}\n"
    "methods:\n"
    "  - {name: lora, kind: lora, rank: 2, learning_rate: 1e-2}\n"
    "  - {name: full, kind: full, learning_rate: 1e-3}\n"
    "training: {epochs: 1, batch_size: 8, max_seq_length: 96}\n"
    "track: {every: 2, task_rows: 8}\n"
    "matrices: [{name: 0.q_proj, stages: all}]\n"
    "interventions: {lambdas: [0, 0.7], choices: top}\n";

static char database[512], yaml[512], *whole;
static size_t whole_size;

static int measure(void **state)
{
    if (scratch_make(state) != 0) return -1;
    (void)snprintf(yaml, sizeof yaml, "%s", scratch_path("small.yaml"));
    (void)snprintf(database, sizeof database, "%s", scratch_path("small.db"));
    write_file(yaml, experiment, sizeof experiment - 1);
    const char *const arguments[] = {"run", yaml, "--db", database, "--threads", "1", NULL};
    if (process_run(arguments, "out", "err") != 0) return -1;
    whole = read_file(database, &whole_size);
    return 0;
}

static int clean(void **state)
{
    free(whole);
    return scratch_remove(state);
}

static int verify(void)
{
    const char *const arguments[] = {"verify", database, NULL};
    return process_run(arguments, "page", "err");
}

static void restore(void)
{
    write_file(database, whole, whole_size);
    (void)unlink(scratch_path("small.db-journal"));
}

static void is_found(const char *what, const char *text)
{
    int code = verify();
    char *page = read_file(scratch_path("page"), NULL), *list = strstr(page, "\nfound\n");
    if (code != 1 || !list || !strstr(list, text)) {
        char *err = read_file(scratch_path("err"), NULL);
        print_error("%s: exit %d, wanted \"%s\":\n%s%s", what, code, text, page, err);
        free(err);
    }
    assert_int_equal(code, 1);
    assert_non_null(list);
    assert_non_null(strstr(list, text));
    free(page);
}

static void change(const char *sql)
{
    sqlite3 *plain = NULL;
    char *words = NULL;
    assert_int_equal(sqlite3_open_v2(database, &plain, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_exec(plain, sql, NULL, NULL, &words) != SQLITE_OK) fail_msg("%s: %s", sql, words);
    if (sqlite3_total_changes(plain) == 0 && !strstr(sql, "DROP") && !strstr(sql, "CREATE") &&
        !strstr(sql, "ALTER"))
        fail_msg("%s: changes nothing", sql);
    (void)sqlite3_close(plain);
}

static void as_it_was_left_it_is_whole(void **state)
{
    (void)state;
    /* Tokens are counted in training alone, and there they are those of its steps. */
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM usage WHERE "
                                                "(tokens IS NULL) <> (phase <> 'train') OR "
                                                "peak_bytes = 0 OR tokens <> (SELECT "
                                                "sum(s.tokens) FROM step s WHERE s.stage = "
                                                "usage.stage)"),
                     0);
    int code = verify();
    char *page = read_file(scratch_path("page"), NULL);
    if (code != 0) print_error("%s", page);
    assert_int_equal(code, 0);
    assert_null(strstr(page, "unsealed"));
    assert_non_null(strstr(page, "unexpected files     0"));
    free(page);
    /* The same line again changes nothing, and neither does planning. */
    const char *const arguments[] = {"run", yaml, "--db", database, "--threads", "1", NULL};
    assert_int_equal(process_run(arguments, "out", "err"), 0);
    assert_int_equal(verify(), 0);
    assert_int_equal(query_integer_at(database, "SELECT count(*) FROM cell WHERE \"rows\" IS NULL "
                                                "OR length(rows_sha256) <> 64"),
                     0);
}

#define RUN_1 "run = (SELECT min(id) FROM run)"

/* What is done to the rows, and what the page says of it. */
static const char *const tampered[][2] = {
    {"DELETE FROM example WHERE stage = 2 AND step = -1 AND \"row\" = 3 AND task = 1",
     "cell: stage 2, score, topic: "},
    {"INSERT INTO example SELECT stage, step, task, split, 999, label, predicted, margin, loss "
     "FROM example WHERE stage = 2 AND step = -1 AND task = 1 AND \"row\" = 3",
     "rows were sealed, "},
    {"UPDATE score SET value = value + 0.125 WHERE stage = 2 AND step = -1 AND metric = 'accuracy' "
     "AND task = 2",
     "cell: stage 2, score, counting: its rows are not those"},
    {"UPDATE score SET value = value * (1 + 2.3e-16) WHERE stage = 3 AND step = -1 AND metric = "
     "'loss' AND task = 1",
     "cell: stage 3, score, topic"},
    {"UPDATE likelihood SET nll = nll * (1 + 2.3e-16) WHERE stage = 2 AND step = -1",
     "cell: stage 2, likelihood, text: its rows are not those"},
    {"UPDATE likelihood SET tokens = tokens + 1 WHERE stage = 1", "cell: stage 1, likelihood"},
    {"UPDATE \"window\" SET kl = NULL WHERE stage = 2 AND document = 1", "likelihood, text"},
    {"UPDATE example SET \"row\" = 1000 WHERE stage = 2 AND \"row\" = 0; "
     "UPDATE example SET \"row\" = 0 WHERE stage = 2 AND \"row\" = 1; "
     "UPDATE example SET \"row\" = 1 WHERE stage = 2 AND \"row\" = 1000",
     "cell: stage 2, score, "},
    {"UPDATE score SET stderr = 0 WHERE stage = 2 AND step > 0", ", step 2: its rows are not"},
    {"UPDATE spectrum SET intruders_u = intruders_u + 1 WHERE stage = 2 AND step = -1 AND matrix = "
     "3",
     "spectrum_total: stage 2, spectrum, base: is not what its spectra give"},
    {"UPDATE spectrum SET base_spectral = 1 WHERE stage = 2 AND step = -1 AND matrix = 3",
     "cell: stage 2, spectrum, base"},
    {"UPDATE direction SET max_cosine = 0.1, max_cosine_low = 0.1, max_cosine_high = 0.1 "
     "WHERE stage = 2 AND position = 1 AND matrix = 1",
     "cell: stage 2, spectrum, base"},
    {"UPDATE direction SET steps = 12 WHERE stage = 2 AND position = 1 AND matrix = 1",
     "cell: stage 2, spectrum, base"},
    {"PRAGMA ignore_check_constraints = 1; UPDATE direction SET max_cosine_high = 0.9 * max_cosine "
     "WHERE stage = 2 AND position = 1 AND matrix = 1",
     "cell: stage 2, spectrum, base"},
    {"UPDATE spectrum_total SET delta_frobenius = delta_frobenius * (1 + 2.3e-16) WHERE stage = 2",
     "spectrum_total: stage 2"},
    {"DELETE FROM spectrum_total WHERE stage = 2 AND step = -1",
     "spectrum_total: stage 2, spectrum, base: is not there"},
    {"UPDATE overlap SET value = value / 2 WHERE stage = 2 AND i = 1 AND j = 1",
     "cell: stage 2, overlap, "},
    {"UPDATE intervention SET reason = 'other' WHERE reason IS NOT NULL", ", intervention, top/"},
    {"UPDATE change SET f_delta = 2 * f_delta WHERE stage = 3 AND matrix = 2",
     "cell: stage 3, change, "},
    {"UPDATE measured SET value = value + 1 WHERE stage = 2 AND measure = 'norm'",
     "cell: stage 2, norm, : its rows are not those"},
    {"UPDATE measured SET name = 'other' WHERE stage = 2 AND measure = 'onset' AND matrix = ''",
     "cell: stage 2, onset, : its rows are not those"},
    {"DELETE FROM measured WHERE stage = 2 AND measure = 'norm'",
     "cell: stage 2, norm, : has no rows, and no reason for it"},
    {"INSERT INTO measured VALUES (2, -1, 'other', '', '', 'x', 1, NULL)",
     "measured: stage 2, step -1: rows that belong to no cell: 1"},
    {"INSERT INTO measured VALUES (2, -1, 'norm', 'other', '', 'x', 1, NULL)",
     "measured: stage 2, step -1: rows that belong to no cell: 1"},
    {"UPDATE cell SET measure = 'other' WHERE stage = 2 AND measure = 'norm'",
     "cell: stage 2, other, : has no rows"},
    {"UPDATE null_draw SET intruders = intruders + 1 WHERE stage = 2 AND draw = 1",
     "cell: stage 2, null, rotated: its rows are not those"},
    {"DELETE FROM cell WHERE stage = 2 AND measure = 'null' AND subject = 'rotated'",
     "null_draw: stage 2, step -1: rows that belong to no cell: 198"},
    {"DELETE FROM cell WHERE stage = 2 AND step = -1 AND measure = 'likelihood'",
     "likelihood: stage 2, step -1: rows that belong to no cell: 1"},
    {"DELETE FROM cell WHERE stage = 2 AND measure = 'likelihood'; DELETE FROM likelihood WHERE "
     "stage = 2; DELETE FROM \"window\" WHERE stage = 2",
     "cell: stage 2: "},
    {"UPDATE cell SET \"rows\" = NULL, rows_sha256 = NULL WHERE stage = 3", "cell: stage 3: "},
    {"UPDATE cell SET settings_sha256 = 'x' WHERE stage = 3 AND measure = 'score' AND step = -1",
     "cell: stage 3: its rows are not"},
    {"UPDATE stage SET status = 'failed' WHERE id = 2", "stage: stage 2: its rows are not"},
    {"UPDATE stage SET status = 'planned' WHERE id = 3", "stage: stage 3: its rows are not"},
    {"UPDATE stage SET parent = 1 WHERE id = 3", "stage: stage 3: "},
    {"DELETE FROM stage WHERE id = 3", "rows that refer to a stage that is not there"},
    {"UPDATE step SET loss = loss + 1 WHERE stage = 2 AND step = 1", "step: stage 2: its rows"},
    {"DELETE FROM step WHERE stage = 2 AND step = 2", "step: stage 2: 4 rows were sealed, 3 are"},
    {"UPDATE environment SET mixed = 1 WHERE stage = 2", "environment: stage 2: "},
    {"UPDATE artifact SET sha256 = 'x' WHERE stage = 2", "artifact: stage 2: its rows are not"},
    {"UPDATE artifact SET gone = 1 WHERE stage = 3", "artifact: stage 3: its rows are not"},
    {"UPDATE artifact SET path = '../../../etc/passwd' WHERE stage = 2",
     "artifact: stage 2, adapter: its row is none of wane's"},
    {"UPDATE artifact SET path = 'updates/..' WHERE stage = 2", "its row says \"updates/..\""},
    {"UPDATE artifact SET path = (SELECT path FROM artifact WHERE stage = 2) WHERE stage = 3",
     "artifact: stage 3, adapter: its row is none of wane's"},
    {"UPDATE artifact SET path = 'updates/' || upper(substr(path, 9)) WHERE stage = 2",
     "its row says \"updates/"},
    {"UPDATE artifact SET kind = 'weights' WHERE stage = 2", "no kind of artifact"},
    {"UPDATE run SET status = 'failed' WHERE name LIKE 'lora%'", "run: run lora/"},
    {"UPDATE run SET status = 'planned' WHERE name LIKE 'lora%'", "run: run lora/"},
    {"UPDATE run SET learning_rate = 0.02 WHERE name LIKE 'lora%'", "run: run lora/"},
    {"UPDATE run SET superseded = 1 WHERE name LIKE 'full%'", "run: run full/"},
    {"UPDATE parameter SET value = 16 WHERE key LIKE '%batch_size' AND " RUN_1,
     "parameter: run lora/"},
    {"DELETE FROM parameter WHERE key LIKE '%batch_size' AND " RUN_1, "parameter: run lora/"},
    {"UPDATE run_stage SET task = 3 - task WHERE task IS NOT NULL AND " RUN_1,
     "run_stage: run lora/"},
    {"UPDATE metric SET value = value + 0.5 WHERE name = 'acc' AND " RUN_1, "metric: run lora/"},
    {"DELETE FROM metric WHERE name = 'bwt' AND " RUN_1, "metric: run lora/"},
    {"UPDATE gate SET bound = 1 WHERE " RUN_1, "gate: run lora/"},
    {"DELETE FROM seal WHERE part = 'step' AND id = 2", "step: stage 2: its seal is not there"},
    {"DELETE FROM seal WHERE part = 'metric'", "metric: run lora/"},
    {"UPDATE seal SET rows_sha256 = 'x' WHERE part = 'gate'", "gate: run lora/"},
    {"INSERT INTO seal VALUES ('run', 99, 1, 'x')", "seal: of run 99, which is not there"},
    /* As an earlier wane would have left them, so that no seal tells. */
    {"UPDATE seal SET \"rows\" = NULL, rows_sha256 = NULL; UPDATE metric SET value = value * (1 + "
     "2.3e-16) WHERE name = 'acc' AND position = 2 AND " RUN_1,
     "metric: run lora/"},
    {"UPDATE seal SET \"rows\" = NULL, rows_sha256 = NULL; UPDATE metric SET position = 7 WHERE "
     "name = 'acc' AND position = 2 AND " RUN_1,
     "its rows give nan"},
    {"UPDATE seal SET \"rows\" = NULL, rows_sha256 = NULL; UPDATE run_stage SET position = 9 WHERE "
     "position = 2 AND " RUN_1,
     "run_stage: run lora/"},
    {"UPDATE seal SET \"rows\" = NULL, rows_sha256 = NULL; UPDATE cell SET \"rows\" = NULL, "
     "rows_sha256 = NULL; UPDATE score SET value = value / 2 WHERE metric = 'accuracy' AND step = "
     "-1",
     "its rows give "},
    {"DROP TABLE \"window\"", "window: is not there, and belongs to the schema"},
    {"DROP TABLE gate", "gate: is not there"},
    {"DROP VIEW run_summary", "run_summary: is not there"},
    {"DROP INDEX stage_parent", "stage_parent: is not there"},
    {"CREATE TABLE more (a)", "more: does not belong to the schema"},
    {"CREATE TRIGGER t AFTER INSERT ON step BEGIN DELETE FROM gate; END",
     "t: does not belong to the schema"},
    {"ALTER TABLE score ADD COLUMN more TEXT", "score: is not as the schema has it"},
};

static void changed_rows_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tampered / sizeof *tampered; i++) {
        change(tampered[i][0]);
        is_found(tampered[i][0], tampered[i][1]);
        restore();
    }
    assert_int_equal(verify(), 0);
}

/* Bounds, heads, watched tasks: what metrics are computed from is told by the database alone. */
static void metrics_of_every_protocol(void **state)
{
    (void)state;
    static const char *const more[] = {
        "bounds: {single: true, joint: all}\nwatch: [{path: builtin/order, test_rows: 24}]\n",
        "bounds: {joint: last}\nprotocol: {head: linear}\n",
        "orders: [{name: a, tasks: [counting, topic]}, {name: b, tasks: [topic]}]\n"};
    char other[512], path[512];
    (void)snprintf(other, sizeof other, "%s", database);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        wane_text text = {0};
        wane_text_append(&text, experiment, (size_t)(strstr(experiment, "track:") - experiment));
        wane_text_string(&text, more[i]);
        (void)snprintf(path, sizeof path, "%s", scratch_path("more.yaml"));
        (void)snprintf(database, sizeof database, "%s/more%zu.db", scratch_folder(), i);
        write_file(path, text.data, text.length);
        wane_text_free(&text);
        const char *const arguments[] = {"run", path, "--db", database, "--threads", "1", NULL};
        int code = process_run(arguments, "out", "err");
        char *said = read_file(scratch_path("err"), NULL);
        if (code != 0) print_error("%s", said);
        free(said);
        assert_int_equal(code, 0);
        code = verify();
        said = read_file(scratch_path("page"), NULL);
        if (code != 0) print_error("%s", said);
        free(said);
        assert_int_equal(code, 0);
        assert_true(query_integer_at(database, "SELECT count(*) FROM metric") > 20);
    }
    (void)snprintf(database, sizeof database, "%s", other);
}

/* ------------------------------------------------------------------------------------- the file */

static int64_t pragma(const char *sql)
{
    sqlite3 *plain = NULL;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_open_v2(database, &plain, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(plain, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(row, 0);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(plain);
    return value;
}

static void a_damaged_file_is_found(void **state)
{
    (void)state;
    char *bytes = malloc(whole_size);
    size_t page = (size_t)pragma("PRAGMA page_size");
    size_t root = (size_t)pragma("SELECT rootpage FROM sqlite_schema WHERE name = 'direction'");
    memcpy(bytes, whole, whole_size);
    memset(bytes + (root - 1) * page + 8, 0xa5, 200);
    write_file(database, bytes, whole_size);
    is_found("a page", "file: ");
    free(bytes);
    write_file(database, whole, whole_size / 2);
    is_found("half a file", "file: ");
    write_file(database, "no database", 11);
    is_found("a text", "not a database");
    restore();
    assert_int_equal(verify(), 0);
}

/* ---------------------------------------------------------------------------------- artifacts */

static void artifact_of(char out[1100], const char *kind, const char *file)
{
    char sql[160];
    wane_error err;
    wane_query *query = NULL;
    (void)snprintf(sql, sizeof sql,
                   "SELECT path FROM artifact WHERE kind = '%s' AND gone = 0 ORDER BY stage", kind);
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    (void)snprintf(out, 1100, "%s.artifacts/%s%s", database, wane_query_text(query, 0), file);
    wane_query_free(query);
    wane_results_close(db);
}

static void changed_artifacts_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *file, *from, *to; /* from NULL: a byte is added; to NULL: it goes */
    } cases[] = {{"adapter", "/adapter_config.json", "\"lora_alpha\": ", "\"lora_alpha\": 1"},
                 {"adapter", "/adapter_config.json", "{", NULL},
                 {"adapter", "/adapter_model.safetensors", "F32", "F16"},
                 {"adapter", "/adapter_model.safetensors", "", NULL},
                 {"tensors", "", NULL, NULL},
                 {"tensors", "", "F32", "I32"},
                 {"tensors", "", "", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[1100];
        size_t size = 0;
        artifact_of(path, cases[i].kind, cases[i].file);
        if (access(path, R_OK) != 0) fail_msg("%s", path);
        char *kept = read_file(path, &size);
        if (!cases[i].from) write_file(path, kept, size + 1); /* with the NUL behind it */
        else if (!cases[i].to) assert_int_equal(unlink(path), 0);
        else {
            wane_text text = {0};
            char *place = memmem(kept, size, cases[i].from, strlen(cases[i].from));
            assert_non_null(place);
            wane_text_append(&text, kept, (size_t)(place - kept));
            wane_text_string(&text, cases[i].to);
            place += strlen(cases[i].from);
            wane_text_append(&text, place, size - (size_t)(place - kept));
            write_file(path, text.data, text.length);
            wane_text_free(&text);
        }
        is_found(path, "artifact: stage ");
        write_file(path, kept, size);
        free(kept);
        assert_int_equal(verify(), 0);
    }
}

static void unexpected_files_are_listed(void **state)
{
    (void)state;
    char path[1100];
    artifact_of(path, "tensors", ".more");
    write_file(path, "x", 1);
    assert_int_equal(verify(), 0);
    char *page = read_file(scratch_path("page"), NULL);
    assert_non_null(strstr(page, "unexpected files     1"));
    assert_non_null(strstr(page, ".safetensors.more"));
    free(page);
    assert_int_equal(unlink(path), 0);
}

static int again(const char *cells, const char *seed)
{
    const char *const arguments[] = {"verify",       database, "--recompute", cells, "--seed", seed,
                                     "--experiment", yaml,     "--threads",   "1",   NULL};
    return process_run(arguments, "page", "err");
}

/* Rows that a forger has put under hashes that fit (here: under none, as an earlier wane left them)
 * are found by measuring again, and by nothing else. */
static void forged_rows_are_found_by_measuring_again(void **state)
{
    (void)state;
    static const char unseal[] = "UPDATE seal SET \"rows\" = NULL, rows_sha256 = NULL; "
                                 "UPDATE cell SET \"rows\" = NULL, rows_sha256 = NULL; ";
    static const char *const forged[][2] = {
        {"UPDATE likelihood SET nll = nll * (1 + 2.3e-16) WHERE stage = 3 AND step = -1",
         "cell: stage 3, likelihood, text@"},
        {"UPDATE \"window\" SET kl = kl * (1 + 2.3e-16) WHERE stage = 2 AND step = -1 AND "
         "document = 1",
         "cell: stage 2, likelihood, text@"},
        {"UPDATE example SET margin = -margin WHERE stage = 2 AND step = -1 AND \"row\" = 1 AND "
         "task = 1",
         "cell: stage 2, score, topic@"},
        {"UPDATE direction SET max_cosine = 0.4, max_cosine_low = 0.4, max_cosine_high = 0.4 "
         "WHERE stage = 3 AND step = -1 AND position = 1 AND matrix = 2",
         "cell: stage 3, spectrum, base: measured again, it is another"},
        {"UPDATE overlap SET value = value / 2 WHERE stage = 3 AND i = 2 AND j = 2",
         "cell: stage 3, overlap, "}};
    assert_int_equal(again("1000", "0"), 0);
    char *page = read_file(scratch_path("page"), NULL);
    assert_non_null(strstr(page, "measured again       "));
    free(page);
    assert_int_equal(again("2", "7"), 0);
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        char sql[600];
        (void)snprintf(sql, sizeof sql, "%s%s", unseal, forged[i][0]);
        change(sql);
        assert_int_equal(verify(), 0);
        int code = again("1000", "0");
        page = read_file(scratch_path("page"), NULL);
        if (!strstr(page, forged[i][1])) print_error("%s: %d\n%s", forged[i][0], code, page);
        assert_non_null(strstr(page, forged[i][1]));
        assert_int_equal(code, 1);
        free(page);
        restore();
    }
    /* Nothing is left beside the database, and nothing is changed in it. */
    size_t size = 0;
    char *now = read_file(database, &size);
    assert_int_equal(size, whole_size);
    assert_memory_equal(now, whole, size);
    free(now);
    char **names = NULL;
    size_t count = 0;
    wane_error err;
    CHECK_OK(wane_folder_list(&names, &count, scratch_folder(), &err));
    for (size_t i = 0; i < count; i++) assert_null(strstr(names[i], "again"));
    wane_names_free(names, count);
}

/* Every column of a table under a hash is under it. */
static void hashes_cover_every_column(void **state)
{
    (void)state;
    const wane_hashed_table *parts = NULL;
    size_t cells = 0;
    const wane_hashed_table *tables = wane_hashed_tables(&cells, &parts);
    wane_results *db = open_results(database, WANE_RESULTS_READ);
    for (size_t i = 0; i < cells + WANE_PARTS; i++) {
        const wane_hashed_table *t = i < cells ? &tables[i] : &parts[i - cells];
        char sql[120];
        sqlite3_stmt *statement = NULL, *all = NULL;
        (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", t->name);
        assert_int_equal(sqlite3_prepare_v2(db->sql, t->sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db->sql, sql, -1, &all, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_column_count(statement), sqlite3_column_count(all));
        for (int c = 0; c < sqlite3_column_count(all); c++)
            assert_string_equal(sqlite3_column_name(statement, c), sqlite3_column_name(all, c));
        (void)sqlite3_finalize(all);
        (void)sqlite3_finalize(statement);
    }
    wane_results_close(db);
}

/* A link beside the database is not followed, whatever lies behind it. */
static void links_among_artifacts_are_not_followed(void **state)
{
    (void)state;
    char adapter[1100], folder[600], away[600];
    artifact_of(adapter, "adapter", "");
    (void)snprintf(folder, sizeof folder, "%s.artifacts", database);
    (void)snprintf(away, sizeof away, "%s", scratch_path("away"));
    const char *const places[] = {adapter, folder};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rename(places[i], away), 0);
        assert_int_equal(symlink(away, places[i]), 0);
        is_found(places[i], i ? "is not there" : "a link is on its way");
        assert_int_equal(unlink(places[i]), 0);
        assert_int_equal(rename(away, places[i]), 0);
    }
    assert_int_equal(verify(), 0);
    assert_int_equal(rename(folder, away), 0);
    assert_int_equal(symlink(away, folder), 0);
    (void)again("1", "0");
    char *page = read_file(scratch_path("page"), NULL);
    assert_null(strstr(page, "measured again       1"));
    free(page);
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(rename(away, folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_was_left_it_is_whole),
        cmocka_unit_test(changed_rows_are_found),
        cmocka_unit_test(metrics_of_every_protocol),
        cmocka_unit_test(a_damaged_file_is_found),
        cmocka_unit_test(changed_artifacts_are_found),
        cmocka_unit_test(unexpected_files_are_listed),
        cmocka_unit_test(links_among_artifacts_are_not_followed),
        cmocka_unit_test(hashes_cover_every_column),
        cmocka_unit_test(forged_rows_are_found_by_measuring_again),
    };
    return cmocka_run_group_tests(tests, measure, clean);
}
