/* SPDX-License-Identifier: Apache-2.0
 * Newton's method with preconditioned conjugate gradients in the basis of the features' principal
 * axes, its steps halved until the loss falls.
 */
#include "analysis/statistics/logistic.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "analysis/spectra/lapack.h"
#include "store/base/blas.h"
#include "store/base/memory.h"

enum { STEPS = 200, HALVINGS = 60 };

/* The problem in the basis of the principal axes: there the penalty keeps its form and the
 * features are uncorrelated, so that a diagonal serves conjugate gradients well. A parameter is a
 * matrix (axes + 1) x classes, the intercepts in its last row. */
typedef struct problem {
    size_t n, axes, classes; /* classes: those with examples */
    double l2;
    double *design;  /* n x (axes + 1): places along the axes, then 1 */
    double *squares; /* axes: mean square of each column */
    int32_t *labels; /* among the classes with examples */
    double *shares;  /* n x classes: probabilities at the current point */
    double *scores;  /* n x classes: scratch */
    wane_pool *pool;
} problem;

static size_t parameters(const problem *p)
{
    return (p->axes + 1) * p->classes;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* out = design * point. */
static void project(const problem *p, double *out, const double *point)
{
    wane_dgemm(p->pool, false, false, p->n, p->classes, p->axes + 1, 1, p->design, p->axes + 1,
               point, p->classes, 0, out, p->classes);
}

/* out = design^T * residuals / n + l2 * point, the intercepts without the second term. */
static void gather(const problem *p, double *out, const double *residuals, const double *point)
{
    wane_dgemm(p->pool, true, false, p->axes + 1, p->classes, p->n, 1 / (double)p->n, p->design,
               p->axes + 1, residuals, p->classes, 0, out, p->classes);
    for (size_t i = 0; i < p->axes * p->classes; i++) out[i] += p->l2 * point[i];
}

/* Turns a row of scores into probabilities; returns log sum exp of the scores. */
static double soften(double *row, size_t classes)
{
    double top = row[0], sum = 0;
    for (size_t k = 1; k < classes; k++) top = fmax(top, row[k]);
    for (size_t k = 0; k < classes; k++) sum += row[k] = exp(row[k] - top);
    for (size_t k = 0; k < classes; k++) row[k] /= sum;
    return top + log(sum);
}

/* F at the point; leaves the probabilities in `scores` and the plain loss in *loss. */
static double objective(const problem *p, const double *point, double *loss)
{
    double sum = 0;
    project(p, p->scores, point);
    for (size_t i = 0; i < p->n; i++) {
        double *row = p->scores + i * p->classes, own = row[p->labels[i]];
        sum += soften(row, p->classes) - own;
    }
    *loss = sum / (double)p->n;
    return *loss + p->l2 / 2 * dot(point, point, p->axes * p->classes);
}

/* From the probabilities in `shares`; overwrites `scores`. */
static void gradient(const problem *p, double *out, const double *point)
{
    memcpy(p->scores, p->shares, p->n * p->classes * sizeof *p->scores);
    for (size_t i = 0; i < p->n; i++) p->scores[i * p->classes + (size_t)p->labels[i]] -= 1;
    gather(p, out, p->scores, point);
}

/* out = Hessian at the current probabilities times `direction`; overwrites `scores`. */
static void curve(const problem *p, double *out, const double *direction)
{
    project(p, p->scores, direction);
    for (size_t i = 0; i < p->n; i++) {
        double *row = p->scores + i * p->classes, mean = 0;
        const double *share = p->shares + i * p->classes;
        for (size_t k = 0; k < p->classes; k++) mean += share[k] * row[k];
        for (size_t k = 0; k < p->classes; k++) row[k] = share[k] * (row[k] - mean);
    }
    gather(p, out, p->scores, direction);
}

/* The diagonal of the Hessian were all examples alike: mean p (1 - p) per class times the mean
 * square of the axis. Inverted. */
static void inverse_diagonal(const problem *p, double *out)
{
    double *last = out + p->axes * p->classes;
    for (size_t k = 0; k < p->classes; k++) {
        double sum = 0;
        for (size_t i = 0; i < p->n; i++) {
            double share = p->shares[i * p->classes + k];
            sum += share * (1 - share);
        }
        last[k] = fmax(sum / (double)p->n, 1e-12);
    }
    for (size_t a = 0; a < p->axes; a++)
        for (size_t k = 0; k < p->classes; k++)
            out[a * p->classes + k] = 1 / (last[k] * p->squares[a] + p->l2);
    for (size_t k = 0; k < p->classes; k++) last[k] = 1 / last[k];
}

typedef struct solver {
    double *point, *trial, *gradient, *step, *residual, *direction, *curved, *inverse, *scaled;
} solver;

/* step = about -Hessian^-1 gradient, by preconditioned conjugate gradients until the residual has
 * fallen far enough for Newton's method to converge faster than linearly. */
static void newton_step(const problem *p, const solver *s, double norm)
{
    size_t m = parameters(p), most = 2 * m + 20;
    double goal = fmin(0.1, sqrt(norm)) * norm, old = 0;
    memset(s->step, 0, m * sizeof *s->step);
    for (size_t i = 0; i < m; i++) s->residual[i] = -s->gradient[i];
    for (size_t round = 0; round < most; round++) {
        for (size_t i = 0; i < m; i++) s->scaled[i] = s->inverse[i] * s->residual[i];
        double now = dot(s->residual, s->scaled, m), again = round ? now / old : 0;
        for (size_t i = 0; i < m; i++) s->direction[i] = s->scaled[i] + again * s->direction[i];
        curve(p, s->curved, s->direction);
        double bend = dot(s->direction, s->curved, m);
        if (!(bend > 0)) break;
        double length = now / bend;
        for (size_t i = 0; i < m; i++) {
            s->step[i] += length * s->direction[i];
            s->residual[i] -= length * s->curved[i];
        }
        if (sqrt(dot(s->residual, s->residual, m)) <= goal) break;
        old = now;
    }
}

/* Halves the step until F falls enough (Armijo), up to rounding; false when it never does. */
static bool walk(const problem *p, const solver *s, double *value, double *loss)
{
    size_t m = parameters(p);
    double slope = dot(s->gradient, s->step, m), length = 1, trial_loss = 0;
    for (int halving = 0; halving < HALVINGS; halving++, length /= 2) {
        for (size_t i = 0; i < m; i++) s->trial[i] = s->point[i] + length * s->step[i];
        double trial = objective(p, s->trial, &trial_loss);
        if (!(trial <= *value + 1e-4 * length * slope + 4 * DBL_EPSILON * (1 + fabs(*value))))
            continue;
        memcpy(s->point, s->trial, m * sizeof *s->point);
        memcpy(p->shares, p->scores, p->n * p->classes * sizeof *p->shares);
        *value = trial;
        *loss = trial_loss;
        return true;
    }
    return false;
}

static wane_status minimise(wane_logistic *out, const problem *p, const solver *s, double tolerance,
                            size_t most, wane_error *err)
{
    size_t m = parameters(p);
    out->objective = objective(p, s->point, &out->loss);
    memcpy(p->shares, p->scores, p->n * p->classes * sizeof *p->shares);
    for (out->iterations = 0;; out->iterations++) {
        gradient(p, s->gradient, s->point);
        out->gradient_norm = sqrt(dot(s->gradient, s->gradient, m));
        if (out->gradient_norm <= tolerance) return WANE_OK;
        if (!isfinite(out->gradient_norm) || out->iterations == most) break;
        inverse_diagonal(p, s->inverse);
        newton_step(p, s, out->gradient_norm);
        if (!walk(p, s, &out->objective, &out->loss)) break;
    }
    return wane_fail(err, WANE_ENUMERIC,
                     "logistic regression: %zu examples: gradient norm %.3g after %zu steps, above "
                     "the tolerance %.3g",
                     p->n, out->gradient_norm, out->iterations, tolerance);
}

/* Mean and 1 / sd of each column, row by row so that memory is read in its order. */
static wane_status moments(wane_logistic *out, const double *features, size_t n, wane_error *err)
{
    size_t d = out->features;
    double count = (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) out->mean[j] += features[i * d + j] / count;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            double off = features[i * d + j] - out->mean[j];
            out->scale[j] += off * off / count;
        }
    for (size_t j = 0; j < d; j++) {
        double sd = sqrt(out->scale[j]);
        out->scale[j] = sd > count * DBL_EPSILON * fabs(out->mean[j]) ? 1 / sd : 0;
        if (!isfinite(sd) || !isfinite(out->scale[j]))
            return wane_fail(err, WANE_ENUMERIC,
                             "logistic regression: feature %zu: its spread is out of range", j);
    }
    return WANE_OK;
}

