/* SPDX-License-Identifier: Apache-2.0
 * The verdict on a pair: clauses on what changed, how far, of which rank, and on the intruders
 * beside what random updates have.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/pair/audit.h"
#include "eval/pair/pair_page.h"

/* Of the draws on one side: what is called more or fewer than chance. */
static const double TAIL = 0.025;
/* A layer that moved so many times as far as the median one is named. */
static const double OUTLIER = 5;
/* Effective rank over the smaller side below which an update is called low-rank. */
static const double LOW_RANK = 0.1;

/* "a", "a and b", "a, b and c". */
static void add_name(wane_text *out, size_t i, size_t count, const char *name)
{
    wane_text_printf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", name);
}

/* Where it is: modules where they are few, else kinds; in the order of the table. */
static void write_where(wane_text *out, const wane_audit *a)
{
    enum { FEW = 3 };
    bool seen[WANE_TENSOR_KINDS] = {false};
    size_t groups = 0, kinds = 0, layers = 0, shown = 0;
    for (size_t g = 0; g < a->group_count; g++) {
        if (a->group[g].part.changed == 0) continue;
        groups++;
        kinds += !seen[a->group[g].kind];
        seen[a->group[g].kind] = true;
    }
    for (size_t g = 0; g < a->group_count; g++) {
        const wane_audit_group *group = &a->group[g];
        if (group->part.changed == 0 || !seen[group->kind]) continue;
        bool few = groups <= FEW;
        add_name(out, shown++, few ? groups : kinds,
                 few ? group->name : wane_tensor_kind_name(group->kind));
        seen[group->kind] = few;
    }
    for (size_t l = 0; l < a->layer_count; l++) layers += a->layer[l].part.changed > 0;
    if (layers > 0 && layers < a->layer_count)
        wane_text_printf(out, " of %zu of %zu layers", layers, a->layer_count);
}

/* The smaller sides of the matrices that have an effective rank; returns their mean. */
static double smaller_sides(const wane_audit *a, size_t *least, size_t *most)
{
    double sum = 0;
    *least = SIZE_MAX;
    *most = 0;
    for (size_t i = 0; i < a->spectra.count; i++) {
        const wane_matrix_spectrum *m = &a->spectra.matrix[i];
        const wane_compared *one = &a->comparison.list[m->index];
        size_t side = one->rows < one->cols ? one->rows : one->cols;
        if (!m->changed || m->not_finite || isnan(m->spectrum.effective_rank)) continue;
        if (side < *least) *least = side;
        if (side > *most) *most = side;
        sum += (double)side;
    }
    return sum / (double)a->all.ranked;
}

static void write_update(wane_text *out, const wane_audit *a)
{
    char number[32];
    size_t least = 0, most = 0;
    const wane_audit_part *all = &a->all;
    bool ranked = all->ranked > 0, adapter = a->comparison.tuned.adapter;
    double rank = all->ranks / (double)all->ranked;
    bool low = ranked && rank < LOW_RANK * smaller_sides(a, &least, &most);
    if (adapter)
        wane_text_printf(out, "an adapter's update (rank %zu%s",
                         a->comparison.tuned.update.facts.rank, ranked ? ", " : ")");
    else wane_text_printf(out, "%s update%s", low ? "a low-rank" : "an", ranked ? " (" : "");
    if (ranked) {
        wane_text_printf(out, "effective rank %s of %zu", wane_page_number(number, rank, 3), least);
        wane_text_printf(out, least < most ? " to %zu)" : ")", most);
    }
    wane_text_string(out, " of ");
    write_where(out, a);
    double moved = wane_audit_moved(all);
    wane_text_printf(out, ", ||dW|| %s of their ||W||", wane_page_number(number, moved, 3));
    if (moved >= 1) wane_text_string(out, ", more than the weights themselves");
}

static void write_chance(wane_text *out, const wane_audit *a)
{
    const wane_null_summary *s = &a->spectra.null[0];
    char mean[32];
    if (a->spectra.no_null) {
        wane_text_string(out, "; what chance alone makes was not drawn (--null)");
        return;
    }
    if (s->uninformative && a->all.intruders == 0) {
        wane_text_string(out, ", nor have random updates of its size any: the count says nothing");
        return;
    }
    wane_text_printf(out, " where random updates of its size have %s [%g, %g]: ",
                     wane_page_number(mean, s->mean, 3), s->low, s->high);
    wane_text_string(out, s->p_high <= TAIL  ? "more than chance"
                          : s->p_low <= TAIL ? "fewer than chance"
                                             : "not told apart from chance");
}

