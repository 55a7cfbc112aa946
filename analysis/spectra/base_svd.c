/* SPDX-License-Identifier: Apache-2.0
 * Computes the SVD of W_0 in double by LAPACK on the transpose that row-major storage is.
 */
#include "analysis/spectra/base_svd.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

wane_status wane_base_svd_shape(wane_base_svd **out, size_t rows, size_t cols, wane_error *err)
{
    wane_status st = wane_lapack_shape("base spectrum", rows, cols, err);
    if (st != WANE_OK) return st;
    wane_base_svd *svd = wane_alloc(1, sizeof *svd);
    if (!svd) return wane_fail_memory(err, "base spectrum", "matrix");
    svd->rows = rows;
    svd->cols = cols;
    svd->rank = rows < cols ? rows : cols;
    *out = svd;
    return WANE_OK;
}

wane_status wane_base_svd_room(wane_base_svd **out, size_t rows, size_t cols, wane_error *err)
{
    wane_base_svd *svd = NULL;
    wane_status st = wane_base_svd_shape(&svd, rows, cols, err);
    if (st != WANE_OK) return st;
    size_t rank = svd->rank;
    svd->sigma = wane_alloc_aligned(rank, sizeof *svd->sigma);
    svd->u = wane_alloc_aligned(rows * rank, sizeof *svd->u);
    svd->v = wane_alloc_aligned(cols * rank, sizeof *svd->v);
    svd->base = svd->owned = wane_alloc_aligned(rows * cols, sizeof *svd->owned);
    if (!svd->sigma || !svd->u || !svd->v || !svd->base) {
        wane_base_svd_free(svd);
        return wane_fail_memory(err, "base spectrum", "singular vectors");
    }
    *out = svd;
    return WANE_OK;
}

void wane_base_svd_finish(wane_base_svd *svd)
{
    size_t larger = svd->rows > svd->cols ? svd->rows : svd->cols;
    double cut = (double)larger * (double)FLT_EPSILON * svd->sigma[0];
    svd->count = 0;
    while (svd->count < svd->rank && svd->sigma[svd->count] > cut) svd->count++;
    double sum = 0;
    for (size_t i = 0; i < svd->rows; i++) {
        double row = 0;
        for (size_t j = 0; j < svd->cols; j++) {
            double value = (double)svd->base[i * svd->cols + j];
            row += value * value;
        }
        sum += row;
    }
    svd->frobenius = sqrt(sum);
}

wane_status wane_base_svd_compute(wane_base_svd **out, wane_matrix base, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_base_svd *svd = NULL;
    double *wide = NULL;
    size_t rows = base.rows, cols = base.cols;
    if (!base.data || base.stride < cols)
        return wane_fail(err, WANE_EINVAL, "base spectrum: matrix %zu x %zu: no data", rows, cols);
    WANE_TRY(wane_base_svd_room(&svd, rows, cols, err));
    wide = wane_alloc_aligned(rows * cols, sizeof *wide);
    if (!wide) {
        st = wane_fail_memory(err, "base spectrum", "matrix");
        goto done;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            float value = base.data[i * base.stride + j];
            svd->owned[i * cols + j] = value;
            wide[i * cols + j] = (double)value;
        }
    /* Row-major W is column-major W^T = V S U^T: the left vectors LAPACK finds are V, and its vt is
     * U^T, column-major, that is U row-major. */
    WANE_TRY(wane_lapack_svd(wide, cols, rows, svd->sigma, svd->v, svd->u, err));
    wane_free(wide);
    wide = wane_alloc_aligned(rows * svd->rank, sizeof *wide);
    if (!wide) {
        st = wane_fail_memory(err, "base spectrum", "singular vectors");
        goto done;
    }
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < svd->rank; k++) wide[i + k * rows] = svd->u[k + i * svd->rank];
    memcpy(svd->u, wide, rows * svd->rank * sizeof *wide);
    wane_base_svd_finish(svd);
    *out = svd;
    svd = NULL;
done:
    wane_free(wide);
    wane_base_svd_free(svd);
    return st;
}

void wane_base_svd_free(wane_base_svd *svd)
{
    if (!svd) return;
    if (!svd->map.bytes) {
        wane_free(svd->sigma);
        wane_free(svd->u);
        wane_free(svd->v);
        wane_free(svd->owned);
    }
    wane_map_close(&svd->map);
    wane_free(svd->values);
    wane_free(svd);
}

void wane_base_svd_let_go(const wane_base_svd *svd)
{
    if (svd && svd->map.bytes) wane_map_let_go(&svd->map, 0, svd->map.bytes);
}

size_t wane_base_svd_count(const wane_base_svd *svd)
{
    return wane_base_svd_is_whole(svd) ? svd->count : svd->above;
}

const double *wane_base_svd_sigma(const wane_base_svd *svd)
{
    return wane_base_svd_is_whole(svd) ? svd->sigma : svd->values;
}

bool wane_base_svd_is_whole(const wane_base_svd *svd)
{
    return svd->owned != NULL;
}
