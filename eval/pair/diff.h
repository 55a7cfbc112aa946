/* SPDX-License-Identifier: Apache-2.0
 * What `wane diff` finds between a base and a tuned model, and how it is told.
 */
#ifndef EVAL_PAIR_DIFF_H
#define EVAL_PAIR_DIFF_H

#include "eval/pair/models.h"
#include "eval/pair/spectra_of_pair.h"
#include "eval/pair/tensor_changes.h"

/* The tensors of one kind. */
typedef struct wane_diff_group {
    const char *name; /* "attention", ...; a constant */
    size_t tensors, changed;
    double base_square, delta_square; /* sums of squares; NaN where a value is not finite */
} wane_diff_group;

enum { WANE_DIFF_GROUPS = WANE_TENSOR_KINDS };

typedef struct wane_diff_corpus {
    wane_text_data text;
    wane_likelihood before, after;
    double change_stderr;  /* paired by document; NaN for one document */
    const char *kl_reason; /* why there is no KL; NULL where there is; a constant */
} wane_diff_corpus;

typedef struct wane_diff_task {
    wane_task_data data;
    wane_accuracy before, after;
    const char *reason; /* WANE_NOT_FINITE when a side has no score: the three below are 0, NaN */
    size_t only_before, only_after; /* examples that exactly one of the two got right */
    double p;                       /* exact McNemar */
} wane_diff_task;

/* Start with {0}; free with wane_diff_free. */
typedef struct wane_diff {
    wane_comparison comparison;
    wane_pair pair; /* the two as models; base NULL where none is needed or can be made */
    wane_pool *pool;
    wane_pair_question question;
    double merge_difference; /* NaN where it is no adapter on a model, or was not looked at: */
    double merge_bytes;      /* what both models would take, too much for that alone; else 0 */
    wane_diff_group group[WANE_DIFF_GROUPS];
    wane_tensor_changes changes;
    wane_pair_spectra spectra;
    wane_diff_corpus *corpus; /* NULL when none was asked for; owned */
    size_t task_count;
    wane_diff_task *task; /* owned */
} wane_diff;

void wane_diff_free(wane_diff *diff);

/* WANE_ENUMERIC, naming the first tensor, text or task that is not finite on a side; else OK. */
WANE_MUST_CHECK wane_status wane_diff_finite(const wane_diff *diff, wane_error *err);

void wane_diff_write_page(wane_text *out, const wane_diff *diff);
void wane_diff_write_json(wane_text *out, const wane_diff *diff);

#endif
