/* SPDX-License-Identifier: Apache-2.0
 * The models of SentencePiece as its library runs them on a text that is normalized as a whole. For
 * this room alone.
 *
 * Source: bpe_model.cc, unigram_model.cc and sentencepiece_processor.cc of sentencepiece 0.2.
 * BPE: the two neighbours that make the piece of the best score are merged, the leftmost of equal
 * ones, until none make a piece. There is no list of merges: any two whose text is a piece may be
 * merged. A user-defined piece stands whole and is not merged; an unused one is cut again into the
 * two it was merged from.
 * Unigram: of all ways to cut the text the one whose scores sum to the most, in single precision
 * from the left; a user-defined piece scores -0.1, an unknown character 10 less than the least; an
 * unused piece is none.
 * Of both: no text becomes a control, unknown or byte piece; what is unknown becomes its bytes, or
 * the unknown piece, once for those side by side.
 *
 * The two values of "type" are of wane's own making (document.h), no tokenizer.json has them.
 * Members: "vocab"; "scores", of each id; "kinds", a string with a digit for each id
 * (wane_piece_kind); "unk_token"; "byte_fallback".
 */
#ifndef TASKS_TEXT_PIECE_MODELS_H
#define TASKS_TEXT_PIECE_MODELS_H

#include "store/base/status.h"
#include "tasks/text/token_model.h"
#include "tasks/text/token_tree.h"

#define WANE_PIECES_BPE "SentencePieceBPE"
#define WANE_PIECES_UNIGRAM "SentencePieceUnigram"
extern const wane_token_model_kind wane_piece_merges_kind, wane_piece_ways_kind;

/* For the two. */

typedef struct wane_piece_table {
    float *scores;        /* by id */
    unsigned char *kinds; /* by id; wane_piece_kind */
} wane_piece_table;
extern const char *const wane_piece_keys[];

/* Reads the model's vocabulary and the table; free with wane_piece_table_free, also on failure. */
WANE_MUST_CHECK wane_status wane_piece_table_read(wane_piece_table *out, wane_token_model *model,
                                                  const wane_json *json, const wane_json_part *part,
                                                  wane_error *err);
void wane_piece_table_free(wane_piece_table *table); /* {0} allowed */
/* The pieces as a tree, or the user-defined alone: those that a text may become. Empty (count 0)
 * when there are none. */
WANE_MUST_CHECK wane_status wane_piece_tree_make(wane_token_tree *out,
                                                 const wane_token_model *model,
                                                 const wane_piece_table *table, bool user_alone,
                                                 const wane_json_part *part, wane_error *err);
/* Appends what an unknown text becomes; *before: whether it is unknown's neighbour on its left. */
WANE_MUST_CHECK wane_status wane_piece_unknown(const wane_token_model *model, const char *text,
                                               size_t bytes, bool *before, wane_tokens *out,
                                               wane_error *err);

#endif
