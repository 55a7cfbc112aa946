/* SPDX-License-Identifier: Apache-2.0
 * track: what is measured while a stage trains.
 */
#include "eval/run/experiment_parts.h"
#include "eval/run/setting.h"

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
    if (st == WANE_OK) st = wane_setting_count(&t->top, map, "top", 1, 1 << 20, err);
    if (st == WANE_OK) st = wane_setting_count(&t->nll_tokens, map, "nll_tokens", 0, MOST, err);
    if (st == WANE_OK) st = wane_setting_count(&t->task_rows, map, "task_rows", 0, MOST, err);
    return st;
}
