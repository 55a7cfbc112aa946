/* SPDX-License-Identifier: Apache-2.0
 * Sorts both sides and finds the most pairs, and of these the nearest, by dynamic programming over
 * the two sorted lists.
 */
#include "analysis/statistics/matching.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/base/memory.h"

typedef struct place {
    double value;
    size_t at;
} place;

static int by_value(const void *left, const void *right)
{
    const place *a = left, *b = right;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* Those that are numbers, sorted; how many. */
static size_t sorted(place *out, const double *values, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) out[count++] = (place){values[i], i};
    qsort(out, count, sizeof *out, by_value);
    return count;
}

/* The best of the first i of one side and the first j of the other. */
typedef struct cell {
    size_t pairs;
    double distance;
} cell;

static bool better(const cell *a, const cell *b)
{
    return a->pairs > b->pairs || (a->pairs == b->pairs && a->distance < b->distance);
}

static bool within(double a, double b, double caliper)
{
    return fabs(a - b) <= caliper + 1e-12 * fmax(fabs(a), fabs(b));
}

static cell pair_of(const cell *before, const place *a, const place *b)
{
    return (cell){before->pairs + 1, before->distance + fabs(a->value - b->value)};
}

/* best has (n + 1) x (m + 1) cells, those of row 0 and column 0 empty. */
static void fill(cell *best, const place *a, size_t n, const place *b, size_t m, double caliper)
{
    size_t width = m + 1;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            cell *now = &best[i * width + j];
            const cell *up = now - width, *left = now - 1;
            *now = better(left, up) ? *left : *up;
            if (!within(a[i - 1].value, b[j - 1].value, caliper)) continue;
            const cell pair = pair_of(up - 1, &a[i - 1], &b[j - 1]);
            if (better(&pair, now)) *now = pair;
        }
}

static bool same(const cell *a, const cell *b)
{
    return a->pairs == b->pairs && a->distance == b->distance;
}

/* From the last cell back along what made it. */
static void follow(size_t *partner, const cell *best, const place *a, size_t n, const place *b,
                   size_t m)
{
    size_t width = m + 1;
    while (n > 0 && m > 0) {
        const cell *now = &best[n * width + m];
        if (same(now, now - width)) n--;
        else if (same(now, now - 1)) m--;
        else {
            n--;
            m--;
            partner[a[n].at] = b[m].at;
        }
    }
}

wane_status wane_match(size_t *partner, const double *a, size_t n, const double *b, size_t m,
                       double caliper, wane_error *err)
{
    wane_status st = WANE_OK;
    if (!(caliper > 0) || !isfinite(caliper))
        return wane_fail(err, WANE_EINVAL, "match: caliper %g: not positive", caliper);
    for (size_t i = 0; i < n; i++) partner[i] = WANE_UNMATCHED;
    if (n == 0 || m == 0) return WANE_OK;
    place *left = wane_alloc(n, sizeof *left), *right = wane_alloc(m, sizeof *right);
    cell *best = m < SIZE_MAX / sizeof *best ? wane_alloc(n + 1, (m + 1) * sizeof *best) : NULL;
    if (!left || !right || !best) {
        st = wane_fail_memory(err, "match", "numbers");
        goto done;
    }
    n = sorted(left, a, n);
    m = sorted(right, b, m);
    for (size_t i = 0; i < (n + 1) * (m + 1); i++) best[i] = (cell){0, 0};
    fill(best, left, n, right, m, caliper);
    follow(partner, best, left, n, right, m);
done:
    wane_free(left);
    wane_free(right);
    wane_free(best);
    return st;
}