static void standardise(double *out, const wane_logistic *model, const double *features, size_t n)
{
    size_t d = model->features;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            out[i * d + j] = (features[i * d + j] - model->mean[j]) * model->scale[j];
}

/* The principal axes of the standardised features (axes: d x k column-major, the caller frees) and
 * the places along them. */
static wane_status turn(problem *p, double **axes, const wane_logistic *model,
                        const double *features, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t n = p->n, d = model->features, least = n < d ? n : d, k = 0, cells = 0, square = 0;
    double *standard = NULL, *sigma = NULL, *along = NULL, *u = NULL;
    if (!wane_size_mul(&cells, n, d) || !wane_size_mul(&square, n, least)) goto no_memory;
    standard = wane_alloc_aligned(cells, sizeof *standard);
    sigma = wane_alloc(least, sizeof *sigma);
    along = wane_alloc_aligned(square, sizeof *along);
    u = wane_alloc_aligned(d * least, sizeof *u);
    if (!standard || !sigma || !along || !u) goto no_memory;
    standardise(standard, model, features, n);
    /* Row-major n x d is column-major d x n: left vectors are the axes, right ones the places. */
    WANE_TRY(wane_lapack_svd(standard, d, n, sigma, u, along, err));
    double cut = (double)(n > d ? n : d) * DBL_EPSILON * sigma[0];
    while (k < least && sigma[k] > cut) k++;
    p->axes = k;
    p->design = wane_alloc_aligned(n * (k + 1), sizeof *p->design);
    p->squares = wane_alloc(k, sizeof *p->squares);
    if (!p->design || !p->squares) goto no_memory;
    for (size_t i = 0; i < n; i++) {
        for (size_t a = 0; a < k; a++) p->design[i * (k + 1) + a] = sigma[a] * along[i * least + a];
        p->design[i * (k + 1) + k] = 1;
    }
    for (size_t a = 0; a < k; a++) p->squares[a] = sigma[a] * sigma[a] / (double)n;
    *axes = u;
    u = NULL;
    goto done;
no_memory:
    st = wane_fail_memory(err, "logistic regression", "features");
done:
    wane_free(u);
    wane_free(along);
    wane_free(sigma);
    wane_free(standard);
    return st;
}

