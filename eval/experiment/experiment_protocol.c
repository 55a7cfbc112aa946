/* SPDX-License-Identifier: Apache-2.0
 * The protocol of an experiment, and the bounds its runs are held against.
 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"
#include "store/files/yaml_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { MOST_PERTURBED = 99 };

const char *const wane_policy_names[] = {"merge", "continue", "stack", NULL};
const char *const wane_head_names[] = {"verbalizer", "linear", "reprobe", NULL};

static const char *const evaluations[] = {"all", "seen", NULL};

static const wane_setting protocol[] = {
    {.name = "adapter",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, policy),
     .choices = wane_policy_names,
     .key = WANE_KEY_CONTENT,
     .stored = true,
     .help = "what becomes of a stage's adapter when the next stage trains",
     .explain =
         "merge: merged into the weights, rounded to fp32, the next one is fresh; continue: the "
         "same adapter is trained on over the base's weights; stack: it is frozen and a "
         "fresh one is added to it, y = x (W_0 + sum_i s B_i A_i)^T, dropout on the fresh "
         "one alone, as O-LoRA (2310.14152) and peft compute several adapters; stack and "
         "merge differ in rounding alone: stack's measured weights are W_0 plus the exact "
         "sum, rounded once; artifact 'stack' is that sum as one PEFT adapter of summed "
         "rank"},
    {.name = "head",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, head),
     .choices = wane_head_names,
     .key = WANE_KEY_CONTENT,
     .stored = true,
     .help = "what says the label of a prompt",
     .explain =
         "verbalizer: log-likelihood of the label's tokens; linear: softmax of W_task h, no bias, "
         "h "
         "the final hidden state of the prompt's last token, W_task drawn normal(0, "
         "initializer_range), trained with its stage and kept, as transformers' "
         "LlamaForSequenceClassification; reprobe: trained as linear, measured by a multinomial "
         "logistic regression fitted after each stage to h of the task's training rows "
         "(standardised, L2 1e-3 per example, Newton); under linear a task not yet trained has no "
         "score (head_not_trained); under reprobe every task has one after every stage, watched "
         "and future ones too; random_copy is checked under verbalizer, kl_on_task_* measured "
         "under it alone"},
    {.name = "evaluate",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, evaluate_seen),
     .choices = evaluations,
     .help = "the tasks that a stage is measured on: all, or those trained so far"},
};

const wane_settings wane_protocol_settings = {
    .name = "protocol",
    .help = "how one stage follows another, and what says a label",
    .entries = protocol,
    .count = COUNT(protocol),
    .defaults = &wane_experiment_usual,
};

/* `joint: true` is all, `joint: false` none. */
static wane_status read_joint(void *into, const wane_setting *setting, const wane_yaml *node,
                              const wane_setting_reader *reader, wane_error *err)
{
    static const char *const names[] = {"none", "last", "all", "false", "true", "no", "yes"};
    static const wane_joint meant[] = {WANE_JOINT_NONE, WANE_JOINT_LAST, WANE_JOINT_ALL,
                                       WANE_JOINT_NONE, WANE_JOINT_ALL,  WANE_JOINT_NONE,
                                       WANE_JOINT_ALL};
    wane_experiment *x = into;
    size_t joint = 0;
    (void)reader;
    wane_status st = WANE_OK;
    if (node) st = wane_node_choice(&joint, node, setting->name, names, COUNT(names), err);
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
    /* All tasks at once have no past. */
    if (bound == WANE_BOUND_JOINT) c.strategy = &wane_strategy_none;
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

/* `perturbed: 5`, or {runs: 5, configs: [NAME, ...]}. Which configs, wane_bounds_settings settles.
 */
static wane_status read_perturbed(void *into, const wane_setting *setting, const wane_yaml *node,
                                  const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    const wane_settings_into block = {setting->block, into};
    x->perturbed = 0;
    if (!node) return WANE_OK;
    if (node->kind == WANE_YAML_SCALAR)
        return wane_node_count(&x->perturbed, node, 1, MOST_PERTURBED, err);
    x->perturbed = 5;
    return wane_settings_read(&block, 1, node, NULL, reader, err);
}

/* The names are looked up when all configs are there. */
static wane_status read_configs(void *into, const wane_setting *setting, const wane_yaml *node,
                                const wane_setting_reader *reader, wane_error *err)
{
    (void)into;
    (void)setting;
    (void)node;
    (void)reader;
    (void)err;
    return WANE_OK;
}

static void print_configs(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    const char *before = "[";
    (void)setting;
    for (size_t c = 0; c < x->config_count; c++) {
        if (x->configs[c].bound != WANE_BOUND_PERTURBED) continue;
        wane_text_string(out, before);
        wane_setting_quote(out, x->configs[c].bounds);
        before = ", ";
    }
    wane_text_string(out, "]");
}

/* Without names: the first config of every method that is trained. */
static wane_status choose_perturbed(bool *chosen, const wane_experiment *x, size_t methods,
                                    const wane_yaml *bounds, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(bounds, "perturbed");
    const wane_yaml *list = node ? wane_yaml_get(node, "configs") : NULL;
    if (!node) return WANE_OK;
    if (list) return name_perturbed(chosen, x, methods, list, err);
    for (size_t c = 0; c < methods; c++)
        chosen[c] = !x->configs[c].given &&
                    (c == 0 || strcmp(x->configs[c].method, x->configs[c - 1].method) != 0);
    return WANE_OK;
}

/* Adds a config for each method and bound. */
static wane_status settle_bounds(void *into, const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment *x = into;
    const wane_yaml *map = reader->map;
    size_t methods = x->config_count;
    if (!map) return WANE_OK;
    wane_run_config *all = wane_arena_alloc(x->memory, 4 * methods, sizeof *all);
    bool *perturbed = wane_arena_alloc(x->memory, methods, sizeof *perturbed);
    if (!all || !perturbed) return wane_fail_memory(err, "read", x->file);
    wane_status st = choose_perturbed(perturbed, x, methods, map, err);
    if (st != WANE_OK) return st;
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

static bool is_perturbed(const void *of)
{
    return ((const wane_experiment *)of)->perturbed > 0;
}

static const char *const joints[] = {"none", "last", "all", NULL};

static const wane_setting perturbed_settings[] = {
    {.name = "runs",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment, perturbed),
     .low = 1,
     .high = MOST_PERTURBED,
     .written = "5",
     .unit = "runs",
     .help = "how often each is run again"},
    {.name = "configs",
     .type = WANE_SETTING_OWN,
     .form = "a name, or a list of names, of methods as they are run (NAME-r8)",
     .usual = "the first of every method that is trained",
     .help = "which are run again",
     .read = read_configs,
     .print = print_configs},
};

static const wane_settings perturbed = {
    .name = "perturbed",
    .help = "a number of runs, or a map",
    .entries = perturbed_settings,
    .count = COUNT(perturbed_settings),
    .defaults = &wane_experiment_usual,
};

static void print_perturbed(wane_text *out, const wane_setting *setting, const void *of)
{
    wane_settings_print(out, &(wane_settings_of){setting->block, of}, 1);
}

static const wane_setting bounds[] = {
    {.name = "joint",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment, joint),
     .choices = joints,
     .form = "none (false), last or all (true)",
     .help = "beside each method, stage k trained on the tasks 1..k together, from the base",
     .explain = "all: for every k; last: for the last stage; steps as for their rows together; "
                "shared by orders once they have come to the same tasks; intransigence needs all; "
                "joint training and independent experts are the bounds of RWalk and Avalanche",
     .read = read_joint},
    {.name = "single",
     .type = WANE_SETTING_FLAG,
     WANE_MEMBER(wane_experiment, single),
     .help = "beside each method, stage k trained on task k alone, from the base"},
    {.name = "perturbed",
     .type = WANE_SETTING_OWN,
     .block = &perturbed,
     .form = "a number of runs, or {runs: 5, configs: [NAME, ...]}",
     .usual = "none",
     .help = "runs that are made again from initial numbers changed in the seventh digit",
     .explain = "they tell how far numbers hang on rounding: wane explain count_noise",
     .read = read_perturbed,
     .print = print_perturbed,
     .there = is_perturbed},
};

const wane_settings wane_bounds_settings = {
    .name = "bounds",
    .help = "runs beside each method that bound what it could reach, or that make it again",
    .entries = bounds,
    .count = COUNT(bounds),
    .defaults = &wane_experiment_usual,
    .settle = settle_bounds,
};
