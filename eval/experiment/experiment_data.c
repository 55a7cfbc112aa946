/* SPDX-License-Identifier: Apache-2.0
 * The corpora and tasks of an experiment file.
 */
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/setting.h"
#include "store/files/yaml_value.h"

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

/* ---------------------------------------------------------------------------------- corpora */

static wane_status read_corpus_path(void *into, const wane_setting *setting, const wane_yaml *node,
                                    const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment_corpus *corpus = into;
    const wane_experiment *x = reader->owner;
    const char *path = NULL;
    (void)setting;
    if (!node) return wane_yaml_fail(reader->map, err, "a corpus needs 'path'");
    wane_status st = wane_node_text(&path, node, x->memory, err);
    if (st != WANE_OK) return st;
    corpus->builtin = strcmp(path, "builtin") == 0;
    if (!corpus->builtin) st = wane_experiment_path(&corpus->spec.path, x, path, err);
    if (!corpus->spec.name) corpus->spec.name = name_of_path(x->memory, path);
    if (st == WANE_OK && !corpus->spec.name) st = wane_fail_memory(err, "read", x->file);
    return st;
}

static void print_corpus_path(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment_corpus *corpus = of;
    (void)setting;
    wane_setting_quote(out, corpus->builtin ? "builtin" : corpus->spec.path);
}

/* How a text is cut into documents; of the built-in language, how many there are. */
static wane_status read_documents(void *into, const wane_setting *setting, const wane_yaml *node,
                                  const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment_corpus *corpus = into;
    if (corpus->builtin) corpus->builtin_documents = 500;
    if (!node) return WANE_OK;
    return corpus->builtin ? wane_node_count(&corpus->builtin_documents, node, (size_t)setting->low,
                                             (size_t)setting->high, err)
                           : wane_node_text(&corpus->spec.documents, node, reader->memory, err);
}

static void print_documents(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment_corpus *corpus = of;
    (void)setting;
    if (corpus->builtin) wane_text_printf(out, "%zu", corpus->builtin_documents);
    else wane_setting_quote(out, corpus->spec.documents);
}

static bool has_documents(const void *of)
{
    const wane_experiment_corpus *corpus = of;
    return corpus->builtin || corpus->spec.documents;
}

static bool made_from_seed(const void *of)
{
    return ((const wane_experiment_corpus *)of)->builtin;
}

static const char *const roles[] = {"pretraining", "other", NULL};

static const wane_setting corpus_settings[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_corpus, spec.name),
     .usual = "the last part of its path, without endings",
     .help = "what tables and charts call it"},
    {.name = "path",
     .type = WANE_SETTING_PATH,
     .form = "a file, a folder or an archive; builtin: the built-in language",
     .usual = "none, it must be there",
     .help = "plain text, or rows as JSONL, JSON, CSV or TSV",
     .example = "PATH",
     .read = read_corpus_path,
     .print = print_corpus_path},
    {.name = "role",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment_corpus, role),
     .choices = roles,
     .usual = "pretraining of the only corpus; other beside a pretraining one",
     .help = "whether it stands for what the model was pretrained on",
     .explain = "pretraining_forgetting is measured on the pretraining corpora alone"},
    {.name = "weight",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_experiment_corpus, weight),
     .low = 1e-9,
     .high = 1e9,
     .quiet = true,
     .help = "its weight in the mean over the corpora of one role"},
    {.name = "filter",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_corpus, spec.filter),
     .form = "ascii",
     .usual = "all documents",
     .help = "ascii: only documents that are pure ASCII"},
    {.name = "field",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_corpus, spec.field),
     .written = "text",
     .help = "of rows: the column or key that holds the document"},
    {.name = "documents",
     .type = WANE_SETTING_OWN,
     .form = "blank or whole; of the built-in language a number",
     .low = 1,
     .high = ROWS_LIMIT,
     .usual = "blank; of the built-in language 500",
     .help = "of plain text, what a document is; of the built-in language, how many there are",
     .explain = "blank: the parts between blank lines; whole: each file",
     .read = read_documents,
     .print = print_documents,
     .there = has_documents},
    {.name = "seed",
     .type = WANE_SETTING_SEED,
     WANE_MEMBER(wane_experiment_corpus, builtin_seed),
     .low = 0,
     .high = SEED_LIMIT,
     .help = "of the built-in language: what its documents are drawn from",
     .there = made_from_seed},
    {.name = "tokens",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment_corpus, tokens),
     .low = 1,
     .high = 0x1p53,
     .usual = "all",
     .unit = "tokens",
     .help = "documents are taken in their order until so many tokens are scored"},
    {.name = "window",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment_corpus, window),
     .low = 2,
     .high = 1 << 20,
     .usual = "the model's context",
     .unit = "tokens",
     .help = "the most tokens that are read at once"},
    {.name = "stride",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment_corpus, stride),
     .low = 1,
     .high = 1 << 20,
     .usual = "window - 1: no overlap of what is scored",
     .unit = "tokens",
     .help = "from the start of a window to that of the next",
     .explain = "a smaller one gives every token more context, and takes longer"},
};

