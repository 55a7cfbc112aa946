/* SPDX-License-Identifier: Apache-2.0
 * Intruders of every weight matrix, layers by modules: means over the runs of one method.
 */
#ifndef ANALYSIS_REPORT_LAYERS_H
#define ANALYSIS_REPORT_LAYERS_H

#include "analysis/report/counting.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/results/query.h"
#include "store/results/results.h"

/* One method: layers x modules, NaN where the model has no such matrix. */
typedef struct wane_method_layers {
    const char *experiment, *method;
    size_t runs, layers, modules;
    const char **layer, **module;
    double *mean; /* intruders */
    /* Of all matrices together, mean over the runs: the rotated null (counting.h); NaN where one of
     * the runs has none. */
    double null_mean, null_low, null_high;
} wane_method_layers;

typedef struct wane_layers {
    wane_arena *arena; /* of everything */
    wane_counting counting;
    size_t stage;
    const char *no_null; /* why no method has one, or NULL */
    wane_method_layers *item;
    size_t count;
} wane_layers;

/* After `stage`, 0 = the last, over the runs means are over. WANE_EINVAL for a counting that cannot
 * be, WANE_ENUMERIC when there is nothing. Owned by the caller, free with wane_layers_free (NULL
 * allowed); the texts of `counting` are borrowed for that long. */
WANE_MUST_CHECK wane_status wane_layers_read(wane_layers **out, wane_results *db,
                                             const wane_counting *counting, size_t stage,
                                             const char *experiment, wane_error *err);
void wane_layers_free(wane_layers *layers);

/* A heat map each; all have one colour scale. */
WANE_MUST_CHECK wane_status wane_layers_draw(wane_text *out, const wane_layers *layers,
                                             wane_error *err);
/* One row per method, layer and module. */
WANE_MUST_CHECK wane_status wane_layers_rows(wane_query **out, const wane_layers *layers,
                                             wane_results *db, wane_error *err);
/* For people: one row per method and layer, a column per module; all layers, with the null. */
WANE_MUST_CHECK wane_status wane_layers_means(wane_query **out, const wane_layers *layers,
                                              wane_results *db, wane_error *err);
/* Appends what the table shows, one line. */
void wane_layers_caption(wane_text *out, const wane_layers *layers);

#endif
