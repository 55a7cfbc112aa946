/* SPDX-License-Identifier: Apache-2.0
 * Every column of every view, on a database whose numbers are computed by hand: what is asked of a
 * view is written here as arithmetic on what was put in. A view or column that is not here fails
 * the test.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/results/query.h"
#include "store/results/results.h"
#include "tests/unit/results/columns_database.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------- what must be seen */

typedef struct column {
    const char *name;
    const char *text; /* NULL: a number */
    double number;    /* NaN: NULL */
} column;

#define T(name, text)                                                                              \
    {                                                                                              \
        name, text, 0                                                                              \
    }
#define N(name, number)                                                                            \
    {                                                                                              \
        name, NULL, number                                                                         \
    }
#define NONE(name) N(name, NAN)
#define RUN_A                                                                                      \
    T("experiment", "e"), T("run", "l4/given/s0"), T("method", "l4"), T("kind", "lora"),           \
        N("rank", 4), N("learning_rate", .01), T("order_name", "given"), N("seed", 0)

/* Of stage a2: means weighed 1 (c4) and 3 (wiki), other corpora 1 (code) and 2 (math). */
#define NLL_A ((1 * 4 + 3 * 4.5) / 4)
#define NLL_0 ((1 * 3.0 + 3 * 4) / 4)
#define FORGETTING_A (NLL_A - NLL_0)
#define FORGETTING_STDERR_A (.15 / 4) /* .15^2 = (1 * .09)^2 + (3 * .04)^2 */
#define OTHER_A ((1 * (6 - 5.0) + 2 * (2.75 - 2)) / 3)
#define KL_A ((1 * .5 + 3 * .7) / 4)
/* and of stage b2 */
#define NLL_B ((1 * 3.75 + 3 * 4.75) / 4)
#define FORGETTING_B (NLL_B - NLL_0)

/* Counts add over all three matrices; energies by top_energy; norms by squares; ranks and shares
 * are means over the two that have them. */
#define INTRUDERS_A (2 + 1 + 0)
#define INTRUDERS_B (6 + 1 + 0)
/* Of the sorted draws 0..98 the second and third are 1 and 2, the 97th and 98th 96 and 97; 4 are at
 * most 3, 96 at least. */
#define NULL_A                                                                                     \
    N("intruders_null", 49), N("intruders_null_low", 1.5), N("intruders_null_high", 96.5),         \
        N("intruders_p_low", .05), N("intruders_p_high", .97), N("uninformative", 0)
#define NEAR_A N("intruders_low", 2), N("intruders_high", 4)
#define COSINE_A ((.1 + .3 + .52 + .6 + .2 + .5) / 6)
#define COSINE_HIGH_A ((.1 + .46 + .52 + .6 + .2 + .5) / 6)
#define BESIDE_A                                                                                   \
    NULL_A, NEAR_A, N("max_cosine", COSINE_A), N("onset", .75), N("delta_frobenius_all", 12.5)
#define ENERGY_U ((.5 * 10 + .1 * 30) / (10 + 30))
#define ENERGY_V ((.25 * 10 + .2 * 30) / (10 + 30))
#define DELTA_A 10.0 /* 10^2 = 6^2 + 8^2 */
#define DELTA_B 5.0
#define DELTA_SPECTRAL_A 2.5      /* 2.5^2 = 2^2 + 1.5^2 */
#define RELATIVE_A (DELTA_A / 13) /* 13^2 = 3^2 + 4^2 + 12^2 */
#define EFFECTIVE ((4 + 6) / 2.0)
#define STABLE ((1.5 + 2.5) / 2)
#define SHARE ((.4 + .6) / 2)
#define RHO ((.2 + .7) / 2)

#define MEAN(a, b) (((a) + (b)) / 2)
#define ROOT_HALF 0.70710678118654752440
#define DEVIATION(a, b) (((a) > (b) ? (a) - (b) : (b) - (a)) * ROOT_HALF) /* of two */

