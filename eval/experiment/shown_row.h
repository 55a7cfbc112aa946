/* SPDX-License-Identifier: Apache-2.0
 * One measured row of a task as the model sees it, for people: the first whose text is cut, or the
 * first of all.
 */
#ifndef EVAL_EXPERIMENT_SHOWN_ROW_H
#define EVAL_EXPERIMENT_SHOWN_ROW_H

#include "eval/experiment/inputs.h"

/* All borrowed from the inputs. */
typedef struct wane_shown_row {
    const wane_task *task;
    const wane_row *row;
    size_t from, kept; /* bytes of row->text that are in the prompt */
    size_t lost;       /* tokens fewer than without the cut; 0: whole */
    const int32_t *ids;
    size_t count, most; /* tokens of the prompt, and how many it may have */
    const wane_label *label;
    /* Of the label, as they are scored; NULL and 0 where a head or a probe reads the state at the
     * last token, and no word of a label is. */
    const int32_t *label_ids;
    size_t label_count;
} wane_shown_row;

/* False for a task without rows. */
bool wane_shown_row_of(wane_shown_row *out, const wane_inputs *inputs, size_t task);

/* The row as one JSON object: "row" (in its split, from 0), "prompt" (as text, after the cut),
 * "tokens_cut", "cut_at" (the byte of the prompt where it is cut, or null), "tokens" ([{"id",
 * "token"}], special ones too, in the form of the vocabulary), "label", "class" (from 0, of
 * "classes"), "label_tokens" (the same as "tokens", or null). */
void wane_shown_row_json(wane_text *out, const wane_shown_row *shown,
                         const wane_tokenizer *tokenizer);

#endif
