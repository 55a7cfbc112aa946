/* SPDX-License-Identifier: Apache-2.0
 * Cuts each document's ids into overlapping windows that score every token once, and takes the
 * entropy of token counts from them.
 */
#include <math.h>

#include "store/base/memory.h"
#include "tasks/data/corpus.h"

void wane_windows_free(wane_windows *windows)
{
    if (!windows) return;
    wane_free(windows->starts);
    wane_free(windows->first);
    wane_free(windows->document);
    wane_free(windows->position);
    wane_free(windows->ids);
    *windows = (wane_windows){0};
}

bool wane_windows_grow(wane_windows *windows, size_t *room)
{
    size_t **lists[] = {&windows->starts, &windows->first, &windows->document, &windows->position};
    size_t grown = *room;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        grown = *room;
        if (!WANE_GROW(*lists[i], grown, windows->windows + 2)) return false;
    }
    *room = grown;
    return true;
}

typedef struct cutting {
    wane_windows made;
    wane_tokens ids;
    size_t capacity;
    size_t window, stride;
    int32_t unknown;
} cutting;

/* The windows of one document's ids s[0..m). */
static wane_status cut_document(cutting *c, const int32_t *s, size_t m, size_t document,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    size_t scored = 1; /* the next token to score */
    for (size_t from = 0; scored < m; from += c->stride) {
        size_t end = m - from < c->window ? m : from + c->window;
        if (!wane_windows_grow(&c->made, &c->capacity))
            WANE_TRY(wane_fail_memory(err, "encode corpus", "windows"));
        size_t w = c->made.windows;
        c->made.starts[w] = c->ids.count;
        c->made.first[w] = scored - from;
        c->made.document[w] = document;
        c->made.position[w] = from;
        WANE_TRY(wane_tokens_append(&c->ids, s + from, end - from, err));
        c->made.windows++;
        c->made.starts[w + 1] = c->ids.count;
        c->made.tokens += end - scored;
        for (size_t i = scored; i < end; i++)
            c->made.unknown_tokens += c->unknown >= 0 && s[i] == c->unknown;
        scored = end;
    }
done:
    return st;
}

wane_status wane_corpus_encode(wane_windows *out, const wane_corpus *corpus,
                               const wane_tokenizer *tokenizer, const wane_window_rule *rule,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tokens document = {0};
    int32_t bos = wane_tokenizer_bos(tokenizer);
    cutting c = {.window = rule->window,
                 .stride = rule->stride ? rule->stride : rule->window - 1,
                 .unknown = wane_tokenizer_unknown(tokenizer),
                 .made.bos = -1};
    if (rule->window < 2 || rule->stride >= rule->window)
        return wane_fail(err, WANE_EINVAL,
                         "encode corpus: %s: window %zu, stride %zu: a window holds at least 2 "
                         "tokens and the stride is less than the window",
                         corpus->name, rule->window, rule->stride);
    for (size_t d = 0; d < corpus->count; d++) {
        if (rule->tokens && c.made.tokens >= rule->tokens) break;
        document.count = 0;
        WANE_TRY(wane_tokenizer_encode(tokenizer, corpus->documents[d].text,
                                       corpus->documents[d].bytes, true, &document, err));
        if (document.count < 2) continue;
        WANE_TRY(wane_tokenizer_check_rows(tokenizer, document.ids, document.count, err,
                                           "encode corpus: %s: document %zu, counted from 0",
                                           corpus->name, d));
        if (bos >= 0 && document.ids[0] == bos) c.made.bos = bos;
        WANE_TRY(cut_document(&c, document.ids, document.count, d, err));
        c.made.documents++;
        c.made.words += corpus->documents[d].words;
        c.made.bytes += corpus->documents[d].bytes;
    }
    if (c.made.windows == 0)
        WANE_TRY(wane_fail(err, WANE_EINVAL, "encode corpus: %s: there is no token to score",
                           corpus->name));
    c.made.ids = c.ids.ids;
    *out = c.made;
    c.made = (wane_windows){0};
    c.ids = (wane_tokens){0};
done:
    wane_tokens_free(&document);
    wane_tokens_free(&c.ids);
    c.made.ids = NULL;
    wane_windows_free(&c.made);
    return st;
}

wane_status wane_windows_unigram_entropy(double *out, const wane_windows *windows, wane_error *err)
{
    size_t vocabulary = 0, total = 0;
    double sum = 0;
    for (size_t i = 0; i < windows->starts[windows->windows]; i++)
        if ((size_t)windows->ids[i] >= vocabulary) vocabulary = (size_t)windows->ids[i] + 1;
    size_t *count = wane_alloc(vocabulary, sizeof *count);
    if (!count) return wane_fail_memory(err, "count", "tokens");
    for (size_t w = 0; w < windows->windows; w++)
        for (size_t i = windows->starts[w] + windows->first[w]; i < windows->starts[w + 1]; i++) {
            count[windows->ids[i]]++;
            total++;
        }
    for (size_t t = 0; t < vocabulary; t++)
        if (count[t]) sum += (double)count[t] * log((double)total / (double)count[t]);
    wane_free(count);
    *out = sum / (double)total;
    return WANE_OK;
}
