/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/spectra/directions.h"

#include <math.h>

/* Rounding may carry a cosine past 1. */
static double at_most_one(double value)
{
    return value > 1 ? 1 : value;
}

static wane_direction direction(double sigma, const double *cosine, size_t count)
{
    enum { REACH = 3 };
    wane_direction d = {.sigma = sigma};
    double widest = 0, window = 0;
    for (size_t i = 0; i < count; i++) {
        double size = fabs(cosine[i]);
        if (size > d.max_cosine || d.argmax == 0) {
            d.max_cosine = size;
            d.argmax = i + 1;
        }
        d.span += size * size;
    }
    for (size_t i = 0; i < count; i++) {
        /* Summed afresh: a running window would carry rounding along. */
        size_t low = i < REACH ? 0 : i - REACH, high = i + REACH < count ? i + REACH : count - 1;
        window = 0;
        for (size_t l = low; l <= high; l++) window += cosine[l] * cosine[l];
        if (window > widest) widest = window;
    }
    d.max_cosine = at_most_one(d.max_cosine);
    d.span = at_most_one(d.span);
    d.subspace_overlap = at_most_one(sqrt(widest));
    return d;
}

void wane_directions_fill(wane_direction *out, size_t count, const double *sigma,
                          const double *cosines, size_t base_count, size_t ld)
{
    for (size_t j = 0; j < count; j++) out[j] = direction(sigma[j], cosines + j * ld, base_count);
}
