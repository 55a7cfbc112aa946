/* SPDX-License-Identifier: Apache-2.0
 * What the commands on two checkpoints say of both sides and of names.
 */
#ifndef EVAL_PAIR_PAIR_PAGE_H
#define EVAL_PAIR_PAIR_PAGE_H

#include "analysis/report/page.h"
#include "eval/pair/spectra_of_pair.h"

/* Messages to stderr. */
extern const wane_log wane_compare_log;

/* Beside a CSV of matrices: on stderr, in which settings the two config.json differ. */
void wane_compare_tell_settings(const wane_comparison *comparison);

/* The lines "base" and "tuned"; `numbers`: with how many of them are compared. */
void wane_compare_write_sides(wane_text *out, const wane_comparison *comparison, bool numbers);
/* "base": {...}, "tuned": {...}. merge_difference: a member of an adapter's; NULL: not known. */
void wane_compare_write_sides_json(wane_text *out, const wane_comparison *comparison,
                                   const double *merge_difference);

/* Lines on a tie, on resized vocabularies, on tensors of one side alone and on such without real
 * numbers; of names at most `most`. Nothing where all is paired. */
void wane_compare_write_unmatched(wane_text *out, const wane_comparison *comparison, size_t most);
/* What a total is without, "without 1 tensor of the base, 16 rows of the tuned"; nothing where all
 * is compared. For the place beside the total. */
void wane_compare_write_left_out(wane_text *out, const wane_comparison *comparison);
/* "only_base": [...], "only_tuned": [...], "tie": ..., "resized": [...] */
void wane_compare_write_unmatched_json(wane_text *out, const wane_comparison *comparison);

#endif
