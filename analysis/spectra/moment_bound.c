/* SPDX-License-Identifier: Apache-2.0
 * Bounds on the atoms and windows of a spectral measure from its bidiagonal numbers: Christoffel
 * functions from above, by branch and bound over all windows; Ritz pairs from below.
 */
#include "analysis/spectra/moment_bound.h"

#include <math.h>
#include <string.h>

#include "analysis/spectra/lapack.h"

static void make_measures(wane_moment_rule *r, const wane_bidiagonal *b)
{
    size_t n = b->steps;
    wane_jacobi *mu = &r->mu, *nu = &r->nu;
    mu->size = n;
    nu->size = n > 0 ? n - 1 : 0;
    for (size_t k = 0; k < n; k++) {
        double before = k == 0 ? 0 : b->beta[k - 1];
        mu->diagonal[k] = b->alpha[k] * b->alpha[k] + before * before;
        mu->off[k] = b->alpha[k] * b->beta[k];
        nu->diagonal[k] = b->alpha[k] * b->alpha[k] + b->beta[k] * b->beta[k];
        nu->off[k] = k + 1 < n ? b->beta[k] * b->alpha[k + 1] : 0;
        mu->per[k] = mu->off[k] > 0 ? 1 / mu->off[k] : 0;
        nu->per[k] = nu->off[k] > 0 ? 1 / nu->off[k] : 0;
    }
    r->ratio = n > 0 ? b->alpha[0] * b->alpha[0] : INFINITY;
}

wane_status wane_moment_rule_make(wane_moment_rule *out, const wane_bidiagonal *b,
                                  const wane_moment_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t n = b->steps;
    double rows[2 * WANE_MOMENT_STEPS] = {0}, below[WANE_MOMENT_STEPS];
    *out = (wane_moment_rule){.b = *b,
                              .floor = options->floor,
                              .blur = fmax(options->blur, options->floor),
                              .largest = options->largest};
    make_measures(out, b);
    if (n == 0) return st;
    memcpy(out->node, b->alpha, n * sizeof *out->node);
    memcpy(below, b->beta, (n - 1) * sizeof *below);
    rows[0] = rows[2 * n - 1] = 1; /* the first and the last row of the left singular vectors */
    WANE_TRY(wane_lapack_bidiagonal(out->node, below, n, rows, 2, err));
    for (size_t k = 0; k < n; k++) {
        out->root[k] = fabs(rows[2 * k]);
        out->residual[k] = fabs(out->mu.off[n - 1] * rows[2 * k + 1]);
    }
done:
    return st;
}

/* How wide a window about sigma is (moments.h). */
static double width_at(const wane_moment_rule *r, double sigma, wane_window window)
{
    if (window == WANE_WINDOW_SINGLE) return 1e-6 * sigma;
    double wide = 1e-3 * sigma;
    return wide < 2 * r->blur ? 2 * r->blur : wide;
}

/* Of the atoms that are known. */
static double mass_between(const wane_moment_rule *r, double first, double last)
{
    double mass = 0;
    for (size_t i = 0; i < r->b.atoms; i++)
        if (r->b.sigma[i] >= first && r->b.sigma[i] <= last) mass += r->b.mass[i];
    return mass;
}

/* ---------------------------------------------------------------------------------------- above */

/* Points of a window J: its ends and one inside, from which q spreads, and two between them, where
 * it is looked at besides. */
enum { FIRST, INSIDE, LAST, POINTS, BEFORE = POINTS, BEHIND, ALL };

/* The least on [0, 1] of a convex function, from its values and slopes at the ends: no less than
 * where its tangents meet. */
static double least_of_convex(const double value[2], const double slope[2])
{
    if (!(slope[0] < 0)) return value[0];
    if (!(slope[1] > 0)) return value[1];
    double at = (value[1] - slope[1] - value[0]) / (slope[0] - slope[1]);
    return value[0] + slope[0] * at;
}

/* The least of q = sum weight[p] K(p, .), weights of at least 0, on J. The K(p, .) are positive
 * there and log-concave, so that each lies above the exponential between two points; the sum of
 * these is convex. */
static double least_of_sum(double kernel[POINTS][ALL], const double weight[POINTS])
{
    static const int path[] = {FIRST, BEFORE, INSIDE, BEHIND, LAST};
    double least = INFINITY;
    for (int i = 0; i + 1 < ALL; i++) {
        double value[2] = {0}, slope[2] = {0};
        for (int p = 0; p < POINTS; p++) {
            double from = kernel[p][path[i]], to = kernel[p][path[i + 1]];
            if (!(weight[p] > 0)) continue;
            if (!(from > 0 && to > 0)) return 0;
            double rise = log(to / from);
            value[0] += weight[p] * from;
            value[1] += weight[p] * to;
            slope[0] += weight[p] * from * rise;
            slope[1] += weight[p] * to * rise;
        }
        least = fmin(least, least_of_convex(value, slope));
    }
    return least;
}

