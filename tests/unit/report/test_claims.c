/* SPDX-License-Identifier: Apache-2.0
 * Arms side by side, stages matched, and what a correlation could not see, asked of a database
 * whose numbers are formulas: ten configs of two kinds, two seeds, two stages.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "analysis/report/correlating.h"
#include "analysis/report/report.h"
#include "analysis/report/stage_matching.h"
#include "analysis/statistics/correlation.h"
#include "store/results/query.h"
#include "store/results/results.h"
#include "tests/support/support.h"

enum { CONFIGS = 10, SEEDS = 2, STAGES = 2, RUNS = CONFIGS * SEEDS, LOOKS = 3 };

static wane_results *db;

/* run = config * SEEDS + seed; odd configs are lora. */
static int config_of(int run)
{
    return run / SEEDS;
}

static int number_of(int run, int position)
{
    return (run * 7 + position * 3) % 20;
}

static double learned(int run, int position)
{
    return .5 + .01 * number_of(run, position);
}

static double norm(int run, int position)
{
    return 1 + config_of(run) + .25 * position + .0625 * number_of(run, position);
}

static double nll(int run, int position)
{
    return 2 + .5 * config_of(run) + .125 * ((run * 5 + position) % 4) + .25 * position;
}

/* 0 in the first six configs. */
static int intruders(int run, int position)
{
    return config_of(run) < 6 ? 0 : config_of(run) - 6 + position;
}

static double cosine(int run, int position)
{
    return 1 / norm(run, position) - .001 * number_of(run, position);
}

/* Arm 0 is intruders, 1 shrink, 2 energy. */
static double effect(int run, int arm)
{
    return -.5 + .0625 * config_of(run) + .25 * arm + .03125 * (run % SEEDS);
}

/* energy: none in the first config and in the first seed of the second; on fewer matrices in the
 * second seed of the third. */
static bool defined(int run, int arm)
{
    return arm < 2 || run > SEEDS;
}

static int matrices(int run, int arm)
{
    return arm == 2 && run == 2 * SEEDS + 1 ? 1 : 2;
}

static bool matched(int run, int arms)
{
    return arms < 3 || (defined(run, 2) && matrices(run, 2) == 2);
}

/* The entropy of single tokens is 6.625: configs that reach it at some stage leave whole. */
static bool collapses(int config)
{
    bool found = false;
    for (int run = config * SEEDS; run < (config + 1) * SEEDS; run++)
        for (int p = 1; p <= STAGES; p++) found = found || nll(run, p) >= 6.625;
    return found;
}

static void add_stage(wane_text *sql, int run, int position)
{
    int stage = 2 + run * STAGES + position - 1;
    wane_text_printf(sql,
                     "INSERT INTO stage (id, key, parent, model, kind, task_name, status) VALUES "
                     "(%d, 's%d', 1, 1, 'sft', 't', 'done');"
                     "INSERT INTO run_stage VALUES (%d, %d, %d, 1);"
                     "INSERT INTO score (stage, step, metric, split, task, value, n) VALUES "
                     "(%d, -1, 'accuracy', 'test', 1, %.17g, 100);"
                     "INSERT INTO likelihood (stage, step, corpus, nll, change_stderr) VALUES "
                     "(%d, -1, 1, %.17g, .01);",
                     stage, stage, run + 1, position, stage, stage, learned(run, position), stage,
                     nll(run, position));
    wane_text_printf(sql,
                     "INSERT INTO spectrum_total (stage, step, against, matrices, changed, "
                     "intruders_u, energy_u, delta_frobenius) VALUES (%d, -1, 'base', 1, 1, %d, "
                     "%.17g, %.17g);"
                     "INSERT INTO spectrum (stage, step, against, matrix, changed) VALUES "
                     "(%d, -1, 'base', 1, 1);"
                     "INSERT INTO direction (stage, step, against, side, position, matrix, sigma, "
                     "max_cosine, max_cosine_low, max_cosine_high) SELECT %d, -1, 'base', 'u', 1, "
                     "1, 1, column1, column1, column1 FROM (VALUES (%.17g));",
                     stage, intruders(run, position), intruders(run, position) / 16.,
                     norm(run, position), stage, stage, cosine(run, position));
    wane_text_printf(sql,
                     "INSERT INTO measured (stage, step, measure, subject, matrix, name, value) "
                     "VALUES (%d, -1, 'norm', '', '', 'delta_frobenius_all', %.17g);",
                     stage, norm(run, position));
    for (int look = 0; look < LOOKS; look++)
        wane_text_printf(sql,
                         "INSERT INTO cell (stage, step, measure, subject, settings_sha256, "
                         "data_sha256) VALUES (%d, %d, 'spectrum', 'base', 's', '');"
                         "INSERT INTO spectrum_total (stage, step, against, matrices, changed, "
                         "intruders_u, delta_frobenius) VALUES (%d, %d, 'base', 1, 1, %d, %.17g);"
                         "INSERT INTO likelihood (stage, step, corpus, nll) VALUES (%d, %d, 1, "
                         "%.17g);",
                         stage, look * 5, stage, look * 5, look * intruders(run, position),
                         look * norm(run, position), stage, look * 5,
                         2 + look * nll(run, position) / 4);
}

