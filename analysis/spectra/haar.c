/* SPDX-License-Identifier: Apache-2.0
 * Splits what is asked into what is known and what is new, and draws the images of that.
 */
#include "analysis/spectra/haar.h"

#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/subspace.h"
#include "store/base/memory.h"

void wane_haar_free(wane_haar *haar)
{
    wane_free(haar->from);
    wane_free(haar->to);
    *haar = (wane_haar){0};
}

static bool make_room(wane_haar *h, size_t count)
{
    size_t need = (h->known + count) * h->n, from = h->room, to = h->room;
    if (!WANE_GROW(h->from, from, need) || !WANE_GROW(h->to, to, need)) return false;
    h->room = from < to ? from : to;
    return true;
}

/* `count` orthonormal vectors more at the end of `to`. */
static bool draw(const wane_haar *h, double *to, size_t count, double *room)
{
    wane_random where = h->where;
    size_t drawn = 0;
    for (size_t j = 0; j < count; j++) {
        where.step = h->where.step + WANE_HAAR_STEP * (h->known + j + 1);
        wane_random_normals(to + (h->known + j) * h->n, h->n, &where);
    }
    drawn = wane_columns_orthonormalise(NULL, to + h->known * h->n, h->n, count, to, h->known, 0,
                                        WANE_HAAR_NOTHING, NULL, 0, room);
    return drawn == count;
}

static bool multiply(wane_haar *h, bool transpose, double *out, const double *in, size_t count)
{
    size_t n = h->n, ld = h->known + count;
    double *room = wane_alloc_aligned((h->known + 2) * count, sizeof *room);
    double *part = wane_alloc_aligned(ld * count, sizeof *part);
    bool done = room && part && make_room(h, count);
    if (done) {
        double *from = transpose ? h->to : h->from, *to = transpose ? h->from : h->to;
        memcpy(from + h->known * n, in, n * count * sizeof *from);
        size_t fresh = wane_columns_orthonormalise(NULL, from + h->known * n, n, count, from,
                                                   h->known, 0, WANE_HAAR_NOTHING, part, ld, room);
        done = draw(h, to, fresh, room);
        if (done) h->known += fresh;
        wane_columns_product(NULL, false, false, n, count, h->known, 1, to, n, part, ld, 0, out, n);
    }
    wane_free(room);
    wane_free(part);
    return done;
}

void wane_haar_multiply(wane_haar *h, bool transpose, double *out, const double *in, size_t count)
{
    if (!h->failed) h->failed = !multiply(h, transpose, out, in, count);
    if (h->failed) memset(out, 0, h->n * count * sizeof *out);
}
