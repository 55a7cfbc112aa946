/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/cli/commands.h"
#include "eval/cli/models.h"
#include "eval/cli/page.h"

typedef struct eval_call {
    const char *adapter, *split;
    wane_option_list tasks, labels;
    wane_task_request request;
    size_t threads;
} eval_call;

static wane_status write_task(wane_text *rows, const wane_pair *pair, const eval_call *asked,
                              const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_task_data data = {0};
    wane_accuracy a = {0};
    wane_task_request request = asked->request;
    request.path = path;
    WANE_TRY(wane_task_data_open(&data, pair, &request, err));
    WANE_TRY(wane_measure_accuracy(&a, wane_pair_model(pair), NULL, NULL, &data.task, data.split,
                                   &data.prompts, false, pair->pool, err));
    wane_text_printf(rows, "%s\t%zu\t%.4f\t%.4f\t%.4f\t%.4f\t%zu\t%zu\n", data.task.name,
                     a.examples, a.accuracy, a.stderr_, a.loss, a.majority, data.prompts.cut_rows,
                     data.prompts.unknown_tokens);
done:
    wane_accuracy_free(&a);
    wane_task_data_free(&data);
    return st;
}

static wane_status measure(const wane_call *call, eval_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_text page = {0}, rows = {0};
    wane_label labels[WANE_OPTION_LIST_MOST];
    wane_arena *arena = wane_arena_new();
    WANE_TRY(arena ? WANE_OK : wane_fail_memory(err, "eval", "labels"));
    WANE_TRY(wane_labels_parse(labels, asked->labels.item, asked->labels.count, arena, err));
    asked->request.labels = asked->labels.count ? labels : NULL;
    asked->request.label_count = asked->labels.count;
    WANE_TRY(wane_pair_open(&pair, call->operand[0], asked->adapter, asked->threads, err));
    WANE_TRY(wane_pair_tokenizer(&pair, err));
    wane_text_string(&rows, "task\tn\taccuracy\tstderr\tloss\tmajority\tcut\tunknown tokens\n");
    for (size_t t = 0; t < asked->tasks.count; t++)
        WANE_TRY(write_task(&rows, &pair, asked, asked->tasks.item[t], err));
    wane_page_table(&page, &rows, "lrrrrrrr");
    WANE_TRY(wane_page_print(&page, err));
done:
    wane_text_free(&page);
    wane_text_free(&rows);
    wane_pair_close(&pair);
    wane_arena_free(arena);
    return st;
}

static int run(wane_call *call)
{
    eval_call asked = {.split = "test"};
    const wane_option options[] = {
        {"tasks", 0, WANE_OPTION_LIST, &asked.tasks, "PATH,...", "task folders or archives"},
        {"adapter", 'a', WANE_OPTION_TEXT, &asked.adapter, "PATH",
         "with this adapter or these tuned tensors on the model"},
        {"template", 0, WANE_OPTION_TEXT, &asked.request.template_text, "TEXT",
         "the prompt, with {field}"},
        {"labels", 0, WANE_OPTION_LIST, &asked.labels, "VALUE=WORDS,...",
         "what is said for a label"},
        {"split", 0, WANE_OPTION_TEXT, &asked.split, "test|train", "rows to measure (test)"},
        {"limit", 0, WANE_OPTION_COUNT, &asked.request.limit, "N", "rows of a task at most"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    asked.request.train = strcmp(asked.split, "train") == 0;
    if (asked.tasks.count == 0 || (!asked.request.train && strcmp(asked.split, "test") != 0))
        return wane_cli_usage(call, "--tasks is needed, --split is test or train");
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_eval = {
    "eval", "eval MODEL --tasks PATH,... [--adapter PATH] [--template T] [--labels V=W,...]",
    "Measure a model's accuracy on tasks.", run};
