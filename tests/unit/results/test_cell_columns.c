/* SPDX-License-Identifier: Apache-2.0
 * Every column of a cell's rows is stored under its own name, and a spectrum's totals are what
 * their definitions make of two matrices, by hand.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/base/text.h"
#include "store/results/hashes.h"
#include "store/results/query.h"
#include "tests/unit/results/sample.h"

static const sample_shape small = {.methods = 1,
                                   .orders = 1,
                                   .seeds = 1,
                                   .tasks = 2,
                                   .watched = 0,
                                   .corpora = 1,
                                   .matrices = 2,
                                   .top = 4};

/* The rows of a query as CSV, without the names of the columns. */
static void expect(wane_results *db, const char *sql, const char *rows)
{
    wane_error err = {0};
    wane_query *query = NULL;
    wane_text text = {0};
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_render(query, WANE_RENDER_CSV, &text, &err));
    assert_string_equal(strchr(text.data, '\n') + 1, rows);
    wane_query_free(query);
    wane_text_free(&text);
}

static wane_cell cell_of(const sample *s, const char *measure, const char *subject)
{
    return (wane_cell){.stage = s->base,
                       .step = WANE_STEP_SEALED,
                       .measure = measure,
                       .subject = subject,
                       .settings_sha256 = "a",
                       .data_sha256 = "b"};
}

static void scores_and_examples(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("scores.db"), &small);
    wane_cell cell = cell_of(&s, WANE_CELL_SCORE, "task0@data");
    const wane_score_row scores[] = {{"test", "accuracy", 0.25, 0.125, 10, NULL},
                                     {"test", "loss", NAN, NAN, 10, "not_finite"}};
    const wane_example_row examples[] = {{"test", 7, 1, 2, 0.5, 0.75}, {"test", 8, 3, 3, 1, 2}};
    wane_cell_rows rows = {
        .scores = scores, .score_count = 2, .examples = examples, .example_count = 2};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db, "SELECT split, metric, value, stderr, n, reason FROM score ORDER BY metric",
           "test,accuracy,0.25,0.125,10,\ntest,loss,,,10,not_finite\n");
    expect(db,
           "SELECT split, \"row\", label, predicted, margin, loss FROM example ORDER BY \"row\"",
           "test,7,1,2,0.5,0.75\ntest,8,3,3,1,2\n");
    /* Under other settings nothing of the older rows stays. */
    cell.settings_sha256 = "c";
    rows = (wane_cell_rows){
        .scores = scores, .score_count = 1, .examples = examples, .example_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db, "SELECT metric FROM score", "accuracy\n");
    expect(db, "SELECT \"row\" FROM example", "7\n");
    sample_close(db, &s);
}

static void a_look_is_no_sealed_cell(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("looks.db"), &small);
    wane_cell cell = cell_of(&s, WANE_CELL_SCORE, "task0@data");
    const wane_score_row score = {"test", "accuracy", 0.25, 0.125, 10, NULL};
    const wane_cell_rows rows = {.scores = &score, .score_count = 1};
    bool there = true;
    cell.step = 5;
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    for (int64_t step = WANE_STEP_SEALED; step < 8; step++) {
        cell.step = step;
        CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
        assert_true(there == (step == 5));
    }
    sample_close(db, &s);
}

static void likelihoods_and_windows(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("nll.db"), &small);
    const wane_cell cell = cell_of(&s, WANE_CELL_LIKELIHOOD, "corpus0@data");
    const wane_likelihood_row row = {1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5,  9.5,
                                     10,  11,  12,  13,  14,  15,  "x", true, NULL};
    const wane_window_row window = {1, 2, 3.5, 4.5, 5.5, 6};
    const wane_cell_rows rows = {.likelihood = &row, .windows = &window, .window_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db,
           "SELECT nll, stderr, change_stderr, token_perplexity, word_perplexity, byte_perplexity, "
           "bits_per_byte, kl_to_base, soft_ce, tokens, words, bytes, unk_tokens, \"window\", "
           "stride, bos, out_of_reach, reason FROM likelihood",
           "1.5,2.5,3.5,4.5,5.5,6.5,7.5,8.5,9.5,10,11,12,13,14,15,x,1,\n");
    expect(db, "SELECT document, position, nll, kl, soft_ce, tokens FROM \"window\"",
           "1,2,3.5,4.5,5.5,6\n");
    sample_close(db, &s);
}

