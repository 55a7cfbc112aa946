/* SPDX-License-Identifier: Apache-2.0
 * The five arms of an intervention. With p intruders and what dW does to their vectors all norms
 * are sums over p x p numbers: ||dW + f sum u sigma v^T||^2 = ||dW||^2 + 2 f sum sigma u^T dW v +
 * f^2 sum sigma^2, and ||N||^2 = ||dW||^2 - ||U^T dW||^2 - ||dW V||^2 + ||U^T dW V||^2, as N is a
 * projection of dW.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/scaling.h"
#include "store/base/memory.h"

/* sum sigma^2 and sum sigma u^T dW v over the chosen directions. */
typedef struct sums {
    double squares, inner;
} sums;

static sums of_intruders(const wane_scaling *s, size_t count)
{
    sums out = {0, 0};
    for (size_t i = 0; i < count; i++) {
        out.squares += s->sigma[i] * s->sigma[i];
        out.inner += s->sigma[i] * s->inside[i + i * s->count];
    }
    return out;
}

static sums of_neighbours(const wane_scaling *s, size_t count)
{
    sums out = {0, 0};
    for (size_t i = 0; i < count; i++) {
        out.squares += s->neighbour_sigma[i] * s->neighbour_sigma[i];
        out.inner += s->neighbour_sigma[i] * s->neighbour_inside[i];
    }
    return out;
}

/* ||a dW + f sum u sigma v^T||; what rounding leaves of nothing is 0. */
static double norm_of(double delta, double a, double f, sums x)
{
    double square = a * a * delta * delta + 2 * a * f * x.inner + f * f * x.squares;
    return square > 0 ? sqrt(square) : 0;
}

static double sum_of_squares(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i] * values[i];
    return sum;
}

/* ||N||^2 of the first p intruders. */
static double outside(const wane_scaling *s, size_t p)
{
    double square = s->delta * s->delta - sum_of_squares(s->given, s->rows * p) -
                    sum_of_squares(s->taken, s->cols * p);
    for (size_t j = 0; j < p; j++) square += sum_of_squares(s->inside + j * s->count, p);
    return square > 0 ? square : 0;
}

static void rescale(wane_intervention *out, const wane_scaling *s, double d, double f, sums x)
{
    const double least = 1e-3;
    if (!(d >= least * s->delta)) {
        out->state = WANE_ARM_VANISHED;
        return;
    }
    double t = s->delta / d;
    out->delta_scale = t - 1;
    out->factor = t * f;
    out->delta_frobenius = s->delta;
    out->moved_frobenius = norm_of(s->delta, t - 1, t * f, x);
}

static void energy(wane_intervention *out, const wane_scaling *s, double d, size_t p)
{
    double n = outside(s, p), e = (s->delta - d) * (s->delta + d);
    if (!(e >= 0 && e <= n)) {
        out->state = WANE_ARM_UNREACHABLE;
        return;
    }
    double c = n > 0 ? 1 - sqrt(1 - e / n) : 0;
    out->delta_scale = -c;
    out->factor = c;
    out->rank = 2 * p;
    out->delta_frobenius = d;
    out->moved_frobenius = c * sqrt(n);
}

static wane_intervention missing(wane_intervention out)
{
    out.delta_scale = out.factor = out.delta_frobenius = out.moved_frobenius = NAN;
    out.rank = 0;
    return out;
}

wane_intervention wane_intervene(const wane_scaling *s, wane_choice choice, wane_arm arm,
                                 double lambda)
{
    size_t p = wane_scaling_intruders(s, choice);
    wane_intervention out = {.arm = arm, .choice = choice, .lambda = lambda, .rank = p};
    if (p == 0) out.state = WANE_ARM_NO_INTRUDER;
    for (size_t i = 0; arm == WANE_ARM_NEIGHBOUR && i < p; i++)
        if (!s->neighbour[i]) out.state = WANE_ARM_NO_NEIGHBOUR;
    if (out.state != WANE_ARM_EXISTS) return missing(out);
    if (lambda == 1) {
        out.rank = 0;
        out.delta_frobenius = s->delta;
        return out;
    }
    double f = lambda - 1;
    sums x = of_intruders(s, p);
    double d = norm_of(s->delta, 1, f, x); /* ||D_a|| */
    out.factor = f;
    out.delta_frobenius = d;
    switch (arm) {
    case WANE_ARM_NEIGHBOUR:
        x = of_neighbours(s, p);
        out.delta_frobenius = norm_of(s->delta, 1, f, x);
        /* fall through */
    case WANE_ARM_INTRUDERS: out.moved_frobenius = norm_of(s->delta, 0, f, x); break;
    case WANE_ARM_SHRINK:
        out.rank = 0;
        out.factor = 0;
        out.delta_scale = d / s->delta - 1;
        out.moved_frobenius = fabs(out.delta_scale) * s->delta;
        break;
    case WANE_ARM_RESCALE: rescale(&out, s, d, f, x); break;
    case WANE_ARM_ENERGY: energy(&out, s, d, p); break;
    }
    return out.state == WANE_ARM_EXISTS ? out : missing(out);
}

