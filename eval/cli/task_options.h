/* SPDX-License-Identifier: Apache-2.0
 * How a command names tasks and says how their rows are read: in the words of an experiment's task.
 */
#ifndef EVAL_CLI_TASK_OPTIONS_H
#define EVAL_CLI_TASK_OPTIONS_H

#include "eval/cli/command.h"
#include "eval/pair/models.h"

typedef struct wane_task_options {
    wane_option_list tasks, labels;
    const char *text, *label, *template_text, *test;
    size_t limit, max_length;
} wane_task_options;

/* Rows of an option table; `of` (a literal) begins the help of those that say how to read. */
#define WANE_TASK_OPTIONS(o, tasks_help, of)                                                         \
    {"tasks", 0, WANE_OPTION_INPUTS, &(o)->tasks, "PATH,...", tasks_help},                           \
        {"text",     0,        WANE_OPTION_TEXT,                                                     \
         &(o)->text, "COLUMN", of "the column of the text (by its name)"},                           \
        {"label", 0, WANE_OPTION_TEXT, &(o)->label, "COLUMN", of "the column of the label (label)"}, \
        {"template",                                                                                 \
         0,                                                                                          \
         WANE_OPTION_TEXT,                                                                           \
         &(o)->template_text,                                                                        \
         "TEXT",                                                                                     \
         of "the prompt, with {column}; \\n is a line break, \\t a tab, \\\\ a backslash"},          \
        {"labels",                                                                                   \
         0,                                                                                          \
         WANE_OPTION_LIST,                                                                           \
         &(o)->labels,                                                                               \
         "VALUE=WORDS,...",                                                                          \
         of "what is said for a label: \"0= no,1= yes\"; \\n, \\t, \\\\ as in --template"},          \
        {"test",           0,                                                                        \
         WANE_OPTION_TEXT, &(o)->test,                                                               \
         "SPLIT",          of "the split that is measured: test (else validation), or validation"},  \
        {"limit",     0,   WANE_OPTION_POSITIVE,                                                     \
         &(o)->limit, "N", of "rows at most, of each; at least 1 (all)"},                            \
    {                                                                                                \
        "max-length", 0, WANE_OPTION_POSITIVE, &(o)->max_length, "N",                                \
            of "tokens of prompt and label (the model's context)"                                    \
    }

/* What is asked of each task; `path` is left to the caller. Texts live in `arena` or are the
 * options'. WANE_EINVAL for an escape there is none of and for a label without words. */
WANE_MUST_CHECK wane_status wane_task_options_read(wane_task_request *out,
                                                   const wane_task_options *options,
                                                   wane_arena *arena, wane_error *err);

#endif
