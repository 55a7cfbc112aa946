/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/cli/spectra_of_pair.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "eval/cli/progress.h"
#include "store/files/file.h"

/* Base spectra found side by side: each takes one thread and about four times its weight. */
enum { SIDE_BY_SIDE = 8 };

typedef struct finding {
    const wane_pair *pair;
    const wane_pair_question *question;
    size_t parameter[SIDE_BY_SIDE];
    wane_base_svd *svd[SIDE_BY_SIDE];
    wane_status status[SIDE_BY_SIDE];
    wane_error error[SIDE_BY_SIDE];
} finding;

static void find_base(void *context, size_t tile, int thread)
{
    (void)thread;
    finding *f = context;
    wane_matrix base = wane_model_matrix(f->pair->base, f->parameter[tile]);
    const char *cache = f->question->cache;
    f->status[tile] = cache ? wane_base_svd_cached(&f->svd[tile], base, cache, &f->error[tile])
                            : wane_base_svd_compute(&f->svd[tile], base, &f->error[tile]);
}

static bool all_zero(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0) return false;
    return true;
}

static bool is_changed(const wane_pair *pair, size_t parameter)
{
    const wane_parameter *p = &pair->base->parameters.parameter[parameter];
    if (pair->kind == WANE_TUNED_ADAPTER) {
        const wane_lowrank_term *term = wane_pair_term(pair, parameter);
        return term && !all_zero(term->b, p->rows * term->rank) &&
               !all_zero(term->a, term->rank * p->cols);
    }
    return memcmp(pair->base->weights + p->offset, pair->tuned->weights + p->offset,
                  p->rows * p->cols * sizeof(float)) != 0;
}

static double frobenius(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static wane_status tuned_spectrum(wane_spectrum *out, const wane_base_svd *svd,
                                  const wane_pair *pair, size_t parameter,
                                  const wane_pair_question *question, wane_error *err)
{
    wane_spectrum_options options = {.top = question->k, .u = question->u, .v = question->v};
    if (pair->kind == WANE_TUNED_ADAPTER)
        return wane_spectrum_lowrank(out, svd, wane_pair_term(pair, parameter), 1, &options,
                                     pair->pool, err);
    wane_status st = wane_spectrum_full(out, svd, wane_model_matrix(pair->tuned, parameter),
                                        &options, pair->pool, err);
    if (st == WANE_OK && out->delta_frobenius < 10 * pair->floor[parameter])
        out->effective_rank = NAN;
    return st;
}

/* What is counted of one matrix, against `directions` of the base. */
static void count_sides(wane_matrix_spectrum *m, const wane_parameter *p, size_t directions,
                        const wane_pair_question *q)
{
    const wane_spectrum *s = &m->spectrum;
    size_t least = p->rows < p->cols ? p->rows : p->cols, k = q->k < least ? q->k : least;
    for (int side = 0; side < 2; side++) {
        bool asked = side == 0 ? q->u : q->v;
        m->random[side] = m->energy[side] = NAN;
        if (!asked) continue;
        m->random[side] =
            wane_intruder_random(side == 0 ? p->rows : p->cols, directions, k, q->epsilon);
        m->energy[side] = 0;
        if (!m->changed) continue;
        m->intruders[side] = wane_intruder_count(s->side[side], s->count, q->k, q->epsilon);
        m->energy[side] = wane_intruder_energy(s->side[side], s->count, q->k, q->epsilon);
    }
}

/* The spectra of the changed matrices list[0..count). */
static wane_status find_some(wane_matrix_spectrum **list, size_t count, const wane_pair *pair,
                             const wane_pair_question *question, wane_error *err)
{
    wane_status st = WANE_OK;
    finding f = {.pair = pair, .question = question};
    for (size_t i = 0; i < count; i++) f.parameter[i] = list[i]->parameter;
    wane_pool_run(pair->pool, count, find_base, &f);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        if ((st = f.status[i]) != WANE_OK) {
            *err = f.error[i];
            break;
        }
        st = tuned_spectrum(&list[i]->spectrum, f.svd[i], pair, f.parameter[i], question, err);
        if (st == WANE_OK)
            count_sides(list[i], &pair->base->parameters.parameter[f.parameter[i]],
                        wane_base_svd_count(f.svd[i]), question);
    }
    for (size_t i = 0; i < count; i++) wane_base_svd_free(f.svd[i]);
    return st;
}

