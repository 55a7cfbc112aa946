/* SPDX-License-Identifier: Apache-2.0
 * task.yaml: what a task says of itself. Keys: text, label, template, labels (value: verbalizer),
 * test (a split), truncate (left or right). What the user's own spec says wins, key by key. For
 * this room alone.
 */
#ifndef TASKS_DATA_MANIFEST_H
#define TASKS_DATA_MANIFEST_H

#include <stddef.h>

#include "store/base/memory.h"
#include "store/base/status.h"
#include "tasks/data/task.h"

/* Fills what `spec` leaves open; texts live in `arena`. */
WANE_MUST_CHECK wane_status wane_manifest_read(wane_task_spec *spec, const char *bytes,
                                               size_t count, const char *name, wane_arena *arena,
                                               wane_error *err);

#endif
