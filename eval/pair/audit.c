/* SPDX-License-Identifier: Apache-2.0
 * Sums a comparison up by modules, kinds and layers, and says what kind of pair it is.
 */
#include "eval/pair/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/memory.h"

/* More modules than these are summed up by their kinds. */
enum { MODULES_MOST = 9 };

/* Below this cosine the tuned matrices are hardly those of the base: tuning leaves it near 1, two
 * models that were made apart have 0. */
static const double RELATED = 0.5;

/* Up to so many times what rounding alone makes a change is no more than that: the ratio of one
 * conversion is 1. */
static const double ROUNDED = 1.5;

/* -------------------------------------------------------------------------------------- groups */

/* The tensors of a kind whose modules stand by themselves. */
static bool has_modules(wane_tensor_kind kind)
{
    return kind == WANE_TENSOR_KIND_ATTENTION || kind == WANE_TENSOR_KIND_MLP ||
           kind == WANE_TENSOR_KIND_OTHER;
}

static const char *group_name(const wane_compared *one, bool modules)
{
    return modules && has_modules(one->kind) ? one->module : wane_tensor_kind_name(one->kind);
}

static size_t find_group(const wane_audit *a, const wane_compared *one, bool modules)
{
    size_t g = 0;
    while (g < a->group_count && (a->group[g].kind != one->kind ||
                                  strcmp(a->group[g].name, group_name(one, modules)) != 0))
        g++;
    return g;
}

static void list_groups(wane_audit *a, bool modules)
{
    a->group_count = 0;
    for (size_t i = 0; i < a->comparison.count; i++) {
        const wane_compared *one = &a->comparison.list[i];
        if (find_group(a, one, modules) < a->group_count) continue;
        a->group[a->group_count++] =
            (wane_audit_group){.name = group_name(one, modules), .kind = one->kind};
    }
}

static size_t count_modules(const wane_audit *a)
{
    size_t count = 0;
    for (size_t g = 0; g < a->group_count; g++) count += has_modules(a->group[g].kind);
    return count;
}

/* Attention first, then the rest of the layers, then what stands around them. */
static int place_of(wane_tensor_kind kind)
{
    static const int places[WANE_TENSOR_KINDS] = {
        [WANE_TENSOR_KIND_ATTENTION] = 0, [WANE_TENSOR_KIND_MLP] = 1,
        [WANE_TENSOR_KIND_OTHER] = 2,     [WANE_TENSOR_KIND_NORM] = 3,
        [WANE_TENSOR_KIND_BIAS] = 4,      [WANE_TENSOR_KIND_EMBEDDING] = 5,
        [WANE_TENSOR_KIND_HEAD] = 6};
    return places[kind];
}

static int by_place(const void *left, const void *right)
{
    const wane_audit_group *a = left, *b = right;
    int x = place_of(a->kind), y = place_of(b->kind);
    return x != y ? x - y : strcmp(a->name, b->name);
}

/* -------------------------------------------------------------------------------------- layers */

static int by_number(const void *left, const void *right)
{
    const wane_audit_layer *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

static void list_layers(wane_audit *a)
{
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < a->comparison.count; i++)
        if (a->comparison.list[i].layer >= 0)
            a->layer[count++].number = a->comparison.list[i].layer;
    qsort(a->layer, count, sizeof *a->layer, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || a->layer[i].number != a->layer[kept - 1].number)
            a->layer[kept++] = a->layer[i];
    a->layer_count = kept;
}

static size_t find_layer(const wane_audit *a, long number)
{
    const wane_audit_layer wanted = {.number = number};
    const wane_audit_layer *found =
        bsearch(&wanted, a->layer, a->layer_count, sizeof *a->layer, by_number);
    return found ? (size_t)(found - a->layer) : SIZE_MAX;
}

/* --------------------------------------------------------------------------------------- parts */

/* m: its spectrum; NULL for what is no chosen matrix. */
static void add(wane_audit_part *part, const wane_tensor_change *t, const wane_matrix_spectrum *m)
{
    part->tensors++;
    part->changed += t->changed;
    part->not_finite += t->not_finite[0] + t->not_finite[1] > 0;
    part->base_square += t->base_square;
    part->delta_square += t->delta_square;
    if (t->changed) {
        part->moved_square += t->base_square;
        part->floor_square += t->floor * t->floor;
        part->near += t->floor > 0 && t->delta_square < 100 * t->floor * t->floor;
        part->exact += !(t->floor > 0);
    }
    if (!m || !m->changed || m->not_finite) return;
    part->existing += m->existing[0];
    part->unresolved += m->unresolved[0];
    part->intruders += m->intruders[0];
    part->null += m->null[0];
    if (isnan(m->spectrum.effective_rank)) return;
    part->ranks += m->spectrum.effective_rank;
    part->ranked++;
}

