/* SPDX-License-Identifier: Apache-2.0
 * Models that look words up: WordLevel (a word is a token or unknown) and WordPiece (a word is cut
 * into the longest token it begins with, and so on; what goes on a word begins with a prefix, "##";
 * a word that cannot be cut so, or is too long, is unknown). For this room alone.
 */
#ifndef TASKS_TEXT_WORD_MODELS_H
#define TASKS_TEXT_WORD_MODELS_H

#include "tasks/text/token_model.h"

extern const wane_token_model_kind wane_word_level_kind, wane_word_piece_kind;

#endif