static void add_effects(wane_text *sql, int run)
{
    static const char *const arms[] = {"intruders", "shrink", "energy"};
    int stage = 2 + run * STAGES + STAGES - 1;
    for (int arm = 0; arm < 3; arm++) {
        bool there = defined(run, arm);
        static const char row[] =
            "INSERT INTO intervention (stage, step, choice, arm, lambda, measure, target, value, "
            "stderr, matrices, reason) VALUES (%d, -1, 'top', '%s', .5, '%s', '%s', %s%.17g, %g, "
            "%d, %s);";
        const char *reason = there ? "NULL" : "'unreachable'", *null = there ? "" : "NULL + ";
        int changed = there ? matrices(run, arm) : 0;
        double e = effect(run, arm);
        wane_text_printf(sql, row, stage, arms[arm], "delta_frobenius", "", null, e, 0., changed,
                         reason);
        wane_text_printf(sql, row, stage, arms[arm], "matrices_with_intruders", "", "", 2., 0.,
                         changed, "NULL");
        wane_text_printf(sql, row, stage, arms[arm], "nll_change", "c", null, e, .01, changed,
                         reason);
        wane_text_printf(sql, row, stage, arms[arm], "latest_accuracy_change", "", null, 10 * e, .5,
                         changed, reason);
    }
}

static int make(void **state)
{
    static const char plan[] =
        "INSERT INTO model (id, key, name, architecture, vocabulary) VALUES (1, 'm', 'm', 'llama', "
        "65536); INSERT INTO matrix (id, model, position, name, module, layer, \"rows\", cols) "
        "VALUES "
        "(1, 1, 0, 'a', 'a', 0, 8, 8); INSERT INTO task (id, key, name, kind, split) VALUES "
        "(1, 't@', 't', 'classification', 'test'); INSERT INTO corpus (id, key, name, "
        "unigram_entropy) "
        "VALUES (1, 'c@', 'c', 6.625); INSERT INTO experiment (id, key, model) VALUES (1, 'e', 1); "
        "INSERT INTO experiment_task VALUES (1, 1, 0); INSERT INTO experiment_corpus VALUES "
        "(1, 1, 'pretraining', 1); INSERT INTO stage (id, key, model, kind, status) VALUES "
        "(1, 'base', 1, 'base', 'done'); INSERT INTO likelihood (stage, step, corpus, nll) VALUES "
        "(1, -1, 1, 1.5);";
    wane_text sql = {0};
    sqlite3 *handle = NULL;
    char *why = NULL;
    if (scratch_make(state) != 0) return -1;
    db = open_results(scratch_path("c.db"), WANE_RESULTS_CREATE);
    wane_results_close(db);
    wane_text_printf(&sql, "BEGIN;%s", plan);
    for (int run = 0; run < RUNS; run++) {
        wane_text_printf(&sql,
                         "INSERT INTO run (id, key, experiment, name, method, kind, rank, "
                         "order_name, seed, stages, status) VALUES (%d, 'k%02d', 1, "
                         "'m%d/given/s%d', 'm%d', '%s', %d, 'given', %d, 2, 'done');"
                         "INSERT INTO run_stage VALUES (%d, 0, 1, NULL);",
                         run + 1, run, config_of(run), run % SEEDS, config_of(run),
                         config_of(run) % 2 ? "lora" : "full", 1 + config_of(run) % 2, run % SEEDS,
                         run + 1);
        for (int position = 1; position <= STAGES; position++) add_stage(&sql, run, position);
        add_effects(&sql, run);
    }
    wane_text_string(&sql, "COMMIT;");
    assert_int_equal(sqlite3_open(scratch_path("c.db"), &handle), SQLITE_OK);
    (void)sqlite3_exec(handle, sql.data, NULL, NULL, &why);
    if (why) print_error("%s\n", why);
    assert_null(why);
    (void)sqlite3_close(handle);
    wane_text_free(&sql);
    db = open_results(scratch_path("c.db"), WANE_RESULTS_READ);
    return 0;
}

