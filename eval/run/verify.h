/* SPDX-License-Identifier: Apache-2.0
 * Whether a results database and the files beside it are as they were when they were written.
 *
 * Every cell's rows and every sealed row against their hashes, every artifact against its own,
 * every total from its rows. Hashes stand in the same file as the rows: they tell damage and
 * careless changes, and not a forger who rewrites both. Against one, only measuring again helps.
 */
#ifndef EVAL_RUN_VERIFY_H
#define EVAL_RUN_VERIFY_H

#include "eval/run/run.h"
#include "store/results/hashes.h"

typedef struct wane_verified {
    int64_t cells, cells_unsealed, rows; /* unsealed: written by a wane that kept no hashes */
    int64_t totals;                      /* of spectra, computed again */
    int64_t seals, seals_unsealed;       /* parts of stages and runs */
    int64_t metrics;                     /* computed again from their rows */
    int64_t artifacts, artifacts_gone;
    int64_t unexpected;       /* files in the artifacts folder that no row names */
    int64_t again, not_again; /* measured again; could not be: weights are not on disk any more */
    int64_t otherwise;        /* asked for under other settings than theirs */
    int64_t found;
} wane_verified;

typedef struct wane_verifying {
    wane_results *db; /* opened for reading */
    void *context;
    wane_found_function found; /* what is wrong, and where: "cell", "stage", ... */
    wane_found_function
        unexpected; /* a file that no row names: nothing is wrong with the results */
    wane_verified count;
} wane_verifying;

/* Errors are those that keep it from looking further (memory, another process at work); damage is
 * found, not an error. Nothing is written. */
WANE_MUST_CHECK wane_status wane_verify(wane_verifying *v, wane_error *err);

/* Measures `cells` cells of sealed stages again, drawn by the seed among those of the plan, in a
 * copy of the database in a folder of its own beside it (hard links for its artifacts), and
 * compares them bit by bit: rows that a forger has put under hashes of their own are found so.
 * `like`: threads, log and stop. WANE_EINVAL when the plan's experiment is not finished; what
 * wane_run refuses (other kernels, another experiment of that name) is refused. */
WANE_MUST_CHECK wane_status wane_verify_again(wane_verifying *v, wane_plan *plan, size_t cells,
                                              uint64_t seed, const wane_run_options *like,
                                              wane_error *err);

#endif
