/* SPDX-License-Identifier: Apache-2.0
 * The key `interventions` of an experiment file.
 */
#include <stdlib.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const double usual_lambdas[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.25};
static const char *const arms[WANE_ARMS] = {"intruders", "neighbour", "shrink", "rescale",
                                            "energy"};
static const char *const choices[WANE_CHOICES] = {"top", "all"};

/* A list of some of `names`, or one of them; out[i] says whether names[i] is there. */
static wane_status read_names(bool *out, const wane_yaml *map, const char *key,
                              const char *const *names, size_t count, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, key);
    wane_status st = WANE_OK;
    for (size_t i = 0; i < count; i++) out[i] = !node;
    if (!node) return WANE_OK;
    size_t items = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (items == 0) return wane_yaml_fail(node, err, "empty list");
    for (size_t i = 0; i < items && st == WANE_OK; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        size_t which = 0;
        st = wane_node_choice(&which, item, key, names, count, err);
        if (st == WANE_OK && out[which])
            st = wane_yaml_fail(item, err, "'%s' is there twice", names[which]);
        else if (st == WANE_OK) out[which] = true;
    }
    return st;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static wane_status read_lambdas(wane_experiment *x, const wane_yaml *map, wane_error *err)
{
    enum { MOST = 64, LARGEST = 4 };
    const wane_yaml *node = wane_yaml_get(map, "lambdas");
    wane_interventions *asked = &x->interventions;
    if (!node) {
        asked->lambdas = usual_lambdas;
        asked->lambda_count = COUNT(usual_lambdas);
        return WANE_OK;
    }
    size_t count = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (count == 0) return wane_yaml_fail(node, err, "empty list");
    if (count > MOST) return wane_yaml_fail(node, err, "more than %d values", MOST);
    double *values = wane_arena_alloc(x->memory, count, sizeof *values);
    if (!values) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        wane_status st = wane_node_number(&values[i], item, 0, LARGEST, err);
        if (st != WANE_OK) return st;
        values[i] += 0.0; /* -0 is 0 */
        for (size_t j = 0; j < i; j++)
            if (values[j] == values[i])
                return wane_yaml_fail(item, err, "%g is there twice", values[i]);
    }
    qsort(values, count, sizeof *values, by_value);
    asked->lambdas = values;
    asked->lambda_count = count;
    return WANE_OK;
}

/* The largest position any run reaches. */
static size_t longest_run(const wane_experiment *x)
{
    size_t most = 0;
    for (size_t o = 0; o < x->order_count; o++)
        if (x->orders[o].count > most) most = x->orders[o].count;
    for (size_t c = 0; c < x->config_count; c++)
        if (x->configs[c].given && x->configs[c].stage_count > most)
            most = x->configs[c].stage_count;
    return most;
}

static wane_status read_stages(wane_experiment *x, const wane_yaml *map, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, "stages");
    wane_interventions *asked = &x->interventions;
    if (!node || (node->kind == WANE_YAML_SCALAR && strcmp(node->text, "last") == 0))
        return WANE_OK;
    if (node->kind == WANE_YAML_SCALAR && strcmp(node->text, "all") == 0) {
        asked->every_stage = true;
        return WANE_OK;
    }
    if (node->kind != WANE_YAML_LIST || node->count == 0)
        return wane_yaml_fail(node, err, "last, all or a list of positions from 1 expected");
    size_t *positions = wane_arena_alloc(x->memory, node->count, sizeof *positions);
    if (!positions) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < node->count; i++) {
        wane_status st = wane_node_count(&positions[i], node->children[i], 1, longest_run(x), err);
        if (st != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (positions[j] == positions[i])
                return wane_yaml_fail(node->children[i], err, "position %zu is there twice",
                                      positions[i]);
    }
    asked->positions = positions;
    asked->position_count = node->count;
    return WANE_OK;
}

static wane_status read_map(wane_experiment *x, const wane_yaml *map, wane_error *err)
{
    static const char *const keys[] = {"choices", "arms",    "lambdas", "stages",
                                       "k",       "epsilon", "side",    "compare"};
    static const char *const sides[] = {"u", "v"};
    static const char *const compares[] = {"pairs", "together"};
    wane_interventions *asked = &x->interventions;
    size_t side = 0, compare = 0;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK) st = read_names(asked->choice, map, "choices", choices, WANE_CHOICES, err);
    if (st == WANE_OK) st = read_names(asked->arm, map, "arms", arms, WANE_ARMS, err);
    if (st == WANE_OK) st = read_stages(x, map, err);
    if (st == WANE_OK) st = wane_setting_count(&asked->k, map, "k", 1, 1 << 20, err);
    if (st == WANE_OK) st = wane_setting_number(&asked->epsilon, map, "epsilon", 1e-6, 1, err);
    if (st == WANE_OK) st = wane_setting_choice(&side, map, "side", sides, 2, err);
    if (st == WANE_OK) st = wane_setting_choice(&compare, map, "compare", compares, 2, err);
    asked->side = side ? WANE_SIDE_V : WANE_SIDE_U;
    asked->together = compare == 1;
    return st == WANE_OK ? read_lambdas(x, map, err) : st;
}

wane_status wane_experiment_read_interventions(wane_experiment *x, const wane_yaml *root,
                                               wane_error *err)
{
    static const wane_yaml empty = {.kind = WANE_YAML_MAP};
    const wane_yaml *node = wane_yaml_get(root, "interventions");
    x->interventions = (wane_interventions){.k = 10, .epsilon = 0.5};
    if (!node) return WANE_OK;
    if (node->kind != WANE_YAML_SCALAR) return read_map(x, node, err);
    bool asked = false;
    wane_status st = wane_setting_flag(&asked, root, "interventions", err);
    return st == WANE_OK && asked ? read_map(x, &empty, err) : st;
}

static void print_names(wane_text *out, const char *key, const bool *there,
                        const char *const *names, size_t count)
{
    const char *comma = "";
    wane_text_printf(out, "%s: [", key);
    for (size_t i = 0; i < count; i++) {
        if (!there[i]) continue;
        wane_text_printf(out, "%s%s", comma, names[i]);
        comma = ", ";
    }
    wane_text_string(out, "], ");
}

void wane_experiment_print_interventions(wane_text *out, const wane_experiment *x)
{
    const wane_interventions *asked = &x->interventions;
    char number[32];
    if (asked->lambda_count == 0) return;
    wane_text_string(out, "interventions: {");
    print_names(out, "choices", asked->choice, choices, WANE_CHOICES);
    print_names(out, "arms", asked->arm, arms, WANE_ARMS);
    wane_text_string(out, "lambdas: [");
    for (size_t i = 0; i < asked->lambda_count; i++)
        wane_text_printf(out, "%s%s", i ? ", " : "", wane_format_double(number, asked->lambdas[i]));
    wane_text_string(out, "], stages: ");
    if (asked->position_count == 0) wane_text_string(out, asked->every_stage ? "all" : "last");
    for (size_t i = 0; i < asked->position_count; i++)
        wane_text_printf(out, "%s%zu%s", i ? ", " : "[", asked->positions[i],
                         i + 1 == asked->position_count ? "]" : "");
    wane_text_printf(out, ", k: %zu, epsilon: %s, side: %s, compare: %s}\n", asked->k,
                     wane_format_double(number, asked->epsilon),
                     asked->side == WANE_SIDE_V ? "v" : "u",
                     asked->together ? "together" : "pairs");
}
