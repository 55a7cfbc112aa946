/* SPDX-License-Identifier: Apache-2.0
 * Reads the file from the top: other tools' spellings renamed, overrides put in, short items
 * expanded, then block by block, with seeds and orders here.
 */
#include "eval/experiment/experiment.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/file.h"
#include "store/files/setting.h"
#include "store/files/yaml.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Spellings people bring from other tools, and ours. */
static const char *const aliases[][2] = {
    {"r", "rank"},
    {"lora_r", "rank"},
    {"lora_rank", "rank"},
    {"lora_alpha", "alpha"},
    {"lora_dropout", "dropout"},
    {"use_rslora", "rslora"},
    {"lora_target", "target_modules"},
    {"num_train_epochs", "epochs"},
    {"num_epochs", "epochs"},
    {"per_device_train_batch_size", "batch_size"},
    {"gradient_accumulation_steps", "accumulation"},
    {"lr_scheduler_type", "schedule"},
    {"max_grad_norm", "clip"},
    {"max_length", "max_seq_length"},
    {"cutoff_len", "max_seq_length"},
    {"lr", "learning_rate"},
    {"model_name_or_path", "model"},
};

static const char *our_key(const char *key)
{
    for (size_t k = 0; k < COUNT(aliases); k++)
        if (strcmp(key, aliases[k][0]) == 0) return aliases[k][1];
    return key;
}