static wane_spectrum_row spectrum(int64_t matrix, double unit, bool changed, const char *reason)
{
    return (wane_spectrum_row){
        .matrix = matrix,
        .base_count = (int64_t)(20 * unit),
        .side = {{(int64_t)(1 * unit), 0.5, (int64_t)(8 * unit), (int64_t)(2 * unit)},
                 {(int64_t)(3 * unit), 0.25, (int64_t)(9 * unit), (int64_t)(4 * unit)}},
        .top_energy = unit,
        .base_frobenius = 3 * unit,
        .base_spectral = 2 * unit,
        .delta_frobenius = unit,
        .delta_spectral = 0.5 * unit,
        .relative_update = 0.125 * unit,
        .effective_rank = 6 * unit,
        .stable_rank = 5 * unit,
        .top_share = 0.0625 * unit,
        .rho_10 = 0.03125 * unit,
        .rounding_floor = 7 * unit,
        .reason = reason,
        .changed = changed,
        .floor = 11 * unit};
}

/* Two parts, the later matrix first, are the whole: rows, totals, hashes and seals. */
static void a_cell_of_spectra_may_grow(void **state)
{
    (void)state;
    wane_error err = {0};
    wane_rows_hash hash[2], stored[2], computed[2], seal[2];
    static sample s;
    for (int parts = 0; parts < 2; parts++) {
        wane_results *db = sample_open(&s, scratch_path(parts ? "parts.db" : "at_once.db"), &small);
        const wane_spectrum_row spectra[] = {spectrum(s.matrix[0], 3, true, NULL),
                                             spectrum(s.matrix[1], 4, true, NULL)};
        const wane_direction_row directions[] = {
            {.matrix = s.matrix[0], .side = 'u', .position = 1, .sigma = 2},
            {.matrix = s.matrix[1], .side = 'u', .position = 1, .sigma = 3}};
        wane_cell cell = cell_of(&s, WANE_CELL_SPECTRUM, "base");
        wane_cell_rows rows = {.spectra = spectra,
                               .spectrum_count = 2,
                               .directions = directions,
                               .direction_count = 2};
        bool there = false;
        if (parts) {
            rows = (wane_cell_rows){.spectra = spectra + 1,
                                    .spectrum_count = 1,
                                    .directions = directions + 1,
                                    .direction_count = 1};
            CHECK_FAILS(wane_cell_extend(db, &cell, &rows, &err), WANE_ENOTFOUND,
                        "no cell of 'spectrum' to extend");
            cell.settings_sha256 = "part";
            CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
            expect(db, "SELECT matrices, delta_frobenius FROM spectrum_total", "1,4\n");
            cell.settings_sha256 = "a";
            CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
            assert_false(there);
            rows.spectra = spectra;
            rows.directions = directions;
            CHECK_OK(wane_cell_extend(db, &cell, &rows, &err));
            CHECK_FAILS(wane_cell_extend(db, &cell, &rows, &err), WANE_EINVAL, "UNIQUE");
            const wane_cell score = cell_of(&s, WANE_CELL_SCORE, "task0@data");
            CHECK_FAILS(wane_cell_extend(db, &score, &rows, &err), WANE_EINVAL, "written whole");
        } else CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
        CHECK_OK(wane_cell_exists(db, &there, &cell, &err));
        assert_true(there);
        expect(db, "SELECT matrices, delta_frobenius FROM spectrum_total", "2,5\n");
        CHECK_OK(
            wane_cell_hash(db, &hash[parts], cell.stage, cell.step, cell.measure, "base", &err));
        CHECK_OK(wane_spectrum_total_hashes(db, &stored[parts], &computed[parts], cell.stage,
                                            cell.step, "base", &err));
        assert_string_equal(stored[parts].sha256, computed[parts].sha256);
        CHECK_OK(wane_part_sealed(db, &seal[parts], WANE_PART_CELL, cell.stage, &err));
        sample_close(db, &s);
    }
    assert_string_equal(hash[0].sha256, hash[1].sha256);
    assert_string_equal(stored[0].sha256, stored[1].sha256);
    assert_string_equal(seal[0].sha256, seal[1].sha256);
}

