/* SPDX-License-Identifier: Apache-2.0
 * Finds the fused weights of a comparison by the table of parameters that config.json makes, and
 * gathers the rows of their parts.
 */
#include "eval/pair/parts_of_pair.h"

#include <string.h>

#include "store/base/memory.h"

/* The table of the model that the base, else the tuned checkpoint, says it is; *known = false where
 * neither is one that is computed. */
static wane_status find_table(wane_parameters *out, wane_config *config, bool *known,
                              const wane_comparison *c, wane_error *err)
{
    const wane_package *side[2] = {c->base.package, c->tuned.adapter ? NULL : c->tuned.package};
    wane_status st = WANE_OK;
    *known = false;
    for (int s = 0; s < 2 && !*known && st == WANE_OK; s++)
        st = wane_config_of_package(config, known, side[s], err);
    if (st == WANE_OK && *known) st = wane_parameters_plan(out, config, err);
    if (st == WANE_EINVAL) { /* sizes that do not fit together are of no model */
        *known = false;
        st = WANE_OK;
    }
    return st;
}

/* Parts of a weight that the table has by that name and shape; how many. */
static size_t parts_of(wane_weight_part out[WANE_WEIGHT_PARTS], const wane_parameters *table,
                       const wane_config *config, const wane_compared *one)
{
    const char *const names[] = {one->name, one->base->name};
    for (size_t i = 0; i < 2; i++) {
        char room[WANE_TENSOR_NAME];
        long at = wane_parameters_find(table, wane_parameters_own_name(room, table, names[i]));
        if (at < 0) continue;
        const wane_parameter *p = &table->parameter[at];
        if (p->linear && p->rows == one->rows && p->cols == one->cols)
            return wane_weight_parts(out, config, p->role);
    }
    return 0;
}

wane_status wane_pair_parts_list(wane_pair_spectra *all, const wane_comparison *c, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_parameters table = {0};
    wane_config config;
    wane_weight_part part[WANE_WEIGHT_PARTS];
    bool known = false;
    WANE_TRY(find_table(&table, &config, &known, c, err));
    if (!known) goto done;
    all->part = wane_alloc(WANE_WEIGHT_PARTS * all->count, sizeof *all->part);
    if (!all->part) WANE_TRY(wane_fail_memory(err, "spectra", c->base.path));
    for (size_t i = 0; i < all->count; i++) {
        wane_matrix_spectrum *m = &all->matrix[i];
        m->part = all->part_count;
        m->parts = parts_of(part, &table, &config, &c->list[m->index]);
        for (size_t j = 0; j < m->parts; j++) {
            wane_part_spectrum *own = &all->part[all->part_count++];
            *own = (wane_part_spectrum){.rows = part[j], .spectrum = {.index = m->index}};
            wane_weight_part_name(own->name, c->list[m->index].name, &part[j]);
        }
    }
done:
    wane_parameters_free(&table);
    return st;
}

static bool all_zero(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0) return false;
    return true;
}

/* Rows of what has as many as the whole; NULL for no memory. */
static float *gather(const wane_weight_part *rows, const float *whole, size_t cols)
{
    float *out = wane_alloc_aligned(rows->rows * cols, sizeof *out);
    if (out) wane_weight_part_gather(out, rows, whole, cols);
    return out;
}

wane_status wane_part_of_pair_take(wane_part_of_pair *out, const wane_part_spectrum *part,
                                   const wane_compared *one, const wane_matrix_of_pair *whole,
                                   wane_error *err)
{
    const wane_weight_part *rows = &part->rows;
    const wane_lowrank_term *term = wane_compared_term(one);
    size_t count = rows->rows * one->cols;
    out->one = *one;
    out->one.name = part->name;
    out->one.rows = rows->rows;
    out->base = gather(rows, whole->base, one->cols);
    if (whole->tuned) out->tuned = gather(rows, whole->tuned, one->cols);
    if (term) {
        out->b = gather(rows, term->b, term->rank);
        out->update = *one->update;
        out->update.rows = rows->rows;
        out->update.term.b = out->b;
        out->one.update = &out->update;
    }
    if (!out->base || (whole->tuned && !out->tuned) || (term && !out->b))
        return wane_fail_memory(err, "spectra", part->name);
    out->base_finite = out->finite = wane_all_finite(out->base, count);
    if (out->tuned) {
        out->finite = out->finite && wane_all_finite(out->tuned, count);
        out->changed = memcmp(out->base, out->tuned, count * sizeof *out->base) != 0;
    }
    if (!term) return WANE_OK;
    term = &out->update.term;
    out->finite = out->finite && wane_lowrank_finite(term, rows->rows, one->cols);
    out->changed =
        !all_zero(term->b, rows->rows * term->rank) && !all_zero(term->a, term->rank * one->cols);
    return WANE_OK;
}

void wane_part_of_pair_free(wane_part_of_pair *part)
{
    wane_free(part->base);
    wane_free(part->tuned);
    wane_free(part->b);
    *part = (wane_part_of_pair){0};
}
