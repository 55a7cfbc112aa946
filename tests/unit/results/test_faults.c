/* SPDX-License-Identifier: Apache-2.0
 * Kills, other processes, full disks, no permission, damaged files.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/clock.h"
#include "store/base/random.h"
#include "store/results/database.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {.methods = 2,
                                   .orders = 1,
                                   .seeds = 2,
                                   .tasks = 2,
                                   .watched = 0,
                                   .corpora = 1,
                                   .matrices = 2,
                                   .top = 12};
static sample s;

static void make(const char *path)
{
    wane_results_close(sample_open(&s, path, &shape));
}

/* Every cell has all its rows, and no row is without its cell. */
static void check_whole(wane_results *db)
{
    wane_error err = {0};
    CHECK_OK(wane_results_check(db, &err));
    int64_t scores = query_integer(db, "SELECT count(*) FROM cell WHERE measure = 'score'");
    int64_t likelihoods =
        query_integer(db, "SELECT count(*) FROM cell WHERE measure = 'likelihood'");
    int64_t spectra = query_integer(db, "SELECT count(*) FROM cell WHERE measure = 'spectrum'");
    assert_int_equal(query_integer(db, "SELECT count(*) FROM score"), 5 * scores);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM example"), 2 * scores);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM likelihood"), likelihoods);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM \"window\""), 2 * likelihoods);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM spectrum_total"), spectra);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM spectrum"), 2 * spectra);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM direction"), 2 * 12 * 2 * spectra);
}

/* Fills the cells that are missing, each in its own transaction, as the orchestrator does. */
static void fill_missing(const char *path)
{
    wane_error err = {0};
    wane_results *db = NULL;
    if (wane_results_open(&db, path, WANE_RESULTS_WRITE, &err) != WANE_OK) _exit(3);
    for (int run = 0; run < sample_runs(&shape); run++)
        for (int p = 0; p <= shape.tasks; p++) sample_cells(db, &s, run, p);
    wane_results_close(db);
}

static char *dump(const char *path)
{
    static const char *const tables[] = {"cell",       "score",    "example",        "likelihood",
                                         "\"window\"", "spectrum", "spectrum_total", "direction"};
    wane_error err = {0};
    wane_text text = {0};
    char sql[64];
    wane_results *db = open_results(path, WANE_RESULTS_READ);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        wane_query *query = NULL;
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[i]);
        CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
        CHECK_OK(wane_query_render(query, WANE_RENDER_CSV, &text, &err));
        wane_query_free(query);
    }
    wane_results_close(db);
    return text.data;
}

static void a_kill_costs_no_whole_cell(void **state)
{
    (void)state;
    const char *path = scratch_path("kill.db"), *other = scratch_path("calm.db");
    make(other);
    double start = wane_clock_wall();
    fill_missing(other);
    uint64_t longest = 1 + (uint64_t)((wane_clock_wall() - start) * 1e9 / 6);
    make(path);
    int killed = 0;
    int64_t before = 0;
    for (int round = 0; round < 40; round++) {
        wane_random where = {.seed = 5, .purpose = WANE_RANDOM_TEST, .step = (uint64_t)round};
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fill_missing(path);
            _exit(0);
        }
        uint64_t pause = wane_random_below(&where, 0, longest / 8 + 1);
        struct timespec wait = {(time_t)(pause / 1000000000), (long)(pause % 1000000000)};
        (void)nanosleep(&wait, NULL);
        (void)kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        killed += WIFSIGNALED(status) != 0;
        /* Reading first: a handle that cannot write must cope with what the kill left. */
        wane_results *db = open_results(path, WANE_RESULTS_READ);
        check_whole(db);
        int64_t now = query_integer(db, "SELECT count(*) FROM cell");
        assert_true(now >= before); /* what was committed stays */
        before = now;
        wane_results_close(db);
        if (!WIFSIGNALED(status)) break;
    }
    assert_true(killed >= 3);
    fill_missing(path);
    /* Row for row what an undisturbed process writes. */
    char *disturbed = dump(path), *calm = dump(other);
    assert_string_equal(disturbed, calm);
    free(disturbed);
    free(calm);
}

