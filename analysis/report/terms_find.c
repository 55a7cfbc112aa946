/* SPDX-License-Identifier: Apache-2.0
 * Finding a term by its name.
 */
#include <stdbool.h>

#include "analysis/report/terms.h"
#include "store/base/text.h"

static bool same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != *b) return false;
    return *a == *b;
}

const wane_term *wane_term_find(const char *name, const char **nearest)
{
    const char *names[WANE_TERMS_MOST];
    size_t count = 0;
    const wane_term *terms = wane_terms(&count);
    if (nearest) *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        names[i] = terms[i].name;
        if (same(name, names[i])) return &terms[i];
    }
    if (nearest) *nearest = wane_nearest(name, names, count);
    return NULL;
}
