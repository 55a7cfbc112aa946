/* SPDX-License-Identifier: Apache-2.0
 * A made-up experiment of any size, each of whose numbers is a pure function of where it stands, so
 * that a test can say what every view must show.
 */
#ifndef TESTS_UNIT_RESULTS_SAMPLE_H
#define TESTS_UNIT_RESULTS_SAMPLE_H

#include <stdint.h>

#include "store/results/results.h"

enum { SAMPLE_MOST = 64, SAMPLE_RUNS = 4096 };

/* Tasks 0..tasks-1 are trained on; the `watched` ones behind them are not. Corpus 0 has the role
 * pretraining. */
typedef struct sample_shape {
    int methods, orders, seeds, tasks, watched, corpora, matrices, top;
    const char *experiment; /* its name; NULL: "e" */
} sample_shape;

typedef struct sample {
    sample_shape shape;
    const char *experiment;
    int64_t model, task[SAMPLE_MOST], corpus[SAMPLE_MOST], matrix[SAMPLE_MOST];
    int64_t experiment_id, base, run[SAMPLE_RUNS];
    int64_t *stage; /* run * (tasks + 1) + position; free with free() */
} sample;

int sample_runs(const sample_shape *shape); /* run = (method * orders + order) * seeds + seed */

/* The task (from 0) trained at `position` (from 1) of an order. */
int sample_task_at(const sample_shape *shape, int order, int position);

double sample_accuracy(int run, int position, int task);
double sample_nll(int run, int position, int corpus);
double sample_unigram_entropy(int corpus); /* V of the model is 100 */
double sample_sigma(int run, int position, int matrix, int direction);
double sample_cosine(int run, int position, int matrix, int direction, int side);

/* Each ends the program with the error's line when something fails. */
/* A new database with the plan (sample_filled: and everything else); and the end of both. */
wane_results *sample_open(sample *out, const char *path, const sample_shape *shape);
wane_results *sample_filled(sample *out, const char *path, const sample_shape *shape);
void sample_close(wane_results *db, sample *s);
/* The plan alone, into a database that is there; *out begins as {0}, and sample_close(NULL, out)
 * frees what it keeps. */
void sample_plan(wane_results *db, sample *out, const sample_shape *shape, const char *experiment);
void sample_cells(wane_results *db, const sample *s, int run, int position); /* all of a stage */
void sample_score_cell(wane_results *db, const sample *s, int run, int position, int task);
void sample_seal(wane_results *db, const sample *s, int run); /* stages, metrics, gate, status */
void sample_fill(wane_results *db, const sample *s);          /* everything, for every run */

/* The metric of a run by the textbook, after `position` stages: acc, bwt, forgetting. */
double sample_metric(const sample_shape *shape, int run, int position, const char *name);

#endif
