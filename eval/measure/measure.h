/* SPDX-License-Identifier: Apache-2.0
 * Measuring a model on corpora and tasks. Definitions: likelihood.c and accuracy.c, beside each.
 */
#ifndef EVAL_MEASURE_MEASURE_H
#define EVAL_MEASURE_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "eval/model/adapter.h"
#include "eval/model/model.h"
#include "eval/model/pass.h"
#include "store/results/results.h"
#include "tasks/data/corpus.h"
#include "tasks/data/task.h"

/* Tokens per packed evaluation batch (a batch holds at least one sequence). Fixed: it decides the
 * last bits. */
enum { WANE_MEASURE_TOKENS = 2048 };

typedef struct wane_window_score {
    double nll;     /* sum over the window's scored tokens, nats */
    double kl;      /* sum of KL(p_base || p_tuned); 0 without a base */
    double soft_ce; /* sum of -sum_v p_base log p_tuned */
    size_t tokens;
} wane_window_score;

typedef struct wane_likelihood {
    size_t windows;
    wane_window_score *window;  /* in order; owned, free with wane_likelihood_free */
    double nll, nll_stderr;     /* nats per token; standard error by bootstrap of documents (1,000
                                   resamples from a fixed seed), NaN for one document */
    double kl_to_base, soft_ce; /* means per token; NaN without a base */
    size_t tokens, words, bytes, unknown_tokens;
    /* WANE_NOT_FINITE when a logit, of the model or of the base, is NaN or infinite: every number
     * of nats above is NaN then, and `document` the first such, as windows number them. Else NULL.
     */
    const char *reason;
    size_t document;
} wane_likelihood;

/* Scores every window under `model` (+ `adapter`, may be NULL) and, when `base` is not NULL,
 * against the base on the same tokens. Logits are handled chunk by chunk. */
WANE_MUST_CHECK wane_status wane_measure_likelihood(wane_likelihood *out, const wane_model *model,
                                                    const wane_adapter *adapter,
                                                    const wane_model *base,
                                                    const wane_windows *windows, wane_pool *pool,
                                                    wane_error *err);
void wane_likelihood_free(wane_likelihood *likelihood);

/* Standard error of sum(sums) / sum(tokens) by bootstrap of documents: 1,000 resamples from a fixed
 * seed, so that equal input gives equal bits. NaN for one document. */
double wane_document_stderr(const double *sums, const double *tokens, size_t documents);

/* Standard error of the change in nll per token since `before` (the same windows' nll sums), paired
 * by document. */
WANE_MUST_CHECK wane_status wane_likelihood_paired(double *out, const wane_likelihood *after,
                                                   const double *before,
                                                   const wane_windows *windows, wane_error *err);

/* Every unit in which a likelihood is told, as the columns of table likelihood; change_stderr is
 * NaN and out_of_reach false. Word and byte units are NaN when a token is unknown: it stands for an
 * unknown number of bytes. */
void wane_likelihood_columns(wane_likelihood_row *out, const wane_likelihood *likelihood,
                             const wane_windows *windows, const wane_window_rule *rule);

typedef struct wane_example_score {
    size_t row; /* number in the source split */
    int32_t label,
        predicted; /* predicted -1: a score is not finite; margin and loss are NaN then */
    double margin; /* score of the label minus the best other score */
    double loss;   /* -log softmax over the labels' scores, of the label */
} wane_example_score;

typedef struct wane_accuracy {
    size_t examples;
    wane_example_score *example; /* in order of the split; owned, free with wane_accuracy_free */
    double accuracy, stderr_;    /* sqrt(p (1 - p) / n) */
    double loss;                 /* mean */
    double majority;             /* share of the most frequent label */
    double kl_on_task_prompt;    /* mean over prompt positions of KL(p_base || p_tuned); NaN without
                                    a base */
    double kl_on_task_answer;    /* the same at the positions that predict the label's tokens */
    /* WANE_NOT_FINITE when a logit that a score or a divergence stands on is NaN or infinite; the
     * numbers are NaN then (`kl_reason`: the divergences alone). Else NULL. */
    const char *reason, *kl_reason;
    size_t row; /* of `reason`: the first such, by its number in the source split */
} wane_accuracy;

/* Scores every label of every row: sum of its tokens' log-likelihoods after the prompt (mean when
 * `per_token`). The prompt is run once for all labels; single-token labels need no more than that.
 * Ties go to the smaller label index. */
WANE_MUST_CHECK wane_status wane_measure_accuracy(wane_accuracy *out, const wane_model *model,
                                                  const wane_adapter *adapter,
                                                  const wane_model *base, const wane_task *task,
                                                  wane_split split, const wane_prompts *prompts,
                                                  bool per_token, wane_pool *pool, wane_error *err);
void wane_accuracy_free(wane_accuracy *accuracy);

/* out (prompts->rows x width) = the final normalised hidden state at the last token of every
 * prompt: what linear heads and probes stand on. Widened from the model's floats. */
WANE_MUST_CHECK wane_status wane_measure_features(double *out, const wane_model *model,
                                                  const wane_adapter *adapter,
                                                  const wane_prompts *prompts, wane_pool *pool,
                                                  wane_error *err);

/* Outcomes from scores (prompts->rows x labels; only differences inside a row matter): the best
 * label, margin, loss = -log softmax over the labels. Ties go to the smaller label; a row with a
 * score that is not finite has no outcome, and the whole no accuracy. */
WANE_MUST_CHECK wane_status wane_accuracy_of_scores(wane_accuracy *out, const double *scores,
                                                    const wane_task *task, wane_split split,
                                                    const wane_prompts *prompts, wane_error *err);

/* Scores by a linear head (labels x width, no bias) on those features; sums in double. */
WANE_MUST_CHECK wane_status wane_measure_linear(wane_accuracy *out, const wane_model *model,
                                                const wane_adapter *adapter, const float *weight,
                                                const wane_task *task, wane_split split,
                                                const wane_prompts *prompts, wane_pool *pool,
                                                wane_error *err);

/* How strongly a change of the weights acts on the inputs that `model` gives them: mean[p] = mean
 * over the tokens of the first `rows` prompts of |C_p x| / |x|, for every linear weight p of the
 * layers, C_p the same weight of `change` (a block of the model's layout); NaN for other
 * parameters; infinite where an input or its image is not finite. mean: parameters.count. */
WANE_MUST_CHECK wane_status wane_measure_response(double *mean, size_t *tokens,
                                                  const wane_model *model, const wane_model *change,
                                                  const wane_prompts *prompts, size_t rows,
                                                  wane_pool *pool, wane_error *err);

/* The second moments of the same, over every token that the model reads in the windows (*tokens of
 * them; where windows overlap, a token twice): image[p] = sum of |C_p x|^2, input[p] = sum of
 * |x|^2, so that image[p] / *tokens = tr(C_p S C_p^T) with S = mean of x x^T. NaN for parameters
 * that are no linear weight of a layer; not finite where an input or its image is not. The same
 * bits for any number of threads. image, input: parameters.count each. */
WANE_MUST_CHECK wane_status wane_measure_images(double *image, double *input, size_t *tokens,
                                                const wane_model *model, const wane_model *change,
                                                const wane_windows *windows, wane_pool *pool,
                                                wane_error *err);

#endif
