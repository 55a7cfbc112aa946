/* SPDX-License-Identifier: Apache-2.0
 * Finds the spectra of a pair: one large matrix at a time with all threads, small ones side by
 * side, random updates beside them, and their sums.
 */
#include "eval/pair/spectra_of_pair.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/live.h"
#include "eval/pair/parts_of_pair.h"
#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/file.h"

/* Looked at side by side at most: an exact one takes one thread and about four times its weight. */
enum { SIDE_BY_SIDE = 8 };

/* Random updates under way: the same ones for the same two checkpoints. */
enum { SEED = 0 };
typedef struct nulls {
    wane_null_tally sum[2][WANE_NULL_DRAWS], one[2][WANE_NULL_DRAWS];
    const char *reason; /* why there are none; from then on nothing is drawn */
} nulls;

/* One matrix under way, or a part of one. */
typedef struct finding {
    wane_matrix_spectrum *matrix;
    const wane_compared *one;
    wane_weight_part rows;   /* of the matrix in the files: all of a whole one */
    wane_part_spectrum *all; /* of the parts; NULL: none are wanted */
    const wane_comparison *comparison;
    const wane_pair_question *question;
    wane_pool *pool;           /* of one that has all threads; NULL: it has one of them */
    wane_matrix_of_pair *pair; /* where its weights are read; borrowed */
    const float *base, *tuned; /* they */
    bool known;                /* its spectrum is: what is wanted are random updates, or parts */
    bool draws;                /* it may have random updates */
    double rounding;           /* root mean square error of a number of the tuned file */
    wane_base_svd *svd;
    wane_status status;
    wane_error error;
} finding;

