/* SPDX-License-Identifier: Apache-2.0
 * Methods and training settings of an experiment file; lists expand into one config each.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Training settings may stand under `training` (for all methods) or in a method (for it alone). */
#define TRAINING_KEYS                                                                              \
    "epochs", "batch_size", "accumulation", "max_seq_length", "schedule", "warmup_ratio",          \
        "weight_decay", "clip", "beta1", "beta2", "epsilon", "micro_tokens"

static wane_status read_training(wane_run_config *c, const wane_yaml *map, wane_error *err)
{
    static const char *const schedules[] = {"constant", "linear", "cosine"};
    wane_training *t = &c->training;
    size_t schedule = t->schedule, accumulation = 1;
    wane_status st = wane_setting_number(&c->epochs, map, "epochs", 1e-6, 1e6, err);
    if (st == WANE_OK) st = wane_setting_count(&c->batch_size, map, "batch_size", 1, 1 << 20, err);
    if (st == WANE_OK) st = wane_setting_count(&accumulation, map, "accumulation", 1, 1 << 20, err);
    c->batch_size *= accumulation;
    if (st == WANE_OK)
        st = wane_setting_count(&c->max_seq_length, map, "max_seq_length", 4, 1 << 20, err);
    if (st == WANE_OK) st = wane_setting_choice(&schedule, map, "schedule", schedules, 3, err);
    t->schedule = (wane_schedule)schedule;
    if (st == WANE_OK) st = wane_setting_number(&t->warmup_ratio, map, "warmup_ratio", 0, 1, err);
    if (st == WANE_OK) st = wane_setting_number(&t->weight_decay, map, "weight_decay", 0, 1e3, err);
    if (st == WANE_OK) st = wane_setting_number(&t->clip, map, "clip", 0, 1e9, err);
    if (st == WANE_OK) st = wane_setting_number(&t->beta1, map, "beta1", 0, 0.999999, err);
    if (st == WANE_OK) st = wane_setting_number(&t->beta2, map, "beta2", 0, 0.9999999, err);
    if (st == WANE_OK) st = wane_setting_number(&t->epsilon, map, "epsilon", 1e-30, 1, err);
    if (st == WANE_OK)
        st = wane_setting_count(&t->micro_tokens, map, "micro_tokens", 1, 1 << 24, err);
    return st;
}

/* A setting that may be a list: each value, and whether it was a list (then it names configs). */
typedef struct choices {
    double value[64];
    size_t count;
    bool listed;
} choices;

static wane_status read_choices(choices *out, const wane_yaml *map, const char *key, double low,
                                double high, bool whole, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, key);
    if (!node) return WANE_OK;
    out->listed = node->kind == WANE_YAML_LIST;
    out->count = out->listed ? node->count : 1;
    if (out->count == 0) return wane_yaml_fail(node, err, "empty list");
    if (out->count > COUNT(out->value))
        return wane_yaml_fail(node, err, "more than %zu values", COUNT(out->value));
    for (size_t i = 0; i < out->count; i++) {
        const wane_yaml *item = out->listed ? node->children[i] : node;
        wane_status st = wane_node_number(&out->value[i], item, low, high, err);
        if (st != WANE_OK) return st;
        uint64_t exact = 0;
        if (whole && !wane_parse_whole(&exact, item->text))
            return wane_yaml_fail(item, err, "%.60s is no whole number", item->text);
        for (size_t j = 0; j < i; j++)
            if (out->value[j] == out->value[i])
                return wane_yaml_fail(item, err, "%g is there twice", out->value[i]);
    }
    return WANE_OK;
}

/* "2r" (a multiple of the rank) or a number. */
typedef struct alpha {
    double value;
    bool times_rank;
} alpha;

static wane_status read_alpha(alpha *out, const wane_yaml *map, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, "alpha");
    if (!node) return WANE_OK;
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    char number[32] = "";
    size_t length = strlen(node->text);
    bool times_rank = length >= 2 && node->text[length - 1] == 'r';
    if (length >= sizeof number) return wane_yaml_fail(node, err, "no number");
    memcpy(number, node->text, length - (times_rank ? 1 : 0));
    double value = 0;
    if (!wane_parse_double(&value, number) || value <= 0 || value > (times_rank ? 1e4 : 1e9))
        return wane_yaml_fail(node, err, "'%s' is neither a positive number nor one like 2r",
                              node->text);
    *out = (alpha){value, times_rank};
    return WANE_OK;
}

