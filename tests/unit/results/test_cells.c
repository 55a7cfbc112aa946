/* SPDX-License-Identifier: Apache-2.0
 * Cells, the rows of a stage, seals, transactions.
 */
#include "tests/support/support.h"

#include <math.h>

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

static void cells_are_written_once_and_whole(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("cell.db"), &small);
    wane_cell cell = {.stage = s.base,
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SCORE,
                      .subject = "task0@data",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    const wane_score_row scores[] = {{"test", "accuracy", 0.1 + 0.2, NAN, 10, NULL},
                                     {"test", "loss", INFINITY, NAN, WANE_NULL, NULL}};
    wane_cell_rows rows = {.scores = scores, .score_count = 2};
    bool there = true;
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_false(there);
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_true(there);
    /* Bits survive; NaN, infinities and WANE_NULL are NULL. */
    assert_int_equal(query_integer(db, "SELECT count(*) FROM score WHERE value = 0.1 + 0.2 "
                                       "AND stderr IS NULL AND n = 10"),
                     1);
    assert_int_equal(
        query_integer(db, "SELECT count(*) FROM score WHERE value IS NULL AND n IS NULL"), 1);
    /* The same again leaves what is there, even when the rows differ. */
    const wane_score_row others[] = {{"test", "accuracy", 0.9, NAN, 10, NULL}};
    rows = (wane_cell_rows){.scores = others, .score_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM score"), 2);
    /* Other settings replace it whole. */
    cell.settings_sha256 = "c";
    CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
    assert_false(there);
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM score WHERE value = 0.9"), 1);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM score"), 1);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM cell"), 1);
    sample_close(db, &s);
}

static void bad_cells_leave_nothing(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("bad.db"), &small);
    wane_cell cell = {.stage = s.base,
                      .step = WANE_STEP_SEALED,
                      .measure = WANE_CELL_SCORE,
                      .subject = "task0@data",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    const wane_score_row twice[] = {{"test", "accuracy", 0.5, NAN, 10, NULL},
                                    {"test", "accuracy", 0.6, NAN, 10, NULL}};
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
    assert_int_equal(
        query_integer(db, "SELECT (SELECT count(*) FROM cell) + (SELECT count(*) FROM score) "
                          "+ (SELECT count(*) FROM spectrum)"),
        0);
    /* Without rows but with a reason. */
    cell.subject = "previous";
    cell.reason = "no_change";
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){0}, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM cell WHERE reason = 'no_change'"), 1);
    sample_close(db, &s);
}

/* A measure that the schema has never heard of keeps its numbers among those of others. */
static void any_measure_has_single_numbers(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("single.db"), &small);
    const wane_measured_row rows[] = {{"", "length", 0.1 + 0.2, NULL},
                                      {"model.a", "length", NAN, "not_finite"}};
    wane_cell cell = {.stage = s.stage[1],
                      .step = WANE_STEP_SEALED,
                      .measure = "size",
                      .subject = "",
                      .settings_sha256 = "a",
                      .data_sha256 = ""};
    const wane_cell_rows two = {.measured = rows, .measured_count = 2};
    const wane_cell_rows one = {.measured = rows, .measured_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &two, &err));
    cell.measure = "weight"; /* of the same subject, with the same names */
    CHECK_OK(wane_cell_commit(db, &cell, &two, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM measured WHERE measure = 'size' AND "
                                       "(value = 0.1 + 0.2 OR reason = 'not_finite')"),
                     2);
    /* Other settings replace what is its own, and nothing else. */
    cell.settings_sha256 = "b";
    CHECK_OK(wane_cell_commit(db, &cell, &one, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM measured WHERE measure = 'weight'"),
                     1);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM measured WHERE measure = 'size'"), 2);
    /* One without rows has a reason; one with tables of its own has no others. */
    cell.settings_sha256 = "c";
    CHECK_FAILS(wane_cell_commit(db, &cell, &(wane_cell_rows){0}, &err), WANE_EINVAL,
                "a cell of 'weight' without rows needs a reason");
    cell.measure = WANE_CELL_SCORE;
    cell.subject = "task0@data";
    cell.reason = "none";
    CHECK_FAILS(wane_cell_commit(db, &cell, &one, &err), WANE_EINVAL,
                "rows of 'measured' in a cell of 'score'");
    sample_close(db, &s);
}

