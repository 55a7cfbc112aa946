/* SPDX-License-Identifier: Apache-2.0
 * The file that `wane init` writes: every setting of an experiment, from the tables of settings.
 */
#include "eval/experiment/starter.h"

#include <string.h>

#include "eval/experiment/experiment.h"
#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"

enum { COMMENT_COLUMN = 34, STEP = 2 };

/* Where a line goes: how far in, whether it is commented out and from which column on, and whether
 * it begins an item of a list. */
typedef struct line {
    size_t indent, off_at;
    bool off, item;
} line;

/* What a key is, for who reads the file; what is usual where the line does not say it. */
static void describe(wane_text *out, const wane_setting *s, bool has_value)
{
    wane_text_string(out, s->help);
    if (s->unit) wane_text_printf(out, " (%s)", s->unit);
    if (s->type == WANE_SETTING_CHOICE && !s->form)
        for (size_t i = 0; wane_setting_choice(s, i); i++)
            wane_text_printf(out, "%s%s", i ? ", " : "; ", wane_setting_choice(s, i));
    if (s->type == WANE_SETTING_OWN && s->form) wane_text_printf(out, "; %s", s->form);
    if (s->listed) wane_text_string(out, "; or a list");
    if (!has_value && s->usual) wane_text_printf(out, "; default: %s", s->usual);
}

/* Appends words as a comment, `used` columns of its first line being taken. */
static void put_comment(wane_text *out, const char *words, size_t used)
{
    enum { WIDTH = 100 };
    wane_text_printf(out, "%*s#", used < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - used) : 1, "");
    used = used < COMMENT_COLUMN ? COMMENT_COLUMN + 1 : used + 2;
    for (bool first = true; *words; first = false) {
        size_t length = strcspn(words, " ");
        if (used + 1 + length > WIDTH && !first) {
            wane_text_printf(out, "\n%*s#", COMMENT_COLUMN, "");
            used = COMMENT_COLUMN + 1;
        }
        wane_text_printf(out, " %.*s", (int)length, words);
        used += 1 + length;
        words += length;
        words += *words == ' ';
    }
    wane_text_string(out, "\n");
}

static void put_line(wane_text *out, line at, const wane_setting *s, const char *value)
{
    wane_text words = {0}, key = {0};
    size_t indent = at.indent - (at.item ? STEP : 0);
    wane_text_printf(&key, "%*s", (int)(at.off ? at.off_at : indent), "");
    if (at.off) wane_text_printf(&key, "# %*s", (int)(indent - at.off_at), "");
    wane_text_printf(&key, "%s%s:%s%s", at.item ? "- " : "", s->name, *value ? " " : "", value);
    describe(&words, s, *value != '\0');
    out->failed = out->failed || key.failed || words.failed;
    if (!out->failed) {
        wane_text_string(out, key.data);
        put_comment(out, words.data, wane_utf8_width(key.data, key.length));
    }
    wane_text_free(&words);
    wane_text_free(&key);
}

/* The value of a line that is commented out: the default, or an example, or nothing. */
static void put_off(wane_text *out, line at, const wane_setting *s, const wane_settings *block)
{
    wane_text value = {0};
    if (s->example) wane_text_string(&value, s->example);
    else if (wane_setting_has_default(s, block)) wane_setting_print_default(&value, s, block);
    put_line(out, at, s, value.data ? value.data : "");
    if (value.failed) out->failed = true;
    wane_text_free(&value);
}

static void put_value(wane_text *out, line at, const wane_setting *s, const void *of)
{
    wane_text value = {0};
    wane_setting_print(&value, s, of);
    put_line(out, at, s, value.data ? value.data : "");
    if (value.failed) out->failed = true;
    wane_text_free(&value);
}

static bool is_nested(const wane_setting *s)
{
    return s->type == WANE_SETTING_BLOCK || s->type == WANE_SETTING_LIST;
}

static void put_block_off(wane_text *out, line at, const wane_settings *block);

static void put_entry_off(wane_text *out, line at, const wane_setting *s,
                          const wane_settings *block)
{
    if (!is_nested(s)) {
        put_off(out, at, s, block);
        return;
    }
    bool list = s->type == WANE_SETTING_LIST;
    put_line(out, at, s, "");
    at.indent += list ? 2 * STEP : STEP;
    at.item = list;
    put_block_off(out, at, s->block);
}

/* A block of which nothing is said; an item begins with what it cannot be without. */
static void put_block_off(wane_text *out, line at, const wane_settings *block)
{
    const wane_setting *lead = NULL;
    for (size_t i = 0; at.item && i < block->count && !lead; i++)
        if (block->entries[i].example) lead = &block->entries[i];
    if (lead) put_entry_off(out, at, lead, block);
    at.item = false;
    for (size_t i = 0; i < block->count; i++)
        if (&block->entries[i] != lead) put_entry_off(out, at, &block->entries[i], block);
}

/* ---------------------------------------------------------------- what is filled in */

