/* SPDX-License-Identifier: Apache-2.0
 * The identity of singular directions over a sequence of looks at one weight, so that the rise of
 * an intruder can be followed.
 */
#ifndef ANALYSIS_SPECTRA_TRACE_H
#define ANALYSIS_SPECTRA_TRACE_H

#include <stdint.h>

#include "analysis/spectra/spectrum.h"

/* Direction j of a look is direction i of the look before when |<u_j, u_i>| |<v_j, v_i>| > 1/2. By
 * Cauchy and Schwarz the products of one direction with all of the other look add up to at most 1:
 * no direction is ever two others. What is none of those before gets a new identity, also when it
 * had one at an earlier look. A direction that does not exist (spectrum.h) has none. */
#define WANE_TRACE_OVERLAP 0.5

/* The last look: `count` directions in fp32, u rows x count and v cols x count by columns. {0} is
 * no look yet, with identities from 1 on. */
typedef struct wane_trace {
    size_t count, rows, cols;
    float *u, *v;
    int64_t *identity; /* of each, from 1; 0: it does not exist */
    int64_t issued;    /* identities given so far */
} wane_trace;

/* Room for `count` directions; `issued` of what was there stays. Free with wane_trace_free. */
WANE_MUST_CHECK wane_status wane_trace_room(wane_trace *trace, size_t count, size_t rows,
                                            size_t cols, wane_error *err);

/* Takes a spectrum with vectors as the next look at a weight of rows x cols; afterwards
 * trace->identity tells its directions. On failure the trace is as it was. */
WANE_MUST_CHECK wane_status wane_trace_follow(wane_trace *trace, const wane_spectrum *spectrum,
                                              size_t rows, size_t cols, wane_error *err);
void wane_trace_free(wane_trace *trace); /* {0} allowed */

#endif
