/* SPDX-License-Identifier: Apache-2.0
 * Counts of intruders from stored directions where some do not exist, some are unresolved, some
 * matrices have not changed, and some cells are of an earlier definition: named queries and views
 * count the same.
 */
#include <math.h>

#include "store/results/query.h"
#include "tests/support/support.h"
#include "tests/unit/results/sample.h"

enum { MATRICES = 4, TOP = 5 };
static const sample_shape shape = {.methods = 1,
                                   .orders = 1,
                                   .seeds = 1,
                                   .tasks = 1,
                                   .watched = 0,
                                   .corpora = 1,
                                   .matrices = MATRICES,
                                   .top = TOP};
static sample s;
static wane_results *db;

/* An intruder at .5, one at .3 too, an unresolved one, one of the base; the last does not exist. */
static const double cosines[TOP] = {0.4, 0.2, 0.35, 0.9, NAN};
static const double clusters[TOP] = {0.45, 0.2, 0.95, 0.9, NAN};

/* Matrices 0 and 1 changed; 2 did not and has its base's directions; 3 did not and has none. */
static void commit(const char *settings, bool earlier)
{
    wane_error err = {0};
    wane_spectrum_row spectra[MATRICES];
    wane_direction_row directions[3 * TOP * 2];
    size_t count = 0;
    for (int m = 0; m < MATRICES; m++) {
        bool changed = m < 2;
        wane_spectrum_side_row side = {.intruders = changed ? 2 : 0,
                                       .energy = changed ? 0.5 : 0,
                                       .existing = changed ? 4 : 0,
                                       .unresolved = changed};
        spectra[m] = (wane_spectrum_row){.matrix = s.matrix[m],
                                         .base_count = 48,
                                         .side = {side, side},
                                         .top_energy = changed ? 8 : NAN,
                                         .delta_frobenius = changed ? 2 : 0,
                                         .changed = changed,
                                         .floor = 0x1p-10};
        for (int k = 0; k < 2 * TOP && m < 3; k++) {
            int j = k % TOP;
            double cosine = changed ? cosines[j] : j < 4 ? 1 : (double)NAN;
            double cluster = changed ? clusters[j] : cosine;
            if (earlier && isnan(cosine)) cosine = 0.1; /* an accident of its arithmetic */
            directions[count++] =
                (wane_direction_row){.matrix = s.matrix[m],
                                     .side = k < TOP ? 'u' : 'v',
                                     .position = j + 1,
                                     .sigma = j < 4 ? 4 - j : 0,
                                     .max_cosine = cosine,
                                     .cluster_overlap = earlier ? (double)NAN : cluster,
                                     .argmax = isnan(cosine) ? WANE_NULL : j + 1,
                                     .reason = isnan(cosine) ? "below_floor" : NULL};
        }
    }
    const wane_cell cell = {.stage = s.stage[1],
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_SPECTRUM,
                            .subject = "base",
                            .settings_sha256 = settings,
                            .data_sha256 = ""};
    const wane_cell_rows rows = {.spectra = spectra,
                                 .spectrum_count = MATRICES,
                                 .directions = directions,
                                 .direction_count = count};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
}

static int prepare(void **state)
{
    if (scratch_make(state) != 0) return -1;
    db = sample_filled(&s, scratch_path("e.db"), &shape);
    return 0;
}

static int clean(void **state)
{
    sample_close(db, &s);
    return scratch_remove(state);
}

typedef struct wanted {
    const char *k, *epsilon;
    double intruders, unresolved, existing, energy;
} wanted;

/* Squares of sigma: 16, 9, 4, 1, 0. */
static const wanted cases[] = {{"5", "0.5", 4, 2, 8, 25.0 / 30},
                               {"5", "0.3", 2, 0, 8, 9.0 / 30},
                               {"5", "0.42", 2, 4, 8, 9.0 / 30},
                               {"3", "0.5", 4, 2, 6, 25.0 / 29},
                               {"1", "1", 2, 0, 2, 1}};

static wane_query *ask(const char *name, const wanted *w)
{
    wane_error err = {0};
    wane_query *query = NULL;
    const wane_assignment given[] = {{"k", w->k}, {"epsilon", w->epsilon}};
    CHECK_OK(wane_named_query_open(&query, db, name, given, 2, &err));
    return query;
}

static void check_row(const wane_query *query, const wanted *w, double share)
{
    CHECK_NEAR(row_number(query, "intruders"), w->intruders * share, 0, 0);
    CHECK_NEAR(row_number(query, "unresolved"), w->unresolved * share, 0, 0);
    CHECK_NEAR(row_number(query, "existing"), w->existing * share, 0, 0);
    if (share > 0) CHECK_NEAR(row_number(query, "energy"), w->energy, 0, 1e-14);
    assert_null(row_text(query, "reason"));
}

