/* SPDX-License-Identifier: Apache-2.0
 * An audit as one screen: a row for each kind of matrix with its layers as a line of bars, some
 * lines on what stands out, what is not known, and the verdict; and as one object of JSON.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/pair/audit.h"
#include "eval/pair/pair_page.h"
#include "store/base/memory.h"
#include "store/files/json.h"

/* Bars of a row: layers beyond are put together, by equal numbers. */
enum { BARS = 32, NAME = 21 };

/* Appends lines, each broken at 100 columns and indented below its name. */
static void write_lines(wane_text *out, const wane_text *lines)
{
    wane_text one = {0};
    out->failed |= lines->failed;
    for (const char *at = lines->data; at && *at;) {
        size_t length = strcspn(at, "\n");
        wane_text_clear(&one);
        wane_text_append(&one, at, length);
        if (one.data) wane_page_wrapped(out, one.data, 0, NAME);
        at += length + (at[length] == '\n');
    }
    out->failed |= one.failed;
    wane_text_free(&one);
}

/* ---------------------------------------------------------------------------------------- head */

/* Of other models a value may be a whole dictionary. */
static void write_value(wane_text *out, const char *value)
{
    enum { MOST = 24 };
    wane_text_printf(out, "%.*s%s", MOST, value ? value : "nothing",
                     value && strlen(value) > MOST ? "..." : "");
}

static void write_settings(wane_text *out, const wane_compared_settings *s)
{
    enum { LISTED = 4 };
    wane_text text = {0};
    for (size_t i = 0; i < s->count && i < LISTED; i++) {
        wane_text_printf(&text, "%s%.60s ", i ? "; " : "", s->list[i].name);
        write_value(&text, s->list[i].base);
        wane_text_string(&text, " -> ");
        write_value(&text, s->list[i].tuned);
    }
    if (s->count > LISTED) wane_text_printf(&text, "; %zu more: wane diff", s->count - LISTED);
    if (s->count) wane_page_line(out, "config.json", "%s", text.data ? text.data : "");
    out->failed |= text.failed;
    wane_text_free(&text);
}

static void write_head(wane_text *out, const wane_audit *a)
{
    enum { LISTED = 2 };
    const wane_comparison *c = &a->comparison;
    wane_text lines = {0};
    wane_compare_write_sides(&lines, c, true);
    write_settings(&lines, &c->settings);
    wane_tokenizers_write(&lines, &a->tokenizers);
    wane_compare_write_unmatched(&lines, c, LISTED);
    wane_tensor_changes_write_not_finite(&lines, &a->changes, c, LISTED);
    write_lines(out, &lines);
    wane_text_free(&lines);
}

/* --------------------------------------------------------------------------------------- table */

static size_t layers_a_bar(const wane_audit *a)
{
    return a->layer_count > BARS ? (a->layer_count + BARS - 1) / BARS : 1;
}

/* What one bar stands for; cells[0..count) are those of the row. */
static wane_audit_part bar_of(const wane_audit_part *cells, size_t count)
{
    wane_audit_part bar = {0};
    for (size_t l = 0; l < count; l++) {
        bar.tensors += cells[l].tensors;
        bar.changed += cells[l].changed;
        bar.not_finite += cells[l].not_finite;
        bar.base_square += cells[l].base_square;
        bar.delta_square += cells[l].delta_square;
    }
    return bar;
}

static wane_audit_part bar_at(const wane_audit *a, size_t group, size_t bar)
{
    size_t each = layers_a_bar(a), from = bar * each;
    size_t count = from + each > a->layer_count ? a->layer_count - from : each;
    return bar_of(a->cell + group * a->layer_count + from, count);
}

static size_t bars(const wane_audit *a)
{
    return (a->layer_count + layers_a_bar(a) - 1) / layers_a_bar(a);
}

/* One scale for all rows, so that they can be compared. */
static double largest_bar(const wane_audit *a)
{
    double most = 0;
    for (size_t g = 0; g < a->group_count; g++)
        for (size_t b = 0; b < bars(a); b++) {
            wane_audit_part bar = bar_at(a, g, b);
            most = fmax(most, wane_audit_relative(&bar));
        }
    return most;
}

/* Eighths of the largest, U+2581 to U+2588; a dot: unchanged; x: not finite; blank: no such tensor
 * in the layer. */
