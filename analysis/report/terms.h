/* SPDX-License-Identifier: Apache-2.0
 * What every measure, metric, gate and column of a view means: the one place where the program
 * says it.
 */
#ifndef ANALYSIS_REPORT_TERMS_H
#define ANALYSIS_REPORT_TERMS_H

#include <stddef.h>

/* All texts are constants; those that do not apply are NULL. */
typedef struct wane_term {
    const char *name;    /* as it is stored or shown */
    const char *kind;    /* metric, measure, intervention, gate, column, test */
    const char *brief;   /* one line */
    const char *formula; /* how it is computed */
    const char *unit;
    const char *sign;    /* what more of it means */
    const char *missing; /* when it is NULL */
    const char *source;  /* where the definition comes from */
    const char *also;    /* what to look at besides, or what it must not be confused with */
} wane_term;

enum { WANE_TERMS_MOST = 512 };

/* All of them, by name: at most WANE_TERMS_MOST. */
const wane_term *wane_terms(size_t *count);

/* Parts of them, each in a file of its own; fewer than WANE_TERMS_MOST with those of terms.c. */
extern const wane_term wane_terms_spectra[];
extern const size_t wane_terms_spectra_count;
extern const wane_term wane_terms_outcomes[];
extern const size_t wane_terms_outcomes_count;
extern const wane_term wane_terms_claims[];
extern const size_t wane_terms_claims_count;

/* '-' and '_' are alike. NULL when there is none; then *nearest (may be NULL) is the likeliest
 * meant, or NULL. */
const wane_term *wane_term_find(const char *name, const char **nearest);

#endif