static void every_query_counts_the_same(void **state)
{
    (void)state;
    wane_error err = {0};
    static const char *const totals[] = {"intruders", "intruders_by_run", "intruders_by_method"};
    commit("now", false);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (size_t i = 0; i < 3; i++) {
            wane_query *query = ask(totals[i], &cases[c]);
            CHECK_OK(wane_query_next(query, &err));
            check_row(query, &cases[c], 1);
            assert_int_equal(wane_query_next(query, &err), WANE_DONE);
            wane_query_free(query);
        }
        wane_query *query = ask("intruders_by_matrix", &cases[c]);
        for (int m = 0; m < MATRICES; m++) { /* an unchanged one is there, and counts nothing */
            CHECK_OK(wane_query_next(query, &err));
            assert_true(row_number(query, "changed") == (m < 2));
            check_row(query, &cases[c], m < 2 ? 0.5 : 0);
        }
        assert_int_equal(wane_query_next(query, &err), WANE_DONE);
        wane_query_free(query);
        double modules = 0, changed = 0;
        query = ask("intruders_by_module", &cases[c]);
        while (wane_query_next(query, &err) == WANE_OK) {
            modules += row_number(query, "intruders");
            changed += row_number(query, "changed");
        }
        wane_query_free(query);
        CHECK_NEAR(modules, cases[c].intruders, 0, 0);
        assert_true(changed == 2);
    }
}

static void views_show_the_stored_totals(void **state)
{
    (void)state;
    commit("now", false);
    assert_int_equal(
        query_integer(db, "SELECT count(*) FROM intruders WHERE matrices = 4 AND changed = 2 "
                          "AND intruders = 4 AND unresolved = 2 AND existing = 8 AND "
                          "energy = 0.5"),
        1);
    assert_int_equal(
        query_integer(db, "SELECT count(*) FROM run_summary WHERE matrices_changed = 2 AND "
                          "intruders_unresolved = 2 AND intruders_existing = 8"),
        1);
    assert_int_equal(query_integer(db,
                                   "SELECT count(*) FROM direction WHERE reason = 'below_floor' "
                                   "AND max_cosine IS NULL AND argmax IS NULL"),
                     2 * 2 + 2);
}

/* Max_cosine alone: what an earlier wane stored counts as it did then. */
static void earlier_cells_count_as_before(void **state)
{
    (void)state;
    wane_error err = {0};
    commit("then", true);
    wane_query *query = ask("intruders", &cases[0]);
    CHECK_OK(wane_query_next(query, &err));
    CHECK_NEAR(row_number(query, "intruders"), 8, 0, 0);
    assert_true(isnan(row_number(query, "unresolved")) && isnan(row_number(query, "existing")));
    assert_string_equal(row_text(query, "reason"), "earlier_definition");
    wane_query_free(query);
}

/* Of a stage with a matrix that is not finite no count is known. */
static void a_stage_that_is_not_finite_has_no_count(void **state)
{
    (void)state;
    wane_error err = {0};
    static const char *const names[] = {"intruders", "intruders_by_run", "intruders_by_matrix"};
    const wane_spectrum_side_row none = {.intruders = WANE_NULL};
    wane_spectrum_row spectra[2] = {
        {.matrix = s.matrix[0],
         .base_count = WANE_NULL,
         .side = {none, none},
         .changed = true,
         .reason = WANE_NOT_FINITE},
        {.matrix = s.matrix[1], .base_count = 48, .reason = "unchanged"}};
    const wane_cell cell = {.stage = s.stage[1],
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_SPECTRUM,
                            .subject = "base",
                            .settings_sha256 = "bad",
                            .data_sha256 = ""};
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.spectra = spectra, .spectrum_count = 2},
                              &err));
    for (size_t i = 0; i < 3; i++) {
        wane_query *query = ask(names[i], &cases[0]);
        CHECK_OK(wane_query_next(query, &err));
        assert_true(isnan(row_number(query, "intruders")));
        assert_string_equal(row_text(query, "reason"), "not_finite");
        wane_query_free(query);
    }
}

/* Undefined, not too small: 5 directions of each are stored. */
static void k_beyond_what_is_stored(void **state)
{
    (void)state;
    wane_error err = {0};
    commit("now", false);
    wane_query *query = ask("intruders", &(wanted){.k = "6", .epsilon = "0.5"});
    CHECK_OK(wane_query_next(query, &err));
    assert_true(isnan(row_number(query, "intruders")) && isnan(row_number(query, "unresolved")));
    assert_string_equal(row_text(query, "reason"), "beyond_stored_top");
    wane_query_free(query);
}

/* What was made from directions judged anew goes with its rows; other cells stay. */
static void interventions_are_dropped(void **state)
{
    (void)state;
    wane_error err = {0};
    const wane_intervention_row row = {.choice = "top",
                                       .arm = "intruders",
                                       .lambda = 0,
                                       .measure = "nll_change",
                                       .target = "text",
                                       .value = 1};
    const wane_cell cell = {.stage = s.stage[1],
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_INTERVENTION,
                            .subject = "top/intruders/0",
                            .settings_sha256 = "",
                            .data_sha256 = ""};
    int64_t cells = query_integer(db, "SELECT count(*) FROM cell");
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = &row, .intervention_count = 1}, &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM intervention"), 1);
    CHECK_OK(wane_cells_drop_interventions(db, s.stage[1], &err));
    assert_int_equal(query_integer(db, "SELECT count(*) FROM intervention"), 0);
    assert_int_equal(query_integer(db, "SELECT count(*) FROM cell"), cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_query_counts_the_same, prepare, clean),
        cmocka_unit_test_setup_teardown(views_show_the_stored_totals, prepare, clean),
        cmocka_unit_test_setup_teardown(earlier_cells_count_as_before, prepare, clean),
        cmocka_unit_test_setup_teardown(k_beyond_what_is_stored, prepare, clean),
        cmocka_unit_test_setup_teardown(interventions_are_dropped, prepare, clean),
        cmocka_unit_test_setup_teardown(a_stage_that_is_not_finite_has_no_count, prepare, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
