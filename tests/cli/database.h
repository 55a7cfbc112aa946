/* SPDX-License-Identifier: Apache-2.0
 * An experiment with fixed numbers, all exact in binary, for golden output.
 */
#ifndef TESTS_CLI_DATABASE_H
#define TESTS_CLI_DATABASE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/results/results.h"

/* Ends the program with the error's line when a call fails. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        wane_error err = {0};                                                                      \
        if ((call) != WANE_OK) {                                                                   \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, err.message);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum {
    FIXTURE_TASKS = 4,
    FIXTURE_TRAINED = 3, /* the others are watched */
    FIXTURE_CORPORA = 2,
    FIXTURE_MATRICES = 2,
    FIXTURE_CONFIGS = 8,
    FIXTURE_ORDERS = 2,
    FIXTURE_SEEDS = 2,
    FIXTURE_RUNS = FIXTURE_CONFIGS * FIXTURE_ORDERS * FIXTURE_SEEDS
};

typedef struct fixture {
    wane_results *db; /* of the caller */
    const char *experiment;
    bool limited;
    int64_t model, id, base, task[FIXTURE_TASKS], corpus[FIXTURE_CORPORA], matrix[FIXTURE_MATRICES];
    int64_t run[FIXTURE_RUNS], stage[FIXTURE_RUNS][FIXTURE_TRAINED + 1];
} fixture;

void fixture_plan(fixture *f, int runs);
/* Everything of one run; unless `good`, a few runs end badly (see database.c). */
void fixture_fill(const fixture *f, int run, bool good);
/* What rarer charts are of, in the last stage of a filled run: looks while it trains, the overlap
 * of a matrix with the base, interventions. */
void fixture_fill_charts(const fixture *f, int run);

#endif
