/* SPDX-License-Identifier: Apache-2.0
 * Opening, the plan, cells, seals.
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

static int64_t number(wane_results *db, const char *sql)
{
    wane_error err = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    int64_t out = wane_query_int(query, 0);
    wane_query_free(query);
    return out;
}

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
    CHECK_OK(wane_results_open(&db, path, WANE_RESULTS_CREATE, &err));
    CHECK_OK(wane_results_check(db, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), 28);
    wane_results_close(db);
}

static void settings_are_those_promised(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    CHECK_OK(wane_results_open(&db, scratch_path("s.db"), WANE_RESULTS_CREATE, &err));
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
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("plan.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    sample_cells(db, &s, 0, 1);
    sample_seal(db, &s, 0);
    char *first = dump(db);
    sample_plan(db, &s, &small, "e");
    char *second = dump(db);
    assert_string_equal(first, second);
    assert_int_equal(number(db, "SELECT max(id) FROM stage"), 1 + 8 * 3);
    assert_int_equal(number(db, "SELECT max(id) FROM run"), 8);
    /* A longer plan adds rows, and those that were there keep their ids and states. */
    sample_shape longer = small;
    longer.methods = 3;
    longer.corpora = 3;
    sample_plan(db, &s, &longer, "e");
    assert_int_equal(number(db, "SELECT max(id) FROM run"), 12);
    assert_int_equal(number(db, "SELECT count(*) FROM run WHERE status = 'done'"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM run_list"), 12);
    free(first);
    free(second);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

/* The experiment file changes under the same names. */
static void a_changed_run_supersedes(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    int64_t id = 0;
    CHECK_OK(wane_results_open(&db, scratch_path("super.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    sample_fill(db, &s);
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
    assert_int_equal(number(db, "SELECT superseded FROM run WHERE id = 1"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM run_summary WHERE run = 'full/given/s0'"), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM metric WHERE run = 1") > 0, 1);
    CHECK_OK(wane_results_find_run(db, &id, "full/given/s0", NULL, &err));
    assert_int_equal(id, 9);
    /* And back. */
    row.key = "0000:e";
    CHECK_OK(wane_results_put_run(db, &id, &row, &err));
    assert_int_equal(id, 1);
    assert_int_equal(number(db, "SELECT group_concat(superseded, '') = '000000001' FROM run"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM run_summary WHERE run = 'full/given/s0'"), 1);
    /* A task of the same name on other data takes its place on the list. */
    const wane_task_row task = {.key = "task0@other",
                                .name = "task0",
                                .kind = "classification",
                                .split = "test",
                                .train_rows = WANE_NULL,
                                .measured_rows = WANE_NULL,
                                .labels = 2};
    CHECK_OK(wane_results_put_task(db, &id, &task, &err));
    CHECK_OK(wane_results_put_experiment_task(db, s.experiment_id, id, false, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM experiment_task"), 4);
    assert_int_equal(number(db, "SELECT count(*) FROM accuracy_matrix WHERE task = 'task0'"), 0);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

static void finding_runs(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s, t;
    int64_t id = 0;
    CHECK_OK(wane_results_open(&db, scratch_path("find.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "one");
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
    free(s.stage);
    free(t.stage);
    memset(&s, 0, sizeof s);
    memset(&t, 0, sizeof t);
    wane_results_close(db);
}

static void cells_are_written_once_and_whole(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("cell.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    wane_cell cell = {.stage = s.base,
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SCORE,
                      .subject = "task0@data",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    const wane_score_row scores[] = {{"test", "accuracy", 0.1 + 0.2, NAN, 10},
                                     {"test", "loss", INFINITY, NAN, WANE_NULL}};
    wane_cell_rows rows = {.scores = scores, .score_count = 2};
    bool there = true;
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_false(there);
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_true(there);
    /* Bits survive; NaN and WANE_NULL are NULL. */
    assert_int_equal(number(db, "SELECT count(*) FROM score WHERE value = 0.1 + 0.2 "
                                "AND stderr IS NULL AND n = 10"),
                     1);
    assert_int_equal(number(db, "SELECT count(*) FROM score WHERE value = 9e999 AND n IS NULL"), 1);
    /* The same again leaves what is there, even when the rows differ. */
    const wane_score_row others[] = {{"test", "accuracy", 0.9, NAN, 10}};
    rows = (wane_cell_rows){.scores = others, .score_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM score"), 2);
    /* Other settings replace it whole. */
    cell.settings_sha256 = "c";
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_false(there);
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM score WHERE value = 0.9"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM score"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM cell"), 1);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

static void bad_cells_leave_nothing(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("bad.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    wane_cell cell = {.stage = s.base,
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SCORE,
                      .subject = "task0@data",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    const wane_score_row twice[] = {{"test", "accuracy", 0.5, NAN, 10},
                                    {"test", "accuracy", 0.6, NAN, 10}};
    const wane_direction_row direction = {.matrix = s.matrix[0], .side = 'u', .position = 1};
    wane_cell_rows rows = {.scores = twice, .score_count = 2};
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_EINVAL, "UNIQUE");
    rows = (wane_cell_rows){.directions = &direction, .direction_count = 1};
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_EINVAL,
                "rows of 'spectrum' in a cell of 'score'");
    rows = (wane_cell_rows){0};
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_EINVAL, "needs a reason");
    rows = (wane_cell_rows){.scores = twice, .score_count = 1};
    cell.subject = "task9@data";
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_ENOTFOUND, "task9@data");
    cell.subject = "task0@data";
    cell.stage = 4711;
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_EINVAL, "FOREIGN KEY");
    cell = (wane_cell){.stage = s.base,
                       .step = -1,
                       .measure = WANE_CELL_SPECTRUM,
                       .subject = "sideways",
                       .settings_sha256 = "a",
                       .data_sha256 = ""};
    const wane_spectrum_row spectrum = {.matrix = s.matrix[0]};
    rows = (wane_cell_rows){.spectra = &spectrum, .spectrum_count = 1};
    CHECK_FAILS(wane_cell_commit(db, &cell, &rows, &err), WANE_EINVAL, "CHECK");
    assert_int_equal(number(db, "SELECT (SELECT count(*) FROM cell) + (SELECT count(*) FROM score) "
                                "+ (SELECT count(*) FROM spectrum)"),
                     0);
    /* Without rows but with a reason. */
    cell.subject = "previous";
    cell.reason = "no_change";
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){0}, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM cell WHERE reason = 'no_change'"), 1);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

/* Every table that has no part in the sample. */
static void other_rows(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("rows.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    int64_t stage = s.stage[1];
    const wane_intervention_row arms[] = {
        {"intruders", 0.3, "nll:corpus0", -0.1, 0.01, 4, NULL},
        {"energy", 0.3, "nll:corpus0", NAN, NAN, 4, "unreachable"}};
    wane_cell cell = {.stage = stage,
                      .step = -1,
                      .measure = WANE_CELL_INTERVENTION,
                      .subject = "top",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = arms, .intervention_count = 2}, &err));
    const wane_sample_row samples[] = {{0, "say", "caf\xc3\xa9 \xff\xc3!", 0.5}};
    cell.measure = WANE_CELL_SAMPLE;
    cell.subject = "task1@data";
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.samples = samples, .sample_count = 1},
                              &err));
    assert_int_equal(number(db, "SELECT count(*) FROM sample WHERE response = "
                                "'caf' || char(233) || ' ' || char(65533, 65533) || '!'"),
                     1);
    wane_step_row steps[] = {{1, 2.5, 1e-3, 0.7, 100, 0.1}, {2, NAN, 1e-3, INFINITY, 100, 0.1}};
    CHECK_OK(wane_results_put_steps(db, stage, steps, 2, &err));
    steps[1].loss = 2.25;
    CHECK_OK(wane_results_put_steps(db, stage, &steps[1], 1, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM step WHERE loss IN (2.5, 2.25)"), 2);
    const wane_usage_row usage = {"train", 1.5, 3, 1000, 50};
    CHECK_OK(wane_results_add_usage(db, stage, &usage, &err));
    CHECK_OK(wane_results_add_usage(db, stage, &(wane_usage_row){"train", 1, 1, 900, 50}, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM usage WHERE wall_s = 2.5 AND cpu_s = 4 "
                                "AND peak_bytes = 1000 AND tokens = 100"),
                     1);
    CHECK_OK(wane_results_add_event(db, s.run[0], 0, "warning", "something", &err));
    CHECK_FAILS(wane_results_add_event(db, 0, 0, "loud", "x", &err), WANE_EINVAL, "CHECK");
    assert_int_equal(number(db, "SELECT count(*) FROM event WHERE stage IS NULL AND run = 1 AND "
                                "time GLOB '2*-*-*T*:*:*Z'"),
                     1);
    assert_int_equal(number(db, "SELECT count(*) FROM parameter WHERE typeof(value) IN "
                                "('integer', 'real', 'text') AND run = 1"),
                     3);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

static void stages_and_runs_are_sealed(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    static sample s;
    wane_stage_state stage = {0};
    wane_run_state run = {0};
    char *path = NULL, *sha = NULL;
    CHECK_OK(wane_results_open(&db, scratch_path("seal.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    int64_t id = s.stage[1];
    CHECK_OK(wane_results_stage_state(db, &stage, id, &err));
    assert_int_equal(stage.status, WANE_STAGE_PLANNED);
    assert_true(stage.steps == WANE_NULL && stage.id == id);
    CHECK_OK(wane_results_set_stage_status(db, id, WANE_STAGE_TRAINING, &err));
    CHECK_FAILS(wane_results_find_artifact(db, &path, &sha, id, "adapter", &err), WANE_ENOTFOUND,
                "has no adapter");
    const wane_artifact_row artifact = {"adapter", "stages/1", "abc", 10};
    const wane_environment_row environment = {
        .version = "0.1", .numbers = 1, .blas_core = "SkylakeX", .threads = 2, .jobs = 1};
    wane_stage_seal seal = {.status = WANE_STAGE_DIVERGED,
                            .steps = 7,
                            .diverged_at = 7,
                            .artifacts = &artifact,
                            .artifact_count = 1,
                            .environment = &environment};
    CHECK_OK(wane_results_seal_stage(db, id, &seal, &err));
    CHECK_OK(wane_results_stage_state(db, &stage, id, &err));
    assert_int_equal(stage.status, WANE_STAGE_DIVERGED);
    assert_int_equal(stage.steps, 7);
    assert_int_equal(stage.diverged_at, 7);
    CHECK_OK(wane_results_find_artifact(db, &path, &sha, id, "adapter", &err));
    assert_string_equal(path, "stages/1");
    assert_string_equal(sha, "abc");
    wane_free(path);
    wane_free(sha);
    CHECK_OK(wane_results_drop_artifact(db, id, "adapter", &err));
    CHECK_FAILS(wane_results_find_artifact(db, &path, &sha, id, "adapter", &err), WANE_ENOTFOUND,
                "keep:");
    seal.status = WANE_STAGE_PLANNED;
    CHECK_FAILS(wane_results_seal_stage(db, id, &seal, &err), WANE_EINVAL, "planned");
    CHECK_FAILS(wane_results_set_stage_status(db, 4711, WANE_STAGE_DONE, &err), WANE_ENOTFOUND,
                "no stage 4711");
    for (int status = 0; status <= WANE_STAGE_FAILED; status++) {
        CHECK_OK(wane_results_set_stage_status(db, id, (wane_stage_status)status, &err));
        CHECK_OK(wane_results_stage_state(db, &stage, id, &err));
        assert_int_equal(stage.status, status);
    }
    for (int status = 0; status <= WANE_RUN_GATE_FAILED; status++) {
        CHECK_OK(wane_results_set_run_status(db, s.run[0], (wane_run_status)status, NULL, &err));
        CHECK_OK(wane_results_run_state(db, &run, s.run[0], &err));
        assert_int_equal(run.status, status);
    }
    /* A seal replaces an earlier one; a NULL metric must say why. */
    wane_metric_row metric = {1, "bwt", "", NAN, NULL};
    wane_run_seal run_seal = {.status = WANE_RUN_DONE, .metrics = &metric, .metric_count = 1};
    CHECK_FAILS(wane_results_seal_run(db, s.run[0], &run_seal, &err), WANE_EINVAL, "CHECK");
    metric.reason = "one_task";
    CHECK_OK(wane_results_seal_run(db, s.run[0], &run_seal, &err));
    CHECK_OK(wane_results_seal_run(db, s.run[0], &run_seal, &err));
    assert_int_equal(number(db, "SELECT count(*) FROM metric"), 1);
    const wane_gate_row gate = {"leak", "task0", false, 3, 0, "3 rows"};
    CHECK_OK(wane_results_put_gate(db, s.run[0], &gate, &err));
    CHECK_OK(wane_results_put_gate(db, s.run[0], &gate, &err));
    assert_int_equal(number(db, "SELECT gates_failed FROM run_summary LIMIT 1"), 1);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
}

static void transactions_join_and_roll_back(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL, *reader = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("tx.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
    CHECK_OK(wane_results_begin(db, &err));
    CHECK_FAILS(wane_results_begin(db, &err), WANE_EINTERNAL, "open already");
    sample_cells(db, &s, 0, 0);
    wane_results_rollback(db);
    wane_results_rollback(db);
    wane_results_rollback(NULL);
    CHECK_FAILS(wane_results_commit(db, &err), WANE_EINTERNAL, "no transaction");
    assert_int_equal(number(db, "SELECT count(*) FROM cell"), 0);
    CHECK_OK(wane_results_begin(db, &err));
    sample_cells(db, &s, 0, 0);
    CHECK_OK(wane_results_open(&reader, scratch_path("tx.db"), WANE_RESULTS_READ, &err));
    assert_int_equal(number(reader, "SELECT count(*) FROM cell"), 0);
    CHECK_OK(wane_results_commit(db, &err));
    assert_int_equal(number(reader, "SELECT count(*) FROM cell"), 6);
    CHECK_FAILS(wane_results_begin(reader, &err), WANE_EINVAL, "opened for reading");
    CHECK_FAILS(wane_results_add_event(reader, 0, 0, "info", "x", &err), WANE_EINVAL, "reading");
    wane_results_close(reader);
    free(s.stage);
    memset(&s, 0, sizeof s);
    wane_results_close(db);
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
    wane_results *db = NULL;
    static sample s;
    CHECK_OK(wane_results_open(&db, scratch_path("old.db"), WANE_RESULTS_CREATE, &err));
    sample_plan(db, &s, &small, "e");
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
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 10);
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
    assert_int_equal(number(db, "SELECT count(*) FROM run WHERE note = name"), 8);
    assert_int_equal(number(db, "SELECT count(*) FROM run_list"), 8);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"), 10);
    CHECK_OK(wane_results_check(db, &err));
    wane_results_close(db);
    /* What another wane has brought forward is too new for this one. */
    for (int mode = WANE_RESULTS_READ; mode <= WANE_RESULTS_CREATE; mode++)
        CHECK_FAILS(wane_results_open(&db, scratch_path("old.db"), (wane_results_mode)mode, &err),
                    WANE_EVERSION, "newer wane");
    free(before);
    free(s.stage);
    memset(&s, 0, sizeof s);
}

static void what_is_no_database_is_refused(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    const char *path = scratch_path("x.db");
    write_file(path, "this is not a database, though it is long enough to be looked at, and so on",
               75);
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_READ, &err), WANE_EFORMAT,
                "not a database");
    CHECK_FAILS(wane_results_open(&db, path, WANE_RESULTS_CREATE, &err), WANE_EFORMAT,
                "not a database");
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
    /* A database of another program stays as it was. */
    sqlite3 *sql = NULL;
    path = scratch_path("foreign.db");
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

static void a_colon_is_a_name(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_results *db = NULL;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch_folder()), 0);
    CHECK_OK(wane_results_open(&db, ":memory:", WANE_RESULTS_CREATE, &err));
    wane_results_close(db);
    assert_int_equal(access("./:memory:", F_OK), 0);
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
    wane_results *db = NULL;
    CHECK_OK(wane_results_open(&db, scratch_path("m.db"), WANE_RESULTS_CREATE, &err));
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
        cmocka_unit_test(cells_are_written_once_and_whole),
        cmocka_unit_test(bad_cells_leave_nothing),
        cmocka_unit_test(other_rows),
        cmocka_unit_test(stages_and_runs_are_sealed),
        cmocka_unit_test(transactions_join_and_roll_back),
        cmocka_unit_test(migrations_go_forward_or_not_at_all),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(a_colon_is_a_name),
        cmocka_unit_test(network_file_systems_are_known),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
