/* SPDX-License-Identifier: Apache-2.0
 * Windows as other tools cut them, for numbers that can be compared with theirs. like.c states each
 * rule.
 */
#ifndef TASKS_DATA_LIKE_H
#define TASKS_DATA_LIKE_H

#include "store/base/text.h"
#include "tasks/data/corpus.h"

typedef enum wane_like {
    WANE_LIKE_LM_EVAL_WIKITEXT, /* lm-evaluation-harness, task wikitext */
    WANE_LIKE_GPTQ,             /* GPTQ's llama.py and the papers that follow it */
    WANE_LIKE_LLAMA_CPP,        /* llama-perplexity */
    WANE_LIKES
} wane_like;

extern const char *const wane_like_names[WANE_LIKES];

/* Reads one plain text file and cuts it. window 0: the tool's own (the context; 2048; 512), at most
 * the context, which a larger one is refused for. words and bytes are 0 where the tool knows none.
 * corpus->documents are what the tool calls documents, as it hands them to the tokenizer. Free
 * both. WANE_EINVAL for a text too short for the rule. */
WANE_MUST_CHECK wane_status wane_like_open(wane_corpus *corpus, wane_windows *windows,
                                           wane_window_rule *rule, wane_like like, const char *path,
                                           const wane_tokenizer *tokenizer, size_t window,
                                           size_t context, wane_error *err);

/* lm-evaluation-harness's detokeniser of WikiText, byte for byte; appended to `out`. */
WANE_MUST_CHECK wane_status wane_wikitext_detokenise(wane_text *out, const char *text, size_t bytes,
                                                     wane_error *err);

#endif
