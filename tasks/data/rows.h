/* SPDX-License-Identifier: Apache-2.0
 * Rows of one split rendered by a template, with their labels and their place in the draw. For this
 * room alone.
 */
#ifndef TASKS_DATA_ROWS_H
#define TASKS_DATA_ROWS_H

#include <stdint.h>

#include "tasks/data/files.h"
#include "tasks/data/label.h"
#include "tasks/data/task.h"
#include "tasks/data/template.h"

/* How the columns of a task are read; decided by its train split. */
typedef struct wane_mapping {
    wane_template template;
    const char *text;       /* of the template; in the arena */
    size_t cut;             /* the template's part that is the text */
    const char *label;      /* column */
    const char *label_name; /* column, or NULL */
} wane_mapping;

/* From what the spec says and the columns of the file's first row. Known without a template, first
 * match wins (each followed by a line "Label:", so that every tokenizer sees the label after the
 * same few plain letters):
 *   text | sentence1 + sentence2 | premise + hypothesis | question1 + question2 |
 *   question + sentence | question + passage ("Question: ", "Answer:") | title + content |
 *   sentence | content, with `label`, and `label_name` or `label_text` for the verbalizers;
 *   prompt + answer (TRACE: the prompt alone, it carries its own cue).
 * The text that may be cut: `text` of the spec, else text, passage, content, premise, sentence1,
 * sentence, prompt, else the template's first field. */
WANE_MUST_CHECK wane_status wane_mapping_find(wane_mapping *out, const wane_task_spec *spec,
                                              const wane_split_file *file, wane_arena *arena,
                                              wane_error *err);

typedef struct wane_drawn_row {
    wane_row row;
    uint64_t key; /* of the row's content: the values its prompt is made of, and its label */
} wane_drawn_row;

typedef struct wane_drawn_rows {
    wane_drawn_row *row;
    size_t count, capacity;
} wane_drawn_rows;

/* Reads a split; texts live in `arena`. WANE_EFORMAT for a split without rows. Free the rows with
 * wane_free. `hint` ends the message when every label is -1. */
WANE_MUST_CHECK wane_status wane_rows_read(wane_drawn_rows *out, const wane_mapping *mapping,
                                           wane_label_set *labels, const wane_split_file *file,
                                           const char *hint, wane_arena *arena, wane_error *err);

/* Draws by the rows' keys, so that a row added elsewhere changes at most one choice. */
enum { WANE_DRAW_TRAIN, WANE_DRAW_TEST, WANE_DRAW_HOLD_OUT };
/* Keeps `count` of the rows, in their order; those of two samples (wane_task_spec) are independent
 * draws. */
WANE_MUST_CHECK wane_status wane_rows_draw(wane_drawn_rows *rows, size_t count, int draw,
                                           uint64_t sample, wane_error *err);
/* Moves about `fraction` of the rows to *held (equal rows stay together). */
WANE_MUST_CHECK wane_status wane_rows_hold_out(wane_drawn_rows *held, wane_drawn_rows *rows,
                                               double fraction, wane_error *err);

#endif