static const struct {
    const char *view, *row;
    column columns[96];
} views[] = {
    {"spectrum_total", /* a table that the views read */
     "stage = 3 AND step = -1 AND against = 'base'",
     {N("stage", 3),
      N("step", -1),
      T("against", "base"),
      N("matrices", 3),
      N("changed", 2),
      N("intruders_u", INTRUDERS_A),
      N("intruders_v", 3 + 4),
      N("energy_u", ENERGY_U),
      N("energy_v", ENERGY_V),
      N("base_frobenius", 13),
      N("delta_frobenius", DELTA_A),
      N("delta_spectral", DELTA_SPECTRAL_A),
      N("relative_update", RELATIVE_A),
      N("effective_rank", EFFECTIVE),
      N("stable_rank", STABLE),
      N("top_share", SHARE),
      N("rho_10", RHO),
      N("existing_u", 10 + 8),
      N("existing_v", 9 + 7),
      N("unresolved_u", 1 + 0),
      N("unresolved_v", 2 + 3)}},
    {"run_list",
     "run = 'l4/given/s0' AND superseded = 0",
     {RUN_A, T("key", "key-a"), N("alpha", 8), N("stages", 2), N("trainable", 100), N("limited", 0),
      N("superseded", 0), T("status", "done"), NONE("error"), NONE("bound")}},
    {"accuracy_matrix",
     "run = 'l4/given/s0' AND position = 2 AND task = 'cola'",
     {RUN_A, N("position", 2), T("trained", "cola"), T("task", "cola"), N("task_position", 2),
      N("watched", 0), N("stages", 2), N("accuracy", .9), N("stderr", .03), N("n", 50),
      N("majority", .66), N("learned", 1), NONE("reason")}},
    {"accuracy_matrix",
     "run = 'l4/given/s0' AND position = 1 AND task = 'qqp'",
     {RUN_A, N("position", 1), T("trained", "sst"), T("task", "qqp"), NONE("task_position"),
      N("watched", 1), N("stages", 2), N("accuracy", .35), N("stderr", .07), N("n", 70),
      NONE("majority"), NONE("learned"), NONE("reason")}},
    {"task_forgetting",
     "run = 'l4/given/s0' AND task = 'sst'",
     {RUN_A, T("task", "sst"), N("task_position", 1), N("watched", 0), N("stages", 2),
      N("baseline", .5), N("learned_accuracy", .8), N("best", .8), N("final", .7),
      N("bwt", .7 - .8), N("forgetting", .8 - .7), N("change", .7 - .5), N("majority", .51),
      N("learned", 1)}},
    {"forgetting",
     "run = 'l4/given/s0' AND metric = 'bwt' AND task = ''",
     {RUN_A, T("metric", "bwt"), T("task", ""), N("value", -.12), NONE("reason")}},
    {"forgetting",
     "run = 'l4/given/s0' AND metric = 'forgetting' AND task = 'sst'",
     {RUN_A, T("metric", "forgetting"), T("task", "sst"), N("value", .8 - .7), NONE("reason")}},
    {"pretraining_forgetting",
     "run = 'l4/given/s0' AND position = 2 AND corpus = 'c4'",
     {RUN_A, N("position", 2), T("trained", "cola"), T("corpus", "c4"), T("role", "pretraining"),
      N("out_of_reach", 0), N("nll", 4), N("nll_0", 3), N("forgetting", 4 - 3), N("stderr", .09),
      N("kl_to_base", .5), N("soft_ce", 3.2), N("floor", 1.5), N("unigram_entropy", 4.1),
      NONE("reason")}},
    {"intruders",
     "run = 'l4/given/s0' AND position = 2",
     {RUN_A, N("position", 2), T("trained", "cola"), N("matrices", 3), N("changed", 2),
      N("intruders", INTRUDERS_A), N("unresolved", 1 + 0), N("existing", 10 + 8), NULL_A, NEAR_A,
      N("energy", ENERGY_U), NONE("reason")}},
#define OF_NULL RUN_A, N("position", 2), T("trained", "cola"), N("draws", 99)
    {"intruder_null",
     "run = 'l4/given/s0' AND position = 2 AND null_kind = 'rotated' AND side = 'u'",
     {OF_NULL, T("null_kind", "rotated"), T("side", "u"), N("intruders", INTRUDERS_A),
      N("mean", 49), N("low", 1.5), N("high", 96.5), N("p_low", .05), N("p_high", .97),
      N("uninformative", 0)}},
    {"intruder_null", /* the 98th alone is 4 */
     "run = 'l4/given/s0' AND position = 2 AND null_kind = 'rotated' AND side = 'v'",
     {OF_NULL, T("null_kind", "rotated"), T("side", "v"), N("intruders", 3 + 4),
      N("mean", 8 / 99.0), N("low", 0), N("high", 2), N("p_low", 1), N("p_high", .01),
      N("uninformative", 0)}},
    {"intruder_null",
     "run = 'l4/given/s0' AND null_kind = 'gaussian'",
     {OF_NULL, T("null_kind", "gaussian"), T("side", "u"), N("intruders", INTRUDERS_A),
      N("mean", 200), N("low", 200), N("high", 200), N("p_low", .01), N("p_high", 1),
      N("uninformative", 0)}},
#define SHARED                                                                                     \
    N("position", 2), T("trained", "cola"), N("intruders", INTRUDERS_A),                           \
        N("intruders_unresolved", 1 + 0), N("intruders_existing", 10 + 8), BESIDE_A,               \
        N("intruder_energy", ENERGY_U), N("intruders_v", 3 + 4),                                   \
        N("intruders_unresolved_v", 2 + 3), N("intruder_energy_v", ENERGY_V),                      \
        N("delta_frobenius", DELTA_A), N("delta_spectral", DELTA_SPECTRAL_A),                      \
        N("relative_update", RELATIVE_A), N("effective_rank", EFFECTIVE),                          \
        N("stable_rank", STABLE), N("top_share", SHARE), N("rho_10", RHO),                         \
        N("kl_on_task_prompt", .11), N("kl_on_task_answer", .22), N("learned_accuracy", .9),       \
        N("majority", .66), N("learned", 1), N("collapsed", 1), N("beyond_uniform", 0),            \
        N("bwt_learned", -.1), N("forgetting_learned", .14), N("nll", NLL_A),                      \
        N("pretraining_forgetting", FORGETTING_A), N("other_forgetting", OTHER_A),                 \
        N("kl_to_base", KL_A), N("acc", .81), N("bwt", -.12), N("forgetting", .13),                \
        N("held_out_change", -.06), N("f_delta", MEAN(.1, .3)), N("angle_u", MEAN(.2, .6)),        \
        N("angle_v", MEAN(.3, .9)), T("status", "done")
    {"stage_summary",
     "run = 'l4/given/s0' AND position = 2",
     {RUN_A, SHARED, N("limited", 0), T("run_key", "key-a"), N("stages", 2), T("stage", "a2"),
      T("stage_status", "done"), N("nll_0", NLL_0), N("learning_acc", .85), N("mean_majority", .58),
      N("learned_tasks", 2), N("pretraining_forgetting_stderr", FORGETTING_STDERR_A),
      N("matrices", 3), N("matrices_changed", 2), N("max_cosine_high", COSINE_HIGH_A),
      N("not_finite", 0)}},
    {"correlation_points",
     "run = 'l4/given/s0' AND position = 2",
     {T("experiment", "e"), T("run", "l4/given/s0"), T("config", "l4"), T("kind", "lora"),
      N("rank", 4), N("learning_rate", .01), T("order_name", "given"), N("seed", 0), SHARED}},
    {"run_summary",
     "run = 'l4/given/s0'",
     {RUN_A,
      T("status", "done"),
      N("stages", 2),
      N("trainable", 100),
      N("limited", 0),
      N("acc", .81),
      N("learning_acc", .85),
      N("majority", .58),
      N("learned_tasks", 2),
      N("bwt", -.12),
      N("bwt_learned", -.1),
      N("forgetting", .13),
      N("forgetting_learned", .14),
      N("held_out_change", -.06),
      N("nll_0", NLL_0),
      N("nll", NLL_A),
      N("pretraining_forgetting", FORGETTING_A),
      N("other_forgetting", OTHER_A),
      N("kl_to_base", KL_A),
      N("matrices", 3),
      N("matrices_changed", 2),
      N("intruders", INTRUDERS_A),
      N("intruders_unresolved", 1),
      N("intruders_existing", 18),
      BESIDE_A,
      N("intruder_energy", ENERGY_U),
      N("delta_frobenius", DELTA_A),
      N("relative_update", RELATIVE_A),
      N("effective_rank", EFFECTIVE),
      N("gates", 3),
      N("gates_failed", 1),
      NONE("error"),
      T("key", "key-a"),
      N("not_finite", 0),
      N("collapsed", 1),
      N("collapsed_stages", 1),
      N("beyond_uniform_stages", 0)}},
    {"count_noise", /* its own count, that of one run again, and one that is not done */
     "method = 'l4'",
     {RUN_A, N("again", 2), N("intruders", INTRUDERS_A), N("n", 2),
      N("mean", MEAN(INTRUDERS_A, INTRUDERS_B)),
      N("count_noise", DEVIATION(INTRUDERS_A, INTRUDERS_B)), N("low", INTRUDERS_A),
      N("high", INTRUDERS_B)}},
    {"measured_values",
     "name = 'size' AND subject = 'c4' AND matrix = ''",
     {RUN_A, N("position", 2), T("trained", "cola"), T("measure", "size"), T("subject", "c4"),
      T("matrix", ""), T("name", "size"), N("value", 1.5), NONE("reason")}},
    {"measured_values",
     "name = 'size' AND value IS NULL AND run = 'l4/given/s1'",
     {T("experiment", "e"), T("run", "l4/given/s1"), T("method", "l4"), T("kind", "lora"),
      N("rank", 4), N("learning_rate", .01), T("order_name", "given"), N("seed", 1),
      N("position", 2), T("trained", "cola"), T("measure", "size"), T("subject", "sst"),
      T("matrix", ""), T("name", "size"), NONE("value"), T("reason", "not_finite")}},
    {"seed_summary",
     "method = 'l4'",
     {T("experiment", "e"),
      T("method", "l4"),
      T("kind", "lora"),
      N("rank", 4),
      N("learning_rate", .01),
      T("order_name", "given"),
      N("limited", 0),
      N("runs", 2),
      N("left_out", 1),
      N("acc", MEAN(.81, .65)),
      N("acc_sd", DEVIATION(.81, .65)),
      N("learning_acc", MEAN(.85, .68)),
      N("majority", MEAN(.58, .59)),
      N("learned_tasks", MEAN(2., 1.)),
      N("learned_tasks_n", 2),
      N("bwt_learned", -.1),
      N("bwt_learned_n", 1),
      N("forgetting_learned", .14),
      N("forgetting_learned_n", 1),
      N("collapsed_runs", 2),
      N("collapsed_stages", 2),
      N("beyond_uniform_stages", 1),
      N("bwt", MEAN(-.12, -.05)),
      N("bwt_sd", DEVIATION(-.12, -.05)),
      N("forgetting", MEAN(.13, .06)),
      N("forgetting_sd", DEVIATION(.13, .06)),
      N("nll_0", NLL_0),
      N("nll", MEAN(NLL_A, NLL_B)),
      N("pretraining_forgetting", MEAN(FORGETTING_A, FORGETTING_B)),
      N("pretraining_forgetting_sd", DEVIATION(FORGETTING_A, FORGETTING_B)),
      N("intruders", MEAN(INTRUDERS_A, INTRUDERS_B)),
      N("intruders_sd", DEVIATION(INTRUDERS_A, INTRUDERS_B)),
      N("intruders_null", MEAN(49, 5 / 99.0)),
      N("intruders_null_low", MEAN(1.5, 0)),
      N("intruders_null_high", MEAN(96.5, 0)),
      N("uninformative", 1),
      N("intruders_low", MEAN(2.0, 1)),
      N("intruders_high", MEAN(4.0, 1)),
      N("max_cosine", MEAN(COSINE_A, .3)),
      N("onset", .75),
      N("onset_n", 1),
      N("delta_frobenius_all", MEAN(12.5, 7.5)),
      N("delta_frobenius", MEAN(DELTA_A, DELTA_B)),
      N("delta_frobenius_sd", DEVIATION(DELTA_A, DELTA_B)),
      N("acc_n", 2),
      N("bwt_n", 2),
      N("forgetting_n", 2),
      N("nll_n", 2),
      N("pretraining_forgetting_n", 2),
      N("intruders_n", 2),
      N("delta_frobenius_n", 2)}},
#define OF_NLL                                                                                     \
    T("experiment", "e"), T("method", "l4"), T("kind", "lora"), N("rank", 4),                      \
        N("learning_rate", .01), T("metric", "nll"), N("runs", 2), N("left_out", 1), N("n", 2),    \
        N("mean", MEAN(NLL_A, NLL_B)), N("sd", DEVIATION(NLL_A, NLL_B)),                           \
        N("low", MEAN(NLL_A, NLL_B) - 12.7062047362 * DEVIATION(NLL_A, NLL_B) * ROOT_HALF),        \
        N("high", MEAN(NLL_A, NLL_B) + 12.7062047362 * DEVIATION(NLL_A, NLL_B) * ROOT_HALF)
    {"seed_interval",
     "metric = 'nll' AND order_name = 'given' AND method = 'l4'",
     {OF_NLL, T("order_name", "given")}},
    {"seed_interval",
     "metric = 'nll' AND order_name IS NULL AND method = 'l4'",
     {OF_NLL, NONE("order_name")}},
    {"intervention_effect",
     "run = 'l4/given/s0'",
     {RUN_A,
      N("position", 2),
      T("trained", "cola"),
      T("choice", "top"),
      T("arm", "shrink"),
      N("lambda", .5),
      N("matrices", 2),
      N("matrices_with_intruders", 1),
      N("nll_change", (1 * -.2 + 3 * -.4) / 4),
      N("nll_change_stderr", .13 / 4), /* .13^2 = (1 * .05)^2 + (3 * .04)^2 */
      N("forgetting_change_pct", 100 * ((1 * -.2 + 3 * -.4) / 4) / FORGETTING_A),
      N("nll_minus_intruders", (1 * .1 + 3 * .3) / 4),
      N("nll_minus_intruders_stderr", .17 / 4), /* .17^2 = (1 * .08)^2 + (3 * .05)^2 */
      N("latest_accuracy_change", 2),
      N("latest_accuracy_change_stderr", .5),
      N("seen_accuracy_change", -1),
      N("seen_accuracy_change_stderr", .25),
      N("latest_accuracy_minus_intruders", 3),
      N("latest_accuracy_minus_intruders_stderr", .75),
      N("delta_frobenius", 9.5),
      NONE("reason")}},
};

