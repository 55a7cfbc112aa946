/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics/forgetting.h"
#include "tests/support/support.h"

static wane_metric metrics[WANE_FORGETTING_METRICS];

static void measure_against(const double *cells, size_t stages, size_t tasks, const double *joint,
                            const double *majority, const double *error)
{
    wane_forgetting_metrics(metrics,
                            &(wane_accuracy_matrix){cells, stages, tasks, joint, majority, error});
}

/* Whatever was predicted is better than guessing, beyond doubt. */
static void measure(const double *cells, size_t stages, size_t tasks, const double *joint)
{
    static const double majority[8] = {-1, -1, -1, -1, -1, -1, -1, -1}, error[8];
    measure_against(cells, stages, tasks, joint, majority, error);
}

static const wane_metric *metric(const char *name)
{
    for (size_t i = 0; i < WANE_FORGETTING_METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0) return &metrics[i];
    fail_msg("no metric \"%s\"", name);
    return NULL;
}

static double value(const char *name)
{
    const wane_metric *found = metric(name);
    assert_null(found->reason);
    return found->value;
}

static void is_null(const char *name, const char *reason)
{
    const wane_metric *found = metric(name);
    assert_true(isnan(found->value));
    assert_non_null(found->reason);
    assert_string_equal(found->reason, reason);
}

static void published_definitions_on_three_tasks(void **state)
{
    (void)state;
    const double plain[] = {.20, .10, .05, .80, .30, .25, .85, .70, .28, .75, .72, .90};
    measure(plain, 3, 3, NULL);
    CHECK_NEAR(value("acc"), (.75 + .72 + .90) / 3, 1e-15, 0);
    CHECK_NEAR(value("aia"), (.80 + (.85 + .70) / 2 + (.75 + .72 + .90) / 3) / 3, 1e-15, 0);
    CHECK_NEAR(value("learning_acc"), (.80 + .70 + .90) / 3, 1e-15, 0);
    CHECK_NEAR(value("bwt"), -.015, 1e-15, 0);
    CHECK_NEAR(value("bwt_t"), -.01, 1e-15, 0);
    CHECK_NEAR(value("fwt"), ((.30 - .10) + (.28 - .05)) / 2, 1e-15, 0);
    CHECK_NEAR(value("forgetting"), .040, 1e-15, 0);
    CHECK_NEAR(value("forgetting_first_last"), .015, 1e-15, 0);
    CHECK_NEAR(value("forgetting_max_all"), .050, 1e-15, 0);
    is_null("intransigence", "no_joint_training");

    /* A task that was better before it was learned: only RWalk's definition sees it. */
    const double early[] = {.20, .80, .10, .80, .75, .25, .85, .70, .28, .75, .72, .90};
    measure(early, 3, 3, NULL);
    CHECK_NEAR(value("forgetting"), .040, 1e-15, 0);
    CHECK_NEAR(value("forgetting_rwalk"), .065, 1e-15, 0);
    CHECK_NEAR(value("forgetting_max_all"), .050, 1e-15, 0);
}

/* .7 when learned, then .8, .6, .5; the other tasks never change. */
static void one_task_over_four_stages(void **state)
{
    (void)state;
    double matrix[5 * 4];
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 4; j++) matrix[i * 4 + j] = .5;
    matrix[1 * 4] = .7;
    matrix[2 * 4] = .8;
    matrix[3 * 4] = .6;
    matrix[4 * 4] = .5;
    measure(matrix, 4, 4, NULL);
    CHECK_NEAR(value("bwt") * 3, -.2, 1e-15, 0);
    CHECK_NEAR(value("bwt_t") * 4, -.2, 1e-15, 0);
    CHECK_NEAR(value("forgetting") * 3, .3, 1e-15, 0);
    CHECK_NEAR(value("forgetting_max_all") * 3, .3, 1e-15, 0);
    CHECK_NEAR(value("forgetting_first_last") * 3, .2, 1e-15, 0);
    CHECK_NEAR(value("fwt"), 0, 1e-15, 0);
}

/* Each project's own arithmetic, done by hand on one 4 x 4 matrix (rows: after stage 1..4).
 *            t1   t2   t3   t4
 *   1       .90  .40  .10  .20
 *   2       .60  .80  .15  .25
 *   3       .70  .50  .70  .10
 *   4       .40  .85  .30  .95                                                               */