/* Weights that make q about 1 at two points, or at three; false where one is below 0. */
static bool weigh(double weight[POINTS], double kernel[POINTS][ALL], const int *at, int count)
{
    const double nudge = 1e-7; /* of the diagonal: where points cannot be told apart */
    double g[POINTS][POINTS], right[POINTS];
    for (int p = 0; p < POINTS; p++) weight[p] = 0;
    for (int p = 0; p < count; p++) {
        double size = sqrt(kernel[at[p]][at[p]]);
        right[p] = 1 / size;
        for (int i = 0; i < count; i++)
            g[p][i] = kernel[at[p]][at[i]] / (size * sqrt(kernel[at[i]][at[i]]));
        g[p][p] += nudge;
    }
    for (int p = 0; p < count; p++)
        for (int j = p + 1; j < count; j++) {
            double part = g[j][p] / g[p][p];
            for (int i = p; i < count; i++) g[j][i] -= part * g[p][i];
            right[j] -= part * right[p];
        }
    for (int p = count; p-- > 0;) {
        for (int i = p + 1; i < count; i++) right[p] -= g[p][i] * right[i];
        right[p] /= g[p][p];
        if (!(right[p] >= 0)) return false;
    }
    for (int p = 0; p < count; p++) weight[at[p]] = right[p] / sqrt(kernel[at[p]][at[p]]);
    return true;
}

/* By q of three points, or of the best two. */
static double by_several(double kernel[POINTS][ALL])
{
    static const struct {
        int count, at[POINTS];
    } choices[] = {
        {3, {FIRST, INSIDE, LAST}}, {2, {FIRST, LAST}}, {2, {FIRST, INSIDE}}, {2, {INSIDE, LAST}}};
    double mass = 1, weight[POINTS];
    for (size_t c = 0; c < sizeof choices / sizeof *choices; c++) {
        if (!weigh(weight, kernel, choices[c].at, choices[c].count)) continue;
        double square = 0, least = least_of_sum(kernel, weight);
        for (int p = 0; p < POINTS; p++)
            for (int i = 0; i < POINTS; i++) square += weight[p] * weight[i] * kernel[p][i];
        if (least > 0) mass = fmin(mass, square / (least * least));
        if (c == 0) break;
    }
    return mass;
}

/* From the polynomials of degree k and before at t to those of the next degree. Returns how many
 * more nodes the rule of that degree has between t[FIRST] and t[LAST] (Sturm: as many as the
 * polynomials turn less often at the end). */
static inline long advance(double *now, double *before, const wane_jacobi *j, size_t k,
                           const double *t, int points)
{
    long more = 0;
    for (int i = 0; i < points; i++) {
        double next = (t[i] - j->diagonal[k]) * now[i];
        if (k > 0) next -= j->off[k - 1] * before[i];
        bool turned = (next < 0) != (now[i] < 0);
        before[i] = now[i];
        now[i] = next * j->per[k];
        more += i == FIRST ? turned : i == LAST ? -turned : 0;
    }
    return more;
}

/* Far outside the support of a measure its polynomials grow without end, and nothing is there. */
static bool is_outside(double inside, double first, double last)
{
    return !(inside < 1e100 && first < 1e200 && last < 1e200);
}

/* K of two of the first three points, after one degree and another. */
typedef struct kernels {
    double ff, fi, fl, ii, il, ll;
} kernels;

static void add(kernels *k, const double p[POINTS])
{
    k->ff += p[FIRST] * p[FIRST];
    k->fi += p[FIRST] * p[INSIDE];
    k->fl += p[FIRST] * p[LAST];
    k->ii += p[INSIDE] * p[INSIDE];
    k->il += p[INSIDE] * p[LAST];
    k->ll += p[LAST] * p[LAST];
}

/* By q = K(inside, .), that falls to its least at an end. */
static double by_one(const kernels *k)
{
    double least = fmin(k->fi, k->il);
    return least > 0 ? k->ii / (least * least) : 1;
}

/* By q = a K(first, .) + b K(last, .), which is 1 at both ends: its square integral is a + b. As in
 * least_of_sum, with bounds of the logarithm: 2 (1 - r) / (1 + r) <= ln (1 / r) <= (1 / r - r) / 2.
 */
