/* SPDX-License-Identifier: Apache-2.0
 * Corpora, tasks and the pretraining of the built-in model, as an experiment file names them.
 */
#include <stdint.h>
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ROWS_LIMIT = 1 << 30, SEED_LIMIT = 1 << 30 };

/* The last part of a path, without endings of files and archives. */
static const char *name_of_path(wane_arena *memory, const char *path)
{
    static const char *const endings[] = {".gz",  ".zst",  ".xz",    ".bz2", ".tar", ".tgz",
                                          ".zip", ".json", ".jsonl", ".txt", ".csv", ".tsv"};
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    for (bool cut = true; cut;) {
        cut = false;
        for (size_t k = 0; k < COUNT(endings); k++) {
            size_t length = strlen(endings[k]);
            if (end - start <= length || memcmp(path + end - length, endings[k], length) != 0)
                continue;
            end -= length;
            cut = true;
        }
    }
    return wane_arena_strndup(memory, path + start, end - start);
}

wane_pretraining wane_pretraining_defaults(void)
{
    return (wane_pretraining){.width = 64,
                              .layers = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .hidden = 192,
                              .context = 128,
                              .documents = 8000,
                              .batch_tokens = 2048,
                              .steps = 1500,
                              .learning_rate = 4e-3,
                              .warmup_ratio = 0.05,
                              .weight_decay = 0.01,
                              .clip = 1.0,
                              .seed = 0};
}

wane_status wane_experiment_read_pretraining(wane_experiment *x, const wane_yaml *root,
                                             wane_error *err)
{
    static const char *const keys[] = {"width",  "layers",        "heads",        "kv_heads",
                                       "hidden", "context",       "documents",    "batch_tokens",
                                       "steps",  "learning_rate", "warmup_ratio", "weight_decay",
                                       "clip",   "seed"};
    wane_pretraining *p = &x->pretraining;
    *p = wane_pretraining_defaults();
    const wane_yaml *map = wane_yaml_get(root, "pretraining");
    if (!map) return WANE_OK;
    size_t seed = 0;
    wane_status st = wane_node_is(map, WANE_YAML_MAP, err);
    if (st == WANE_OK && x->model) st = wane_yaml_fail(map, err, "is for 'model: builtin' alone");
    if (st == WANE_OK) st = wane_yaml_known(map, keys, COUNT(keys), err);
    struct {
        const char *key;
        size_t *value, low, high;
    } counts[] = {{"width", &p->width, 8, 1 << 16},
                  {"layers", &p->layers, 1, 1000},
                  {"heads", &p->heads, 1, 1024},
                  {"kv_heads", &p->kv_heads, 1, 1024},
                  {"hidden", &p->hidden, 8, 1 << 18},
                  {"context", &p->context, 8, 1 << 20},
                  {"documents", &p->documents, 1, ROWS_LIMIT},
                  {"batch_tokens", &p->batch_tokens, 1, 1 << 24},
                  {"steps", &p->steps, 1, ROWS_LIMIT},
                  {"seed", &seed, 0, SEED_LIMIT}};
    for (size_t i = 0; i < COUNT(counts) && st == WANE_OK; i++)
        st = wane_setting_count(counts[i].value, map, counts[i].key, counts[i].low, counts[i].high,
                                err);
    p->seed = seed;
    if (st == WANE_OK)
        st = wane_setting_number(&p->learning_rate, map, "learning_rate", 0, 100, err);
    if (st == WANE_OK) st = wane_setting_number(&p->warmup_ratio, map, "warmup_ratio", 0, 1, err);
    if (st == WANE_OK) st = wane_setting_number(&p->weight_decay, map, "weight_decay", 0, 100, err);
    if (st == WANE_OK) st = wane_setting_number(&p->clip, map, "clip", 0, 1e9, err);
    return st;
}