/* A transaction torn in its middle, after its journal was synced and pages were overwritten. */
static void a_hot_journal_is_undone(void **state)
{
    (void)state;
    wane_error err = {0};
    const char *path = scratch_path("hot.db"), *journal = scratch_path("hot.db-journal");
    make(path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wane_results *db = NULL;
        if (wane_results_open(&db, path, WANE_RESULTS_WRITE, &err) != WANE_OK) _exit(3);
        /* A tiny cache spills pages of the open transaction into the file. */
        (void)sqlite3_exec(db->sql, "PRAGMA cache_size=5; PRAGMA cache_spill=5", NULL, NULL, NULL);
        if (wane_results_begin(db, &err) != WANE_OK) _exit(3);
        for (int run = 0; run < sample_runs(&shape); run++)
            for (int p = 0; p <= shape.tasks; p++) sample_cells(db, &s, run, p);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct stat facts;
    assert_int_equal(stat(journal, &facts), 0);
    assert_true(facts.st_size > 0);
    wane_results *db = open_results(path, WANE_RESULTS_READ);
    check_whole(db);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM cell"), 0);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM run"), 4);
    wane_results_close(db);
}

/* The same of the transaction that makes a database: whoever comes next finds one that is whole. */
static void a_torn_beginning_is_made_anew(void **state)
{
    (void)state;
    wane_error err = {0};
    const char *path = scratch_path("torn.db");
    for (int reads = 0; reads < 2; reads++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            sqlite3 *sql = NULL;
            if (sqlite3_open(path, &sql) != SQLITE_OK) _exit(3);
            (void)sqlite3_exec(sql,
                               "PRAGMA journal_mode=TRUNCATE; PRAGMA cache_size=5;"
                               "PRAGMA cache_spill=5; BEGIN IMMEDIATE; CREATE TABLE run(x);"
                               "INSERT INTO run SELECT hex(randomblob(2000)) FROM json_each('[1"
                               ",2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')",
                               NULL, NULL, NULL);
            (void)kill(getpid(), SIGKILL);
        }
        int status = 0;
        struct stat facts;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && stat(path, &facts) == 0 && facts.st_size > 0);
        if (reads) wane_results_close(open_results(path, WANE_RESULTS_READ));
        CHECK_OK(wane_results_writable(path, &err));
        wane_results *db = open_results(path, WANE_RESULTS_CREATE);
        assert_int_equal(query_integer(db, "SELECT count(*) FROM run"), 0);
        wane_results_close(db);
        (void)unlink(path);
    }
}

static void two_processes_write_at_once(void **state)
{
    (void)state;
    wane_error err = {0};
    const char *path = scratch_path("two.db");
    make(path);
    pid_t child[2];
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0) { /* overlapping halves, from both ends */
            wane_results *db = NULL;
            if (wane_results_open(&db, path, WANE_RESULTS_WRITE, &err) != WANE_OK) _exit(3);
            for (int n = 0; n < 3; n++)
                for (int p = 0; p <= shape.tasks; p++)
                    sample_cells(db, &s, i ? 3 - n : n, i ? shape.tasks - p : p);
            wane_results_close(db);
            _exit(0);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status = 0;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    wane_results *db = open_results(path, WANE_RESULTS_READ);
    check_whole(db);
    wane_results_close(db);
    const char *other = scratch_path("alone.db");
    make(other);
    fill_missing(other);
    char *both = dump(path), *alone = dump(other);
    assert_string_equal(both, alone);
    free(both);
    free(alone);
}

static void a_lock_is_waited_for_and_named(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *holder = NULL, *other = NULL;
    const char *path = scratch_path("lock.db");
    make(path);
    holder = open_results(path, WANE_RESULTS_WRITE);
    other = open_results(path, WANE_RESULTS_WRITE);
    CHECK_OK(wane_results_begin(holder, &err));
    wane_results_patience(other, 30);
    CHECK_FAILS(wane_results_add_event(other, 0, 0, "info", "x", &err), WANE_EBUSY,
                "held by another process");
    CHECK_OK(wane_results_commit(holder, &err));
    CHECK_OK(wane_results_add_event(other, 0, 0, "info", "x", &err));
    wane_results_close(holder);
    wane_results_close(other);
}