static double frobenius(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* Nothing is known of such a matrix but that it is there. */
static void leave_undefined(wane_matrix_spectrum *m)
{
    m->spectrum = (wane_spectrum){.base_frobenius = NAN,
                                  .base_spectral = NAN,
                                  .delta_frobenius = NAN,
                                  .delta_spectral = NAN,
                                  .relative_update = NAN,
                                  .effective_rank = NAN,
                                  .stable_rank = NAN,
                                  .top_share = NAN,
                                  .rho = NAN,
                                  .floor = NAN};
    m->not_finite = true;
    m->floor = 0;
    for (int side = 0; side < 2; side++) m->null[side] = m->energy[side] = NAN;
}

static size_t directions_wanted(const wane_pair_question *q)
{
    return q->top > q->k ? q->top : q->k;
}

static wane_spectrum_way way_of(const wane_pair_question *q)
{
    return q->exact ? WANE_SPECTRUM_EXACT : q->bounded ? WANE_SPECTRUM_BOUNDED : WANE_SPECTRUM_AUTO;
}

bool wane_pair_question_bounds(const wane_pair_question *q, const wane_compared *one)
{
    return wane_spectrum_is_bounded(way_of(q), one->rows, one->cols, directions_wanted(q));
}

/* The rounding floor of the rows, and the root mean square error of a number of the tuned file. */
static void find_floor(finding *f)
{
    const wane_compared *one = f->one;
    double both = 0, tuned = 0;
    for (size_t row = 0; row < f->rows.rows; row += f->rows.run) {
        size_t at = row * one->cols, count = f->rows.run * one->cols;
        size_t first = wane_weight_part_row(&f->rows, row) * one->cols;
        both += wane_comparison_floor_square(f->comparison, one, f->base + at, f->tuned + at, first,
                                             count);
        if (one->tuned)
            tuned += wane_tensors_rounding(f->comparison->tuned.tensors, one->tuned, f->tuned + at,
                                           first, count);
    }
    f->matrix->floor = sqrt(both);
    f->rounding = sqrt(tuned / (double)(one->rows * one->cols));
}

/* What is told of base and tuned as they are; false where there is nothing to decompose. */
static bool look(finding *f, bool changed, bool base_finite, bool finite)
{
    f->matrix->changed = changed;
    if (!finite) {
        f->matrix->base_not_finite = !base_finite;
        leave_undefined(f->matrix);
        return false;
    }
    if (f->tuned) find_floor(f);
    if (changed) return true;
    f->matrix->spectrum.base_frobenius = frobenius(f->base, f->one->rows * f->one->cols);
    f->matrix->spectrum.effective_rank = NAN;
    return false;
}

static void find_base(finding *f)
{
    const wane_compared *one = f->one;
    wane_matrix base = {f->base, one->rows, one->cols, one->cols};
    f->status =
        wane_base_svd_take(&f->svd, base, way_of(f->question), directions_wanted(f->question),
                           f->question->cache, f->pool, &f->error);
}

/* As far as rounding goes. */
static wane_spectrum_options options_of(const finding *f)
{
    const wane_compared *one = f->one;
    wane_spectrum_options options = {0};
    if (wane_compared_term(one)) return options;
    double both = f->matrix->floor / sqrt((double)(one->rows * one->cols));
    options.rounding = f->rounding;
    if (both > f->rounding)
        options.base_rounding = sqrt((both - f->rounding) * (both + f->rounding));
    return options;
}

static wane_status tuned_spectrum(finding *f)
{
    const wane_pair_question *q = f->question;
    const wane_compared *one = f->one;
    wane_spectrum *out = &f->matrix->spectrum;
    wane_spectrum_options options = options_of(f);
    const double decided[] = {fmax(q->epsilon - WANE_PAIR_MARGIN, 0), q->epsilon,
                              fmin(q->epsilon + WANE_PAIR_MARGIN, 1)};
    options.top = directions_wanted(q);
    if (!q->top) { /* what is stored is decided at more */
        options.epsilon = decided;
        options.epsilons = sizeof decided / sizeof *decided;
    }
    options.u = q->u;
    options.v = q->v;
    if (wane_compared_term(one))
        return wane_spectrum_lowrank(out, f->svd, wane_compared_term(one), 1, &options, f->pool,
                                     &f->error);
    wane_matrix tuned = {f->tuned, one->rows, one->cols, one->cols};
    wane_status st = wane_spectrum_full(out, f->svd, tuned, &options, f->pool, &f->error);
    if (st == WANE_OK && out->delta_frobenius < 10 * f->matrix->floor) out->effective_rank = NAN;
    return st;
}

/* Random updates beside one changed matrix, added to those of the others. */
static wane_status draw_null(finding *f, nulls *n, wane_pool *pool)
{
    wane_status st = WANE_OK;
    const wane_compared *one = f->one;
    wane_matrix_spectrum *m = f->matrix;
    wane_spectrum_options options = options_of(f);
    wane_null_change change = {0};
    WANE_TRY(wane_base_svd_find_values(f->svd, pool, &f->error));
    if (wane_compared_term(one)) {
        WANE_TRY(wane_null_change_lowrank(&change, f->svd, wane_compared_term(one), 1, &options,
                                          pool, &f->error));
    } else {
        wane_matrix tuned = {f->tuned, one->rows, one->cols, one->cols};
        WANE_TRY(wane_null_change_full(&change, f->svd, tuned, &options, pool, &f->error));
    }
    change.top = f->question->k;
    change.epsilon = f->question->epsilon;
    WANE_TRY(
        wane_null_draw_matrix(n->one, WANE_NULL_ROTATED, &change, m->index, SEED, pool, &f->error));
    wane_null_add(n->sum, (const wane_null_tally(*)[WANE_NULL_DRAWS])n->one);
    for (int side = 0; side < 2; side++)
        m->null[side] = wane_null_summarise(n->one[side], m->intruders[side]).mean;
done:
    wane_null_change_free(&change);
    return st;
}

/* Why none are drawn beside this changed matrix, and so beside none; else NULL. */
static const char *why_no_null(const finding *f)
{
    const wane_compared *one = f->one;
    size_t smaller = one->rows < one->cols ? one->rows : one->cols;
    if (f->question->no_null) return WANE_NO_NULL_ASKED;
    if (f->question->null) return NULL;
    if (f->matrix->spectrum.bounded) return WANE_NO_NULL_BOUNDED;
    if (wane_compared_term(one) || smaller <= WANE_NULL_DENSE_SIDE) return NULL;
    return WANE_NO_NULL_WIDE;
}

/* What is counted of one matrix. */
static void count_sides(wane_matrix_spectrum *m, const wane_pair_question *q)
{
    const wane_spectrum *s = &m->spectrum;
    for (int side = 0; side < 2; side++) {
        bool asked = side == 0 ? q->u : q->v;
        m->energy[side] = m->null[side] = asked ? 0 : NAN;
        if (!asked || !m->changed) continue;
        const wane_direction *d = s->side[side];
        wane_intruder_tally tally = wane_intruder_tally_up(d, s->count, q->k, q->epsilon);
        m->existing[side] = tally.existing;
        m->unresolved[side] = tally.unresolved;
        m->intruders[side] = tally.intruders;
        m->energy[side] = tally.intruder_energy / tally.energy;
        m->fewer[side] = wane_intruder_count(d, s->count, q->k, q->epsilon - WANE_PAIR_MARGIN);
        m->more[side] =
            wane_intruder_count(d, s->count, q->k, fmin(q->epsilon + WANE_PAIR_MARGIN, 1));
    }
}

/* ------------------------------------------------------------------------------------ in turn */

/* Whether such a matrix is looked at alone, by all threads: a large one that is bounded is products
 * alone, which share well. Else several are side by side, a thread each: a whole SVD, and what is
 * too small to be shared. The one place that decides. */
static bool goes_alone(const wane_pair_question *q, const wane_compared *one)
{
    return wane_pair_question_bounds(q, one) && one->rows > WANE_EXACT_SIDE &&
           one->cols > WANE_EXACT_SIDE;
}

/* All of them under way, and how far they are. */
typedef struct course {
    const wane_comparison *comparison;
    wane_pair_spectra *all;
    nulls *nulls;
    wane_pool *pool;
    finding list[SIDE_BY_SIDE];
    wane_matrix_of_pair pair[SIDE_BY_SIDE]; /* of list[i]; kept from one to the next */
    bool *known;                            /* of each matrix: its keeper has it */
    size_t found;
    double work, done; /* of what is to be done, of what was done */
    double start;      /* by the clock */
} course;

/* By its numbers; one that an adapter does not touch is only read. */
static double work_of(const wane_compared *one)
{
    const double untouched = 0.02;
    return (double)one->rows * (double)one->cols * (one->tuned || one->update ? 1 : untouched);
}

/* What is left takes its time as what is done did. */
static void show(const course *c)
{
    char left[40] = "";
    if (c->done > 0) {
        double seconds = (wane_clock_wall() - c->start) / c->done * (c->work - c->done);
        long whole = seconds < 360000 ? (long)ceil(seconds) : 359999;
        if (whole < 3600)
            (void)snprintf(left, sizeof left, ", %ld:%02ld left", whole / 60, whole % 60);
        else
            (void)snprintf(left, sizeof left, ", %ld:%02ld:%02ld left", whole / 3600,
                           whole / 60 % 60, whole % 60);
    }
    wane_live_show("spectra: %zu of %zu matrices%s", c->found, c->all->count, left);
}

/* What follows from a spectrum. */
static void settle(finding *f)
{
    f->matrix->base_count = f->svd ? wane_base_svd_count(f->svd) : 0;
    if (f->svd) f->matrix->changed = f->matrix->spectrum.changed; /* B A may be 0 */
    if (!f->matrix->not_finite) count_sides(f->matrix, f->question);
}

static void find_part(finding *whole, wane_part_spectrum *part)
{
    wane_part_of_pair taken = {0};
    finding f = *whole;
    f.matrix = &part->spectrum;
    f.rows = part->rows;
    f.svd = NULL;
    f.one = &taken.one;
    f.status = wane_part_of_pair_take(&taken, part, whole->one, whole->pair, &f.error);
    f.base = taken.base;
    f.tuned = taken.tuned;
    if (f.status == WANE_OK && look(&f, taken.changed, taken.base_finite, taken.finite))
        find_base(&f);
    if (f.status == WANE_OK && f.svd) f.status = tuned_spectrum(&f);
    if (f.status == WANE_OK) {
        settle(&f);
        f.matrix->null[0] = f.matrix->null[1] = NAN;
    } else {
        whole->status = f.status;
        whole->error = f.error;
    }
    wane_base_svd_free(f.svd);
    wane_part_of_pair_free(&taken);
}

static void find_one(void *context, size_t tile, int thread)
{
    finding *f = (finding *)context + tile;
    const wane_matrix_of_pair *pair = f->pair;
    (void)thread;
    f->status =
        wane_matrix_of_pair_read(f->pair, f->comparison, f->matrix->index, f->pool, &f->error);
    if (f->status != WANE_OK) return;
    f->base = pair->base;
    f->tuned = pair->tuned;
    if ((!f->known || f->draws) && look(f, pair->changed, pair->base_finite, pair->finite))
        find_base(f);
    if (f->status == WANE_OK && f->svd && !f->known) f->status = tuned_spectrum(f);
    for (size_t i = 0; f->all && i < f->matrix->parts && f->status == WANE_OK; i++)
        find_part(f, &f->all[f->matrix->part + i]);
}

/* And from all of those before it: its random updates. */
static wane_status finish(finding *f, course *c)
{
    if (f->status != WANE_OK) return f->status;
    if (!f->known || f->draws) settle(f);
    if (!f->svd || !f->matrix->changed) return WANE_OK;
    if (!c->nulls->reason) c->nulls->reason = why_no_null(f);
    return c->nulls->reason ? WANE_OK : draw_null(f, c->nulls, c->pool);
}

/* Hands what was found of list[0..count) to the keeper. */
static wane_status keep(const course *c, size_t count, wane_error *err)
{
    const wane_pair_keeper *keeper = c->list[0].question->keeper;
    size_t place[SIDE_BY_SIDE], found = 0;
    for (size_t i = 0; i < count; i++)
        if (!c->list[i].known) place[found++] = (size_t)(c->list[i].matrix - c->all->matrix);
    return keeper && found ? keeper->keep(keeper->context, c->all, place, found, err) : WANE_OK;
}

/* The matrices list[0..count). */
static wane_status find_some(course *c, size_t count, wane_error *err)
{
    wane_status st = WANE_OK;
    show(c);
    if (count == 1) c->list[0].pool = c->pool;
    wane_pool_run(count == 1 ? NULL : c->pool, count, find_one, c->list);
    for (size_t i = 0; i < count; i++) {
        finding *f = &c->list[i];
        if (st == WANE_OK && (st = finish(f, c)) != WANE_OK)
            (void)wane_fail(err, st, "%s: %s", f->one->name, f->error.message);
        wane_base_svd_free(f->svd);
        wane_comparison_let_go(c->comparison, f->matrix->index);
        c->found++;
        c->done += work_of(f->one);
    }
    return st == WANE_OK ? keep(c, count, err) : st;
}

/* Whether a matrix may have random updates, and whether there is anything to do about it: of a
 * known one only they, and parts. */
static bool draws(const course *c, size_t i)
{
    return c->all->matrix[i].changed && !c->nulls->reason;
}

static bool wanted(const course *c, size_t i)
{
    return !c->known[i] || draws(c, i) || c->all->matrix[i].parts > 0;
}

/* A matrix that is looked at whole. */
static finding finding_of(const course *c, const wane_pair_question *question, size_t i)
{
    wane_matrix_spectrum *m = &c->all->matrix[i];
    const wane_compared *one = &c->comparison->list[m->index];
    return (finding){.matrix = m,
                     .one = one,
                     .rows = {.rows = one->rows, .run = one->rows, .stride = one->rows},
                     .all = c->all->part,
                     .comparison = c->comparison,
                     .question = question,
                     .known = c->known[i],
                     .draws = draws(c, i)};
}

/* Those that go alone, or the others. */
static wane_status find_kind(course *c, const wane_pair_question *question, bool alone,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    size_t most = alone ? 1 : (size_t)wane_pool_threads(c->pool), waiting = 0;
    if (most > SIDE_BY_SIDE) most = SIDE_BY_SIDE;
    for (size_t i = 0; i < c->all->count && st == WANE_OK; i++) {
        wane_matrix_spectrum *m = &c->all->matrix[i];
        if (goes_alone(question, &c->comparison->list[m->index]) != alone) continue;
        if (!wanted(c, i)) continue;
        c->list[waiting] = finding_of(c, question, i);
        c->list[waiting].pair = &c->pair[waiting];
        if (++waiting < most) continue;
        st = find_some(c, waiting, err);
        waiting = 0;
    }
    return st == WANE_OK && waiting ? find_some(c, waiting, err) : st;
}

/* What the keeper has; of the rest, how much there is to do. */
static wane_status recall(course *c, const wane_pair_question *question, wane_error *err)
{
    const wane_pair_keeper *keeper = question->keeper;
    wane_status st = keeper ? keeper->recall(keeper->context, c->all, c->known, err) : WANE_OK;
    if (st != WANE_OK) return st;
    for (size_t i = 0; i < c->all->count; i++) {
        const finding f = finding_of(c, question, i);
        if (!c->known[i]) continue;
        count_sides(f.matrix, question);
        if (f.matrix->changed && !c->nulls->reason) c->nulls->reason = why_no_null(&f);
    }
    for (size_t i = 0; i < c->all->count; i++)
        if (wanted(c, i)) c->work += work_of(&c->comparison->list[c->all->matrix[i].index]);
        else c->found++;
    return WANE_OK;
}

/* Large ones first: they tell how long it takes, and whether there are random updates at all. */
static wane_status find_all(wane_pair_spectra *all, const wane_comparison *comparison,
                            const wane_pair_question *question, nulls *n, wane_pool *pool,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    course c = {.comparison = comparison,
                .all = all,
                .nulls = n,
                .pool = pool,
                .known = wane_alloc(all->count, sizeof *c.known),
                .start = wane_clock_wall()};
    if (!c.known) return wane_fail_memory(err, "spectra", comparison->base.path);
    WANE_TRY(recall(&c, question, err));
    WANE_TRY(find_kind(&c, question, true, err));
    WANE_TRY(find_kind(&c, question, false, err));
done:
    wane_live_clear();
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) wane_matrix_of_pair_free(&c.pair[i]);
    wane_free(c.known);
    return st;
}

