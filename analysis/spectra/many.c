/* SPDX-License-Identifier: Apache-2.0
 * Spectra of many weights at once, and overlaps of directions with those of the base.
 */
#include <math.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/lapack.h"
#include "store/base/memory.h"

typedef struct many {
    wane_spectrum_case *cases;
    const wane_spectrum_options *options;
    wane_status *status;
    wane_error *errors;
} many;

static void one_of_many(void *context, size_t i, int thread)
{
    many *m = context;
    wane_spectrum_case *c = &m->cases[i];
    (void)thread;
    if (c->terms)
        m->status[i] = wane_spectrum_lowrank(&c->spectrum, c->base, c->terms, c->count, m->options,
                                             NULL, &m->errors[i]);
    else
        m->status[i] =
            wane_spectrum_full(&c->spectrum, c->base, c->tuned, m->options, NULL, &m->errors[i]);
    wane_base_svd_let_go(c->base);
}

wane_status wane_spectrum_many(wane_spectrum_case *cases, size_t count,
                               const wane_spectrum_options *options, wane_pool *pool,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    many m = {.cases = cases,
              .options = options,
              .status = wane_alloc(count, sizeof *m.status),
              .errors = wane_alloc(count, sizeof *m.errors)};
    for (size_t i = 0; i < count; i++) cases[i].spectrum = (wane_spectrum){0};
    if (!m.status || !m.errors) {
        st = wane_fail_memory(err, "spectrum", "cases");
        goto done;
    }
    wane_pool_run(pool, count, one_of_many, &m);
    for (size_t i = 0; i < count && st == WANE_OK; i++)
        if ((st = m.status[i]) != WANE_OK && err) *err = m.errors[i];
    for (size_t i = 0; i < count && st != WANE_OK; i++) wane_spectrum_free(&cases[i].spectrum);
done:
    wane_free(m.status);
    wane_free(m.errors);
    return st;
}

wane_status wane_spectrum_overlap(double *out, size_t size, const wane_base_svd *base,
                                  const wane_spectrum *spectrum, wane_side side, wane_error *err)
{
    const double *vectors = side == WANE_SIDE_U ? spectrum->u : spectrum->v;
    const double *basis = side == WANE_SIDE_U ? base->u : base->v;
    size_t length = side == WANE_SIDE_U ? base->rows : base->cols;
    if (!vectors || size > base->rank || size > spectrum->count)
        return wane_fail(err, WANE_EINVAL,
                         "overlap: %zu directions: the base has %zu, the tuned weight %zu", size,
                         base->rank, vectors ? spectrum->count : 0);
    /* By columns this is vectors^T basis: element (j, i), row-major element (i, j). */
    wane_columns_product(NULL, true, false, size, size, length, 1, vectors, length, basis, length,
                         0, out, size);
    for (size_t i = 0; i < size * size; i++) out[i] = fabs(out[i]) > 1 ? 1 : fabs(out[i]);
    return WANE_OK;
}
