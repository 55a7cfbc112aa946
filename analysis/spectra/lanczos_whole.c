/* SPDX-License-Identifier: Apache-2.0
 * Lanczos on a whole matrix. A block has two columns, so the time goes into reading the matrix:
 * rows of a strip are used for both products while they are in the cache.
 */
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/leading.h"
#include "store/base/memory.h"

typedef struct whole {
    const double *w; /* row-major, rows >= cols */
    size_t rows, cols;
    size_t strips, strip_rows;
    double *sums; /* strips x (cols x widest): what each strip adds to A^T A x */
    wane_pool *pool;
} whole;

typedef struct both {
    const whole *a;
    double *y;
    const double *x;
    size_t count;
} both;

enum { MOST_STRIPS = 16, LEAST_STRIP = 64, CACHED_VALUES = 1 << 16 };

static void apply(const void *context, double *y, const double *x, size_t count)
{
    const whole *a = context;
    wane_columns_product(a->pool, true, false, a->rows, count, a->cols, 1, a->w, a->cols, x,
                         a->cols, 0, y, a->rows);
}

static void apply_transpose(const void *context, double *x, const double *y, size_t count)
{
    const whole *a = context;
    wane_columns_product(a->pool, false, false, a->cols, count, a->rows, 1, a->w, a->cols, y,
                         a->rows, 0, x, a->cols);
}

/* One strip, a few rows at a time. */
static void strip_both(void *context, size_t strip, int thread)
{
    (void)thread;
    const both *b = context;
    const whole *a = b->a;
    size_t n = a->cols, step = CACHED_VALUES / n < 8 ? 8 : CACHED_VALUES / n;
    size_t first = strip * a->strip_rows, end = first + a->strip_rows;
    double *sum = a->sums + strip * n * b->count;
    if (end > a->rows) end = a->rows;
    memset(sum, 0, n * b->count * sizeof *sum);
    for (size_t i = first; i < end; i += step) {
        size_t rows = end - i < step ? end - i : step;
        wane_columns_product(NULL, true, false, rows, b->count, n, 1, a->w + i * n, n, b->x, n, 0,
                             b->y + i, a->rows);
        wane_columns_product(NULL, false, false, n, b->count, rows, 1, a->w + i * n, n, b->y + i,
                             a->rows, 1, sum, n);
    }
}

static void apply_both(const void *context, double *y, double *z, const double *x, size_t count)
{
    const whole *a = context;
    both work = {a, y, x, count};
    wane_pool_run(a->pool, a->strips, strip_both, &work);
    memcpy(z, a->sums, a->cols * count * sizeof *z);
    for (size_t s = 1; s < a->strips; s++)
        for (size_t i = 0; i < a->cols * count; i++) z[i] += a->sums[s * a->cols * count + i];
}

wane_status wane_leading_whole(wane_leading *out, bool *found, const double *w, size_t rows,
                               size_t cols, size_t top, wane_pool *pool, wane_error *err)
{
    enum { WIDEST = 2 };
    wane_status st = WANE_OK;
    bool tall = rows >= cols;
    size_t m = tall ? rows : cols, n = tall ? cols : rows;
    whole a = {.w = w, .rows = m, .cols = n, .pool = pool};
    wane_leading leading = {0};
    double *turned = NULL;
    a.strip_rows = (m + MOST_STRIPS - 1) / MOST_STRIPS;
    if (a.strip_rows < LEAST_STRIP) a.strip_rows = LEAST_STRIP;
    a.strips = (m + a.strip_rows - 1) / a.strip_rows;
    a.sums = wane_alloc_aligned(a.strips * n * WIDEST, sizeof *a.sums);
    if (!tall) turned = wane_alloc_aligned(m * n, sizeof *turned);
    if (!a.sums || (!tall && !turned)) {
        st = wane_fail_memory(err, "singular triplets", "work space");
        goto done;
    }
    if (!tall) {
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < cols; j++) turned[j * rows + i] = w[i * cols + j];
        a.w = turned;
    }
    WANE_TRY(wane_leading_room(&leading, m, n, top, err));
    const wane_operator product = {.rows = m,
                                   .cols = n,
                                   .apply = apply,
                                   .apply_transpose = apply_transpose,
                                   .apply_both = apply_both,
                                   .context = &a,
                                   .pool = pool};
    WANE_TRY(wane_leading_lanczos(&leading, found, &product, err));
    if (!*found) goto done;
    if (!tall) leading = (wane_leading){rows, cols, top, leading.sigma, leading.v, leading.u};
    *out = leading;
    leading = (wane_leading){0};
done:
    wane_leading_free(&leading);
    wane_free(turned);
    wane_free(a.sums);
    return st;
}
