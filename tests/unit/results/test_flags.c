/* SPDX-License-Identifier: Apache-2.0
 * Outcome flags of stages, tasks and runs, against cases whose answer is written down by hand.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>

#include "store/results/query.h"
#include "tests/unit/results/sample.h"

static const sample_shape shape = {.methods = 1, .orders = 1, .seeds = 1, .tasks = 3, .corpora = 3};
static sample s;
static wane_results *db;

static void open_sample(const char *name, const sample_shape *of)
{
    db = sample_open(&s, scratch_path(name), of);
}

static void likelihood(int position, int corpus, double nll, bool out_of_reach)
{
    wane_error err = {0};
    char key[64];
    const wane_likelihood_row row = {.nll = nll,
                                     .stderr_ = NAN,
                                     .change_stderr = NAN,
                                     .token_perplexity = NAN,
                                     .word_perplexity = NAN,
                                     .byte_perplexity = NAN,
                                     .bits_per_byte = NAN,
                                     .kl_to_base = NAN,
                                     .soft_ce = NAN,
                                     .tokens = 400,
                                     .out_of_reach = out_of_reach,
                                     .reason = isnan(nll) ? WANE_NOT_FINITE : NULL};
    (void)snprintf(key, sizeof key, "corpus%d@data", corpus);
    const wane_cell cell = {.stage = s.stage[position],
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_LIKELIHOOD,
                            .subject = key,
                            .settings_sha256 = "s",
                            .data_sha256 = "d"};
    CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.likelihood = &row}, &err));
}

static void score(int64_t stage, int task, double accuracy, double error, double majority)
{
    wane_error err = {0};
    char key[64];
    const char *split = task % 2 ? "validation" : "test";
    const wane_score_row rows[] = {
        {split, "accuracy", accuracy, error, 50, isnan(accuracy) ? WANE_NOT_FINITE : NULL},
        {split, "majority", majority, NAN, 50, NULL}};
    (void)snprintf(key, sizeof key, "task%d@data", task);
    const wane_cell cell = {.stage = stage,
                            .step = WANE_STEP_SEALED,
                            .measure = WANE_CELL_SCORE,
                            .subject = key,
                            .settings_sha256 = "s",
                            .data_sha256 = "d"};
    CHECK_OK(
        wane_cell_commit(db, &cell, &(wane_cell_rows){.scores = rows, .score_count = 2}, &err));
}

/* -1 stands for NULL. */
static int flag(const char *sql)
{
    wane_error err = {0};
    wane_query *query = NULL;
    CHECK_OK(wane_query_open(&query, db, sql, NULL, 0, &err));
    CHECK_OK(wane_query_next(query, &err));
    int found = wane_query_type(query, 0) == WANE_VALUE_NULL ? -1 : (int)wane_query_int(query, 0);
    wane_query_free(query);
    return found;
}

static int of_stage(const char *column, int position)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM stage_summary WHERE position = %d", column,
                   position);
    return flag(sql);
}

/* Corpora 0 and 1 with weights 1 and 3, unigram entropies 3.2 and 4.2: (3.2 + 3 * 4.2) / 4 = 3.95;
 * ln V = ln 100 = 4.6052. Corpus 2, which the base cannot read, has no part. */
static void collapsed_and_beyond_uniform(void **state)
{
    (void)state;
    static const struct {
        double nll[2];
        int collapsed, beyond;
    } cases[] = {
        {{2, 3}, 0, 0},
        {{3.2, 4.2}, 1, 0}, /* just as much as the frequencies tell */
        {{3.2, 4.199999}, 0, 0},
        {{4.3, 3.82}, 0, 0},  /* 3.94: a corpus alone is beyond it, the mean is not */
        {{4.34, 3.84}, 1, 0}, /* 3.965 */
        {{2, 5.47}, 1, 0},    /* 4.6025 */
        {{2, 5.48}, 1, 1},    /* 4.61 */
        {{17, 18}, 1, 1},
        {{NAN, 3}, 1, -1}, /* not finite */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        wane_error err = {0};
        char name[32];
        (void)snprintf(name, sizeof name, "flags%zu.db", c);
        open_sample(name, &shape);
        CHECK_OK(wane_results_put_experiment_corpus(db, s.experiment_id, s.corpus[1], "pretraining",
                                                    3, &err));
        CHECK_OK(wane_results_put_experiment_corpus(db, s.experiment_id, s.corpus[2], "pretraining",
                                                    100, &err));
        likelihood(0, 0, 1.5, false);
        likelihood(0, 1, 2.5, false);
        likelihood(0, 2, 9, true);
        likelihood(1, 0, cases[c].nll[0], false);
        likelihood(1, 1, cases[c].nll[1], false);
        likelihood(1, 2, 1, true);
        if (of_stage("collapsed", 1) != cases[c].collapsed) print_error("case %zu\n", c);
        assert_int_equal(of_stage("collapsed", 0), 0);
        assert_int_equal(of_stage("collapsed", 1), cases[c].collapsed);
        assert_int_equal(of_stage("beyond_uniform", 1), cases[c].beyond);
        /* Not measured: nothing is known. */
        assert_int_equal(of_stage("collapsed", 2), -1);
        assert_int_equal(of_stage("beyond_uniform", 2), -1);
        likelihood(2, 0, 3, false);
        assert_int_equal(of_stage("collapsed", 2), -1);
        sample_close(db, &s);
    }
}

