/* SPDX-License-Identifier: Apache-2.0
 * The models: byte-pair encoding by ranked merges, and WordLevel (a word is a token or unknown).
 * For this room alone.
 */
#ifndef TASKS_TEXT_BPE_H
#define TASKS_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "tasks/text/json_part.h"
#include "tasks/text/tokenizer.h"
#include "tasks/text/vocabulary.h"

enum { WANE_DIRECT_CODES = 0x3000 }; /* code points whose token is in a table */

typedef struct wane_merge {
    int32_t left, right, result; /* left < 0: a merge that a later one of its pair replaces */
} wane_merge;

typedef struct wane_bpe {
    wane_vocabulary vocabulary;
    bool word_level;
    bool fuse_unknown, byte_fallback, ignore_merges;
    const char *unknown, *prefix, *suffix; /* NULL: none */
    size_t unknown_bytes, prefix_bytes, suffix_bytes;
    int32_t unknown_id;   /* -1: none, or named but not in the vocabulary */
    int32_t byte_id[256]; /* of "<0xNN>", or -1 */
    int32_t *direct;      /* WANE_DIRECT_CODES ids or -1; NULL with a prefix or suffix */
    wane_merge *merges;   /* by rank */
    size_t merge_count;
    struct wane_pair *pairs; /* open addressing: a pair's merge */
    size_t pair_mask;
} wane_bpe;

WANE_MUST_CHECK wane_status wane_bpe_read(wane_bpe *out, const wane_json *json,
                                          const wane_json_part *part, wane_error *err);
void wane_bpe_free(wane_bpe *model); /* {0} allowed */

/* Memory that encoding one word after another reuses; start with {0}. */
typedef struct wane_bpe_scratch {
    struct wane_symbol *symbols;
    uint64_t *heap;
    size_t symbol_capacity, heap_capacity;
} wane_bpe_scratch;
void wane_bpe_scratch_free(wane_bpe_scratch *scratch);

/* Appends the ids of one word. O(n log n) in its length. */
WANE_MUST_CHECK wane_status wane_bpe_encode(const wane_bpe *model, const char *word, size_t bytes,
                                            wane_bpe_scratch *scratch, wane_tokens *out,
                                            wane_error *err);

#endif