static const wane_experiment_corpus usual_corpus = {.weight = 1, .builtin_seed = 1000003};

const wane_settings wane_corpus_settings = {
    .name = "corpora",
    .help = "an item is a map, or a path alone",
    .entries = corpus_settings,
    .count = COUNT(corpus_settings),
    .defaults = &usual_corpus,
};

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

wane_status wane_experiment_read_corpora(void *into, const wane_setting *setting,
                                         const wane_yaml *list, const wane_setting_reader *reader,
                                         wane_error *err)
{
    wane_experiment *x = into;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    x->corpora = wane_arena_alloc(x->memory, list->count, sizeof *x->corpora);
    if (!x->corpora) return wane_fail_memory(err, "read", x->file);
    for (size_t i = 0; i < list->count; i++) {
        const wane_yaml *node = list->children[i];
        st = wane_settings_fill(&x->corpora[i], setting->block, node, reader, err);
        if (st != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (strcmp(x->corpora[j].spec.name, x->corpora[i].spec.name) == 0)
                return wane_yaml_fail(node, err, "corpus '%s' is there twice",
                                      x->corpora[i].spec.name);
    }
    x->corpus_count = list->count;
    return settle_roles(x, list, err);
}

void wane_experiment_print_corpora(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    for (size_t c = 0; c < x->corpus_count; c++) {
        wane_text_string(out, "\n  - ");
        wane_settings_print(out, &(wane_settings_of){setting->block, &x->corpora[c]}, 1);
    }
}

/* ------------------------------------------------------------------------------------ tasks */

static const char builtin[] = "builtin/";

/* The path; without one, the name. */
static wane_status read_task_path(void *into, const wane_setting *setting, const wane_yaml *node,
                                  const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment_task *task = into;
    const wane_experiment *x = reader->owner;
    const char *path = task->spec.name;
    (void)setting;
    wane_status st = node ? wane_node_text(&path, node, x->memory, err) : WANE_OK;
    if (st == WANE_OK && !path)
        st = wane_yaml_fail(reader->map, err, "a task needs 'path' or 'name'");
    if (st != WANE_OK) return st;
    if (!task->spec.name) task->spec.name = name_of_path(x->memory, path);
    if (!task->spec.name) return wane_fail_memory(err, "read", x->file);
    if (!task->spec.name[0] || strlen(task->spec.name) > 100)
        return wane_yaml_fail(reader->map, err, "no usable task name");
    if (strncmp(path, builtin, sizeof builtin - 1) != 0)
        return wane_experiment_path(&task->spec.path, x, path, err);
    task->builtin = path + sizeof builtin - 1;
    return WANE_OK;
}

/* A folder called builtin is none of the built-in tasks. */
static void print_task_path(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment_task *task = of;
    const char *path = task->builtin ? task->builtin : task->spec.path;
    bool alike = !task->builtin && strncmp(path, builtin, sizeof builtin - 1) == 0;
    wane_text whole = {0};
    (void)setting;
    wane_text_printf(&whole, "%s%s", task->builtin ? builtin : alike ? "./" : "", path);
    if (whole.failed) out->failed = true;
    else wane_setting_quote(out, whole.data);
    wane_text_free(&whole);
}

static bool is_built_in(const void *of)
{
    return ((const wane_experiment_task *)of)->builtin != NULL;
}

static wane_status read_labels(void *into, const wane_setting *setting, const wane_yaml *labels,
                               const wane_setting_reader *reader, wane_error *err)
{
    wane_task_spec *spec = &((wane_experiment_task *)into)->spec;
    const wane_experiment *x = reader->owner;
    (void)setting;
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

static void print_labels(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_task_spec *s = &((const wane_experiment_task *)of)->spec;
    (void)setting;
    for (size_t l = 0; l < s->label_count; l++) {
        wane_text_string(out, l ? ", " : "{");
        wane_setting_quote_key(out, s->labels[l].value);
        wane_text_string(out, ": ");
        wane_setting_quote(out, s->labels[l].verbalizer);
    }
    wane_text_string(out, "}");
}

static bool has_labels(const void *of)
{
    return ((const wane_experiment_task *)of)->spec.label_count > 0;
}

/* As text, as those of its neighbours are. */
static void print_cut(wane_text *out, const wane_setting *setting, const void *of)
{
    wane_setting_quote(out, wane_setting_word(setting, of));
}

static bool says_cut(const void *of)
{
    return ((const wane_experiment_task *)of)->spec.truncate != NULL;
}

static wane_status settle_task(void *into, const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment_task *task = into;
    (void)reader;
    (void)err;
    if (!task->builtin) return WANE_OK;
    if (!task->spec.train_rows) task->spec.train_rows = 1000;
    if (!task->spec.test_rows) task->spec.test_rows = 300;
    return WANE_OK;
}

static const char *const cut_sides[] = {"left", "right", NULL};
static const char *const normalisations[] = {"sum", "tokens", NULL};

static const wane_setting task_settings[] = {
    {.name = "name",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_task, spec.name),
     .usual = "the last part of its path, without endings",
     .help = "what tables, charts and orders call it"},
    {.name = "path",
     .type = WANE_SETTING_PATH,
     .form = "a folder or archive of splits, or one table; builtin/NAME: a built-in task",
     .usual = "the name",
     .key = WANE_KEY_CONTENT,
     .help = "train, validation and test as JSONL, JSON, CSV or TSV; of one table a part is held "
             "out",
     .explain = "the rows as they are rendered are in the key, neither path nor name",
     .example = "PATH",
     .read = read_task_path,
     .print = print_task_path},
    {.name = "seed",
     .type = WANE_SETTING_SEED,
     WANE_MEMBER(wane_experiment_task, builtin_seed),
     .low = 0,
     .high = SEED_LIMIT,
     .key = WANE_KEY_CONTENT,
     .help = "of a built-in task: what its rows are drawn from",
     .there = is_built_in},
    {.name = "text",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_task, spec.text_field),
     .key = WANE_KEY_CONTENT,
     .usual = "by the known names of columns",
     .help = "the column or key of the text"},
    {.name = "label",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_task, spec.label_field),
     .key = WANE_KEY_CONTENT,
     .usual = "label, else label_name, label_text, answer",
     .help = "the column or key of the label"},
    {.name = "template",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_task, spec.template_text),
     .key = WANE_KEY_CONTENT,
     .usual = "by the columns found, ending in \"\\nLabel:\"",
     .help = "the prompt; {COLUMN} stands for the value of a column, {{ and }} for braces"},
    {.name = "labels",
     .type = WANE_SETTING_OWN,
     .form = "a map of at least two, VALUE: \" WORD\"",
     .key = WANE_KEY_CONTENT,
     .usual = "the values of the training rows, each said as a blank and its name",
     .help = "the values of the label column, and what the model must say for each",
     .explain = "a word begins with a blank where the template ends without one; no two may be the "
                "same tokens",
     .read = read_labels,
     .print = print_labels,
     .there = has_labels},
    {.name = "test",
     .type = WANE_SETTING_TEXT,
     WANE_MEMBER(wane_experiment_task, spec.test_split),
     .form = "test or validation",
     .usual = "test, else validation, else a part of train",
     .help = "the split that is measured"},
    {.name = "train_rows",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment_task, spec.train_rows),
     .low = 1,
     .high = ROWS_LIMIT,
     .key = WANE_KEY_CONTENT,
     .usual = "all; of a built-in task 1000",
     .unit = "rows",
     .help = "how many training rows are drawn, by a hash of the row"},
    {.name = "test_rows",
     .type = WANE_SETTING_COUNT,
     WANE_MEMBER(wane_experiment_task, spec.test_rows),
     .low = 1,
     .high = ROWS_LIMIT,
     .usual = "all; of a built-in task 300",
     .unit = "rows",
     .help = "how many measured rows are drawn, by a hash of the row"},
    {.name = "validation_fraction",
     .type = WANE_SETTING_NUMBER,
     WANE_MEMBER(wane_experiment_task, spec.validation_fraction),
     .low = 0.001,
     .high = 0.9,
     .key = WANE_KEY_CONTENT,
     .written = "0.1",
     .unit = "share of the training rows",
     .help = "what is held out to measure on, where there is no other split"},
    {.name = "truncate",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment_task, spec.truncate),
     .choices = cut_sides,
     .key = WANE_KEY_CONTENT,
     .written = "right",
     .help = "the side of a text that is cut where the prompt is longer than max_seq_length",
     .print = print_cut,
     .there = says_cut},
    {.name = "normalise",
     .type = WANE_SETTING_CHOICE,
     WANE_MEMBER(wane_experiment_task, per_token),
     .choices = normalisations,
     .quiet = true,
     .help = "how labels of several tokens are compared: by the sum of their log-likelihoods, or "
             "by it divided by their tokens"},
};

