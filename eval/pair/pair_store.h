/* SPDX-License-Identifier: Apache-2.0
 * A comparison as rows of a database, kept as they are found: killed at any moment, the same call
 * goes on and leaves the rows of one that was not.
 *
 * The base is stage 0 and the tuned checkpoint a given stage of the one run TUNED/given/s0, of the
 * experiment NAME@KEY named by the base. Their spectra are one cell, which grows by the matrices
 * that are found together, each time in a transaction of its own. While matrices are missing the
 * run is `running` and its stage `planned`, and totals say of how many matrices they are; a part of
 * a cell has the settings of just its matrices. What is there is taken as it is if its rows are
 * those that were sealed and answer the question: the same call again finds nothing anew and
 * changes nothing, one on fewer matrices neither, one on more goes on from them. Otherwise it is
 * replaced.
 */
#ifndef EVAL_PAIR_PAIR_STORE_H
#define EVAL_PAIR_PAIR_STORE_H

#include "eval/pair/spectra_of_pair.h"

/* The question as a database wants it: both sides, at least 32 directions. */
void wane_pair_store_widen(wane_pair_question *question);

typedef struct wane_pair_store wane_pair_store;

/* Opens the database (made if missing) for this pair and this question, both borrowed, and waits
 * until no other process is at work on the same pair there. Free with wane_pair_store_close (NULL
 * allowed). */
WANE_MUST_CHECK wane_status wane_pair_store_open(wane_pair_store **out, const char *path,
                                                 const wane_comparison *comparison,
                                                 const wane_pair_question *question, size_t threads,
                                                 wane_error *err);
/* For question.keeper; borrowed until close. */
const wane_pair_keeper *wane_pair_store_keeper(const wane_pair_store *store);
/* All are found, and kept: seals stages and run. */
WANE_MUST_CHECK wane_status wane_pair_store_seal(wane_pair_store *store,
                                                 const wane_pair_spectra *spectra, wane_error *err);
void wane_pair_store_close(wane_pair_store *store);

#endif
