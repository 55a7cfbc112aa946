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
    double blur;
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
    return wide < 2 * q->blur ? 2 * q->blur : wide;
}

/* ---------------------------------------------------------------------------------------- above */

/* Points of a window: its ends and its middle, where q is about 1, and two between them, where it
 * is looked at besides. */
enum { FIRST, MIDDLE, LAST, POINTS, BETWEEN = 2, ALL = POINTS + BETWEEN };

/* Weights of the K(point, .) whose sum is about 1 at the three points, by (G + NUDGE I)^-1, G the
 * kernel scaled to a diagonal of 1: any weights give a bound, and these bend gently from the best
 * of one point, where the three cannot be told apart, to that of three. */
static void weigh(double weight[POINTS], double kernel[POINTS][ALL])
{
    const double nudge = 1e-7;
    double scale[POINTS], g[POINTS][POINTS];
    for (int p = 0; p < POINTS; p++) scale[p] = 1 / sqrt(kernel[p][p]);
    for (int p = 0; p < POINTS; p++)
        for (int i = 0; i < POINTS; i++)
            g[p][i] = kernel[p][i] * scale[p] * scale[i] + (p == i ? nudge : 0);
    for (int p = 0; p < POINTS; p++) weight[p] = scale[p];
    for (int p = 0; p < POINTS; p++)
        for (int j = p + 1; j < POINTS; j++) {
            double part = g[j][p] / g[p][p];
            for (int i = p; i < POINTS; i++) g[j][i] -= part * g[p][i];
            weight[j] -= part * weight[p];
        }
    for (int p = POINTS; p-- > 0;) {
        for (int i = p + 1; i < POINTS; i++) weight[p] -= g[p][i] * weight[i];
        weight[p] /= g[p][p];
    }
    for (int p = 0; p < POINTS; p++) weight[p] *= scale[p];
}

/* The square integral of q over the square of the least it falls to. */
static double by_three(double kernel[POINTS][ALL])
{
    double weight[POINTS], square = 0, least = INFINITY;
    weigh(weight, kernel);
    for (int i = 0; i < ALL; i++) {
        double value = 0;
        for (int p = 0; p < POINTS; p++) value += weight[p] * kernel[p][i];
        if (i < POINTS) square += weight[i] * value;
        if (value < least) least = value;
    }
    return least > 0 ? square / (least * least) : 1;
}

/* The least that K(middle, .) / K(middle, middle) falls to. */
static double least_of_one(double kernel[POINTS][ALL])
{
    const double *k = kernel[MIDDLE];
    double least = 1;
    for (int i = 0; i < ALL; i++)
        if (k[i] < least * k[MIDDLE]) least = k[i] / k[MIDDLE];
    return least;
}

/* The next polynomial at t. Returns whether it and the one before lie on different sides of 0. */
static bool go_on(double *now, double *before, const jacobi *j, size_t k, double t)
{
    double next = (t - j->diagonal[k]) * *now;
    if (k > 0) next -= j->off[k - 1] * *before;
    bool turned = (next < 0) != (*now < 0);
    *before = *now;
    *now = j->off[k] > 0 ? next / j->off[k] : 0;
    return turned;
}

/* A bound of the mass between t[FIRST] and t[LAST], the least over all degrees that have at most
 * one node there (Sturm: as many as the polynomials turn less often at the end): with two, q could
 * fall between the points. Ends where it is not above `enough`. */
static double bound_measure(const jacobi *j, const double t[ALL], double enough)
{
    double now[ALL], before[ALL] = {0}, kernel[POINTS][ALL] = {{0}}, mass = 1;
    long within = 0;
    for (int i = 0; i < ALL; i++) now[i] = 1;
    for (size_t k = 0; k < j->size && mass > enough; k++) {
        for (int p = 0; p < POINTS; p++)
            for (int i = 0; i < ALL; i++) kernel[p][i] += now[p] * now[i];
        /* Far outside the support: nothing is there. */
        if (!(kernel[MIDDLE][MIDDLE] < 1e100)) break;
        for (int i = 0; i < ALL; i++) {
            bool turned = go_on(&now[i], &before[i], j, k, t[i]);
            within += i == FIRST ? turned : i == LAST ? -turned : 0;
        }
        if (within > 1) continue;
        double least = least_of_one(kernel);
        double one = least > 0 ? 1 / (kernel[MIDDLE][MIDDLE] * least * least) : 1;
        if (one < mass) mass = one;
        /* Three points are no better than K(middle, .) where that does not fall. */
        if (least < 1 - 1e-6 && mass > enough) {
            double three = by_three(kernel);
            if (three < mass) mass = three;
        }
    }
    return mass;
}

