/* SPDX-License-Identifier: Apache-2.0
 * What a measure is, and the list of them: nothing outside an entry asks which measure it is.
 *
 * A measure gives numbers of a sealed stage, in cells: (stage, measure, subject), each committed
 * whole under a hash of the settings and of the data that decide its numbers. Its entry stands in a
 * file of its own, as `const wane_measure wane_NAME_measure`; eval/README.md says how to add one.
 */
#ifndef EVAL_CELLS_CELL_MEASURES_H
#define EVAL_CELLS_CELL_MEASURES_H

#include "eval/cells/cells.h"

struct wane_spectra_rows;

/* A stage whose cells are asked for, as one run sees it. It may stand in no database yet, and then
 * stage->id is 0. Lives as long as the call. */
typedef struct wane_visiting {
    const wane_plan *plan;
    const wane_plan_run *run;
    size_t position;
    const struct wane_measure *measure;
    wane_visit_cell *visit;
    void *context;
} wane_visiting;

/* A sealed stage at hand. */
typedef struct wane_measuring {
    wane_work *work;
    const wane_plan_run *run;
    size_t position;
    const wane_chain *chain; /* its weights: chain->model */
    /* For a `fill` that has measured spectra anew, before it commits them: lets every measure
     * forget what stood on others. */
    wane_status (*forget)(wane_work *work, int64_t stage, const struct wane_spectra_rows *spectra,
                          wane_error *err);
} wane_measuring;

/* Sums over cells: how many measurements, operations, and bytes that rows take in the database,
 * roughly. */
typedef struct wane_cost {
    size_t cells;
    double flops, bytes;
} wane_cost;

/* Whether a cell needs the weights of the stage before too. */
typedef enum wane_before {
    WANE_BEFORE_UNUSED,
    WANE_BEFORE_USED,  /* some of its numbers are NULL without them */
    WANE_BEFORE_NEEDED /* it cannot be filled without them */
} wane_before;

typedef struct wane_measure {
    const char *name;    /* cell.measure, and the phase of the table usage; never changed again */
    const char *subject; /* of its only cell, where several entries have one name; else NULL */
    bool of_base;        /* the base has it too, not trained stages alone */
    bool of_perturbed;   /* so have runs that are made again for their counts alone */
    bool asked;          /* only where the experiment's `measures:` names it */
    wane_before before;
    /* Whether it comes with every stage unasked: no loss is told where such a cell cannot be filled
     * because the weights are gone. NULL: it never does. */
    bool (*unasked)(const wane_experiment *x);
    /* Calls wane_visit or wane_visit_defined for each cell that the stage has. Runs that share a
     * stage must ask for the same cells. */
    wane_status (*visit)(const wane_visiting *at, wane_error *err);
    /* Measures one of them on chain->model, by the number its visit gave, and commits it. */
    wane_status (*fill)(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err);
    /* Worsens *reach where the stage's weights are there and something else that the cell is
     * measured with is not. NULL: there is nothing else. at->chain is NULL. */
    wane_status (*reach)(wane_reach *reach, const wane_measuring *at, size_t number,
                         wane_error *err);
    /* Settings of the definition before this one: a cell under them stays as it is where its
     * weights are gone. NULL: there was none. */
    wane_status (*earlier)(char settings[WANE_SHA256_HEX], const wane_experiment *x,
                           wane_error *err);
    /* The spectra of the stage were measured again: takes away the measure's cells that stood on
     * what they were, so that they are filled anew. NULL: it stands on no spectra. */
    wane_status (*forget)(wane_work *work, int64_t stage, const struct wane_spectra_rows *spectra,
                          wane_error *err);
    /* Frees what its filling keeps in `work` for the whole process. NULL: nothing. */
    void (*free)(wane_work *work);
    /* Adds what one cell costs. NULL: little beside the others. */
    void (*cost)(wane_cost *sum, const wane_visiting *at, size_t number);
    /* Where its time is told apart from that of the plan: "apart: [at most] N apart_unit, about
     * TIME more[apart_note]". NULL: it is a part of it. */
    const char *apart, *apart_unit, *apart_note;
    bool apart_most;
} wane_measure;

/* In this order the cells of a stage are visited and filled: what stands on cells of another
 * measure comes behind it. A line a measure. */
#define WANE_MEASURE_LIST(ENTRY)                                                                   \
    ENTRY(likelihood)                                                                              \
    ENTRY(score)                                                                                   \
    ENTRY(change)                                                                                  \
    ENTRY(overlap)                                                                                 \
    ENTRY(spectrum)                                                                                \
    ENTRY(previous)                                                                                \
    ENTRY(parts)                                                                                   \
    ENTRY(norm)                                                                                    \
    ENTRY(drift)                                                                                   \
    ENTRY(onset)                                                                                   \
    ENTRY(null)                                                                                    \
    ENTRY(intervention)

#define WANE_MEASURE_COUNT(name) +1
enum { WANE_MEASURES = WANE_MEASURE_LIST(WANE_MEASURE_COUNT) };
extern const wane_measure *const wane_measures[WANE_MEASURES];

/* The entry of a cell; NULL: there is none by that name. */
const wane_measure *wane_measure_of(const char *name, const char *subject);

/* WANE_EINVAL for a name in the experiment's `measures:` that is none of a measure which may be
 * asked for, with its place in the file. */
WANE_MUST_CHECK wane_status wane_measures_check(const wane_experiment *x, wane_error *err);

/* Calls `visit` for each cell of the measure that belongs to the stage. */
WANE_MUST_CHECK wane_status wane_measure_visit(const wane_measure *measure, const wane_plan *plan,
                                               const wane_plan_run *run, size_t position,
                                               wane_visit_cell *visit, void *context,
                                               wane_error *err);

/* Operations of one token in the linear weights, and of one scored position in the head: products
 * of n x k by k x m count 2 n k m, attention and element-wise work are not counted. */
double wane_flops_of_token(const wane_inputs *inputs);
double wane_flops_of_score(const wane_inputs *inputs);

#endif