static void sum_up(wane_pair_spectra *all, const wane_pair_question *q)
{
    double base = 0, delta = 0, floors = 0, ranks = 0, part[2] = {0, 0}, whole[2] = {0, 0};
    for (size_t i = 0; i < all->count; i++) {
        const wane_matrix_spectrum *m = &all->matrix[i];
        const wane_spectrum *s = &m->spectrum;
        base += s->base_frobenius * s->base_frobenius;
        all->changed += m->changed;
        all->bounded += m->changed && s->bounded;
        all->not_finite += m->not_finite;
        if (!m->changed) continue;
        double floor_ = m->floor;
        delta += s->delta_frobenius * s->delta_frobenius;
        floors += floor_ * floor_;
        all->within_floor += s->delta_frobenius < 10 * floor_;
        if (!isnan(s->effective_rank)) {
            ranks += s->effective_rank;
            all->ranked++;
        }
        for (int side = 0; side < 2 && s->count > 0; side++) {
            if (!s->side[side]) continue;
            wane_intruder_tally tally =
                wane_intruder_tally_up(s->side[side], s->count, q->k, q->epsilon);
            part[side] += tally.intruder_energy;
            whole[side] += tally.energy;
        }
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < all->count; i++) {
            all->existing[side] += all->matrix[i].existing[side];
            all->unresolved[side] += all->matrix[i].unresolved[side];
            all->intruders[side] += all->matrix[i].intruders[side];
            all->fewer[side] += all->matrix[i].fewer[side];
            all->more[side] += all->matrix[i].more[side];
        }
        all->energy[side] = part[side] / whole[side];
    }
    all->base_frobenius = sqrt(base);
    all->delta_frobenius = sqrt(delta);
    all->floor = sqrt(floors);
    all->effective_rank = all->ranked ? ranks / (double)all->ranked : NAN;
}

