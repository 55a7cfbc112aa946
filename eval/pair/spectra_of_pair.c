/* SPDX-License-Identifier: Apache-2.0
 * Finds base spectra side by side and tuned ones with all threads, adds random updates beside them,
 * and sums up; with its tables, CSV and JSON.
 */
#include "eval/pair/spectra_of_pair.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "store/files/file.h"
#include "store/files/json.h"

/* Base spectra found side by side: each takes one thread and about four times its weight. */
enum { SIDE_BY_SIDE = 8 };

/* Of epsilon, to both sides. */
static const double MARGIN = 0.05;

/* Random updates under way: the same ones for the same two checkpoints. */
enum { SEED = 0 };
typedef struct nulls {
    wane_null_tally sum[2][WANE_NULL_DRAWS], one[2][WANE_NULL_DRAWS];
    const char *reason; /* why there are none; from then on nothing is drawn */
} nulls;
#define NO_NULL_ASKED "not_asked"
#define NO_NULL_WIDE "wide"
#define NO_NULL_BOUNDED "bounded"
#define NO_NULL_UNCHANGED "unchanged"

/* One matrix under way. */
typedef struct finding {
    wane_matrix_spectrum *matrix;
    const wane_comparison *comparison;
    const wane_pair_question *question;
    float *values[2]; /* of base and tuned, where they had to be read; owned */
    const float *base, *tuned;
    double rounding; /* root mean square error of a number of the tuned file */
    wane_base_svd *svd;
    wane_status status;
    wane_error error;
} finding;

static bool all_zero(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0) return false;
    return true;
}