static void write_intruders(wane_text *out, const wane_audit *a)
{
    const wane_audit_part *all = &a->all;
    char plural[32];
    if (all->existing == 0) {
        wane_text_string(out, "; no direction to count intruders in");
        return;
    }
    if (all->intruders == 0) wane_text_string(out, "; no intruder");
    else
        wane_text_printf(out, "; %zu %s", all->intruders,
                         wane_page_plural(plural, all->intruders, "intruder"));
    wane_text_printf(out, " of %zu directions", all->existing);
    if (all->unresolved) wane_text_printf(out, " (%zu more unresolved)", all->unresolved);
    write_chance(out, a);
}

static const char *rounding(const wane_audit *a)
{
    const char *type = wane_comparison_rounding(&a->comparison);
    return strcmp(type, "mixed") == 0 ? "16 bits" : type;
}

static void write_changed(wane_text *out, const wane_audit *a)
{
    char number[32];
    size_t most = 0;
    double median = 0, floors = wane_audit_floors(&a->all);
    write_update(out, a);
    if (a->all.near)
        wane_text_printf(out,
                         "; %zu of %zu changed tensors are within 10 times of what rounding "
                         "to %s alone makes",
                         a->all.near, a->all.changed, rounding(a));
    if (a->all.near && a->all.exact == 0 && floors < 10)
        wane_text_printf(out, " (%s together)", wane_page_number(number, floors, 2));
    if (wane_audit_layers_moved(a, &most, &median) && median > 0 &&
        wane_audit_moved(&a->layer[most].part) > OUTLIER * median)
        wane_text_printf(
            out, "; layer %ld moved %s times as far as the median one", a->layer[most].number,
            wane_page_number(number, wane_audit_moved(&a->layer[most].part) / median, 2));
    write_intruders(out, a);
}

static void write_unchanged(wane_text *out, const wane_audit *a)
{
    const wane_comparison *c = &a->comparison;
    size_t terms = 0;
    for (size_t i = 0; i < c->count; i++) terms += c->list[i].update != NULL;
    if (c->tuned.adapter)
        wane_text_printf(out, "the adapter changes nothing: all of its %zu terms B A are 0", terms);
    else
        wane_text_printf(out, "no weight changed: the %zu tensors that both have are equal",
                         c->count);
    if (c->settings.count) wane_text_string(out, ", but computed under another config.json");
    if (a->tokenizers.first >= 0) wane_text_string(out, ", but with another tokenizer");
}

static void write_broken(wane_text *out, const wane_audit *a)
{
    size_t bad[2] = {0, 0};
    for (size_t i = 0; i < a->comparison.count; i++)
        for (int s = 0; s < 2; s++) bad[s] += a->changes.list[i].not_finite[s] > 0;
    wane_text_string(out, "broken: NaN or infinite values in ");
    if (bad[0]) wane_text_printf(out, "%zu of %zu tensors of the base", bad[0], a->all.tensors);
    if (bad[0] && bad[1]) wane_text_string(out, " and ");
    if (bad[1]) wane_text_printf(out, "%zu of %zu tensors of the tuned", bad[1], a->all.tensors);
}

void wane_audit_write_verdict(wane_text *out, const wane_audit *a)
{
    char number[32];
    switch (a->kind) {
    case WANE_AUDIT_NOT_FINITE: write_broken(out, a); break;
    case WANE_AUDIT_UNCHANGED: write_unchanged(out, a); break;
    case WANE_AUDIT_ROUNDING:
        wane_text_printf(out,
                         "no more than rounding: ||dW|| is %s times what rounding to %s alone "
                         "makes",
                         wane_page_number(number, wane_audit_floors(&a->all), 2), rounding(a));
        break;
    case WANE_AUDIT_UNRELATED:
        wane_text_printf(out,
                         "hardly tuned from this base: the cosine between the matrices of "
                         "both is %s, near 1 after tuning and 0 between models made apart",
                         wane_page_number(number, a->cosine, 2));
        break;
    case WANE_AUDIT_CHANGED: write_changed(out, a); break;
    }
    wane_text left_out = {0};
    wane_compare_write_left_out(&left_out, &a->comparison);
    if (left_out.length) wane_text_printf(out, "; %s", left_out.data);
    out->failed |= left_out.failed;
    wane_text_free(&left_out);
}
