/* SPDX-License-Identifier: Apache-2.0
 * A small experiment, run once for all tests of a program, and held to be the same however it is
 * run.
 */
#ifndef TESTS_UNIT_STAGES_SMALL_RUN_H
#define TESTS_UNIT_STAGES_SMALL_RUN_H

#include <stdint.h>

/* A scratch folder, the experiment's file in it, and once.db of one thread. For set-up. */
int small_run_make(void **state, const char *experiment);

/* A whole number of once.db. */
int64_t small_run_ask(const char *sql);

/* With so many threads, and killed at random moments until it is done: the same rows. */
void small_run_check(const char *threads);

#endif
