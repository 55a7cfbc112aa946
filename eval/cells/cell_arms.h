/* SPDX-License-Identifier: Apache-2.0
 * Interventions on a sealed stage: its weights changed by one arm, measured on everything the
 * experiment measures. What the arms are: analysis/spectra. For this room alone.
 *
 * Which matrices. A matrix without intruders is left alone by every arm. An arm at one choice and
 * lambda changes the matrices where it and `intruders` exist, and is held against `intruders` on
 * just these (compare: pairs); or every arm changes only the matrices where all of the experiment's
 * arms exist (compare: together). Either way the arms that are compared have changed the same
 * matrices, and every row says how many. Mostly it is `energy` that is out of reach somewhere:
 * under `together` it then decides for all arms, and for another set at every lambda.
 */
#ifndef EVAL_CELLS_CELL_ARMS_H
#define EVAL_CELLS_CELL_ARMS_H

#include "analysis/spectra/interventions.h"
#include "eval/cells/cell.h"
#include "eval/measure/measure.h"

/* Everything measured under one set of weights; arrays over corpora and tasks, entries of tasks not
 * measured here, or without a score, are empty. */
typedef struct wane_evaluation {
    wane_arm arm;
    wane_choice choice;
    double lambda;
    bool *matrix; /* per parameter: changed */
    wane_likelihood *likelihood;
    wane_accuracy *accuracy;
} wane_evaluation;

/* What is known of a stage while its interventions are measured. */
typedef struct wane_intervening {
    int64_t stage;
    wane_scaling **scaling;    /* per parameter; NULL where it is no linear weight */
    bool finite;               /* false: a linear weight is not, there are no arms and no scaling */
    wane_model *model;         /* the stage's weights, changed and put back */
    wane_evaluation unchanged; /* the stage itself, from its cells */
    wane_evaluation **done;    /* each is measured once */
    size_t count, capacity;
} wane_intervening;

/* work->intervening for the stage at `position`, whose likelihood and score cells are there. */
WANE_MUST_CHECK wane_status wane_intervening_begin(wane_work *work, const wane_plan_run *run,
                                                   size_t position, const wane_chain *chain,
                                                   wane_error *err);
void wane_intervening_free(wane_work *work);

/* set[parameter]: whether the arm changes it, by the rule above; *count of them. *with = how many
 * have intruders; *why = the arm's commonest reason not to exist where there are some (constant).
 */
void wane_intervening_set(bool *set, size_t *count, size_t *with, const char **why,
                          const wane_work *work, wane_choice choice, wane_arm arm, double lambda);

/* Measures the arm on the matrices of `set`, or finds it measured. Borrowed until the next begin or
 * free. */
WANE_MUST_CHECK wane_status wane_intervening_measure(const wane_evaluation **out, wane_work *work,
                                                     const wane_plan_run *run, size_t position,
                                                     const wane_chain *chain, const bool *set,
                                                     wane_choice choice, wane_arm arm,
                                                     double lambda, wane_error *err);

#endif