static void arithmetic_of_other_projects(void **state)
{
    (void)state;
    const double matrix[] = {.25, .30, .20, .15, .90, .40, .10, .20, .60, .80,
                             .15, .25, .70, .50, .70, .10, .40, .85, .30, .95};
    const double joint[] = {.92, .88, .75, .90};
    measure(matrix, 4, 4, joint);
    /* Avalanche: first score minus last, averaged over the tasks before the last:
     * (.90-.40) + (.80-.85) + (.70-.30) = .85. */
    CHECK_NEAR(value("forgetting_first_last"), .85 / 3, 1e-15, 0);
    CHECK_NEAR(value("bwt"), -.85 / 3, 1e-15, 0);
    /* Mammoth and PyCIL: maximum of a task's column from when it is learned, last stage
     * included, minus the last: (.90-.40) + (.85-.85) + (.70-.30) = .90. */
    CHECK_NEAR(value("forgetting_max_all"), .90 / 3, 1e-15, 0);
    /* RWalk: maximum over stages 1..3: (.90-.40) + (.80-.85) + (.70-.30) = .85. */
    CHECK_NEAR(value("forgetting_rwalk"), .85 / 3, 1e-15, 0);
    /* TRACE: the sum of R[T][j] - R[j][j] over T: -.85 / 4. */
    CHECK_NEAR(value("bwt_t"), -.85 / 4, 1e-15, 0);
    /* RWalk's intransigence: (.92-.90) + (.88-.80) + (.75-.70) + (.90-.95) = .10, over 4. */
    CHECK_NEAR(value("intransigence"), .10 / 4, 1e-15, 0);
    /* GEM's forward transfer: (.40-.30) + (.15-.20) + (.10-.15) = 0. */
    CHECK_NEAR(value("fwt"), 0, 1e-15, 0);
    /* iCaRL: mean of .90, .70, .6333, .625. */
    CHECK_NEAR(value("aia"), (.90 + .70 + 1.9 / 3 + 2.5 / 4) / 4, 1e-15, 0);

    /* After stage 2 of the same run: k takes the place of T, later tasks do not count. */
    measure(matrix, 2, 4, joint);
    CHECK_NEAR(value("acc"), .70, 1e-15, 0);
    CHECK_NEAR(value("bwt"), -.30, 1e-15, 0);
    CHECK_NEAR(value("bwt_t"), -.15, 1e-15, 0);
    CHECK_NEAR(value("forgetting"), .30, 1e-15, 0);
    CHECK_NEAR(value("fwt"), .10, 1e-15, 0);
    CHECK_NEAR(value("intransigence"), .05, 1e-15, 0);
}

/* 400 rows each, half of them of one label: learned above .5 + 2 sqrt(.25 / 400) = .55.
 *            t1    t2    t3    t4
 *   1       .90   .40   .10   .20
 *   2       .60   .54   .15   .25
 *   3       .95   .50   .70   .10
 *   4       .40   .85   .30   .95                                                               */
static void only_of_what_was_learned(void **state)
{
    (void)state;
    const double cells[] = {.25, .30, .20, .15, .90, .40, .10, .20, .60, .54,
                            .15, .25, .95, .50, .70, .10, .40, .85, .30, .95};
    const double majority[] = {.5, .5, .4, .6}, error[] = {.025, .025, .025, .025};
    measure_against(cells, 4, 4, NULL, majority, error);
    CHECK_NEAR(value("majority"), .5, 1e-15, 0);
    CHECK_NEAR(value("learned_tasks"), 3, 0, 0);
    /* Task 2, which rose by .31 without having been learned, is not among them. */
    CHECK_NEAR(value("bwt_learned"), ((.40 - .90) + (.30 - .70)) / 2, 1e-15, 0);
    CHECK_NEAR(value("forgetting_learned"), ((.95 - .40) + (.70 - .30)) / 2, 1e-15, 0);
    CHECK_NEAR(value("bwt"), ((.40 - .90) + (.85 - .54) + (.30 - .70)) / 3, 1e-15, 0);

    /* After stage 3: the last task is one of those that are counted, and none that is averaged. */
    measure_against(cells, 3, 4, NULL, majority, error);
    CHECK_NEAR(value("majority"), 1.4 / 3, 1e-15, 0);
    CHECK_NEAR(value("learned_tasks"), 2, 0, 0);
    CHECK_NEAR(value("bwt_learned"), .95 - .90, 1e-15, 0);
    CHECK_NEAR(value("forgetting_learned"), .90 - .95, 1e-15, 0);

    /* After stage 2 one is learned. */
    measure_against(cells, 2, 4, NULL, majority, error);
    CHECK_NEAR(value("learned_tasks"), 1, 0, 0);
    is_null("bwt_learned", "not_learned");
    is_null("forgetting_learned", "not_learned");
    CHECK_NEAR(value("bwt"), .60 - .90, 1e-15, 0);

    measure_against(cells, 1, 4, NULL, majority, error);
    CHECK_NEAR(value("learned_tasks"), 1, 0, 0);
    is_null("bwt_learned", "first_stage");
    is_null("forgetting_learned", "first_stage");
}

