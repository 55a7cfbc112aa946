/* SPDX-License-Identifier: Apache-2.0
 * Reads both sides of a matrix in equal shares, and looks at each share while it is in the cache:
 * whether it is finite, whether the sides are equal.
 */
#include "eval/pair/matrix_of_pair.h"

#include <string.h>

#include "store/base/matrix.h"
#include "store/base/memory.h"

enum { SHARES = 64 };

/* What was seen of a share. */
enum { BASE_NOT_FINITE = 1, TUNED_NOT_FINITE = 2, DIFFERS = 4 };

typedef struct look {
    const wane_comparison *comparison;
    size_t index, count;
    const float *side[2]; /* NULL: there is none */
    float *into[2];       /* where a share of it is read to first; NULL: it is there */
    unsigned char seen[SHARES];
} look;

static void look_at_share(void *context, size_t tile, int thread)
{
    static const unsigned char not_finite[2] = {BASE_NOT_FINITE, TUNED_NOT_FINITE};
    look *l = context;
    size_t first = l->count * tile / SHARES, count = l->count * (tile + 1) / SHARES - first;
    (void)thread;
    for (int s = 0; s < 2; s++) {
        if (l->into[s])
            wane_comparison_read_part(l->into[s] + first, l->comparison, l->index, s == 1, first,
                                      count);
        if (l->side[s] && !wane_all_finite(l->side[s] + first, count))
            l->seen[tile] |= not_finite[s];
    }
    if (l->side[1] && memcmp(l->side[0] + first, l->side[1] + first, count * sizeof(float)) != 0)
        l->seen[tile] |= DIFFERS;
}

static bool make_room(wane_matrix_room *room, size_t count)
{
    if (room->values && room->count >= count) return true;
    wane_free(room->values);
    room->values = wane_alloc_aligned(count, sizeof *room->values);
    room->count = count;
    return room->values != NULL;
}

/* Where one side is, or will be once its shares are read. */
static wane_status find_side(look *l, wane_matrix_of_pair *pair, bool tuned, wane_error *err)
{
    l->side[tuned] = wane_comparison_floats(l->comparison, l->index, tuned);
    if (l->side[tuned]) return WANE_OK;
    wane_matrix_room *room = &pair->room[tuned];
    if (!make_room(room, l->count))
        return wane_fail_memory(err, "spectra", l->comparison->list[l->index].name);
    l->side[tuned] = room->values;
    if (!wane_comparison_in_parts(l->comparison, l->index, tuned))
        return wane_comparison_read(room->values, l->comparison, l->index, tuned, err);
    l->into[tuned] = room->values;
    return WANE_OK;
}

static bool all_zero(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0) return false;
    return true;
}

wane_status wane_matrix_of_pair_read(wane_matrix_of_pair *out, const wane_comparison *c,
                                     size_t index, wane_pool *pool, wane_error *err)
{
    const wane_compared *one = &c->list[index];
    const wane_lowrank_term *term = wane_compared_term(one);
    look l = {.comparison = c, .index = index, .count = one->rows * one->cols};
    unsigned seen = 0;
    wane_status st = find_side(&l, out, false, err);
    if (st == WANE_OK && (one->tuned || (one->update && !term))) st = find_side(&l, out, true, err);
    if (st != WANE_OK) return st;
    wane_pool_run(pool, SHARES, look_at_share, &l);
    for (size_t i = 0; i < SHARES; i++) seen |= l.seen[i];
    out->base = l.side[0];
    out->tuned = l.side[1];
    out->changed = seen & DIFFERS;
    out->base_finite = !(seen & BASE_NOT_FINITE);
    out->finite = out->base_finite && !(seen & TUNED_NOT_FINITE);
    if (!term) return WANE_OK;
    out->changed =
        !all_zero(term->b, one->rows * term->rank) && !all_zero(term->a, term->rank * one->cols);
    out->finite = out->finite && wane_lowrank_finite(term, one->rows, one->cols);
    return WANE_OK;
}

void wane_matrix_of_pair_free(wane_matrix_of_pair *pair)
{
    for (int s = 0; s < 2; s++) wane_free(pair->room[s].values);
    *pair = (wane_matrix_of_pair){0};
}