/* As a user who may not write there; root may everywhere. */
static void a_read_only_folder(void **state)
{
    (void)state;
    const char *folder = scratch_path("locked"), *path = scratch_path("locked/r.db");
    assert_int_equal(mkdir(folder, 0755), 0);
    make(path);
    assert_int_equal(chmod(scratch_folder(), 0755), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wane_error err = {0};
        wane_results *db = NULL;
        if (getuid() == 0 && setuid(65534) != 0) _exit(77);
        /* Making one there fails; reading what is there works; writing says why not. */
        if (wane_results_open(&db, scratch_path("locked/new.db"), WANE_RESULTS_CREATE, &err) !=
                WANE_EIO ||
            !strstr(err.message, "new.db"))
            _exit(1);
        if (wane_results_open(&db, path, WANE_RESULTS_READ, &err) != WANE_OK) _exit(2);
        wane_results_close(db);
        db = NULL;
        wane_status st = wane_results_open(&db, path, WANE_RESULTS_WRITE, &err);
        if (st == WANE_OK) st = wane_results_add_event(db, 0, 0, "info", "x", &err);
        if (st != WANE_EIO || !strstr(err.message, "no permission")) _exit(3);
        wane_results_close(db);
        _exit(access(scratch_path("locked/new.db"), F_OK) == 0 ? 4 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In the child: fills a small file system until it is full. 0 = as it must be, 77 = no permission
 * to mount. */
static int fill_disk(const char *folder)
{
    wane_error err = {0};
    wane_results *db = NULL;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=600k") != 0)
        return 77;
    char path[512], *blob = malloc(60001);
    (void)snprintf(path, sizeof path, "%s/f.db", folder);
    if (!blob) return 1;
    db = sample_open(&s, path, &shape);
    sample_cells(db, &s, 0, 0);
    memset(blob, 'x', 60000);
    blob[60000] = 0;
    wane_sample_row row = {.prompt = blob, .response = blob};
    wane_status st = WANE_OK;
    int written = 0;
    for (; st == WANE_OK && written < 100; written++) {
        const wane_cell cell = {.stage = s.base,
                                .step = written,
                                .measure = WANE_CELL_SAMPLE,
                                .subject = "task0@data",
                                .settings_sha256 = "",
                                .data_sha256 = ""};
        st = wane_cell_commit(db, &cell, &(wane_cell_rows){.samples = &row, .sample_count = 1},
                              &err);
    }
    written--;
    if (st != WANE_EIO || !strstr(err.message, "disk is full")) return 2;
    /* The handle goes on: what was committed is there, nothing of the failed cell. */
    int64_t cells = 0, samples = 0;
    if (wane_results_get(db, &cells, 1, &err, "SELECT count(*) FROM cell WHERE step >= 0", "") ||
        wane_results_get(db, &samples, 1, &err, "SELECT count(*) FROM sample", ""))
        return 3;
    if (cells != written || samples != written || written < 1) return 4;
    if (wane_results_check(db, &err) != WANE_OK) return 5;
    wane_results_close(db);
    free(blob);
    (void)umount(folder);
    return 0;
}

static void a_full_disk(void **state)
{
    (void)state;
    const char *folder = scratch_path("small");
    assert_int_equal(mkdir(folder, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(fill_disk(folder));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Reads everything there is in the file, whatever it is. */
static void read_all(const char *path, wane_results_mode mode, int *opened, int *failed)
{
    wane_error err = {0};
    wane_results *db = NULL;
    size_t count = 0;
    const wane_named_query *all = wane_named_queries(&count);
    wane_status st = wane_results_open(&db, path, mode, &err);
    assert_true(st == WANE_OK || st == WANE_EFORMAT || st == WANE_EVERSION || st == WANE_EIO);
    *opened += st == WANE_OK;
    if (st != WANE_OK) assert_true(*err.message && !strchr(err.message, '\n'));
    for (size_t i = 0; st == WANE_OK && i < count; i++) {
        wane_query *query = NULL;
        wane_text text = {0};
        wane_status one = wane_named_query_open(&query, db, all[i].name, NULL, 0, &err);
        if (one == WANE_OK) one = wane_query_render(query, WANE_RENDER_JSONL, &text, &err);
        if (one != WANE_OK) assert_true(*err.message && !strchr(err.message, '\n'));
        *failed += one != WANE_OK;
        wane_query_free(query);
        wane_text_free(&text);
    }
    if (st == WANE_OK && mode == WANE_RESULTS_WRITE) {
        (void)!wane_results_add_event(db, 0, 0, "info", "x", &err);
        (void)!wane_results_check(db, &err);
    }
    wane_results_close(db);
}

static void damage(const char *path, const char *bytes, size_t size, uint64_t round)
{
    wane_random where = {.seed = 9, .purpose = WANE_RANDOM_TEST, .step = round};
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    size_t flips = 1 + wane_random_below(&where, 0, 24), left = size;
    for (size_t i = 0; i < flips; i++) {
        /* Half of them in page headers, where they hurt. */
        size_t at = wane_random_below(&where, 2 * i + 1, size);
        if (i % 2) at = at / 4096 * 4096 + at % 100;
        copy[at < size ? at : 0] ^= (char)(1 + wane_random_below(&where, 2 * i + 2, 255));
    }
    if (round % 7 == 0) left = wane_random_below(&where, 1000, size);
    write_file(path, copy, left);
    free(copy);
}

static void damaged_files_never_crash(void **state)
{
    (void)state;
    static const sample_shape tiny = {.methods = 1,
                                      .orders = 1,
                                      .seeds = 1,
                                      .tasks = 2,
                                      .watched = 0,
                                      .corpora = 1,
                                      .matrices = 2,
                                      .top = 10};
    static sample t;
    const char *path = scratch_path("good.db"), *bad = scratch_path("bad.db");
    sample_close(sample_filled(&t, path, &tiny), &t);
    size_t size = 0;
    char *bytes = read_file(path, &size);
    int opened = 0, failed = 0, rounds = 60;
    for (int round = 0; round < rounds; round++) {
        damage(bad, bytes, size, (uint64_t)round);
        read_all(bad, round % 3 == 2 ? WANE_RESULTS_WRITE : WANE_RESULTS_READ, &opened, &failed);
        (void)unlink(scratch_path("bad.db-journal"));
    }
    assert_true(opened > 0 && opened < rounds); /* both ways were taken */
    assert_true(failed > 0);
    free(bytes);
}

/* A file with the right marks whose tables are not ours, or do harm when touched. */
static void a_hostile_schema(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "CREATE TABLE run (a)", "CREATE VIEW run AS SELECT load_extension('x.so') AS id",
        "CREATE VIEW run AS WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id FROM r LIMIT 9) "
        "SELECT id FROM r; CREATE TABLE event (id INTEGER PRIMARY KEY, run, stage, time, level, "
        "message); CREATE TABLE loot (a); CREATE TRIGGER t AFTER INSERT ON event BEGIN INSERT INTO "
        "loot VALUES (1); END"};
    enum { COUNT = sizeof schemas / sizeof *schemas };
    for (size_t n = 0; n < (size_t)COUNT * WANE_RESULTS_VERSION; n++) {
        const char *path = scratch_path("hostile.db");
        size_t i = n % COUNT;
        int version = (int)(n / COUNT) + 1;
        char marks[96];
        sqlite3 *sql = NULL;
        int opened = 0, failed = 0;
        (void)unlink(path);
        assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
        assert_int_equal(sqlite3_exec(sql, schemas[i], NULL, NULL, NULL), SQLITE_OK);
        (void)snprintf(marks, sizeof marks,
                       "PRAGMA user_version=%d; PRAGMA application_id=0x77616e65", version);
        assert_int_equal(sqlite3_exec(sql, marks, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(sql);
        read_all(path, WANE_RESULTS_READ, &opened, &failed);
        read_all(path, WANE_RESULTS_WRITE, &opened, &failed);
        if (version < WANE_RESULTS_VERSION) { /* no step can be taken on such tables */
            assert_int_equal(opened, 0);
            continue;
        }
        assert_int_equal(opened, 2);
        assert_true(failed > 40);
        if (i < 2) continue;
        /* The trigger did not fire. */
        wane_results *db = open_results(path, WANE_RESULTS_READ);
        assert_int_equal(query_integer(db, "SELECT count(*) FROM event"), 1);
        assert_int_equal(query_integer(db, "SELECT count(*) FROM loot"), 0);
        wane_results_close(db);
    }
}

static int clean(void **state)
{
    sample_close(NULL, &s);
    return scratch_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_costs_no_whole_cell),
        cmocka_unit_test(a_hot_journal_is_undone),
        cmocka_unit_test(a_torn_beginning_is_made_anew),
        cmocka_unit_test(two_processes_write_at_once),
        cmocka_unit_test(a_lock_is_waited_for_and_named),
        cmocka_unit_test(a_read_only_folder),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(a_hostile_schema),
    };
    return cmocka_run_group_tests(tests, scratch_make, clean);
}
