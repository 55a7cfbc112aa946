/* SPDX-License-Identifier: Apache-2.0
 * The tokenizer in the metadata of a GGUF file, tokenizer.ggml.*, as the document of a tokenizer.
 * For this room alone.
 *
 * Source: llama-vocab.cpp of llama.cpp (commit 00ad355), which says what the keys mean and what
 * holds where one is not there. tokenizer.ggml.model is
 * - "llama": SentencePiece's BPE by scores, a dummy prefix after special tokens too
 *   (add_space_prefix; sentencepiece_write.h);
 * - "t5": SentencePiece's Unigram, with precompiled_charsmap;
 * - "gpt2": byte-level BPE; tokenizer.ggml.pre names the expression that cuts words (a table in
 *   gguf_words.c). Where a family's tokenizer.json first normalizes texts (NFC) and llama.cpp does
 *   not, the tokenizer.json is meant, which the model was trained with;
 * - "bert": WordPiece; U+2581 before a token that begins a word stands for "##" before all others.
 * Any other is refused by name, as is a name of tokenizer.ggml.pre that the table does not have.
 * Tokens of type control are special, and user-defined ones are cut out of a text as they stand.
 */
#ifndef TASKS_TEXT_GGUF_TOKENIZER_H
#define TASKS_TEXT_GGUF_TOKENIZER_H

#include <stdbool.h>

#include "store/base/status.h"
#include "store/files/gguf.h"
#include "tasks/text/vocabulary_files.h"

/* Of the GGUF file of the package: a source of document.c. */
WANE_MUST_CHECK wane_status wane_gguf_tokenizer_write(wane_tokenizer_document *out,
                                                      const wane_vocabulary_files *from,
                                                      wane_error *err);

/* How a byte-level tokenizer cuts words. */
typedef struct wane_gguf_words {
    const char *names;       /* of tokenizer.ggml.pre, a space around each */
    const char *patterns[4]; /* regular expressions, one after another; NULL ends them */
    bool nfc, ignore_merges, add_bos;
} wane_gguf_words;

/* NULL for a name that is not known. */
const wane_gguf_words *wane_gguf_words_named(const char *name, size_t bytes);

#endif
