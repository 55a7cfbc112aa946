/* SPDX-License-Identifier: Apache-2.0
 * Gives each direction the identity of the first one of the look before with which it overlaps on
 * both sides, else a new one.
 */
#include "analysis/spectra/trace.h"

#include <assert.h>
#include <math.h>

#include "store/base/memory.h"

static void free_vectors(wane_trace *trace)
{
    wane_free(trace->u);
    wane_free(trace->v);
    wane_free(trace->identity);
}

void wane_trace_free(wane_trace *trace)
{
    free_vectors(trace);
    *trace = (wane_trace){0};
}

wane_status wane_trace_room(wane_trace *trace, size_t count, size_t rows, size_t cols,
                            wane_error *err)
{
    wane_trace made = {.count = count, .rows = rows, .cols = cols, .issued = trace->issued};
    made.identity = wane_alloc(count, sizeof *made.identity);
    made.u = wane_alloc(count * rows, sizeof *made.u);
    made.v = wane_alloc(count * cols, sizeof *made.v);
    if (!made.identity || !made.u || !made.v) {
        free_vectors(&made);
        return wane_fail_memory(err, "trace", "directions");
    }
    free_vectors(trace);
    *trace = made;
    return WANE_OK;
}

static double product(const float *a, const float *b, size_t length)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++) sum += (double)a[i] * (double)b[i];
    return fabs(sum);
}

static bool same_direction(const wane_trace *a, size_t i, const wane_trace *b, size_t j)
{
    double left = product(a->u + i * a->rows, b->u + j * b->rows, a->rows);
    if (!(left > WANE_TRACE_OVERLAP)) return false;
    return left * product(a->v + i * a->cols, b->v + j * b->cols, a->cols) > WANE_TRACE_OVERLAP;
}

static bool exists(const wane_spectrum *s, size_t j)
{
    const wane_direction *d = s->side[WANE_SIDE_U] ? s->side[WANE_SIDE_U] : s->side[WANE_SIDE_V];
    return !d || !isnan(d[j].max_cosine);
}

wane_status wane_trace_follow(wane_trace *trace, const wane_spectrum *s, size_t rows, size_t cols,
                              wane_error *err)
{
    assert(s->count == 0 || (s->u && s->v));
    wane_trace next = {.issued = trace->issued};
    wane_status st = wane_trace_room(&next, s->count, rows, cols, err);
    if (st != WANE_OK) return st;
    bool comparable = trace->rows == rows && trace->cols == cols;
    for (size_t i = 0; i < s->count * rows; i++) next.u[i] = (float)s->u[i];
    for (size_t i = 0; i < s->count * cols; i++) next.v[i] = (float)s->v[i];
    for (size_t j = 0; j < next.count; j++) {
        if (!exists(s, j)) continue;
        for (size_t i = 0; comparable && i < trace->count && !next.identity[j]; i++)
            if (trace->identity[i] && same_direction(trace, i, &next, j))
                next.identity[j] = trace->identity[i];
        if (!next.identity[j]) next.identity[j] = ++next.issued;
    }
    free_vectors(trace);
    *trace = next;
    return WANE_OK;
}
