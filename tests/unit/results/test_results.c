/* SPDX-License-Identifier: Apache-2.0
 * Opening, the plan, migrations, what is no database.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/results/database.h"
#include "tests/unit/results/sample.h"

static const sample_shape small = {.methods = 2,
                                   .orders = 2,
                                   .seeds = 2,
                                   .tasks = 3,
                                   .watched = 1,
                                   .corpora = 2,
                                   .matrices = 4,
                                   .top = 12};

/* Every row of every table but the log and the costs, as text. */
static char *dump(wane_results *db)
{
    wane_error err = {0};
    wane_text text = {0}, sql = {0};
    wane_query *tables = NULL, *rows = NULL;
    CHECK_OK(wane_query_open(&tables, db,
                             "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN "
                             "('event', 'usage', 'environment') ORDER BY name",
                             NULL, 0, &err));
    while (wane_query_next(tables, &err) == WANE_OK) {
        wane_text_clear(&sql);
        wane_text_printf(&sql, "SELECT * FROM \"%s\"", wane_query_text(tables, 0));
        wane_text_printf(&text, "== %s\n", wane_query_text(tables, 0));
        CHECK_OK(wane_query_open(&rows, db, sql.data, NULL, 0, &err));
        CHECK_OK(wane_query_render(rows, WANE_RENDER_CSV, &text, &err));
        wane_query_free(rows);
    }
    wane_query_free(tables);
    wane_text_free(&sql);
    return text.data;
}

static void a_fresh_database_is_whole(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    const char *path = scratch_path("fresh.db");
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_READ, &err), WANE_ENOTFOUND, "fresh.db");
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_WRITE, &err), WANE_ENOTFOUND, "fresh.db");
    assert_null(db);
    db = open_results(path, WANE_RESULTS_CREATE);
    CHECK_OK(wane_results_check(db, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"),
                     34);
    wane_results_close(db);
}

static void settings_are_those_promised(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = open_results(scratch_path("s.db"), WANE_RESULTS_CREATE);
    static const struct {
        const char *pragma;
        int64_t value;
    } wanted[] = {{"PRAGMA user_version", WANE_RESULTS_VERSION},
                  {"PRAGMA application_id", WANE_RESULTS_APPLICATION},
                  {"PRAGMA synchronous", 2},
                  {"PRAGMA foreign_keys", 1},
                  {"PRAGMA busy_timeout", 60000},
                  {"PRAGMA mmap_size", 0},
                  {"SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND strict = 0 "
                   "AND schema = 'main' AND name NOT LIKE 'sqlite_%'",
                   0}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        int64_t value = -1;
        CHECK_OK(wane_results_get(db, &value, 1, &err, wanted[i].pragma, ""));
        assert_int_equal(value, wanted[i].value);
    }
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode", -1, &statement, NULL), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "truncate");
    sqlite3_finalize(statement);
    wane_results_close(db);
}

static bool is_column(const char *line)
{
    static const char *const types[] = {"INTEGER", "REAL", "TEXT", "ANY"};
    char name[64] = "", type[64] = "";
    if (strncmp(line, "  ", 2) != 0 || sscanf(line, " %63s %63s", name, type) != 2) return false;
    for (size_t i = 0; i < 4; i++)
        if (strncmp(type, types[i], strlen(types[i])) == 0 && strcmp(name, "--") != 0) return true;
    return false;
}

/* A comment in the line of the column, in one of its own above it, or in those up to the next. */
static void every_column_is_explained(void **state)
{
    (void)state;
    char *copy = wane_strdup(wane_results_schema()), *save = NULL;
    static char *lines[1000];
    size_t count = 0, columns = 0;
    for (char *line = strtok_r(copy, "\n", &save); line && count < 1000;
         line = strtok_r(NULL, "\n", &save))
        lines[count++] = line;
    for (size_t i = 1; i < count; i++) {
        if (strncmp(lines[i], "CREATE VIEW", 11) == 0) break;
        if (!is_column(lines[i])) continue;
        bool told = strncmp(lines[i - 1], "  -- ", 5) == 0;
        size_t j = i;
        do told = told || strstr(lines[j], "-- ") != NULL;
        while (++j < count && strncmp(lines[j], "      ", 6) == 0);
        if (!told) print_error("not explained: %s\n", lines[i]);
        assert_true(told);
        columns++;
    }
    assert_true(columns > 190);
    wane_free(copy);
}