/* Every table that has no part in the sample. */
static void other_rows(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("rows.db"), &small);
    int64_t stage = s.stage[1];
    const wane_intervention_row arms[] = {
        {"top", "intruders", 0.3, "nll_change", "corpus0", -0.1, 0.01, 4, NULL},
        {"top", "intruders", 0.3, "forgetting_change_pct", "corpus0", NAN, NAN, 4,
         "denominator_small"}};
    wane_cell cell = {.stage = stage,
                      .step = -1,
                      .measure = WANE_CELL_INTERVENTION,
                      .subject = "top/intruders/0.3",
                      .settings_sha256 = "a",
                      .data_sha256 = "b"};
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = arms, .intervention_count = 2}, &err));
    const wane_sample_row samples[] = {{0, "say", "caf\xc3\xa9 \xff\xc3!", 0.5}};
    cell.measure = WANE_CELL_SAMPLE;
    cell.subject = "task1@data";
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.samples = samples, .sample_count = 1},
                              &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM sample WHERE response = "
                                       "'caf' || char(233) || ' ' || char(65533, 65533) || '!'"),
                     1);
    wane_step_row steps[] = {{1, 2.5, 1e-3, 0.7, 100, 0.1}, {2, NAN, 1e-3, INFINITY, 100, 0.1}};
    CHECK_OK(wane_results_put_steps(db, stage, steps, 2, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM step WHERE loss IS NULL AND grad_norm "
                                       "IS NULL"),
                     1);
    steps[1].loss = 2.25;
    CHECK_OK(wane_results_put_steps(db, stage, &steps[1], 1, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM step WHERE loss IN (2.5, 2.25)"), 2);
    CHECK_OK(wane_results_add_event(db, s.run[0], 0, "warning", "something", &err));
    CHECK_FAILS(wane_results_add_event(db, 0, 0, "loud", "x", &err), WANE_EINVAL, "CHECK");
    assert_int_equal(query_integer(db,
                                   "SELECT count(*) FROM event WHERE stage IS NULL AND run = 1 AND "
                                   "time GLOB '2*-*-*T*:*:*Z'"),
                     1);
    /* A warning is there once, whatever else has its words. */
    CHECK_OK(wane_results_add_event(db, s.run[0], 0, "info", "few rows", &err));
    for (int i = 0; i < 2; i++)
        CHECK_OK(wane_results_add_warning(db, s.run[i], stage, "few rows", &err));
    CHECK_OK(wane_results_add_warning(db, s.run[0], stage, "one label", &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM event WHERE level = 'warning' AND "
                                       "run = 1 AND stage > 0"),
                     2);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM event WHERE run = 2"), 0);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM parameter WHERE typeof(value) IN "
                                       "('integer', 'real', 'text') AND run = 1"),
                     3);
    sample_close(db, &s);
}

static void usage_adds_up(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("usage.db"), &small);
    int64_t stage = s.stage[1];
    const wane_usage_row usage = {"train", 1.5, 3, 1000, 50};
    CHECK_OK(wane_results_add_usage(db, stage, &usage, &err));
    CHECK_OK(wane_results_add_usage(db, stage, &(wane_usage_row){"train", 1, 1, 900, 50}, &err));
    assert_int_equal(query_integer(db,
                                   "SELECT count(*) FROM usage WHERE wall_s = 2.5 AND cpu_s = 4 "
                                   "AND peak_bytes = 1000 AND tokens = 100"),
                     1);
    /* What a phase does not count stays unknown, however often it is added to. */
    const wane_usage_row uncounted = {"score", 1, 1, WANE_NULL, WANE_NULL};
    for (int i = 0; i < 2; i++) CHECK_OK(wane_results_add_usage(db, stage, &uncounted, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM usage WHERE phase = 'score' AND "
                                       "wall_s = 2 AND peak_bytes IS NULL AND tokens IS NULL"),
                     1);
    CHECK_OK(wane_results_add_usage(db, stage, &(wane_usage_row){"score", 1, 1, 7, 5}, &err));
    CHECK_OK(wane_results_add_usage(db, stage, &uncounted, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM usage WHERE phase = 'score' AND "
                                       "wall_s = 4 AND peak_bytes = 7 AND tokens = 5"),
                     1);
    sample_close(db, &s);
}