/* ----------------------------------------------------------------------------------- the tests */

static bool as_wanted(sqlite3_stmt *row, int at, const column *wanted)
{
    if (wanted->text)
        return sqlite3_column_type(row, at) == SQLITE_TEXT &&
               strcmp((const char *)sqlite3_column_text(row, at), wanted->text) == 0;
    if (isnan(wanted->number)) return sqlite3_column_type(row, at) == SQLITE_NULL;
    return sqlite3_column_type(row, at) != SQLITE_NULL &&
           fabs(sqlite3_column_double(row, at) - wanted->number) <=
               1e-13 * fmax(1, fabs(wanted->number));
}

static size_t check_row(sqlite3_stmt *row, const char *view, const column *columns)
{
    size_t wrong = 0, listed = 0;
    for (; columns[listed].name; listed++) {
        const column *wanted = &columns[listed];
        int at = 0;
        while (at < sqlite3_column_count(row) &&
               strcmp(sqlite3_column_name(row, at), wanted->name) != 0)
            at++;
        if (at < sqlite3_column_count(row) && as_wanted(row, at, wanted)) continue;
        const char *seen =
            at < sqlite3_column_count(row) ? (const char *)sqlite3_column_text(row, at) : "nowhere";
        print_error("%s.%s: %s, should be %s %.15g\n", view, wanted->name, seen ? seen : "NULL",
                    wanted->text ? wanted->text : "", wanted->number);
        wrong++;
    }
    for (int at = 0; at < sqlite3_column_count(row); at++) {
        size_t i = 0;
        while (i < listed && strcmp(columns[i].name, sqlite3_column_name(row, at)) != 0) i++;
        if (i < listed) continue;
        print_error("%s.%s: a column nobody has computed\n", view, sqlite3_column_name(row, at));
        wrong++;
    }
    return wrong;
}

