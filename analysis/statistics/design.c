/* SPDX-License-Identifier: Apache-2.0
 * Takes the largest category out by the means of its groups and the rest by modified Gram-Schmidt,
 * so that many levels cost no columns.
 */
#include "analysis/statistics/design.h"

#include <math.h>
#include <string.h>

#include "analysis/statistics/ranks.h"
#include "store/base/memory.h"

/* A part of a squared length this small is rounding; ranks that differ at all leave far more. */
static const double nothing = 1e-13;

/* The place of the category with the most levels, or `count`. */
static size_t largest_category(const wane_design_factor *factors, size_t count)
{
    size_t best = count;
    for (size_t f = 0; f < count; f++)
        if (factors[f].kind == WANE_COVARIATE_CATEGORY &&
            (best == count || factors[f].distinct > factors[best].distinct))
            best = f;
    return best;
}

wane_status wane_design_make(wane_design *out, const wane_design_factor *factors, size_t count,
                             size_t room, wane_error *err)
{
    wane_design d = {.room = room, .groups = 1};
    size_t swept = largest_category(factors, count), columns = 0, distinct = 1, cells = 0;
    for (size_t f = 0; f < count; f++) {
        if (f == swept) d.groups = factors[f].distinct + 1;
        else if (factors[f].kind == WANE_COVARIATE_QUANTITY) columns++;
        else columns += factors[f].distinct;
        if (factors[f].distinct > distinct) distinct = factors[f].distinct;
    }
    if (columns > WANE_MOST_COLUMNS)
        return wane_fail(err, WANE_EINVAL, "correlate: covariates: %zu columns: more than %d",
                         columns, WANE_MOST_COLUMNS);
    d.size = wane_alloc(d.groups, sizeof *d.size);
    d.sum = wane_alloc(d.groups, sizeof *d.sum);
    d.ranks = wane_alloc(room, sizeof *d.ranks);
    d.counts = wane_alloc(distinct + 1, sizeof *d.counts);
    if (wane_size_mul(&cells, columns, room)) d.basis = wane_alloc(cells, sizeof *d.basis);
    if (!d.size || !d.sum || !d.ranks || !d.counts || !d.basis) {
        wane_design_free(&d);
        return wane_fail_memory(err, "correlate", "covariates");
    }
    *out = d;
    return WANE_OK;
}

void wane_design_free(wane_design *design)
{
    void *blocks[] = {design->size, design->sum, design->ranks, design->counts, design->basis};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) wane_free(blocks[i]);
    *design = (wane_design){0};
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void take_mean(double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    sum /= (double)n;
    for (size_t i = 0; i < n; i++) v[i] -= sum;
}

/* v less the means of its groups (of all, without a category). */
static void take_means(const wane_design *d, double *v)
{
    take_mean(v, d->n); /* first, so that the sums of groups are small */
    if (!d->group) return;
    memset(d->sum, 0, d->groups * sizeof *d->sum);
    for (size_t i = 0; i < d->n; i++) d->sum[d->group[i]] += v[i];
    for (size_t i = 0; i < d->n; i++) v[i] -= d->sum[d->group[i]] / d->size[d->group[i]];
}

static void take_basis(const wane_design *d, double *v)
{
    for (size_t c = 0; c < d->columns; c++) {
        const double *column = d->basis + c * d->room;
        double part = dot(column, v, d->n);
        for (size_t i = 0; i < d->n; i++) v[i] -= part * column[i];
    }
}

/* The next column of the basis is already in its place; keeps it if it adds something. */
static void add_column(wane_design *d)
{
    double *v = d->basis + d->columns * d->room;
    take_mean(v, d->n);
    double before = dot(v, v, d->n);
    if (!(before > 0)) return;
    for (int twice = 0; twice < 2; twice++) {
        take_means(d, v);
        take_basis(d, v);
    }
    double length = dot(v, v, d->n);
    if (!(length > nothing * before)) return;
    length = sqrt(length);
    for (size_t i = 0; i < d->n; i++) v[i] /= length;
    d->columns++;
}

static void add_factor(wane_design *d, const wane_design_factor *f)
{
    double *v;
    if (f->kind == WANE_COVARIATE_QUANTITY) {
        v = d->basis + d->columns * d->room;
        wane_ranks_of_codes(v, f->codes, d->n, d->counts, f->distinct);
        add_column(d);
        return;
    }
    for (size_t level = 1; level < f->distinct; level++) {
        v = d->basis + d->columns * d->room;
        for (size_t i = 0; i < d->n; i++) v[i] = f->codes[i] == level;
        add_column(d);
    }
}

const char *wane_design_set(wane_design *d, const wane_design_factor *factors, size_t count,
                            size_t n)
{
    size_t swept = largest_category(factors, count);
    d->n = n;
    d->columns = d->degrees = 0;
    d->group = swept < count ? factors[swept].codes : NULL;
    if (d->group) {
        memset(d->size, 0, d->groups * sizeof *d->size);
        for (size_t i = 0; i < n; i++) d->size[d->group[i]]++;
        for (size_t g = 0; g < d->groups; g++) d->degrees += d->size[g] > 0;
        d->degrees -= d->degrees > 0;
    }
    for (size_t f = 0; f < count; f++)
        if (f != swept) add_factor(d, &factors[f]);
    d->degrees += d->columns;
    if (d->degrees == 0) return "constant_z";
    return n < d->degrees + 3 ? "too_few_points" : NULL;
}

const char *wane_design_residuals(double *residuals, const wane_design *d, const double *v)
{
    memcpy(residuals, v, d->n * sizeof *residuals);
    take_mean(residuals, d->n);
    double before = dot(residuals, residuals, d->n);
    take_means(d, residuals);
    take_basis(d, residuals);
    double after = dot(residuals, residuals, d->n);
    return after <= nothing * before ? "collinear_z" : NULL;
}

double wane_design_explained(const wane_design *d, const double *v)
{
    double sum = 0;
    for (size_t c = 0; c < d->columns; c++) {
        double part = dot(d->basis + c * d->room, v, d->n);
        sum += part * part;
    }
    if (!d->group) return sum;
    memset(d->sum, 0, d->groups * sizeof *d->sum);
    for (size_t i = 0; i < d->n; i++) d->sum[d->group[i]] += v[i];
    for (size_t g = 0; g < d->groups; g++)
        if (d->size[g] > 0) sum += d->sum[g] * d->sum[g] / d->size[g];
    return sum;
}