static wane_status number_classes(problem *p, int32_t **present, const int32_t *labels,
                                  size_t classes, wane_error *err)
{
    int32_t *place = wane_alloc(classes, sizeof *place);
    p->labels = wane_alloc(p->n, sizeof *p->labels);
    *present = wane_alloc(classes, sizeof **present);
    if (!place || !p->labels || !*present) {
        wane_free(place);
        return wane_fail_memory(err, "logistic regression", "labels");
    }
    for (size_t i = 0; i < p->n; i++) place[labels[i]] = 1;
    for (size_t k = 0; k < classes; k++) {
        if (!place[k]) continue;
        (*present)[p->classes] = (int32_t)k;
        place[k] = (int32_t)p->classes++;
    }
    for (size_t i = 0; i < p->n; i++) p->labels[i] = place[labels[i]];
    wane_free(place);
    return WANE_OK;
}

/* From the axes back to the features, and from the classes with examples to all. `room` has
 * features x classes elements. */
static void turn_back(wane_logistic *out, const problem *p, const double *point, const double *axes,
                      const int32_t *present, double *room)
{
    size_t d = out->features, k = p->axes, own = p->classes;
    const double *last = point + k * own;
    double mean = 0;
    /* axes: column-major d x k is row-major k x d. */
    wane_dgemm(p->pool, true, false, d, own, k, 1, axes, d, point, own, 0, room, own);
    for (size_t c = 0; c < own; c++) mean += last[c] / (double)own;
    for (size_t c = 0; c < out->classes; c++) out->intercepts[c] = -INFINITY;
    for (size_t c = 0; c < own; c++) {
        size_t to = (size_t)present[c];
        out->intercepts[to] = last[c] - mean;
        for (size_t j = 0; j < d; j++)
            out->weights[j * out->classes + to] = out->scale[j] > 0 ? room[j * own + c] : 0;
    }
}