static void the_same_plan_changes_nothing(void **state)
{
    (void)state;
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("plan.db"), &small);
    sample_cells(db, &s, 0, 1);
    sample_seal(db, &s, 0);
    char *first = dump(db);
    sample_plan(db, &s, &small, "e");
    char *second = dump(db);
    assert_string_equal(first, second);
    assert_int_equal(query_integer(db, "SELECT max(id) FROM stage"), 1 + 8 * 3);
    assert_int_equal(query_integer(db, "SELECT max(id) FROM run"), 8);
    /* A longer plan adds rows, and those that were there keep their ids and states. */
    sample_shape longer = small;
    longer.methods = 3;
    longer.corpora = 3;
    sample_plan(db, &s, &longer, "e");
    assert_int_equal(query_integer(db, "SELECT max(id) FROM run"), 12);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run WHERE status = 'done'"), 1);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run_list"), 12);
    free(first);
    free(second);
    sample_close(db, &s);
}

/* The experiment file changes under the same names. */
static void a_changed_run_supersedes(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    int64_t id = 0;
    wane_results *db = sample_filled(&s, scratch_path("super.db"), &small);
    wane_run_row row = {.key = "another",
                        .experiment = s.experiment_id,
                        .name = "full/given/s0",
                        .method = "full",
                        .kind = "full",
                        .rank = WANE_NULL,
                        .alpha = NAN,
                        .learning_rate = 5e-4,
                        .order_name = "given",
                        .seed = 0,
                        .stages = 3,
                        .trainable = WANE_NULL};
    CHECK_OK(wane_results_put_run(db, &id, &row, &err));
    assert_int_equal(id, 9);
    assert_int_equal(query_integer(db, "SELECT superseded FROM run WHERE id = 1"), 1);
    assert_int_equal(
        query_integer(db, "SELECT count(*) FROM run_summary WHERE run = 'full/given/s0'"), 0);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM metric WHERE run = 1") > 0, 1);
    CHECK_OK(wane_results_find_run(db, &id, "full/given/s0", NULL, &err));
    assert_int_equal(id, 9);
    /* And back. */
    row.key = "0000:e";
    CHECK_OK(wane_results_put_run(db, &id, &row, &err));
    assert_int_equal(id, 1);
    assert_int_equal(
        query_integer(db, "SELECT group_concat(superseded, '') = '000000001' FROM run"), 1);
    assert_int_equal(
        query_integer(db, "SELECT count(*) FROM run_summary WHERE run = 'full/given/s0'"), 1);
    /* A task of the same name on other data takes its place on the list. */
    wane_task_row task = {.key = "task0@other",
                          .name = "task0",
                          .kind = "classification",
                          .split = "test",
                          .train_rows = WANE_NULL,
                          .measured_rows = WANE_NULL,
                          .labels = 2};
    CHECK_OK(wane_results_put_task(db, &id, &task, &err));
    CHECK_OK(wane_results_put_experiment_task(db, s.experiment_id, id, false, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM experiment_task"), 4);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM accuracy_matrix WHERE task = 'task0'"),
                     0);
    /* The row that is shown comes when it is planned again, and stays. */
    assert_int_equal(query_integer(db, "SELECT count(shown) FROM task"), 0);
    task.shown = "{\"row\": 3}";
    CHECK_OK(wane_results_put_task(db, &id, &task, &err));
    task.shown = NULL;
    CHECK_OK(wane_results_put_task(db, &id, &task, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM task WHERE key = 'task0@other' AND "
                                       "json_extract(shown, '$.row') = 3"),
                     1);
    sample_close(db, &s);
}

