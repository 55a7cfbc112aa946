/* SPDX-License-Identifier: Apache-2.0
 * Block Lanczos with thick restarts on any operator, two columns at a time, until the leading
 * values are settled and no copy of a repeated one can be missing.
 */
#include "analysis/spectra/leading.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/base/random.h"

/* Two columns are the fewest that tell a pair of equal values; wider blocks read the matrix less
 * often but need so many more directions that they were slower on every shape tried. */
enum { BLOCK = 2, MOST_RESTARTS = 100 };

typedef struct krylov {
    wane_subspace space;
    double *block; /* cols x BLOCK: the directions to be added next */
    double *ahead; /* cols x BLOCK: those after them, in the making */
    double *next;  /* what that block kept of A^T U_last, or A^T A V_last: on V, below on itself */
    size_t ld;     /* of next */
    bool closed;   /* the Krylov space ended before the subspace was full */
} krylov;

wane_status wane_leading_room(wane_leading *out, size_t rows, size_t cols, size_t top,
                              wane_error *err)
{
    wane_leading leading = {.rows = rows, .cols = cols, .top = top};
    leading.sigma = wane_alloc_aligned(top, sizeof *leading.sigma);
    leading.u = wane_alloc_aligned(rows * top, sizeof *leading.u);
    leading.v = wane_alloc_aligned(cols * top, sizeof *leading.v);
    if (!leading.sigma || !leading.u || !leading.v) {
        wane_leading_free(&leading);
        return wane_fail_memory(err, "singular triplets", "vectors");
    }
    *out = leading;
    return WANE_OK;
}

void wane_leading_free(wane_leading *leading)
{
    wane_free(leading->sigma);
    wane_free(leading->u);
    wane_free(leading->v);
    *leading = (wane_leading){0};
}

wane_status wane_leading_start(double *block, size_t count, wane_error *err)
{
    const wane_random where = {.purpose = WANE_RANDOM_START};
    float *values = wane_alloc(count, sizeof *values);
    if (!values) return wane_fail_memory(err, "singular triplets", "start vectors");
    wane_random_normal_fill(values, count, 1, &where);
    for (size_t i = 0; i < count; i++) block[i] = (double)values[i];
    wane_free(values);
    return WANE_OK;
}

/* A^T U x - V y theta = V_next B x_last for a Ritz triplet: B is what the next block kept of
 * A^T U_last, x_last the part of x on U_last. Where the next block was made of A^T A V_last
 * instead, A V_last = U_last R + older ones says that B R^-1 stands for B. */
static bool converged(const krylov *k, size_t top)
{
    const wane_subspace *s = &k->space;
    const double *b = k->next + s->right;
    const double *r = s->t + (s->left - BLOCK) + (s->right - BLOCK) * s->capacity;
    for (size_t i = 0; i < top; i++) {
        const double *x = s->x + (i + 1) * s->left - BLOCK;
        double last[BLOCK] = {x[0], x[1]};
        if (s->a->apply_both) {
            last[1] = x[1] / r[1 + s->capacity];
            last[0] = (x[0] - r[s->capacity] * last[1]) / r[0];
        }
        double square = 0;
        for (size_t row = 0; row < BLOCK; row++) {
            double part = 0;
            for (size_t j = 0; j < BLOCK; j++) part += b[row + j * k->ld] * last[j];
            square += part * part;
        }
        if (!(sqrt(square) <= WANE_LEADING_TOLERANCE * s->theta[0])) return false;
    }
    return true;
}

/* A Krylov space started from BLOCK vectors holds at most BLOCK copies of a repeated value. */
static bool copies_may_be_missing(const wane_subspace *s, size_t top)
{
    const double apart = 1e-9;
    for (size_t i = 0; i + BLOCK <= top + 1 && i + BLOCK <= s->triplets; i++)
        if (s->theta[i] - s->theta[i + BLOCK - 1] <= apart * s->theta[0]) return true;
    return false;
}

/* Expands until the subspace is full or the Krylov space closes. */
static void fill(krylov *k)
{
    wane_subspace *s = &k->space;
    const wane_operator *a = s->a;
    k->closed = true;
    while (s->right + BLOCK <= s->capacity) {
        if (a->apply_both) a->apply_both(a->context, s->image, k->ahead, k->block, BLOCK);
        else a->apply(a->context, s->image, k->block, BLOCK);
        if (wane_subspace_add(s, k->block, BLOCK) < BLOCK) return;
        if (!a->apply_both)
            a->apply_transpose(a->context, k->ahead, s->u + (s->left - BLOCK) * a->rows, BLOCK);
        double *swap = k->block;
        k->block = k->ahead;
        k->ahead = swap;
        if (wane_subspace_prepare(s, k->block, BLOCK, k->next, k->ld) < BLOCK) return;
    }
    k->closed = false;
}

static wane_status take_result(wane_leading *out, bool *found, const wane_subspace *s,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    size_t top = out->top;
    double *norms = wane_alloc(top, sizeof *norms);
    if (!norms) {
        st = wane_fail_memory(err, "singular triplets", "residuals");
        goto done;
    }
    wane_subspace_vectors(s, top, out->u, out->v);
    memcpy(out->sigma, s->theta, top * sizeof *out->sigma);
    wane_subspace_residuals(s, top, out->u, out->v, s->spare, norms);
    *found = true;
    for (size_t i = 0; i < top; i++)
        if (!(norms[i] <= 4 * WANE_LEADING_TOLERANCE * s->theta[0])) *found = false;
done:
    wane_free(norms);
    return st;
}

static wane_status open_krylov(krylov *k, const wane_operator *a, size_t capacity, wane_error *err)
{
    k->ld = capacity + BLOCK;
    k->block = wane_alloc_aligned(a->cols * BLOCK, sizeof *k->block);
    k->next = wane_alloc_aligned(k->ld * BLOCK, sizeof *k->next);
    k->ahead = wane_alloc_aligned(a->cols * BLOCK, sizeof *k->ahead);
    if (!k->block || !k->ahead || !k->next)
        return wane_fail_memory(err, "singular triplets", "blocks");
    wane_status st = wane_subspace_open(&k->space, a, capacity, BLOCK, err);
    return st == WANE_OK ? wane_leading_start(k->block, a->cols * BLOCK, err) : st;
}

wane_status wane_leading_lanczos(wane_leading *out, bool *found, const wane_operator *a,
                                 wane_error *err)
{
    assert(out->rows == a->rows && out->cols == a->cols);
    wane_status st = WANE_OK;
    krylov k = {0};
    size_t top = out->top, capacity = 2 * top + 40, keep = top + top / 4 + 10;
    keep -= keep % BLOCK; /* a restarted subspace fills up without a rest */
    *found = false;
    if (capacity > a->cols) return WANE_OK;
    WANE_TRY(open_krylov(&k, a, capacity, err));
    if (wane_subspace_prepare(&k.space, k.block, BLOCK, NULL, 0) < BLOCK) goto done;
    for (int restarts = 0;; restarts++) {
        fill(&k);
        if (k.closed) goto done;
        WANE_TRY(wane_subspace_ritz(&k.space, err));
        if (converged(&k, top)) break;
        if (restarts == MOST_RESTARTS) goto done;
        wane_subspace_restart(&k.space, keep);
    }
    if (!copies_may_be_missing(&k.space, top)) st = take_result(out, found, &k.space, err);
done:
    wane_subspace_free(&k.space);
    wane_free(k.next);
    wane_free(k.ahead);
    wane_free(k.block);
    return st;
}