static void write_bars(wane_text *out, const wane_audit *a, size_t group, double most)
{
    for (size_t b = 0; b < bars(a); b++) {
        wane_audit_part bar = bar_at(a, group, b);
        double height = ceil(8 * wane_audit_relative(&bar) / most);
        if (bar.tensors == 0) wane_text_string(out, " ");
        else if (bar.not_finite) wane_text_string(out, "x");
        else if (!(height > 0)) wane_text_string(out, bar.changed ? "\xe2\x96\x81" : ".");
        else {
            const char block[] = {'\xe2', '\x96', (char)(0x80 + (int)fmin(height, 8)), '\0'};
            wane_text_string(out, block);
        }
    }
}

/* The cells behind the bars; `spectra`: some matrix of the row has one. */
static void write_counts(wane_text *out, const wane_audit_part *part)
{
    char a[32], b[32];
    if (part->existing == 0) {
        wane_text_string(out, "\t-\t-\t-\n");
        return;
    }
    wane_text_printf(out, "\t%s\t%zu/%zu\t%s\n",
                     wane_page_number(a, part->ranks / (double)part->ranked, 3), part->intruders,
                     part->existing, wane_page_number(b, part->null, 3));
}

static void write_table(wane_text *out, const wane_audit *a)
{
    wane_text rows = {0};
    char number[32];
    double most = largest_bar(a);
    wane_text_string(&rows, "tensors\tchanged\trelative\t");
    if (a->layer_count)
        wane_text_printf(&rows, "layer%s %ld", a->layer_count > 1 ? "s" : "", a->layer[0].number);
    if (a->layer_count > 1) wane_text_printf(&rows, "-%ld", a->layer[a->layer_count - 1].number);
    if (layers_a_bar(a) > 1) wane_text_printf(&rows, " by %zu", layers_a_bar(a));
    wane_text_string(&rows, "\teff. rank\tintruders\tat random\n");
    for (size_t g = 0; g < a->group_count; g++) {
        const wane_audit_part *part = &a->group[g].part;
        if (part->changed == 0 && part->not_finite == 0) continue;
        wane_text_printf(&rows, "%.22s\t%zu/%zu\t%s\t", a->group[g].name, part->changed,
                         part->tensors, wane_page_number(number, wane_audit_relative(part), 3));
        write_bars(&rows, a, g, most);
        write_counts(&rows, part);
    }
    wane_text_printf(&rows, "all\t%zu/%zu\t%s\t", a->all.changed, a->all.tensors,
                     wane_page_number(number, wane_audit_relative(&a->all), 3));
    write_counts(&rows, &a->all);
    wane_text_string(out, "\n");
    wane_page_table(out, &rows, "lrrlrrr");
    wane_text_string(out, "\n");
    wane_text_free(&rows);
}

/* --------------------------------------------------------------------------------------- lines */

static void write_unchanged(wane_text *out, const wane_audit *a)
{
    wane_text text = {0};
    size_t shown = 0;
    for (size_t g = 0; g < a->group_count; g++)
        if (a->group[g].part.changed == 0 && a->group[g].part.not_finite == 0)
            wane_text_printf(&text, "%s%.20s (%zu)", shown++ ? ", " : "", a->group[g].name,
                             a->group[g].part.tensors);
    for (size_t l = 0; l < a->layer_count; l++) {
        size_t from = l;
        if (a->layer[l].part.changed || a->layer[l].part.not_finite) continue;
        while (l + 1 < a->layer_count && a->layer[l + 1].part.changed == 0 &&
               a->layer[l + 1].part.not_finite == 0)
            l++;
        wane_text_printf(&text, "%slayer%s %ld", shown++ ? ", " : "", from < l ? "s" : "",
                         a->layer[from].number);
        if (from < l) wane_text_printf(&text, "-%ld", a->layer[l].number);
    }
    if (shown) wane_page_line(out, "unchanged", "%s", text.data ? text.data : "");
    out->failed |= text.failed;
    wane_text_free(&text);
}

static void write_largest(wane_text *out, const wane_audit *a)
{
    const wane_matrix_spectrum *most = NULL;
    wane_text text = {0};
    size_t layer = 0;
    double median = 0;
    char x[32], y[32];
    for (size_t i = 0; i < a->spectra.count; i++) {
        const wane_matrix_spectrum *m = &a->spectra.matrix[i];
        if (!m->changed || m->not_finite || isnan(m->spectrum.relative_update)) continue;
        if (!most || m->spectrum.relative_update > most->spectrum.relative_update) most = m;
    }
    if (most)
        wane_text_printf(&text, "%.200s, %s of its norm", a->comparison.list[most->index].name,
                         wane_page_number(x, most->spectrum.relative_update, 3));
    if (a->layer_count > 1 && wane_audit_layers_moved(a, &layer, &median))
        wane_text_printf(&text, "%slayer %ld, %s (the median layer %s)", text.length ? "; " : "",
                         a->layer[layer].number,
                         wane_page_number(x, wane_audit_moved(&a->layer[layer].part), 3),
                         wane_page_number(y, median, 3));
    if (text.length) wane_page_line(out, "largest change", "%s", text.data);
    out->failed |= text.failed;
    wane_text_free(&text);
}

