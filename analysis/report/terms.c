/* SPDX-License-Identifier: Apache-2.0
 * The table of terms of measures, metrics and gates, merged once with those of claims, outcomes and
 * spectra into one list in order.
 */
#include "analysis/report/terms.h"

#include <stdbool.h>
#include <string.h>

/* Notation: tasks 1..T in training order; R[i][j] = score of task j after stage i; stage 0 = the
 * bare pretrained model; W_0 its weight, W the tuned one, dW = W - W_0. */
#define LESS_FORGOTTEN "higher: less forgotten"
#define MORE_FORGOTTEN "higher: more forgotten"
#define MORE_CHANGED "higher: the weights changed more"
#define AFTER_ONE "after the first stage (first_stage), or when a score it needs is missing"
#define NEEDS_ALL                                                                                  \
    "when a score it needs is missing (missing_cell, not_finite), behind a divergence (diverged)"
#define ILLUSION "Illusion of Equivalence (2410.21228)"
#define ARM_MISSING "where no matrix has an intruder (no_intruder) or the arm does not exist"
#define OVER_TASKS "a share of 1, or a difference of two"

static const wane_term terms[] = {
    {"acc", "metric", "mean accuracy over the tasks trained so far", "(1/T) sum_j R[T][j]",
     "share of 1", "higher: better", NEEDS_ALL, "GEM (1706.08840), eq 2", NULL},
    {"accuracy", "measure", "share of a task's rows whose best label is the true one",
     "R[i][j]; a label's score is the sum of its tokens' log-likelihoods after the prompt, or what "
     "protocol.head says; ties go to the smaller label",
     "share of 1; stderr = sqrt(p (1 - p) / n)", "higher: better", NULL, NULL,
     "majority is what always guessing the most frequent label gives"},
    {"accuracy_change", "intervention", "accuracy under an arm minus that of the stage itself",
     "100 (accuracy_lambda - accuracy_1)", "points; stderr is paired by example",
     "above 0: the arm does better", ARM_MISSING, ILLUSION ", section 5",
     "latest_: of the task just trained; seen_: mean of the tasks trained so far"},
    {"accuracy_change_pct", "intervention", "the same in percent of the stage's own accuracy",
     "100 (accuracy_lambda - accuracy_1) / accuracy_1", "percent", "above 0: the arm does better",
     ARM_MISSING "; when accuracy_1 is 0 (zero_accuracy)", ILLUSION ", tables 3 and 4", NULL},
    {"accuracy_minus_intruders", "intervention",
     "accuracy under an arm minus that under `intruders` on the same matrices",
     "100 (accuracy_arm - accuracy_intruders)", "points; stderr is paired by example",
     "above 0: better than scaling the intruders", ARM_MISSING, NULL,
     "latest_: of the task just trained; seen_: mean of the tasks trained so far"},
    {"adapter_init", "gate", "a new adapter must change nothing before its first step",
     "relative change of the probe's nll, bound 0 (bit-identical, as B = 0)", NULL,
     "above the bound: failed", NULL, NULL, NULL},
    {"aia", "metric", "average incremental accuracy: the mean of acc over all stages",
     "(1/T) sum_k (1/k) sum_{j<=k} R[k][j]", "share of 1", "higher: better", NEEDS_ALL,
     "iCaRL (1611.07725)", NULL},
    {"alpha", "column", "LoRA's alpha: the update is (alpha / rank) B A", NULL, NULL, NULL,
     "without an adapter", "LoRA (2106.09685)", NULL},
    {"angle_u", "measure", "how far a stage's update turns away from the one before, left side",
     "largest principal angle between the first min(rank, 8) left singular vectors of W_i - "
     "W_(i-1) and of W_(i-1) - W_(i-2); of a stage: mean",
     "radians, 0 to pi/2", "higher: the update points elsewhere",
     "at a first stage (first_stage), for an unchanged weight, where the weights before are not "
     "kept or every stage starts from the base",
     "Bjorck and Golub 1973", "random subspaces are close to pi/2 already"},
    {"angle_v", "measure", "angle_u of the right singular vectors", NULL, "radians, 0 to pi/2",
     NULL, "as angle_u", NULL, NULL},
    {"arm", "column", "what is done to the weights: intruders, or a control", NULL, NULL, NULL,
     NULL, NULL, "wane explain neighbour, shrink, rescale, energy"},
    {"base_frobenius", "measure", "Frobenius norm of the base weight W_0", "||W_0||_F", NULL, NULL,
     NULL, NULL, NULL},
    {"base_nll", "gate", "the base must be better than uniform on its pretraining text",
     "nll_0 < ln V, V the size of the vocabulary", "nats per token", "at or above: failed", NULL,
     NULL, NULL},
    {"base_spectral", "measure", "largest singular value of the base weight W_0", "sigma_1(W_0)",
     NULL, NULL, NULL, NULL, NULL},
    {"baseline", "column", "score of a task before any training", "R[0][j]", "share of 1", NULL,
     NULL, NULL, NULL},
    {"best", "column", "best score of a task since it was learned and before the last stage",
     "max_{l in j..T-1} R[l][j]", "share of 1", NULL, "for the last task and for watched ones",
     NULL, NULL},
    {"bits_per_byte", "measure", "nll in bits per byte of text: comparable between tokenizers",
     "nll * tokens / bytes / ln 2", "bits per byte", "higher: worse", "when unk_tokens > 0", NULL,
     NULL},
    {"blocks", "test", "what changes places in the permutation of wane correlate",
     "config: whole y-trajectories between configs; run: runs within one order, treats seeds as "
     "independent; none: single points",
     NULL, NULL, NULL, NULL,
     "seeds of one config are near-replicates: where nothing is there but effects of configs and "
     "trends, config rejects 5% of the time at 5%, run 24 to 35%, none 53 to 60% "
     "(tests/bench/bench_null.c)"},
    {"bound", "column",
     "joint or single: the run bounds another and is not continual itself; perturbed: it is "
     "another "
     "again, from perturbed numbers",
     NULL, NULL, NULL, "for runs of one task after the other", NULL, "see bounds"},
    {"bwt", "metric", "backward transfer: what later training did to the tasks before",
     "(1/(T-1)) sum_{j<T} (R[T][j] - R[j][j])", OVER_TASKS, LESS_FORGOTTEN, AFTER_ONE,
     "GEM (1706.08840), eq 3", "of one task: R[T][j] - R[j][j]; -forgetting_first_last"},
    {"bwt_t", "metric", "the sum of bwt divided by T instead of T - 1",
     "(1/T) sum_{j<T} (R[T][j] - R[j][j])", OVER_TASKS, LESS_FORGOTTEN, AFTER_ONE,
     "TRACE (2310.06762), CoIN (2403.08350)", NULL},
    {"byte_perplexity", "measure", "perplexity per byte of text", "exp(nll * tokens / bytes)", NULL,
     "higher: worse", "when unk_tokens > 0", NULL, NULL},
    {"change", "column", "final minus baseline score of a task", "R[T][j] - R[0][j]", OVER_TASKS,
     "higher: better than the base", NULL, NULL, NULL},
    {"change_stderr", "measure", "standard error of nll minus that of stage 0, paired by document",
     "standard deviation over 1,000 bootstrap resamples of documents", "nats per token", NULL,
     "at stage 0, and for a corpus of one document", NULL, NULL},
    {"choice", "column", "which intruders are scaled",
     "top: the first among the top k of each matrix (the paper); all: all of them (peft)", NULL,
     NULL, NULL, NULL, NULL},
    {"config", "column", "everything of a run but its order and seed; the same as method", NULL,
     NULL, NULL, NULL, NULL, NULL},
    {"corpus", "column", "name of a watched text", NULL, NULL, NULL, NULL, NULL, NULL},
    {"count_noise", "measure", "how far a count of intruders hangs on rounding alone",
     "standard deviation over a run and N runs again of the count after the last stage (k = 10, "
     "epsilon = .5, side u); each begins from initial numbers times 1 + 1e-7 g, g standard normal: "
     "the fresh factors of every stage, of a full method the weights it trains before its first "
     "stage",
     "directions", "more: a difference of counts of that size says nothing", "below two counts",
     NULL,
     "bounds: {perturbed: N}: the first config of every method, the first order and seed, or "
     "{runs: N, configs: [METHOD, ...]}; such runs have scores, likelihoods and spectra, and are "
     "in "
     "no mean, chart or correlation"},
    {"defined", "column", "of how many runs the means are: those in which the arm has a value",
     NULL, "count", NULL, NULL, NULL, "runs less these had none; the column reason says why"},
    {"delta_frobenius", "measure", "size of the update",
     "||W - W_0||_F; of a stage: root of the sum of squares over its matrices", NULL, MORE_CHANGED,
     NULL, NULL, "of an intervention: ||W_arm - W_0||_F"},
    {"delta_frobenius_all", "measure", "size of the update of every tensor that was trained",
     "||W - W_0||_F over all parameters: embeddings, norms and head too; of the weights as they "
     "are "
     "held, in double",
     NULL, MORE_CHANGED, "in cells an earlier wane measured whose weights are gone", NULL,
     "the norm to compare full updates by; delta_frobenius is over the linear matrices alone"},
    {"delta_spectral", "measure", "largest singular value of the update",
     "sigma_1(W - W_0); of a stage: root of the sum of squares", NULL, MORE_CHANGED, NULL, NULL,
     NULL},
    {"directions", "column", "how many singular vectors angle_u and angle_v are between", NULL,
     "count, at most 8", NULL, "where there is no angle", NULL, NULL},
    {"effective_rank", "measure", "how many directions the update spreads over",
     "exp(-sum p ln p), p = s / sum s, s the singular values of W - W_0; of a stage: mean", NULL,
     "higher: spread wider",
     "for an unchanged weight (unchanged), and below the rounding of a 16-bit file",
     "Roy and Vetterli 2007", NULL},
    {"energy", "intervention",
     "arm: as much energy as `intruders` takes, taken from what is no intruder",
     "N = (I - U_I U_I^T) dW (I - V_I V_I^T), E = ||dW||^2 - ||D_a||^2, c = 1 - sqrt(1 - E / "
     "||N||^2): W_0 + dW - c N, D_a = dW + (lambda - 1) sum_I u sigma v^T",
     NULL, NULL, "when E > ||N||^2 or E < 0 (unreachable)", NULL,
     "in the view intruders this column is intruder_energy"},
    {"error", "column", "why a run failed, one line", NULL, NULL, NULL, "when it did not", NULL,
     NULL},
    {"experiment", "column", "name of the experiment file", NULL, NULL, NULL, NULL, NULL, NULL},
    {"f_delta", "measure", "how strongly the update acts on what the task feeds a weight",
     "mean over tokens of ||dW x|| / ||x||, dW = W - W_0, x the weight's inputs in the tuned model "
     "on the prompts of the trained task's first 64 measured rows; of a stage: mean over matrices",
     "ratio", MORE_CHANGED, NULL, NULL, "delta_spectral bounds it"},
    {"final", "column", "score of a task after the last stage", "R[T][j]", "share of 1", NULL, NULL,
     NULL, NULL},
    {"finite", "gate", "weights and logits of what is given (the base, a stage trained elsewhere)",
     "cells without a number, bound 0; a weight that is NaN or infinite fails too", "count",
     "any: failed", NULL, NULL,
     "a trained stage that is not finite has diverged: a result, no failure; the cells are NULL "
     "with reason not_finite"},
    {"forgetting", "metric", "how far each task fell from its best since it was learned",
     "(1/(T-1)) sum_{j<T} (max_{l in j..T-1} R[l][j] - R[T][j])", OVER_TASKS,
     MORE_FORGOTTEN "; negative when the last stage is the best", AFTER_ONE, "the common variant",
     "in the view pretraining_forgetting this column is pretraining_forgetting of one corpus"},
    {"forgetting_change_pct", "intervention",
     "change of a corpus's forgetting under an arm, in percent of what the stage has forgotten",
     "100 (nll_lambda - nll_1) / (nll_1 - nll_0)", "percent; stderr takes the denominator as exact",
     "below 0: less forgotten",
     ARM_MISSING "; unless nll_1 - nll_0 is above 2 of its errors (denominator_small)",
     ILLUSION ", tables 3 and 4", "nll_change says the same in nats"},
    {"forgetting_first_last", "metric", "how far each task fell from right after it was learned",
     "(1/(T-1)) sum_{j<T} (R[j][j] - R[T][j]) = -bwt", OVER_TASKS, MORE_FORGOTTEN, AFTER_ONE,
     "Avalanche", NULL},
    {"forgetting_max_all", "metric", "forgetting with the last stage among the candidates for best",
     "(1/(T-1)) sum_{j<T} (max_{l in j..T} R[l][j] - R[T][j])", OVER_TASKS,
     MORE_FORGOTTEN "; never negative", AFTER_ONE, "Mammoth, PyCIL", NULL},
    {"forgetting_pct", "column", "mean of forgetting_change_pct over the runs that have one", NULL,
     "percent", "below 0: less forgotten", NULL, NULL, NULL},
    {"forgetting_rwalk", "metric",
     "forgetting with stages before the task's own among the candidates",
     "(1/(T-1)) sum_{j<T} (max_{l in 1..T-1} R[l][j] - R[T][j])", OVER_TASKS, MORE_FORGOTTEN,
     AFTER_ONE, "RWalk (1801.10112), eq 3", NULL},
    {"fwt", "metric", "forward transfer: what earlier training did to tasks not yet trained",
     "(1/(T-1)) sum_{j=2..T} (R[j-1][j] - R[0][j])", OVER_TASKS, "higher: earlier tasks help more",
     AFTER_ONE "; and under head: linear (head_not_trained)",
     "GEM (1706.08840), eq 4, pretrained baseline", NULL},
    {"gates", "column", "how many sanity gates of a run were checked", NULL, NULL, NULL, NULL, NULL,
     "wane query DB --name gates shows them"},
    {"gates_failed", "column", "how many sanity gates of a run failed", NULL, NULL,
     "above 0: the run is not to be believed and is left out of means", NULL, NULL, NULL},
    {"held_out_change", "metric", "what training did to a task that is only watched",
     "R[i][watched] - R[0][watched]", OVER_TASKS, "lower: more forgotten", NEEDS_ALL,
     ILLUSION ", Fig 6; TRACE's deltas", NULL},
    {"high", "column", "upper end of a 95% t interval over runs; of a band: its upper edge", NULL,
     NULL, NULL, "for one run", NULL, NULL},
    {"holm", "test", "p after Holm's step-down correction over all rows of a table that have one",
     "sorted, the i-th of m: max over j <= i of min(1, (m - j + 1) p_j)", "0 to 1",
     "lower: less likely that any of the rows is by chance", "where p is", "Holm 1979", NULL},
    {"identity", "measure", "which direction of a matrix this is, over the looks into a training",
     "the same number at two looks that follow each other when |<u_t, u_t'>| |<v_t, v_t'>| > 1/2 "
     "(at most one can be), else a new one",
     "number from 1, per stage and matrix", NULL, "where directions are not followed (step = -1)",
     ILLUSION ", Fig 5: the rise of an intruder",
     "needs 'track'; u_t, v_t are the singular vectors of the weight at a look"},
    {"interval", "test", "95% interval of a coefficient or a paired loss (low, high)",
     "BCa bootstrap: whole configs (correlate) or documents and examples (compare) drawn with "
     "replacement, 10,000 times",
     NULL, NULL, "below 6 blocks (few_blocks), or when the resamples do not vary", "Efron 1987",
     "in a simulation it held the true Spearman coefficient 84% of the time with 6 configs, 89% "
     "with 12, 93% with 24 and with 48 (tests/bench/bench_coverage.c)"},
    {"intransigence", "metric", "how much worse each task is learned than by joint training",
     "(1/T) sum_k (a*_k - R[k][k]), a*_k = joint training on tasks 1..k", OVER_TASKS,
     "higher: learns worse",
     "without bounds: {joint: all} (no_joint_training, joint_last), until it is measured "
     "(bound_missing)",
     "RWalk (1801.10112), eq 4", NULL},
    {"intruders_scaled", "intervention", "how many intruders an intervention acts on", NULL,
     "count", NULL, ARM_MISSING, NULL, NULL},
    {"joint_acc", "metric", "acc of joint training on the tasks so far: the usual upper bound",
     "(1/T) sum_j a[j], a[j] = accuracy of task j after joint training on tasks 1..T", "share of 1",
     "higher: better",
     "until METHOD-joint is measured (bound_missing); under joint: last before the last stage "
     "(joint_last)",
     "RWalk (1801.10112)", "there with bounds: {joint: ...} alone"},
    {"kendall_tau_b", "test", "rank correlation by concordant and discordant pairs, ties accounted",
     NULL, "-1 to 1", "above 0: y rises with x", "for a constant x or y", NULL, NULL},
    {"key", "column", "sha256 of what a run is; a unique prefix names it", NULL, NULL, NULL, NULL,
     NULL, NULL},
    {"kind", "column", "kind of fine-tuning: full, full-matrices, lora, given", NULL, NULL, NULL,
     NULL, NULL, NULL},
    {"kl_on_task_answer", "measure", "kl_to_base at the positions that predict the label's tokens",
     "mean KL(p_base || p_tuned)", "nats", "higher: further from the base",
     "where nothing was trained before", "RL's Razor (2509.04259)", NULL},
    {"kl_on_task_prompt", "measure", "kl_to_base at the positions of a task's prompts",
     "mean KL(p_base || p_tuned)", "nats", "higher: further from the base",
     "where nothing was trained before", "RL's Razor (2509.04259)", NULL},
    {"kl_to_base", "measure", "how far the predictions on a corpus moved from the base's",
     "mean over tokens of KL(p_base || p_tuned)", "nats per token", "higher: further from the base",
     "at stage 0", NULL, NULL},
    {"lambda", "column", "what intruders are multiplied by: 0 removes, 1 changes nothing",
     "W_a = W + (lambda - 1) sum_I u sigma v^T", NULL, NULL, NULL, ILLUSION ", section 5", NULL},
    {"latest_accuracy_change", "intervention", "accuracy_change of the task just trained",
     "100 (accuracy_lambda - accuracy_1)", "points; stderr is paired by example",
     "above 0: the arm does better", ARM_MISSING, NULL, NULL},
    {"latest_accuracy_minus_intruders", "intervention",
     "accuracy_minus_intruders of the task just trained", NULL,
     "points; stderr is paired by example", "above 0: better than scaling the intruders",
     ARM_MISSING, NULL, NULL},
    {"latest_change", "column", "mean of latest_accuracy_change over runs", NULL, "points",
     "above 0: the arm does better", NULL, NULL, NULL},
    {"learning_acc", "metric", "mean accuracy of each task right after it was trained",
     "(1/T) sum_j R[j][j]", "share of 1", "higher: better", NEEDS_ALL, NULL, NULL},
    {"learning_rate", "column", "peak learning rate of the method", NULL, NULL, NULL,
     "where nothing is trained", NULL, NULL},
    {"left_out", "column", "runs that are not in a mean: diverged, failed, gate failed, unfinished",
     NULL, "count", NULL, NULL, NULL, NULL},
    {"like", "test", "wane perplexity --like TOOL: the number by the rule of another tool",
     "lm-eval-wikitext: pages of a plain WikiText file (a page begins at its = heading =), "
     "detokenised, encoded without special tokens; behind one prefix token (BOS, else EOS) windows "
     "of the context predict every token once, each begins with the last token of the one before, "
     "the last is filled up with context to the left; words = runs of white space + 1 and bytes "
     "are those of the page as it was. gptq: all lines (blank ones as nothing) joined by two line "
     "ends, encoded with special tokens, windows of 2,048 (or the context) without overlap, each "
     "predicts all but its first token, the rest is dropped. llama.cpp: the text without its last "
     "line end, encoded with special tokens, windows of 512 without overlap, BOS (if any) in place "
     "of each one's first token, only tokens behind the middle are predicted (255 of 512), the "
     "rest is dropped",
     NULL, NULL, NULL,
     "lm-evaluation-harness, task wikitext; IST-DASLab/gptq, llama.py; llama.cpp, llama-perplexity",
     "--window overrides the tool's own; its plain token perplexity is exp(nll)"},
    {"limited", "column", "1: the experiment runs under limit:, a try-out; left out of means", NULL,
     NULL, NULL, NULL, NULL, NULL},
    {"loss", "measure",
     "-log softmax over a row's labels, of the true one; of a step: training loss",
     "mean over rows; of a step: mean nll of its labelled tokens", "nats", "higher: worse", NULL,
     NULL, NULL},
    {"low", "column", "lower end of a 95% t interval over runs; of a band: its lower edge", NULL,
     NULL, NULL, "for one run", NULL, NULL},
    {"margin", "measure", "score of the true label minus the best other score of a row", NULL,
     "nats", "above 0: right", NULL, NULL, NULL},
    {"matrices", "column", "weight matrices whose spectra were looked at", NULL, "count", NULL,
     NULL, NULL, NULL},
    {"matrices_with_intruders", "intervention",
     "matrices with an intruder among the top k: those an intervention could change", NULL, "count",
     NULL, NULL, NULL,
     "an arm changes those where it and `intruders` exist (compare: pairs), or all asked arms do "
     "(together): column matrices"},
    {"mcnemar", "test", "do two models answer the same examples equally well? (wane compare)",
     "exact, two-sided: min(1, 2 P(X <= min(b, c))), X ~ Bin(b + c, 1/2); b, c: examples that only "
     "the first, only the second answers right",
     "0 to 1", "lower: less likely by chance", NULL, "McNemar 1947",
     "over several pairs of runs the counts add up, as if an example under another seed were "
     "another example: wane explain sign_test counts each once"},
    {"mean", "column", "mean of the metric named beside it, over the runs that have it", NULL, NULL,
     NULL, "where none has it", NULL, NULL},
    {"merged_logits", "gate", "merging an adapter must not change the logits",
     "largest change of a logit / largest logit, bound 1e-4", NULL, "above the bound: failed", NULL,
     NULL, NULL},
    {"merged_nll", "gate", "merging an adapter must not change the likelihood",
     "relative change of the probe's nll, bound 1e-5", NULL, "above the bound: failed", NULL, NULL,
     NULL},
    {"method", "column", "name of the config: everything of a run but its order and seed", NULL,
     NULL, NULL, NULL, NULL, NULL},
    {"metric", "column", "name of a metric; wane explain NAME says more", NULL, NULL, NULL, NULL,
     NULL, NULL},
    {"min_acc", "metric",
     "worst accuracy of the tasks before, over the looks since each was learned",
     "(1/(T-1)) sum_{i<T} min over looks n in stages i+1..T of A(task i, n); A on the rows that "
     "looks take; looks at step 0 left out",
     "share of 1", "higher: the worst moment was better",
     "after the first stage (first_stage), where a stage was not tracked (not_tracked), behind a "
     "divergence (diverged)",
     "De Lange et al., ICLR 2023 (2205.13452)",
     "the stability gap: what acc at the ends of stages does not show"},
    {"minus_intruders", "column", "mean of nll_minus_intruders over runs", NULL, "nats per token",
     "above 0: scaling the intruders forgets less", "for the arm intruders itself", NULL, NULL},
    {"moved_frobenius", "intervention", "how far an arm moves the weights", "||W_arm - W||_F", NULL,
     "higher: moved further", ARM_MISSING, NULL, NULL},
    {"n", "column", "rows a score is a mean of", NULL, "count", NULL, NULL, NULL, NULL},
    {"neighbour", "intervention",
     "arm: the non-intruder nearest in sigma is scaled instead of the intruder",
     "W + (lambda - 1) sum_J u sigma v^T, J distinct, among the stored directions", NULL, NULL,
     "when there are fewer non-intruders than intruders (no_neighbour)", ILLUSION ", section 5",
     "not norm-matched: its delta_frobenius is stored"},
    {"nll", "measure", "negative log-likelihood of a corpus, each token scored once",
     "-(1/N) sum_t log p(w_t | the tokens before it in its window); windows never cross a document",
     "nats per token; stderr by bootstrap of documents", "higher: worse", NULL, NULL,
     "in stage_summary and run_summary: weighted mean over the corpora of role pretraining"},
    {"nll_0", "column", "nll of the bare base model", NULL, "nats per token", "higher: worse", NULL,
     NULL, NULL},
    {"nll_change", "intervention", "nll of a corpus under an arm minus that of the stage itself",
     "nll_lambda - nll_1", "nats per token; stderr is paired by document",
     "below 0: less forgotten", ARM_MISSING, NULL, NULL},
    {"nll_minus_intruders", "intervention",
     "nll of a corpus under an arm minus that under `intruders` on the same matrices",
     "nll_arm - nll_intruders", "nats per token; stderr is paired by document",
     "above 0: scaling the intruders forgets less", ARM_MISSING, NULL, NULL},
    {"not_finite", "column",
     "likelihoods, accuracies and matrices that are NULL for a NaN or an infinity", NULL, "count",
     NULL, "before anything is measured", NULL, "what would need them is NULL too"},
    {"null_mean", "test", "mean of Spearman over all permutations: what no link would give", NULL,
     "-1 to 1", NULL, NULL, NULL,
     "not 0 where x and y share a trend over stages; compare the value with this, not with 0"},
    {"order_name", "column", "name of the order of tasks", NULL, NULL, NULL, NULL, NULL, NULL},
    {"other_forgetting", "measure", "pretraining_forgetting of the corpora with another role",
     "weighted mean over them of nll_i - nll_0", "nats per token", MORE_FORGOTTEN,
     "while one of them is missing", NULL, NULL},
    {"out_of_reach", "column", "1: the base itself is no better than uniform on the corpus",
     "nll_0 >= ln V", NULL, NULL, NULL, NULL, "such a corpus is never the axis of forgetting"},
    {"overlap", "gate", "no test row may be in train, exactly or after normalisation",
     "rows found, bound 0", "count", "above 0: failed", NULL, NULL,
     "the table of this name is another thing: |U_0^T U| of the matrices that 'matrices:' names, "
     "|cosine| of base direction i with tuned direction j (" ILLUSION ", Figs 9 and 18)"},
    {"p", "test", "how often the permutations give a coefficient as far out as the one observed",
     "min(1, 2 min(P(perm >= observed), P(perm <= observed))); all permutations up to 9!, else (1 "
     "+ count) / (1 + 100,000) from a fixed seed",
     "0 to 1", "lower: less likely by chance", "for undefined coefficients", NULL,
     "cannot be smaller than p_min"},
    {"p_min", "test", "the smallest p that so many blocks can give", NULL, "0 to 1", NULL, NULL,
     NULL, NULL},
    {"paired_bootstrap", "test",
     "is the loss of two models on the same documents or examples equal? (wane compare)",
     "d = sum of differences / sum of tokens; p = (1 + #{|d* - d| >= |d|}) / (1 + 10,000) over "
     "resamples of units; interval: BCa",
     "0 to 1", "lower: less likely by chance",
     "below 6 units (few_units) or when the differences do not vary",
     "Efron and Tibshirani 1993, chapter 16; Efron 1987",
     "tells how sure the difference is for other documents, not for other seeds"},
    {"paired_t", "test", "are two methods equal on average over orders and seeds? (wane compare)",
     "differences of pairs of runs of one order and seed: mean, sd, mean -+ t_{.975, n-1} sd / "
     "sqrt(n), p by Student's t",
     NULL, "p lower: less likely by chance", "with one pair", NULL,
     "takes the pairs as independent; same_sign is how many have the sign of the mean"},
    {"partial_spearman", "test", "Spearman of x and y with covariates taken out (--given)",
     "correlation of the residuals of both ranks on the ranks of quantities and on dummies of "
     "categories, all at once",
     "-1 to 1", "above 0: y rises with x beyond what the covariates tell",
     "when they tell all of x or y, or nothing, or leave too few points",
     "permutation: Freedman and Lane 1983",
     "its p is approximate: without any link 5% rejects 6.9% of the time with 6 configs, 5.5% with "
     "12 (tests/bench/bench_null.c)"},
    {"pearson", "test", "linear correlation of the values themselves", NULL, "-1 to 1",
     "above 0: y rises with x", "for a constant x or y", NULL, NULL},
    {"position", "column", "stage of a run: 0 the base, p after the p-th task", NULL, NULL, NULL,
     NULL, NULL, NULL},
    {"pretraining_forgetting", "measure", "how much likelihood of pretraining text was lost",
     "nll after stage i - nll of stage 0, per corpus; several: weighted mean", "nats per token",
     MORE_FORGOTTEN, "while a corpus is missing, or when all are out of reach", NULL,
     "its standard error is that of the paired difference (change_stderr)"},
    {"pretraining_forgetting_stderr", "measure", "standard error of pretraining_forgetting",
     "sqrt(sum_c (w_c s_c)^2) / sum_c w_c over its corpora, s_c = change_stderr of corpus c, w_c "
     "its weight",
     "nats per token", NULL, "at stage 0, and where a corpus has one document", NULL,
     "corpora count as independent of each other; documents are paired within each"},
    {"random_copy", "gate", "a randomly initialised copy must not beat the majority share",
     "its accuracy, bound majority + 4 standard errors", "share of 1", "above the bound: failed",
     NULL, NULL, NULL},
    {"rank", "column", "rank of the adapter", NULL, NULL, NULL, "without an adapter", NULL, NULL},
    {"reason", "column", "why a value is NULL",
     "first_stage: nothing can be forgotten yet; not_learned: fewer than two tasks were; "
     "missing_cell: a score is not there; diverged: the "
     "training was not finite; not_finite: a logit or weight it stands on is NaN or infinite; "
     "no_joint_training, joint_last, bound_missing: no bound to hold it against (yet); "
     "joint_training, single_tasks: of a bound; head_not_trained: under head: linear; "
     "probe_failed; not_tracked: 'track' was not asked for before the training; unchanged: W = "
     "W_0; below_floor, beyond_stored_top, earlier_definition: of directions and their counts "
     "(wane explain NAME); vocabularies_differ: no KL between models of other vocabularies (wane "
     "diff); tracked: a look leaves out what needs all singular values; weights_gone: in events, "
     "of cells that cannot be filled",
     NULL, NULL, "when the value is there", NULL, NULL},
    {"relative_update", "measure", "size of the update relative to the weight",
     "||W - W_0||_F / ||W_0||_F; of a stage: ratio of the totals", "ratio", MORE_CHANGED, NULL,
     NULL, NULL},
    {"rescale", "intervention", "arm: W_a with the change brought back to its old norm",
     "W_0 + D_a ||dW|| / ||D_a||, D_a = dW + (lambda - 1) sum_I u sigma v^T", NULL, NULL,
     "when ||D_a|| < 1e-3 ||dW|| (vanished)", NULL, NULL},
    {"rho_10", "measure", "share of the update inside the base's top 10 directions of both sides",
     "||U_k^T dW V_k||_F^2 / ||dW||_F^2, k = 10; of a stage: mean", "share of 1",
     "higher: the update stays in known directions", "for an unchanged weight", NULL, NULL},
    {"role", "column", "pretraining: what forgetting is measured on; other: watched besides", NULL,
     NULL, NULL, NULL, NULL, NULL},
    {"run", "column", "method/order/sN, or a unique prefix of its key", NULL, NULL, NULL, NULL,
     NULL, NULL},
    {"run_key", "column", "key of the run", NULL, NULL, NULL, NULL, NULL, NULL},
    {"runs", "column", "how many runs a mean is over", NULL, "count", NULL, NULL, NULL, NULL},
    {"sd", "column", "standard deviation of the metric named beside it over runs (n - 1)", NULL,
     NULL, NULL, "for one run", NULL, "+- in tables"},
    {"seed", "column", "seed of initial factors, order of rows and dropout", NULL, NULL, NULL, NULL,
     NULL, NULL},
    {"seen_accuracy_change", "intervention", "accuracy_change, mean of the tasks trained so far",
     "mean of 100 (accuracy_lambda - accuracy_1)", "points; stderr is paired by example",
     "above 0: the arm does better", ARM_MISSING, NULL, NULL},
    {"seen_change", "column", "mean of seen_accuracy_change over runs", NULL, "points",
     "above 0: the arm does better", NULL, NULL, NULL},
    {"shrink", "intervention", "arm: the whole change shrunk to the norm that W_a's has",
     "W_0 + dW ||D_a|| / ||dW||, D_a = dW + (lambda - 1) sum_I u sigma v^T", NULL, NULL, NULL, NULL,
     "norm-matched, without the geometry"},
    {"sign_test", "test", "McNemar's test with every example counted once (wane compare)",
     "exact binomial over the examples that one side answers right in more pairs of runs", "0 to 1",
     "lower: less likely by chance", NULL, NULL,
     "takes examples as independent and the runs as given"},
    {"single_acc", "metric", "mean accuracy of each task so far, trained alone from the base",
     "(1/T) sum_j s[j], s[j] = accuracy of task j after training on it alone", "share of 1",
     "higher: better", "until METHOD-single is measured (bound_missing)", NULL,
     "there with bounds: {single: true} alone; learning_acc minus it is what earlier tasks did to "
     "learning"},
    {"soft_ce", "measure", "cross-entropy of the tuned predictions under the base's",
     "mean over tokens of -sum_v p_base log p_tuned", "nats per token", "higher: further away",
     "at stage 0", "2401.05605", NULL},
    {"spearman", "test", "rank correlation: Pearson on mid-ranks over all points", NULL, "-1 to 1",
     "above 0: y rises with x", "for a constant x or y", NULL, NULL},
    {"stable_rank", "measure", "the update's rank as its norms tell it",
     "||dW||_F^2 / sigma_1(dW)^2; of a stage: mean", NULL, "higher: spread wider",
     "for an unchanged weight", NULL, NULL},
    {"stage", "column", "key of a stage: sha256 of everything that decides its weights", NULL, NULL,
     NULL, NULL, NULL, NULL},
    {"stage_status", "column", "planned, training, done, diverged, skipped or failed", NULL, NULL,
     NULL, NULL, NULL, NULL},
    {"stages", "column", "trained stages planned: the last position of a run", NULL, "count", NULL,
     NULL, NULL, NULL},
    {"status", "column", "planned, running, done, diverged, failed or gate_failed", NULL, NULL,
     NULL, NULL, NULL,
     "diverged is a result; gate_failed is not to be believed; means are over done runs; wane ls "
     "and wane show say stopped of a run or stage that was begun and that no process is at, "
     "(limited) under limit:, (mixed) where kernels of two machines have a part"},
    {"stderr", "column", "standard error of the value beside it",
     "accuracy: sqrt(p (1 - p) / n); nll and its change: bootstrap of documents", NULL, NULL, NULL,
     NULL, NULL},
    {"superseded", "column", "1: the experiment file has changed and another run bears the name",
     NULL, NULL, NULL, NULL, NULL, NULL},
    {"task", "column", "name of the measured task", NULL, NULL, NULL, NULL, NULL, NULL},
    {"task_position", "column", "the stage at which the measured task is trained", NULL, NULL, NULL,
     "for watched tasks", NULL, NULL},
    {"token_perplexity", "measure", "perplexity per token", "exp(nll)", NULL, "higher: worse", NULL,
     NULL, NULL},
    {"top_share", "measure", "share of the update in its first direction",
     "s_1^2 / sum s^2 of W - W_0; of a stage: mean", "share of 1", "higher: more one-dimensional",
     "for an unchanged weight", NULL, NULL},
    {"trainable", "column", "how many numbers a method trains", NULL, "count", NULL, NULL, NULL,
     NULL},
    {"trained", "column", "the task trained at this position", NULL, NULL, NULL, "at stage 0", NULL,
     NULL},
    {"unk_tokens", "measure", "scored tokens that stand for text the tokenizer does not know", NULL,
     "count", "above 0: byte and word units are NULL", NULL, NULL, NULL},
    {"value", "column", "of the metric named beside it", NULL, NULL, NULL, "then reason says why",
     NULL, NULL},
    {"watched", "column", "1: the task is measured, never trained on", NULL, NULL, NULL, NULL, NULL,
     NULL},
    {"wc_acc", "metric",
     "worst-case accuracy: learning the new against the worst moment of the old",
     "(1/T) A(task T, last look) + (1 - 1/T) min_acc", "share of 1", "higher: better",
     "where a stage was not tracked (not_tracked), behind a divergence (diverged)",
     "De Lange et al., ICLR 2023 (2205.13452)", "needs 'track'"},
    {"weights_gone", "column",
     "why a cell cannot be filled: the weights or heads it would be measured on are not on disk",
     NULL, NULL, NULL, NULL, NULL,
     "they were let go under keep, or deleted by hand; the run and all that was measured stay. Put "
     "the files back, or run in another database with 'keep: all', and the cell is filled"},
    {"where", "test",
     "what --where may speak of: any SQL expression over these columns of run_list",
     "experiment, run, key, method, kind, rank, alpha, learning_rate, order_name, seed, stages, "
     "trainable, status, limited",
     NULL, NULL, NULL, NULL,
     "--where \"method='lora-r8' and seed<3\"; means and counts are over the runs left"},
    {"within_runs", "test", "Spearman inside each run of three stages or more, over its stages",
     "mean, sd and n over the runs; runs where x or y is constant do not count", "-1 to 1",
     "above 0: y rises with x as a run goes on", NULL, NULL,
     "a trend that all runs share is in every one of them"},
    {"word_perplexity", "measure", "perplexity per word between white space",
     "exp(nll * tokens / words)", NULL, "higher: worse", "when unk_tokens > 0", NULL, NULL},
};

/* The lists are in order: of each the next, whichever name comes first. */
static size_t merge(wane_term *all)
{
    enum { PARTS = 4 };
    const struct {
        const wane_term *terms;
        size_t count;
    } part[PARTS] = {{terms, sizeof terms / sizeof *terms},
                     {wane_terms_spectra, wane_terms_spectra_count},
                     {wane_terms_outcomes, wane_terms_outcomes_count},
                     {wane_terms_claims, wane_terms_claims_count}};
    size_t at[PARTS] = {0}, filled = 0;
    for (;;) {
        size_t first = PARTS;
        for (size_t i = 0; i < PARTS; i++)
            if (at[i] < part[i].count &&
                (first == PARTS ||
                 strcmp(part[i].terms[at[i]].name, part[first].terms[at[first]].name) < 0))
                first = i;
        if (first == PARTS) return filled;
        all[filled++] = part[first].terms[at[first]++];
    }
}

/* Merged when first asked for, before any other thread runs. */
const wane_term *wane_terms(size_t *count)
{
    static wane_term all[WANE_TERMS_MOST];
    static size_t filled;
    if (!filled) filled = merge(all);
    *count = filled;
    return all;
}
