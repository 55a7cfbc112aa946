/* SPDX-License-Identifier: Apache-2.0
 * The built-in language: a small probabilistic grammar of English-like sentences whose entropy is
 * known exactly, four and more tasks over its vocabulary, and its tokenizer; all made from a seed,
 * none of it data.
 */
#ifndef TASKS_BUILTIN_BUILTIN_H
#define TASKS_BUILTIN_BUILTIN_H

#include "store/base/status.h"
#include "store/base/text.h"
#include "tasks/data/corpus.h"
#include "tasks/data/task.h"

/* The tokenizer.json of the language (WordLevel, BOS before every text). Appends to `out`. */
WANE_MUST_CHECK wane_status wane_builtin_tokenizer(wane_text *out, wane_error *err);

/* `documents` documents drawn from the grammar with `seed`; those of two seeds are independent.
 * *entropy (may be NULL) = the exact entropy of the source in nats per scored token, the floor of
 * any model's expected nll on it. */
WANE_MUST_CHECK wane_status wane_builtin_corpus(wane_corpus *out, const char *name, uint64_t seed,
                                                size_t documents, double *entropy, wane_error *err);

/* Names of the tasks ("topic", "agreement", "order", "counting", ...), wane_builtin_task_count of
 * them. */
size_t wane_builtin_task_count(void);
const char *wane_builtin_task_name(size_t index);

/* Task `name` with that many rows, balanced labels, no test row in train. WANE_ENOTFOUND with a
 * suggestion for an unknown name. Free with wane_task_free. */
WANE_MUST_CHECK wane_status wane_builtin_task(wane_task *out, const char *name, uint64_t seed,
                                              size_t train_rows, size_t test_rows, wane_error *err);

#endif
