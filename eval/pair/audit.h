/* SPDX-License-Identifier: Apache-2.0
 * What `wane audit` says of a base and what was tuned on it: one screen and a verdict, whatever the
 * number of matrices.
 */
#ifndef EVAL_PAIR_AUDIT_H
#define EVAL_PAIR_AUDIT_H

#include "eval/pair/spectra_of_pair.h"
#include "eval/pair/tensor_changes.h"
#include "eval/pair/tokenizers_compared.h"

/* Some of the tensors, summed up; sums are NaN where one is not finite. */
typedef struct wane_audit_part {
    size_t tensors, changed, not_finite;
    double base_square, delta_square;
    double moved_square; /* base_square of the changed ones */
    double floor_square; /* of the rounding floors of the changed ones */
    size_t near;         /* changed tensors whose change is within 10 rounding floors */
    size_t exact;        /* changed tensors that have no floor */
    /* Of its changed matrices, side u. */
    size_t existing, unresolved, intruders;
    double null;  /* mean of the random updates; NaN where none were drawn */
    double ranks; /* sum of effective ranks, over so many matrices: */
    size_t ranked;
} wane_audit_part;

/* A row of the table: a module of the layers ("q_proj"), or a kind of tensors. */
typedef struct wane_audit_group {
    const char *name; /* borrowed from the comparison, or a constant */
    wane_tensor_kind kind;
    wane_audit_part part;
} wane_audit_group;

typedef struct wane_audit_layer {
    long number;
    wane_audit_part part;
} wane_audit_layer;

typedef enum wane_audit_kind {
    WANE_AUDIT_NOT_FINITE, /* a value of a side is NaN or infinite */
    WANE_AUDIT_UNCHANGED,
    WANE_AUDIT_ROUNDING,  /* every changed tensor is as far as rounding alone makes, or less */
    WANE_AUDIT_UNRELATED, /* the matrices point elsewhere: hardly what was tuned */
    WANE_AUDIT_CHANGED
} wane_audit_kind;

/* Start with {0}; what stands before `kind` is the caller's to fill and to free. */
typedef struct wane_audit {
    wane_comparison comparison;
    wane_pair_question question;
    wane_tensor_changes changes;
    wane_pair_spectra spectra;
    wane_tokenizers_compared tokenizers;
    bool computed; /* wane_config_is_computed, of the base: its likelihood can be measured */
    wane_audit_kind kind;
    size_t group_count, layer_count;
    wane_audit_group *group; /* attention first; owned */
    wane_audit_layer *layer; /* by number; owned */
    wane_audit_part *cell;   /* [group * layer_count + layer]; owned */
    wane_audit_part all;
    size_t counted; /* matrices that changed and are finite */
    double cosine;  /* of the matrices of both, as one vector each; NaN where W is nowhere whole */
} wane_audit;

/* Sums up what comparison, changes and spectra say. */
WANE_MUST_CHECK wane_status wane_audit_sum_up(wane_audit *audit, wane_error *err);
void wane_audit_free(wane_audit *audit); /* what sum_up made */

/* ||dW|| / ||W_0|| of a part, over all of its tensors and over those that changed; NaN for a base
 * that is 0, but 0 where nothing changed. */
double wane_audit_relative(const wane_audit_part *part);
double wane_audit_moved(const wane_audit_part *part);
/* ||dW|| over the norm that rounding alone makes; NaN where nothing was rounded. */
double wane_audit_floors(const wane_audit_part *part);
/* The layer that moved most by wane_audit_moved, and the median of the layers; false without. */
bool wane_audit_layers_moved(const wane_audit *audit, size_t *most, double *median);

/* The sentence, with no more certainty than the numbers carry. */
void wane_audit_write_verdict(wane_text *out, const wane_audit *audit);

void wane_audit_write_page(wane_text *out, const wane_audit *audit);
void wane_audit_write_json(wane_text *out, const wane_audit *audit);

#endif