static wane_status check(const double *features, const int32_t *labels, size_t n, size_t d,
                         size_t classes, const wane_logistic_options *options, wane_error *err)
{
    static const char operation[] = "logistic regression";
    if (n == 0 || d == 0 || classes == 0)
        return wane_fail(err, WANE_EINVAL, "%s: %zu examples, %zu features, %zu classes: none",
                         operation, n, d, classes);
    if (n > INT32_MAX || d > INT32_MAX || classes > INT32_MAX)
        return wane_fail(err, WANE_EINVAL,
                         "%s: %zu examples, %zu features, %zu classes: more than 2^31", operation,
                         n, d, classes);
    if (options && (!(options->l2 >= 0) || !isfinite(options->l2)))
        return wane_fail(err, WANE_EINVAL, "%s: l2 %g: not a positive number", operation,
                         options->l2);
    if (options && (!(options->tolerance >= 0) || !isfinite(options->tolerance)))
        return wane_fail(err, WANE_EINVAL, "%s: tolerance %g: not a positive number", operation,
                         options->tolerance);
    for (size_t i = 0; i < n; i++) {
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return wane_fail(err, WANE_EINVAL, "%s: example %zu: label %d, of %zu classes",
                             operation, i, (int)labels[i], classes);
        if (!wane_lapack_finite(features + i * d, d))
            return wane_fail(err, WANE_ENUMERIC, "%s: example %zu: a feature is not finite",
                             operation, i);
    }
    return WANE_OK;
}

static wane_status solver_make(solver *s, double **block, const problem *p, wane_error *err)
{
    size_t m = parameters(p);
    double **parts[] = {&s->point,     &s->trial,  &s->gradient, &s->step,  &s->residual,
                        &s->direction, &s->curved, &s->inverse,  &s->scaled};
    enum { PARTS = sizeof parts / sizeof *parts };
    *block = wane_alloc_aligned(m, PARTS * sizeof **block);
    if (!*block) return wane_fail_memory(err, "logistic regression", "parameters");
    for (size_t i = 0; i < PARTS; i++) *parts[i] = *block + i * m;
    return WANE_OK;
}

static wane_status fit_checked(wane_logistic *out, problem *p, const double *features,
                               const int32_t *labels, const wane_logistic_options *o,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    double *axes = NULL, *block = NULL, *room = NULL;
    int32_t *present = NULL;
    solver s;
    WANE_TRY(moments(out, features, p->n, err));
    WANE_TRY(number_classes(p, &present, labels, out->classes, err));
    WANE_TRY(turn(p, &axes, out, features, err));
    p->shares = wane_alloc_aligned(p->n, p->classes * sizeof *p->shares);
    p->scores = wane_alloc_aligned(p->n, p->classes * sizeof *p->scores);
    room = wane_alloc_aligned(out->features, p->classes * sizeof *room);
    if (!p->shares || !p->scores || !room) {
        st = wane_fail_memory(err, "logistic regression", "scores");
        goto done;
    }
    WANE_TRY(solver_make(&s, &block, p, err));
    WANE_TRY(minimise(out, p, &s, o->tolerance > 0 ? o->tolerance : 1e-10,
                      o->iterations ? o->iterations : STEPS, err));
    turn_back(out, p, s.point, axes, present, room);
done:
    wane_free(room);
    wane_free(block);
    wane_free(axes);
    wane_free(present);
    return st;
}

