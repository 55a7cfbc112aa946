/* SPDX-License-Identifier: Apache-2.0
 * Gathers the low-rank terms of a chain of stages on one weight, or finds that they are none, and
 * takes the base's SVD from its cache.
 */
#include "eval/cells/cell_matrices.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/tensors.h"

wane_status wane_spectra_base(wane_work *work, size_t parameter, wane_pool *pool, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    const wane_matrix weight = wane_model_matrix(work->inputs->base, parameter);
    if (work->svd[parameter]) return WANE_OK;
    if (wane_spectra_bounded(work->experiment, p))
        return wane_spectra_leading(&work->svd[parameter], work->experiment, weight, pool, err);
    char *folder = wane_path_join(work->artifacts, "svd");
    if (!folder) return wane_fail_memory(err, "spectrum", work->artifacts);
    wane_status st = wane_base_svd_cached(&work->svd[parameter], weight, folder, err);
    wane_free(folder);
    return st;
}

static wane_status one_base(void *context, size_t parameter, wane_pool *pool, wane_error *err)
{
    return wane_spectra_base(context, parameter, pool, err);
}

wane_status wane_spectra_bases(wane_work *work, wane_error *err)
{
    return wane_each_weight(work, one_base, work, err);
}

bool wane_weight_finite(const wane_model *model, size_t parameter)
{
    const wane_parameter *p = &model->parameters.parameter[parameter];
    return wane_all_finite(model->weights + p->offset, p->rows * p->cols);
}

/* The terms of stages first .. position on one weight. */
static wane_status gather(wane_terms *out, bool *lowrank, const wane_chain *chain, size_t first,
                          size_t position, const wane_parameter *p, size_t extra, wane_error *err)
{
    size_t most = extra;
    for (size_t i = first; i <= position; i++) most += chain->updates[i - 1].count;
    wane_terms terms = {.term = wane_alloc(most, sizeof *terms.term)};
    if (!terms.term) return wane_fail_memory(err, "spectrum", p->name);
    *lowrank = true;
    for (size_t i = first; i <= position; i++) {
        const wane_update *update = &chain->updates[i - 1];
        *lowrank = *lowrank && update->lowrank;
        for (size_t j = 0; *lowrank && j < update->count; j++)
            if (strcmp(update->tensors[j].name, p->name) == 0) {
                /* An adapter may hold a tensor whole, or a vector beside the factors. */
                *lowrank = wane_update_is_term(&update->tensors[j]);
                terms.term[terms.count++] = update->tensors[j].term;
                terms.rank += update->tensors[j].term.rank;
            }
    }
    if (!*lowrank) terms.count = terms.rank = 0;
    *out = terms;
    return WANE_OK;
}

wane_status wane_terms_of(wane_terms *out, bool *lowrank, const wane_work *work,
                          const wane_chain *chain, size_t position, size_t parameter, size_t extra,
                          wane_error *err)
{
    bool whole = chain->from_base || work->experiment->policy == WANE_POLICY_CONTINUE;
    size_t first = whole && position ? position : 1;
    return gather(out, lowrank, chain, first, position,
                  &work->inputs->base->parameters.parameter[parameter], extra, err);
}

wane_status wane_terms_of_increment(wane_terms *out, bool *lowrank, const wane_work *work,
                                    const wane_chain *chain, size_t position, size_t parameter,
                                    wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    bool both = work->experiment->policy == WANE_POLICY_CONTINUE && position > 1;
    wane_status st =
        gather(out, lowrank, chain, both ? position - 1 : position, position, p, 0, err);
    if (st != WANE_OK || !both || !*lowrank) return st;
    /* An adapter that is continued holds the whole change: the earlier one is taken off. */
    const wane_update *before = &chain->updates[position - 2];
    for (size_t j = 0, t = 0; j < before->count; j++)
        if (strcmp(before->tensors[j].name, p->name) == 0) out->term[t++].scale *= -1;
    return st;
}

wane_status wane_spectra_rows_commit(wane_work *work, const wane_cell *cell,
                                     const wane_spectra_rows *rows, wane_error *err)
{
    wane_cell_rows all = {.spectra = rows->spectrum,
                          .spectrum_count = rows->spectra,
                          .directions = rows->direction,
                          .direction_count = rows->directions};
    return wane_work_commit(work, cell, &all, err);
}

wane_rounding wane_chain_rounding_of(const wane_chain *chain, const float *tuned, const float *base,
                                     size_t count)
{
    if (!chain->read_whole) return (wane_rounding){0};
    wane_dtype to = wane_dtype_of_values(tuned, count);
    wane_dtype from = wane_dtype_of_values(base, count);
    wane_rounding rounding = {.tuned = wane_dtype_rounding_rms(to, tuned, count)};
    if (wane_dtype_coarser(from, to)) rounding.base = wane_dtype_rounding_rms(from, base, count);
    return rounding;
}

wane_rounding wane_chain_rounding(const wane_work *work, const wane_chain *chain, size_t parameter)
{
    wane_matrix tuned = wane_model_matrix(chain->model, parameter);
    wane_matrix base = wane_model_matrix(work->inputs->base, parameter);
    return wane_chain_rounding_of(chain, tuned.data, base.data, tuned.rows * tuned.cols);
}

wane_status wane_spectrum_at(wane_spectrum *out, const wane_base_svd *base, const wane_work *work,
                             const wane_chain *chain, size_t position, size_t parameter,
                             const wane_spectrum_options *options, wane_pool *pool, wane_error *err)
{
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t smaller = p->rows < p->cols ? p->rows : p->cols;
    wane_terms terms = {0};
    bool lowrank = false;
    wane_status st = WANE_OK;
    WANE_TRY(wane_terms_of(&terms, &lowrank, work, chain, position, parameter, 0, err));
    if (lowrank && terms.rank < smaller)
        st = wane_spectrum_lowrank(out, base, terms.term, terms.count, options, pool, err);
    else {
        wane_rounding rounding = wane_chain_rounding(work, chain, parameter);
        wane_spectrum_options own = *options;
        own.rounding = rounding.tuned;
        own.base_rounding = rounding.base;
        st = wane_spectrum_full(out, base, wane_model_matrix(chain->model, parameter), &own, pool,
                                err);
    }
done:
    wane_free(terms.term);
    return st;
}
