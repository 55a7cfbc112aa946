/* SPDX-License-Identifier: Apache-2.0
 * Unigram, the model of SentencePiece's of that name: of all ways to cut a word into tokens the
 * one whose scores sum to the most. For this room alone.
 *
 * Source: encode_optimized of the `tokenizers` library. Sums run from the left in double, a later
 * way replaces an earlier one when it is greater, a character without a token of its own counts
 * as the unknown token at the least score less 10, unknown ones side by side are one text.
 */
#ifndef TASKS_TEXT_UNIGRAM_H
#define TASKS_TEXT_UNIGRAM_H

#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_unigram_kind;

#endif
