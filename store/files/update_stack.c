/* SPDX-License-Identifier: Apache-2.0
 * Several adapters as one of summed rank: sum_i s B_i A_i = s [B_1 .. B_n] [A_1; ..; A_n].
 */
#include <stdlib.h>
#include <string.h>

#include "store/files/update.h"
#include "store/files/update_memory.h"

static const wane_update_tensor *tensor_of(const wane_update *update, const char *name)
{
    const wane_update_tensor wanted = {.name = name};
    return bsearch(&wanted, update->tensors, update->count, sizeof wanted, wane_update_by_name);
}

static wane_status check(const wane_update *list, size_t count, wane_error *err)
{
    if (count == 0) return wane_fail(err, WANE_EINVAL, "stack: adapters: none is given");
    for (size_t i = 0; i < count; i++) {
        if (!list[i].lowrank || list[i].count != list[0].count)
            return wane_fail(err, WANE_EINVAL,
                             "stack: adapter %zu: not on the weights of the first", i + 1);
        for (size_t t = 0; t < list[0].count; t++) {
            const wane_update_tensor *first = &list[0].tensors[t];
            const wane_update_tensor *other = tensor_of(&list[i], first->name);
            if (first->data || (other && other->data))
                return wane_fail(err, WANE_EINVAL, "stack: adapter %zu: %s: is saved whole", i + 1,
                                 first->name);
            if (first->vector || (other && other->vector))
                return wane_fail(err, WANE_EINVAL, "stack: adapter %zu: %s: has more than factors",
                                 i + 1, first->name);
            if (!other || other->rows != first->rows || other->cols != first->cols)
                return wane_fail(err, WANE_EINVAL, "stack: adapter %zu: %s: not as in the first",
                                 i + 1, first->name);
            if (other->term.scale != first->term.scale)
                return wane_fail(err, WANE_EINVAL, "stack: adapter %zu: %s: scale %g, the first %g",
                                 i + 1, first->name, (double)other->term.scale,
                                 (double)first->term.scale);
        }
    }
    return WANE_OK;
}

static wane_status stack_tensor(wane_update_tensor *out, wane_arena *arena, const wane_update *list,
                                size_t count, const wane_update_tensor *first, wane_error *err)
{
    size_t rank = 0, rows = first->rows, cols = first->cols, at = 0;
    for (size_t i = 0; i < count; i++) rank += tensor_of(&list[i], first->name)->term.rank;
    float *a = wane_arena_alloc(arena, rank * cols, sizeof *a);
    float *b = wane_arena_alloc(arena, rank * rows, sizeof *b);
    char *name = wane_arena_strdup(arena, first->name);
    if (!a || !b || !name) return wane_fail_memory(err, "stack", first->name);
    for (size_t i = 0; i < count; i++) {
        const wane_lowrank_term *term = &tensor_of(&list[i], first->name)->term;
        memcpy(a + at * cols, term->a, term->rank * cols * sizeof *a);
        for (size_t r = 0; r < rows; r++)
            memcpy(b + r * rank + at, term->b + r * term->rank, term->rank * sizeof *b);
        at += term->rank;
    }
    *out = (wane_update_tensor){.name = name,
                                .rows = rows,
                                .cols = cols,
                                .embedding = first->embedding,
                                .term = {.b = b, .a = a, .rank = rank, .scale = first->term.scale}};
    return WANE_OK;
}

wane_status wane_update_stack(wane_update *out, const wane_update *list, size_t count,
                              wane_error *err)
{
    wane_update update = {0};
    wane_status st = check(list, count, err);
    if (st == WANE_OK) st = wane_update_new(&update, list[0].count, true, err);
    if (st != WANE_OK) return st;
    wane_arena *arena = ((wane_update_memory *)update.memory)->arena;
    update.facts = list[0].facts;
    update.facts.rank = 0;
    for (size_t i = 0; i < count; i++) update.facts.rank += list[i].facts.rank;
    for (size_t t = 0; t < list[0].count; t++)
        WANE_TRY(stack_tensor(&update.tensors[t], arena, list, count, &list[0].tensors[t], err));
    /* PEFT divides alpha by the rank, or by its root: the rank has grown, the scale has not. */
    update.facts.alpha =
        update.facts.rslora
            ? (double)list[0].tensors[0].term.scale * (double)update.facts.rank
            : list[0].facts.alpha / (double)list[0].facts.rank * (double)update.facts.rank;
    update.facts.rslora = false;
    if (update.facts.base_model)
        update.facts.base_model = wane_arena_strdup(arena, update.facts.base_model);
    if (list[0].facts.base_model && !update.facts.base_model)
        WANE_TRY(wane_fail_memory(err, "stack", "adapter"));
    update.head = list[count - 1].head;
    update.head_rows = list[count - 1].head_rows;
    update.head_cols = list[count - 1].head_cols;
    *out = update;
    update = (wane_update){0};
done:
    wane_update_free(&update);
    return st;
}