wane_status wane_logistic_fit(wane_logistic *out, const double *features, const int32_t *labels,
                              size_t n, size_t d, size_t classes,
                              const wane_logistic_options *options, wane_pool *pool,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_logistic_options o = options ? *options : (wane_logistic_options){0};
    wane_logistic model = {.features = d, .classes = classes, .examples = n};
    problem p = {.n = n, .l2 = o.l2 > 0 ? o.l2 : 1e-3, .pool = pool};
    WANE_TRY(check(features, labels, n, d, classes, options, err));
    model.mean = wane_alloc(d, sizeof *model.mean);
    model.scale = wane_alloc(d, sizeof *model.scale);
    model.weights = wane_alloc_aligned(d, classes * sizeof *model.weights);
    model.intercepts = wane_alloc(classes, sizeof *model.intercepts);
    if (!model.mean || !model.scale || !model.weights || !model.intercepts) {
        st = wane_fail_memory(err, "logistic regression", "model");
        goto done;
    }
    WANE_TRY(fit_checked(&model, &p, features, labels, &o, err));
    *out = model;
    model = (wane_logistic){0};
done:
    wane_logistic_free(&model);
    wane_free(p.design);
    wane_free(p.squares);
    wane_free(p.labels);
    wane_free(p.shares);
    wane_free(p.scores);
    return st;
}

void wane_logistic_free(wane_logistic *model)
{
    if (!model) return;
    wane_free(model->mean);
    wane_free(model->scale);
    wane_free(model->weights);
    wane_free(model->intercepts);
    *model = (wane_logistic){0};
}

/* One row of scores (without intercepts, which it adds) to the three outputs. */
static void judge(int32_t *label, double *margin, double *log_probabilities, double *scores,
                  const wane_logistic *model)
{
    double best = -INFINITY, second = -INFINITY, sum = 0;
    size_t winner = 0;
    for (size_t k = 0; k < model->classes; k++) {
        double score = scores[k] += model->intercepts[k];
        if (score > best) {
            second = best;
            best = score;
            winner = k;
        } else if (score > second) {
            second = score;
        }
    }
    if (label) *label = (int32_t)winner;
    if (margin) *margin = best - second;
    if (!log_probabilities) return;
    for (size_t k = 0; k < model->classes; k++) sum += exp(scores[k] - best);
    for (size_t k = 0; k < model->classes; k++) log_probabilities[k] = scores[k] - best - log(sum);
}

wane_status wane_logistic_predict(int32_t *labels, double *margins, double *log_probabilities,
                                  const wane_logistic *model, const double *features, size_t n,
                                  size_t d, wane_pool *pool, wane_error *err)
{
    if (d != model->features)
        return wane_fail(err, WANE_EINVAL, "logistic regression: %zu features: fitted on %zu", d,
                         model->features);
    size_t classes = model->classes, cells = 0;
    bool fits = wane_size_mul(&cells, n, d);
    double *standard = fits ? wane_alloc_aligned(cells, sizeof *standard) : NULL;
    double *scores = wane_alloc_aligned(n, classes * sizeof *scores);
    wane_status st = WANE_OK;
    if (!standard || !scores) {
        st = wane_fail_memory(err, "logistic regression", "features");
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        if (!wane_lapack_finite(features + i * d, d)) {
            st = wane_fail(err, WANE_ENUMERIC,
                           "logistic regression: example %zu: a feature is not finite", i);
            goto done;
        }
    standardise(standard, model, features, n);
    wane_dgemm(pool, false, false, n, classes, d, 1, standard, d, model->weights, classes, 0,
               scores, classes);
    for (size_t i = 0; i < n; i++)
        judge(labels ? &labels[i] : NULL, margins ? &margins[i] : NULL,
              log_probabilities ? log_probabilities + i * classes : NULL, scores + i * classes,
              model);
done:
    wane_free(scores);
    wane_free(standard);
    return st;
}
