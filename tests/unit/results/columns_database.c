/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/results/columns_database.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/results/results.h"
#include "tests/support/support.h"

/* Two runs of two tasks that are done, "a" and "b", and one that failed. Beside what is to be seen
 * stands what must not be: looks into a training (step 10), other splits, a run that was
 * superseded, spectra against the stage before, corpora out of reach (noise, far), a bound. */
static const char plan[] =
    "INSERT INTO model (id, key, name, architecture, vocabulary) VALUES (1, 'm', 'small', 'llama', "
    "90);"
    "INSERT INTO matrix (id, model, position, name, module, layer, \"rows\", cols) VALUES"
    " (1, 1, 0, 'm.a', 'a', 0, 40, 60), (2, 1, 1, 'm.b', 'b', 0, 50, 50),"
    " (3, 1, 2, 'm.c', 'c', 0, 30, 20);"
    "INSERT INTO task (id, key, name, kind, split) VALUES (1, 'sst@', 'sst', 'classification',"
    " 'test'), (2, 'cola@', 'cola', 'classification', 'validation'),"
    " (3, 'qqp@', 'qqp', 'classification', 'test');"
    /* Weights 1 and 3: (4.1 + 3 * 4.4) / 4 = 4.325; ln 90 = 4.4998. The last stage of a, at 4.375,
     * is beyond the former, that of b, at 4.5, beyond both. */
    "INSERT INTO corpus (id, key, name, floor, unigram_entropy) VALUES (1, 'c4@', 'c4', 1.5, 4.1),"
    " (2, 'wiki@', 'wiki', NULL, 4.4), (3, 'code@', 'code', NULL, 1), (4, 'math@', 'math', NULL, "
    "1),"
    " (5, 'noise@', 'noise', NULL, 90), (6, 'far@', 'far', NULL, 90),"
    " (7, 'other@', 'other', NULL, 90);"
    "INSERT INTO experiment (id, key, model, limited, source) VALUES (1, 'e', 1, 0, 'name: e');"
    "INSERT INTO experiment_task (experiment, task, watched) VALUES (1, 1, 0), (1, 2, 0),"
    " (1, 3, 1);"
    "INSERT INTO experiment_corpus (experiment, corpus, role, weight) VALUES"
    " (1, 1, 'pretraining', 1), (1, 2, 'pretraining', 3), (1, 3, 'other', 1), (1, 4, 'other', 2),"
    " (1, 5, 'pretraining', 5), (1, 6, 'other', 4);"
    "INSERT INTO stage (id, key, parent, model, kind, task_name, status) VALUES"
    " (1, 'base', NULL, 1, 'base', NULL, 'done'), (2, 'a1', 1, 1, 'sft', 'sst', 'done'),"
    " (3, 'a2', 2, 1, 'sft', 'cola', 'done'), (4, 'b1', 1, 1, 'sft', 'sst', 'done'),"
    " (5, 'b2', 4, 1, 'sft', 'cola', 'done'), (6, 'c1', 1, 1, 'sft', 'sst', 'planned'),"
    " (7, 'c2', 6, 1, 'sft', 'cola', 'planned'), (8, 'j1', 1, 1, 'sft', 'sst', 'done');"
    "INSERT INTO run (id, key, experiment, name, method, kind, rank, alpha, learning_rate,"
    " order_name, seed, stages, trainable, status, error, superseded) VALUES"
    " (1, 'key-a', 1, 'l4/given/s0', 'l4', 'lora', 4, 8, 0.01, 'given', 0, 2, 100, 'done', NULL, "
    "0),"
    " (2, 'key-b', 1, 'l4/given/s1', 'l4', 'lora', 4, 8, 0.01, 'given', 1, 2, 100, 'done', NULL, "
    "0),"
    " (3, 'key-c', 1, 'l4/given/s2', 'l4', 'lora', 4, 8, 0.01, 'given', 2, 2, 100, 'failed',"
    "  'out of disk', 0),"
    " (4, 'key-d', 1, 'l4/given/s0', 'l4', 'lora', 4, 8, 0.01, 'given', 0, 2, 100, 'done', NULL, "
    "1);"
    "INSERT INTO run (id, key, experiment, name, method, kind, rank, order_name, seed, stages, "
    "status,"
    " bound, bounds) VALUES (5, 'key-j', 1, 'l4-joint/given/s0', 'l4-joint', 'lora', 4, 'given', "
    "0, 1,"
    " 'done', 'joint', 1);"
    "INSERT INTO run_stage (run, position, stage, task) VALUES (1, 0, 1, NULL), (1, 1, 2, 1),"
    " (1, 2, 3, 2), (2, 0, 1, NULL), (2, 1, 4, 1), (2, 2, 5, 2), (3, 0, 1, NULL), (3, 1, 6, 1),"
    " (3, 2, 7, 2), (4, 0, 1, NULL), (4, 1, 4, 1), (4, 2, 5, 2),"
    " (5, 0, 1, NULL), (5, 1, 8, 1);"
    "INSERT INTO cell (stage, step, measure, subject, settings_sha256, data_sha256) VALUES"
    " (1, -1, 'score', 'sst@', 's', 'd'), (2, -1, 'score', 'sst@', 's', 'd'),"
    " (3, -1, 'score', 'sst@', 's', 'd'), (4, -1, 'score', 'sst@', 's', 'd'),"
    " (5, -1, 'score', 'sst@', 's', 'd');"
    "INSERT INTO score (stage, step, metric, split, task, value, stderr, n) VALUES"
    " (1, -1, 'accuracy', 'test', 1, .5, .05, 100), (1, -1, 'accuracy', 'validation', 2, .4, .06, "
    "50),"
    " (1, -1, 'accuracy', 'test', 3, .3, .07, 70), (2, -1, 'accuracy', 'test', 1, .8, .04, 100),"
    " (2, -1, 'accuracy', 'validation', 2, .45, .06, 50), (2, -1, 'accuracy', 'test', 3, .35, .07, "
    "70),"
    " (3, -1, 'accuracy', 'test', 1, .7, .04, 100), (3, -1, 'accuracy', 'validation', 2, .9, .03, "
    "50),"
    " (3, -1, 'accuracy', 'test', 3, .25, .07, 70), (4, -1, 'accuracy', 'test', 1, .6, .04, 100),"
    " (4, -1, 'accuracy', 'validation', 2, .5, .06, 50), (5, -1, 'accuracy', 'test', 1, .55, .04, "
    "100),"
    " (5, -1, 'accuracy', 'validation', 2, .75, .03, 50),"
    " (3, -1, 'majority', 'validation', 2, .66, NULL, 50), (3, -1, 'majority', 'test', 1, .51, "
    "NULL, 9),"
    " (3, -1, 'loss', 'validation', 2, .33, NULL, 50), (3, -1, 'accuracy', 'train', 2, .99, NULL, "
    "9),"
    " (3, 10, 'accuracy', 'validation', 2, .01, NULL, 9),"
    " (3, -1, 'kl_on_task_prompt', 'validation', 2, .11, NULL, 50),"
    " (3, -1, 'kl_on_task_answer', 'validation', 2, .22, NULL, 50);";

