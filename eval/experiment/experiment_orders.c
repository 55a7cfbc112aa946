/* SPDX-License-Identifier: Apache-2.0
 * The orders of an experiment's tasks, and its seeds.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/yaml_value.h"

/* "seeds: 3" is 0, 1, 2. */
static wane_status count_seeds(wane_experiment *x, const wane_yaml *node, wane_error *err)
{
    enum { MOST_SEEDS = 10000 };
    double count = 0;
    bool number = !node->quoted && wane_parse_double(&count, node->text);
    if (!number || !(count >= 1 && count <= MOST_SEEDS) || count != floor(count))
        return wane_yaml_fail(node, err,
                              "'%.60s' is neither a number of seeds (3 is 0, 1, 2; at most %d) nor "
                              "a list of them",
                              node->text, MOST_SEEDS);
    x->seed_count = (size_t)count;
    x->seeds = wane_arena_alloc(x->memory, x->seed_count, sizeof *x->seeds);
    if (!x->seeds) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < x->seed_count; i++) x->seeds[i] = i;
    return WANE_OK;
}

wane_status wane_experiment_read_seeds(void *into, const wane_setting *setting,
                                       const wane_yaml *list, const wane_setting_reader *reader,
                                       wane_error *err)
{
    wane_experiment *x = into;
    (void)setting;
    (void)reader;
    size_t count = list ? list->count : 1;
    if (list && list->kind == WANE_YAML_SCALAR) return count_seeds(x, list, err);
    if (list) {
        wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
        if (st != WANE_OK) return st;
        if (count == 0) return wane_yaml_fail(list, err, "empty list");
    }
    x->seeds = wane_arena_alloc(x->memory, count, sizeof *x->seeds);
    if (!x->seeds) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) {
        size_t seed = 0;
        if (list) {
            wane_status st = wane_node_count(&seed, list->children[i], 0, (size_t)1 << 53, err);
            if (st != WANE_OK) return st;
        }
        for (size_t j = 0; j < i; j++)
            if (x->seeds[j] == seed)
                return wane_yaml_fail(list->children[i], err, "seed %zu is there twice", seed);
        x->seeds[i] = seed;
    }
    x->seed_count = count;
    return WANE_OK;
}

void wane_experiment_print_seeds(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    for (size_t s = 0; s < x->seed_count; s++)
        wane_text_printf(out, "%s%llu", s ? ", " : "[", (unsigned long long)x->seeds[s]);
    wane_text_string(out, "]");
}

static wane_status find_task(size_t *out, const wane_experiment *x, const wane_yaml *node,
                             wane_error *err)
{
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    for (size_t t = 0; t < x->trained_tasks; t++)
        if (strcmp(x->tasks[t].spec.name, node->text) == 0) {
            *out = t;
            return WANE_OK;
        }
    return wane_yaml_fail(node, err, "'%.60s' is none of the tasks", node->text);
}

/* An order as a list of task names. */
static wane_status read_order_list(wane_order *order, const wane_experiment *x,
                                   const wane_yaml *list, wane_error *err)
{
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    if (list->count == 0) return wane_yaml_fail(list, err, "empty order");
    size_t *tasks = wane_arena_alloc(x->memory, list->count, sizeof *tasks);
    if (!tasks) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count; i++) {
        if ((st = find_task(&tasks[i], x, list->children[i], err)) != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (tasks[j] == tasks[i])
                return wane_yaml_fail(list->children[i], err, "'%s' is in the order twice",
                                      list->children[i]->text);
    }
    order->count = list->count;
    order->tasks = tasks;
    return WANE_OK;
}

static wane_status named_order(wane_order *order, const wane_experiment *x, const wane_yaml *node,
                               const char *text, wane_error *err)
{
    bool reversed = strcmp(text, "reversed") == 0;
    if (!reversed && strcmp(text, "given") != 0)
        return wane_yaml_fail(node, err,
                              "'%.60s' is neither given nor reversed nor a list of tasks", text);
    size_t *tasks = wane_arena_alloc(x->memory, x->trained_tasks, sizeof *tasks);
    if (!tasks) return wane_fail_memory(err, "read", x->file);
    for (size_t t = 0; t < x->trained_tasks; t++)
        tasks[t] = reversed ? x->trained_tasks - 1 - t : t;
    *order = (wane_order){reversed ? "reversed" : "given", x->trained_tasks, tasks};
    return WANE_OK;
}

static wane_status read_tasks(void *into, const wane_setting *setting, const wane_yaml *node,
                              const wane_setting_reader *reader, wane_error *err)
{
    (void)setting;
    if (!node) return wane_yaml_fail(reader->map, err, "an order needs 'tasks'");
    return read_order_list(into, reader->owner, node, err);
}

static const wane_setting order_settings[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_order, name),
     .usual = "order1, order2, ... by place in the list",
     .help = "what runs in this order are called"},
    {.name = "tasks",
     .type = WANE_SETTING_OWN,
     .form = "a list of names of tasks, each once",
     .key = WANE_KEY_CONTENT,
     .usual = "none, it must be there",
     .help = "the tasks in the order in which they are trained",
     .example = "[NAME, NAME]",
     .read = read_tasks},
};

const wane_settings wane_order_settings = {
    .name = "orders",
    .help = "an item is given (as in the file), reversed, a list of names of tasks, or a map",
    .entries = order_settings,
    .count = sizeof order_settings / sizeof *order_settings,
};

static wane_status read_order(wane_order *order, wane_experiment *x, const wane_yaml *node,
                              size_t index, const wane_setting_reader *reader, wane_error *err)
{
    const wane_settings_into block = {&wane_order_settings, order};
    if (node->kind == WANE_YAML_SCALAR) return named_order(order, x, node, node->text, err);
    char name[32];
    (void)snprintf(name, sizeof name, "order%zu", index + 1);
    order->name = wane_arena_strdup(x->memory, name);
    if (!order->name) return wane_fail_memory(err, "read", x->file);
    if (node->kind == WANE_YAML_LIST) return read_order_list(order, x, node, err);
    return wane_settings_read(&block, 1, node, NULL, reader, err);
}

wane_status wane_experiment_read_orders(void *into, const wane_setting *setting,
                                        const wane_yaml *list, const wane_setting_reader *reader,
                                        wane_error *err)
{
    wane_experiment *x = into;
    wane_status st = WANE_OK;
    (void)setting;
    if (list && (st = wane_node_is(list, WANE_YAML_LIST, err)) != WANE_OK) return st;
    if (list && list->count == 0) return wane_yaml_fail(list, err, "empty list");
    size_t count = list ? list->count : 1;
    x->orders = wane_arena_alloc(x->memory, count, sizeof *x->orders);
    if (!x->orders) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) {
        st = list ? read_order(&x->orders[i], x, list->children[i], i, reader, err)
                  : named_order(&x->orders[i], x, reader->map, "given", err);
        if (st != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (strcmp(x->orders[j].name, x->orders[i].name) == 0)
                return wane_yaml_fail(list->children[i], err, "order '%s' is there twice",
                                      x->orders[i].name);
    }
    x->order_count = count;
    return WANE_OK;
}

void wane_experiment_print_orders(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    for (size_t o = 0; o < x->order_count; o++) {
        wane_text_string(out, "\n  - {name: ");
        wane_setting_quote(out, x->orders[o].name);
        wane_text_string(out, ", tasks: [");
        for (size_t i = 0; i < x->orders[o].count; i++) {
            if (i) wane_text_string(out, ", ");
            wane_setting_quote(out, x->tasks[x->orders[o].tasks[i]].spec.name);
        }
        wane_text_string(out, "]}");
    }
}
