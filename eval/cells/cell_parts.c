/* SPDX-License-Identifier: Apache-2.0
 * The measure `parts`: intruders and sizes of the change in each part of a fused weight (q, k and
 * v, gate and up), as models that keep them apart have them.
 *
 * The whole is what table spectrum has and every total sums. Of the parts there are numbers of this
 * table alone, at k = 10 and epsilon = .5: what is counted in them is in no sum but their own.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/cells/cell_matrices.h"
#include "eval/model/weight_parts.h"
#include "store/base/memory.h"
#include "store/files/file.h"

/* Numbers of a part; those that add up over the parts come first, u and v in turn. */
static const char *const names[] = {
    "part_intruders_u",     "part_intruders_v",     "part_existing_u",
    "part_existing_v",      "part_unresolved_u",    "part_unresolved_v",
    "part_delta_frobenius", "part_relative_update", "part_effective_rank"};
enum { COUNTS = 6, NUMBERS = sizeof names / sizeof *names, TOP = 10 };
static const double epsilon = 0.5;

static size_t parts_of(wane_weight_part out[WANE_WEIGHT_PARTS], const wane_model *base, size_t i)
{
    const wane_parameter *p = &base->parameters.parameter[i];
    return p->linear ? wane_weight_parts(out, &base->config, p->role) : 0;
}

/* Which of them are bounded, as wane_spectra_bounds has it; "" where none is. *count: of all. */
static wane_status bounds_of(char out[WANE_SHA256_HEX], size_t *count, const wane_inputs *in,
                             wane_error *err)
{
    wane_weight_part part[WANE_WEIGHT_PARTS];
    char name[WANE_WEIGHT_PART_NAME];
    size_t bounded = 0;
    wane_sha256 *hash = NULL;
    wane_status st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    *count = 0;
    for (size_t i = 0; i < in->base->parameters.count; i++) {
        const wane_parameter *p = &in->base->parameters.parameter[i];
        for (size_t j = 0, n = parts_of(part, in->base, i); j < n; j++, ++*count) {
            if (!wane_spectrum_is_bounded(in->experiment->intruders_exact, part[j].rows, p->cols,
                                          TOP))
                continue;
            wane_weight_part_name(name, p->name, &part[j]);
            wane_sha256_text(hash, name);
            bounded++;
        }
    }
    st = wane_sha256_end(out, hash, err);
    if (!bounded) *out = 0;
    return st;
}

/* One cell, where the model has a fused weight. */
static wane_status visit(const wane_visiting *at, wane_error *err)
{
    char text[48], settings[WANE_SHA256_HEX], bounds[WANE_SHA256_HEX];
    const wane_experiment *x = at->plan->inputs->experiment;
    size_t count = 0;
    wane_status st = bounds_of(bounds, &count, at->plan->inputs, err);
    if (st != WANE_OK || count == 0) return st;
    int length = snprintf(text, sizeof text, "parts 1 u %d v %d", x->intruders_u, x->intruders_v);
    st = wane_sha256_bytes(settings, text, (size_t)length, err);
    return st == WANE_OK ? wane_visit_cosines(at, "", settings, bounds, "", 0, err) : st;
}

/* The cell under way. */
typedef struct filling {
    const wane_measuring *at;
    char *svd;  /* folder of the bases' spectra */
    char *name; /* of the parts, WANE_WEIGHT_PART_NAME each */
    wane_measured_row *row;
    size_t rows, parts;
    bool not_finite; /* some part */
    double sum[COUNTS];
} filling;

static bool asked(const filling *f, size_t number)
{
    const wane_experiment *x = f->at->work->experiment;
    if (number >= COUNTS) return true;
    return number % 2 == 0 ? x->intruders_u : x->intruders_v;
}

static wane_status put_missing(filling *f, const char *part, const char *reason)
{
    f->not_finite = true;
    for (size_t i = 0; i < NUMBERS; i++)
        if (asked(f, i)) f->row[f->rows++] = (wane_measured_row){part, names[i], NAN, reason};
    return WANE_OK;
}

static void put(filling *f, const char *part, const wane_spectrum *s)
{
    double value[NUMBERS] = {0};
    for (int side = 0; side < 2; side++) {
        /* In an unchanged weight there is nothing to count. */
        if (!s->changed || !s->side[side]) continue;
        wane_intruder_tally t = wane_intruder_tally_up(s->side[side], s->count, TOP, epsilon);
        value[side] = (double)t.intruders;
        value[2 + side] = (double)t.existing;
        value[4 + side] = (double)t.unresolved;
    }
    value[COUNTS] = s->delta_frobenius;
    value[COUNTS + 1] = s->relative_update;
    value[COUNTS + 2] = s->effective_rank;
    for (size_t i = 0; i < NUMBERS; i++) {
        wane_measured_row *row = &f->row[f->rows];
        if (!asked(f, i)) continue;
        *row = (wane_measured_row){part, names[i], value[i], NULL};
        if (isnan(value[i]))
            row->reason = i == COUNTS + 1 ? "zero_base" : s->changed ? WANE_BOUNDED : "unchanged";
        if (i < COUNTS) f->sum[i] += row->value;
        f->rows++;
    }
}

