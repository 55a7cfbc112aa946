/* SPDX-License-Identifier: Apache-2.0
 * Room for the rows of all matrices at once, and a spectrum copied into its rows in the order they
 * are stored in.
 */
#include "eval/measure/spectra_rows.h"

#include <math.h>

#include "store/base/memory.h"

wane_status wane_spectra_rows_new(wane_spectra_rows *out, const wane_parameters *table, size_t top,
                                  wane_error *err)
{
    size_t matrices = 0, most = 0;
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        if (!p->linear) continue;
        size_t all = p->rows < p->cols ? p->rows : p->cols;
        matrices++;
        most += 2 * (top && top < all ? top : all);
    }
    return wane_spectra_rows_room(out, matrices, most, err);
}

wane_status wane_spectra_rows_room(wane_spectra_rows *out, size_t matrices, size_t directions,
                                   wane_error *err)
{
    wane_spectra_rows rows = {.spectrum = wane_alloc(matrices, sizeof *rows.spectrum),
                              .direction = wane_alloc(directions, sizeof *rows.direction)};
    if (!rows.spectrum || !rows.direction) {
        wane_spectra_rows_free(&rows);
        return wane_fail_memory(err, "spectrum", "rows");
    }
    *out = rows;
    return WANE_OK;
}

void wane_spectra_rows_free(wane_spectra_rows *rows)
{
    wane_free(rows->spectrum);
    wane_free(rows->direction);
    *rows = (wane_spectra_rows){0};
}

static void add_side(wane_spectra_rows *rows, wane_spectrum_side_row *out, const wane_spectrum *s,
                     int side, int64_t matrix)
{
    enum { TOP = 10 };
    const double epsilon = 0.5;
    const wane_direction *d = s->side[side];
    *out = (wane_spectrum_side_row){.intruders = WANE_NULL, .energy = NAN};
    if (!d) return;
    /* In an unchanged weight there is nothing to count. */
    wane_intruder_tally tally = {0};
    if (s->changed) tally = wane_intruder_tally_up(d, s->count, TOP, epsilon);
    out->existing = (int64_t)tally.existing;
    out->unresolved = (int64_t)tally.unresolved;
    out->intruders = (int64_t)tally.intruders;
    out->energy = s->changed ? tally.intruder_energy / tally.energy : 0; /* 0 / 0 is NULL */
    for (size_t j = 0; j < s->count; j++) {
        bool exists = !isnan(d[j].max_cosine);
        rows->direction[rows->directions++] =
            (wane_direction_row){.matrix = matrix,
                                 .side = side == 0 ? 'u' : 'v',
                                 .position = (int64_t)j + 1,
                                 .sigma = d[j].sigma,
                                 .max_cosine = d[j].max_cosine,
                                 .span = d[j].span,
                                 .subspace_overlap = d[j].subspace_overlap,
                                 .cluster_overlap = d[j].cluster_overlap,
                                 .argmax = exists && !s->bounded ? (int64_t)d[j].argmax : WANE_NULL,
                                 .reason = exists ? NULL : "below_floor",
                                 .bounded = exists && s->bounded,
                                 .high = d[j].high,
                                 .steps = (int64_t)d[j].steps};
    }
}

/* sum of sigma^2 over the counted directions among the first k; NaN where none are. */
static double top_energy(const wane_spectrum *s, const wane_direction *d, size_t k)
{
    if (!d || !s->changed) return NAN;
    return wane_intruder_tally_up(d, s->count, k, 0.5).energy;
}

wane_spectrum_row *wane_spectra_rows_put(wane_spectra_rows *rows, const wane_spectrum *s,
                                         size_t base_count, int64_t matrix)
{
    enum { TOP = 10 };
    wane_spectrum_row *row = &rows->spectrum[rows->spectra++];
    const wane_direction *d = s->side[0] ? s->side[0] : s->side[1];
    *row = (wane_spectrum_row){.matrix = matrix,
                               .base_count = s->bounded ? WANE_NULL : (int64_t)base_count,
                               .base_frobenius = s->base_frobenius,
                               .base_spectral = s->base_spectral,
                               .delta_frobenius = s->delta_frobenius,
                               .delta_spectral = s->delta_spectral,
                               .relative_update = s->relative_update,
                               .effective_rank = s->effective_rank,
                               .stable_rank = s->stable_rank,
                               .top_share = s->top_share,
                               .rho_10 = s->rho,
                               .rounding_floor = NAN,
                               .changed = s->changed,
                               .floor = s->floor,
                               .top_energy = top_energy(s, d, TOP)};
    add_side(rows, &row->side[0], s, 0, matrix);
    add_side(rows, &row->side[1], s, 1, matrix);
    if (!s->changed) row->reason = "unchanged";
    else if (s->bounded) row->reason = WANE_BOUNDED;
    return row;
}

void wane_spectra_rows_add(wane_spectra_rows *rows, const wane_spectrum *spectrum,
                           const wane_base_svd *svd, int64_t matrix)
{
    (void)wane_spectra_rows_put(rows, spectrum, wane_base_svd_count(svd), matrix);
}

wane_spectrum_row *wane_spectra_rows_put_missing(wane_spectra_rows *rows, int64_t matrix)
{
    const wane_spectrum_side_row none = {
        .intruders = WANE_NULL, .energy = NAN, .existing = WANE_NULL, .unresolved = WANE_NULL};
    wane_spectrum_row *row = &rows->spectrum[rows->spectra++];
    *row = (wane_spectrum_row){.matrix = matrix,
                               .base_count = WANE_NULL,
                               .side = {none, none},
                               .top_energy = NAN,
                               .base_frobenius = NAN,
                               .base_spectral = NAN,
                               .delta_frobenius = NAN,
                               .delta_spectral = NAN,
                               .relative_update = NAN,
                               .effective_rank = NAN,
                               .stable_rank = NAN,
                               .top_share = NAN,
                               .rho_10 = NAN,
                               .rounding_floor = NAN,
                               .reason = WANE_NOT_FINITE,
                               .changed = true,
                               .floor = NAN};
    return row;
}
