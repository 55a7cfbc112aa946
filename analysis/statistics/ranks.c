/* SPDX-License-Identifier: Apache-2.0
 * Codes by one sort of the values; mid-ranks and orders from them by counting.
 */
#include "analysis/statistics/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"

typedef struct placed {
    double value;
    uint32_t index;
} placed;

static int by_value(const void *a, const void *b)
{
    double x = ((const placed *)a)->value, y = ((const placed *)b)->value;
    return (x > y) - (x < y);
}

wane_status wane_rank_codes(uint32_t *codes, size_t *distinct, const double *values, size_t n,
                            wane_error *err)
{
    if (n > UINT32_MAX) return wane_fail(err, WANE_EINVAL, "rank: %zu values: more than 2^32", n);
    placed *sorted = wane_alloc(n, sizeof *sorted);
    if (!sorted) return wane_fail_memory(err, "rank", "values");
    for (size_t i = 0; i < n; i++) sorted[i] = (placed){values[i], (uint32_t)i};
    qsort(sorted, n, sizeof *sorted, by_value);
    uint32_t code = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && sorted[i].value > sorted[i - 1].value) code++;
        codes[sorted[i].index] = code;
    }
    *distinct = n > 0 ? (size_t)code + 1 : 0;
    wane_free(sorted);
    return WANE_OK;
}

void wane_ranks_of_codes(double *ranks, const uint32_t *codes, size_t n, size_t *counts,
                         size_t distinct)
{
    memset(counts, 0, distinct * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[codes[i]]++;
    /* Twice the mid-rank of a code is 2 before + count + 1, a whole number. */
    size_t before = 0;
    for (size_t c = 0; c < distinct; c++) {
        size_t count = counts[c];
        counts[c] = 2 * before + count + 1;
        before += count;
    }
    for (size_t i = 0; i < n; i++) ranks[i] = (double)counts[codes[i]] / 2;
}

void wane_order_of_codes(uint32_t *order, const uint32_t *codes, size_t n, size_t *counts,
                         size_t distinct)
{
    memset(counts, 0, (distinct + 1) * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[codes[i] + 1]++;
    for (size_t c = 0; c < distinct; c++) counts[c + 1] += counts[c];
    for (size_t i = 0; i < n; i++) order[counts[codes[i]]++] = (uint32_t)i;
}

wane_status wane_midranks(double *ranks, const double *values, size_t n, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t distinct = 0, *counts = NULL;
    uint32_t *codes = wane_alloc(n, sizeof *codes);
    if (!codes) {
        st = wane_fail_memory(err, "rank", "values");
        goto done;
    }
    WANE_TRY(wane_rank_codes(codes, &distinct, values, n, err));
    counts = wane_alloc(distinct, sizeof *counts);
    if (!counts) {
        st = wane_fail_memory(err, "rank", "values");
        goto done;
    }
    wane_ranks_of_codes(ranks, codes, n, counts, distinct);
done:
    wane_free(counts);
    wane_free(codes);
    return st;
}
