/* SPDX-License-Identifier: Apache-2.0
 * The command `wane intruders`: the spectra of two checkpoints as a page, CSV or JSON.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/pair_options.h"
#include "eval/pair/pair_store.h"
#include "store/files/json.h"
#include "store/results/results.h"

typedef struct intruders_call {
    wane_pair_question question;
    wane_compare_call compare;
    const char *side;
    bool shown[2]; /* sides asked for; a database gets both */
} intruders_call;

static const char *const side_names[] = {"u", "v"};

/* NaN for a base that is 0. */
static double relative(const wane_pair_spectra *all)
{
    return all->base_frobenius > 0 ? all->delta_frobenius / all->base_frobenius : NAN;
}

static void write_head(wane_text *out, const wane_comparison *pair, const wane_pair_spectra *all,
                       bool matched)
{
    enum { LISTED = 6 };
    char a[32], b[32];
    wane_compare_write_sides(out, pair, false);
    wane_compared_settings_write(out, &pair->settings, false);
    wane_page_line(out, "matrices", "%zu, of them %zu changed (%s)", all->count, all->changed,
                   matched ? "those that match" : "without embeddings and heads");
    wane_page_line(out, "||dW||", "%s, %s of ||W||, over these matrices",
                   wane_page_number(a, all->delta_frobenius, 4),
                   wane_page_number(b, relative(all), 3));
    wane_page_floor(out, all->floor, wane_comparison_rounding(pair), all->within_floor);
    wane_compare_write_unmatched(out, pair, LISTED);
    wane_pair_write_bounded(out, all->bounded);
    wane_pair_spectra_write_not_finite(out, all, pair);
}

/* From the name to the unresolved: what whole matrices and parts have alike, up to random updates;
 * and from the energy on. */
static void write_row_begin(wane_text *rows, const char *name, size_t outputs, size_t inputs,
                            const wane_matrix_spectrum *m, int side)
{
    wane_text_printf(rows, "%s\t%zu x %zu\t%zu\t%zu\t%zu", name, outputs, inputs,
                     m->intruders[side], m->unresolved[side], m->existing[side]);
}

static void write_row_end(wane_text *rows, const wane_matrix_spectrum *m, int side, bool floors)
{
    char a[32], b[32], c[32], d[32], e[32];
    const wane_spectrum *s = &m->spectrum;
    wane_text_printf(rows, "\t%s\t%s\t%s\t%s", wane_page_number(a, m->energy[side], 3),
                     wane_page_number(b, s->delta_frobenius, 4),
                     wane_page_number(c, s->relative_update, 3),
                     wane_page_number(d, s->effective_rank, 4));
    if (floors) wane_text_printf(rows, "\t%s", wane_page_number(e, m->floor, 3));
    wane_text_string(rows, "\n");
}

/* Those of fused weights, which the table of the whole sums already. */
static void write_parts(wane_text *out, const wane_comparison *pair, const wane_pair_spectra *all,
                        int side)
{
    wane_text rows = {0};
    bool floors = all->floor > 0;
    size_t counted = 0;
    wane_text_printf(&rows,
                     "part, in no total\tshape\tintruders\tunresolved\tof\tenergy\t||dW||\t"
                     "relative\teffective rank%s\n",
                     floors ? "\trounding floor" : "");
    for (size_t i = 0; i < all->part_count; i++) {
        const wane_part_spectrum *p = &all->part[i];
        const wane_matrix_spectrum *m = &p->spectrum;
        if (!m->changed || m->not_finite) continue;
        write_row_begin(&rows, p->name, p->rows.rows, pair->list[m->index].cols, m, side);
        write_row_end(&rows, m, side, floors);
        counted++;
    }
    if (counted) {
        wane_text_string(out, "\n");
        wane_page_table(out, &rows, "lrrrrrrrrr");
    }
    wane_text_free(&rows);
}

