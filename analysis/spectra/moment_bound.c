/* SPDX-License-Identifier: Apache-2.0
 * Bounds on the atoms and windows of a spectral measure from its bidiagonal numbers: Christoffel
 * functions from above, Ritz pairs from below (moments.h has the theorems).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "analysis/spectra/moments.h"
#include "store/base/memory.h"

/* Windows in sigma: what counts as one direction, and a cluster. */
typedef enum width { SINGLE, CLUSTER, WIDTHS } width;

/* A Jacobi matrix: its diagonal, and off-diagonal numbers off[k] between k and k + 1. */
typedef struct jacobi {
    size_t size;
    double diagonal[WANE_MOMENT_STEPS], off[WANE_MOMENT_STEPS];
} jacobi;

typedef struct question {
    jacobi measure[2];    /* mu, nu */
    double ratio;         /* c of nu */
    double floor, lowest; /* and its square */
} question;

static void make_measures(question *q, const wane_bidiagonal *b)
{
    size_t n = b->steps;
    jacobi *mu = &q->measure[0], *nu = &q->measure[1];
    mu->size = n;
    nu->size = n - 1;
    for (size_t k = 0; k < n; k++) {
        double before = k == 0 ? 0 : b->beta[k - 1];
        mu->diagonal[k] = b->alpha[k] * b->alpha[k] + before * before;
        mu->off[k] = b->alpha[k] * b->beta[k];
        nu->diagonal[k] = b->alpha[k] * b->alpha[k] + b->beta[k] * b->beta[k];
        nu->off[k] = k + 1 < n ? b->beta[k] * b->alpha[k + 1] : 0;
    }
    q->ratio = b->alpha[0] * b->alpha[0];
}

/* How wide a window about sigma is (moments.h). */
static double width_at(const question *q, double sigma, width kind)
{
    if (kind == SINGLE) return 1e-6 * sigma;
    double wide = 1e-3 * sigma;
    return wide < 2 * q->floor ? 2 * q->floor : wide;
}

/* ---------------------------------------------------------------------------------------- above */

/* Points of a window: its ends and its middle, where q is 1, and two between them, where it is
 * looked at besides. */
enum { FIRST, MIDDLE, LAST, POINTS, BETWEEN = 2, ALL = POINTS + BETWEEN };

/* The least square integral of a polynomial that is 1 at the three points over the square of what
 * it falls to between them; 1 where the three cannot be told apart. */
static double by_three(double kernel[POINTS][ALL])
{
    double a = kernel[0][0], b = kernel[0][1], c = kernel[0][2];
    double d = kernel[1][1], e = kernel[1][2], f = kernel[2][2];
    double ca = d * f - e * e, cb = c * e - b * f, cc = b * e - c * d;
    double determinant = a * ca + b * cb + c * cc;
    if (!(determinant > 1e-9 * a * d * f)) return 1;
    /* The weights of K(point, .): the row sums of the inverse. */
    double weight[POINTS] = {ca + cb + cc, cb + (a * f - c * c) + (b * c - a * e),
                             cc + (b * c - a * e) + (a * d - b * b)};
    double square = (weight[0] + weight[1] + weight[2]) / determinant, least = 1;
    for (int i = POINTS; i < ALL; i++) {
        double value = 0;
        for (int p = 0; p < POINTS; p++) value += weight[p] * kernel[p][i] / determinant;
        if (value < least) least = value;
    }
    return least > 0.1 ? square / (least * least) : 1;
}

/* K(middle, .) / K(middle, middle): 1 in the middle. */
static double by_one(double kernel[POINTS][ALL])
{
    const double *k = kernel[MIDDLE];
    double least = 1;
    for (int i = 0; i < ALL; i++)
        if (k[i] / k[MIDDLE] < least) least = k[i] / k[MIDDLE];
    return least > 0.1 ? 1 / (k[MIDDLE] * least * least) : 1;
}

