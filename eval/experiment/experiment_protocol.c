/* SPDX-License-Identifier: Apache-2.0
 * The protocol of an experiment, and the bounds its runs are held against.
 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"

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
    static const char *const names[] = {NULL, "joint", "single", "perturbed"};
    return names[bound];
}

/* The configs of `perturbed: {configs: ...}` marked among the first `methods`. */
static wane_status name_perturbed(bool *chosen, const wane_experiment *x, size_t methods,
                                  const wane_yaml *list, wane_error *err)
{
    bool one = list->kind == WANE_YAML_SCALAR;
    wane_status st = one ? WANE_OK : wane_node_is(list, WANE_YAML_LIST, err);
    if (st == WANE_OK && !one && list->count == 0) st = wane_yaml_fail(list, err, "empty list");
    for (size_t i = 0; st == WANE_OK && i < (one ? 1 : list->count); i++) {
        const wane_yaml *node = one ? list : list->children[i];
        size_t c = 0;
        if ((st = wane_node_is(node, WANE_YAML_SCALAR, err)) != WANE_OK) return st;
        while (c < methods && strcmp(x->configs[c].name, node->text) != 0) c++;
        if (c == methods)
            return wane_yaml_fail(node, err, "'%.60s' is none of the methods as they are run",
                                  node->text);
        if (x->configs[c].given)
            return wane_yaml_fail(node, err, "nothing is trained under '%.60s'", node->text);
        if (chosen[c]) return wane_yaml_fail(node, err, "'%.60s' is there twice", node->text);
        chosen[c] = true;
    }
    return st;
}

/* `perturbed: 5`, or {runs: 5, configs: [NAME, ...]}; without names the first config of every
 * method that is trained. */
static wane_status read_perturbed(bool *chosen, wane_experiment *x, size_t methods,
                                  const wane_yaml *bounds, wane_error *err)
{
    enum { MOST = 99 };
    static const char *const keys[] = {"runs", "configs"};
    const wane_yaml *node = wane_yaml_get(bounds, "perturbed");
    if (!node) return WANE_OK;
    if (node->kind == WANE_YAML_SCALAR) {
        wane_status st = wane_node_count(&x->perturbed, node, 1, MOST, err);
        if (st != WANE_OK) return st;
    }
    const wane_yaml *list = NULL;
    if (node->kind != WANE_YAML_SCALAR) {
        x->perturbed = 5;
        wane_status st = wane_node_is(node, WANE_YAML_MAP, err);
        if (st == WANE_OK) st = wane_yaml_known(node, keys, COUNT(keys), err);
        if (st == WANE_OK) st = wane_setting_count(&x->perturbed, node, "runs", 1, MOST, err);
        if (st != WANE_OK) return st;
        list = wane_yaml_get(node, "configs");
    }
    if (list) return name_perturbed(chosen, x, methods, list, err);
    for (size_t c = 0; c < methods; c++)
        chosen[c] = !x->configs[c].given &&
                    (c == 0 || strcmp(x->configs[c].method, x->configs[c - 1].method) != 0);
    return WANE_OK;
}

wane_status wane_experiment_read_bounds(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keys[] = {"joint", "single", "perturbed"};
    const wane_yaml *map = wane_yaml_get(root, "bounds");
    if (!map) return WANE_OK;
    size_t methods = x->config_count;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK) st = read_joint(x, map, err);
    if (st == WANE_OK) st = wane_setting_flag(&x->single, map, "single", err);
    if (st != WANE_OK) return st;
    wane_run_config *all = wane_arena_alloc(x->memory, 4 * methods, sizeof *all);
    bool *perturbed = wane_arena_alloc(x->memory, methods, sizeof *perturbed);
    if (!all || !perturbed) return wane_fail_memory(err, "read", x->file);
    if ((st = read_perturbed(perturbed, x, methods, map, err)) != WANE_OK) return st;
    memcpy(all, x->configs, methods * sizeof *all);
    x->configs = all;
    for (size_t i = 0; i < methods && st == WANE_OK; i++)
        if (x->joint != WANE_JOINT_NONE && !all[i].given)
            st = add_bound(x, i, WANE_BOUND_JOINT, map, err);
    for (size_t i = 0; i < methods && st == WANE_OK; i++)
        if (x->single && !all[i].given) st = add_bound(x, i, WANE_BOUND_SINGLE, map, err);
    for (size_t i = 0; i < methods && st == WANE_OK; i++)
        if (perturbed[i]) st = add_bound(x, i, WANE_BOUND_PERTURBED, map, err);
    return st;
}