/* Run a again, once done and once not. */
static const char again[] =
    "INSERT INTO run (id, key, experiment, name, method, kind, rank, order_name, seed, stages, "
    "status, bound, bounds) VALUES (6, 'key-p', 1, 'l4-perturbed/given/s0.1', 'l4-perturbed', "
    "'lora', 4, 'given', 0, 2, 'done', 'perturbed', 1), (7, 'key-q', 1, 'l4-perturbed/given/s0.2', "
    "'l4-perturbed', 'lora', 4, 'given', 0, 2, 'planned', 'perturbed', 1);"
    "INSERT INTO run_stage (run, position, stage, task) VALUES (6, 0, 1, NULL), (6, 1, 4, 1),"
    " (6, 2, 5, 2), (7, 0, 1, NULL), (7, 1, 4, 1), (7, 2, 5, 2);";

static const char measured[] =
    "INSERT INTO likelihood (stage, step, corpus, nll, change_stderr, kl_to_base, soft_ce) VALUES"
    " (1, -1, 1, 3, NULL, NULL, NULL), (1, -1, 2, 4, NULL, NULL, NULL), (1, -1, 3, 5, NULL, NULL, "
    "NULL),"
    " (1, -1, 4, 2, NULL, NULL, NULL), (2, -1, 1, 3.5, .05, .3, 3.1), (2, -1, 2, 4.25, .06, .4, "
    "4.1),"
    " (2, -1, 3, 5.5, .07, .5, 5.1), (2, -1, 4, 2.5, .08, .6, 2.1), (3, -1, 1, 4, .09, .5, 3.2),"
    " (3, -1, 2, 4.5, .04, .7, 4.2), (3, -1, 3, 6, .3, .9, 5.2), (3, -1, 4, 2.75, .4, 1.1, 2.2),"
    " (5, -1, 1, 3.75, .1, .2, 3.3), (5, -1, 2, 4.75, .1, .3, 3.3), (5, -1, 3, 5.75, .1, .2, 3.3),"
    " (5, -1, 4, 2.5, .1, .2, 3.3), (3, 10, 1, 9, .9, .9, 9), (8, -1, 1, 3.2, .4, .1, 3),"
    " (8, -1, 2, 4.2, .1, .1, 4);"
    "UPDATE likelihood SET out_of_reach = 0;"
    "INSERT INTO likelihood (stage, step, corpus, nll, change_stderr, kl_to_base, out_of_reach) "
    "VALUES"
    " (1, -1, 5, 11, NULL, NULL, 1), (1, -1, 6, 12, NULL, NULL, 1), (3, -1, 5, 15, .8, 3, 1),"
    " (3, -1, 6, 17, .9, 4, 1), (5, -1, 5, 14, .7, 2, 1), (5, -1, 6, 16, .6, 2, 1);"
    "INSERT INTO metric (run, position, name, subject, value, reason) VALUES"
    " (1, 1, 'acc', '', .83, NULL), (1, 1, 'bwt', '', NULL, 'one_task'), (1, 2, 'acc', '', .81, "
    "NULL),"
    " (1, 2, 'bwt', '', -.12, NULL), (1, 2, 'forgetting', '', .13, NULL),"
    " (1, 2, 'held_out_change', 'qqp', -.04, NULL), (1, 2, 'held_out_change', 'mnli', -.08, NULL),"
    " (1, 2, 'acc', 'sst', .99, NULL),"
    " (1, 2, 'learning_acc', '', .85, NULL), (2, 2, 'learning_acc', '', .68, NULL),"
    " (1, 2, 'majority', '', .58, NULL), (2, 2, 'majority', '', .59, NULL),"
    " (1, 2, 'learned_tasks', '', 2, NULL), (2, 2, 'learned_tasks', '', 1, NULL),"
    " (1, 2, 'bwt_learned', '', -.1, NULL), (2, 2, 'bwt_learned', '', NULL, 'not_learned'),"
    " (1, 2, 'forgetting_learned', '', .14, NULL),"
    " (2, 2, 'acc', '', .65, NULL), (2, 2, 'bwt', '', -.05, NULL), (2, 2, 'forgetting', '', .06, "
    "NULL), (2, 2, 'held_out_change', 'qqp', -.08, NULL),"
    " (2, 2, 'held_out_change', 'mnli', NULL, 'not_finite');"
    "INSERT INTO gate (run, name, subject, passed, value, bound) VALUES (1, 'g', '', 1, 1, 2),"
    " (1, 'h', '', 0, 1, 2), (1, 'i', '', 1, 1, 2), (2, 'g', '', 1, 1, 2);"
    "INSERT INTO change (stage, step, matrix, task, f_delta, tokens, directions, angle_u, angle_v)"
    " VALUES (3, -1, 1, 2, .1, 9, 8, .2, .3), (3, -1, 2, 2, .3, 9, 8, .6, .9);"
    "INSERT INTO intervention (stage, step, choice, arm, lambda, measure, target, value, stderr,"
    " matrices) VALUES"
    " (3, -1, 'top', 'shrink', .5, 'delta_frobenius', '', 9.5, NULL, 2),"
    " (3, -1, 'top', 'shrink', .5, 'matrices_with_intruders', '', 1, NULL, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_change', 'c4', -.2, .05, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_change', 'wiki', -.4, .04, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_change', 'code', 7, 7, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_minus_intruders', 'c4', .1, .08, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_minus_intruders', 'wiki', .3, .05, 2),"
    " (3, -1, 'top', 'shrink', .5, 'latest_accuracy_change', '', 2, .5, 2),"
    " (3, -1, 'top', 'shrink', .5, 'seen_accuracy_change', '', -1, .25, 2),"
    " (3, -1, 'top', 'shrink', .5, 'latest_accuracy_minus_intruders', '', 3, .75, 2),"
    " (3, -1, 'all', 'shrink', .5, 'nll_change', 'c4', 5, 5, 2),"
    " (3, -1, 'top', 'energy', .5, 'nll_change', 'c4', 6, 6, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_change', 'noise', 70, 7, 2),"
    " (3, -1, 'top', 'shrink', .5, 'nll_minus_intruders', 'noise', 80, 8, 2),"
    " (8, -1, 'top', 'shrink', .5, 'delta_frobenius', '', 9.5, NULL, 2),"
    " (8, -1, 'top', 'shrink', .5, 'nll_change', 'c4', -.1, .05, 2),"
    " (8, -1, 'top', 'shrink', .5, 'nll_change', 'wiki', -.1, .04, 2);";