/* A bound of the mass between t[FIRST] and t[LAST], the least over all degrees. */
static double bound_measure(const jacobi *j, const double t[ALL])
{
    double now[ALL], before[ALL] = {0}, kernel[POINTS][ALL] = {{0}}, mass = 1;
    for (int i = 0; i < ALL; i++) now[i] = 1;
    for (size_t k = 0; k < j->size; k++) {
        for (int p = 0; p < POINTS; p++)
            for (int i = 0; i < ALL; i++) kernel[p][i] += now[p] * now[i];
        /* Far outside the support: nothing is there. */
        if (!(kernel[MIDDLE][MIDDLE] < 1e100)) break;
        double one = by_one(kernel), three = by_three(kernel);
        if (one < mass) mass = one;
        if (three < mass) mass = three;
        for (int i = 0; i < ALL; i++) {
            double next = (t[i] - j->diagonal[k]) * now[i];
            if (k > 0) next -= j->off[k - 1] * before[i];
            before[i] = now[i];
            now[i] = j->off[k] > 0 ? next / j->off[k] : 0;
        }
    }
    return mass;
}

/* Bounds of the windows about sigma. */
typedef struct ceiling {
    double mass[WIDTHS];
} ceiling;

static ceiling ceiling_at(const question *q, double sigma)
{
    ceiling out;
    for (width kind = 0; kind < WIDTHS; kind++) {
        double t[ALL], half = width_at(q, sigma, kind) / 2, first = sigma - half;
        if (first < q->floor) first = q->floor;
        t[FIRST] = first * first;
        t[MIDDLE] = sigma * sigma;
        t[LAST] = (sigma + half) * (sigma + half);
        t[POINTS] = (t[FIRST] + t[MIDDLE]) / 2;
        t[POINTS + 1] = (t[MIDDLE] + t[LAST]) / 2;
        double mu = bound_measure(&q->measure[0], t);
        double nu = bound_measure(&q->measure[1], t) * q->ratio / t[FIRST];
        out.mass[kind] = mu < nu ? mu : nu;
    }
    return out;
}

static void raise(ceiling *most, const ceiling *one)
{
    for (width kind = 0; kind < WIDTHS; kind++)
        if (one->mass[kind] > most->mass[kind]) most->mass[kind] = one->mass[kind];
}

/* The largest ceilings between two sigmas that hold no node of either measure inside: a grid, then
 * about the greatest values of either kind a finer one, twice. */