static wane_status read_modules(wane_method_settings *m, wane_experiment *x, const wane_yaml *map,
                                wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, "target_modules");
    if (!node) return WANE_OK;
    bool all = node->kind == WANE_YAML_SCALAR &&
               (strcmp(node->text, "all-linear") == 0 || strcmp(node->text, "all_linear") == 0);
    if (all) return WANE_OK;
    size_t count = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (node->kind == WANE_YAML_MAP || count == 0)
        return wane_yaml_fail(node, err, "all-linear or a list of module names expected");
    const char **names = wane_arena_alloc(x->memory, count, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        wane_status st = wane_node_text(&names[i], item, x->memory, err);
        if (st != WANE_OK) return st;
    }
    m->modules = names;
    m->module_count = count;
    return WANE_OK;
}

static wane_status read_given(wane_run_config *c, wane_experiment *x, const wane_yaml *map,
                              wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, "stages");
    if (!node) return wane_yaml_fail(map, err, "kind 'given' needs 'stages', a list of paths");
    wane_status st = wane_node_is(node, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    const char **paths = wane_arena_alloc(x->memory, node->count ? node->count : 1, sizeof *paths);
    if (!paths) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < node->count; i++) {
        st = wane_node_is(node->children[i], WANE_YAML_SCALAR, err);
        if (st == WANE_OK) st = wane_experiment_path(&paths[i], x, node->children[i]->text, err);
        if (st != WANE_OK) return st;
    }
    if (node->count == 0 || node->count > x->orders[0].count)
        return wane_yaml_fail(node, err, "%zu stages for an order of %zu tasks", node->count,
                              x->orders[0].count);
    c->given = true;
    c->stages = paths;
    c->stage_count = node->count;
    return WANE_OK;
}

static wane_status add_config(wane_experiment *x, const wane_run_config *base, const choices *ranks,
                              const choices *rates, size_t r, size_t l, const alpha *a,
                              const wane_yaml *node, wane_error *err)
{
    wane_run_config c = *base;
    char name[160], rate[32];
    int used = snprintf(name, sizeof name, "%s", base->method);
    if (ranks->count) {
        c.settings.rank = (size_t)ranks->value[r];
        c.settings.alpha = a->times_rank ? a->value * ranks->value[r] : a->value;
    }
    if (ranks->listed)
        used += snprintf(name + used, sizeof name - (size_t)used, "-r%zu", c.settings.rank);
    if (rates->count) c.training.learning_rate = rates->value[l];
    if (rates->listed)
        (void)snprintf(name + used, sizeof name - (size_t)used, "-lr%s",
                       wane_format_double(rate, c.training.learning_rate));
    c.name = wane_arena_strdup(x->memory, name);
    if (!c.name) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < x->config_count; i++)
        if (strcmp(x->configs[i].name, c.name) == 0)
            return wane_yaml_fail(node, err, "method '%s' is there twice", c.name);
    wane_run_config *grown = wane_arena_alloc(x->memory, x->config_count + 1, sizeof *grown);
    if (!grown) return wane_fail_memory(err, "read", x->file);
    if (x->config_count) memcpy(grown, x->configs, x->config_count * sizeof *grown);
    grown[x->config_count++] = c;
    x->configs = grown;
    return WANE_OK;
}

/* The methods of the table, and `given`: nothing is trained. */
static wane_status read_kind(wane_run_config *c, bool *given, wane_experiment *x,
                             const wane_yaml *map, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(map, "kind");
    if (!node) return wane_yaml_fail(map, err, "a method needs 'kind'");
    size_t kind = 0, count = 0;
    while (wane_method_at(count)) count++;
    const char **names = wane_arena_alloc(x->memory, count + 1, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) names[i] = wane_method_at(i)->name;
    names[count] = "given";
    wane_status st = wane_setting_choice(&kind, map, "kind", names, count + 1, err);
    *given = kind == count;
    if (st == WANE_OK && !*given) c->settings.method = wane_method_at(kind);
    return st;
}

static wane_status known_keys(const wane_method *method, wane_experiment *x, const wane_yaml *map,
                              wane_error *err)
{
    static const char *const first[] = {"name", "kind", "learning_rate"};
    static const char *const last[] = {TRAINING_KEYS};
    size_t count = 0, own = 0;
    const wane_yaml *refused = method->refused ? wane_yaml_get(map, method->refused) : NULL;
    if (refused) return wane_yaml_fail(refused, err, "%s", method->why);
    while (method->keys[own]) own++;
    const char **keys = wane_arena_alloc(x->memory, COUNT(first) + own + COUNT(last), sizeof *keys);
    if (!keys) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < COUNT(first); i++) keys[count++] = first[i];
    for (size_t i = 0; i < own; i++) keys[count++] = method->keys[i];
    for (size_t i = 0; i < COUNT(last); i++) keys[count++] = last[i];
    return wane_yaml_known(map, keys, count, err);
}