/* What all draws say; without them no matrix has a mean of its own. */
static void sum_up_nulls(wane_pair_spectra *all, const nulls *n)
{
    size_t changed = 0;
    for (size_t i = 0; i < all->count; i++)
        changed += all->matrix[i].changed && !all->matrix[i].not_finite;
    all->no_null = n->reason ? n->reason : changed ? NULL : WANE_NO_NULL_UNCHANGED;
    for (int side = 0; side < 2; side++) {
        all->null[side] = wane_null_summarise(n->sum[side], all->intruders[side]);
        for (size_t i = 0; i < all->count && all->no_null; i++) all->matrix[i].null[side] = NAN;
    }
}

wane_status wane_pair_spectra_find(wane_pair_spectra *out, const wane_comparison *comparison,
                                   const wane_pair_question *question, wane_pool *pool,
                                   wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair_spectra all = {0};
    nulls *n = wane_alloc(1, sizeof *n);
    all.matrix = wane_alloc(comparison->chosen, sizeof *all.matrix);
    if (!all.matrix || !n) WANE_TRY(wane_fail_memory(err, "spectra", comparison->base.path));
    if (question->cache) WANE_TRY(wane_folder_make(question->cache, err));
    for (size_t i = 0; i < comparison->count; i++)
        if (comparison->list[i].chosen) all.matrix[all.count++].index = i;
    if (question->parts) WANE_TRY(wane_pair_parts_list(&all, comparison, err));
    WANE_TRY(find_all(&all, comparison, question, n, pool, err));
    sum_up(&all, question);
    sum_up_nulls(&all, n);
    *out = all;
    all = (wane_pair_spectra){0};
done:
    wane_free(n);
    wane_pair_spectra_free(&all);
    return st;
}

void wane_pair_spectra_free(wane_pair_spectra *spectra)
{
    for (size_t i = 0; spectra->matrix && i < spectra->count; i++)
        wane_spectrum_free(&spectra->matrix[i].spectrum);
    for (size_t i = 0; spectra->part && i < spectra->part_count; i++)
        wane_spectrum_free(&spectra->part[i].spectrum.spectrum);
    wane_free(spectra->matrix);
    wane_free(spectra->part);
    *spectra = (wane_pair_spectra){0};
}
