/* SPDX-License-Identifier: Apache-2.0
 * Looking at one matrix of each run: which one is meant, after which stage, and the runs whose rows
 * come one behind the other. For rise.c and base_overlap.c alone.
 */
#ifndef ANALYSIS_REPORT_LOOKS_H
#define ANALYSIS_REPORT_LOOKS_H

#include "analysis/report/report.h"

enum { WANE_LOOKS_RUNS = 12 };

/* The state of both reports. */
typedef struct wane_looks {
    const char *matrix; /* its full name */
    const char *side;   /* "u" or "v" */
    const char *stage;  /* "stage 2", "the last stage" */
    size_t position;    /* of the stage; 0: the last of each run */
    double epsilon;     /* below it a direction is an intruder */
    const char *run[WANE_LOOKS_RUNS];
    size_t runs;
} wane_looks;

/* Makes r->state. `matrices` selects the names of those that have rows; `setting` of an experiment
 * file asks for them. WANE_ENOTFOUND when --matrix names none of them, WANE_EINVAL when several. */
WANE_MUST_CHECK wane_status wane_looks_open(wane_reporting *r, const char *matrices,
                                            const char *setting, wane_error *err);

/* Takes the run of the row at hand (its second column): WANE_OK where it is a new one, WANE_DONE
 * where it is that of the row before, WANE_EINVAL for more than WANE_LOOKS_RUNS. */
WANE_MUST_CHECK wane_status wane_looks_take_run(const wane_reporting *r, const wane_query *row,
                                                wane_error *err);

#endif