static int clean_up(void **state)
{
    wane_results_close(db);
    return scratch_remove(state);
}

/* ----------------------------------------------------------------------------------------- arms */

typedef struct expected {
    int configs, runs;
    double mean, error;
} expected;

/* The mean over configs of their means over matched runs, and its standard error. */
static expected over_some(int arm, int arms, bool without_collapsed)
{
    expected e = {0};
    double mean[CONFIGS], squares = 0;
    for (int c = 0; c < CONFIGS; c++) {
        double sum = 0;
        int n = 0;
        for (int run = c * SEEDS; run < (c + 1) * SEEDS; run++)
            if (matched(run, arms) && !(without_collapsed && collapses(c)))
                sum += effect(run, arm), n++;
        e.runs += n;
        if (n) mean[e.configs++] = sum / n;
    }
    for (int i = 0; i < e.configs; i++) e.mean += mean[i] / e.configs;
    for (int i = 0; i < e.configs; i++) squares += (mean[i] - e.mean) * (mean[i] - e.mean);
    e.error = sqrt(squares / (e.configs - 1) / e.configs);
    return e;
}

static expected over_configs(int arm, int arms)
{
    return over_some(arm, arms, false);
}

static int column(const wane_query *q, const char *name)
{
    for (size_t i = 0; i < wane_query_columns(q); i++)
        if (strcmp(wane_query_name(q, i), name) == 0) return (int)i;
    fail_msg("no column %s", name);
    return 0;
}

static double at(const wane_query *q, const char *name)
{
    return wane_query_double(q, (size_t)column(q, name));
}

/* With energy: 9 configs, 16 runs; without it all of them. */
static void arms_are_compared_where_all_are(void **state)
{
    (void)state;
    static const char *const shown[] = {"intruders,shrink", "intruders,shrink,energy"};
    wane_error err;
    for (int arms = 2; arms <= 3; arms++) {
        const wane_assignment given = {"arms", shown[arms - 2]};
        wane_query *q = NULL;
        int rows = 0;
        CHECK_OK(wane_named_query_open(&q, db, "interventions_matched", &given, 1, &err));
        while (wane_query_next(q, &err) == WANE_OK) {
            bool again = rows >= arms;
            const expected e = over_some(rows % arms, arms, again);
            assert_true(at(q, "configs") == e.configs && at(q, "runs") == e.runs);
            assert_true(at(q, "without_collapsed") == again);
            if (!again) {
                assert_true(at(q, "unmatched_runs") == RUNS - e.runs);
                assert_true(at(q, "unmatched_configs") == CONFIGS - e.configs);
            }
            CHECK_NEAR(at(q, "nll_change"), e.mean, 1e-14, 0);
            CHECK_NEAR(at(q, "nll_change_stderr"), e.error, 1e-14, 0);
            CHECK_NEAR(at(q, "latest_change"), 10 * e.mean, 1e-13, 0);
            CHECK_NEAR(at(q, "latest_binomial"), .5, 1e-15, 0);
            assert_true(isnan(at(q, "minus_intruders")));
            rows++;
        }
        wane_query_free(q);
        assert_int_equal(rows, 2 * arms);
        assert_int_equal(over_configs(0, arms).configs, arms == 3 ? 9 : 10);
        assert_int_equal(over_configs(0, arms).runs, arms == 3 ? 16 : 20);
    }
}

/* Of one method: the second seed of m1 alone has all arms, none of m0. */
static void means_of_a_method_are_of_its_matched_runs(void **state)
{
    (void)state;
    wane_error err;
    wane_query *q = NULL;
    int rows = 0;
    CHECK_OK(wane_named_query_open(&q, db, "interventions_by_method", NULL, 0, &err));
    for (; rows < 6 && wane_query_next(q, &err) == WANE_OK; rows++) {
        int arm = rows % 3, method = rows / 3;
        assert_true(at(q, "runs") == 2);
        assert_true(at(q, "matched") == method);
        assert_true(at(q, "defined") == (arm < 2 ? 2 : method));
        if (method) CHECK_NEAR(at(q, "nll_change"), effect(SEEDS + 1, arm), 1e-15, 0);
        else {
            assert_true(isnan(at(q, "nll_change")));
            assert_string_equal(wane_query_text(q, (size_t)column(q, "reason")),
                                arm < 2 ? "unmatched" : "unreachable");
        }
    }
    wane_query_free(q);
    assert_int_equal(rows, 6);
}