/* Beside the counts of a2, 3 and 7: on the left every count from 0 to 98, one each, on the right 97
 * of 0 and two of 4; beside those of b2, 7 and 7: 98 of 0 and one of 5. A direction below a floor,
 * one of an earlier wane (no cluster_overlap), the eleventh, one that is bounded (the second); what
 * must not be seen as above. */
static const char beside[] =
    "WITH d (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM d WHERE n < 99)"
    "INSERT INTO null_draw SELECT 3, -1, 'rotated', 'u', n, n * 37 % 99, 0, 18, '[]' FROM d"
    " UNION ALL SELECT 3, -1, 'rotated', 'v', n, 4 * (n IN (1, 50)), 0, 18, '[]' FROM d"
    " UNION ALL SELECT 3, -1, 'gaussian', 'u', n, 200, 0, 18, '[]' FROM d"
    " UNION ALL SELECT 3, 10, 'rotated', 'u', n, 300, 0, 18, '[]' FROM d"
    " UNION ALL SELECT 5, -1, 'rotated', 'u', n, 5 * (n = 99), 0, 18, '[]' FROM d;"
    "INSERT INTO measured (stage, step, measure, subject, matrix, name, value, reason) VALUES"
    " (3, -1, 'onset', '', '', 'onset', .75, NULL), (3, -1, 'onset', '', 'm.a', 'onset', .8, NULL),"
    " (3, 10, 'onset', '', '', 'onset', .1, NULL), (3, -1, 'norm', '', '', 'delta_frobenius_all',"
    " 12.5, NULL), (5, -1, 'onset', '', '', 'onset', NULL, 'none_up_to_1.25'),"
    " (5, -1, 'norm', '', '', 'delta_frobenius_all', 7.5, NULL),"
    " (3, -1, 'size', 'c4@', '', 'size', 1.5, NULL), (3, -1, 'size', 'wiki@', '', 'size', 2.5, "
    "NULL), (3, -1, 'size', 'c4@', 'm.a', 'size', 9, NULL), (3, -1, 'size', 'other@', '', 'size', "
    "77, NULL), (3, 10, 'size', 'c4@', '', 'size', 88, NULL), (5, -1, 'size', 'sst@', '', 'size', "
    "NULL, 'not_finite');"
    "INSERT INTO direction (stage, step, against, side, position, matrix, sigma, max_cosine,"
    " cluster_overlap, max_cosine_low, max_cosine_high) SELECT v.*, column8, column8 FROM (VALUES"
    " (3, -1, 'base', 'u', 1, 1, 9, .1, .2),"
    " (3, -1, 'base', 'u', 2, 1, 8, .3, .47), (3, -1, 'base', 'u', 3, 1, 7, .52, .54),"
    " (3, -1, 'base', 'u', 10, 1, 6, .6, .9), (3, -1, 'base', 'u', 11, 1, 5, .1, .1),"
    " (3, -1, 'base', 'u', 1, 2, 9, .2, NULL), (3, -1, 'base', 'u', 2, 2, 8, .5, .56),"
    " (3, -1, 'base', 'u', 3, 2, 0, NULL, NULL), (3, -1, 'base', 'u', 1, 3, 9, 1, 1),"
    " (3, -1, 'base', 'v', 1, 1, 9, .1, .1), (3, -1, 'previous', 'u', 1, 1, 9, .1, .1),"
    " (3, 10, 'base', 'u', 1, 1, 9, .1, .1), (5, -1, 'base', 'u', 1, 1, 9, .3, .3)) v;"
    "UPDATE direction SET max_cosine_high = .46, steps = 7 WHERE stage = 3 AND step = -1 AND"
    " matrix = 1 AND position = 2 AND against = 'base' AND side = 'u';";