static void write_intruders(wane_text *out, const wane_audit *a)
{
    static const char *const heads[2] = {"margin", "at random"};
    const wane_pair_spectra *s = &a->spectra;
    const wane_audit_layer *most = NULL;
    wane_text text = {0};
    char x[32], y[32];
    for (size_t l = 0; l < a->layer_count; l++)
        if (a->layer[l].part.intruders > (most ? most->part.intruders : 0)) most = &a->layer[l];
    wane_text_printf(&text, "%zu of %zu left directions in the top %zu of %zu %s (|cosine| < %s)",
                     s->intruders[0], s->existing[0], a->question.k, a->counted,
                     a->counted == 1 ? "matrix" : "matrices",
                     wane_format_double(x, a->question.epsilon));
    if (s->intruders[0])
        wane_text_printf(&text, ", %s of their energy", wane_page_number(y, s->energy[0], 3));
    if (most && a->layer_count > 1)
        wane_text_printf(&text, "; most in layer %ld: %zu", most->number, most->part.intruders);
    wane_page_line(out, "intruders", "%s", text.data ? text.data : "");
    wane_text_clear(&text);
    wane_text_printf(&text, "%zu", s->unresolved[0]);
    wane_page_unresolved(out, s->unresolved[0], text.data ? text.data : "");
    wane_pair_write_bounded(out, s->bounded);
    wane_pair_spectra_write_not_finite(out, s, &a->comparison);
    wane_pair_spectra_write_null(out, s, 0, &a->question, heads);
    out->failed |= text.failed;
    wane_text_free(&text);
}

/* The last part of a path or of a name on a hub, without a slash behind it. */
static const char *last_part(const char *path, size_t *length)
{
    size_t end = strlen(path), from = 0;
    while (end > 1 && path[end - 1] == '/') end--;
    for (size_t i = 0; i + 1 < end; i++)
        if (path[i] == '/') from = i + 1;
    *length = end - from;
    return path + from;
}

/* What these numbers do not say, and the command that says it. */
static void write_unknown(wane_text *out, const wane_audit *a)
{
    static const char head[] = "not known";
    const wane_comparison *c = &a->comparison;
    const char *made_on = c->tuned.update.facts.base_model;
    bool some = a->kind == WANE_AUDIT_CHANGED || a->kind == WANE_AUDIT_ROUNDING;
    size_t unranked = 0, x = 0, y = 0;
    if (some || (a->kind == WANE_AUDIT_UNCHANGED && c->settings.count)) {
        wane_page_line(out, head, "what was forgotten: no text was read (%s)",
                       a->computed ? "wane diff BASE TUNED --corpus FILE"
                                   : "nor can be by wane, which does not compute this model");
        some = true;
    }
    for (size_t i = 0; i < a->spectra.count; i++) {
        const wane_matrix_spectrum *m = &a->spectra.matrix[i];
        unranked += m->changed && m->spectrum.bounded && isnan(m->spectrum.effective_rank) &&
                    m->spectrum.delta_frobenius >= 10 * m->floor;
    }
    if (unranked)
        wane_page_line(out, some ? "" : head,
                       "the effective rank of %zu wide %s: dW has no SVD here (--exact)", unranked,
                       unranked == 1 ? "matrix" : "matrices");
    if (!c->tuned.adapter || !made_on || !made_on[0]) return;
    const char *own = last_part(c->base.path, &x), *named = last_part(made_on, &y);
    if (x != y || memcmp(own, named, x) != 0)
        wane_page_line(out, some || unranked ? "" : head,
                       "whether this is the base it was made on: it names %.200s", made_on);
}

void wane_audit_write_page(wane_text *out, const wane_audit *a)
{
    wane_text lines = {0}, verdict = {0};
    write_head(out, a);
    if (a->all.changed + a->all.not_finite) {
        write_table(out, a);
        write_unchanged(&lines, a);
    }
    if (a->counted) {
        write_largest(&lines, a);
        write_intruders(&lines, a);
        wane_page_floor(&lines, a->spectra.floor, wane_comparison_rounding(&a->comparison),
                        a->spectra.within_floor);
    }
    write_unknown(&lines, a);
    wane_audit_write_verdict(&verdict, a);
    wane_text_printf(&lines, "%-*s%s\n", NAME, "verdict", verdict.data ? verdict.data : "");
    out->failed |= verdict.failed;
    write_lines(out, &lines);
    wane_text_free(&lines);
    wane_text_free(&verdict);
}