static wane_report_request frontier(void)
{
    wane_report_request request = wane_report_ask("frontier");
    request.x = "nll_change";
    return request;
}

static void the_frontier_is_of_matched_runs(void **state)
{
    (void)state;
    static const char *const two[] = {"intruders", "shrink"};
    wane_error err;
    for (int arms = 2; arms <= 3; arms++) {
        wane_report_request request = frontier();
        wane_reporting r;
        wane_query *q = NULL;
        int rows = 0;
        if (arms == 2) request.arms = (wane_report_names){two, 2};
        CHECK_OK(wane_report_open(&r, db, &request, &err));
        CHECK_OK(r.report->rows(&q, &r, &err));
        for (; wane_query_next(q, &err) == WANE_OK; rows++) {
            const expected e = over_configs(rows, arms);
            assert_true(at(q, "configs") == e.configs && at(q, "runs") == e.runs);
            assert_true(at(q, "unmatched_runs") == RUNS - e.runs);
            CHECK_NEAR(at(q, "nll_change"), e.mean, 1e-14, 0);
            CHECK_NEAR(at(q, "nll_change_stderr"), e.error, 1e-14, 0);
            CHECK_NEAR(at(q, "latest_accuracy_change"), 10 * e.mean, 1e-13, 0);
            CHECK_NEAR(at(q, "latest_accuracy_change_stderr"), 10 * e.error, 1e-13, 0);
            CHECK_NEAR(at(q, "latest_accuracy_change_binomial"), .5, 1e-15, 0);
        }
        wane_query_free(q);
        wane_report_close(&r);
        assert_int_equal(rows, arms);
    }
}

static void the_chart_says_n_and_what_is_unmatched(void **state)
{
    (void)state;
    wane_error err;
    wane_text svg = {0};
    wane_report_request request = frontier();
    request.by = "kind";
    CHECK_OK(wane_report_svg(&svg, db, &request, &err));
    assert_non_null(strstr(svg.data, "unmatched"));
    assert_non_null(strstr(svg.data, "none sideways (below 6 configs)"));
    wane_text_clear(&svg);
    request.by = NULL;
    CHECK_OK(wane_report_svg(&svg, db, &request, &err));
    assert_non_null(strstr(svg.data, "16 runs of 9"));
    assert_null(strstr(svg.data, "none sideways"));
    wane_text_free(&svg);
    static const char *const wrong[] = {"shrinks"};
    request.arms = (wane_report_names){wrong, 1};
    CHECK_FAILS(wane_report_svg(&svg, db, &request, &err), WANE_ENOTFOUND, "did you mean shrink");
}

/* -------------------------------------------------------------------------------------- matched */

/* full has the even configs, lora the odd ones; of each seed and stage five stages a side. */
static void stages_are_matched_place_by_place(void **state)
{
    (void)state;
    static const char *const measure[] = {"pretraining_forgetting"};
    wane_error err;
    wane_matching m = {0};
    const wane_compare_question q = {
        .side = {"full", "lora"}, .by = "kind", .metric = measure, .metrics = 1};
    CHECK_OK(wane_matching_run(&m, db, &q, WANE_MATCH_LEARNED, &err));
    assert_true(m.overlap && m.pairs > 5);
    assert_int_equal(m.side[0].stages, RUNS / 2 * STAGES);
    double sum = 0;
    for (size_t i = 0; i < m.pairs; i++) {
        const wane_match_stage *a = &m.side[0].stage[m.pair[i].stage[0]],
                               *b = &m.side[1].stage[m.pair[i].stage[1]];
        assert_true(a->seed == b->seed && a->position == b->position);
        assert_true(fabs(a->on - b->on) <= .02 + 1e-12);
        int one = (a->config[1] - '0') * SEEDS + (int)a->seed,
            two = (b->config[1] - '0') * SEEDS + (int)b->seed;
        CHECK_NEAR(a->on, learned(one, (int)a->position), 1e-15, 0);
        sum += nll(two, (int)b->position) - nll(one, (int)a->position);
    }
    assert_int_equal(m.measures, 2);
    assert_string_equal(m.measure[0].name, wane_match_column(WANE_MATCH_LEARNED));
    CHECK_NEAR(m.measure[1].loss.difference, sum / (double)m.pairs, 1e-13, 0);
    assert_int_equal(m.measure[1].pairs, m.pairs);
    assert_int_equal(m.measure[1].configs, 5);
    assert_string_equal(m.measure[1].reason, "few_configs");
    assert_true(isnan(m.measure[1].loss.low) && isnan(m.measure[1].loss.p));
    wane_matching_free(&m);
}

