/* SPDX-License-Identifier: Apache-2.0
 * The methods of an experiment file; a setting that is a list makes a config of each of its values.
 */
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"
#include "store/files/yaml_value.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The kinds, in the order in which messages offer them: the methods, and given checkpoints. */
static size_t method_count(void)
{
    size_t count = 0;
    while (wane_method_at(count)) count++;
    return count;
}

static const char *kind_name(size_t i)
{
    if (i < method_count()) return wane_method_at(i)->settings->name;
    return i == method_count() ? wane_given_settings.name : NULL;
}

/* ------------------------------------------------------------------- given checkpoints */

static wane_status read_stages(void *into, const wane_setting *setting, const wane_yaml *node,
                               const wane_setting_reader *reader, wane_error *err)
{
    wane_run_config *c = into;
    const wane_experiment *x = reader->owner;
    (void)setting;
    if (!node)
        return wane_yaml_fail(reader->map, err, "kind 'given' needs 'stages', a list of paths");
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
    c->stages = paths;
    c->stage_count = node->count;
    return WANE_OK;
}

static void print_stages(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_run_config *c = of;
    (void)setting;
    for (size_t i = 0; i < c->stage_count; i++) {
        wane_text_string(out, i ? ", " : "[");
        wane_setting_quote(out, c->stages[i]);
    }
    wane_text_string(out, "]");
}

static const wane_setting given[] = {
    {.name = "stages",
     .type = WANE_SETTING_OWN,
     .form = "a list of paths",
     .key = WANE_KEY_CONTENT,
     .usual = "none, it must be there",
     .help = "the model after each task of the order: models, PEFT adapters or tuned tensors",
     .explain = "folders or archives; may be fewer than the tasks: the run then ends with the last",
     .example = "[PATH]",
     .read = read_stages,
     .print = print_stages},
    {.name = "max_seq_length",
     .aliases = "max_length cutoff_len",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_run_config, training.max_seq_length),
     .low = 4,
     .high = 1 << 20,
     .usual = "that of training",
     .unit = "tokens",
     .help = "the most tokens of a prompt that is measured, with its label",
     .there = wane_setting_never},
};

const wane_settings wane_given_settings = {
    .name = "given",
    .help = "checkpoints that are there already: measured, never trained",
    .entries = given,
    .count = COUNT(given),
};

/* ----------------------------------------------------------------- what every method has */

static wane_status read_kind(void *into, const wane_setting *setting, const wane_yaml *node,
                             const wane_setting_reader *reader, wane_error *err)
{
    enum { MOST = 64 };
    wane_run_config *c = into;
    const char *names[MOST];
    size_t kind = 0, count = 0;
    if (!node) return wane_yaml_fail(reader->map, err, "a method needs 'kind'");
    for (; kind_name(count) && count < MOST; count++) names[count] = kind_name(count);
    wane_status st = wane_node_choice(&kind, node, setting->name, names, count, err);
    if (st != WANE_OK) return st;
    c->given = kind == method_count();
    c->settings.method = c->given ? NULL : wane_method_at(kind);
    return WANE_OK;
}

static void print_kind(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_run_config *c = of;
    (void)setting;
    wane_text_string(out, c->given ? wane_given_settings.name : c->settings.method->settings->name);
}

static wane_status read_name(void *into, const wane_setting *setting, const wane_yaml *node,
                             const wane_setting_reader *reader, wane_error *err)
{
    wane_run_config *c = into;
    (void)setting;
    if (!node) node = wane_yaml_get(reader->map, "kind");
    wane_status st = wane_node_text(&c->method, node, reader->memory, err);
    if (st != WANE_OK) return st;
    if (!c->method[0] || strlen(c->method) > 80 || strchr(c->method, '/'))
        return wane_yaml_fail(reader->map, err, "'name' is 1 to 80 characters without '/'");
    return WANE_OK;
}