/* A stage that diverged is collapsed, measured or not; those behind it are not known to be. */
static void diverged_stages(void **state)
{
    (void)state;
    wane_error err = {0};
    open_sample("diverged.db", &shape);
    const wane_stage_seal seals[] = {{.status = WANE_STAGE_DIVERGED, .steps = 5, .diverged_at = 5},
                                     {.status = WANE_STAGE_SKIPPED, .diverged_at = WANE_NULL}};
    likelihood(0, 0, 2, false);
    likelihood(1, 0, 2, false);
    for (int p = 2; p <= 3; p++)
        CHECK_OK(wane_results_seal_stage(db, s.stage[p], &seals[p - 2], &err));
    static const int collapsed[] = {0, 0, 1, -1}, beyond[] = {0, 0, -1, -1};
    for (int p = 0; p <= 3; p++) {
        assert_int_equal(of_stage("collapsed", p), collapsed[p]);
        assert_int_equal(of_stage("beyond_uniform", p), beyond[p]);
    }
    assert_int_equal(flag("SELECT collapsed_stages FROM run_summary"), 1);
    assert_int_equal(flag("SELECT beyond_uniform_stages FROM run_summary"), 0);
    assert_int_equal(flag("SELECT collapsed FROM run_summary"), -1);
    assert_int_equal(flag("SELECT sum(collapsed) FROM correlation_points"), 1);
    sample_close(db, &s);
}

/* A file of an earlier wane has no entropy: only what is beyond ln V is known to be collapsed,
 * since no distribution over V tokens has a larger entropy. The next plan fills it in, and no
 * other. */
static void entropy_comes_with_the_next_plan(void **state)
{
    (void)state;
    wane_error err = {0};
    open_sample("earlier.db", &shape);
    wane_corpus_row row = {.key = "old", .name = "corpus0", .floor = NAN, .unigram_entropy = NAN};
    CHECK_OK(wane_results_put_corpus(db, &s.corpus[0], &row, &err));
    CHECK_OK(wane_results_put_experiment_corpus(db, s.experiment_id, s.corpus[0], "pretraining", 1,
                                                &err));
    static const double nll[] = {2, 3, 4, 5};
    for (int p = 0; p <= 3; p++) {
        const wane_likelihood_row measured = {.nll = nll[p], .change_stderr = NAN, .tokens = 1};
        const wane_cell cell = {.stage = s.stage[p],
                                .step = WANE_STEP_SEALED,
                                .measure = WANE_CELL_LIKELIHOOD,
                                .subject = "old",
                                .settings_sha256 = "s",
                                .data_sha256 = "d"};
        CHECK_OK(wane_cell_commit(db, &cell, &(wane_cell_rows){.likelihood = &measured}, &err));
    }
    static const int before[] = {-1, -1, -1, 1}, after[] = {0, 0, 1, 1};
    for (int p = 0; p <= 3; p++) assert_int_equal(of_stage("collapsed", p), before[p]);
    assert_int_equal(flag("SELECT collapsed_stages FROM run_summary"), 1);
    row.unigram_entropy = 3.5;
    CHECK_OK(wane_results_put_corpus(db, &s.corpus[0], &row, &err));
    for (int p = 0; p <= 3; p++) assert_int_equal(of_stage("collapsed", p), after[p]);
    row.unigram_entropy = 1;
    CHECK_OK(wane_results_put_corpus(db, &s.corpus[0], &row, &err));
    assert_int_equal(flag("SELECT unigram_entropy = 3.5 FROM corpus WHERE key = 'old'"), 1);
    assert_int_equal(flag("SELECT collapsed_stages FROM run_summary"), 2);
    assert_int_equal(flag("SELECT beyond_uniform_stages FROM run_summary"), 1);
    sample_close(db, &s);
}

