/* SPDX-License-Identifier: Apache-2.0
 * Goes over the directions of one side: the largest cosine and its place, the span, the overlap
 * with the cluster it falls in, NaN below the floor. Frees a spectrum.
 */
#include "analysis/spectra/directions.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#include "store/base/memory.h"

double wane_direction_floor(size_t rows, size_t cols, double largest, double rounding)
{
    double larger = (double)(rows > cols ? rows : cols);
    return fmax(larger * (double)FLT_EPSILON * largest,
                (sqrt((double)rows) + sqrt((double)cols)) * rounding);
}

void wane_direction_clusters(size_t *end, const double *sigma, size_t count, double floor)
{
    const double relative = 1e-3;
    for (size_t i = 0, next = 0; i < count; i++) {
        double width = fmax(relative * sigma[i], 2 * floor);
        while (next < count && sigma[i] - sigma[next] <= width) next++;
        end[i] = next;
    }
}

/* Rounding may carry a cosine past 1. */
static double at_most_one(double value)
{
    return value > 1 ? 1 : value;
}

wane_direction wane_direction_absent(double sigma)
{
    return (wane_direction){.sigma = sigma,
                            .max_cosine = NAN,
                            .low = NAN,
                            .high = NAN,
                            .span = NAN,
                            .subspace_overlap = NAN,
                            .cluster_overlap = NAN};
}

/* The largest projection on a cluster; of one direction alone it is its |cosine|, to the bit. */
static double cluster_overlap(const double *cosine, double max_cosine, const wane_reference *r)
{
    double largest = 0;
    for (size_t first = 0; first < r->count; first++) {
        size_t end = r->end[first];
        double sum = 0;
        if (end - first == 1 || (first && r->end[first - 1] == end)) continue; /* inside another */
        for (size_t l = first; l < end; l++) sum += cosine[l] * cosine[l];
        if (sum > largest) largest = sum;
    }
    return fmax(max_cosine, at_most_one(sqrt(largest)));
}

static wane_direction direction(double sigma, const double *cosine, const wane_reference *r)
{
    enum { REACH = 3 };
    wane_direction d = {.sigma = sigma};
    size_t count = r->count;
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
    d.low = d.high = d.max_cosine = at_most_one(d.max_cosine);
    d.cluster_overlap = cluster_overlap(cosine, d.max_cosine, r);
    d.span = at_most_one(d.span);
    d.subspace_overlap = at_most_one(sqrt(widest));
    return d;
}

void wane_directions_fill(wane_direction *out, size_t count, const double *sigma,
                          const double *cosines, size_t ld, const wane_reference *reference)
{
    assert(count <= 1 || ld >= reference->count);
    for (size_t j = 0; j < count; j++)
        out[j] = sigma[j] > reference->floor ? direction(sigma[j], cosines + j * ld, reference)
                                             : wane_direction_absent(sigma[j]);
}

void wane_spectrum_free(wane_spectrum *spectrum)
{
    wane_free(spectrum->memory);
    wane_free(spectrum->u);
    wane_free(spectrum->v);
    *spectrum = (wane_spectrum){0};
}
