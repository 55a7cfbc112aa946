/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's models (tokenizer.model, spiece.model, sentencepiece.bpe.model): what the file
 * says, checked as the library does. For this room alone.
 *
 * Source: sentencepiece_model.proto and model_interface.cc of sentencepiece 0.2. The types BPE and
 * Unigram are read; WORD and CHAR, and a dummy prefix at the end (treat_whitespace_as_suffix), are
 * refused by name.
 */
#ifndef TASKS_TEXT_SENTENCEPIECE_H
#define TASKS_TEXT_SENTENCEPIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"

typedef enum wane_piece_kind {
    WANE_PIECE_NORMAL = 1,
    WANE_PIECE_UNKNOWN,
    WANE_PIECE_CONTROL, /* never from text */
    WANE_PIECE_USER,    /* from text as it stands, never cut or merged */
    WANE_PIECE_UNUSED,  /* may stand between others, but is cut into those it was merged from */
    WANE_PIECE_BYTE
} wane_piece_kind;

/* Control and user-defined pieces of a model at most: what a file of a few bytes each may ask for.
 */
enum { WANE_MOST_SPECIAL_PIECES = 1 << 16 };

/* Whether a text may become such a piece; `user_alone`: whether it is user-defined. */
static inline bool wane_piece_from_text(int kind, bool user_alone)
{
    return kind == WANE_PIECE_USER ||
           (!user_alone && (kind == WANE_PIECE_NORMAL || kind == WANE_PIECE_UNUSED));
}

typedef struct wane_sentence_piece {
    const char *text; /* sound UTF-8 without NUL, not empty; not NUL-terminated */
    size_t bytes;
    float score; /* finite */
    wane_piece_kind kind;
} wane_sentence_piece;

typedef struct wane_sentencepiece {
    wane_sentence_piece *pieces; /* by id; texts are borrowed */
    size_t count, room;
    bool unigram; /* else BPE */
    bool byte_fallback, dummy_prefix, remove_spaces, escape_spaces;
    const unsigned char *charsmap; /* borrowed; NULL: none */
    size_t charsmap_bytes;
    int32_t unknown, bos, eos; /* ids of pieces; bos, eos -1: none */
} wane_sentencepiece;

/* From the bytes of a file, which the result borrows; `file` is what messages call it. Start with
 * {0}, free with wane_sentencepiece_free, also on failure. */
WANE_MUST_CHECK wane_status wane_sentencepiece_read(wane_sentencepiece *out, const char *bytes,
                                                    size_t count, const char *file,
                                                    wane_error *err);
/* Whether the pieces are sound: texts, scores, kinds, one unknown piece, every byte if
 * byte_fallback is on; sets `unknown`. For what makes pieces from another file. */
WANE_MUST_CHECK wane_status wane_sentencepiece_check(wane_sentencepiece *model, const char *file,
                                                     wane_error *err);
void wane_sentencepiece_free(wane_sentencepiece *model); /* {0} allowed */

#endif
