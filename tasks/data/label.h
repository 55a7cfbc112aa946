/* SPDX-License-Identifier: Apache-2.0
 * The label set of a task: given, or learned from its train split. For this room alone.
 */
#ifndef TASKS_DATA_LABEL_H
#define TASKS_DATA_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "tasks/data/source.h"
#include "tasks/data/task.h"

/* A column with more values than this is no label. */
enum { WANE_MOST_LABELS = 1000 };

typedef struct wane_label_set {
    wane_label *labels; /* verbalizer: NULL while unknown */
    const char *
        *names; /* label_name of each in the data; NULL until seen, or without that column */
    size_t count, capacity;
    bool given; /* labels came from the user; the data's label_name is not looked at */
    bool open;  /* values may still be added (the train split is being read) */
    wane_arena *arena;
} wane_label_set;

/* The labels of a spec, checked: values differ, verbalizers differ and none is empty. */
WANE_MUST_CHECK wane_status wane_label_set_give(wane_label_set *set, const wane_label *labels,
                                                size_t count, wane_error *err);

/* The index of `value` (added while the set is open); SIZE_MAX when it is not in the set. `name`:
 * the row's label_name or NULL; it must agree with earlier rows of that value. */
WANE_MUST_CHECK wane_status wane_label_set_find(size_t *out, wane_label_set *set, const char *value,
                                                const char *name, const wane_source *source,
                                                wane_error *err);

/* Ends the learning: sorts the labels (by number when all are integers, else by bytes), makes
 * verbalizers of names or values, checks them. order[old index] = new index; free with wane_free.
 */
WANE_MUST_CHECK wane_status wane_label_set_close(size_t **order, wane_label_set *set,
                                                 const char *name, wane_error *err);

/* "label X is not in the set: a, b, c" at the source's place. */
wane_status wane_label_set_unknown(const wane_label_set *set, const char *value,
                                   const wane_source *source, wane_error *err);
void wane_label_set_free(wane_label_set *set);

#endif
