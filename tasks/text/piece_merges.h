/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's BPE: the characters of a text, then the two neighbours that make the piece of the
 * best score are merged, the leftmost of equal ones, until none make a piece. There is no list of
 * merges: any two neighbours whose text is a piece may be merged. For this room alone.
 *
 * Source: bpe_model.cc of sentencepiece 0.2. A user-defined piece stands whole and is not merged;
 * an unused one is cut again into the two it was merged from; unknown ones side by side are one.
 *
 * Its "type" is of wane's own making (document.h), no tokenizer.json has it. Members: "vocab";
 * "ranks", of each id its place by score from the best on, equal scores having one place, or -1
 * where no text becomes it (control, unknown, byte); "whole" and "unused", lists of ids;
 * "unk_token"; "byte_fallback".
 */
#ifndef TASKS_TEXT_PIECE_MERGES_H
#define TASKS_TEXT_PIECE_MERGES_H

#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_piece_merges_kind;

#endif
