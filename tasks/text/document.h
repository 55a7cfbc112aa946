/* SPDX-License-Identifier: Apache-2.0
 * What makes a tokenizer, whatever files say it, as one JSON document. For this room alone.
 *
 * Of a tokenizer.json it is the file. What stands in other files is written anew:
 *   {"tokenizer": {...},                     a tokenizer.json of it, without added tokens
 *    "names": {"bos_token": "<s>", ...},     special tokens where the files beside name no other
 *    "ends": ["cls_token", "sep_token"],     keys of the tokens before and behind every text; null
 *                                            for none; not there: add_bos_token and add_eos_token
 *    "add_bos_token": true, ...}             these two, where tokenizer_config.json has none
 * so that there is one reader, and a vocabulary is read from one form.
 */
#ifndef TASKS_TEXT_DOCUMENT_H
#define TASKS_TEXT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/package.h"

typedef struct wane_tokenizer_document {
    wane_text text;
    char *name; /* what messages call it: the path of its file, or of the first of them */
    bool made;  /* written anew */
} wane_tokenizer_document;

/* Of the package's files the first that are there of: tokenizer.json; tokenizer.model,
 * spiece.model, sentencepiece.bpe.model; vocab.json with merges.txt; vocab.txt; GGUF's metadata;
 * but where a class of transformers is named that is made of others, those. WANE_ENOTFOUND when
 * none is. Start with {0}, free with wane_tokenizer_document_free, also on failure. */
WANE_MUST_CHECK wane_status wane_tokenizer_document_find(wane_tokenizer_document *out,
                                                         const wane_package *package,
                                                         wane_error *err);
/* Of one file: NAME.model is SentencePiece's, any other a tokenizer.json. */
WANE_MUST_CHECK wane_status wane_tokenizer_document_read(wane_tokenizer_document *out,
                                                         const char *path, wane_error *err);
/* Whether there is one to find. */
bool wane_tokenizer_document_there(const wane_package *package);
void wane_tokenizer_document_free(wane_tokenizer_document *document);

#endif