static double frobenius(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static const wane_compared *compared(const finding *f)
{
    return &f->comparison->list[f->matrix->index];
}

static wane_status read_side(const float **out, finding *f, bool tuned)
{
    const wane_compared *one = compared(f);
    size_t index = f->matrix->index;
    *out = wane_comparison_floats(f->comparison, index, tuned);
    if (*out) return WANE_OK;
    float *values = f->values[tuned] = wane_alloc_aligned(one->rows * one->cols, sizeof *values);
    if (!values) return wane_fail_memory(&f->error, "spectra", one->name);
    *out = values;
    return wane_comparison_read(values, f->comparison, index, tuned, &f->error);
}

static bool is_changed(const finding *f)
{
    const wane_compared *one = compared(f);
    const wane_lowrank_term *term = wane_compared_term(one);
    if (term)
        return !all_zero(term->b, one->rows * term->rank) &&
               !all_zero(term->a, term->rank * one->cols);
    return f->tuned && memcmp(f->base, f->tuned, one->rows * one->cols * sizeof(float)) != 0;
}

static bool is_finite(const finding *f)
{
    const wane_compared *one = compared(f);
    const wane_lowrank_term *term = wane_compared_term(one);
    size_t count = one->rows * one->cols;
    if (!wane_all_finite(f->base, count)) return false;
    if (term) return wane_lowrank_finite(term, one->rows, one->cols);
    return !f->tuned || wane_all_finite(f->tuned, count);
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

static bool is_bounded(const finding *f)
{
    const wane_pair_question *q = f->question;
    wane_spectrum_way way = q->exact     ? WANE_SPECTRUM_EXACT
                            : q->bounded ? WANE_SPECTRUM_BOUNDED
                                         : WANE_SPECTRUM_AUTO;
    const wane_compared *one = compared(f);
    return wane_spectrum_is_bounded(way, one->rows, one->cols, directions_wanted(q));
}

/* Reads one matrix of both sides and, where they differ, finds the base's spectrum. */
static void find_base(void *context, size_t tile, int thread)
{
    (void)thread;
    finding *f = (finding *)context + tile;
    const wane_compared *one = compared(f);
    const char *cache = f->question->cache;
    size_t count = one->rows * one->cols;
    f->status = read_side(&f->base, f, false);
    if (f->status == WANE_OK && (one->tuned || (one->update && !wane_compared_term(one))))
        f->status = read_side(&f->tuned, f, true);
    if (f->status != WANE_OK) return;
    f->matrix->changed = is_changed(f);
    if (!is_finite(f)) {
        f->matrix->base_not_finite = !wane_all_finite(f->base, count);
        leave_undefined(f->matrix);
        return;
    }
    if (f->tuned) {
        f->matrix->floor = wane_comparison_floor(one, f->base, f->tuned);
        if (one->tuned) f->rounding = wane_dtype_rounding_rms(one->tuned->dtype, f->tuned, count);
    }
    if (!f->matrix->changed) {
        f->matrix->spectrum.base_frobenius = frobenius(f->base, count);
        f->matrix->spectrum.effective_rank = NAN;
        return;
    }
    wane_matrix base = {f->base, one->rows, one->cols, one->cols};
    if (is_bounded(f)) f->status = wane_base_svd_leading(&f->svd, base, 0, NULL, &f->error);
    else
        f->status = cache ? wane_base_svd_cached(&f->svd, base, cache, &f->error)
                          : wane_base_svd_compute(&f->svd, base, &f->error);
}

/* As far as rounding goes. */
static wane_spectrum_options options_of(const finding *f)
{
    const wane_compared *one = compared(f);
    wane_spectrum_options options = {0};
    if (wane_compared_term(one)) return options;
    double both = f->matrix->floor / sqrt((double)(one->rows * one->cols));
    options.rounding = f->rounding;
    if (both > f->rounding)
        options.base_rounding = sqrt((both - f->rounding) * (both + f->rounding));
    return options;
}

static wane_status tuned_spectrum(finding *f, wane_pool *pool)
{
    const wane_pair_question *q = f->question;
    const wane_compared *one = compared(f);
    wane_spectrum *out = &f->matrix->spectrum;
    wane_spectrum_options options = options_of(f);
    const double decided[] = {fmax(q->epsilon - MARGIN, 0), q->epsilon,
                              fmin(q->epsilon + MARGIN, 1)};
    options.top = directions_wanted(q);
    if (!q->top) { /* what is stored is decided at more */
        options.epsilon = decided;
        options.epsilons = sizeof decided / sizeof *decided;
    }
    options.u = q->u;
    options.v = q->v;
    if (wane_compared_term(one))
        return wane_spectrum_lowrank(out, f->svd, wane_compared_term(one), 1, &options, pool,
                                     &f->error);
    wane_matrix tuned = {f->tuned, one->rows, one->cols, one->cols};
    wane_status st = wane_spectrum_full(out, f->svd, tuned, &options, pool, &f->error);
    if (st == WANE_OK && out->delta_frobenius < 10 * f->matrix->floor) out->effective_rank = NAN;
    return st;
}

/* Random updates beside one changed matrix, added to those of the others. */
static wane_status draw_null(finding *f, nulls *n, wane_pool *pool)
{
    wane_status st = WANE_OK;
    const wane_compared *one = compared(f);
    wane_matrix_spectrum *m = f->matrix;
    wane_spectrum_options options = options_of(f);
    wane_null_change change = {0};
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
    const wane_compared *one = compared(f);
    size_t smaller = one->rows < one->cols ? one->rows : one->cols;
    if (f->question->no_null) return NO_NULL_ASKED;
    if (f->question->null) return NULL;
    if (f->matrix->spectrum.bounded) return NO_NULL_BOUNDED;
    if (wane_compared_term(one) || smaller <= WANE_NULL_DENSE_SIDE) return NULL;
    return NO_NULL_WIDE;
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
        m->fewer[side] = wane_intruder_count(d, s->count, q->k, q->epsilon - MARGIN);
        m->more[side] = wane_intruder_count(d, s->count, q->k, fmin(q->epsilon + MARGIN, 1));
    }
}

/* The matrices list[0..count). */
static wane_status find_some(finding *list, size_t count, nulls *n, wane_pool *pool,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pool_run(pool, count, find_base, list);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        finding *f = &list[i];
        const wane_compared *one = compared(f);
        if (f->status == WANE_OK && f->svd) f->status = tuned_spectrum(f, pool);
        if ((st = f->status) != WANE_OK) {
            (void)wane_fail(err, st, "%s: %s", one->name, f->error.message);
            break;
        }
        f->matrix->base_count = f->svd ? wane_base_svd_count(f->svd) : 0;
        if (f->svd) f->matrix->changed = f->matrix->spectrum.changed; /* B A may be 0 */
        if (!f->matrix->not_finite) count_sides(f->matrix, f->question);
        if (!f->svd || !f->matrix->changed) continue;
        if (!n->reason) n->reason = why_no_null(f);
        if (!n->reason && (st = draw_null(f, n, pool)) != WANE_OK)
            (void)wane_fail(err, st, "%s: %s", one->name, f->error.message);
    }
    for (size_t i = 0; i < count; i++) {
        wane_base_svd_free(list[i].svd);
        wane_free(list[i].values[0]);
        wane_free(list[i].values[1]);
    }
    return st;
}