/* Before overrides, so that they meet one spelling; label values are data, no keys. */
static wane_status rename_keys(wane_yaml *node, wane_error *err)
{
    for (size_t i = 0; i < node->count; i++) {
        wane_yaml *child = node->children[i];
        if (node->kind == WANE_YAML_MAP) {
            const char *key = our_key(child->key);
            if (key != child->key && wane_yaml_get(node, key))
                return wane_yaml_fail(child, err, "says the same as '%s', which is there too", key);
            child->key = key;
            if (strcmp(key, "labels") == 0) continue;
        }
        wane_status st = rename_keys(child, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* An item of these lists may be given short, by its path or its kind alone. Before overrides, so
 * that they reach its settings, and after them, which may write short items too. */
static wane_status expand_items(wane_yaml *root, wane_error *err)
{
    static const char *const lists[][2] = {
        {"corpora", "path"}, {"tasks", "path"}, {"watch", "path"}, {"methods", "kind"}};
    wane_status st = WANE_OK;
    for (size_t l = 0; l < COUNT(lists); l++) {
        const wane_yaml *list = wane_yaml_get(root, lists[l][0]);
        for (size_t i = 0; list && i < list->count && st == WANE_OK; i++)
            if (list->kind == WANE_YAML_LIST && list->children[i]->kind == WANE_YAML_SCALAR)
                st = wane_yaml_wrap(list->children[i], lists[l][1], err);
    }
    return st;
}

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

static wane_status read_seeds(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(root, "seeds");
    static const uint64_t usual[] = {0};
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
        size_t seed = (size_t)usual[0];
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

static wane_status read_order(wane_order *order, wane_experiment *x, const wane_yaml *node,
                              size_t index, wane_error *err)
{
    static const char *const keys[] = {"name", "tasks"};
    if (node->kind == WANE_YAML_SCALAR) return named_order(order, x, node, node->text, err);
    char name[32];
    (void)snprintf(name, sizeof name, "order%zu", index + 1);
    order->name = wane_arena_strdup(x->memory, name);
    if (!order->name) return wane_fail_memory(err, "read", x->file);
    if (node->kind == WANE_YAML_LIST) return read_order_list(order, x, node, err);
    wane_status st = wane_yaml_known(node, keys, COUNT(keys), err);
    if (st == WANE_OK) st = wane_setting_text(&order->name, node, "name", x->memory, err);
    if (st != WANE_OK) return st;
    const wane_yaml *tasks = wane_yaml_get(node, "tasks");
    if (!tasks) return wane_yaml_fail(node, err, "an order needs 'tasks'");
    return read_order_list(order, x, tasks, err);
}

static wane_status read_orders(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(root, "orders");
    wane_status st = WANE_OK;
    if (list && (st = wane_node_is(list, WANE_YAML_LIST, err)) != WANE_OK) return st;
    if (list && list->count == 0) return wane_yaml_fail(list, err, "empty list");
    size_t count = list ? list->count : 1;
    x->orders = wane_arena_alloc(x->memory, count, sizeof *x->orders);
    if (!x->orders) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < count; i++) {
        st = list ? read_order(&x->orders[i], x, list->children[i], i, err)
                  : named_order(&x->orders[i], x, root, "given", err);
        if (st != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (strcmp(x->orders[j].name, x->orders[i].name) == 0)
                return wane_yaml_fail(list->children[i], err, "order '%s' is there twice",
                                      x->orders[i].name);
    }
    x->order_count = count;
    return WANE_OK;
}

static wane_status read_against(wane_experiment *x, const wane_yaml *map, wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(map, "against");
    bool base = false;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    for (size_t i = 0; st == WANE_OK && i < list->count; i++) {
        const wane_yaml *node = list->children[i];
        if ((st = wane_node_is(node, WANE_YAML_SCALAR, err)) != WANE_OK) return st;
        if (strcmp(node->text, "base") == 0) base = true;
        else if (strcmp(node->text, "previous") == 0) x->against_previous = true;
        else st = wane_yaml_fail(node, err, "'%.60s' is neither base nor previous", node->text);
    }
    if (st == WANE_OK && !base)
        st = wane_yaml_fail(list, err, "[base] or [base, previous]: the base is always measured");
    return st;
}

const char *const wane_nulls_names[3] = {"auto", "all", "none"};

static wane_status read_intruders(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keys[] = {"top", "sides", "against", "nulls"};
    size_t nulls = WANE_NULLS_AUTO;
    x->intruders_top = 32;
    x->intruders_u = x->intruders_v = true;
    const wane_yaml *map = wane_yaml_get(root, "intruders");
    if (!map) return WANE_OK;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    const wane_yaml *top = st == WANE_OK ? wane_yaml_get(map, "top") : NULL;
    if (top && top->kind == WANE_YAML_SCALAR && strcmp(top->text, "all") == 0) x->intruders_top = 0;
    else if (st == WANE_OK)
        st = wane_setting_count(&x->intruders_top, map, "top", WANE_LEAST_TOP, 1 << 20, err);
    const wane_yaml *sides = st == WANE_OK ? wane_yaml_get(map, "sides") : NULL;
    if (sides && (st = wane_node_is(sides, WANE_YAML_LIST, err)) == WANE_OK) {
        x->intruders_u = x->intruders_v = false;
        for (size_t i = 0; i < sides->count && st == WANE_OK; i++) {
            const wane_yaml *side = sides->children[i];
            if (strcmp(side->text, "u") == 0) x->intruders_u = true;
            else if (strcmp(side->text, "v") == 0) x->intruders_v = true;
            else st = wane_yaml_fail(side, err, "'%.60s' is neither u nor v", side->text);
        }
        if (st == WANE_OK && !x->intruders_u && !x->intruders_v)
            st = wane_yaml_fail(sides, err, "empty list");
    }
    if (st == WANE_OK) st = wane_setting_choice(&nulls, map, "nulls", wane_nulls_names, 3, err);
    x->intruders_nulls = (wane_nulls_asked)nulls;
    return st == WANE_OK ? read_against(x, map, err) : st;
}

/* "2h", "90m", "45s", "1.5h". */
static wane_status read_duration(double *out, const wane_yaml *node, wane_error *err)
{
    wane_status st = wane_node_is(node, WANE_YAML_SCALAR, err);
    if (st != WANE_OK) return st;
    size_t length = strlen(node->text);
    char number[32] = "";
    double value = 0, unit = 0;
    if (length >= 2 && length < sizeof number) {
        memcpy(number, node->text, length - 1);
        char last = node->text[length - 1];
        unit = last == 'h' ? 3600 : last == 'm' ? 60 : last == 's' ? 1 : 0;
    }
    if (unit == 0 || !wane_parse_double(&value, number) || value <= 0)
        return wane_yaml_fail(node, err, "'%.60s' is no duration such as 2h, 90m or 45s",
                              node->text);
    *out = value * unit;
    return WANE_OK;
}

static wane_status read_limits(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    static const char *const keeps[] = {"all", "adapters", "last", "none"};
    static const char *const checkpoint_keys[] = {"minutes"};
    static const char *const stop_keys[] = {"wall"};
    size_t keep = WANE_KEEP_ADAPTERS;
    x->checkpoint_minutes = 5;
    wane_status st = wane_setting_choice(&keep, root, "keep", keeps, COUNT(keeps), err);
    x->keep = (wane_keep)keep;
    if (st == WANE_OK) st = wane_setting_count(&x->limit, root, "limit", 1, SIZE_MAX / 2, err);
    const wane_yaml *checkpoint = wane_yaml_get(root, "checkpoint");
    if (st == WANE_OK && checkpoint) {
        st = wane_node_is(checkpoint, WANE_YAML_MAP, err);
        if (st == WANE_OK) st = wane_yaml_known(checkpoint, checkpoint_keys, 1, err);
        if (st == WANE_OK)
            st = wane_setting_number(&x->checkpoint_minutes, checkpoint, "minutes", 0, 1e6, err);
    }
    const wane_yaml *stop = wane_yaml_get(root, "stop");
    if (st == WANE_OK && stop) {
        st = wane_node_is(stop, WANE_YAML_MAP, err);
        if (st == WANE_OK) st = wane_yaml_known(stop, stop_keys, 1, err);
        const wane_yaml *wall = st == WANE_OK ? wane_yaml_get(stop, "wall") : NULL;
        if (wall) st = read_duration(&x->stop_wall_seconds, wall, err);
    }
    return st;
}

static wane_status read_header(wane_experiment *x, const wane_yaml *root, const char *folder,
                               wane_error *err)
{
    const char *given_root = NULL, *model = NULL;
    wane_status st = wane_setting_text(&x->name, root, "name", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&given_root, root, "root", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&model, root, "model", x->memory, err);
    if (st != WANE_OK) return st;
    if (!x->name || !x->name[0]) return wane_yaml_fail(root, err, "'name' is missing");
    if (strchr(x->name, '/')) return wane_yaml_fail(root, err, "a name holds no '/'");
    if (!model) return wane_yaml_fail(root, err, "'model' is missing (a folder, or builtin)");
    x->root = given_root ? given_root : wane_arena_strdup(x->memory, folder);
    if (!x->root) return wane_fail_memory(err, "read", x->file);
    if (strcmp(model, "builtin") == 0) return WANE_OK;
    return wane_experiment_path(&x->model, x, model, err);
}

static wane_status apply_overrides(wane_yaml_document *document, const char *const *overrides,
                                   size_t count, wane_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(overrides[i], '=');
        if (!equals || equals == overrides[i])
            return wane_fail(err, WANE_EINVAL, "override: %s: not of the form key=value",
                             overrides[i]);
        char key[256];
        if ((size_t)(equals - overrides[i]) >= sizeof key)
            return wane_fail(err, WANE_EINVAL, "override: %.40s...: key too long", overrides[i]);
        memcpy(key, overrides[i], (size_t)(equals - overrides[i]));
        key[equals - overrides[i]] = '\0';
        char *dot = strrchr(key, '.'), *last = dot ? dot + 1 : key;
        const char *ours = our_key(last);
        if (strlen(ours) >= sizeof key - (size_t)(last - key))
            return wane_fail(err, WANE_EINVAL, "override: %.40s...: key too long", overrides[i]);
        if (ours != last) (void)strcpy(last, ours);
        wane_status st = wane_yaml_override(document, key, equals + 1, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

static wane_status read_all(wane_experiment *x, wane_yaml *root, const char *folder,
                            wane_error *err)
{
    static const char *const keys[] = {
        "name",     "root",          "model",      "pretraining", "corpora",  "tasks",
        "watch",    "orders",        "seeds",      "methods",     "protocol", "bounds",
        "training", "keep",          "checkpoint", "stop",        "limit",    "intruders",
        "track",    "interventions", "matrices",   "sample_seed"};
    wane_status st = wane_node_is(root, WANE_YAML_MAP, err);
    if (st == WANE_OK) st = wane_yaml_known(root, keys, COUNT(keys), err);
    if (st == WANE_OK) st = read_header(x, root, folder, err);
    if (st == WANE_OK) st = wane_experiment_read_pretraining(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_corpora(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_tasks(x, root, err);
    if (st == WANE_OK) st = read_orders(x, root, err);
    if (st == WANE_OK) st = read_seeds(x, root, err);
    if (st == WANE_OK) st = wane_setting_flag(&x->sample_seed, root, "sample_seed", err);
    if (st == WANE_OK) st = wane_experiment_read_protocol(x, root, err);
    if (st == WANE_OK) st = read_intruders(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_track(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_matrices(x, root, err);
    if (st == WANE_OK) st = read_limits(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_methods(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_bounds(x, root, err);
    if (st == WANE_OK) st = wane_experiment_read_interventions(x, root, err);
    return st;
}

wane_status wane_experiment_parse(wane_experiment **out, const char *bytes, size_t size,
                                  const char *name, const char *folder,
                                  const char *const *overrides, size_t count, wane_error *err)
{
    wane_yaml_document *document = NULL;
    wane_experiment *x = wane_alloc(1, sizeof *x);
    wane_status st = WANE_ENOMEM;
    if (x) x->memory = wane_arena_new();
    if (x && x->memory) x->file = wane_arena_strdup(x->memory, name);
    if (!x || !x->file) {
        st = wane_fail_memory(err, "read", name);
        goto done;
    }
    WANE_TRY(wane_yaml_parse(&document, bytes, size, name, err));
    WANE_TRY(rename_keys(wane_yaml_root(document), err));
    WANE_TRY(expand_items(wane_yaml_root(document), err));
    WANE_TRY(apply_overrides(document, overrides, count, err));
    WANE_TRY(expand_items(wane_yaml_root(document), err));
    WANE_TRY(read_all(x, wane_yaml_root(document), folder, err));
    *out = x;
    x = NULL;
done:
    wane_yaml_free(document);
    wane_experiment_free(x);
    return st;
}

wane_status wane_experiment_load(wane_experiment **out, const char *path,
                                 const char *const *overrides, size_t count, wane_error *err)
{
    enum { LARGEST_FILE = 1 << 20 };
    char *bytes = NULL, *folder = NULL;
    size_t size = 0;
    wane_status st = WANE_OK;
    WANE_TRY(wane_file_read(&bytes, &size, path, LARGEST_FILE, err));
    const char *slash = strrchr(path, '/');
    folder = wane_strdup(slash ? path : "");
    if (!folder) {
        st = wane_fail_memory(err, "read", path);
        goto done;
    }
    if (slash) folder[slash == path ? 1 : slash - path] = '\0';
    st = wane_experiment_parse(out, bytes, size, path, folder, overrides, count, err);
done:
    wane_free(bytes);
    wane_free(folder);
    return st;
}

void wane_experiment_free(wane_experiment *experiment)
{
    if (!experiment) return;
    wane_arena_free(experiment->memory);
    wane_free(experiment);
}