static void spectra_and_their_totals(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("spectra.db"), &small);
    wane_cell cell = cell_of(&s, WANE_CELL_SPECTRUM, "base");
    /* Units 3 and 4: roots of sums of squares are 5 times what one unit has. */
    wane_spectrum_row spectra[] = {spectrum(s.matrix[0], 3, true, NULL),
                                   spectrum(s.matrix[1], 4, false, "unchanged")};
    const wane_direction_row direction[] = {
        {s.matrix[0], 'v', 2, 0.5, 0.25, 0.75, 0.875, 4, 5, 0.625, "below_floor", false, 9, 9},
        {s.matrix[0], 'v', 3, 0.5, 0.25, NAN, NAN, WANE_NULL, 0, 0.625, NULL, true, 0.5, 17}};
    wane_cell_rows rows = {
        .spectra = spectra, .spectrum_count = 2, .directions = direction, .direction_count = 2};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db,
           "SELECT base_count, intruders_u, intruders_v, energy_u, energy_v, "
           "top_energy, base_frobenius, base_spectral, delta_frobenius, delta_spectral, "
           "relative_update, effective_rank, stable_rank, top_share, rho_10, rounding_floor, "
           "reason, changed, floor, existing_u, existing_v, unresolved_u, unresolved_v "
           "FROM spectrum ORDER BY matrix LIMIT 1",
           "60,3,9,0.5,0.25,3,9,6,3,1.5,0.375,18,15,0.1875,0.09375,21,,1,33,24,27,6,12\n");
    expect(db, "SELECT reason, changed FROM spectrum ORDER BY matrix LIMIT 1 OFFSET 1",
           "unchanged,0\n");
    expect(db,
           "SELECT side, position, sigma, max_cosine, span, subspace_overlap, argmax, identity, "
           "cluster_overlap, reason, max_cosine_low, max_cosine_high, steps FROM direction",
           "v,2,0.5,0.25,0.75,0.875,4,5,0.625,below_floor,0.25,0.25,\n"
           "v,3,0.5,0.25,,,,,0.625,,0.25,0.5,17\n");
    expect(db,
           "SELECT matrices, intruders_u, intruders_v, energy_u, energy_v, "
           "base_frobenius, delta_frobenius, delta_spectral, effective_rank, stable_rank, "
           "top_share, rho_10, changed, existing_u, existing_v, unresolved_u, unresolved_v "
           "FROM spectrum_total",
           "2,7,21,0.5,0.25,15,5,2.5,21,17.5,0.21875,0.109375,1,56,63,14,28\n");
    expect(db, "SELECT relative_update = 5.0 / 15 FROM spectrum_total", "1\n");

    /* Of one change the first singular value alone is known, or none: neither is a total of them.
     */
    static const char totals[] =
        "SELECT matrices, changed, intruders_u, energy_u, delta_frobenius, delta_spectral, "
        "effective_rank, stable_rank, top_share, rho_10, unresolved_v FROM spectrum_total";
    cell.settings_sha256 = "e";
    spectra[1] = spectrum(s.matrix[1], 4, true, "bounded");
    spectra[1].effective_rank = NAN;
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db, totals, "2,2,7,0.5,5,2.5,,17.5,0.21875,0.109375,28\n");
    cell.settings_sha256 = "d";
    spectra[1].delta_spectral = spectra[1].stable_rank = spectra[1].top_share = NAN;
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db, totals, "2,2,7,0.5,5,,,,,0.109375,28\n");

    /* One matrix that is not finite: the total of them all is no number. */
    cell.settings_sha256 = "c";
    spectra[1] = spectrum(s.matrix[1], 4, true, WANE_NOT_FINITE);
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db,
           "SELECT matrices, changed, intruders_u, intruders_v, energy_u, "
           "energy_v, base_frobenius, delta_frobenius, delta_spectral, relative_update, "
           "effective_rank, stable_rank, top_share, rho_10, existing_u, existing_v, unresolved_u, "
           "unresolved_v FROM spectrum_total",
           "2,2,,,,,,,,,,,,,,,,\n");
    sample_close(db, &s);
}

