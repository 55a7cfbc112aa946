/* SPDX-License-Identifier: Apache-2.0
 * The command `wane eval`: tasks by their paths, scored one by one, with every row as a line of
 * JSON if asked for.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/task_options.h"
#include "eval/pair/models.h"
#include "store/files/file.h"
#include "store/files/json.h"

typedef struct eval_call {
    const char *adapter, *split;
    wane_task_options tasks;
    wane_task_request request;
    const char *examples; /* file for the outcome of every row */
    size_t threads;
    bool json, per_token;
} eval_call;

static void write_row(wane_text *rows, const wane_task_data *data, const wane_accuracy *a,
                      const eval_call *asked)
{
    const wane_prompts *p = &data->prompts;
    const double numbers[] = {a->accuracy, a->stderr_, a->loss, a->majority};
    char text[32];
    wane_text_printf(rows, "%s\t%s\t%zu", data->task.name, asked->split, a->examples);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        wane_text_printf(rows, "\t%s", wane_page_fixed(text, numbers[i], 4));
    wane_text_printf(rows, "\t%zu\t%zu\t%zu\t%s\n", p->label_count, p->cut_rows, p->unknown_tokens,
                     a->reason ? a->reason : "-");
}

static void write_number(wane_text *out, const char *key, double value)
{
    wane_text_printf(out, ", \"%s\": ", key);
    wane_json_write_number(out, value);
}

static void write_json(wane_text *out, const wane_task_data *data, const wane_accuracy *a,
                       const eval_call *asked)
{
    const wane_prompts *p = &data->prompts;
    wane_text_string(out, "{\"task\": ");
    wane_json_write_string(out, data->task.name);
    wane_text_printf(out, ", \"split\": \"%s\", \"data_sha256\": \"%s\", \"n\": %zu", asked->split,
                     data->task.sha256[data->split], a->examples);
    write_number(out, "accuracy", a->accuracy);
    write_number(out, "stderr", a->stderr_);
    write_number(out, "loss", a->loss);
    write_number(out, "majority", a->majority);
    wane_text_string(out, ", \"reason\": ");
    wane_json_write_string(out, a->reason);
    wane_text_printf(out,
                     ", \"labels\": %zu, \"cut_rows\": %zu, \"cut_tokens\": %zu, "
                     "\"unknown_tokens\": %zu, \"apart_rows\": %zu}",
                     p->label_count, p->cut_rows, p->cut_tokens, p->unknown_tokens, p->apart_rows);
}

/* One line of JSON for every row: the columns of table example. A task without a score has none. */
static void write_examples(wane_text *out, const wane_task_data *data, const wane_accuracy *a,
                           const eval_call *asked)
{
    for (size_t i = 0; i < a->examples && !a->reason; i++) {
        const wane_example_score *e = &a->example[i];
        wane_text_string(out, "{\"task\": ");
        wane_json_write_string(out, data->task.name);
        wane_text_printf(out, ", \"split\": \"%s\", \"row\": %zu, \"label\": ", asked->split,
                         e->row);
        wane_json_write_string(out, data->task.labels[e->label].value);
        wane_text_string(out, ", \"predicted\": ");
        wane_json_write_string(out, data->task.labels[e->predicted].value);
        write_number(out, "margin", e->margin);
        write_number(out, "loss", e->loss);
        wane_text_string(out, "}\n");
    }
}

/* *bad becomes the error of the first task without a score; the others are measured all the same.
 */
static wane_status measure_task(wane_text *out, wane_text *examples, wane_error *bad,
                                const wane_pair *pair, const eval_call *asked, const char *path,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    wane_task_data data = {0};
    wane_accuracy a = {0};
    wane_task_request request = asked->request;
    request.path = path;
    WANE_TRY(wane_task_data_open(&data, pair, &request, err));
    wane_live_show("%s: %zu rows", data.task.name, data.prompts.rows);
    WANE_TRY(wane_measure_accuracy(&a, wane_pair_model(pair), NULL, NULL, &data.task, data.split,
                                   &data.prompts, asked->per_token, pair->pool, err));
    if (asked->json) write_json(out, &data, &a, asked);
    else write_row(out, &data, &a, asked);
    if (asked->examples) write_examples(examples, &data, &a, asked);
    if (a.reason && bad->code == WANE_OK) {
        char what[160];
        (void)snprintf(what, sizeof what, "task %.120s, row %zu", data.task.name, a.row);
        (void)!wane_pair_not_finite("eval", pair, what, bad);
    }
done:
    wane_live_clear();
    wane_accuracy_free(&a);
    wane_task_data_free(&data);
    return st;
}

