/* SPDX-License-Identifier: Apache-2.0
 * Opens a task from its files: manifest, mapping, labels and splits in order, the test split chosen
 * or held out, and a fingerprint of all rows.
 */
#include "tasks/data/task.h"

#include <string.h>

#include "store/base/memory.h"
#include "tasks/data/files.h"
#include "tasks/data/label.h"
#include "tasks/data/manifest.h"
#include "tasks/data/rows.h"

void wane_task_free(wane_task *task)
{
    if (!task) return;
    wane_arena_free(task->memory);
    *task = (wane_task){0};
}

wane_status wane_task_fingerprint(wane_task *task, wane_error *err)
{
    for (int s = 0; s < WANE_SPLITS; s++) {
        wane_sha256 *hash = NULL;
        wane_status st = wane_sha256_begin(&hash, err);
        if (st != WANE_OK) return st;
        wane_sha256_text(hash, task->truncate_left ? "left" : "right");
        uint64_t count = task->label_count;
        wane_sha256_field(hash, &count, sizeof count);
        for (size_t i = 0; i < task->label_count; i++) {
            wane_sha256_text(hash, task->labels[i].value);
            wane_sha256_text(hash, task->labels[i].verbalizer);
        }
        for (size_t i = 0; i < task->rows[s]; i++) {
            const wane_row *row = &task->row[s][i];
            wane_sha256_text(hash, row->before);
            wane_sha256_text(hash, row->text);
            wane_sha256_text(hash, row->after);
            wane_sha256_field(hash, &row->label, sizeof row->label);
        }
        st = wane_sha256_end(task->sha256[s], hash, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* Everything open while a task is read. */
typedef struct opening {
    wane_task_spec spec;
    wane_task_files files;
    wane_mapping mapping;
    wane_label_set labels;
    wane_drawn_rows rows[WANE_SPLITS];
    size_t train_available;
    wane_arena *arena;
    const char *name;
} opening;

static wane_status take_name(opening *o, wane_error *err)
{
    if (o->spec.name) {
        o->name = wane_arena_strdup(o->arena, o->spec.name);
    } else {
        size_t bytes = 0;
        const char *last = wane_path_name(o->spec.path, true, &bytes);
        o->name = wane_arena_strndup(o->arena, last, bytes);
    }
    return o->name ? WANE_OK : wane_fail_memory(err, "open task", o->spec.path);
}

/* Which file is measured on; NULL: a part of train is held out. */
static wane_status find_test(const wane_split_file **out, const opening *o, wane_error *err)
{
    const wane_split_file *validation = &o->files.split[WANE_FILE_VALIDATION];
    const wane_split_file *test = &o->files.split[WANE_FILE_TEST];
    const char *wanted = o->spec.test_split;
    enum wane_file_split split = WANE_FILE_TEST;
    *out = test->name ? test : validation->name ? validation : NULL;
    if (!wanted) return WANE_OK;
    if (!wane_split_named(&split, wanted, strlen(wanted)) || split == WANE_FILE_TRAIN)
        return wane_fail(err, WANE_EINVAL,
                         "open task: %s: test: \"%.60s\" is neither test nor validation", o->name,
                         wanted);
    *out = o->files.split[split].name ? &o->files.split[split] : NULL;
    if (split == WANE_FILE_TEST && !*out)
        return wane_fail(err, WANE_ENOTFOUND, "open task: %s: there is no test split", o->name);
    return WANE_OK;
}

static wane_status take_count(opening *o, int split, size_t wanted, wane_error *err)
{
    wane_drawn_rows *rows = &o->rows[split];
    const char *word = split == WANE_SPLIT_TRAIN ? "train" : "test";
    if (wanted > rows->count)
        return wane_fail(err, WANE_EINVAL,
                         "open task: %s: %s_rows is %zu but the split has %zu rows", o->name, word,
                         wanted, rows->count);
    uint64_t sample = split == WANE_SPLIT_TRAIN ? o->spec.sample : 0;
    return wanted ? wane_rows_draw(rows, wanted, split, sample, err) : WANE_OK;
}

static wane_status hold_out(opening *o, wane_error *err)
{
    double fraction = o->spec.validation_fraction == 0 ? 0.1 : o->spec.validation_fraction;
    if (!(fraction > 0 && fraction < 1))
        return wane_fail(err, WANE_EINVAL,
                         "open task: %s: validation_fraction %g is not between 0 and 1", o->name,
                         fraction);
    size_t all = o->rows[WANE_SPLIT_TRAIN].count;
    wane_status st =
        wane_rows_hold_out(&o->rows[WANE_SPLIT_TEST], &o->rows[WANE_SPLIT_TRAIN], fraction, err);
    if (st != WANE_OK) return st;
    if (o->rows[WANE_SPLIT_TEST].count == 0 || o->rows[WANE_SPLIT_TRAIN].count == 0)
        return wane_fail(err, WANE_EINVAL,
                         "open task: %s: holding out %g of %zu rows leaves a split empty", o->name,
                         fraction, all);
    return WANE_OK;
}

static wane_status read_splits(opening *o, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t *order = NULL;
    const wane_split_file *train = &o->files.split[WANE_FILE_TRAIN], *test = NULL;
    wane_drawn_rows *rows = &o->rows[WANE_SPLIT_TRAIN];
    WANE_TRY(find_test(&test, o, err));
    WANE_TRY(wane_mapping_find(&o->mapping, &o->spec, train, o->arena, err));
    o->labels.arena = o->arena;
    o->labels.open = true;
    if (o->spec.labels)
        WANE_TRY(wane_label_set_give(&o->labels, o->spec.labels, o->spec.label_count, err));
    WANE_TRY(wane_rows_read(rows, &o->mapping, &o->labels, train, "", o->arena, err));
    WANE_TRY(wane_label_set_close(&order, &o->labels, train->name, err));
    for (size_t i = 0; i < rows->count; i++)
        rows->row[i].row.label = (int32_t)order[rows->row[i].row.label];
    if (test) {
        bool other =
            test == &o->files.split[WANE_FILE_TEST] && o->files.split[WANE_FILE_VALIDATION].name;
        WANE_TRY(wane_rows_read(&o->rows[WANE_SPLIT_TEST], &o->mapping, &o->labels, test,
                                other ? " (say `test: validation` to measure on that split)"
                                      : " (say `test: validation`: with no such file, a part of "
                                        "train is held out)",
                                o->arena, err));
    } else {
        WANE_TRY(hold_out(o, err));
    }
    o->train_available = rows->count;
    WANE_TRY(take_count(o, WANE_SPLIT_TRAIN, o->spec.train_rows, err));
    WANE_TRY(take_count(o, WANE_SPLIT_TEST, o->spec.test_rows, err));
done:
    wane_free(order);
    return st;
}

static wane_status fill_task(wane_task *task, opening *o, wane_error *err)
{
    *task = (wane_task){.name = o->name,
                        .label_count = o->labels.count,
                        .template_text = o->mapping.text,
                        .text_field = o->mapping.template.parts[o->mapping.cut].field,
                        .label_field = wane_arena_strdup(o->arena, o->mapping.label),
                        .tail = o->mapping.template.tail,
                        .train_available = o->train_available,
                        .truncate_left = o->spec.truncate && strcmp(o->spec.truncate, "left") == 0,
                        .hidden = o->files.hidden,
                        .memory = o->arena};
    wane_label *labels = wane_arena_alloc(o->arena, o->labels.count, sizeof *labels);
    if (!labels || !task->label_field) return wane_fail_memory(err, "open task", o->name);
    memcpy(labels, o->labels.labels, o->labels.count * sizeof *labels);
    task->labels = labels;
    for (int s = 0; s < WANE_SPLITS; s++) {
        wane_row *rows = wane_arena_alloc(o->arena, o->rows[s].count, sizeof *rows);
        if (!rows) return wane_fail_memory(err, "open task", o->name);
        for (size_t i = 0; i < o->rows[s].count; i++) rows[i] = o->rows[s].row[i].row;
        task->row[s] = rows;
        task->rows[s] = o->rows[s].count;
    }
    return wane_task_fingerprint(task, err);
}

wane_status wane_task_open(wane_task *out, const wane_task_spec *spec, wane_error *err)
{
    wane_status st = WANE_OK;
    opening o = {.spec = *spec};
    wane_task task = {0};
    if (!spec->path || !*spec->path)
        return wane_fail(err, WANE_EINVAL, "open task: %s: no path",
                         spec->name ? spec->name : "(unnamed)");
    o.arena = wane_arena_new();
    if (!o.arena) return wane_fail_memory(err, "open task", spec->path);
    WANE_TRY(take_name(&o, err));
    WANE_TRY(wane_task_files_read(&o.files, spec->path, o.arena, err));
    if (o.files.manifest.name)
        WANE_TRY(wane_manifest_read(&o.spec, o.files.manifest.bytes, o.files.manifest.count,
                                    o.files.manifest.name, o.arena, err));
    if (o.spec.truncate && strcmp(o.spec.truncate, "left") != 0 &&
        strcmp(o.spec.truncate, "right") != 0)
        WANE_TRY(wane_fail(err, WANE_EINVAL,
                           "open task: %s: truncate: \"%.60s\" is neither left "
                           "nor right",
                           o.name, o.spec.truncate));
    WANE_TRY(read_splits(&o, err));
    WANE_TRY(fill_task(&task, &o, err));
    *out = task;
    o.arena = NULL;
done:
    for (int s = 0; s < WANE_SPLITS; s++) wane_free(o.rows[s].row);
    wane_label_set_free(&o.labels);
    wane_task_files_free(&o.files);
    wane_arena_free(o.arena);
    return st;
}