static wane_status read_corpus_map(wane_experiment_corpus *corpus, wane_experiment *x,
                                   const wane_yaml *map, wane_error *err)
{
    static const char *const keys[] = {"name",   "path",  "role",      "filter", "tokens", "stride",
                                       "window", "field", "documents", "seed",   "weight"};
    static const char *const roles[] = {"pretraining", "other"};
    const char *path = NULL;
    size_t role = 1, seed = 1000003;
    wane_status st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK) st = wane_setting_text(&corpus->spec.name, map, "name", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&path, map, "path", x->memory, err);
    if (st == WANE_OK && !path) st = wane_yaml_fail(map, err, "a corpus needs 'path'");
    if (st == WANE_OK) st = wane_setting_choice(&role, map, "role", roles, 2, err);
    if (st == WANE_OK) st = wane_setting_text(&corpus->spec.filter, map, "filter", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&corpus->spec.field, map, "field", x->memory, err);
    if (st == WANE_OK)
        st = wane_setting_count(&corpus->tokens, map, "tokens", 1, SIZE_MAX / 4, err);
    if (st == WANE_OK) st = wane_setting_count(&corpus->stride, map, "stride", 1, 1 << 20, err);
    corpus->weight = 1;
    if (st == WANE_OK) st = wane_setting_number(&corpus->weight, map, "weight", 1e-9, 1e9, err);
    if (st == WANE_OK) st = wane_setting_count(&corpus->window, map, "window", 2, 1 << 20, err);
    if (st != WANE_OK) return st;
    corpus->role = wane_yaml_get(map, "role") ? roles[role] : NULL;
    corpus->builtin = strcmp(path, "builtin") == 0;
    if (!corpus->builtin) {
        st = wane_setting_text(&corpus->spec.documents, map, "documents", x->memory, err);
        if (st == WANE_OK) st = wane_experiment_path(&corpus->spec.path, x, path, err);
    } else {
        corpus->builtin_documents = 500;
        st = wane_setting_count(&corpus->builtin_documents, map, "documents", 1, ROWS_LIMIT, err);
        if (st == WANE_OK) st = wane_setting_count(&seed, map, "seed", 0, SEED_LIMIT, err);
        corpus->builtin_seed = seed;
    }
    if (st == WANE_OK && !corpus->spec.name) corpus->spec.name = name_of_path(x->memory, path);
    if (st == WANE_OK && !corpus->spec.name) st = wane_fail_memory(err, "read", x->file);
    return st;
}

/* What is said of no corpus: the only one is pretraining text; beside a pretraining corpus it is
 * another; else which is meant decides every forgetting, and is not for a program to guess. */
static wane_status settle_roles(wane_experiment *x, const wane_yaml *list, wane_error *err)
{
    size_t unsaid = 0;
    bool pretraining = false;
    for (size_t c = 0; c < x->corpus_count; c++) {
        const char *role = x->corpora[c].role;
        unsaid += !role;
        pretraining = pretraining || (role && strcmp(role, "pretraining") == 0);
    }
    bool only = x->corpus_count == 1;
    if (unsaid && !pretraining && !only)
        return wane_yaml_fail(list, err,
                              "which corpus is the pretraining text? give one of the %zu 'role: "
                              "pretraining' and each of the others 'role: other'",
                              x->corpus_count);
    for (size_t c = 0; c < x->corpus_count; c++) {
        wane_experiment_corpus *corpus = &x->corpora[c];
        if (corpus->role) continue;
        corpus->role_assumed = only;
        corpus->role = only ? "pretraining" : "other";
    }
    return WANE_OK;
}

wane_status wane_experiment_read_corpora(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    const wane_yaml *list = wane_yaml_get(root, "corpora");
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    x->corpora = wane_arena_alloc(x->memory, list->count, sizeof *x->corpora);
    if (!x->corpora) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count; i++) {
        const wane_yaml *node = list->children[i];
        if ((st = wane_node_is(node, WANE_YAML_MAP, err)) != WANE_OK) return st;
        if ((st = read_corpus_map(&x->corpora[i], x, node, err)) != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (strcmp(x->corpora[j].spec.name, x->corpora[i].spec.name) == 0)
                return wane_yaml_fail(node, err, "corpus '%s' is there twice",
                                      x->corpora[i].spec.name);
    }
    x->corpus_count = list->count;
    return settle_roles(x, list, err);
}

static wane_status read_labels(wane_task_spec *spec, wane_experiment *x, const wane_yaml *map,
                               wane_error *err)
{
    const wane_yaml *labels = wane_yaml_get(map, "labels");
    if (!labels) return WANE_OK;
    wane_status st = wane_node_is(labels, WANE_YAML_MAP, err);
    if (st != WANE_OK) return st;
    if (labels->count < 2) return wane_yaml_fail(labels, err, "at least two labels are needed");
    wane_label *list = wane_arena_alloc(x->memory, labels->count, sizeof *list);
    if (!list) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < labels->count; i++) {
        list[i].value = wane_arena_strdup(x->memory, labels->children[i]->key);
        if (!list[i].value) return wane_fail_memory(err, "read", x->file);
        st = wane_node_text(&list[i].verbalizer, labels->children[i], x->memory, err);
        if (st != WANE_OK) return st;
    }
    spec->labels = list;
    spec->label_count = labels->count;
    return WANE_OK;
}

