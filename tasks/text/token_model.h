/* SPDX-License-Identifier: Apache-2.0
 * The models: from the text of a word to token ids. Each kind is a file of its own (bpe.h,
 * piece_models.h, word_models.h, unigram.h). For this room alone.
 */
#ifndef TASKS_TEXT_TOKEN_MODEL_H
#define TASKS_TEXT_TOKEN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "tasks/text/json_part.h"
#include "tasks/text/tokenizer.h"
#include "tasks/text/vocabulary.h"

typedef struct wane_token_model {
    const struct wane_token_model_kind *kind;
    wane_vocabulary vocabulary;
    const char *unknown; /* the unknown token, in the arena; NULL: none */
    size_t unknown_bytes;
    int32_t unknown_id;   /* -1: none, or named but not in the vocabulary */
    bool byte_fallback;   /* a text without a token becomes "<0xNN>" for each byte, if all exist */
    int32_t byte_id[256]; /* of "<0xNN>", or -1 */
    void *own;            /* what the kind keeps; freed by it */
} wane_token_model;

/* Memory that encoding one word after another reuses, by the kind; start with {0}. */
typedef struct wane_token_model_scratch {
    struct wane_symbol *symbols;
    uint64_t *heap;
    struct wane_best *best;
    struct wane_span *spans;
    struct wane_way *ways;
    uint32_t *splits;
    size_t symbol_capacity, heap_capacity, best_capacity, span_capacity, way_capacity;
    size_t split_capacity;
} wane_token_model_scratch;
void wane_token_model_scratch_free(wane_token_model_scratch *scratch);

typedef struct wane_token_model_kind {
    const char *type;        /* as the file has it */
    const char *sign;        /* a member that tells the kind in a file of old, without a type */
    const char *const *keys; /* the members, NULL-terminated */
    /* `unknown` and `byte_fallback` are set already, the tokens for them are looked up behind. */
    wane_status (*read)(wane_token_model *model, const wane_json *json, const wane_json_part *part,
                        wane_error *err);
    wane_status (*encode)(const wane_token_model *model, const char *word, size_t bytes,
                          wane_token_model_scratch *scratch, wane_tokens *out, wane_error *err);
    void (*release)(void *own);
} wane_token_model_kind;

/* Reads the member "model". */
WANE_MUST_CHECK wane_status wane_token_model_read(wane_token_model *out, const wane_json *json,
                                                  const wane_json_part *part, wane_error *err);
void wane_token_model_free(wane_token_model *model); /* {0} allowed */

/* Appends the ids of one word, which is sound UTF-8 and not empty, in O(n log n) of its bytes.
 * WANE_EFORMAT when it holds what has no token and no unknown token stands for it. */
WANE_MUST_CHECK wane_status wane_token_model_encode(const wane_token_model *model, const char *word,
                                                    size_t bytes, wane_token_model_scratch *scratch,
                                                    wane_tokens *out, wane_error *err);

/* For the kinds. */

/* "vocab" as an object of tokens and ids. */
WANE_MUST_CHECK wane_status wane_token_model_read_vocabulary(wane_token_model *model,
                                                             const wane_json *json,
                                                             const wane_json_part *part,
                                                             wane_error *err);
/* Looks up the unknown token and the tokens of bytes, once vocabulary and `unknown` are there. */
void wane_token_model_look_up(wane_token_model *model);
/* Whether byte_fallback holds and every byte of the text has a token. */
bool wane_token_model_has_bytes(const wane_token_model *model, const char *text, size_t bytes);
/* WANE_EFORMAT: the text is not in the vocabulary, nor is there an unknown token. */
wane_status wane_token_model_no_token(const wane_token_model *model, const char *text, size_t bytes,
                                      wane_error *err);

#endif