static void finding_runs(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s, t;
    int64_t id = 0;
    wane_results *db = sample_open(&s, scratch_path("find.db"), &small);
    CHECK_OK(wane_results_find_run(db, &id, "lora-r1/given/s1", NULL, &err));
    assert_int_equal(id, 6);
    CHECK_OK(wane_results_find_run(db, &id, "0005", NULL, &err));
    assert_int_equal(id, 6);
    CHECK_FAILS(wane_results_find_run(db, &id, "000", NULL, &err), WANE_EINVAL, "8 runs");
    CHECK_FAILS(wane_results_find_run(db, &id, "lora-r1/given/s2", NULL, &err), WANE_ENOTFOUND,
                "did you mean 'lora-r1/given/s");
    CHECK_FAILS(wane_results_find_run(db, &id, "", NULL, &err), WANE_ENOTFOUND, "no run ''");
    sample_plan(db, &t, &small, "two");
    CHECK_FAILS(wane_results_find_run(db, &id, "full/given/s0", NULL, &err), WANE_EINVAL, "2 runs");
    CHECK_OK(wane_results_find_run(db, &id, "full/given/s0", "two", &err));
    assert_int_equal(id, 9);
    CHECK_OK(wane_results_find(db, &id, WANE_TABLE_CORPUS, "corpus1@data", &err));
    assert_int_equal(id, 2);
    CHECK_FAILS(wane_results_find(db, &id, WANE_TABLE_TASK, "nothing", &err), WANE_ENOTFOUND,
                "no task 'nothing'");
    sample_close(NULL, &t);
    sample_close(db, &s);
}

/* ---------------------------------------------------------------------------------- versions */

static void set_version(const char *path, int version, int application)
{
    sqlite3 *sql = NULL;
    char text[96];
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    (void)snprintf(text, sizeof text, "PRAGMA user_version=%d; PRAGMA application_id=%d", version,
                   application);
    assert_int_equal(sqlite3_exec(sql, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
}

static void migrations_go_forward_or_not_at_all(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("old.db"), &small);
    sample_cells(db, &s, 0, 1);
    char *before = dump(db);
    enum { V = WANE_RESULTS_VERSION };
    const wane_migration broken[] = {{V, "ALTER TABLE run ADD COLUMN note TEXT"},
                                     {V + 1, "ALTER TABLE absent ADD COLUMN note TEXT"}};
    CHECK_FAILS(wane_results_migrate(db, false, broken, 2, V + 2, &err), WANE_EFORMAT,
                "no such table: absent");
    const wane_migration orphan[] = {{V, "DELETE FROM stage WHERE id = 2"}};
    CHECK_FAILS(wane_results_migrate(db, false, orphan, 1, V + 1, &err), WANE_EINTERNAL,
                "references");
    CHECK_FAILS(wane_results_migrate(db, false, orphan, 0, V + 1, &err), WANE_EVERSION, "older");
    char *after = dump(db);
    assert_string_equal(before, after);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"),
                     15);
    free(after);
    /* Two steps, one of which rebuilds a table that others refer to; views are made anew. */
    const wane_migration good[] = {
        {V + 1, "UPDATE run SET note = name"},
        {V, "ALTER TABLE run ADD COLUMN note TEXT; CREATE TABLE model_new (id INTEGER PRIMARY KEY, "
            "key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, extra INTEGER) STRICT; "
            "INSERT INTO model_new SELECT id, key, name, 7 FROM model; DROP TABLE model; "
            "ALTER TABLE model_new RENAME TO model"}};
    CHECK_OK(wane_results_migrate(db, false, good, 2, V + 2, &err));
    int64_t version = 0, keys = 0;
    CHECK_OK(wane_results_get(db, &version, 1, &err, "PRAGMA user_version", ""));
    CHECK_OK(wane_results_get(db, &keys, 1, &err, "PRAGMA foreign_keys", ""));
    assert_int_equal(version, V + 2);
    assert_int_equal(keys, 1);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run WHERE note = name"), 8);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run_list"), 8);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"),
                     15);
    CHECK_OK(wane_results_check(db, &err));
    wane_results_close(db);
    /* What another wane has brought forward is too new for this one. */
    for (int mode = WANE_RESULTS_READ; mode <= WANE_RESULTS_CREATE; mode++)
        CHECK_FAILS(wane_results_open(&db, scratch_path("old.db"), (wane_results_mode)mode, &err),
                    WANE_EVERSION, "newer wane");
    free(before);
    sample_close(NULL, &s);
}