/* Of a config: what were lists are in its name. */
static void print_name(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_run_config *c = of;
    (void)setting;
    wane_setting_quote(out, c->name);
}

static bool has_name(const void *of)
{
    return ((const wane_run_config *)of)->name != NULL;
}

static const wane_settings *beside(size_t i)
{
    static const wane_settings *const others[] = {&wane_given_settings, &wane_rate_settings,
                                                  &wane_training_settings,
                                                  &wane_strategies_settings};
    size_t count = method_count();
    if (i < count) return wane_method_at(i)->settings;
    i -= count;
    if (i < COUNT(others)) return others[i];
    const wane_strategy *strategy = wane_strategy_at(i - COUNT(others));
    return strategy ? strategy->settings : NULL;
}

static const wane_setting common[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     .form = "1 to 80 characters without '/'",
     .usual = "its kind",
     .help = "what its runs are called; values of lists are added: NAME-r8-lr0.001",
     .read = read_name,
     .print = print_name,
     .there = has_name},
    {.name = "kind",
     .type = WANE_SETTING_CHOICE,
     .choice = kind_name,
     .key = WANE_KEY_CONTENT,
     .usual = "none, it must be there",
     .help = "how the weights are tuned; each has settings of its own",
     .explain = "given: nothing is trained, checkpoints are measured",
     .example = "lora",
     .read = read_kind,
     .print = print_kind},
};

const wane_settings wane_methods_settings = {
    .name = "methods",
    .help = "an item is a map, or a kind alone with its usual settings",
    .entries = common,
    .count = COUNT(common),
    .beside = beside,
};

/* The blocks of a method's map, in the order in which it is printed. */
enum { METHOD_BLOCKS = 6 };
static size_t blocks_of(wane_settings_into out[METHOD_BLOCKS], wane_run_config *c)
{
    const wane_settings *own = c->given ? &wane_given_settings : c->settings.method->settings;
    out[0] = (wane_settings_into){&wane_methods_settings, c};
    out[1] = (wane_settings_into){own, c->given ? (void *)c : &c->settings};
    out[2] = (wane_settings_into){&wane_rate_settings, &c->training};
    out[3] = (wane_settings_into){&wane_training_settings, &c->training};
    out[4] = (wane_settings_into){&wane_strategies_settings, c};
    out[5] = (wane_settings_into){c->strategy->settings, c->strategy_settings};
    return c->given ? 2 : METHOD_BLOCKS;
}

/* -------------------------------------------------------------------------------- the list */

/* Adds the config, named after its method and what of it was a list. */
static wane_status add_config(wane_experiment *x, wane_run_config *c,
                              const wane_settings_into *blocks, size_t count,
                              const wane_setting_lists *lists, const wane_yaml *node,
                              wane_error *err)
{
    char name[160], number[32];
    int used = snprintf(name, sizeof name, "%s", c->method);
    for (size_t l = 0; l < lists->count; l++)
        for (size_t b = 0; b < count; b++) {
            const wane_settings *block = blocks[b].block;
            const wane_setting *s = lists->of[l].setting;
            if (s < block->entries || s >= block->entries + block->count) continue;
            double value = wane_setting_value(s, blocks[b].into);
            used += snprintf(name + used, sizeof name - (size_t)used, "-%s%s", s->listed,
                             wane_format_double(number, value));
        }
    c->name = wane_arena_strdup(x->memory, name);
    if (!c->name) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < x->config_count; i++)
        if (strcmp(x->configs[i].name, c->name) == 0)
            return wane_yaml_fail(node, err, "method '%s' is there twice", c->name);
    wane_run_config *grown = wane_arena_alloc(x->memory, x->config_count + 1, sizeof *grown);
    if (!grown) return wane_fail_memory(err, "read", x->file);
    if (x->config_count) memcpy(grown, x->configs, x->config_count * sizeof *grown);
    grown[x->config_count++] = *c;
    x->configs = grown;
    return WANE_OK;
}