/* A bound of the mass of the window about sigma; not its best where that is below `enough`. */
static double ceiling_at(const question *q, double sigma, width kind, double enough)
{
    double t[ALL], half = width_at(q, sigma, kind) / 2, first = sigma - half;
    if (first < q->floor) first = q->floor;
    t[FIRST] = first * first;
    t[MIDDLE] = sigma * sigma;
    t[LAST] = (sigma + half) * (sigma + half);
    t[POINTS] = (t[FIRST] + t[MIDDLE]) / 2;
    t[POINTS + 1] = (t[MIDDLE] + t[LAST]) / 2;
    double ratio = q->ratio / t[FIRST];
    double nu = bound_measure(&q->measure[1], t, enough / ratio) * ratio;
    double mu = nu > enough ? bound_measure(&q->measure[0], t, enough) : nu;
    return mu < nu ? mu : nu;
}

/* What of the greatest ceiling a local maximum of the grid must have to be climbed. */
#define NEAR 0.7

/* The largest ceiling about a local maximum of a grid, by golden sections. */
static double climb(double most, const question *q, double first, double last, width kind)
{
    enum { CUTS = 18 };
    const double golden = 0.6180339887498949;
    double at[2] = {last - golden * (last - first), first + golden * (last - first)};
    double value[2], enough = NEAR * most;
    for (int i = 0; i < 2; i++) value[i] = ceiling_at(q, at[i], kind, enough);
    most = fmax(most, fmax(value[0], value[1]));
    for (int cut = 0; cut < CUTS; cut++) {
        int better = value[1] > value[0];
        if (better) {
            first = at[0];
            at[0] = at[1];
            value[0] = value[1];
            at[1] = first + golden * (last - first);
        } else {
            last = at[1];
            at[1] = at[0];
            value[1] = value[0];
            at[0] = last - golden * (last - first);
        }
        value[better] = ceiling_at(q, at[better], kind, enough);
        if (value[better] > most) most = value[better];
    }
    return most;
}

/* The largest ceiling between two sigmas that hold no node inside: a grid, then its local maxima
 * that come near what was found before. */
static double scan(double most, const question *q, double first, double last, width kind)
{
    enum { GRID = 16 };
    double value[GRID + 1], sigma[GRID + 1];
    for (int i = 0; i <= GRID; i++) {
        /* Denser at the ends, where the nodes are. */
        double part = (1 - cos(3.14159265358979323846 * i / GRID)) / 2;
        sigma[i] = first + (last - first) * part;
        value[i] = ceiling_at(q, sigma[i], kind, NEAR * most);
        if (value[i] > most) most = value[i];
    }
    for (int i = 0; i <= GRID; i++) {
        bool left = i == 0 || value[i] >= value[i - 1];
        bool right = i == GRID || value[i] >= value[i + 1];
        if (!left || !right || value[i] < NEAR * most) continue;
        most = climb(most, q, sigma[i == 0 ? 0 : i - 1], sigma[i == GRID ? GRID : i + 1], kind);
    }
    return most;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest ceiling up to `largest`: between the nodes sigma, and the places where a node enters
 * or leaves a cluster's window, where its ceiling jumps. */
static double scan_all(const question *q, const double *sigma, size_t nodes, double largest,
                       width kind)
{
    double ends[3 * (2 * WANE_MOMENT_STEPS + 2)], most = 0;
    size_t count = 0;
    for (size_t i = 0; i < nodes; i++) {
        double half = width_at(q, sigma[i], kind) / 2;
        ends[count++] = sigma[i];
        if (kind == CLUSTER && sigma[i] - half > q->floor) ends[count++] = sigma[i] - half;
        if (kind == CLUSTER && sigma[i] + half < largest) ends[count++] = sigma[i] + half;
    }
    qsort(ends, count, sizeof *ends, rising);
    for (size_t i = 0; i < count; i++) /* most often the greatest; what is below ends sooner then */
        if (ends[i] > 0) most = fmax(most, ceiling_at(q, ends[i], kind, most));
    for (size_t i = 0; i + 1 < count; i++)
        if (ends[i + 1] > ends[i]) most = scan(most, q, ends[i], ends[i + 1], kind);
    return most;
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
    question q = {.floor = options->floor,
                  .lowest = options->floor * options->floor,
                  .blur = fmax(options->blur, options->floor)};
    double most[WIDTHS];
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
    for (width kind = 0; kind < WIDTHS; kind++)
        most[kind] = scan_all(&q, sigma, nodes, options->largest, kind);
    out->high = sqrt(fmin(most[SINGLE], 1));
    out->cluster_high = fmin(sqrt(fmin(most[CLUSTER], 1)) + WANE_MOMENT_MISSED, 1);
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