static void scaled_columns(double *out, const double *vectors, size_t length, const double *sigma,
                           double factor, size_t count)
{
    for (size_t j = 0; j < count; j++)
        for (size_t i = 0; i < length; i++)
            out[i + j * length] = factor * sigma[j] * vectors[i + j * length];
}

/* -c N + c dW = c (U (dW^T U)^T + (dW V - U (U^T dW V)) V^T). */
static void energy_factors(double *left, double *right, const wane_scaling *s,
                           const wane_intervention *what)
{
    size_t m = s->rows, n = s->cols, p = what->rank / 2;
    double *second = left + m * p;
    for (size_t i = 0; i < m * p; i++) left[i] = what->factor * s->u[i];
    memcpy(right, s->taken, n * p * sizeof *right);
    memcpy(second, s->given, m * p * sizeof *second);
    wane_columns_product(NULL, false, false, m, p, p, -what->factor, s->u, m, s->inside, s->count,
                         what->factor, second, m);
    memcpy(right + n * p, s->v, n * p * sizeof *right);
}

void wane_intervention_factors(double *left, double *right, const wane_scaling *s,
                               const wane_intervention *what)
{
    assert(what->state == WANE_ARM_EXISTS);
    size_t m = s->rows, n = s->cols, p = what->rank;
    if (p == 0) return;
    if (what->arm == WANE_ARM_ENERGY) {
        energy_factors(left, right, s, what);
        return;
    }
    bool other = what->arm == WANE_ARM_NEIGHBOUR;
    scaled_columns(left, other ? s->neighbour_u : s->u, m, other ? s->neighbour_sigma : s->sigma,
                   what->factor, p);
    memcpy(right, other ? s->neighbour_v : s->v, n * p * sizeof *right);
}

wane_status wane_intervention_apply(float *weight, const float *base, const wane_scaling *s,
                                    const wane_intervention *what, wane_pool *pool, wane_error *err)
{
    enum { STRIP = 256 };
    wane_status st = WANE_OK;
    size_t m = s->rows, n = s->cols, p = what->rank;
    double *left = wane_alloc_aligned(m * p, sizeof *left);
    double *right = wane_alloc_aligned(n * p, sizeof *right);
    double *sum = wane_alloc_aligned(n * STRIP, sizeof *sum);
    if (!left || !right || !sum) WANE_TRY(wane_fail_memory(err, "intervention", "factors"));
    if (what->state != WANE_ARM_EXISTS)
        WANE_TRY(wane_fail(err, WANE_EINVAL, "intervention: %s: %s", wane_arm_name(what->arm),
                           wane_arm_state_name(what->state)));
    wane_intervention_factors(left, right, s, what);
    for (size_t first = 0; first < m; first += STRIP) {
        size_t rows = m - first < STRIP ? m - first : STRIP;
        float *w = weight + first * n;
        const float *w0 = base + first * n;
        memset(sum, 0, rows * n * sizeof *sum);
        /* row-major L R^T is R L^T by columns */
        if (p > 0)
            wane_columns_product(pool, false, true, n, rows, p, 1, right, n, left + first, m, 0,
                                 sum, n);
        for (size_t i = 0; i < rows * n; i++)
            w[i] =
                (float)((double)w[i] + what->delta_scale * ((double)w[i] - (double)w0[i]) + sum[i]);
    }
done:
    wane_free(left);
    wane_free(right);
    wane_free(sum);
    return st;
}