/* As good as the border is not above it; a border of three values that are binary fractions. */
static void learned_is_strictly_above(void **state)
{
    (void)state;
    double cells[] = {0, 0, .75, 0, 0, .75};
    const double majority[] = {.5, .5}, error[] = {.125, .125};
    measure_against(cells, 2, 2, NULL, majority, error);
    CHECK_NEAR(value("learned_tasks"), 0, 0, 0);
    cells[2] = nextafter(.75, 1);
    measure_against(cells, 2, 2, NULL, majority, error);
    CHECK_NEAR(value("learned_tasks"), 1, 0, 0);
}

static void learned_is_unknown(void **state)
{
    (void)state;
    static const char *const of_learned[] = {"learned_tasks", "bwt_learned", "forgetting_learned"};
    const double cells[] = {0, 0, 0, .9, 0, 0, .8, .9, 0, .7, .8, .9};
    for (size_t c = 0; c < 9; c++) {
        double matrix[12], majority[] = {.5, .5, .5}, error[] = {.01, .01, .01};
        double *const values[] = {matrix + 3, majority, error};
        const size_t step = c / 3 == 0 ? 4 : 1;
        memcpy(matrix, cells, sizeof cells);
        values[c / 3][c % 3 * step] = c % 2 ? INFINITY : NAN;
        measure_against(matrix, 3, 3, NULL, majority, error);
        for (size_t i = 0; i < 3; i++) is_null(of_learned[i], "missing_cell");
        assert_true(isnan(metric("majority")->value) == (c / 3 == 1));
        /* What comes after the stage is not asked for. */
        if (c % 3 < 2) continue;
        measure_against(matrix, 2, 3, NULL, majority, error);
        CHECK_NEAR(value("learned_tasks"), 2, 0, 0);
        CHECK_NEAR(value("bwt_learned"), -.1, 1e-15, 0);
    }
    const double some[] = {.5, .5, .5};
    measure_against(cells, 3, 3, NULL, some, NULL);
    is_null("learned_tasks", "missing_cell");
    CHECK_NEAR(value("majority"), .5, 1e-15, 0);
    measure_against(cells, 3, 3, NULL, NULL, some);
    is_null("learned_tasks", "missing_cell");
    is_null("majority", "missing_cell");
    /* Of a learned task the score that is missing is one after it. */
    double matrix[12];
    memcpy(matrix, cells, sizeof cells);
    matrix[2 * 3] = NAN;
    const double error[] = {.01, .01, .01};
    measure_against(matrix, 3, 3, NULL, some, error);
    CHECK_NEAR(value("bwt_learned"), -.15, 1e-15, 0);
    is_null("forgetting_learned", "missing_cell");
}

/* Matrices on which Avalanche's, Mammoth's, PyCIL's, RWalk's, TRACE's, GEM's and iCaRL's own
 * bookkeeping was followed (reference/forgetting_reference.py). */