static void every_column_is_what_it_should_be(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t v = 0; v < COUNT(views); v++) {
        char text[300];
        sqlite3_stmt *row = NULL;
        (void)snprintf(text, sizeof text, "SELECT * FROM %s WHERE %s", views[v].view, views[v].row);
        assert_int_equal(sqlite3_prepare_v2(sql, text, -1, &row, NULL), SQLITE_OK);
        if (sqlite3_step(row) == SQLITE_ROW) {
            wrong += check_row(row, views[v].view, views[v].columns);
            if (sqlite3_step(row) == SQLITE_DONE) {
                (void)sqlite3_finalize(row);
                continue;
            }
        }
        print_error("%s: not one row where %s\n", views[v].view, views[v].row);
        wrong++;
        (void)sqlite3_finalize(row);
    }
    assert_int_equal(wrong, 0);
}

static void every_view_is_here(void **state)
{
    (void)state;
    size_t wrong = 0;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(sql, "SELECT name FROM sqlite_schema WHERE type = 'view'",
                                        -1, &row, NULL),
                     SQLITE_OK);
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        size_t v = 0;
        while (v < COUNT(views) && strcmp(views[v].view, name) != 0) v++;
        if (v < COUNT(views)) continue;
        print_error("%s: a view nobody has computed\n", name);
        wrong++;
    }
    (void)sqlite3_finalize(row);
    assert_int_equal(wrong, 0);
}

