/* SPDX-License-Identifier: Apache-2.0
 * What the commands that measure without an experiment share: a base model opened, and what was
 * tuned on it; one task or corpus opened by its path.
 */
#ifndef EVAL_PAIR_MODELS_H
#define EVAL_PAIR_MODELS_H

#include "eval/measure/measure.h"
#include "eval/model/model.h"
#include "store/base/log.h"
#include "store/base/memory.h"
#include "store/base/threads.h"
#include "store/files/update.h"
#include "tasks/text/tokenizer.h"

typedef enum wane_tuned_kind {
    WANE_TUNED_NOTHING, /* the base alone */
    WANE_TUNED_ADAPTER, /* a PEFT folder, merged */
    WANE_TUNED_MODEL,   /* a Hugging Face folder or archive */
    WANE_TUNED_TENSORS  /* a safetensors file or folder of some tensors */
} wane_tuned_kind;

/* Free with wane_pair_close ({0} allowed). */
typedef struct wane_pair {
    const char *base_path, *tuned_path; /* borrowed */
    wane_model *base;
    wane_model *tuned; /* NULL when nothing was given */
    wane_tuned_kind kind;
    wane_update update;        /* of an adapter: its low-rank terms */
    wane_tokenizer *tokenizer; /* of the base; NULL until wane_pair_tokenizer */
    wane_tokenizer *own;       /* that lies with what was tuned, adapters too; else NULL */
    wane_pool *pool;
    wane_log log; /* warnings to stderr */
} wane_pair;

/* `base`: a Hugging Face folder; `tuned`: what eval/pair/given.h reads, or NULL; threads 0 = all. A
 * tuned model is computed under its own configuration, whose sizes must be the base's but for the
 * vocabulary and the tie; everything else that is tuned under the base's. */
WANE_MUST_CHECK wane_status wane_pair_open(wane_pair *out, const char *base, const char *tuned,
                                           size_t threads, wane_error *err);
void wane_pair_close(wane_pair *pair);

/* The tuned model, or the base when nothing was given. Borrowed. */
const wane_model *wane_pair_model(const wane_pair *pair);

/* The error of a measure that is not finite (WANE_ENUMERIC), "command: model: what: ...", naming
 * the first weight that is not finite where there is one. what: "corpus c, document 3". */
WANE_MUST_CHECK wane_status wane_pair_not_finite(const char *command, const wane_pair *pair,
                                                 const char *what, wane_error *err);

/* Reads pair->tokenizer and pair->own. */
WANE_MUST_CHECK wane_status wane_pair_tokenizer(wane_pair *pair, wane_error *err);

/* Of an adapter: the largest |difference| of logits, merged against computed beside the weights, on
 * 64 tokens from a fixed seed, over the largest |logit|. NaN where it cannot be computed beside
 * them (a part of it is on no linear weight) or is no adapter; infinite where a logit is not
 * finite.
 */
WANE_MUST_CHECK wane_status wane_pair_merge_difference(double *out, const wane_pair *pair,
                                                       wane_error *err);

/* A corpus and its windows. path "builtin": the held-out corpus of the built-in language. Free with
 * wane_text_data_free. */
typedef struct wane_text_request {
    const char *path, *filter, *documents, *field;
    size_t window, stride, tokens; /* 0: the model's context, no overlap, all */
    const char *like; /* a name of wane_like_names, or NULL; then path and window alone */
} wane_text_request;

typedef struct wane_text_data {
    wane_corpus corpus;
    wane_windows windows;
    wane_window_rule rule;
    double floor; /* entropy of the built-in language in nats per token; NaN otherwise */
} wane_text_data;

/* WANE_EINVAL when the tuned model's own tokenizer makes other ids of the text, or it has no row
 * for one of them: nothing per token can be compared then. Likewise for tasks below. */
WANE_MUST_CHECK wane_status wane_text_data_open(wane_text_data *out, const wane_pair *pair,
                                                const wane_text_request *request, wane_error *err);
void wane_text_data_free(wane_text_data *data); /* {0} allowed */

/* A task and its prompts. path "builtin/NAME": a built-in task. Free with wane_task_data_free. */
typedef struct wane_task_request {
    const char *path, *text_field, *label_field, *template_text,
        *test_split; /* as wane_task_spec */
    const wane_label *labels;
    size_t label_count;
    bool train;               /* measure the training split */
    size_t limit, max_length; /* 0: all rows, the model's context */
} wane_task_request;

typedef struct wane_task_data {
    wane_task task;
    wane_split split;
    wane_prompts prompts;
} wane_task_data;

WANE_MUST_CHECK wane_status wane_task_data_open(wane_task_data *out, const wane_pair *pair,
                                                const wane_task_request *request, wane_error *err);
void wane_task_data_free(wane_task_data *data); /* {0} allowed */

#endif