static wane_status read_task_map(wane_experiment_task *task, wane_experiment *x,
                                 const wane_yaml *map, const char **path, wane_error *err)
{
    static const char *const keys[] = {"name",
                                       "path",
                                       "text",
                                       "label",
                                       "template",
                                       "labels",
                                       "test",
                                       "train_rows",
                                       "test_rows",
                                       "truncate",
                                       "normalise",
                                       "seed",
                                       "validation_fraction"};
    static const char *const sides[] = {"left", "right"};
    static const char *const norms[] = {"sum", "tokens"};
    wane_task_spec *s = &task->spec;
    size_t side = 1, norm = 0, seed = 0;
    wane_status st = wane_yaml_known(map, keys, COUNT(keys), err);
    if (st == WANE_OK) st = wane_setting_text(&s->name, map, "name", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(path, map, "path", x->memory, err);
    if (st == WANE_OK && !*path) *path = s->name;
    if (st == WANE_OK && !*path) st = wane_yaml_fail(map, err, "a task needs 'path' or 'name'");
    if (st == WANE_OK) st = wane_setting_text(&s->text_field, map, "text", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&s->label_field, map, "label", x->memory, err);
    if (st == WANE_OK) st = wane_setting_text(&s->template_text, map, "template", x->memory, err);
    if (st == WANE_OK) st = read_labels(s, x, map, err);
    if (st == WANE_OK) st = wane_setting_text(&s->test_split, map, "test", x->memory, err);
    if (st == WANE_OK)
        st = wane_setting_count(&s->train_rows, map, "train_rows", 1, ROWS_LIMIT, err);
    if (st == WANE_OK) st = wane_setting_count(&s->test_rows, map, "test_rows", 1, ROWS_LIMIT, err);
    if (st == WANE_OK)
        st = wane_setting_number(&s->validation_fraction, map, "validation_fraction", 0.001, 0.9,
                                 err);
    if (st == WANE_OK) st = wane_setting_choice(&side, map, "truncate", sides, 2, err);
    if (st == WANE_OK) st = wane_setting_choice(&norm, map, "normalise", norms, 2, err);
    if (st == WANE_OK) st = wane_setting_count(&seed, map, "seed", 0, SEED_LIMIT, err);
    if (wane_yaml_get(map, "truncate")) s->truncate = sides[side];
    task->per_token = norm == 1;
    task->builtin_seed = seed;
    return st;
}

static wane_status read_task(wane_experiment_task *task, wane_experiment *x, const wane_yaml *node,
                             bool watched, wane_error *err)
{
    const char *path = NULL;
    wane_status st = WANE_OK;
    if (node->kind == WANE_YAML_MAP) st = read_task_map(task, x, node, &path, err);
    else st = wane_node_text(&path, node, x->memory, err);
    if (st != WANE_OK) return st;
    task->watched = watched;
    if (!task->spec.name) task->spec.name = name_of_path(x->memory, path);
    if (!task->spec.name) return wane_fail_memory(err, "read", x->file);
    if (!task->spec.name[0] || strlen(task->spec.name) > 100)
        return wane_yaml_fail(node, err, "no usable task name");
    static const char prefix[] = "builtin/";
    if (strncmp(path, prefix, sizeof prefix - 1) == 0) {
        task->builtin = path + sizeof prefix - 1;
        if (!task->spec.train_rows) task->spec.train_rows = 1000;
        if (!task->spec.test_rows) task->spec.test_rows = 300;
        return WANE_OK;
    }
    return wane_experiment_path(&task->spec.path, x, path, err);
}

wane_status wane_experiment_read_tasks(wane_experiment *x, const wane_yaml *root, wane_error *err)
{
    const wane_yaml *lists[2] = {wane_yaml_get(root, "tasks"), wane_yaml_get(root, "watch")};
    size_t total = 0;
    if (!lists[0]) return wane_yaml_fail(root, err, "'tasks' is missing");
    for (int l = 0; l < 2; l++) {
        if (!lists[l]) continue;
        wane_status st = wane_node_is(lists[l], WANE_YAML_LIST, err);
        if (st != WANE_OK) return st;
        total += lists[l]->count;
    }
    if (lists[0]->count == 0) return wane_yaml_fail(lists[0], err, "empty list");
    x->tasks = wane_arena_alloc(x->memory, total, sizeof *x->tasks);
    if (!x->tasks) return wane_fail_memory(err, "read", x->file);
    for (int l = 0; l < 2; l++)
        for (size_t i = 0; lists[l] && i < lists[l]->count; i++) {
            const wane_yaml *node = lists[l]->children[i];
            wane_experiment_task *task = &x->tasks[x->task_count];
            wane_status st = read_task(task, x, node, l == 1, err);
            if (st != WANE_OK) return st;
            for (size_t j = 0; j < x->task_count; j++)
                if (strcmp(x->tasks[j].spec.name, task->spec.name) == 0)
                    return wane_yaml_fail(node, err, "task '%s' is there twice", task->spec.name);
            x->task_count++;
            if (l == 0) x->trained_tasks++;
        }
    return WANE_OK;
}
