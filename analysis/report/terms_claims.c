/* SPDX-License-Identifier: Apache-2.0
 * The terms of what a comparison or correlation can and cannot claim.
 */
#include "analysis/report/terms.h"

const wane_term wane_terms_claims[] = {
    {"arms", "setting", "which arms of interventions are compared", NULL, NULL, NULL, NULL, NULL,
     "a run counts at a lambda only where each of them has a value on the same matrices (matched): "
     "an arm that is often unreachable (energy) leaves few runs; 'compare: together' in the "
     "experiment measures all arms on the matrices where all exist"},
    {"binomial", "column", "error of an accuracy's change from the test examples being finite",
     "mean over runs of the stderr paired by example, not divided by their number: they answer the "
     "same examples (latest_binomial, seen_binomial)",
     "points", NULL, NULL, NULL, "beside it stands the standard error over configs"},
    {"caliper", "test", "how far apart two matched stages may be",
     "2 points of accuracy; .1 in ln delta_frobenius_all", NULL, NULL, NULL, NULL,
     "wane explain match"},
    {"few_configs", "column", "why an error, interval or smallest_visible is NULL: too few configs",
     "below 6 configs; of smallest_visible C - 3 - q < 1", NULL, NULL, NULL, NULL, NULL},
    {"match", "test", "wane compare A B --match: stages of two methods or kinds, one to one",
     "learned: nearest in R[i][i], the accuracy of the task just trained, within 2 points; norm: "
     "nearest in ln delta_frobenius_all, within .1; of the same order, seed and stage; as many "
     "pairs as can be, and of these the smallest sum of distances (optimal, not greedy)",
     NULL, "differences are second less first",
     "intervals and p below 6 configs of the side with fewer (few_configs); where the ranges do "
     "not "
     "overlap nothing is matched",
     "Rosenbaum 1989; Illusion of Equivalence (2410.21228) matches fit on the new task",
     "intervals: BCa over those configs, each with all its pairs; unmatched stages are counted: "
     "the "
     "difference holds for stages like the matched ones alone"},
    {"matched", "column", "runs in which all arms shown have a value on the same matrices", NULL,
     "count", NULL, NULL, NULL, "wane explain arms"},
    {"not_detected", "test", "what a correlation is called that the test did not see",
     "p > .05 (after Holm where there are groups), or the interval holds 0", NULL, NULL,
     "where there is no value, and neither p nor interval", NULL,
     "it is no proof that nothing is there: its interval and smallest_visible say what may be"},
    {"null", "test", "what the permutation of wane correlate takes for granted, in words",
     "config: rates exchangeable between configs, whole y-trajectories change places as if "
     "learning "
     "rate, rank and method did not matter; run: runs exchangeable within an order, as if config "
     "and seed did not matter; none: points exchangeable",
     NULL,
     "a small p speaks against this, no more: x and y that both follow the learning rate reject it",
     NULL, NULL, "blocks, separable"},
    {"points", "setting", "what the points of wane correlate are: stages, or looks into a training",
     "--points looks: one point per run, stage and look (track: every), the base itself (step 0 of "
     "the first stage) left out; blocks and cells as with stages, a cell being order, seed, stage "
     "and step",
     NULL, NULL, "a measure that is not taken at looks is refused",
     "Illusion of Equivalence (2410.21228), Fig 7: epochs as points",
     "nll at looks is that of the first nll_tokens of one corpus"},
    {"separable", "test", "whether x and a covariate can be told apart over these configs",
     "|Spearman| of the configs' means of x and of the covariate; above .8: not separable",
     "-1 to 1", NULL, "of categories; below 3 configs; where a side is constant", NULL,
     "not separable: a partial coefficient, near 0 or not, decides nothing between the two"},
    {"smallest_visible", "test",
     "the smallest |correlation| that so many configs show 80% of the time at p <= .05",
     "tanh(2.89 / sqrt(C - 3 - q)), C configs, q independent columns of covariates", "0 to 1",
     "below it a correlation is missed more often than 1 time in 5",
     "where C - 3 - q < 1 (few_configs)", "Fieller, Hartley and Pearson 1957",
     "simulated (tests/reference/check_visible.py): 78 to 83% with 12 to 48 configs of one point; "
     "with several stages it is that of the configs' own effects: 73 to 86% with 20 points each, "
     "49 to 60% with 5 points as noisy as the configs differ"},
    {"unmatched", "column",
     "why means over arms are NULL: no run has all arms shown; or how many runs do not", NULL, NULL,
     NULL, NULL, NULL, "wane explain arms"},
    {"zeros", "test", "how many values of x, and of y, are 0", NULL, "count", NULL, NULL, NULL,
     "residuals of ranks lose a count that is mostly 0 to any covariate that varies there: wane "
     "correlate --given then repeats its table with intruder_energy and max_cosine"},
};
const size_t wane_terms_claims_count = sizeof wane_terms_claims / sizeof *wane_terms_claims;
