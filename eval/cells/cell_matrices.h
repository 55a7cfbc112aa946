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

/* work->svd[parameter] is there afterwards: whole, a map of its file in the cache, or its leading
 * triplets, in memory alone, as wane_spectra_bounded has it. Who is done with it says
 * wane_base_svd_let_go: all that are whole are three times the weights. */
WANE_MUST_CHECK wane_status wane_spectra_base(wane_work *work, size_t parameter, wane_pool *pool,
                                              wane_error *err);

/* cell_bounds.c: whether the cosines of a matrix are bounded without the SVD of its reference: by
 * intruders.exact, the shape, and the directions that the experiment asks for. */
bool wane_spectra_bounded(const wane_experiment *x, const wane_parameter *p);
/* The leading triplets of a reference, as many as directions are asked for: most of these lie near
 * one of them, and known triplets bound them without a step (top 32 of SmolLM2-135M's shapes: a
 * quarter of the time). */
WANE_MUST_CHECK wane_status wane_spectra_leading(wane_base_svd **out, const wane_experiment *x,
                                                 wane_matrix weight, wane_pool *pool,
                                                 wane_error *err);
/* What bounds decide, in one text: of which matrices (`parameter`, or all linear ones by
 * WANE_ALL_MATRICES), by how many known triplets and at which epsilons; "" where none is bounded.
 */
#define WANE_ALL_MATRICES SIZE_MAX
WANE_MUST_CHECK wane_status wane_spectra_bounds(char out[WANE_SHA256_HEX],
                                                const wane_inputs *inputs, size_t parameter,
                                                wane_error *err);
/* Settings of a cell with `bounds` in them. */
WANE_MUST_CHECK wane_status wane_settings_bounded(char out[WANE_SHA256_HEX], const char *settings,
                                                  const char *bounds, wane_error *err);
/* Epsilons that bounds of stored directions are decided at: the usual ones and that of the
 * interventions. */
enum { WANE_STORED_EPSILONS = WANE_USUAL_EPSILONS + 1 };
size_t wane_stored_epsilons(double out[WANE_STORED_EPSILONS], const wane_experiment *x);
/* How directions are found that are stored; borrows `epsilon`, which it fills. */
wane_spectrum_options wane_stored_options(double epsilon[WANE_STORED_EPSILONS],
                                          const wane_experiment *x);

/* `run` of every linear weight, in no order: those that take little of a thread's time and memory
 * a thread each and without a pool, others one after the other with all threads. A stop is heard in
 * between; the first that fails ends it. */
typedef wane_status wane_each_weight_run(void *context, size_t parameter, wane_pool *pool,
                                         wane_error *err);
WANE_MUST_CHECK wane_status wane_each_weight(wane_work *work, wane_each_weight_run *run,
                                             void *context, wane_error *err);

/* All of work->svd. */
WANE_MUST_CHECK wane_status wane_spectra_bases(wane_work *work, wane_error *err);

/* The spectra of all linear weights as rows, in the table's order, found by wane_each_weight. */
typedef struct wane_each_matrix {
    wane_work *work;
    void *context; /* of the calls; several at once */
    /* Whether every number of the matrix and of its reference is finite. */
    bool (*finite)(const void *context, size_t parameter);
    /* *base_count: of its reference. */
    wane_status (*spectrum)(wane_spectrum *out, size_t *base_count, void *context, size_t parameter,
                            wane_pool *pool, wane_error *err);
} wane_each_matrix;
WANE_MUST_CHECK wane_status wane_spectra_of_each(wane_spectra_rows *rows,
                                                 const wane_each_matrix *each, wane_error *err);

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
/* The same by `count` numbers of both: of rows of a weight. */
wane_rounding wane_chain_rounding_of(const wane_chain *chain, const float *tuned, const float *base,
                                     size_t count);

/* Of a matrix after `position` against `base`, in the cheapest way. */
WANE_MUST_CHECK wane_status wane_spectrum_at(wane_spectrum *out, const wane_base_svd *base,
                                             const wane_work *work, const wane_chain *chain,
                                             size_t position, size_t parameter,
                                             const wane_spectrum_options *options, wane_pool *pool,
                                             wane_error *err);

#endif