/* An item: what is said of it, then what else there is to say. */
static void put_item(wane_text *out, const wane_settings *block, const void *of)
{
    line at = {.indent = 2 * STEP, .off_at = 2 * STEP, .item = true};
    for (int off = 0; off < 2; off++)
        for (size_t i = 0; i < block->count; i++) {
            const wane_setting *s = &block->entries[i];
            if (wane_setting_shown(s, block, of) == (off == 1)) continue;
            at.off = off == 1;
            if (at.off) put_entry_off(out, at, s, block);
            else put_value(out, at, s, of);
            at.item = false;
        }
}

static bool is_in_root(const wane_settings *block)
{
    const wane_settings *root = &wane_experiment_settings;
    for (size_t i = 0; i < root->count; i++)
        if (root->entries[i].block == block) return true;
    return false;
}

/* What stands beside an item's own settings and nowhere else in the file. */
static void put_beside(wane_text *out, const wane_settings *block)
{
    const line at = {.indent = 2 * STEP, .off_at = 2 * STEP, .off = true};
    const wane_settings *beside = NULL;
    for (size_t i = 0; block->beside && (beside = block->beside(i)); i++) {
        if (is_in_root(beside)) {
            wane_text_printf(out, "%*s# and any key of %s, for this one alone\n", 2 * STEP, "",
                             beside->name);
            continue;
        }
        if (!beside->count) continue;
        wane_text_printf(out, "%*s# of %s:\n", 2 * STEP, "", beside->name);
        put_block_off(out, at, beside);
    }
}

static bool is_tasks(const wane_setting *s)
{
    return strcmp(s->name, "tasks") == 0;
}

/* The i-th item of a list that must be there, or NULL. */
static const void *item_of(const wane_experiment *x, const wane_setting *s, size_t i)
{
    if (is_tasks(s)) return i < x->trained_tasks ? &x->tasks[i] : NULL;
    return i < x->config_count ? &x->configs[i] : NULL;
}

/* `opened`: the tasks as they were seen, or NULL. */
static void put_list(wane_text *out, const wane_setting *s, const wane_experiment *x,
                     const wane_task *opened)
{
    const void *item = NULL;
    put_line(out, (line){0}, s, "");
    for (size_t i = 0; (item = item_of(x, s, i)); i++) {
        if (opened && is_tasks(s))
            wane_text_printf(out, "  # %zu rows to train on, %zu to measure\n",
                             opened[i].rows[WANE_SPLIT_TRAIN], opened[i].rows[WANE_SPLIT_TEST]);
        put_item(out, s->block, item);
    }
    put_beside(out, s->block);
}

static void put_file(wane_text *out, const wane_experiment *x, const wane_task *opened)
{
    const wane_settings *root = &wane_experiment_settings;
    wane_text_printf(out,
                     "# An experiment of wane: try it with wane validate, then wane run. Every key "
                     "that there is stands\n# here, with its default where it is not needed; wane "
                     "explain KEY says more of one.\n");
    for (size_t i = 0; i < root->count; i++) {
        const wane_setting *s = &root->entries[i];
        bool apart = is_nested(s) || (i && is_nested(s - 1));
        if (apart) wane_text_string(out, "\n");
        if (!s->required) put_entry_off(out, (line){.off = true}, s, root);
        else if (s->type == WANE_SETTING_LIST) put_list(out, s, x, opened);
        else put_value(out, (line){0}, s, x);
    }
}

/* What opening the table showed. */
static wane_status see_task(wane_experiment_task *out, wane_task *task, const char *path,
                            const wane_starter *starter, wane_error *err)
{
    const wane_task_spec asked = {
        .path = path, .text_field = starter->text, .label_field = starter->label};
    wane_status st = wane_task_open(task, &asked, err);
    if (st == WANE_OK)
        out->spec = (wane_task_spec){.name = task->name,
                                     .path = path,
                                     .text_field = task->text_field,
                                     .label_field = task->label_field,
                                     .template_text = task->template_text,
                                     .labels = task->labels,
                                     .label_count = task->label_count};
    return st;
}

/* The smallest experiment that has something to forget. */
enum { BUILT_IN = 2 };

wane_status wane_experiment_starter(wane_text *out, const wane_starter *starter, wane_error *err)
{
    const bool own = starter->task_count > 0;
    size_t count = own ? starter->task_count : BUILT_IN;
    wane_run_config config = {.given = false, .settings = {.method = &wane_method_lora}};
    wane_experiment x = {.name = starter->name,
                         .model = starter->model,
                         .trained_tasks = count,
                         .config_count = 1,
                         .configs = &config};
    wane_task *opened = wane_alloc(count, sizeof *opened);
    wane_status st = WANE_OK;
    x.tasks = wane_alloc(count, sizeof *x.tasks);
    if (!opened || !x.tasks) st = wane_fail_memory(err, "init", starter->name);
    for (size_t t = 0; t < count && st == WANE_OK; t++) {
        if (own) st = see_task(&x.tasks[t], &opened[t], starter->tasks[t], starter, err);
        else {
            x.tasks[t].builtin = wane_builtin_task_name(t);
            x.tasks[t].spec.name = x.tasks[t].builtin;
        }
    }
    if (st == WANE_OK) {
        put_file(out, &x, own ? opened : NULL);
        st = wane_text_check(out, "init", starter->name, err);
    }
    for (size_t t = 0; opened && t < count; t++) wane_task_free(&opened[t]);
    wane_free(opened);
    wane_free(x.tasks);
    return st;
}
