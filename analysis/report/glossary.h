/* SPDX-License-Identifier: Apache-2.0
 * What every measure, metric, gate and column of a view means, as glossary.md and its families say
 * it.
 */
#ifndef ANALYSIS_REPORT_GLOSSARY_H
#define ANALYSIS_REPORT_GLOSSARY_H

#include <stddef.h>

/* In a text's heading, in small letters. In the order in which they are listed. */
typedef enum wane_meaning_kind {
    WANE_MEANING_METRIC,
    WANE_MEANING_MEASURE,
    WANE_MEANING_INTERVENTION,
    WANE_MEANING_GATE,
    WANE_MEANING_TEST,
    WANE_MEANING_SETTING,
    WANE_MEANING_COLUMN,
    WANE_MEANING_KINDS
} wane_meaning_kind;

/* All texts are constants; those that do not apply are NULL. */
typedef struct wane_meaning {
    const char *name; /* as it is stored or shown */
    wane_meaning_kind kind;
    const char *brief;   /* one line */
    const char *formula; /* how it is computed */
    const char *unit;
    const char *sign;    /* what more of it means */
    const char *missing; /* when it is NULL */
    const char *source;  /* where the definition comes from */
    const char *also;    /* what to look at besides, or what it must not be confused with */
} wane_meaning;

/* All of them, by name. */
const wane_meaning *wane_meanings(size_t *count);

/* '-' and '_' are alike. NULL when there is none; then *nearest (may be NULL) is the likeliest
 * meant, or NULL. */
const wane_meaning *wane_meaning_find(const char *name, const char **nearest);

const char *wane_meaning_kind_name(wane_meaning_kind kind);  /* "metric" */
const char *wane_meaning_kind_title(wane_meaning_kind kind); /* "metrics of a run ..." */

#endif
