/* SPDX-License-Identifier: Apache-2.0
 * The table that is made of the glossary's texts, and finding a name in it.
 */
#include "analysis/report/glossary.h"

#include <stdbool.h>

#include "store/base/text.h"

static const wane_meaning all[] = {
#include "glossary.inc"
};

enum { COUNT = sizeof all / sizeof *all };

static const struct {
    const char *name, *title;
} kinds[WANE_MEANING_KINDS] = {
    [WANE_MEANING_METRIC] = {"metric", "metrics of a run (table metric)"},
    [WANE_MEANING_MEASURE] = {"measure", "measures of a stage"},
    [WANE_MEANING_INTERVENTION] = {"intervention", "arms and measures of interventions"},
    [WANE_MEANING_GATE] = {"gate", "sanity gates"},
    [WANE_MEANING_TEST] = {"test", "of correlations and restrictions"},
    [WANE_MEANING_SETTING] = {"setting", "settings of views and commands (of experiments: wane "
                                         "explain settings)"},
    [WANE_MEANING_COLUMN] = {"column", "columns of views"}};

const wane_meaning *wane_meanings(size_t *count)
{
    *count = COUNT;
    return all;
}

const char *wane_meaning_kind_name(wane_meaning_kind kind)
{
    return kinds[kind].name;
}

const char *wane_meaning_kind_title(wane_meaning_kind kind)
{
    return kinds[kind].title;
}

static bool same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != *b) return false;
    return *a == *b;
}

const wane_meaning *wane_meaning_find(const char *name, const char **nearest)
{
    const char *names[COUNT];
    if (nearest) *nearest = NULL;
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = all[i].name;
        if (same(name, names[i])) return &all[i];
    }
    if (nearest) *nearest = wane_nearest(name, names, COUNT);
    return NULL;
}
