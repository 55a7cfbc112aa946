/* SPDX-License-Identifier: Apache-2.0
 * The terms of what became of a stage or a task: whether the model is still one, whether a task was
 * learned at all.
 */
#include "analysis/report/terms.h"

#define OF_LEARNED                                                                                 \
    "when fewer than two of its tasks were learned (not_learned), after the first stage "          \
    "(first_stage), when a score it needs is missing (missing_cell, not_finite), behind a "        \
    "divergence (diverged)"
#define NOT_MEASURED                                                                               \
    "where a pretraining corpus is not measured; in a file that an earlier wane planned until "    \
    "the "                                                                                         \
    "experiment is run again (nothing is trained for it)"

const wane_term wane_terms_outcomes[] = {
    {"beyond_uniform", "column",
     "1: the stage guesses the pretraining text no better than uniformly",
     "nll >= ln V, over the pretraining corpora in reach", NULL,
     "1: the model is no model any more",
     "where a pretraining corpus is not measured or not finite", NULL,
     "collapsed is the weaker condition, and is 1 too"},
    {"beyond_uniform_stages", "column", "how many trained stages are beyond_uniform", NULL, "count",
     NULL, "where of none of them it is known", NULL,
     "of seeds and methods: over runs that are done"},
    {"bwt_learned", "metric", "bwt over the tasks that were learned",
     "mean over learned tasks j < T of R[T][j] - R[j][j]", "a share of 1, or a difference of two",
     "higher: less forgotten", OF_LEARNED, "GEM (1706.08840), eq 3",
     "a task that was never learned cannot be forgotten: its accuracy moves by what is guessed"},
    {"collapsed", "column", "1: the stage knows less of the pretraining text than word counts do",
     "nll >= unigram_entropy, both weighted means over the pretraining corpora in reach; or nll is "
     "not finite; or the stage diverged",
     NULL, "1: what is measured of the stage is of a broken model", NOT_MEASURED, NULL,
     "nothing is left out for it: every summary counts it, charts draw it hollow; compare with "
     "beyond_uniform"},
    {"collapsed_runs", "column", "how many of the runs that are done end collapsed", NULL, "count",
     NULL, NULL, NULL, "their numbers are in the means all the same"},
    {"collapsed_stages", "column", "how many trained stages are collapsed", NULL, "count", NULL,
     "where of none of them it is known", NULL, "of seeds and methods: over runs that are done"},
    {"forgetting_learned", "metric", "forgetting over the tasks that were learned",
     "mean over learned tasks j < T of max_{j <= l < T} R[l][j] - R[T][j]",
     "a share of 1, or a difference of two", "higher: more forgotten", OF_LEARNED, NULL, NULL},
    {"learned", "column",
     "1: right after its training a task is above guessing its commonest label",
     "R[j][j] > majority_j + 2 stderr of R[j][j]", NULL, NULL,
     "for watched tasks; in accuracy_matrix at every stage but the task's own", NULL,
     "0: its bwt and forgetting are of guesses; R[j][j] itself is learned_accuracy"},
    {"learned_accuracy", "column", "accuracy of a task right after it was trained", "R[j][j]",
     "share of 1", "higher: better", "for watched tasks", NULL,
     "read beside majority: what guessing the commonest label gives"},
    {"learned_tasks", "metric", "how many of the tasks trained so far were learned",
     "number of j <= T with R[j][j] > majority_j + 2 stderr", "count", "higher: better",
     "when a score it needs is missing (missing_cell, not_finite), behind a divergence (diverged)",
     NULL, "of seeds and methods: the mean over runs that are done"},
    {"majority", "metric", "share of the most frequent label of a task: what guessing it gives",
     "of a run: (1/T) sum_j majority_j, over its tasks trained so far", "share of 1",
     "higher: guessing alone gives more",
     "as a metric: when no score of a task is there (missing_cell), behind a divergence (diverged)",
     NULL, "an accuracy of about this much has learned nothing, or has forgotten all"},
    {"mean_majority", "column", "the metric majority: its mean over the tasks trained so far",
     "(1/T) sum_j majority_j", "share of 1", NULL, NULL, NULL,
     "what acc and learning_acc stand beside"},
    {"not_learned", "column",
     "why bwt_learned is NULL: fewer than two tasks of the run were learned", NULL, NULL, NULL,
     NULL, NULL, "learned says which; the run is no evidence on forgetting"},
    {"unigram_entropy", "measure", "entropy of the tokens of a corpus by their own frequencies",
     "-sum_t p_t ln p_t over the scored tokens (plug-in estimate)", "nats per token",
     "nll above it: the model tells less than word counts",
     "in a file that an earlier wane planned, until the experiment is run again", NULL,
     "at most ln V"},
};
const size_t wane_terms_outcomes_count = sizeof wane_terms_outcomes / sizeof *wane_terms_outcomes;
