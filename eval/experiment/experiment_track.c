/* SPDX-License-Identifier: Apache-2.0
 * track: what is measured while a stage trains; matrices: those whose overlaps are stored.
 */
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"

wane_status wane_experiment_read_track(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keys[] = {"every", "spectra", "top", "nll_tokens", "task_rows"};
    enum { MOST = 1 << 30 };
    wane_tracking *t = &x->track;
    const wane_yaml *map = wane_yaml_get(root, "track");
    if (!map) return WANE_OK;
    *t = (wane_tracking){.spectra = true, .top = 10, .nll_tokens = 1024, .task_rows = 64};
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, sizeof keys / sizeof *keys, err);
    if (st == WANE_OK) st = wane_setting_count(&t->every, map, "every", 1, MOST, err);
    if (st == WANE_OK && t->every == 0)
        st = wane_yaml_fail(map, err, "'every' is missing (steps between two looks)");
    if (st == WANE_OK) st = wane_setting_flag(&t->spectra, map, "spectra", err);
    if (st == WANE_OK) st = wane_setting_count(&t->top, map, "top", WANE_LEAST_TOP, 1 << 20, err);
    if (st == WANE_OK) st = wane_setting_count(&t->nll_tokens, map, "nll_tokens", 0, MOST, err);
    if (st == WANE_OK) st = wane_setting_count(&t->task_rows, map, "task_rows", 0, MOST, err);
    return st;
}

static wane_status read_sides(wane_shown_matrices *shown, const wane_yaml *map, wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(map, "sides");
    shown->u = list == NULL;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    for (size_t i = 0; st == WANE_OK && i < list->count; i++) {
        const wane_yaml *side = list->children[i];
        bool plain = side->kind == WANE_YAML_SCALAR;
        if (plain && strcmp(side->text, "u") == 0) shown->u = true;
        else if (plain && strcmp(side->text, "v") == 0) shown->v = true;
        else st = wane_yaml_fail(side, err, "is neither u nor v");
    }
    if (st == WANE_OK && !shown->u && !shown->v) st = wane_yaml_fail(list, err, "empty list");
    return st;
}

static wane_status read_shown(wane_shown_matrices *shown, wane_experiment *x, const wane_yaml *node,
                              wane_error *err)
{
    static const char *const keys[] = {"name", "stages", "sides"};
    static const char *const stages[] = {"last", "all"};
    size_t all = 0;
    wane_status st = WANE_OK;
    shown->line = node->line;
    shown->column = node->column;
    if (node->kind == WANE_YAML_SCALAR) { /* the name alone */
        shown->u = true;
        return wane_node_text(&shown->pattern, node, x->memory, err);
    }
    WANE_TRY(wane_node_is(node, WANE_YAML_MAP, err));
    WANE_TRY(wane_yaml_known(node, keys, sizeof keys / sizeof *keys, err));
    WANE_TRY(wane_setting_text(&shown->pattern, node, "name", x->memory, err));
    if (!shown->pattern) WANE_TRY(wane_yaml_fail(node, err, "'name' is missing"));
    WANE_TRY(wane_setting_choice(&all, node, "stages", stages, 2, err));
    WANE_TRY(read_sides(shown, node, err));
    shown->all_stages = all == 1;
done:
    return st;
}

wane_status wane_experiment_read_matrices(wane_experiment *x, const wane_yaml *root,
                                          wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(root, "matrices");
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    x->shown = wane_arena_alloc(x->memory, list->count, sizeof *x->shown);
    if (!x->shown) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count && st == WANE_OK; i++)
        st = read_shown(&x->shown[i], x, list->children[i], err);
    x->shown_count = list->count;
    return st;
}
