/* SPDX-License-Identifier: Apache-2.0
 * A base of which the leading triplets alone are found, and which matrices get one.
 */
#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/delta.h"
#include "analysis/spectra/directions.h"
#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "analysis/spectra/singular_values.h"
#include "store/base/memory.h"

bool wane_spectrum_is_bounded(wane_spectrum_way way, size_t rows, size_t cols, size_t top)
{
    size_t least = rows < cols ? rows : cols;
    bool few = top > 0 && 8 * top <= least;
    return few &&
           (way == WANE_SPECTRUM_BOUNDED || (way == WANE_SPECTRUM_AUTO && least > WANE_EXACT_SIDE));
}

/* What bounds by moments ask of triplets that are known; rho and sigma_1 are far better. */
static const double RESIDUAL = 1e-6;

wane_status wane_base_svd_leading(wane_base_svd **out, wane_matrix base, size_t top,
                                  wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_leading leading = {0};
    wane_base_svd *svd = NULL;
    size_t least = base.rows < base.cols ? base.rows : base.cols;
    double *angle = NULL;
    bool found = false;
    double frobenius = 0;
    if (!base.data || base.stride != base.cols)
        return wane_fail(err, WANE_EINVAL, "base spectrum: matrix %zu x %zu: no data, or gaps",
                         base.rows, base.cols);
    WANE_TRY(wane_lapack_shape("base spectrum", base.rows, base.cols, err));
    if (top < WANE_RHO_DIRECTIONS) top = WANE_RHO_DIRECTIONS;
    if (top > least) top = least;
    angle = wane_alloc(top, sizeof *angle);
    if (!angle) WANE_TRY(wane_fail_memory(err, "base spectrum", "triplets"));
    const wane_leading_question question = {.weight = base, .top = top, .residual = RESIDUAL};
    WANE_TRY(wane_leading_find(&leading, angle, &found, &question, pool, err));
    if (!found) {
        st = wane_base_svd_compute(out, base, err);
        goto done;
    }
    WANE_TRY(wane_weight_frobenius(&frobenius, base, pool, err));
    svd = wane_alloc(1, sizeof *svd);
    if (!svd) WANE_TRY(wane_fail_memory(err, "base spectrum", "matrix"));
    *svd = (wane_base_svd){.rows = base.rows,
                           .cols = base.cols,
                           .rank = top,
                           .sigma = leading.sigma,
                           .u = leading.u,
                           .v = leading.v,
                           .base = base.data,
                           .frobenius = frobenius};
    leading = (wane_leading){0};
    double floor = wane_direction_floor(base.rows, base.cols, svd->sigma[0], 0);
    while (svd->count < top && svd->sigma[svd->count] > floor) svd->count++;
    *out = svd;
done:
    wane_free(angle);
    wane_leading_free(&leading);
    return st;
}

wane_status wane_base_svd_take(wane_base_svd **out, wane_matrix base, wane_spectrum_way way,
                               size_t top, const char *folder, wane_pool *pool, wane_error *err)
{
    if (wane_spectrum_is_bounded(way, base.rows, base.cols, top))
        return wane_base_svd_leading(out, base, top, pool, err);
    return folder ? wane_base_svd_cached(out, base, folder, err)
                  : wane_base_svd_compute(out, base, err);
}

wane_status wane_base_svd_find_values(wane_base_svd *svd, wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t least = svd->rows < svd->cols ? svd->rows : svd->cols;
    const wane_matrix weight = {svd->base, svd->rows, svd->cols, svd->cols}, nothing = {0};
    double *values = NULL;
    if (wane_base_svd_sigma(svd)) return WANE_OK;
    values = wane_alloc_aligned(least, sizeof *values);
    if (!values) WANE_TRY(wane_fail_memory(err, "base spectrum", "singular values"));
    WANE_TRY(wane_singular_values(values, weight, nothing, pool, err));
    double floor = wane_direction_floor(svd->rows, svd->cols, values[0], 0);
    while (svd->above < least && values[svd->above] > floor) svd->above++;
    svd->values = values;
    values = NULL;
done:
    wane_free(values);
    return st;
}