/* Of run b only one of two watched tasks has a held_out_change. The bound is no point; it has
 * forgotten .2 with an error of sqrt(.4^2 + (3 * .1)^2) / 4 = .125: less than two errors. */
static void what_cannot_be_told_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int value;
    } checks[] = {
        {"SELECT count(*) FROM stage_summary WHERE run = 'l4/given/s1' AND position = 2 AND "
         "bwt = -.05 AND held_out_change IS NULL",
         1},
        {"SELECT count(*) FROM correlation_points WHERE run = 'l4/given/s0'", 2},
        {"SELECT count(*) FROM correlation_points WHERE run = 'l4-joint/given/s0'", 0},
        {"SELECT count(*) FROM correlation_points WHERE run LIKE 'l4-perturbed%'", 0},
        {"SELECT count(*) FROM count_noise", 1},
        /* A corpus that is none of the experiment's, a look: not here. */
        {"SELECT count(*) FROM measured_values WHERE run = 'l4/given/s0' AND name = 'size'", 3},
        {"SELECT count(*) FROM measured_values WHERE run = 'l4/given/s0' AND name = 'onset'", 2},
        {"SELECT count(*) FROM stage_summary WHERE run = 'l4-joint/given/s0' AND position = 1 AND "
         "abs(pretraining_forgetting - .2) < 1e-14 AND "
         "abs(pretraining_forgetting_stderr - .125) < 1e-14",
         1},
        {"SELECT count(*) FROM intervention_effect WHERE run = 'l4-joint/given/s0' AND "
         "abs(nll_change + .1) < 1e-14 AND forgetting_change_pct IS NULL",
         1}};
    for (size_t i = 0; i < COUNT(checks); i++) {
        sqlite3_stmt *row = NULL;
        assert_int_equal(sqlite3_prepare_v2(sql, checks[i].sql, -1, &row, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        if (sqlite3_column_int(row, 0) != checks[i].value) print_error("%s\n", checks[i].sql);
        assert_int_equal(sqlite3_column_int(row, 0), checks[i].value);
        (void)sqlite3_finalize(row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_view_is_here),
        cmocka_unit_test(every_column_is_what_it_should_be),
        cmocka_unit_test(what_cannot_be_told_is_not),
    };
    return cmocka_run_group_tests_name("columns", tests, columns_set_up, columns_clean_up);
}
