/* SPDX-License-Identifier: Apache-2.0
 * The protocol of an experiment, and the bounds its runs are held against.
 */
#include <stdio.h>
#include <string.h>

#include "eval/run/experiment_parts.h"
#include "eval/run/setting.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *const wane_policy_names[3] = {"merge", "continue", "stack"};
const char *const wane_head_names[3] = {"verbalizer", "linear", "reprobe"};
const char *const wane_joint_names[3] = {"none", "last", "all"};

wane_status wane_experiment_read_protocol(wane_experiment *x, const wane_yaml *root,
                                          wane_error *err)
{
    static const char *const keys[] = {"adapter", "head", "evaluate"};
    static const char *const evaluations[] = {"all", "seen"};
    const wane_yaml *map = wane_yaml_get(root, "protocol");
    if (!map) return WANE_OK;
    size_t adapter = 0, head = 0, evaluate = 0;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK)
        st = wane_setting_choice(&adapter, map, "adapter", wane_policy_names, 3, err);
    if (st == WANE_OK) st = wane_setting_choice(&head, map, "head", wane_head_names, 3, err);
    if (st == WANE_OK) st = wane_setting_choice(&evaluate, map, "evaluate", evaluations, 2, err);
    x->policy = (wane_policy)adapter;
    x->head = (wane_head_protocol)head;
    x->evaluate_seen = evaluate == 1;
    return st;
}

/* `joint: true` is all, `joint: false` none. */
static wane_status read_joint(wane_experiment *x, const wane_yaml *map, wane_error *err)
{
    static const char *const names[] = {"none", "last", "all", "false", "true", "no", "yes"};
    static const wane_joint meant[] = {WANE_JOINT_NONE, WANE_JOINT_LAST, WANE_JOINT_ALL,
                                       WANE_JOINT_NONE, WANE_JOINT_ALL,  WANE_JOINT_NONE,
                                       WANE_JOINT_ALL};
    size_t joint = 0;
    wane_status st = wane_setting_choice(&joint, map, "joint", names, COUNT(names), err);
    x->joint = meant[joint];
    return st;
}

static wane_status add_bound(wane_experiment *x, size_t config, wane_bound bound,
                             const wane_yaml *map, wane_error *err)
{
    char name[200];
    wane_run_config c = x->configs[config];
    (void)snprintf(name, sizeof name, "%.160s-%s", c.name, wane_bound_name(bound));
    c.bounds = c.name;
    c.bound = bound;
    c.name = wane_arena_strdup(x->memory, name);
    if (!c.name) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < x->config_count; i++)
        if (strcmp(x->configs[i].name, c.name) == 0)
            return wane_yaml_fail(map, err, "method '%s' is there already", c.name);
    x->configs[x->config_count++] = c;
    return WANE_OK;
}

const char *wane_bound_name(wane_bound bound)
{
    return bound == WANE_BOUND_JOINT ? "joint" : bound == WANE_BOUND_SINGLE ? "single" : NULL;
}

wane_status wane_experiment_read_bounds(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keys[] = {"joint", "single"};
    const wane_yaml *map = wane_yaml_get(root, "bounds");
    if (!map) return WANE_OK;
    size_t methods = x->config_count;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK) st = read_joint(x, map, err);
    if (st == WANE_OK) st = wane_setting_flag(&x->single, map, "single", err);
    if (st != WANE_OK) return st;
    wane_run_config *all = wane_arena_alloc(x->memory, 3 * methods, sizeof *all);
    if (!all) return wane_fail_memory(err, "read", x->file);
    memcpy(all, x->configs, methods * sizeof *all);
    x->configs = all;
    for (size_t i = 0; i < methods && st == WANE_OK; i++)
        if (x->joint != WANE_JOINT_NONE && !all[i].given)
            st = add_bound(x, i, WANE_BOUND_JOINT, map, err);
    for (size_t i = 0; i < methods && st == WANE_OK; i++)
        if (x->single && !all[i].given) st = add_bound(x, i, WANE_BOUND_SINGLE, map, err);
    return st;
}
