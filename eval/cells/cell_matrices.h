/* SPDX-License-Identifier: Apache-2.0
 * What everything that looks at weight matrices shares: references, low-rank terms, rows.
 */
#ifndef EVAL_CELLS_CELL_MATRICES_H
#define EVAL_CELLS_CELL_MATRICES_H

#include "analysis/spectra/spectrum.h"
#include "eval/cells/cell.h"
#include "eval/measure/spectra_rows.h"

/* cell_spectra.c: of a spectrum by a definition of spectra.h, against "base" or "previous". */
WANE_MUST_CHECK wane_status wane_spectrum_settings(char out[WANE_SHA256_HEX],
                                                   const char *definition, const wane_experiment *x,
                                                   const char *against, wane_error *err);
void wane_spectrum_cost(wane_cost *sum, const wane_visiting *at, size_t number);

/* work->svd[parameter] is there afterwards. */
WANE_MUST_CHECK wane_status wane_spectra_base(wane_work *work, size_t parameter, wane_error *err);

/* Whether every number of the parameter is finite. */
bool wane_weight_finite(const wane_model *model, size_t parameter);

/* A change as low-rank terms; `count` of them with summed ranks `rank`. */
typedef struct wane_terms {
    wane_lowrank_term *term; /* owned, free with wane_free */
    size_t count, rank;
} wane_terms;

/* What makes the weight of `parameter` after `position` from the base's. *lowrank = false where a
 * stage on the path changed weights densely; then there are no terms. `extra` rooms are left free
 * behind them. */
WANE_MUST_CHECK wane_status wane_terms_of(wane_terms *out, bool *lowrank, const wane_work *work,
                                          const wane_chain *chain, size_t position,
                                          size_t parameter, size_t extra, wane_error *err);
/* The same for W_position - W_(position - 1). */
WANE_MUST_CHECK wane_status wane_terms_of_increment(wane_terms *out, bool *lowrank,
                                                    const wane_work *work, const wane_chain *chain,
                                                    size_t position, size_t parameter,
                                                    wane_error *err);

/* The rows as one cell. */
WANE_MUST_CHECK wane_status wane_spectra_rows_commit(wane_work *work, const wane_cell *cell,
                                                     const wane_spectra_rows *rows,
                                                     wane_error *err);

/* What rounding to 16 bits has left in the weights of a checkpoint that was given whole, and in the
 * base's where they are coarser, as wane_spectrum_options has it; 0 for trained ones. */
typedef struct wane_rounding {
    double tuned, base;
} wane_rounding;
wane_rounding wane_chain_rounding(const wane_work *work, const wane_chain *chain, size_t parameter);

/* Of a matrix after `position` against the base, in the cheapest exact way. */
WANE_MUST_CHECK wane_status wane_spectrum_at(wane_spectrum *out, wane_work *work,
                                             const wane_chain *chain, size_t position,
                                             size_t parameter, const wane_spectrum_options *options,
                                             wane_error *err);

#endif
