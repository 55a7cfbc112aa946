/* SPDX-License-Identifier: Apache-2.0
 * Panels are borrowed where a side lies in fp32, widened into each thread's own room where it lies
 * in parts, and cut from the whole tensor where it has to be made first.
 */
#include "eval/pair/panels.h"

#include "store/base/memory.h"

typedef struct panels {
    const wane_comparison *comparison;
    size_t index, count;
    const float *side[2]; /* all of it; NULL: there is none, or it is read in parts */
    bool parts[2];
    float *whole[2]; /* owned */
    float *rooms;    /* two panels a thread; owned */
    wane_panel_function function;
    void *context;
} panels;

size_t wane_panels(const wane_compared *one)
{
    return (one->rows * one->cols + WANE_PANEL - 1) / WANE_PANEL;
}

static void visit(void *context, size_t tile, int thread)
{
    panels *p = context;
    size_t first = tile * WANE_PANEL, count = p->count - first;
    const float *at[2] = {NULL, NULL};
    if (count > WANE_PANEL) count = WANE_PANEL;
    for (int s = 0; s < 2; s++) {
        float *room = p->rooms + (2 * (size_t)thread + (size_t)s) * WANE_PANEL;
        if (p->parts[s])
            wane_comparison_read_part(room, p->comparison, p->index, s == 1, first, count);
        at[s] = p->parts[s] ? room : p->side[s] ? p->side[s] + first : NULL;
    }
    p->function(p->context, tile, at[0], at[1], count);
}

static wane_status find_side(panels *p, bool tuned, wane_error *err)
{
    p->side[tuned] = wane_comparison_floats(p->comparison, p->index, tuned);
    p->parts[tuned] = !p->side[tuned] && wane_comparison_in_parts(p->comparison, p->index, tuned);
    if (p->side[tuned] || p->parts[tuned]) return WANE_OK;
    p->side[tuned] = p->whole[tuned] = wane_alloc(p->count, sizeof *p->whole[tuned]);
    if (!p->whole[tuned])
        return wane_fail_memory(err, "compare", p->comparison->list[p->index].name);
    return wane_comparison_read(p->whole[tuned], p->comparison, p->index, tuned, err);
}

wane_status wane_comparison_panels(const wane_comparison *c, size_t index, wane_pool *pool,
                                   wane_panel_function function, void *context, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_compared *one = &c->list[index];
    panels p = {.comparison = c,
                .index = index,
                .count = one->rows * one->cols,
                .function = function,
                .context = context};
    WANE_TRY(find_side(&p, false, err));
    if (one->tuned || (one->update && !wane_compared_term(one))) WANE_TRY(find_side(&p, true, err));
    size_t rooms = p.parts[0] || p.parts[1] ? 2 * (size_t)wane_pool_threads(pool) : 0;
    p.rooms = wane_alloc_aligned(rooms * WANE_PANEL, sizeof *p.rooms);
    if (!p.rooms) WANE_TRY(wane_fail_memory(err, "compare", one->name));
    wane_pool_run(pool, wane_panels(one), visit, &p);
    wane_comparison_let_go(c, index);
done:
    for (int s = 0; s < 2; s++) wane_free(p.whole[s]);
    wane_free(p.rooms);
    return st;
}