static void a_side_not_asked_for_is_null(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("side.db"), &small);
    const wane_cell cell = cell_of(&s, WANE_CELL_SPECTRUM, "base");
    wane_spectrum_row row = spectrum(s.matrix[0], 1, true, NULL);
    row.side[1].intruders = WANE_NULL;
    const wane_cell_rows rows = {.spectra = &row, .spectrum_count = 1};
    CHECK_OK(wane_cell_commit(db, &cell, &rows, &err));
    expect(db,
           "SELECT intruders_u, energy_u, existing_u, unresolved_u, intruders_v, "
           "energy_v, existing_v, unresolved_v FROM spectrum",
           "1,0.5,8,2,,,,\n");
    sample_close(db, &s);
}

static void interventions_changes_and_overlaps(void **state)
{
    (void)state;
    wane_error err = {0};
    static sample s;
    wane_results *db = sample_open(&s, scratch_path("others.db"), &small);
    wane_cell cell = cell_of(&s, WANE_CELL_INTERVENTION, "top/shrink/0.5");
    wane_intervention_row one = {"top", "shrink", 0.5, "nll_change", "c", 1.5, 2.5, 3, NULL};
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = &one, .intervention_count = 1}, &err));
    /* Another lambda stands beside it; the same one anew replaces it. */
    cell.subject = "top/shrink/0.75";
    one.lambda = 0.75;
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = &one, .intervention_count = 1}, &err));
    cell.settings_sha256 = "c";
    one.measure = "nll";
    CHECK_OK(wane_cell_commit(
        db, &cell, &(wane_cell_rows){.interventions = &one, .intervention_count = 1}, &err));
    expect(db,
           "SELECT choice, arm, lambda, measure, target, value, stderr, matrices, reason "
           "FROM intervention ORDER BY lambda",
           "top,shrink,0.5,nll_change,c,1.5,2.5,3,\ntop,shrink,0.75,nll,c,1.5,2.5,3,\n");

    const wane_change_row change = {s.matrix[1], 0.5, 6, 2, 0.25, 0.75, NULL};
    cell = cell_of(&s, WANE_CELL_CHANGE, "task0@data");
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.changes = &change, .change_count = 1},
                              &err));
    expect(db, "SELECT f_delta, tokens, directions, angle_u, angle_v, reason FROM change",
           "0.5,6,2,0.25,0.75,\n");

    const wane_sample_row said = {4, "p", "r", 0.5};
    cell = cell_of(&s, WANE_CELL_SAMPLE, "task1@data");
    CHECK_OK(
        wane_cell_commit(db, &cell, &(wane_cell_rows){.samples = &said, .sample_count = 1}, &err));
    expect(db, "SELECT \"row\", prompt, response, reward FROM sample", "4,p,r,0.5\n");
    sample_close(db, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_examples),
        cmocka_unit_test(a_look_is_no_sealed_cell),
        cmocka_unit_test(likelihoods_and_windows),
        cmocka_unit_test(spectra_and_their_totals),
        cmocka_unit_test(a_cell_of_spectra_may_grow),
        cmocka_unit_test(a_side_not_asked_for_is_null),
        cmocka_unit_test(interventions_changes_and_overlaps),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