static wane_status find_all(wane_pair_spectra *all, const wane_comparison *comparison,
                            const wane_pair_question *question, nulls *n, wane_pool *pool,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    size_t most = (size_t)wane_pool_threads(pool), waiting = 0, done = 0;
    finding list[SIDE_BY_SIDE];
    if (most > SIDE_BY_SIDE) most = SIDE_BY_SIDE;
    for (size_t i = 0; i < all->count && st == WANE_OK; i++) {
        list[waiting++] =
            (finding){.matrix = &all->matrix[i], .comparison = comparison, .question = question};
        if (waiting < most && i + 1 < all->count) continue;
        wane_live_show("spectra: %zu of %zu matrices", done, all->count);
        st = find_some(list, waiting, n, pool, err);
        done += waiting;
        waiting = 0;
    }
    wane_live_clear();
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
    all->no_null = n->reason ? n->reason : changed ? NULL : NO_NULL_UNCHANGED;
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

static const wane_matrix_spectrum *first_not_finite(const wane_pair_spectra *all)
{
    size_t i = 0;
    while (!all->matrix[i].not_finite) i++;
    return &all->matrix[i];
}

wane_status wane_pair_spectra_finite(const wane_pair_spectra *all,
                                     const wane_comparison *comparison, wane_error *err)
{
    if (all->not_finite == 0) return WANE_OK;
    const wane_matrix_spectrum *m = first_not_finite(all);
    return wane_fail(
        err, WANE_ENUMERIC,
        "spectra: %s: %.200s: not finite (NaN or infinite): %zu of %zu matrices %s not "
        "counted",
        m->base_not_finite ? comparison->base.path : comparison->tuned.path,
        comparison->list[m->index].name, all->not_finite, all->count,
        all->not_finite == 1 ? "is" : "are");
}

void wane_pair_spectra_write_not_finite(wane_text *out, const wane_pair_spectra *all,
                                        const wane_comparison *comparison)
{
    if (all->not_finite == 0) return;
    char more[40] = "";
    if (all->not_finite > 1)
        (void)snprintf(more, sizeof more, " and %zu more", all->not_finite - 1);
    wane_page_line(out, "not counted", "%.200s%s: not finite",
                   comparison->list[first_not_finite(all)->index].name, more);
}

void wane_pair_spectra_free(wane_pair_spectra *spectra)
{
    for (size_t i = 0; spectra->matrix && i < spectra->count; i++)
        wane_spectrum_free(&spectra->matrix[i].spectrum);
    wane_free(spectra->matrix);
    *spectra = (wane_pair_spectra){0};
}

/* The end that the count is nearer to. */
static void write_p(wane_text *out, const wane_null_summary *s)
{
    bool high = s->p_high <= s->p_low;
    wane_text_printf(out, "; p %.2f for as %s", high ? s->p_high : s->p_low,
                     high ? "many or more" : "few or fewer");
}

static void write_drawn(wane_text *out, const wane_pair_spectra *all, int side)
{
    const wane_null_summary *s = &all->null[side];
    char mean[32];
    wane_text_printf(out,
                     "%s [%g, %g] in %d random updates with the singular values of dW "
                     "(null_rotated)",
                     wane_page_number(mean, s->mean, 3), s->low, s->high, WANE_NULL_DRAWS);
    if (s->uninformative && all->intruders[side] == 0)
        wane_text_string(out, ": uninformative, at this size they have none either");
    else write_p(out, s);
}

void wane_pair_spectra_write_null(wane_text *out, const wane_pair_spectra *all, int side,
                                  const wane_pair_question *q, const char *const heads[2])
{
    wane_text text = {0};
    if (all->no_null && strcmp(all->no_null, NO_NULL_UNCHANGED) == 0) return;
    wane_page_line(out, heads[0], "%zu at |cosine| < %.4g, %zu at %.4g", all->fewer[side],
                   fmax(q->epsilon - MARGIN, 0), all->more[side], fmin(q->epsilon + MARGIN, 1));
    if (!all->no_null) write_drawn(&text, all, side);
    else if (strcmp(all->no_null, NO_NULL_WIDE) == 0)
        wane_text_printf(&text, "not drawn: a whole weight's smaller side is beyond %d (--null)",
                         WANE_NULL_DENSE_SIDE);
    else if (strcmp(all->no_null, NO_NULL_BOUNDED) == 0)
        wane_text_printf(&text,
                         "not drawn: a matrix is wider than %d on both sides, where each of the %d "
                         "costs as much as the count (--null)",
                         WANE_EXACT_SIDE, WANE_NULL_DRAWS);
    else wane_text_string(&text, "not drawn (--no-null)");
    wane_page_line(out, heads[1], "%s", text.data ? text.data : "");
    out->failed |= text.failed;
    wane_text_free(&text);
}

static void also_number(wane_text *out, const char *name, double value)
{
    wane_text_printf(out, ", \"%s\": ", name);
    wane_json_write_number(out, value);
}

void wane_pair_spectra_write_null_json(wane_text *out, const wane_pair_spectra *all, int side)
{
    const wane_null_summary *s = &all->null[side];
    bool none = all->no_null != NULL;
    wane_text_printf(out, ", \"intruders_low\": %zu, \"intruders_high\": %zu", all->fewer[side],
                     all->more[side]);
    also_number(out, "intruders_null", none ? NAN : s->mean);
    also_number(out, "intruders_null_low", none ? NAN : s->low);
    also_number(out, "intruders_null_high", none ? NAN : s->high);
    also_number(out, "intruders_p_low", none ? NAN : s->p_low);
    also_number(out, "intruders_p_high", none ? NAN : s->p_high);
    wane_text_printf(out, ", \"uninformative\": %s, \"null_reason\": ",
                     none               ? "null"
                     : s->uninformative ? "true"
                                        : "false");
    wane_json_write_string(out, all->no_null);
}

static void write_field(wane_text *out, double value)
{
    char number[32];
    wane_text_string(out, ",");
    if (!isnan(value)) wane_text_string(out, wane_format_double(number, value));
}

void wane_pair_spectra_write_csv(wane_text *out, const wane_pair_spectra *spectra,
                                 const wane_comparison *comparison, const wane_pair_question *q,
                                 const bool shown[2], bool plain)
{
    char epsilon[32];
    wane_text_string(out, "name,rows,cols,side,k,epsilon,changed,intruders,energy,"
                          "base_frobenius,delta_frobenius,delta_spectral,relative_update,"
                          "effective_rank,rounding_floor,existing,unresolved,floor,intruders_low,"
                          "intruders_high,intruders_null\n");
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < spectra->count && shown[side]; i++) {
            const wane_matrix_spectrum *m = &spectra->matrix[i];
            const wane_compared *one = &comparison->list[m->index];
            const wane_spectrum *s = &m->spectrum;
            wane_text_csv(out, one->name, plain);
            wane_text_printf(out, ",%zu,%zu,%c,%zu,%s,%d", one->rows, one->cols,
                             side == 0 ? 'u' : 'v', q->k, wane_format_double(epsilon, q->epsilon),
                             m->changed);
            write_field(out, m->not_finite ? NAN : (double)m->intruders[side]);
            write_field(out, m->energy[side]);
            write_field(out, s->base_frobenius);
            write_field(out, s->delta_frobenius);
            write_field(out, s->delta_spectral);
            write_field(out, s->relative_update);
            write_field(out, s->effective_rank);
            write_field(out, m->floor);
            wane_text_printf(out, ",%zu,%zu", m->existing[side], m->unresolved[side]);
            write_field(out, m->changed ? s->floor : NAN);
            write_field(out, m->not_finite ? NAN : (double)m->fewer[side]);
            write_field(out, m->not_finite ? NAN : (double)m->more[side]);
            write_field(out, m->null[side]);
            wane_text_string(out, "\n");
        }
}