static double by_ends(const kernels *k)
{
    if (!(k->fl > 0 && k->fl < k->ff && k->fl < k->ll)) return 1;
    double determinant = k->ff * k->ll - k->fl * k->fl;
    if (!(determinant > 1e-9 * k->ff * k->ll)) return 1; /* it does not fall: one point does */
    double a = (k->ll - k->fl) / determinant, b = (k->ff - k->fl) / determinant;
    double one = k->fl / k->ff, two = k->fl / k->ll, big_a = a * k->ff, big_b = b * k->ll;
    const double value[] = {1, 1};
    const double slope[] = {2 * (1 - two) / (1 + two) * big_b * two - (1 / one - one) / 2 * big_a,
                            (1 / two - two) / 2 * big_b - 2 * (1 - one) / (1 + one) * big_a * one};
    double least = least_of_convex(value, slope);
    return least > 0 ? (a + b) / (least * least) : 1;
}

/* Bounds of the mass between t[FIRST] and t[LAST], the least over all degrees that have at most one
 * node there: with two, q could fall between the points. No q that is 1 inside has a square
 * integral of less than 1 / K(inside, inside): *ideal is the least of those. Ends where it is not
 * above `enough`. */
static double bound_simply(const wane_jacobi *j, const double t[ALL], double enough, double *ideal)
{
    double now[POINTS] = {1, 1, 1}, before[POINTS] = {0}, mass = 1;
    kernels sum = {0};
    long within = 0;
    for (size_t k = 0; k < j->size && mass > enough; k++) {
        add(&sum, now);
        if (is_outside(sum.ii, sum.ff, sum.ll)) break;
        within += advance(now, before, j, k, t, POINTS);
        if (within > 1) continue;
        *ideal = fmin(*ideal, 1 / sum.ii);
        mass = fmin(mass, by_one(&sum));
        if (mass > 1.001 / sum.ii && mass > enough) mass = fmin(mass, by_ends(&sum));
    }
    return mass;
}

/* The same by several points, of degrees that can come below `mass`. */
static double bound_with_care(const wane_jacobi *j, const double t[ALL], double enough, double mass)
{
    double now[ALL] = {1, 1, 1, 1, 1}, before[ALL] = {0}, kernel[POINTS][ALL] = {{0}};
    long within = 0;
    for (size_t k = 0; k < j->size && mass > enough; k++) {
        for (int p = 0; p < POINTS; p++)
            for (int i = 0; i < ALL; i++) kernel[p][i] += now[p] * now[i];
        if (is_outside(kernel[INSIDE][INSIDE], kernel[FIRST][FIRST], kernel[LAST][LAST])) break;
        within += advance(now, before, j, k, t, ALL);
        if (within > 1 || !(mass * kernel[INSIDE][INSIDE] > 1.001)) continue;
        mass = fmin(mass, by_several(kernel));
    }
    return mass;
}

/* `best`: the least that is to be had; else work ends where it will not come to `enough`. */
static double bound_measure(const wane_jacobi *j, const double t[ALL], double enough, bool best)
{
    const double gain = 5e-3; /* worth the work */
    double ideal = 1, mass = bound_simply(j, t, enough, &ideal);
    if (mass > enough && mass > ideal * (1 + gain) && (best || ideal <= enough))
        mass = bound_with_care(j, t, enough, mass);
    return mass;
}

/* A point between two sigmas from which q spreads: the node nearest to their middle, if any. */
static double point_inside(const wane_moment_rule *r, double first, double last)
{
    double middle = (first + last) / 2, best = middle, off = INFINITY;
    for (size_t k = 0; k < r->b.steps; k++) {
        double node = r->node[k];
        if (node > first && node < last && fabs(node - middle) < off) {
            best = node;
            off = fabs(node - middle);
        }
    }
    return best;
}

/* A bound of the mass of every window whose middle is between two sigmas; not its best where that
 * is below `enough`, nor above, but for `best`. */
static double bound_windows(const wane_moment_rule *r, wane_window window, double from, double to,
                            double enough, bool best)
{
    const double half = 0.5003; /* widths are of the upper end, not of the middle */
    double first = fmax(from - half * width_at(r, from, window), r->floor);
    double last = to + half * width_at(r, to, window), inside = point_inside(r, first, last);
    double known = mass_between(r, first, last), rest = r->b.rest;
    const double t[ALL] = {first * first, inside * inside, last * last,
                           (first * first + inside * inside) / 2,
                           (inside * inside + last * last) / 2};
    if (!(rest > 0)) return known;
    enough = (enough - known) / rest;
    double ratio = r->ratio / t[FIRST];
    double nu = bound_measure(&r->nu, t, enough / ratio, best) * ratio;
    double mu = nu > enough ? bound_measure(&r->mu, t, enough, best) : nu;
    return known + rest * fmin(mu, nu);
}

typedef struct search {
    const wane_moment_rule *rule;
    wane_window window;
    double best;         /* the greatest bound of a single window so far */
    double limit, found; /* the greatest bound of the parts that are done with */
} search;