static void write_table(wane_text *out, const wane_comparison *pair, const wane_pair_spectra *all,
                        int side, const intruders_call *asked)
{
    static const char *const heads[2] = {"margin", "at random"};
    wane_text rows = {0};
    const wane_pair_question *q = &asked->question;
    char a[32], b[32], c[32], d[32], e[32], f[32];
    bool floors = all->floor > 0;
    wane_page_line(out, side == 0 ? "intruders, side u" : "intruders, side v",
                   "%zu of %zu directions that exist in the top %zu of the changed matrices "
                   "(|cosine| < %s)",
                   all->intruders[side], all->existing[side], q->k,
                   wane_format_double(a, q->epsilon));
    (void)snprintf(c, sizeof c, "%zu", all->unresolved[side]);
    wane_page_unresolved(out, all->unresolved[side], c);
    wane_pair_spectra_write_null(out, all, side, q, heads);
    wane_text_printf(&rows,
                     "matrix\tshape\tintruders\tunresolved\tof\tat random\tenergy\t||dW||\t"
                     "relative\teffective rank%s\n",
                     floors ? "\trounding floor" : "");
    for (size_t i = 0; i < all->count; i++) {
        const wane_matrix_spectrum *m = &all->matrix[i];
        const wane_compared *p = &pair->list[m->index];
        if (!m->changed || m->not_finite) continue;
        write_row_begin(&rows, p->name, p->rows, p->cols, m, side);
        wane_text_printf(&rows, "\t%s", wane_page_number(a, m->null[side], 3));
        write_row_end(&rows, m, side, floors);
    }
    wane_text_printf(
        &rows, "total\t\t%zu\t%zu\t%zu\t%s\t%s\t%s\t%s\t%s", all->intruders[side],
        all->unresolved[side], all->existing[side],
        wane_page_number(a, all->no_null ? NAN : all->null[side].mean, 3),
        wane_page_number(b, all->energy[side], 3), wane_page_number(c, all->delta_frobenius, 4),
        wane_page_number(d, relative(all), 3), wane_page_number(e, all->effective_rank, 4));
    if (floors) wane_text_printf(&rows, "\t%s", wane_page_number(f, all->floor, 3));
    wane_text_string(&rows, "\n");
    wane_page_table(out, &rows, "lrrrrrrrrrr");
    wane_text_free(&rows);
    write_parts(out, pair, all, side);
}

static void write_member(wane_text *out, const char *name, double value)
{
    wane_text_printf(out, "\"%s\": ", name);
    wane_json_write_number(out, value);
    wane_text_string(out, ", ");
}

/* part: NULL of a whole matrix. */
static void write_json_matrix(wane_text *out, const wane_comparison *pair,
                              const wane_matrix_spectrum *m, const wane_part_spectrum *part,
                              int side, size_t k)
{
    const wane_compared *p = &pair->list[m->index];
    const wane_spectrum *s = &m->spectrum;
    wane_text_string(out, "{\"name\": ");
    wane_json_write_string(out, part ? part->name : p->name);
    if (part) {
        wane_text_string(out, ", \"part_of\": ");
        wane_json_write_string(out, p->name);
    }
    wane_text_printf(out, ", \"rows\": %zu, \"cols\": %zu, ", part ? part->rows.rows : p->rows,
                     p->cols);
    write_member(out, "intruders", m->not_finite ? NAN : (double)m->intruders[side]);
    write_member(out, "intruders_low", m->not_finite ? NAN : (double)m->fewer[side]);
    write_member(out, "intruders_high", m->not_finite ? NAN : (double)m->more[side]);
    write_member(out, "intruders_null", m->null[side]);
    write_member(out, "energy", m->energy[side]);
    write_member(out, "delta_frobenius", s->delta_frobenius);
    write_member(out, "relative_update", s->relative_update);
    write_member(out, "effective_rank", s->effective_rank);
    write_member(out, "rounding_floor", m->floor);
    wane_text_printf(out, "\"existing\": %zu, \"unresolved\": %zu, ", m->existing[side],
                     m->unresolved[side]);
    write_member(out, "floor", m->changed ? s->floor : NAN);
    wane_text_string(out, m->not_finite ? "\"reason\": \"" WANE_NOT_FINITE "\", " : "");
    wane_text_printf(out, "\"bounded\": %s, ", s->bounded ? "true" : "false");
    wane_text_string(out, "\"directions\": [");
    for (size_t j = 0; s->side[side] && j < s->count && j < k; j++) {
        const wane_direction *d = &s->side[side][j];
        wane_text_printf(out, "%s{\"position\": %zu, ", j ? ", " : "", j + 1);
        write_member(out, "sigma", d->sigma);
        write_member(out, "max_cosine", d->max_cosine);
        write_member(out, "max_cosine_high", d->high);
        write_member(out, "span", d->span);
        wane_text_string(out, "\"cluster_overlap\": ");
        wane_json_write_number(out, d->cluster_overlap);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]}");
}