static void stages_are_sealed(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("seal.db"), &small);
    wane_stage_state stage = {0};
    char *path = NULL, *sha = NULL;
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
    /* Trained again, it is there again. */
    CHECK_OK(wane_results_seal_stage(db, id, &seal, &err));
    CHECK_OK(wane_results_find_artifact(db, &path, NULL, id, "adapter", &err));
    assert_string_equal(path, "stages/1");
    wane_free(path);
    CHECK_FAILS(wane_results_set_stage_status(db, 4711, WANE_STAGE_DONE, &err), WANE_ENOTFOUND,
                "no stage 4711");
    for (int status = 0; status <= WANE_STAGE_FAILED; status++) {
        CHECK_OK(wane_results_set_stage_status(db, id, (wane_stage_status)status, &err));
        CHECK_OK(wane_results_stage_state(db, &stage, id, &err));
        assert_int_equal(stage.status, status);
    }
    sample_close(db, &s);
}

static void runs_are_sealed(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("runs.db"), &small);
    wane_run_state run = {0};
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
    assert_int_equal(query_integer(db, "SELECT count(*) FROM metric"), 1);
    const wane_gate_row gate = {"leak", "task0", false, 3, 0, "3 rows"};
    CHECK_OK(wane_results_put_gate(db, s.run[0], &gate, &err));
    CHECK_OK(wane_results_put_gate(db, s.run[0], &gate, &err));
    assert_int_equal(query_integer(db, "SELECT gates_failed FROM run_summary LIMIT 1"), 1);
    sample_close(db, &s);
}

/* A seal is over what will not change. */
static void what_is_at_work_cannot_be_sealed(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("work.db"), &small);
    wane_stage_state before = {0}, after = {0};
    CHECK_OK(wane_results_stage_state(db, &before, s.stage[1], &err));
    wane_stage_seal seal = {.status = WANE_STAGE_PLANNED, .steps = 7, .diverged_at = WANE_NULL};
    CHECK_FAILS(wane_results_seal_stage(db, s.stage[1], &seal, &err), WANE_EINVAL, "'planned'");
    seal.status = WANE_STAGE_TRAINING;
    CHECK_FAILS(wane_results_seal_stage(db, s.stage[1], &seal, &err), WANE_EINVAL, "'training'");
    CHECK_OK(wane_results_stage_state(db, &after, s.stage[1], &err));
    assert_true(after.status == before.status && after.steps == before.steps);
    sample_close(db, &s);
}

static void transactions_join_and_roll_back(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("tx.db"), &small);
    CHECK_OK(wane_results_begin(db, &err));
    CHECK_FAILS(wane_results_begin(db, &err), WANE_EINTERNAL, "open already");
    sample_cells(db, &s, 0, 0);
    wane_results_rollback(db);
    wane_results_rollback(db);
    wane_results_rollback(NULL);
    CHECK_FAILS(wane_results_commit(db, &err), WANE_EINTERNAL, "no transaction");
    assert_int_equal(query_integer(db, "SELECT count(*) FROM cell"), 0);
    CHECK_OK(wane_results_begin(db, &err));
    sample_cells(db, &s, 0, 0);
    wane_results *reader = open_results(scratch_path("tx.db"), WANE_RESULTS_READ);
    assert_int_equal(query_integer(reader, "SELECT count(*) FROM cell"), 0);
    CHECK_OK(wane_results_commit(db, &err));
    assert_int_equal(query_integer(reader, "SELECT count(*) FROM cell"), 6);
    CHECK_FAILS(wane_results_begin(reader, &err), WANE_EINVAL, "opened for reading");
    CHECK_FAILS(wane_results_add_event(reader, 0, 0, "info", "x", &err), WANE_EINVAL, "reading");
    wane_results_close(reader);
    sample_close(db, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_written_once_and_whole),
        cmocka_unit_test(bad_cells_leave_nothing),
        cmocka_unit_test(any_measure_has_single_numbers),
        cmocka_unit_test(other_rows),
        cmocka_unit_test(usage_adds_up),
        cmocka_unit_test(stages_are_sealed),
        cmocka_unit_test(runs_are_sealed),
        cmocka_unit_test(what_is_at_work_cannot_be_sealed),
        cmocka_unit_test(transactions_join_and_roll_back),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