/* Matrix "a" and "b" changed, "c" did not. scale: of the norms of the changes. */
static void put_spectra(wane_results *db, int64_t stage, int64_t step, const char *against,
                        int64_t intruders_a, double scale)
{
    wane_error err;
    const wane_spectrum_row spectra[] = {
        {.matrix = 1,
         .changed = true,
         .base_count = 40,
         .side = {{intruders_a, .5, 10, 1}, {3, .25, 9, 2}},
         .top_energy = 10,
         .base_frobenius = 3,
         .base_spectral = 2,
         .delta_frobenius = 6 * scale,
         .delta_spectral = 2 * scale,
         .relative_update = 2,
         .effective_rank = 4,
         .stable_rank = 1.5,
         .top_share = .4,
         .rho_10 = .2,
         .rounding_floor = NAN},
        {.matrix = 2,
         .changed = true,
         .base_count = 50,
         .side = {{1, .1, 8, 0}, {4, .2, 7, 3}},
         .top_energy = 30,
         .base_frobenius = 4,
         .base_spectral = 3,
         .delta_frobenius = 8 * scale,
         .delta_spectral = 1.5 * scale,
         .relative_update = 2,
         .effective_rank = 6,
         .stable_rank = 2.5,
         .top_share = .6,
         .rho_10 = .7,
         .rounding_floor = NAN},
        {.matrix = 3,
         .base_count = 20,
         .side = {{0, NAN, 0, 0}, {0, NAN, 0, 0}},
         .top_energy = NAN,
         .base_frobenius = 12,
         .base_spectral = 9,
         .effective_rank = NAN,
         .stable_rank = NAN,
         .top_share = NAN,
         .rho_10 = NAN,
         .rounding_floor = NAN,
         .reason = "unchanged"},
    };
    CHECK_OK(wane_cell_commit(db,
                              &(wane_cell){.stage = stage,
                                           .step = step,
                                           .measure = WANE_CELL_SPECTRUM,
                                           .subject = against,
                                           .settings_sha256 = "s",
                                           .data_sha256 = ""},
                              &(wane_cell_rows){.spectra = spectra, .spectrum_count = 3}, &err));
}