static void write_json(wane_text *out, const wane_comparison *pair, const wane_pair_spectra *all,
                       int side, const intruders_call *asked)
{
    wane_text_printf(out, "{\"k\": %zu, ", asked->question.k);
    write_member(out, "epsilon", asked->question.epsilon);
    wane_text_printf(
        out, "\"side\": \"%s\", \"total\": %zu, \"existing\": %zu, \"unresolved\": %zu",
        side_names[side], all->intruders[side], all->existing[side], all->unresolved[side]);
    wane_pair_spectra_write_null_json(out, all, side);
    wane_text_string(out, ", \"matrices\": [");
    for (size_t i = 0; i < all->count; i++) {
        if (i) wane_text_string(out, ", ");
        write_json_matrix(out, pair, &all->matrix[i], NULL, side, asked->question.k);
    }
    wane_text_string(out, "], \"parts\": [");
    for (size_t i = 0; i < all->part_count; i++) {
        const wane_part_spectrum *part = &all->part[i];
        if (i) wane_text_string(out, ", ");
        write_json_matrix(out, pair, &part->spectrum, part, side, asked->question.k);
    }
    wane_text_string(out, "], ");
    wane_compared_settings_write_json(out, &pair->settings);
    wane_text_string(out, ", ");
    wane_compare_write_unmatched_json(out, pair);
    wane_text_string(out, "}");
}

static void write_page(wane_text *out, const wane_comparison *pair, const wane_pair_spectra *all,
                       const intruders_call *asked)
{
    bool json = asked->compare.json, both = asked->shown[0] && asked->shown[1];
    if (!json) write_head(out, pair, all, asked->compare.match != NULL);
    if (json && both) wane_text_string(out, "[");
    for (int side = 0; side < 2; side++) {
        if (!asked->shown[side]) continue;
        if (json) {
            if (side == 1 && both) wane_text_string(out, ", ");
            write_json(out, pair, all, side, asked);
        } else {
            wane_text_string(out, side == 1 && both ? "\n" : "");
            write_table(out, pair, all, side, asked);
        }
    }
    if (json) wane_text_string(out, both ? "]\n" : "\n");
}

static wane_status measure(const wane_call *call, intruders_call *asked,
                           const wane_comparison_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_comparison pair = {0};
    wane_pair_spectra all = {0};
    wane_pool *pool = NULL;
    wane_pair_store *store = NULL;
    wane_text page = {0};
    WANE_TRY(wane_pool_new(&pool, (int)asked->compare.threads, err));
    WANE_TRY(wane_comparison_open(&pair, call->operand[0], call->operand[1], options,
                                  &wane_compare_log, err));
    if (asked->compare.db) {
        WANE_TRY(wane_pair_store_open(&store, asked->compare.db, &pair, &asked->question,
                                      asked->compare.threads, err));
        asked->question.keeper = wane_pair_store_keeper(store);
    }
    WANE_TRY(wane_pair_spectra_find(&all, &pair, &asked->question, pool, err));
    if (store) WANE_TRY(wane_pair_store_seal(store, &all, err));
    if (asked->compare.csv) wane_compare_tell_settings(&pair);
    if (asked->compare.csv)
        wane_pair_spectra_write_csv(&page, &all, &pair, &asked->question, asked->shown,
                                    asked->compare.csv_plain);
    else write_page(&page, &pair, &all, asked);
    WANE_TRY(asked->compare.csv ? wane_page_print_data(&page, err) : wane_page_print(&page, err));
    st = wane_pair_spectra_finite(&all, &pair, err);
done:
    wane_pair_store_close(store);
    wane_pair_spectra_free(&all);
    wane_comparison_close(&pair);
    wane_pool_free(pool);
    return st;
}

static int run(wane_call *call)
{
    intruders_call asked = {.question = {.k = 10, .epsilon = 0.5, .parts = true}, .side = "u"};
    wane_pair_question *q = &asked.question;
    const wane_option options[] = {
        {"side", 0, WANE_OPTION_TEXT, &asked.side, "u|v|both",
         "left vectors, right ones, both (u)"},
        WANE_SPECTRA_OPTIONS(q),
        WANE_COMPARE_OPTIONS(&asked.compare),
        WANE_COMPARE_ROWS_OPTIONS(&asked.compare),
    };
    int code = 0;
    wane_error err;
    wane_comparison_options names;
    call->models = 2;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    if (!wane_spectra_options(call, q, &code)) return code;
    if (!wane_compare_options(&names, call, &asked.compare, &code)) return code;
    q->u = strcmp(asked.side, "u") == 0 || strcmp(asked.side, "both") == 0;
    q->v = strcmp(asked.side, "v") == 0 || strcmp(asked.side, "both") == 0;
    if (!(q->u || q->v)) return wane_cli_usage(call, "--side is u, v or both");
    asked.shown[0] = q->u;
    asked.shown[1] = q->v;
    if (asked.compare.db) wane_pair_store_widen(q);
    return measure(call, &asked, &names, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_intruders = {
    "intruders",
    "intruders BASE TUNED [-k 10] [--epsilon .5] [--side u|v|both] [--csv | --json] [--db FILE]",
    "Count the intruder dimensions of any tuned checkpoint or adapter against its base.", run};