static void as_other_projects_count(void **state)
{
    (void)state;
    enum { MOST = 8 };
    double cells[(MOST + 1) * MOST], joint[MOST], majority[MOST], error[MOST];
    size_t tasks, matrices = 0, unlearned = 0;
    FILE *file = fopen("reference/data/forgetting.txt", "r");
    assert_non_null(file);
    for (; fscanf(file, "%zu", &tasks) == 1; matrices++) {
        assert_in_range(tasks, 2, MOST);
        for (size_t i = 0; i < (tasks + 1) * tasks; i++) cells[i] = number_in(file);
        for (size_t i = 0; i < tasks; i++) joint[i] = number_in(file);
        for (size_t i = 0; i < tasks; i++) majority[i] = number_in(file);
        for (size_t i = 0; i < tasks; i++) error[i] = number_in(file);
        measure_against(cells, tasks, tasks, joint, majority, error);
        for (size_t i = 0; i < WANE_FORGETTING_METRICS; i++) {
            double wanted = number_in(file);
            if (isnan(wanted)) is_null(metrics[i].name, "not_learned");
            else CHECK_NEAR(metrics[i].value, wanted, 1e-15, 0);
            unlearned += isnan(wanted);
        }
    }
    assert_in_range(unlearned, 4, 60);
    (void)fclose(file);
    assert_int_equal(matrices, 40);
}

static void undefined_is_null_with_a_reason(void **state)
{
    (void)state;
    const double matrix[] = {.25, .30, .90, .40};
    measure(matrix, 1, 2, NULL);
    CHECK_NEAR(value("acc"), .90, 0, 0);
    CHECK_NEAR(value("aia"), .90, 0, 0);
    CHECK_NEAR(value("learning_acc"), .90, 0, 0);
    const char *undefined[] = {"bwt",
                               "bwt_t",
                               "fwt",
                               "forgetting",
                               "forgetting_rwalk",
                               "forgetting_first_last",
                               "forgetting_max_all"};
    for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++)
        is_null(undefined[i], "first_stage");

    for (size_t i = 0; i < 2; i++) {
        measure(matrix, i ? 3 : 0, 2, NULL);
        for (size_t j = 0; j < WANE_FORGETTING_METRICS; j++) is_null(metrics[j].name, "bad_shape");
    }
}

/* A missing cell makes NULL the metrics that need it and no other. */
static void missing_cells(void **state)
{
    (void)state;
    static const struct {
        size_t stage, task;
        const char *null[6];
    } cases[] = {
        {0, 2, {"fwt"}},
        {0, 1, {NULL}},
        {1, 1, {"aia", "learning_acc", "bwt", "forgetting", "learned_tasks", "bwt_learned"}},
        {1, 2, {"fwt", "forgetting_rwalk"}},
        {1, 3, {NULL}},
        {2,
         1,
         {"aia", "forgetting", "forgetting_rwalk", "forgetting_max_all", "forgetting_learned"}},
        {3,
         3,
         {"acc", "aia", "learning_acc", "learned_tasks", "bwt_learned", "forgetting_learned"}},
        {3, 1, {"acc", "aia", "bwt", "bwt_t", "forgetting", "forgetting_first_last"}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double matrix[] = {.20, .10, .05, .80, .30, .25, .85, .70, .28, .75, .72, .90};
        matrix[cases[c].stage * 3 + cases[c].task - 1] = c % 2 ? INFINITY : NAN;
        measure(matrix, 3, 3, NULL);
        size_t expected = 0, found = 0;
        for (size_t i = 0; i < 6 && cases[c].null[i]; i++, expected++)
            is_null(cases[c].null[i], "missing_cell");
        for (size_t i = 0; i < WANE_FORGETTING_METRICS; i++)
            found += metrics[i].reason && strcmp(metrics[i].name, "intransigence") != 0;
        if (expected < 6) assert_int_equal(found, expected);
        is_null("intransigence", "no_joint_training");
    }
    const double matrix[] = {.2, .8};
    const double joint[] = {NAN};
    measure(matrix, 1, 1, joint);
    is_null("intransigence", "missing_cell");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_definitions_on_three_tasks),
        cmocka_unit_test(one_task_over_four_stages),
        cmocka_unit_test(arithmetic_of_other_projects),
        cmocka_unit_test(as_other_projects_count),
        cmocka_unit_test(only_of_what_was_learned),
        cmocka_unit_test(learned_is_strictly_above),
        cmocka_unit_test(learned_is_unknown),
        cmocka_unit_test(undefined_is_null_with_a_reason),
        cmocka_unit_test(missing_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