/* What some methods take beside a rate. */
static wane_status read_settings(wane_run_config *c, choices *ranks, alpha *a, wane_experiment *x,
                                 const wane_yaml *map, wane_error *err)
{
    wane_status st = read_modules(&c->settings, x, map, err);
    if (wane_method_takes(c->settings.method, "rank")) *ranks = (choices){{8}, 1, false};
    if (st == WANE_OK) st = read_choices(ranks, map, "rank", 1, 1 << 16, true, err);
    if (st == WANE_OK) st = read_alpha(a, map, err);
    if (st == WANE_OK) st = wane_setting_number(&c->settings.dropout, map, "dropout", 0, 0.99, err);
    if (st == WANE_OK) st = wane_setting_flag(&c->settings.rslora, map, "rslora", err);
    return st;
}

static wane_status read_method(wane_experiment *x, const wane_yaml *map,
                               const wane_run_config *defaults, wane_error *err)
{
    static const char *const stages[] = {"name", "kind", "stages", "max_seq_length"};
    wane_run_config c = *defaults;
    bool given = false;
    choices ranks = {0}, rates = {0};
    alpha a = {2, true};
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = read_kind(&c, &given, x, map, err);
    if (st == WANE_OK)
        st = given ? wane_yaml_known(map, stages, COUNT(stages), err)
                   : known_keys(c.settings.method, x, map, err);
    if (st == WANE_OK) st = wane_setting_text(&c.method, map, "name", x->memory, err);
    if (st != WANE_OK) return st;
    if (!c.method) c.method = wane_arena_strdup(x->memory, wane_yaml_get(map, "kind")->text);
    if (!c.method) return wane_fail_memory(err, "read", x->file);
    if (!c.method[0] || strlen(c.method) > 80 || strchr(c.method, '/'))
        return wane_yaml_fail(map, err, "'name' is 1 to 80 characters without '/'");
    if (given) st = read_given(&c, x, map, err);
    else c.training.learning_rate = c.settings.method->learning_rate;
    if (st == WANE_OK) st = read_training(&c, map, err);
    if (st == WANE_OK) st = read_choices(&rates, map, "learning_rate", 0, 1e3, false, err);
    if (st == WANE_OK && !given) st = read_settings(&c, &ranks, &a, x, map, err);
    size_t rank_count = ranks.count ? ranks.count : 1, rate_count = rates.count ? rates.count : 1;
    for (size_t r = 0; r < rank_count; r++)
        for (size_t l = 0; l < rate_count && st == WANE_OK; l++)
            st = add_config(x, &c, &ranks, &rates, r, l, &a, map, err);
    return st;
}

static const wane_run_config usual = {
    .settings = {.method = &wane_method_full},
    .training = {.weight_decay = 0,
                 .clip = 1.0,
                 .beta1 = 0.9,
                 .beta2 = 0.999,
                 .epsilon = 1e-8,
                 .schedule = WANE_SCHEDULE_LINEAR,
                 .warmup_ratio = 0.06,
                 .micro_tokens = 4096},
    .epochs = 1,
    .batch_size = 16,
    .max_seq_length = 256,
};

wane_status wane_experiment_read_methods(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keys[] = {TRAINING_KEYS};
    wane_run_config defaults = usual;
    defaults.settings.linear_head = x->head != WANE_HEAD_VERBALIZER;
    const wane_yaml *training = wane_yaml_get(root, "training");
    const wane_yaml *list = wane_yaml_get(root, "methods");
    wane_status st = WANE_OK;
    if (training) {
        st = wane_node_is(training, WANE_YAML_MAP, err);
        if (st == WANE_OK) st = wane_yaml_known(training, keys, COUNT(keys), err);
        if (st == WANE_OK) st = read_training(&defaults, training, err);
        if (st != WANE_OK) return st;
    }
    if (!list) return wane_yaml_fail(root, err, "'methods' is missing");
    st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st == WANE_OK && list->count == 0) st = wane_yaml_fail(list, err, "empty list");
    for (size_t i = 0; i < list->count && st == WANE_OK; i++)
        st = read_method(x, list->children[i], &defaults, err);
    return st;
}