static void drop_views(wane_results *db)
{
    wane_error err = {0};
    wane_query *query = NULL;
    wane_text drop = {0};
    CHECK_OK(wane_query_open(&query, db,
                             "SELECT group_concat('DROP VIEW \"' || name || '\"', '; ') FROM "
                             "sqlite_schema WHERE type = 'view'",
                             NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    wane_text_string(&drop, wane_query_text(query, 0));
    wane_query_free(query);
    assert_int_equal(sqlite3_exec(db->sql, drop.data, NULL, NULL, NULL), SQLITE_OK);
    wane_text_free(&drop);
}

/* A file of version 4 gets the view that came with version 5, and the columns of versions 6 and
 * 7, at its first opening; it has all its rows, under the hashes they were sealed with. */
static void version_4_gets_its_view_and_columns(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    static const char *const earlier[] = {
        "ALTER TABLE task DROP COLUMN shown", "ALTER TABLE direction DROP COLUMN steps",
        "ALTER TABLE direction DROP COLUMN max_cosine_high",
        "ALTER TABLE direction DROP COLUMN max_cosine_low", "PRAGMA user_version = 4"};
    wane_results *db = sample_open(&s, scratch_path("four.db"), &small);
    sample_cells(db, &s, 0, 1);
    char *before = dump(db);
    int64_t version = 0;
    drop_views(db);
    for (size_t i = 0; i < sizeof earlier / sizeof *earlier; i++)
        CHECK_OK(wane_results_run(db, &err, earlier[i], ""));
    sample_close(db, &s);
    db = open_results(scratch_path("four.db"), WANE_RESULTS_READ);
    CHECK_OK(wane_results_get(db, &version, 1, &err, "PRAGMA user_version", ""));
    assert_int_equal(version, WANE_RESULTS_VERSION);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM measured_values"), 0);
    assert_true(query_integer(db, "SELECT count(*) FROM direction WHERE max_cosine_low = "
                                  "max_cosine AND max_cosine_high = max_cosine") > 0);
    char *after = dump(db);
    assert_string_equal(before, after);
    wane_results_close(db);
    free(before);
    free(after);
}

#define BYTES(text) text, sizeof(text) - 1

static void other_files_are_refused(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    const char *path = scratch_path("x.db");
    static const struct {
        const char *bytes;
        size_t count;
        const char *says;
    } others[] = {
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"),
         "x.db: a Git LFS pointer in place of the file (run git lfs pull)"},
        {BYTES("\x1f\x8b\x08\x00 and so on"), "x.db: gzip, not a database"},
        {BYTES("PK\3\4 and so on"), "x.db: a zip archive, not a database"},
        {BYTES("\x28\xb5\x2f\xfd and so on"), "x.db: Zstandard, not a database"},
        {BYTES("\n<!DOCTYPE HTML>\n<html></html>"), "x.db: a page of HTML, not a database"},
        {BYTES("<html lang=en>"), "x.db: a page of HTML, not a database"},
        {BYTES("this is not a database, though it is long enough to be looked at, and so on"),
         "x.db: not a database"},
        {BYTES("x\n"), "x.db: not a database"},
        {BYTES("name: small\n"), "x.db: not a database"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (int mode = WANE_RESULTS_READ; mode <= WANE_RESULTS_CREATE; mode++) {
            write_file(path, others[i].bytes, others[i].count);
            CHECK_FAILS(wane_results_open(&db, path, (wane_results_mode)mode, &err), WANE_EFORMAT,
                        others[i].says);
            size_t size = 0;
            char *after = read_file(path, &size);
            assert_int_equal(size, others[i].count);
            assert_memory_equal(after, others[i].bytes, size);
            free(after);
        }
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    const char *path = scratch_path("y.db");
    write_file(path, "", 0);
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_READ, &err), WANE_EFORMAT, "empty");
    CHECK_OK(wane_results_open(&db, path, WANE_RESULTS_CREATE,
                               &err)); /* killed before the first commit */
    wane_results_close(db);
    db = NULL;
    set_version(path, 1, 42);
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_READ, &err), WANE_EFORMAT,
                "none of wane's");
    set_version(path, 0, WANE_RESULTS_APPLICATION);
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_CREATE, &err), WANE_EFORMAT, "version 0");
    CHECK_FAILS(wane_results_open(&db, scratch_folder(), WANE_RESULTS_CREATE, &err), WANE_EINVAL,
                "a folder");
    CHECK_FAILS(wane_results_open(&db, "/dev/null", WANE_RESULTS_READ, &err), WANE_EINVAL,
                "special file");
    CHECK_FAILS(wane_results_open(&db, "", WANE_RESULTS_CREATE, &err), WANE_EINVAL, "no name");
    CHECK_FAILS(
        wane_results_open(&db, scratch_path("no/such/folder.db"), WANE_RESULTS_CREATE, &err),
        WANE_ENOTFOUND, "no folder");
    assert_null(db);
}