/* Above .5 + 2 * .125 = .75, which are binary fractions. */
static void learned_tasks(void **state)
{
    (void)state;
    open_sample("learned.db", &shape);
    for (int p = 1; p <= 3; p++)
        for (int task = 0; task < 3; task++) {
            static const double own[] = {.75, .7500000001, NAN};
            bool trained = sample_task_at(&shape, 0, p) == task;
            score(s.stage[p], task, trained ? own[p - 1] : .9, isnan(own[p - 1]) ? NAN : .125, .5);
        }
    static const int learned[] = {-1, 0, 1, -1};
    for (int p = 0; p <= 3; p++) {
        char sql[256];
        assert_int_equal(of_stage("learned", p), learned[p]);
        assert_int_equal(of_stage("majority = .5", p), p ? 1 : -1);
        (void)snprintf(sql, sizeof sql,
                       "SELECT learned FROM correlation_points WHERE position = %d", p);
        if (p) assert_int_equal(flag(sql), learned[p]);
        (void)snprintf(sql, sizeof sql,
                       "SELECT learned FROM task_forgetting WHERE task_position = %d AND "
                       "majority = .5 AND change IS NULL",
                       p);
        if (p) assert_int_equal(flag(sql), learned[p]);
        (void)snprintf(sql, sizeof sql,
                       "SELECT learned FROM accuracy_matrix WHERE task_position = %d AND position "
                       "= task_position",
                       p);
        if (p) assert_int_equal(flag(sql), learned[p]);
    }
    /* Elsewhere it means nothing, however good the score. */
    assert_int_equal(flag("SELECT count(*) FROM accuracy_matrix WHERE position <> task_position "
                          "AND accuracy > majority + 2 * stderr"),
                     4);
    assert_int_equal(flag("SELECT count(learned) FROM accuracy_matrix"), 2);
    sample_close(db, &s);
}

/* Counts in the summaries of a whole made-up experiment, counted from its likelihoods. */
static void counted_in_every_summary(void **state)
{
    (void)state;
    static const sample_shape more = {
        .methods = 3, .orders = 2, .seeds = 2, .tasks = 3, .corpora = 1};
    wane_error err = {0};
    wane_query *query = NULL;
    open_sample("more.db", &more);
    sample_fill(db, &s);
    for (int method = 0; method < 3; method++) {
        int ends = 0, stages = 0;
        for (int run = 4 * method; run < 4 * method + 4; run++)
            for (int p = 1; p <= 3; p++) {
                bool collapsed = sample_nll(run, p, 0) >= sample_unigram_entropy(0);
                stages += collapsed;
                ends += collapsed && p == 3;
            }
        char sql[256];
        (void)snprintf(sql, sizeof sql,
                       "SELECT sum(collapsed_stages) FROM run_summary WHERE method = '%s%.0d'",
                       method ? "lora-r" : "full", method);
        assert_int_equal(flag(sql), stages);
        (void)snprintf(sql, sizeof sql,
                       "SELECT sum(collapsed_stages) * 100 + sum(collapsed_runs) FROM seed_summary "
                       "WHERE method = '%s%.0d'",
                       method ? "lora-r" : "full", method);
        assert_int_equal(flag(sql), stages * 100 + ends);
    }
    CHECK_OK(wane_named_query_open(&query, db, "method_summary", NULL, 0, &err));
    int64_t sum = 0;
    size_t column = row_column(query, "collapsed_stages");
    while (wane_query_next(query, &err) == WANE_OK) sum += wane_query_int(query, column);
    wane_query_free(query);
    assert_int_equal(sum, flag("SELECT sum(collapsed_stages) FROM run_summary"));
    assert_in_range(sum, 3, 12 * 3 - 3);
    assert_int_equal(flag("SELECT sum(beyond_uniform_stages) FROM seed_summary"), 0);
    sample_close(db, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collapsed_and_beyond_uniform),     cmocka_unit_test(diverged_stages),
        cmocka_unit_test(entropy_comes_with_the_next_plan), cmocka_unit_test(learned_tasks),
        cmocka_unit_test(counted_in_every_summary),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