/* From factors where the change is of low rank, by the part's rows of B; else from both weights. */
static wane_status spectrum_of(wane_spectrum *out, const filling *f, const wane_weight_part *part,
                               size_t parameter, const wane_base_svd *svd, const float *base,
                               const float *tuned, wane_error *err)
{
    const wane_work *work = f->at->work;
    const wane_experiment *x = work->experiment;
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t smaller = part->rows < p->cols ? part->rows : p->cols;
    wane_spectrum_options options = {
        .top = TOP, .u = x->intruders_u, .v = x->intruders_v, .epsilon = &epsilon, .epsilons = 1};
    wane_terms terms = {0};
    bool lowrank = false;
    float *rows = NULL;
    wane_status st = WANE_OK;
    WANE_TRY(
        wane_terms_of(&terms, &lowrank, work, f->at->chain, f->at->position, parameter, 0, err));
    if (!lowrank || terms.rank >= smaller) {
        wane_rounding rounding =
            wane_chain_rounding_of(f->at->chain, tuned, base, part->rows * p->cols);
        options.rounding = rounding.tuned;
        options.base_rounding = rounding.base;
        st = wane_spectrum_full(out, svd, (wane_matrix){tuned, part->rows, p->cols, p->cols},
                                &options, work->pool, err);
        goto done;
    }
    rows = wane_alloc(terms.rank ? part->rows * terms.rank : 1, sizeof *rows);
    if (!rows) WANE_TRY(wane_fail_memory(err, "parts", p->name));
    float *b = rows;
    for (size_t t = 0; t < terms.count; b += part->rows * terms.term[t++].rank) {
        wane_weight_part_gather(b, part, terms.term[t].b, terms.term[t].rank);
        terms.term[t].b = b;
    }
    st = wane_spectrum_lowrank(out, svd, terms.term, terms.count, &options, work->pool, err);
done:
    wane_free(rows);
    wane_free(terms.term);
    return st;
}

static wane_status measure_part(filling *f, size_t parameter, const wane_weight_part *part,
                                wane_error *err)
{
    wane_work *work = f->at->work;
    const wane_parameter *p = &work->inputs->base->parameters.parameter[parameter];
    size_t count = part->rows * p->cols;
    float *base = wane_alloc_aligned(count, sizeof *base);
    float *tuned = wane_alloc_aligned(count, sizeof *tuned);
    char *part_name = f->name + f->parts++ * WANE_WEIGHT_PART_NAME;
    wane_base_svd *svd = NULL;
    wane_spectrum spectrum = {0};
    wane_status st = WANE_OK;
    if (!base || !tuned) WANE_TRY(wane_fail_memory(err, "parts", p->name));
    wane_weight_part_name(part_name, p->name, part);
    wane_weight_part_gather(base, part, wane_model_matrix(work->inputs->base, parameter).data,
                            p->cols);
    wane_weight_part_gather(tuned, part, wane_model_matrix(f->at->chain->model, parameter).data,
                            p->cols);
    if (!wane_all_finite(tuned, count)) {
        st = put_missing(f, part_name, WANE_NOT_FINITE);
        goto done;
    }
    WANE_TRY(wane_base_svd_take(&svd, (wane_matrix){base, part->rows, p->cols, p->cols},
                                work->experiment->intruders_exact, TOP, f->svd, work->pool, err));
    WANE_TRY(spectrum_of(&spectrum, f, part, parameter, svd, base, tuned, err));
    put(f, part_name, &spectrum);
done:
    wane_spectrum_free(&spectrum);
    wane_base_svd_free(svd);
    wane_free(base);
    wane_free(tuned);
    return st;
}

static wane_status fill(const wane_measuring *at, const wane_cell *cell, size_t number,
                        wane_error *err)
{
    wane_work *work = at->work;
    const wane_model *base = work->inputs->base;
    size_t most = WANE_WEIGHT_PARTS * base->parameters.count;
    wane_weight_part part[WANE_WEIGHT_PARTS];
    filling f = {.at = at,
                 .svd = wane_path_join(work->artifacts, "svd"),
                 .name = wane_alloc(most, WANE_WEIGHT_PART_NAME),
                 .row = wane_alloc(most * NUMBERS + COUNTS, sizeof *f.row)};
    wane_status st = WANE_OK;
    (void)number;
    if (!f.svd || !f.name || !f.row) WANE_TRY(wane_fail_memory(err, "parts", "rows"));
    for (size_t i = 0; i < base->parameters.count; i++)
        for (size_t j = 0, n = parts_of(part, base, i); j < n; j++) {
            WANE_TRY(wane_work_continue(work, err));
            WANE_TRY(measure_part(&f, i, &part[j], err));
        }
    for (size_t i = 0; i < COUNTS; i++)
        if (asked(&f, i))
            f.row[f.rows++] = (wane_measured_row){"", names[i], f.not_finite ? NAN : f.sum[i],
                                                  f.not_finite ? WANE_NOT_FINITE : NULL};
    WANE_TRY(wane_commit_measured(work, cell, f.row, f.rows, err));
done:
    wane_free(f.svd);
    wane_free(f.name);
    wane_free(f.row);
    return st;
}

const wane_measure wane_parts_measure = {
    .name = "parts", .unasked = wane_always, .visit = visit, .fill = fill};
