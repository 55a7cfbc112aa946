/* SPDX-License-Identifier: Apache-2.0
 * Models that look words up: WordLevel (a word is a token or unknown) and WordPiece (a word is cut
 * into the longest token it begins with, and so on; what goes on a word begins with a prefix, "##";
 * a word that cannot be cut so, or is too long, is unknown). For this room alone.
 */
#ifndef TASKS_TEXT_WORD_MODELS_H
#define TASKS_TEXT_WORD_MODELS_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_word_level_kind, wane_word_piece_kind;

/* Makes `model`, whose vocabulary and unknown token are set, a WordLevel. */
void wane_word_level_make(wane_token_model *model);
/* Or a WordPiece: `prefix` of what goes on a word; words of more than `longest` code points are
 * unknown. */
WANE_MUST_CHECK wane_status wane_word_piece_make(wane_token_model *model, const char *prefix,
                                                 size_t prefix_bytes, int64_t longest,
                                                 const wane_json_part *part, wane_error *err);

#endif
