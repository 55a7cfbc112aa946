/* SPDX-License-Identifier: Apache-2.0
 * A corpus: documents whose likelihood is watched; and its windows as token ids.
 */
#ifndef TASKS_DATA_CORPUS_H
#define TASKS_DATA_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "tasks/text/tokenizer.h"

typedef struct wane_corpus_spec {
    const char *name, *path; /* plain text, JSONL with `text`, a JSON list, or archives of these */
    const char *field;       /* of JSONL; default "text" */
    const char *documents;   /* of plain text: "blank" (by blank line, default) or "whole" */
    const char *filter;      /* "ascii": only documents that are pure ASCII; NULL: all */
} wane_corpus_spec;

typedef struct wane_document {
    const char *text;
    size_t bytes, words; /* words: parts between white space */
} wane_document;

typedef struct wane_corpus {
    const char *name;
    size_t count;
    const wane_document *documents;
    size_t filtered_out;          /* documents the filter left out */
    char sha256[WANE_SHA256_HEX]; /* of the kept documents in order */
    void *memory;
} wane_corpus;

/* WANE_EFORMAT when no document is left. Free with wane_corpus_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_corpus_open(wane_corpus *out, const wane_corpus_spec *spec,
                                             wane_error *err);
void wane_corpus_free(wane_corpus *corpus);

/* How a corpus becomes windows. */
typedef struct wane_window_rule {
    size_t window; /* tokens a window may hold, BOS included; the model's context at most */
    size_t stride; /* tokens between starts of windows of one document; 0 = no overlap (stride =
                      what the window scores) */
    size_t tokens; /* documents in order are taken until this many tokens are scored (the last one
                      whole); 0 = all */
} wane_window_rule;

/* One window: ids starts[w]..starts[w+1]; it scores the prediction of its tokens from index
 * first[w] (>= 1) on, given those before in the window. Windows never cross a document; each token
 * of a document is scored exactly once (but for its first token when the tokenizer has no BOS). */
typedef struct wane_windows {
    size_t windows, documents;
    size_t *starts, *first, *document, *position; /* position: token offset in the document */
    int32_t *ids;
    size_t tokens;         /* scored */
    size_t words, bytes;   /* of the documents used */
    size_t unknown_tokens; /* among the scored */
    int32_t bos;           /* -1: none */
} wane_windows;
WANE_MUST_CHECK wane_status wane_corpus_encode(wane_windows *out, const wane_corpus *corpus,
                                               const wane_tokenizer *tokenizer,
                                               const wane_window_rule *rule, wane_error *err);
void wane_windows_free(wane_windows *windows);

#endif