static wane_status measure_all(wane_text *page, wane_error *bad, const wane_pair *pair,
                               const eval_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text rows = {0}, examples = {0};
    wane_text_string(&rows, asked->json ? "["
                                        : "task\tsplit\tn\taccuracy\tstderr\tloss\tmajority\t"
                                          "labels\tcut rows\tunknown tokens\treason\n");
    const wane_option_list *paths = &asked->tasks.tasks;
    for (size_t t = 0; t < paths->count; t++) {
        if (asked->json && t) wane_text_string(&rows, ", ");
        WANE_TRY(measure_task(&rows, &examples, bad, pair, asked, paths->item[t], err));
    }
    if (asked->json) wane_text_string(&rows, "]\n");
    WANE_TRY(wane_text_check(&rows, "eval", "tasks", err));
    if (asked->json) wane_text_append(page, rows.data, rows.length);
    else wane_page_table(page, &rows, "llrrrrrrrrl");
    if (asked->examples) {
        WANE_TRY(wane_text_check(&examples, "eval", asked->examples, err));
        WANE_TRY(wane_file_write(asked->examples, examples.data, examples.length, err));
    }
done:
    wane_text_free(&rows);
    wane_text_free(&examples);
    return st;
}

static wane_status measure(const wane_call *call, eval_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_text page = {0};
    wane_error bad = {.code = WANE_OK};
    bool train = asked->request.train;
    wane_arena *arena = wane_arena_new();
    if (!arena) WANE_TRY(wane_fail_memory(err, "eval", "labels"));
    WANE_TRY(wane_task_options_read(&asked->request, &asked->tasks, arena, err));
    asked->request.train = train;
    WANE_TRY(wane_pair_open(&pair, call->operand[0], asked->adapter, asked->threads, err));
    WANE_TRY(wane_pair_tokenizer(&pair, err));
    WANE_TRY(measure_all(&page, &bad, &pair, asked, err));
    WANE_TRY(wane_page_print(&page, err));
    if ((st = bad.code) != WANE_OK) *err = bad;
done:
    wane_text_free(&page);
    wane_pair_close(&pair);
    wane_arena_free(arena);
    return st;
}

static int run(wane_call *call)
{
    eval_call asked = {.split = "test"};
    const wane_option options[] = {
        WANE_TASK_OPTIONS(&asked.tasks, "task folders or archives; builtin/NAME", ""),
        {"adapter", 'a', WANE_OPTION_MODEL, &asked.adapter, "PATH",
         "with this adapter or these tuned tensors on the model"},
        {"split", 0, WANE_OPTION_TEXT, &asked.split, "test|train", "rows to measure (test)"},
        {"per-token", 0, WANE_OPTION_FLAG, &asked.per_token, NULL,
         "a label's score is the mean over its tokens, not the sum"},
        {"examples", 0, WANE_OPTION_OUTPUT, &asked.examples, "FILE",
         "write every row's label, prediction, margin and loss here (JSON lines)"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &asked.json, NULL, "a list of the tasks as JSON"},
    };
    int code = 0;
    wane_error err;
    call->models = 1;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, 1, &code)) return code;
    asked.request.train = strcmp(asked.split, "train") == 0;
    if (asked.tasks.tasks.count == 0) return wane_cli_usage(call, "--tasks is needed");
    if (!asked.request.train && strcmp(asked.split, "test") != 0)
        return wane_cli_usage(call, "--split is test or train, not '%s'", asked.split);
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_eval = {
    "eval", "eval MODEL --tasks PATH,... [--adapter PATH] [--text C] [--label C] [--template T]",
    "Measure a model's accuracy on tasks.", run};
