/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/spectra_of_pair.h"

#include <math.h>

static wane_status one(wane_matrix_spectrum *out, const wane_pair *pair, size_t parameter,
                       const wane_spectrum_options *options, wane_error *err)
{
    wane_base_svd *svd = NULL;
    wane_status st = wane_base_svd_compute(&svd, wane_model_matrix(pair->base, parameter), err);
    if (st != WANE_OK) return st;
    out->parameter = parameter;
    out->base_count = wane_base_svd_count(svd);
    if (pair->kind == WANE_TUNED_ADAPTER) {
        const wane_lowrank_term *term = wane_pair_term(pair, parameter);
        st = wane_spectrum_lowrank(&out->spectrum, svd, term, term ? 1 : 0, options, pair->pool,
                                   err);
    } else
        st = wane_spectrum_full(&out->spectrum, svd, wane_model_matrix(pair->tuned, parameter),
                                options, pair->pool, err);
    wane_base_svd_free(svd);
    if (st == WANE_OK && out->spectrum.delta_frobenius < 10 * pair->floor[parameter])
        out->spectrum.effective_rank = NAN;
    return st;
}

wane_status wane_pair_spectra(wane_matrix_spectrum **out, size_t *count, const wane_pair *pair,
                              const wane_spectrum_options *options, wane_error *err)
{
    const wane_parameters *table = &pair->base->parameters;
    wane_status st = WANE_OK;
    size_t done = 0;
    wane_matrix_spectrum *spectra = wane_alloc(table->count, sizeof *spectra);
    if (!spectra) return wane_fail_memory(err, "spectra", pair->base_path);
    for (size_t p = 0; p < table->count && st == WANE_OK; p++)
        if (table->parameter[p].linear) st = one(&spectra[done++], pair, p, options, err);
    if (st == WANE_OK) {
        *out = spectra;
        *count = done;
    } else wane_pair_spectra_free(spectra, done);
    return st;
}

void wane_pair_spectra_free(wane_matrix_spectrum *spectra, size_t count)
{
    for (size_t i = 0; spectra && i < count; i++) wane_spectrum_free(&spectra[i].spectrum);
    wane_free(spectra);
}