static void add_all(wane_audit *a, bool modules)
{
    a->all = (wane_audit_part){0};
    a->counted = 0;
    size_t next = 0; /* of the spectra, which are in the comparison's order */
    for (size_t i = 0; i < a->comparison.count; i++) {
        const wane_compared *one = &a->comparison.list[i];
        const wane_tensor_change *t = &a->changes.list[i];
        const wane_matrix_spectrum *m = NULL;
        if (next < a->spectra.count && a->spectra.matrix[next].index == i)
            m = &a->spectra.matrix[next++];
        size_t g = find_group(a, one, modules), l = find_layer(a, one->layer);
        a->counted += m && m->changed && !m->not_finite;
        add(&a->all, t, m);
        add(&a->group[g].part, t, m);
        if (l == SIZE_MAX) continue;
        add(&a->layer[l].part, t, m);
        add(&a->cell[g * a->layer_count + l], t, m);
    }
}

/* <W_0, W> / (||W_0|| ||W||) over the matrices, from the three sums of squares. */
static double cosine_of(const wane_audit *a)
{
    double base = 0, tuned = 0, delta = 0;
    for (size_t i = 0; i < a->comparison.count; i++) {
        const wane_tensor_change *t = &a->changes.list[i];
        if (!a->comparison.list[i].chosen) continue;
        base += t->base_square;
        tuned += t->tuned_square;
        delta += t->delta_square;
    }
    double both = sqrt(base) * sqrt(tuned);
    return both > 0 ? (base + tuned - delta) / (2 * both) : NAN;
}

static wane_audit_kind kind_of(const wane_audit *a)
{
    const wane_audit_part *all = &a->all;
    if (all->not_finite) return WANE_AUDIT_NOT_FINITE;
    if (all->changed == 0) return WANE_AUDIT_UNCHANGED;
    if (all->exact == 0 && wane_audit_floors(all) <= ROUNDED) return WANE_AUDIT_ROUNDING;
    return a->cosine < RELATED ? WANE_AUDIT_UNRELATED : WANE_AUDIT_CHANGED;
}

wane_status wane_audit_sum_up(wane_audit *a, wane_error *err)
{
    size_t count = a->comparison.count, cells = 0;
    bool modules = true;
    a->group = wane_alloc(count, sizeof *a->group);
    a->layer = wane_alloc(count, sizeof *a->layer);
    if (!a->group || !a->layer) return wane_fail_memory(err, "audit", a->comparison.base.path);
    list_groups(a, modules);
    if (count_modules(a) > MODULES_MOST) list_groups(a, modules = false);
    qsort(a->group, a->group_count, sizeof *a->group, by_place);
    list_layers(a);
    if (!wane_size_mul(&cells, a->group_count, a->layer_count)) cells = SIZE_MAX;
    a->cell = wane_alloc(cells, sizeof *a->cell);
    if (!a->cell) return wane_fail_memory(err, "audit", a->comparison.base.path);
    add_all(a, modules);
    a->cosine = cosine_of(a);
    a->kind = kind_of(a);
    return WANE_OK;
}

void wane_audit_free(wane_audit *a)
{
    wane_free(a->group);
    wane_free(a->layer);
    wane_free(a->cell);
    a->group = NULL;
    a->layer = NULL;
    a->cell = NULL;
}

static double share(const wane_audit_part *part, double whole)
{
    if (part->changed == 0 && !isnan(whole)) return 0;
    return whole > 0 ? sqrt(part->delta_square / whole) : NAN;
}

double wane_audit_relative(const wane_audit_part *part)
{
    return share(part, part->base_square);
}

double wane_audit_moved(const wane_audit_part *part)
{
    return share(part, part->moved_square);
}

double wane_audit_floors(const wane_audit_part *part)
{
    return part->floor_square > 0 ? sqrt(part->delta_square / part->floor_square) : NAN;
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

bool wane_audit_layers_moved(const wane_audit *a, size_t *most, double *median)
{
    double *list = wane_alloc(a->layer_count, sizeof *list);
    size_t count = 0;
    for (size_t l = 0; list && l < a->layer_count; l++) {
        double moved = wane_audit_moved(&a->layer[l].part);
        if (isnan(moved)) continue;
        if (count == 0 || moved > wane_audit_moved(&a->layer[*most].part)) *most = l;
        list[count++] = moved;
    }
    if (count) {
        qsort(list, count, sizeof *list, by_value);
        *median = (list[(count - 1) / 2] + list[count / 2]) / 2;
    }
    wane_free(list);
    return count > 0;
}