sqlite3 *sql;

int columns_set_up(void **state)
{
    char *why = NULL;
    if (scratch_make(state) != 0) return -1;
    wane_results *db = open_results(scratch_path("c.db"), WANE_RESULTS_CREATE);
    wane_results_close(db);
    assert_int_equal(sqlite3_open(scratch_path("c.db"), &sql), SQLITE_OK);
    if (sqlite3_exec(sql, plan, NULL, NULL, &why) == SQLITE_OK &&
        sqlite3_exec(sql, again, NULL, NULL, &why) == SQLITE_OK)
        (void)sqlite3_exec(sql, measured, NULL, NULL, &why);
    if (why) print_error("%s\n", why);
    assert_null(why);
    db = open_results(scratch_path("c.db"), WANE_RESULTS_WRITE);
    put_spectra(db, 3, WANE_STEP_SEALED, "base", 2, 1);
    put_spectra(db, 3, WANE_STEP_SEALED, "previous", 9, 3);
    put_spectra(db, 3, 10, "base", 8, 5);
    put_spectra(db, 5, WANE_STEP_SEALED, "base", 6, .5);
    wane_results_close(db);
    (void)sqlite3_exec(sql, beside, NULL, NULL, &why);
    if (why) print_error("%s\n", why);
    assert_null(why);
    return 0;
}

int columns_clean_up(void **state)
{
    (void)sqlite3_close(sql);
    return scratch_remove(state);
}
