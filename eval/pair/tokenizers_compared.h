/* SPDX-License-Identifier: Apache-2.0
 * Whether the tokenizers of two checkpoints give an id the same token.
 */
#ifndef EVAL_PAIR_TOKENIZERS_COMPARED_H
#define EVAL_PAIR_TOKENIZERS_COMPARED_H

#include "eval/pair/checkpoint.h"

typedef struct wane_tokenizers_compared {
    bool both;        /* each side has a tokenizer that could be read */
    size_t size[2];   /* highest id + 1 */
    size_t differ;    /* ids below both sizes that stand for other tokens */
    long first;       /* the first of these, or the first that one side alone has; -1: none */
    char token[64];   /* what it stands for in the tuned, else in the base */
    size_t rows;      /* of the tuned embedding (of an adapter's base); 0: none was found */
    char reason[200]; /* why they were not compared though both have one; "" otherwise */
} wane_tokenizers_compared;

/* Reads the tokenizers of both; neither is needed. An adapter's is the one that lies with it. */
WANE_MUST_CHECK wane_status wane_tokenizers_compare(wane_tokenizers_compared *out,
                                                    const wane_comparison *comparison,
                                                    wane_error *err);
/* Whether there is something to say. */
bool wane_tokenizers_differ(const wane_tokenizers_compared *compared);
/* The line "tokenizer", where there is something to say. */
void wane_tokenizers_write(wane_text *out, const wane_tokenizers_compared *compared);
/* "tokenizer": {...}; null where not both have one. */
void wane_tokenizers_write_json(wane_text *out, const wane_tokenizers_compared *compared);

#endif