static bool has_key(const wane_settings *block, const char *key)
{
    for (size_t i = 0; i < block->count; i++)
        if (strcmp(block->entries[i].name, key) == 0) return true;
    return false;
}

/* A key of another kind is no misspelling: said with the kinds that it is of. */
static wane_status check_kind(const wane_settings_into *blocks, size_t count, const wane_yaml *map,
                              wane_error *err)
{
    const wane_settings *other = NULL;
    for (size_t k = 0; k < map->count; k++) {
        const char *key = map->children[k]->key;
        char kinds[128] = "";
        bool ours = false;
        for (size_t b = 0; b < count; b++) ours = ours || has_key(blocks[b].block, key);
        for (size_t i = 0; !ours && (other = beside(i)); i++) {
            size_t used = strlen(kinds);
            if (has_key(other, key))
                (void)snprintf(kinds + used, sizeof kinds - used, "%s%s", used ? ", " : "",
                               other->name);
        }
        if (kinds[0])
            return wane_yaml_fail(map->children[k], err, "is no setting of '%s', but of %s",
                                  blocks[1].block->name, kinds);
    }
    return WANE_OK;
}

static wane_status read_method(wane_experiment *x, const wane_yaml *map,
                               const wane_setting_reader *reader, wane_error *err)
{
    const wane_setting_reader here = {reader->memory, reader->owner, map};
    wane_run_config usual = {.training = x->training}, c;
    wane_settings_into blocks[METHOD_BLOCKS];
    wane_setting_lists lists;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK)
        st = read_kind(&usual, &common[1], wane_yaml_get(map, common[1].name), &here, err);
    if (st != WANE_OK) return st;
    if ((st = wane_experiment_choose_strategy(&usual, usual.given ? NULL : map, &here, err)) !=
        WANE_OK)
        return st;
    const wane_method *method = usual.settings.method;
    size_t count = blocks_of(blocks, &usual);
    if (method) usual.training.learning_rate = method->learning_rate;
    if (method) wane_settings_default(&usual.settings, method->settings);
    if ((st = check_kind(blocks, count, map, err)) != WANE_OK) return st;
    if ((st = wane_settings_lists(&lists, blocks, count, map, err)) != WANE_OK) return st;
    do {
        c = usual;
        if ((st = wane_experiment_make_strategy(&c, reader, err)) != WANE_OK) return st;
        (void)blocks_of(blocks, &c);
        st = wane_settings_read(blocks, count, map, &lists, reader, err);
        if (st == WANE_OK) st = add_config(x, &c, blocks, count, &lists, map, err);
        if (st == WANE_OK) st = wane_experiment_fit_strategy(&c, map, err);
    } while (st == WANE_OK && wane_settings_next(&lists));
    return st;
}

wane_status wane_experiment_read_methods(void *into, const wane_setting *setting,
                                         const wane_yaml *list, const wane_setting_reader *reader,
                                         wane_error *err)
{
    wane_experiment *x = into;
    (void)setting;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st == WANE_OK && list->count == 0) st = wane_yaml_fail(list, err, "empty list");
    for (size_t i = 0; st == WANE_OK && i < list->count; i++)
        st = read_method(x, list->children[i], reader, err);
    return st;
}

void wane_experiment_print_methods(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    (void)setting;
    for (size_t i = 0; i < x->config_count; i++) {
        wane_run_config c = x->configs[i];
        wane_settings_into blocks[METHOD_BLOCKS];
        wane_settings_of shown[METHOD_BLOCKS];
        if (c.bound) continue;
        size_t count = blocks_of(blocks, &c);
        for (size_t b = 0; b < count; b++)
            shown[b] = (wane_settings_of){blocks[b].block, blocks[b].into};
        wane_text_string(out, "\n  - ");
        wane_settings_print(out, shown, count);
    }
}
