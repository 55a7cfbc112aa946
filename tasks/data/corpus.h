/* SPDX-License-Identifier: Apache-2.0
 * A corpus: documents whose likelihood is watched; and its windows as token ids.
 */
#ifndef TASKS_DATA_CORPUS_H
#define TASKS_DATA_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/files/file.h"
#include "tasks/text/tokenizer.h"

/* In a folder or an archive every file that ends in .txt, .text, .raw, .tokens, .jsonl, .ndjson,
 * .json, .csv or .tsv is read, in the order of names or of the archive, and others are left alone;
 * hidden ones are passed over and counted. A path that is one file is read whatever its ending, as
 * plain text when that is none of the four forms of rows (source.h).
 * Rows: each is one document, the value of the column or key `field`; a file without it is refused
 * with its columns. Of JSON, a list of bare texts is one too. Documents that are empty or all white
 * space are no documents. */
typedef struct wane_corpus_spec {
    const char *name;      /* default: last part of path, without an ending */
    const char *path;      /* plain text, rows as JSONL, JSON, CSV or TSV, or a folder or an archive
                              of these */
    const char *field;     /* of rows: the column or key; default "text" */
    const char *documents; /* of plain text: "blank" (default: parts between blank lines, which may
                              hold white space; lines end in LF, or in CR where there is no LF) or
                              "whole" (each file is one) */
    const char *filter;    /* "ascii": only documents that are pure ASCII; NULL: all */
} wane_corpus_spec;

typedef struct wane_document {
    const char *text;
    size_t bytes, words; /* words: parts between Unicode white space */
} wane_document;

typedef struct wane_corpus {
    const char *name;
    size_t count;
    const wane_document *documents;
    size_t filtered_out;          /* documents the filter left out */
    wane_hidden_files hidden;     /* passed over; `first` goes with the corpus */
    char sha256[WANE_SHA256_HEX]; /* of the kept documents in order */
    void *memory;
} wane_corpus;

/* WANE_EFORMAT when no document is left. Free with wane_corpus_free ({0} allowed). */
WANE_MUST_CHECK wane_status wane_corpus_open(wane_corpus *out, const wane_corpus_spec *spec,
                                             wane_error *err);
void wane_corpus_free(wane_corpus *corpus);

/* A corpus of `count` texts that are in memory already (copied; `bytes` their lengths, valid UTF-8
 * without NUL). Free with wane_corpus_free. */
WANE_MUST_CHECK wane_status wane_corpus_make(wane_corpus *out, const char *name,
                                             const char *const *texts, const size_t *bytes,
                                             size_t count, wane_error *err);

/* How a corpus becomes windows. */
typedef struct wane_window_rule {
    size_t window; /* tokens a window may hold, BOS included, at least 2; the model's context at
                      most */
    size_t stride; /* tokens between starts of windows of one document, at most window - 1 (else
                      tokens would go unscored); 0 = window - 1 = no overlap of what is scored */
    size_t tokens; /* documents in order are taken until this many tokens are scored (the last one
                      whole); 0 = all */
} wane_window_rule;

/* One window: ids starts[w]..starts[w+1]; it scores the prediction of its tokens from index
 * first[w] (>= 1) on, given those before in the window. Windows never cross a document; each token
 * of a document is scored exactly once (but for its first token when the tokenizer has no BOS).
 *
 * Of a document's ids s[0..m) (s[0] = BOS where the tokenizer puts one; only there) window k holds
 * s[k stride .. min(k stride + window, m)) and scores what earlier windows did not; the last is the
 * first to reach m. With stride 0 a window scores all but its first token, which is the last one of
 * the window before: context alone, as every token needs at least one before it. Documents with
 * nothing to score have no window and count in nothing. */
typedef struct wane_windows {
    size_t windows, documents;
    size_t *starts, *first, *document,
        *position; /* position: offset in s of the window's first token */
    int32_t *ids;
    size_t tokens;         /* scored */
    size_t words, bytes;   /* of the documents used */
    size_t unknown_tokens; /* among the scored */
    int32_t bos;           /* -1: none */
    bool ahead;            /* the last token of a window is predicted and never an input, so that a
                              window may hold one more than the context */
} wane_windows;
WANE_MUST_CHECK wane_status wane_corpus_encode(wane_windows *out, const wane_corpus *corpus,
                                               const wane_tokenizer *tokenizer,
                                               const wane_window_rule *rule, wane_error *err);
void wane_windows_free(wane_windows *windows);
/* Room for one more window in the lists by window, which all have room for *room; `starts` may hold
 * one more than there are windows. False when memory is out. For what cuts windows. */
bool wane_windows_grow(wane_windows *windows, size_t *room);

/* *out = -sum_t p_t ln p_t over the scored tokens, p_t the share of token t among them, in nats per
 * token (plug-in estimate, natural logarithm): the nll of a model that knows their frequencies and
 * nothing else. 0 when all are the same. Ids must not be negative. */
WANE_MUST_CHECK wane_status wane_windows_unigram_entropy(double *out, const wane_windows *windows,
                                                         wane_error *err);

#endif
