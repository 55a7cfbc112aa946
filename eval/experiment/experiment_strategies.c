/* SPDX-License-Identifier: Apache-2.0
 * The strategy of a method in an experiment file: its name, which says what other keys it takes.
 */

#include "eval/experiment/experiment_parts.h"
#include "store/files/yaml_value.h"

static const char *strategy_name(size_t i)
{
    return wane_strategy_at(i) ? wane_strategy_at(i)->settings->name : NULL;
}

static wane_status read_strategy(void *into, const wane_setting *setting, const wane_yaml *node,
                                 const wane_setting_reader *reader, wane_error *err)
{
    enum { MOST = 32 };
    const char *names[MOST];
    wane_run_config *c = into;
    size_t place = 0, count = 0;
    (void)reader;
    for (; strategy_name(count) && count < MOST; count++) names[count] = strategy_name(count);
    wane_status st = WANE_OK;
    if (node) st = wane_node_choice(&place, node, setting->name, names, count, err);
    c->strategy = wane_strategy_at(place);
    return st;
}

static void print_strategy(wane_text *out, const wane_setting *setting, const void *of)
{
    (void)setting;
    wane_text_string(out, ((const wane_run_config *)of)->strategy->settings->name);
}

static bool acts(const void *of)
{
    return wane_strategy_acts(((const wane_run_config *)of)->strategy);
}

static const wane_setting entries[] = {
    {.name = "strategy",
     .type = WANE_SETTING_CHOICE,
     .choice = strategy_name,
     .key = WANE_KEY_CONTENT,
     .written = "none",
     .help = "what is done against forgetting; each has settings of its own, beside it",
     .explain = "any method may have any that its own settings allow; a bound of all tasks at once "
                "has none",
     .read = read_strategy,
     .print = print_strategy,
     .there = acts},
};

const wane_settings wane_strategies_settings = {
    .name = "a strategy",
    .help = "what is done against forgetting while a method trains",
    .entries = entries,
    .count = sizeof entries / sizeof *entries,
};

wane_status wane_experiment_choose_strategy(wane_run_config *c, const wane_yaml *map,
                                            const wane_setting_reader *reader, wane_error *err)
{
    return read_strategy(c, entries, wane_yaml_get(map, entries->name), reader, err);
}

wane_status wane_experiment_make_strategy(wane_run_config *c, const wane_setting_reader *reader,
                                          wane_error *err)
{
    c->strategy_settings = wane_arena_alloc(reader->memory, c->strategy->bytes, 1);
    if (!c->strategy_settings) return wane_fail_memory(err, "read", "strategy");
    wane_settings_default(c->strategy_settings, c->strategy->settings);
    return WANE_OK;
}

wane_status wane_experiment_fit_strategy(const wane_run_config *c, const wane_yaml *map,
                                         wane_error *err)
{
    if (c->given || !c->strategy->unfit) return WANE_OK;
    const char *unfit = c->strategy->unfit(c->strategy_settings, c->settings.method);
    if (!unfit) return WANE_OK;
    return wane_yaml_fail(wane_yaml_get(map, entries->name), err, "strategy '%s' of %s: %s",
                          c->strategy->settings->name, c->name, unfit);
}

wane_status wane_experiment_check_strategy(const wane_run_config *c, const wane_yaml *map,
                                           wane_error *err)
{
    if (!c->strategy->mixed || !c->settings.linear_head) return WANE_OK;
    return wane_yaml_fail(
        wane_yaml_get(map, "protocol"), err,
        "head: strategy '%s' of %s needs label words (verbalizer): the head of an "
        "earlier task is not trained on",
        c->strategy->settings->name, c->name);
}
