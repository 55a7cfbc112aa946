/* SPDX-License-Identifier: Apache-2.0
 * Bounded spectra against LAPACK's SVDs in double: which decisions are wrong, which intervals miss.
 */
#ifndef TESTS_NUMERIC_SPECTRA_DECISIONS_H
#define TESTS_NUMERIC_SPECTRA_DECISIONS_H

#include "analysis/spectra/moments.h"
#include "tests/numeric/spectra/weights.h"

/* Tuned directions by LAPACK and by Lanczos are those of one matrix up to rounding over the gap of
 * their singular values, and so are the base's: cosines are held to this. */
#define DECISION_SLACK 5e-5

/* Directions that do not exist by either are not counted, nor a change that leaves the weight. */
typedef struct decision_counts {
    size_t decided;    /* said to be of the base, or an intruder */
    size_t wrong;      /* of these; by more than the slack, and not within a cluster */
    size_t edge;       /* of these; by less than the slack */
    size_t clusters;   /* said to be of the base where one cosine is below epsilon and that of its
                          cluster is not: which vector of a cluster is arbitrary */
    size_t unresolved; /* so by both */
    size_t open;       /* said to be unresolved, where the SVDs decide */
    size_t outside;    /* intervals of max_cosine (clusters aside) or of cluster_overlap that miss
                          by more than the slack */
    double miss;       /* the most that any missed by */
    size_t directions; /* bounded ones */
    size_t exact;      /* answered by SVDs after all, in the bounded way */
    size_t steps[WANE_MOMENT_STEPS + 1]; /* how many intervals took so many */
} decision_counts;

typedef struct decision_question {
    const weight_base *base;
    const wane_base_svd *leading; /* of the same weight (wane_base_svd_leading) */
    const weight_change *change;
    size_t top;
    bool alone; /* each epsilon in a run of its own; else one run decides at all */
    const char *name;
    wane_pool *pool;
} decision_question;

/* Adds the decisions at .1, .2, ... .9 on both sides. Where the bounded way has fallen back on
 * SVDs (equal singular values, a low rank) the bounds of the directions that LAPACK has found are
 * judged in their place. What is wrong or outside is printed to stderr. */
void decisions_judge(decision_counts *out, const decision_question *question);

void decisions_add(decision_counts *to, const decision_counts *from);
/* The least number of steps that this share of the intervals did not exceed. */
size_t decisions_steps(const decision_counts *counts, double share);

#endif
