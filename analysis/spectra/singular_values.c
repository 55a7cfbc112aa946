/* SPDX-License-Identifier: Apache-2.0
 * Adds up the smaller Gram matrix panel by panel, in blocks of its lower triangle.
 */
#include "analysis/spectra/singular_values.h"

#include <math.h>

#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

enum { PANEL = 256, BLOCK = 512 };

/* A panel in double: `height` lines of the longer side, `least` numbers each. */
static void widen(double *panel, wane_matrix w, wane_matrix less, size_t first, size_t height)
{
    bool tall = w.rows >= w.cols;
    size_t least = tall ? w.cols : w.rows;
    for (size_t line = 0; line < height; line++)
        for (size_t i = 0; i < least; i++) {
            size_t row = tall ? first + line : i, col = tall ? i : first + line;
            double value = (double)w.data[row * w.stride + col];
            if (less.data) value -= (double)less.data[row * less.stride + col];
            panel[line * least + i] = value;
        }
}

/* gram += the panel's, its lower triangle. */
static void add(double *gram, const double *panel, size_t least, size_t height, wane_pool *pool)
{
    for (size_t j = 0; j < least; j += BLOCK) {
        size_t width = least - j < BLOCK ? least - j : BLOCK;
        wane_columns_product(pool, false, true, least - j, width, height, 1, panel + j, least,
                             panel + j, least, 1, gram + j + j * least, least);
    }
}

wane_status wane_singular_values(double *out, wane_matrix w, wane_matrix less, wane_pool *pool,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    size_t least = w.rows < w.cols ? w.rows : w.cols, most = w.rows < w.cols ? w.cols : w.rows;
    double *gram = NULL, *panel = NULL;
    WANE_TRY(wane_lapack_shape("singular values", w.rows, w.cols, err));
    gram = wane_alloc_aligned(least * least, sizeof *gram);
    panel = wane_alloc_aligned(PANEL * least, sizeof *panel);
    if (!gram || !panel) WANE_TRY(wane_fail_memory(err, "singular values", "Gram matrix"));
    for (size_t first = 0; first < most; first += PANEL) {
        size_t height = most - first < PANEL ? most - first : PANEL;
        widen(panel, w, less, first, height);
        add(gram, panel, least, height, pool);
    }
    WANE_TRY(wane_lapack_eigenvalues(out, gram, least, err));
    for (size_t i = 0; i < least; i++) out[i] = out[i] > 0 ? sqrt(out[i]) : 0;
done:
    wane_free(gram);
    wane_free(panel);
    return st;
}