/* Norms are apart by their logarithms: .1 is about a tenth of either. */
static void norms_are_matched_by_their_logarithms(void **state)
{
    (void)state;
    wane_error err;
    wane_matching m = {0};
    size_t pairs = 0;
    const wane_compare_question q = {.side = {"m4", "m5"}, .by = "method"};
    for (int seed = 0; seed < SEEDS; seed++)
        for (int p = 1; p <= STAGES; p++)
            pairs += fabs(log(norm(4 * SEEDS + seed, p) / norm(5 * SEEDS + seed, p))) <= .1;
    assert_in_range(pairs, 1, SEEDS * STAGES - 1);
    CHECK_OK(wane_matching_run(&m, db, &q, WANE_MATCH_NORM, &err));
    assert_int_equal(m.pairs, pairs);
    assert_string_equal(m.measure[0].name, "delta_frobenius_all");
    wane_matching_free(&m);
}

/* m0 moves by at most 2.7, m9 by at least 10.25. */
static void nothing_is_claimed_where_ranges_do_not_overlap(void **state)
{
    (void)state;
    wane_error err;
    wane_matching m = {0};
    wane_text page = {0};
    const wane_compare_question q = {.side = {"m0", "m9"}, .by = "method"};
    CHECK_OK(wane_matching_run(&m, db, &q, WANE_MATCH_NORM, &err));
    assert_true(!m.overlap && m.pairs == 0 && m.measures == 0);
    wane_matching_page(&page, &m, false);
    assert_non_null(strstr(page.data, "The ranges do not overlap"));
    assert_null(strstr(page.data, "difference"));
    wane_text_free(&page);
    wane_matching_free(&m);
}

static void matching_refuses_what_it_cannot_match(void **state)
{
    (void)state;
    wane_error err;
    wane_matching m = {0};
    wane_compare_question q = {.side = {"0", "1"}, .by = "seed"};
    wane_match_on on;
    CHECK_FAILS(wane_matching_run(&m, db, &q, WANE_MATCH_LEARNED, &err), WANE_EINVAL,
                "--match goes with --by method");
    q = (wane_compare_question){.side = {"m0", "m99"}, .by = "method"};
    CHECK_FAILS(wane_matching_run(&m, db, &q, WANE_MATCH_LEARNED, &err), WANE_ENOTFOUND, "m99");
    CHECK_FAILS(wane_match_parse(&on, "forgetting", &err), WANE_EINVAL, "neither learned nor norm");
}

/* ---------------------------------------------------------------------------------- correlation */

/* 12 of 40 counts are above 0, of 4 configs, in 2 of which... all over configs: the mean of x. */
static void a_count_that_is_mostly_zero_is_not_alone(void **state)
{
    (void)state;
    static const char *const given[] = {"delta_frobenius"};
    wane_error err;
    wane_correlating job = {.x = "intruders", .y = "nll", .given = given, .given_count = 1};
    double x[CONFIGS], z[CONFIGS], all[RUNS * STAGES], y[RUNS * STAGES], rho;
    CHECK_OK(wane_correlating_run(&job, db, &err));
    assert_int_equal(job.tables, 6); /* each again without collapsed configs */
    assert_string_equal(job.table[1].x, "intruder_energy");
    assert_string_equal(job.table[2].x, "max_cosine");
    const wane_correlating_group *g = &job.table[0].group[0];
    assert_int_equal(g->zeros_x, 24);
    assert_int_equal(g->zeros_y, 0);
    assert_true(g->configs == CONFIGS && g->count_x);
    size_t n = 0;
    for (int c = 0; c < CONFIGS; c++) {
        x[c] = z[c] = 0;
        for (int run = c * SEEDS; run < (c + 1) * SEEDS; run++)
            for (int p = 1; p <= STAGES; p++, n++) {
                x[c] += intruders(run, p) / 4.;
                z[c] += norm(run, p) / 4.;
                all[n] = cosine(run, p);
                y[n] = nll(run, p);
            }
    }
    CHECK_OK(wane_spearman(&rho, x, z, CONFIGS, &err));
    CHECK_NEAR(g->separation[0], rho, 1e-14, 0);
    CHECK_OK(wane_spearman(&rho, all, y, n, &err));
    CHECK_NEAR(job.table[2].group[0].result.coefficient[0].value, rho, 1e-14, 0);
    CHECK_NEAR(wane_correlating_visible(g, 0, NULL), tanh(2.89 / sqrt(7)), 1e-15, 0);
    CHECK_NEAR(wane_correlating_visible(g, 3, NULL), tanh(2.89 / sqrt(6)), 1e-15, 0);
    wane_correlating_free(&job);
}

