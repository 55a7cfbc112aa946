/* SPDX-License-Identifier: Apache-2.0
 * The leading triplets of a random update known by its products alone, of a rank for which its
 * frames would be as large as the weight: W_0 + U S V^T in the singular basis of W_0.
 */
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/null_draw.h"
#include "store/base/memory.h"

/* The drawn weight: diag(base) + U diag(sigma) V^T. */
typedef struct drawn {
    size_t rows, cols, k;
    const double *base, *sigma;
    wane_haar *u, *v;
    bool failed; /* there was no memory */
} drawn;

static size_t least_of(const drawn *d)
{
    return d->rows < d->cols ? d->rows : d->cols;
}

/* out (to x count) = the weight, or its transpose, times in (from x count). */
static void multiply(drawn *d, bool transpose, double *out, const double *in, size_t count)
{
    size_t from = transpose ? d->rows : d->cols, to = transpose ? d->cols : d->rows;
    double *inner = wane_alloc_aligned(from * count, sizeof *inner);
    double *outer = wane_alloc_aligned(to * count, sizeof *outer);
    memset(out, 0, to * count * sizeof *out);
    if (!inner || !outer) {
        d->failed = true;
        goto done;
    }
    wane_haar_multiply(transpose ? d->u : d->v, true, inner, in, count);
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < d->k; i++) outer[i + j * to] = d->sigma[i] * inner[i + j * from];
    wane_haar_multiply(transpose ? d->v : d->u, false, out, outer, count);
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < least_of(d); i++) out[i + j * to] += d->base[i] * in[i + j * from];
    d->failed = d->failed || d->u->failed || d->v->failed;
done:
    wane_free(inner);
    wane_free(outer);
}

/* The operator's context is not const: what is asked is drawn, and drawn once. */
static void apply(const void *context, double *y, const double *x, size_t count)
{
    multiply(*(drawn *const *)context, false, y, x, count);
}

static void apply_transpose(const void *context, double *x, const double *y, size_t count)
{
    multiply(*(drawn *const *)context, true, x, y, count);
}

/* The rest of the frames after all, for the dense method. */
static wane_status dense_triplets(wane_leading *out, drawn *d, size_t top, wane_error *err)
{
    enum { COLUMNS = 64 };
    size_t m = d->rows, n = d->cols;
    double *c = wane_alloc_aligned(m * n, sizeof *c);
    double *axes = wane_alloc_aligned(n * COLUMNS, sizeof *axes);
    wane_status st = WANE_OK;
    if (!c || !axes) WANE_TRY(wane_fail_memory(err, "random update", "weight"));
    for (size_t first = 0; first < n; first += COLUMNS) {
        size_t count = n - first < COLUMNS ? n - first : COLUMNS;
        memset(axes, 0, n * COLUMNS * sizeof *axes);
        for (size_t j = 0; j < count; j++) axes[first + j + j * n] = 1;
        multiply(d, false, c + first * m, axes, count);
    }
    if (d->failed) WANE_TRY(wane_fail_memory(err, "random update", "frames"));
    st = wane_leading_dense(out, c, m, n, top, err);
done:
    wane_free(c);
    wane_free(axes);
    return st;
}

wane_status wane_null_frames_triplets(wane_leading *out, const wane_null_change *change,
                                      const wane_null_update *update, size_t top, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_base_svd *base = change->base;
    bool found = false;
    wane_leading leading = {0};
    drawn d = {.rows = base->rows,
               .cols = base->cols,
               .k = update->k,
               .base = wane_base_svd_sigma(base),
               .sigma = change->sigma,
               .u = &update->frame[0],
               .v = &update->frame[1]};
    drawn *const context = &d;
    const wane_operator a = {.rows = d.rows,
                             .cols = d.cols,
                             .apply = apply,
                             .apply_transpose = apply_transpose,
                             .context = &context};
    WANE_TRY(wane_leading_room(&leading, d.rows, d.cols, top, err));
    WANE_TRY(wane_leading_lanczos(&leading, &found, &a, err));
    if (d.failed) WANE_TRY(wane_fail_memory(err, "random update", "frames"));
    if (!found) {
        wane_leading_free(&leading);
        WANE_TRY(dense_triplets(&leading, &d, top, err));
    }
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    return st;
}
