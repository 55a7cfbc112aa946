/* SPDX-License-Identifier: Apache-2.0
 * What decides the last bits on this machine.
 */
#ifndef EVAL_COMPUTE_ENVIRONMENT_H
#define EVAL_COMPUTE_ENVIRONMENT_H

#include "store/results/results.h"

/* The version of all numbers: part of every training key, raised by any change that alters bits. */
#define WANE_NUMBERS "1"

/* Texts of the row are constants or live beside it, so it must not be copied. */
typedef struct wane_environment {
    wane_environment_row row;
    char cpu[128], system[256], features[128];
} wane_environment;
void wane_environment_read(wane_environment *out, int threads, int jobs);

#endif
