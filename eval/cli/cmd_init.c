/* SPDX-License-Identifier: Apache-2.0
 * wane init: a first experiment file.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/experiment/starter.h"
#include "store/files/file.h"
#include "store/files/hub.h"

/* A path that is right in a file of that folder: itself, where the file is in the working folder;
 * else the whole of it. Owned by the caller, free with free. */
static wane_status path_in_file(char **out, const char *path, const char *file, wane_error *err)
{
    bool here = !file || !strchr(file, '/') || wane_hub_is(path);
    *out = here ? strdup(path) : realpath(path, NULL);
    if (*out) return WANE_OK;
    return here ? wane_fail_memory(err, "init", path)
                : wane_fail(err, WANE_ENOTFOUND, "init: %s: no such file or folder", path);
}

static wane_status write_page(wane_text *page, const char *file, wane_error *err)
{
    if (file) return wane_file_write(file, page->data, page->length, err);
    return wane_page_print(page, err);
}

static int run(wane_call *call)
{
    wane_starter starter = {0};
    const char *file = NULL, *model = NULL;
    static const wane_option_list none;
    wane_option_list tasks = none;
    char *written[WANE_OPTION_LIST_MOST + 1] = {NULL};
    const wane_option options[] = {
        {"output", 'o', WANE_OPTION_OUTPUT, &file, "FILE", "write it there (shown)"},
        {"model", 'm', WANE_OPTION_MODEL, &model, "MODEL", "the model to tune (the built-in one)"},
        {"task", 't', WANE_OPTION_INPUTS, &tasks, "PATH",
         "a table or folder of tables to train on; its columns and labels are filled in"},
        {"text", 0, WANE_OPTION_TEXT, &starter.text, "COLUMN", "of the text (by its known names)"},
        {"label", 0, WANE_OPTION_TEXT, &starter.label, "COLUMN", "of the label (label)"},
    };
    int code = 0;
    wane_error err;
    wane_text page = {0};
    wane_status st = WANE_OK;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 0, 0, &code)) return code;
    if (tasks.count && !model)
        return wane_cli_usage(call, "--task needs --model: the built-in model knows no words but "
                                    "those of the built-in tasks");
    if ((starter.text || starter.label) && !tasks.count)
        return wane_cli_usage(call, "--text and --label are of a --task");
    if (model && !tasks.count)
        return wane_cli_usage(call, "--model needs a --task: the built-in ones are for the "
                                    "built-in model");
    for (size_t t = 0; t < tasks.count; t++)
        WANE_TRY(path_in_file(&written[t], tasks.item[t], file, &err));
    if (model) WANE_TRY(path_in_file(&written[tasks.count], model, file, &err));
    starter.name = "mine";
    starter.model = model ? written[tasks.count] : NULL;
    starter.tasks = (const char *const *)written;
    starter.task_count = tasks.count;
    WANE_TRY(wane_experiment_starter(&page, &starter, &err));
    WANE_TRY(write_page(&page, file, &err));
done:
    wane_text_free(&page);
    for (size_t t = 0; t <= tasks.count; t++) free(written[t]);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_init = {
    "init", "init [-o FILE] [--model MODEL --task PATH ...]",
    "Write an experiment file to start from: every setting with its default, in comments.\n"
    "wane init -o mine.yaml && wane validate mine.yaml\n"
    "wane init -o mine.yaml --model models/llama --task reviews.csv --task news.jsonl",
    run};
