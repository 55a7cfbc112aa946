/* SPDX-License-Identifier: Apache-2.0
 * The key `interventions` of an experiment file.
 */
#include <stdlib.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"
#include "store/files/yaml_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const double usual_lambdas[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.25};
static const char *const arms[WANE_ARMS + 1] = {WANE_ARM_ITEMS};
static const char *const choices[WANE_CHOICES + 1] = {"top", "all"};

/* A list of some of the choices, or one of them, into an array of bool; absent: all. */
static wane_status read_some(void *into, const wane_setting *setting, const wane_yaml *node,
                             const wane_setting_reader *reader, wane_error *err)
{
    bool *out = (bool *)((char *)into + setting->offset);
    size_t count = setting->size / sizeof *out;
    wane_status st = WANE_OK;
    (void)reader;
    for (size_t i = 0; i < count; i++) out[i] = !node;
    if (!node) return WANE_OK;
    size_t items = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (items == 0) return wane_yaml_fail(node, err, "empty list");
    for (size_t i = 0; i < items && st == WANE_OK; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        size_t which = 0;
        st = wane_node_choice(&which, item, setting->name, setting->choices, count, err);
        if (st == WANE_OK && out[which])
            st = wane_yaml_fail(item, err, "'%s' is there twice", setting->choices[which]);
        else if (st == WANE_OK) out[which] = true;
    }
    return st;
}

static void print_some(wane_text *out, const wane_setting *setting, const void *of)
{
    const bool *there = (const bool *)((const char *)of + setting->offset);
    const char *before = "[";
    for (size_t i = 0; i < setting->size / sizeof *there; i++) {
        if (!there[i]) continue;
        wane_text_printf(out, "%s%s", before, setting->choices[i]);
        before = ", ";
    }
    wane_text_string(out, "]");
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static wane_status read_lambdas(void *into, const wane_setting *setting, const wane_yaml *node,
                                const wane_setting_reader *reader, wane_error *err)
{
    enum { MOST = 64 };
    wane_interventions *asked = into;
    if (!node) {
        asked->lambdas = usual_lambdas;
        asked->lambda_count = COUNT(usual_lambdas);
        return WANE_OK;
    }
    size_t count = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (count == 0) return wane_yaml_fail(node, err, "empty list");
    if (count > MOST) return wane_yaml_fail(node, err, "more than %d values", MOST);
    double *values = wane_arena_alloc(reader->memory, count, sizeof *values);
    if (!values) return wane_fail_memory(err, "read", setting->name);
    for (size_t i = 0; i < count; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        wane_status st = wane_node_number(&values[i], item, setting->low, setting->high, err);
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

static void print_lambdas(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_interventions *asked = of;
    char number[32];
    (void)setting;
    for (size_t i = 0; i < asked->lambda_count; i++)
        wane_text_printf(out, "%s%s", i ? ", " : "[",
                         wane_format_double(number, asked->lambdas[i]));
    wane_text_string(out, "]");
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

static wane_status read_stages(void *into, const wane_setting *setting, const wane_yaml *node,
                               const wane_setting_reader *reader, wane_error *err)
{
    wane_interventions *asked = into;
    (void)setting;
    if (!node || (node->kind == WANE_YAML_SCALAR && strcmp(node->text, "last") == 0))
        return WANE_OK;
    if (node->kind == WANE_YAML_SCALAR && strcmp(node->text, "all") == 0) {
        asked->every_stage = true;
        return WANE_OK;
    }
    if (node->kind != WANE_YAML_LIST || node->count == 0)
        return wane_yaml_fail(node, err, "last, all or a list of positions from 1 expected");
    size_t *positions = wane_arena_alloc(reader->memory, node->count, sizeof *positions);
    if (!positions) return wane_fail_memory(err, "read", setting->name);
    for (size_t i = 0; i < node->count; i++) {
        wane_status st =
            wane_node_count(&positions[i], node->children[i], 1, longest_run(reader->owner), err);
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

static void print_stages(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_interventions *asked = of;
    (void)setting;
    if (asked->position_count == 0) wane_text_string(out, asked->every_stage ? "all" : "last");
    for (size_t i = 0; i < asked->position_count; i++)
        wane_text_printf(out, "%s%zu%s", i ? ", " : "[", asked->positions[i],
                         i + 1 == asked->position_count ? "]" : "");
}

static const char *const sides[] = {"u", "v", NULL};
static const char *const compares[] = {"pairs", "together", NULL};

static const wane_setting settings[] = {
    {.name = "choices",
     .type = WANE_SETTING_OWN,
     WANE_MEMBER(wane_interventions, choice),
     .choices = choices,
     .form = "some of top, all",
     .written = "[top, all]",
     .help = "which intruders of a matrix are scaled: the one of largest singular value, or all",
     .read = read_some,
     .print = print_some},
    {.name = "arms",
     .type = WANE_SETTING_OWN,
     WANE_MEMBER(wane_interventions, arm),
     .choices = arms,
     .form = "some of " WANE_ARM_NAMES,
     .written = "[" WANE_ARM_NAMES "]",
     .help = "what is scaled beside the intruders, to compare; wane explain says each",
     .read = read_some,
     .print = print_some},
    {.name = "lambdas",
     .type = WANE_SETTING_OWN,
     .form = "a number, or a list of at most 64",
     .low = 0,
     .high = 4,
     .written = "[0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.25]",
     .help = "by what is scaled: 0 takes away, 1 changes nothing",
     .read = read_lambdas,
     .print = print_lambdas},
    {.name = "stages",
     .type = WANE_SETTING_OWN,
     .form = "last, all or a list of positions from 1",
     .written = "last",
     .help = "of which stages of a run",
     .read = read_stages,
     .print = print_stages},
    {.name = "k",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_interventions, k),
     .low = 1,
     .high = 1 << 20,
     .unit = "directions",
     .help = "intruders are looked for among the first k singular directions"},
    {.name = "epsilon",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_interventions, epsilon),
     .low = 1e-6,
     .high = 1,
     .unit = "cosine",
     .help = "an intruder is like no direction of the base by so much or more"},
    {.name = "side",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_interventions, side),
     .choices = sides,
     .help = "the singular vectors that are compared: left (u) or right (v)"},
    {.name = "compare",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_interventions, together),
     .choices = compares,
     .help = "pairs: each arm on the matrices where it exists; together: where all of them do"},
};

static const wane_interventions usual = {.k = 10, .epsilon = 0.5};

const wane_settings wane_interventions_settings = {
    .name = "interventions",
    .help = "the intruders of finished stages scaled, and what that does; true: as is usual",
    .entries = settings,
    .count = COUNT(settings),
    .defaults = &usual,
};

/* A map, or true for what is usual. */
wane_status wane_experiment_read_interventions(void *into, const wane_setting *setting,
                                               const wane_yaml *node,
                                               const wane_setting_reader *reader, wane_error *err)
{
    static const wane_yaml empty = {.kind = WANE_YAML_MAP};
    wane_interventions *asked = &((wane_experiment *)into)->interventions;
    bool usually = false;
    if (!node) return WANE_OK;
    if (node->kind != WANE_YAML_SCALAR)
        return wane_settings_fill(asked, setting->block, node, reader, err);
    wane_status st = wane_node_flag(&usually, node, setting->name, err);
    return st == WANE_OK && usually ? wane_settings_fill(asked, setting->block, &empty, reader, err)
                                    : st;
}
