/* SPDX-License-Identifier: Apache-2.0
 * Makes the splits of a built-in task: labels in equal shares, rows drawn anew until each is there
 * only once over all splits.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"
#include "tasks/builtin/examples.h"
#include "tasks/builtin/language.h"

enum { MOST_ATTEMPTS = 2000, MOST_LABELS = 8 };

size_t wane_builtin_task_count(void)
{
    return wane_builtin_kind_count;
}

const char *wane_builtin_task_name(size_t index)
{
    return index < wane_builtin_kind_count ? wane_builtin_kinds[index].name : NULL;
}

/* Rows met so far, to make none twice: a hash table of row numbers, open addressing. */
typedef struct met {
    const wane_row **slots;
    size_t count; /* a power of two, at least twice the rows */
} met;

/* FNV-1a over both texts. */
static uint64_t hash_row(const char *text, const char *after)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (int part = 0; part < 2; part++)
        for (const char *c = part ? after : text; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    return hash;
}

/* The slot of that row, or the empty one it would take. */
static const wane_row **find_slot(const met *m, const char *text, const char *after)
{
    size_t at = (size_t)hash_row(text, after) & (m->count - 1);
    while (m->slots[at] &&
           (strcmp(m->slots[at]->text, text) != 0 || strcmp(m->slots[at]->after, after) != 0))
        at = (at + 1) & (m->count - 1);
    return &m->slots[at];
}

typedef struct making {
    const wane_builtin_kind *kind;
    size_t number; /* of the kind */
    uint64_t seed;
    wane_arena *arena;
    met met;
    wane_text text, after;
} making;

static wane_status make_row(making *m, wane_split split, size_t index, size_t label, wane_row *out,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    for (uint64_t attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        wane_dice dice = {.where = {.seed = m->seed,
                                    .purpose = WANE_RANDOM_BUILTIN,
                                    .stage = m->number + 1,
                                    .step = index,
                                    .tensor = (uint64_t)split},
                          .element = (attempt + 1) << 20};
        wane_derivation d = {.grammar = &wane_language, .draw = wane_dice_draw, .context = &dice};
        wane_text_clear(&m->text);
        wane_text_clear(&m->after);
        WANE_TRY(m->kind->make(&d, label, &m->text, &m->after, err));
        WANE_TRY(wane_text_check(&m->text, "make task", m->kind->name, err));
        WANE_TRY(wane_text_check(&m->after, "make task", m->kind->name, err));
        const wane_row **slot = find_slot(&m->met, m->text.data, m->after.data);
        if (*slot) continue;
        out->before = "";
        out->text = wane_arena_strdup(m->arena, m->text.data);
        out->after = wane_arena_strdup(m->arena, m->after.data);
        out->label = (int32_t)label;
        out->number = index;
        if (!out->text || !out->after) WANE_TRY(wane_fail_memory(err, "make task", m->kind->name));
        *slot = out;
        goto done;
    }
    st = wane_fail(err, WANE_EINVAL,
                   "make task: %s: it does not have that many different rows (stopped at %zu)",
                   m->kind->name, index);
done:
    return st;
}

static wane_status make_split(making *m, wane_task *task, wane_split split, size_t rows,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    size_t order[MOST_LABELS], labels = m->kind->label_count;
    wane_row *list = wane_arena_alloc(m->arena, rows, sizeof *list);
    if (!list) return wane_fail_memory(err, "make task", m->kind->name);
    for (size_t i = 0; i < rows; i++) {
        /* Every run of as many rows as there are labels holds each label once. */
        wane_random where = {.seed = m->seed,
                             .purpose = WANE_RANDOM_BUILTIN,
                             .stage = m->number + 1,
                             .step = i / labels,
                             .tensor = (uint64_t)split};
        if (i % labels == 0) wane_random_permutation(order, labels, &where);
        WANE_TRY(make_row(m, split, i, order[i % labels], &list[i], err));
    }
    task->row[split] = list;
    task->rows[split] = rows;
done:
    return st;
}

static wane_status fill_labels(making *m, wane_task *task, wane_error *err)
{
    wane_label *labels = wane_arena_alloc(m->arena, m->kind->label_count, sizeof *labels);
    if (!labels) return wane_fail_memory(err, "make task", m->kind->name);
    for (size_t i = 0; i < m->kind->label_count; i++) {
        size_t bytes = strlen(m->kind->labels[i]);
        char *verbalizer = wane_arena_alloc(m->arena, bytes + 2, 1);
        if (!verbalizer) return wane_fail_memory(err, "make task", m->kind->name);
        verbalizer[0] = ' ';
        memcpy(verbalizer + 1, m->kind->labels[i], bytes);
        labels[i] = (wane_label){.value = m->kind->labels[i], .verbalizer = verbalizer};
    }
    task->labels = labels;
    task->label_count = m->kind->label_count;
    return WANE_OK;
}

static wane_status find_kind(making *m, const char *name, wane_error *err)
{
    const char *names[16] = {NULL};
    for (size_t i = 0; i < wane_builtin_kind_count; i++) {
        names[i] = wane_builtin_kinds[i].name;
        if (strcmp(names[i], name) != 0) continue;
        m->kind = &wane_builtin_kinds[i];
        m->number = i;
        return WANE_OK;
    }
    const char *near = wane_nearest(name, names, wane_builtin_kind_count);
    if (near)
        return wane_fail(err, WANE_ENOTFOUND,
                         "make task: \"%.60s\": no such built-in task; did you mean \"%s\"?", name,
                         near);
    char list[256] = "";
    for (size_t i = 0, at = 0; i < wane_builtin_kind_count && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", names[i]);
    return wane_fail(err, WANE_ENOTFOUND,
                     "make task: \"%.60s\": no such built-in task; there are %s", name, list);
}

wane_status wane_builtin_task(wane_task *out, const char *name, uint64_t seed, size_t train_rows,
                              size_t test_rows, wane_error *err)
{
    wane_status st = WANE_OK;
    making m = {.seed = seed};
    wane_task task = {0};
    WANE_TRY(find_kind(&m, name, err));
    if (train_rows == 0 || test_rows == 0 || train_rows > 10000000 || test_rows > 10000000)
        WANE_TRY(wane_fail(err, WANE_EINVAL, "make task: %s: %zu train and %zu test rows", name,
                           train_rows, test_rows));
    for (m.met.count = 64; m.met.count < 2 * (train_rows + test_rows);) m.met.count *= 2;
    m.met.slots = wane_alloc(m.met.count, sizeof *m.met.slots);
    m.arena = wane_arena_new();
    if (!m.met.slots || !m.arena) WANE_TRY(wane_fail_memory(err, "make task", name));
    task = (wane_task){.name = m.kind->name, .tail = m.kind->tail, .memory = m.arena};
    task.train_available = train_rows;
    WANE_TRY(fill_labels(&m, &task, err));
    WANE_TRY(make_split(&m, &task, WANE_SPLIT_TRAIN, train_rows, err));
    WANE_TRY(make_split(&m, &task, WANE_SPLIT_TEST, test_rows, err));
    WANE_TRY(wane_task_fingerprint(&task, err));
    *out = task;
    m.arena = NULL;
done:
    wane_arena_free(m.arena);
    wane_free(m.met.slots);
    wane_text_free(&m.text);
    wane_text_free(&m.after);
    return st;
}