static void scan(ceiling *most, const question *q, double first, double last, int depth)
{
    enum { GRID = 12, DEPTH = 2 };
    ceiling value[GRID + 1];
    double sigma[GRID + 1];
    for (int i = 0; i <= GRID; i++) {
        /* Denser at the ends, where the nodes are. */
        double part = (1 - cos(3.14159265358979323846 * i / GRID)) / 2;
        sigma[i] = first + (last - first) * (depth == 0 ? part : (double)i / GRID);
        value[i] = ceiling_at(q, sigma[i]);
        raise(most, &value[i]);
    }
    for (int i = 0; i <= GRID && depth < DEPTH; i++) {
        bool peak = false;
        for (width kind = 0; kind < WIDTHS; kind++) {
            double here = value[i].mass[kind];
            bool left = i == 0 || here >= value[i - 1].mass[kind];
            bool right = i == GRID || here >= value[i + 1].mass[kind];
            peak = peak || (left && right && here >= 0.5 * most->mass[kind]);
        }
        if (peak)
            scan(most, q, sigma[i == 0 ? 0 : i - 1], sigma[i == GRID ? GRID : i + 1], depth + 1);
    }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---------------------------------------------------------------------------------------- below */

/* Of the nodes theta (n of them) with their vectors. */
static void floor_of_nodes(wane_cosine_bounds *out, const question *q, const double *theta,
                           const double *vectors, double last)
{
    size_t n = q->measure[0].size;
    for (size_t k = 0; k < n; k++) {
        double residual = fabs(last * vectors[k * n + n - 1]);
        double root = fabs(vectors[k * n]), sigma = sqrt(theta[k] > 0 ? theta[k] : 0);
        if (!(theta[k] - residual > q->lowest)) continue;
        double *low[WIDTHS] = {&out->low, &out->cluster_low};
        for (width kind = 0; kind < WIDTHS; kind++) {
            double reach = width_at(q, sigma, kind);
            double distance = sigma * reach - reach * reach / 4;
            /* What is not above the floor is no part of the window. */
            if (distance > theta[k] - q->lowest) distance = theta[k] - q->lowest;
            double one = distance > 0 ? root - residual / distance : 0;
            if (one > *low[kind]) *low[kind] = one;
        }
    }
}

/* The nodes of a measure, and their vectors; `matrix` is room for size x size. */
static wane_status find_nodes(double *theta, double *vectors, double *matrix, const jacobi *j,
                              wane_error *err)
{
    size_t n = j->size;
    memset(matrix, 0, n * n * sizeof *matrix);
    for (size_t k = 0; k < n; k++) {
        matrix[k * n + k] = j->diagonal[k];
        if (k + 1 < n) matrix[k * n + k + 1] = j->off[k];
    }
    return n > 0 ? wane_lapack_eigen(matrix, n, n, theta, vectors, err) : WANE_OK;
}

/* Of a measure that is known whole: sums over the nodes of windows that begin at each (theta
 * falls). */
static void whole(wane_cosine_bounds *out, const question *q, const double *theta,
                  const double *vectors)
{
    size_t n = q->measure[0].size;
    double most[WIDTHS] = {0};
    for (size_t i = 0; i < n && theta[i] > q->lowest; i++)
        for (width kind = 0; kind < WIDTHS; kind++) {
            double sigma = sqrt(theta[i]), mass = 0, last = sigma - width_at(q, sigma, kind);
            if (last < q->floor) last = q->floor;
            for (size_t k = i; k < n && sqrt(fmax(theta[k], 0)) >= last; k++)
                mass += vectors[k * n] * vectors[k * n];
            if (mass > most[kind]) most[kind] = mass;
        }
    out->low = out->high = sqrt(fmin(most[SINGLE], 1));
    out->cluster_low = out->cluster_high = sqrt(fmin(most[CLUSTER], 1));
}

wane_status wane_moment_bound(wane_cosine_bounds *out, const wane_bidiagonal *b,
                              const wane_moment_options *options, wane_error *err)
{
    size_t n = b->steps, nodes = 0;
    double theta[WANE_MOMENT_STEPS], sigma[2 * WANE_MOMENT_STEPS + 2];
    question q = {.floor = options->floor, .lowest = options->floor * options->floor};
    ceiling most = {{0, 0}};
    wane_status st = WANE_OK;
    make_measures(&q, b);
    double *matrix = wane_alloc(2 * n * n, sizeof *matrix), *vectors = matrix + n * n;
    if (!matrix) return wane_fail_memory(err, "moments", "nodes");
    *out = (wane_cosine_bounds){.steps = n};
    for (int m = 2; m-- > 0;) { /* mu last: its nodes are looked at below */
        WANE_TRY(find_nodes(theta, vectors, matrix, &q.measure[m], err));
        for (size_t k = 0; k < q.measure[m].size; k++)
            if (theta[k] > q.lowest && sqrt(theta[k]) < options->largest)
                sigma[nodes++] = sqrt(theta[k]);
    }
    if (b->closed) {
        whole(out, &q, theta, vectors);
        goto done;
    }
    floor_of_nodes(out, &q, theta, vectors, q.measure[0].off[n - 1]);
    sigma[nodes++] = options->floor;
    sigma[nodes++] = options->largest;
    qsort(sigma, nodes, sizeof *sigma, rising);
    for (size_t i = 0; i + 1 < nodes; i++)
        if (sigma[i + 1] > sigma[i]) scan(&most, &q, sigma[i], sigma[i + 1], 0);
    out->high = sqrt(fmin(most.mass[SINGLE], 1));
    out->cluster_high = sqrt(fmin(most.mass[CLUSTER], 1));
    if (out->cluster_low < out->low) out->cluster_low = out->low;
done:
    wane_free(matrix);
    return st;
}

bool wane_moment_judge(wane_direction_kind *out, const wane_cosine_bounds *b, double epsilon)
{
    if (b->cluster_high < epsilon) *out = WANE_DIRECTION_INTRUDER;
    else if (b->low >= epsilon) *out = WANE_DIRECTION_OF_BASE;
    else if (b->high < epsilon && b->cluster_low >= epsilon) *out = WANE_DIRECTION_UNRESOLVED;
    else return false;
    return true;
}