const wane_settings wane_task_settings = {
    .name = "tasks",
    .help = "an item is a map, or a path alone",
    .entries = task_settings,
    .count = COUNT(task_settings),
    .settle = settle_task,
};

static wane_status read_task(wane_experiment *x, const wane_setting *setting, const wane_yaml *node,
                             const wane_setting_reader *reader, wane_error *err)
{
    wane_experiment_task *task = &x->tasks[x->task_count];
    wane_status st = wane_settings_fill(task, setting->block, node, reader, err);
    if (st != WANE_OK) return st;
    for (size_t j = 0; j < x->task_count; j++)
        if (strcmp(x->tasks[j].spec.name, task->spec.name) == 0)
            return wane_yaml_fail(node, err, "task '%s' is there twice", task->spec.name);
    x->task_count++;
    return WANE_OK;
}

wane_status wane_experiment_read_tasks(void *into, const wane_setting *setting,
                                       const wane_yaml *list, const wane_setting_reader *reader,
                                       wane_error *err)
{
    wane_experiment *x = into;
    size_t before = x->task_count;
    bool watched = strcmp(setting->name, "watch") == 0;
    if (!list) return WANE_OK;
    wane_status st = wane_node_is(list, WANE_YAML_LIST, err);
    if (st != WANE_OK) return st;
    if (!watched && list->count == 0) return wane_yaml_fail(list, err, "empty list");
    wane_experiment_task *all = wane_arena_alloc(x->memory, before + list->count, sizeof *x->tasks);
    if (!all) return wane_fail_memory(err, "read", x->file);
    if (before) memcpy(all, x->tasks, before * sizeof *all);
    x->tasks = all;
    for (size_t i = 0; i < list->count && st == WANE_OK; i++) {
        x->tasks[x->task_count].watched = watched;
        st = read_task(x, setting, list->children[i], reader, err);
    }
    if (!watched) x->trained_tasks = x->task_count;
    return st;
}

void wane_experiment_print_tasks(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_experiment *x = of;
    bool watched = strcmp(setting->name, "watch") == 0;
    for (size_t t = 0; t < x->task_count; t++) {
        if (x->tasks[t].watched != watched) continue;
        wane_text_string(out, "\n  - ");
        wane_settings_print(out, &(wane_settings_of){setting->block, &x->tasks[t]}, 1);
    }
}