static void collapsed_configs_leave_whole(void **state)
{
    (void)state;
    wane_error err;
    wane_correlating job = {.x = "delta_frobenius", .y = "nll"};
    double x[RUNS * STAGES], y[RUNS * STAGES], rho;
    size_t n = 0, gone = 0;
    for (int run = 0; run < RUNS; run++)
        for (int p = 1; p <= STAGES && !collapses(config_of(run)); p++) {
            x[n] = norm(run, p);
            y[n++] = nll(run, p);
        }
    for (int c = 0; c < CONFIGS; c++) gone += collapses(c);
    assert_in_range(gone, 1, 3);
    CHECK_OK(wane_correlating_run(&job, db, &err));
    assert_int_equal(job.tables, 2);
    assert_int_equal(job.collapsed_count, gone);
    assert_int_equal(job.flag_unknown, 0);
    const wane_correlating_group *g = &job.table[1].group[0];
    assert_true(job.table[1].without_collapsed && g->configs == CONFIGS - gone);
    CHECK_OK(wane_spearman(&rho, x, y, n, &err));
    CHECK_NEAR(g->result.coefficient[0].value, rho, 1e-14, 0);
    assert_int_equal(job.table[0].group[0].result.points, RUNS * STAGES);
    wane_correlating_free(&job);
}

/* Looks 0, 5 and 10 of two stages; step 0 of the first is the base. */
static void looks_are_points(void **state)
{
    (void)state;
    wane_error err;
    wane_correlating job = {.x = "intruders", .y = "nll", .points = WANE_POINTS_LOOKS};
    double x[RUNS * STAGES * LOOKS], y[RUNS * STAGES * LOOKS], rho;
    size_t n = 0;
    for (int run = 0; run < RUNS; run++)
        for (int p = 1; p <= STAGES; p++)
            for (int look = 0; look < LOOKS; look++) {
                if (p == 1 && look == 0) continue;
                x[n] = look * intruders(run, p);
                y[n++] = 2 + look * nll(run, p) / 4;
            }
    CHECK_OK(wane_correlating_run(&job, db, &err));
    const wane_correlation *r = &job.table[0].group[0].result;
    assert_int_equal(r->points, n);
    assert_int_equal(r->block_count, CONFIGS);
    CHECK_OK(wane_spearman(&rho, x, y, n, &err));
    CHECK_NEAR(r->coefficient[0].value, rho, 1e-14, 0);
    wane_correlating_free(&job);
    job = (wane_correlating){.x = "acc", .y = "nll", .points = WANE_POINTS_LOOKS};
    CHECK_FAILS(wane_correlating_run(&job, db, &err), WANE_EINVAL, "acc: not measured at looks");
    wane_correlating_free(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arms_are_compared_where_all_are),
        cmocka_unit_test(means_of_a_method_are_of_its_matched_runs),
        cmocka_unit_test(the_frontier_is_of_matched_runs),
        cmocka_unit_test(the_chart_says_n_and_what_is_unmatched),
        cmocka_unit_test(stages_are_matched_place_by_place),
        cmocka_unit_test(norms_are_matched_by_their_logarithms),
        cmocka_unit_test(nothing_is_claimed_where_ranges_do_not_overlap),
        cmocka_unit_test(matching_refuses_what_it_cannot_match),
        cmocka_unit_test(a_count_that_is_mostly_zero_is_not_alone),
        cmocka_unit_test(collapsed_configs_leave_whole),
        cmocka_unit_test(looks_are_points),
    };
    return cmocka_run_group_tests(tests, make, clean_up);
}