/* ---------------------------------------------------------------------------------------- JSON */

static void also_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, ", \"%s\": ", key);
    wane_json_write_number(out, value);
}

/* Members of one part, without the first. */
static void json_part(wane_text *out, const wane_audit_part *p)
{
    wane_text_printf(out, ", \"tensors\": %zu, \"changed\": %zu, \"not_finite\": %zu", p->tensors,
                     p->changed, p->not_finite);
    also_number(out, "base_frobenius", sqrt(p->base_square));
    also_number(out, "delta_frobenius", sqrt(p->delta_square));
    also_number(out, "relative_update", wane_audit_relative(p));
    also_number(out, "relative_update_of_changed", wane_audit_moved(p));
    also_number(out, "rounding_floor", sqrt(p->floor_square));
    wane_text_printf(out, ", \"within_floor\": %zu", p->near);
    wane_text_printf(out, ", \"existing\": %zu, \"unresolved\": %zu, \"intruders\": %zu",
                     p->existing, p->unresolved, p->intruders);
    also_number(out, "intruders_null", p->existing ? p->null : NAN);
    also_number(out, "effective_rank", p->ranked ? p->ranks / (double)p->ranked : NAN);
}

static void json_groups(wane_text *out, const wane_audit *a)
{
    wane_text_string(out, "\"groups\": [");
    for (size_t g = 0; g < a->group_count; g++) {
        wane_text_string(out, g ? ", {\"group\": " : "{\"group\": ");
        wane_json_write_string(out, a->group[g].name);
        wane_text_string(out, ", \"kind\": ");
        wane_json_write_string(out, wane_tensor_kind_name(a->group[g].kind));
        json_part(out, &a->group[g].part);
        wane_text_string(out, ", \"layers\": [");
        bool some = false;
        for (size_t l = 0; l < a->layer_count; l++) {
            const wane_audit_part *cell = &a->cell[g * a->layer_count + l];
            if (cell->tensors == 0) continue;
            wane_text_printf(out, "%s{\"layer\": %ld", some ? ", " : "", a->layer[l].number);
            json_part(out, cell);
            wane_text_string(out, "}");
            some = true;
        }
        wane_text_string(out, "]}");
    }
    wane_text_string(out, "], \"layers\": [");
    for (size_t l = 0; l < a->layer_count; l++) {
        wane_text_printf(out, "%s{\"layer\": %ld", l ? ", " : "", a->layer[l].number);
        json_part(out, &a->layer[l].part);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_audit_write_json(wane_text *out, const wane_audit *a)
{
    static const char *const kinds[] = {"not_finite", "unchanged", "rounding", "unrelated",
                                        "changed"};
    wane_text verdict = {0};
    wane_audit_write_verdict(&verdict, a);
    wane_text_printf(out, "{\"kind\": \"%s\", \"verdict\": ", kinds[a->kind]);
    wane_json_write_string(out, verdict.data);
    wane_text_string(out, ", ");
    wane_compare_write_sides_json(out, &a->comparison, NULL);
    wane_text_printf(out, ", \"k\": %zu", a->question.k);
    also_number(out, "epsilon", a->question.epsilon);
    also_number(out, "cosine", a->cosine);
    wane_text_printf(out, ", \"all\": {\"matrices\": %zu, \"counted\": %zu", a->spectra.count,
                     a->counted);
    json_part(out, &a->all);
    wane_text_printf(out, "}, \"u\": {\"intruders\": %zu, \"existing\": %zu, \"unresolved\": %zu",
                     a->all.intruders, a->all.existing, a->all.unresolved);
    also_number(out, "energy", a->spectra.energy[0]);
    wane_pair_spectra_write_null_json(out, &a->spectra, 0);
    wane_text_string(out, "}, ");
    json_groups(out, a);
    wane_text_string(out, ", ");
    wane_compared_settings_write_json(out, &a->comparison.settings);
    wane_text_string(out, ", ");
    wane_compare_write_unmatched_json(out, &a->comparison);
    wane_text_string(out, ", ");
    wane_tokenizers_write_json(out, &a->tokenizers);
    wane_text_string(out, ", ");
    wane_tensor_changes_write_not_finite_json(out, &a->changes, &a->comparison);
    wane_text_string(out, "}\n");
    out->failed |= verdict.failed;
    wane_text_free(&verdict);
}