static void a_database_of_another_program_stays(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    sqlite3 *sql = NULL;
    const char *path = scratch_path("foreign.db");
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "CREATE TABLE mine (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
    size_t size = 0, again = 0;
    char *bytes = read_file(path, &size);
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_CREATE, &err), WANE_EFORMAT,
                "none of wane's");
    char *after = read_file(path, &again);
    assert_true(size == again && memcmp(bytes, after, size) == 0);
    free(bytes);
    free(after);
}

/* What SQLite would read as something else than a file's name. */
static void every_path_is_a_file(void **state)
{
    (void)state;
    static const char *const names[] = {":memory:",
                                        ":",
                                        "file:uri.db?mode=ro",
                                        "file:uri.db",
                                        "file::memory:?cache=shared",
                                        "file:",
                                        "a?mode=memory",
                                        "50%41.db",
                                        "part#two.db",
                                        "-x.db"};
    char here[4096], whole[512];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch_folder()), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wane_results *db = open_results(names[i], WANE_RESULTS_CREATE);
        assert_string_equal(wane_results_path(db), names[i]);
        wane_results_close(db);
        assert_int_equal(access(names[i], F_OK), 0);
        db = open_results(names[i], WANE_RESULTS_READ);
        wane_results_close(db);
        (void)snprintf(whole, sizeof whole, "%s/%s", scratch_folder(), names[i]);
        db = open_results(whole, WANE_RESULTS_WRITE);
        wane_results_close(db);
        assert_int_equal(unlink(names[i]), 0);
    }
    assert_int_equal(chdir(here), 0);
}

static void network_file_systems_are_known(void **state)
{
    (void)state;
    assert_string_equal(wane_network_file_system(0x6969, ""), "NFS");
    assert_string_equal(wane_network_file_system(0xff534d42UL, "cifs"), "CIFS");
    assert_string_equal(wane_network_file_system(0x65735546, "fuse.sshfs"), "sshfs");
    assert_null(wane_network_file_system(0x65735546, "fuse.ntfs-3g"));
    assert_null(wane_network_file_system(0xef53, "ext4"));
    assert_null(wane_network_file_system(0x01021994, "tmpfs"));
    wane_error err = {0};
    CHECK_OK(wane_results_check_place(scratch_path("new.db"), &err));
    CHECK_OK(wane_results_check_place("new.db", &err));
}

/* Any allocation of wane's own may fail: one clear error, nothing leaked or half-written. */
static void memory_may_run_out(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = open_results(scratch_path("m.db"), WANE_RESULTS_CREATE);
    wane_results_close(db);
    for (int n = 0; n < 40; n++) {
        wane_text text = {0};
        wane_query *query = NULL;
        db = NULL;
        wane_memory_fail_after(n);
        wane_status st = wane_results_open(&db, scratch_path("m.db"), WANE_RESULTS_READ, &err);
        if (st == WANE_OK) st = wane_named_query_open(&query, db, "tasks", NULL, 0, &err);
        if (st == WANE_OK) st = wane_query_render(query, WANE_RENDER_TABLE, &text, &err);
        wane_memory_fail_after(-1);
        assert_true(st == WANE_OK || st == WANE_ENOMEM);
        assert_true(n > 0 || st == WANE_ENOMEM);
        if (n == 39) assert_int_equal(st, WANE_OK);
        wane_query_free(query);
        wane_text_free(&text);
        wane_results_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_database_is_whole),
        cmocka_unit_test(settings_are_those_promised),
        cmocka_unit_test(every_column_is_explained),
        cmocka_unit_test(the_same_plan_changes_nothing),
        cmocka_unit_test(a_changed_run_supersedes),
        cmocka_unit_test(finding_runs),
        cmocka_unit_test(migrations_go_forward_or_not_at_all),
        cmocka_unit_test(version_4_gets_its_view_and_columns),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(a_database_of_another_program_stays),
        cmocka_unit_test(every_path_is_a_file),
        cmocka_unit_test(network_file_systems_are_known),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
