/* SPDX-License-Identifier: Apache-2.0
 * What is told of the spectra of a pair: lines on random updates and on what is not finite, JSON,
 * CSV.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/pair/spectra_of_pair.h"
#include "store/files/json.h"

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

void wane_pair_write_bounded(wane_text *out, size_t matrices)
{
    if (matrices == 0) return;
    wane_page_line(out, "bounds", "%zu %s without the SVD of %s base (--exact takes it)", matrices,
                   matrices == 1 ? "matrix" : "matrices", matrices == 1 ? "its" : "their");
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
    if (all->no_null && strcmp(all->no_null, WANE_NO_NULL_UNCHANGED) == 0) return;
    wane_page_line(out, heads[0], "%zu at |cosine| < %.4g, %zu at %.4g", all->fewer[side],
                   fmax(q->epsilon - WANE_PAIR_MARGIN, 0), all->more[side],
                   fmin(q->epsilon + WANE_PAIR_MARGIN, 1));
    if (!all->no_null) write_drawn(&text, all, side);
    else if (strcmp(all->no_null, WANE_NO_NULL_WIDE) == 0)
        wane_text_printf(&text, "not drawn: a whole weight's smaller side is beyond %d (--null)",
                         WANE_NULL_DENSE_SIDE);
    else if (strcmp(all->no_null, WANE_NO_NULL_BOUNDED) == 0)
        wane_text_printf(
            &text,
            "not drawn: a matrix is wider than %d on both sides, where the %d take all "
            "singular values of the base and longer than the count (--null)",
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

static void write_csv_row(wane_text *out, const wane_matrix_spectrum *m, const wane_compared *one,
                          const wane_part_spectrum *part, int side, const wane_pair_question *q,
                          bool plain)
{
    char epsilon[32];
    const wane_spectrum *s = &m->spectrum;
    wane_text_csv(out, part ? part->name : one->name, plain);
    wane_text_printf(out, ",%zu,%zu,%c,%zu,%s,%d", part ? part->rows.rows : one->rows, one->cols,
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
    wane_text_string(out, ",");
    if (part) wane_text_csv(out, one->name, plain);
    wane_text_string(out, "\n");
}

void wane_pair_spectra_write_csv(wane_text *out, const wane_pair_spectra *spectra,
                                 const wane_comparison *comparison, const wane_pair_question *q,
                                 const bool shown[2], bool plain)
{
    wane_text_string(out, "name,rows,cols,side,k,epsilon,changed,intruders,energy,"
                          "base_frobenius,delta_frobenius,delta_spectral,relative_update,"
                          "effective_rank,rounding_floor,existing,unresolved,floor,intruders_low,"
                          "intruders_high,intruders_null,part_of\n");
    for (int side = 0; side < 2; side++) {
        if (!shown[side]) continue;
        for (size_t i = 0; i < spectra->count; i++) {
            const wane_matrix_spectrum *m = &spectra->matrix[i];
            write_csv_row(out, m, &comparison->list[m->index], NULL, side, q, plain);
        }
        for (size_t i = 0; i < spectra->part_count; i++) {
            const wane_part_spectrum *p = &spectra->part[i];
            write_csv_row(out, &p->spectrum, &comparison->list[p->spectrum.index], p, side, q,
                          plain);
        }
    }
}