static void meet(search *s, double sigma)
{
    if (s->best < s->limit)
        s->best = fmax(s->best, bound_windows(s->rule, s->window, sigma, sigma, s->best, true));
}

/* Windows whose middles are between two sigmas: done with where one bound of them all is hardly
 * above the greatest of a single one; else halved. */
static void divide(search *s, double from, double to)
{
    /* Of a window's width: parts are no smaller. */
    const double finest = 1e-3;
    const double excess = 4 * WANE_MOMENT_EXCESS;
    if (!(s->best < s->limit)) return;
    double enough = s->best * (1 + excess);
    bool last = to - from < finest * width_at(s->rule, to, s->window);
    double all = bound_windows(s->rule, s->window, from, to, enough, last);
    if (all <= enough || last) {
        s->found = fmax(s->found, all);
        return;
    }
    double middle = (from + to) / 2;
    meet(s, middle);
    divide(s, from, middle);
    divide(s, middle, to);
}

double wane_moment_above(const wane_moment_rule *r, wane_window window, double below, double limit)
{
    search s = {.rule = r, .window = window, .best = below * below, .limit = limit * limit};
    double to = r->largest;
    if (r->b.steps > 0) /* where `largest` was not */
        to = fmax(to, sqrt(r->node[0] * r->node[0] + r->residual[0]) * (1 + 1e-6));
    for (size_t i = 0; i < r->b.atoms; i++) meet(&s, fmax(r->b.sigma[i], r->floor));
    for (size_t k = 0; k < r->b.steps; k++) /* the greatest is most often there */
        if (r->node[k] > r->floor) meet(&s, r->node[k]);
    for (size_t k = 0; k < r->b.steps; k++)
        if (r->node[k] > r->floor && r->node[k] < to) {
            divide(&s, r->node[k], to);
            to = r->node[k];
        }
    divide(&s, fmin(r->floor, to), to);
    return s.best < s.limit ? sqrt(fmin(s.found, 1)) : 1;
}

/* ---------------------------------------------------------------------------------------- below */

/* Of a measure that is known whole, and of the atoms that are known: the most in a window that
 * begins at one of either (its upper end). */
static double whole_from(const wane_moment_rule *r, double sigma, wane_window window, bool nodes)
{
    double first = fmax(sigma - width_at(r, sigma, window), r->floor);
    if (!(sigma > r->floor)) return 0;
    double mass = mass_between(r, first, sigma);
    for (size_t k = 0; nodes && k < r->b.steps; k++)
        if (r->node[k] <= sigma && r->node[k] >= first) mass += r->b.rest * r->root[k] * r->root[k];
    return mass;
}

static double whole(const wane_moment_rule *r, wane_window window)
{
    double most = 0;
    for (size_t i = 0; i < r->b.atoms; i++)
        most = fmax(most, whole_from(r, r->b.sigma[i], window, r->b.closed));
    for (size_t k = 0; r->b.closed && k < r->b.steps; k++)
        most = fmax(most, whole_from(r, r->node[k], window, true));
    return sqrt(fmin(most, 1));
}

double wane_moment_below(const wane_moment_rule *r, wane_window window)
{
    double most = whole(r, window), lowest = r->floor * r->floor;
    for (size_t k = 0; !r->b.closed && k < r->b.steps; k++) {
        double sigma = r->node[k], theta = sigma * sigma;
        if (!(theta - r->residual[k] > lowest)) continue;
        double reach = width_at(r, sigma, window), distance = sigma * reach - reach * reach / 4;
        /* What is not above the floor is no part of the window. */
        if (distance > theta - lowest) distance = theta - lowest;
        if (!(distance > 0)) continue;
        most = fmax(most, sqrt(r->b.rest) * (r->root[k] - r->residual[k] / distance));
    }
    return fmin(most, 1);
}

wane_status wane_moment_bound(wane_cosine_bounds *out, const wane_bidiagonal *b,
                              const wane_moment_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_moment_rule rule;
    double low[WANE_WINDOWS], high[WANE_WINDOWS];
    WANE_TRY(wane_moment_rule_make(&rule, b, options, err));
    for (wane_window window = 0; window < WANE_WINDOWS; window++) {
        low[window] = wane_moment_below(&rule, window);
        high[window] = b->closed ? low[window] : wane_moment_above(&rule, window, low[window], 2);
    }
    *out = (wane_cosine_bounds){low[WANE_WINDOW_SINGLE], high[WANE_WINDOW_SINGLE],
                                fmax(low[WANE_WINDOW_CLUSTER], low[WANE_WINDOW_SINGLE]),
                                high[WANE_WINDOW_CLUSTER], b->steps};
done:
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
