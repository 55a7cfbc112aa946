/* SPDX-License-Identifier: Apache-2.0
 * A task: labelled examples in splits, a template, a label set; and its rows as token ids.
 */
#ifndef TASKS_DATA_TASK_H
#define TASKS_DATA_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/hash.h"
#include "store/base/status.h"
#include "store/files/file.h"
#include "tasks/text/tokenizer.h"

/* A label: its value in the data ("0", "positive") and what the model must say for it. */
typedef struct wane_label {
    const char *value, *verbalizer;
} wane_label;

/* What a user says of a task; every text NULL and every number 0 when left open. What stays open is
 * taken from a task.yaml inside the folder or archive (keys text, label, template, labels, test,
 * truncate), then from the defaults. */
typedef struct wane_task_spec {
    const char *name;        /* default: last part of path, without an archive's or file's ending */
    const char *path;        /* a folder or an archive of train|validation|test.{jsonl,json,csv,tsv}
                                (plain or .gz/.zst/...; validation is also called valid, dev
                                or eval), or one such file (then all rows are `train`) */
    const char *text_field;  /* column of the text; default by the known names (rows.h) */
    const char *label_field; /* default "label", else label_name, label_text, answer */
    const char *template_text; /* "{text}\nCategory:"; {field} only, {{ and }} for braces;
                                  default by the columns found, ending in "\nLabel:" */
    const wane_label *labels;  /* in order of label index; NULL: the values of the train split,
                                  sorted by number when all are integers, else by bytes; verbalizer
                                  = a space and the row's label_name (or label_text), else a space
                                  and the value */
    size_t label_count;
    const char *test_split;       /* "validation" to measure on that split instead of `test`;
                                     default test, else validation, else a part of train */
    size_t train_rows, test_rows; /* 0 = all; else that many, drawn by hash of the row (SUBSET) */
    uint64_t sample; /* of train_rows: 0 = the one draw there is without; n = another, the n-th.
                        The test rows stay as they are */
    double validation_fraction; /* of train, held out by hash of the row when there is no such
                                   split; default 0.1 */
    const char *truncate;       /* "left" or "right" (default): the side of the text that is cut */
} wane_task_spec;

typedef enum wane_split { WANE_SPLIT_TRAIN, WANE_SPLIT_TEST, WANE_SPLITS } wane_split;

/* One example as text. */
typedef struct wane_row {
    const char *before, *text, *after; /* the rendered prompt in three parts; only `text` is cut */
    int32_t label;                     /* index into labels */
    size_t number;                     /* its row in the source split, from 0 */
} wane_row;

typedef struct wane_task {
    const char *name;
    size_t label_count;
    const wane_label *labels;
    /* As read from files: the template, the column of the text that may be cut, and that of the
     * label. NULL for a task made in memory. */
    const char *template_text, *text_field, *label_field;
    const char *tail; /* the template's literal text after its last field */
    size_t rows[WANE_SPLITS];
    const wane_row *row[WANE_SPLITS];
    size_t train_available; /* rows of train that train_rows were drawn from */
    /* Content fingerprints: of the rendered rows in order, labels and verbalizers, cut side. Names
     * and paths are not part of them. */
    char sha256[WANE_SPLITS][WANE_SHA256_HEX];
    bool truncate_left;
    wane_hidden_files hidden; /* passed over; `first` goes with the task */
    void *memory;
} wane_task;

/* Reads and checks a task. Errors name file, line and column: label not in the set, missing
 * column, empty split, labels all -1 (suggests test: validation), no rows. Free with
 * wane_task_free. */
WANE_MUST_CHECK wane_status wane_task_open(wane_task *out, const wane_task_spec *spec,
                                           wane_error *err);
void wane_task_free(wane_task *task); /* {0} allowed */

/* Fills task->sha256 from the rest of it: for tasks made in memory. */
WANE_MUST_CHECK wane_status wane_task_fingerprint(wane_task *task, wane_error *err);

/* Test rows whose prompt is also a train row's: exactly, and after normalisation (Unicode NFKC
 * case-folded, runs of white space as one). */
typedef struct wane_overlap {
    size_t rows; /* of test that were looked at */
    size_t exact, normalised;
    size_t first_test_row; /* number of the first such row, when normalised > 0 */
} wane_overlap;
/* `limit`: of the first rows of test alone; 0 = all. */
WANE_MUST_CHECK wane_status wane_task_overlap(wane_overlap *out, const wane_task *task,
                                              size_t limit, wane_error *err);

/* The prompts of a split as token ids (BOS first where the tokenizer has one), each at most
 * max_length minus the longest label. Longer texts are cut from the task's side until the prompt as
 * a whole fits, between words where white space is within 64 bytes, else between characters, and
 * counted; template and label never are, and when these alone do not fit it is WANE_EINVAL.
 *
 * The ids of a prompt followed by the ids of a label are those of the tokenizer on prompt +
 * verbalizer as one text. Where prompt and verbalizer meet, a tokenizer may merge across (":" and
 * " yes" as ":_" and "yes"). With E = ids of the template's tail, E_l = ids of tail + verbalizer l,
 * both after a letter, a full stop and a digit as stand-ins for a text:
 *   - E begins every E_l (the usual case): label l is the rest of E_l;
 *   - else the boundary moves to the end of what all E_l share, but at most as many ids as E has;
 *     what lies before it is the prompt's, so all prompts end as the tokenizer would write them
 *     before a label. If that leaves a label empty, it moves back to what E shares with all E_l.
 * If the stand-ins disagree on a label's ids, the template has no cue that separates text and label
 * and the call is WANE_EINVAL. A row whose joint ids do not end in the label's is encoded apart and
 * counted in apart_rows. */
typedef struct wane_prompts {
    size_t rows;
    size_t *starts; /* rows + 1 offsets into ids */
    int32_t *ids;
    int32_t *labels; /* per row */
    size_t cut_rows, cut_tokens, unknown_tokens;
    size_t apart_rows;
    /* The first row that was cut (`rows` without one): the bytes of its text that stayed, and how
     * many tokens fewer it has for it. */
    size_t first_cut, cut_from, cut_kept, cut_lost;
    /* label l is label_ids[label_starts[l] .. label_starts[l + 1]). Labels differ, none is empty,
     * none holds the unknown token (WANE_EINVAL otherwise, naming the label). */
    size_t label_count, longest_label;
    size_t *label_starts;
    int32_t *label_ids;
} wane_prompts;
WANE_MUST_CHECK wane_status wane_task_encode(wane_prompts *out, const wane_task *task,
                                             wane_split split, const wane_tokenizer *tokenizer,
                                             size_t max_length, wane_error *err);
void wane_prompts_free(wane_prompts *prompts);

#endif