static wane_status find_changed(wane_pair_spectra *all, const wane_pair *pair,
                                const wane_pair_question *question, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t most = (size_t)wane_pool_threads(pair->pool), waiting = 0, done = 0;
    wane_matrix_spectrum *list[SIDE_BY_SIDE];
    if (most > SIDE_BY_SIDE) most = SIDE_BY_SIDE;
    for (size_t i = 0; i < all->count && st == WANE_OK; i++) {
        if (all->matrix[i].changed) list[waiting++] = &all->matrix[i];
        if (waiting < most && i + 1 < all->count) continue;
        wane_progress_live("spectra: %zu of %zu matrices", done, all->changed);
        st = find_some(list, waiting, pair, question, err);
        done += waiting;
        waiting = 0;
    }
    wane_progress_clear();
    return st;
}

/* sum over a side's first k of sigma^2, and over the intruders among them. */
static void add_energy(double *part, double *whole, const wane_direction *d, size_t count,
                       const wane_pair_question *q)
{
    for (size_t j = 0; j < count && j < q->k; j++) {
        double energy = d[j].sigma * d[j].sigma;
        *whole += energy;
        if (d[j].max_cosine < q->epsilon) *part += energy;
    }
}

static void sum_up(wane_pair_spectra *all, const wane_pair *pair, const wane_pair_question *q)
{
    double base = 0, delta = 0, floors = 0, ranks = 0, part[2] = {0, 0}, whole[2] = {0, 0};
    for (size_t i = 0; i < all->count; i++) {
        const wane_matrix_spectrum *m = &all->matrix[i];
        const wane_spectrum *s = &m->spectrum;
        base += s->base_frobenius * s->base_frobenius;
        if (!m->changed) continue;
        double floor_ = pair->floor[m->parameter];
        delta += s->delta_frobenius * s->delta_frobenius;
        floors += floor_ * floor_;
        all->within_floor += s->delta_frobenius < 10 * floor_;
        if (!isnan(s->effective_rank)) {
            ranks += s->effective_rank;
            all->ranked++;
        }
        for (int side = 0; side < 2; side++)
            if (s->side[side]) add_energy(&part[side], &whole[side], s->side[side], s->count, q);
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < all->count; i++) {
            all->intruders[side] += all->matrix[i].intruders[side];
            all->random[side] += all->matrix[i].random[side];
        }
        all->energy[side] = whole[side] > 0 ? part[side] / whole[side] : 0;
    }
    all->base_frobenius = sqrt(base);
    all->delta_frobenius = sqrt(delta);
    all->floor = sqrt(floors);
    all->effective_rank = all->ranked ? ranks / (double)all->ranked : NAN;
}

wane_status wane_pair_spectra_find(wane_pair_spectra *out, const wane_pair *pair,
                                   const wane_pair_question *question, wane_error *err)
{
    const wane_parameters *table = &pair->base->parameters;
    wane_status st = WANE_OK;
    wane_pair_spectra all = {0};
    all.matrix = wane_alloc(table->count, sizeof *all.matrix);
    if (!all.matrix) WANE_TRY(wane_fail_memory(err, "spectra", pair->base_path));
    if (question->cache) WANE_TRY(wane_folder_make(question->cache, err));
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->linear) continue;
        wane_matrix_spectrum *m = &all.matrix[all.count++];
        m->parameter = i;
        m->changed = is_changed(pair, i);
        all.changed += m->changed;
        if (m->changed) continue;
        m->spectrum.base_frobenius = frobenius(pair->base->weights + p->offset, p->rows * p->cols);
        m->spectrum.effective_rank = NAN;
        count_sides(m, p, p->rows < p->cols ? p->rows : p->cols, question);
    }
    WANE_TRY(find_changed(&all, pair, question, err));
    sum_up(&all, pair, question);
    *out = all;
    all = (wane_pair_spectra){0};
done:
    wane_pair_spectra_free(&all);
    return st;
}

void wane_pair_spectra_free(wane_pair_spectra *spectra)
{
    for (size_t i = 0; spectra->matrix && i < spectra->count; i++)
        wane_spectrum_free(&spectra->matrix[i].spectrum);
    wane_free(spectra->matrix);
    *spectra = (wane_pair_spectra){0};
}
