/* SPDX-License-Identifier: Apache-2.0
 * Tasks and corpora that a command names by their path.
 */
#include <math.h>
#include <string.h>

#include "eval/pair/models.h"
#include "tasks/builtin/builtin.h"
#include "tasks/data/agree.h"
#include "tasks/data/like.h"

/* What an experiment takes for `path: builtin` and `builtin/NAME` when nothing more is said. */
enum {
    BUILTIN_CORPUS_SEED = 1000003,
    BUILTIN_DOCUMENTS = 500,
    BUILTIN_TRAIN_ROWS = 1000,
    BUILTIN_TEST_ROWS = 300
};

/* The tokens both models were made for. */
static size_t context_of(const wane_pair *pair)
{
    size_t base = wane_config_reach(&pair->base->config);
    size_t tuned = pair->tuned ? wane_config_reach(&pair->tuned->config) : base;
    return tuned < base ? tuned : base;
}

/* Every id must have a row in the tuned model. */
static wane_status check_rows(const int32_t *ids, size_t count, const wane_pair *pair,
                              const char *what, wane_error *err)
{
    size_t rows = pair->tuned ? pair->tuned->config.vocabulary : SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0 && (size_t)ids[i] >= rows)
            return wane_fail(err, WANE_EINVAL,
                             "compare: %s: id %d occurs, but %s has %zu rows of embeddings", what,
                             (int)ids[i], pair->tuned_path, rows);
    return WANE_OK;
}

static wane_status agree_on_text(const wane_text_data *data, const wane_pair *pair, wane_error *err)
{
    const wane_agreement of = {data->corpus.name, pair->base_path, pair->tuned_path};
    const wane_windows *w = &data->windows;
    wane_windows own = {0};
    wane_status st = check_rows(w->ids, w->starts[w->windows], pair, of.text, err);
    if (st != WANE_OK || !pair->own) return st;
    st = wane_corpus_encode(&own, &data->corpus, pair->own, &data->rule, err);
    if (st == WANE_OK) st = wane_windows_agree(w, &own, &of, err);
    wane_windows_free(&own);
    return st;
}

static wane_status agree_on_task(const wane_task_data *data, size_t length, const wane_pair *pair,
                                 wane_error *err)
{
    const wane_agreement of = {data->task.name, pair->base_path, pair->tuned_path};
    const wane_prompts *p = &data->prompts;
    wane_prompts own = {0};
    wane_status st = check_rows(p->ids, p->starts[p->rows], pair, of.text, err);
    if (st == WANE_OK)
        st = check_rows(p->label_ids, p->label_starts[p->label_count], pair, of.text, err);
    if (st != WANE_OK || !pair->own) return st;
    st = wane_task_encode(&own, &data->task, data->split, pair->own, length, err);
    if (st == WANE_OK) st = wane_prompts_agree(p, &own, &of, err);
    wane_prompts_free(&own);
    return st;
}

/* The text is read again by the tool's rule with the other tokenizer. */
static wane_status agree_on_like(const wane_text_data *data, wane_like like, const char *path,
                                 size_t window, const wane_pair *pair, wane_error *err)
{
    const wane_agreement of = {data->corpus.name, pair->base_path, pair->tuned_path};
    const wane_windows *w = &data->windows;
    wane_text_data own = {.floor = NAN};
    wane_status st = check_rows(w->ids, w->starts[w->windows], pair, of.text, err);
    if (st != WANE_OK || !pair->own) return st;
    st = wane_like_open(&own.corpus, &own.windows, &own.rule, like, path, pair->own, window,
                        context_of(pair), err);
    if (st == WANE_OK) st = wane_windows_agree(w, &own.windows, &of, err);
    wane_text_data_free(&own);
    return st;
}

static wane_status open_like(wane_text_data *out, const wane_pair *pair,
                             const wane_text_request *request, wane_error *err)
{
    wane_text_data data = {.floor = NAN};
    size_t like = 0;
    while (like < WANE_LIKES && strcmp(wane_like_names[like], request->like) != 0) like++;
    if (like == WANE_LIKES)
        return wane_fail(err, WANE_EINVAL, "--like: '%.60s' is none of %s, %s, %s", request->like,
                         wane_like_names[0], wane_like_names[1], wane_like_names[2]);
    if (request->stride || request->tokens || request->documents || request->field ||
        request->filter)
        return wane_fail(err, WANE_EINVAL,
                         "--like: %s: goes with --window and --adapter alone: the tool's rule says "
                         "the rest",
                         request->like);
    wane_status st =
        wane_like_open(&data.corpus, &data.windows, &data.rule, (wane_like)like, request->path,
                       pair->tokenizer, request->window, context_of(pair), err);
    if (st == WANE_OK)
        st = agree_on_like(&data, (wane_like)like, request->path, request->window, pair, err);
    if (st == WANE_OK) *out = data;
    else wane_text_data_free(&data);
    return st;
}

static void say_hidden(const wane_pair *pair, const char *path, const wane_hidden_files *hidden)
{
    char line[WANE_MESSAGE_BYTES];
    if (hidden->count)
        wane_log_line(&pair->log, WANE_LOG_WARNING, "%s: %s", path,
                      wane_hidden_say(line, sizeof line, hidden));
}

wane_status wane_text_data_open(wane_text_data *out, const wane_pair *pair,
                                const wane_text_request *request, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text_data data = {.floor = NAN};
    size_t context = context_of(pair);
    wane_corpus_spec spec = {.path = request->path,
                             .field = request->field,
                             .documents = request->documents,
                             .filter = request->filter};
    if (request->window > context)
        return wane_fail(err, WANE_EINVAL, "--window: %zu: the model's context is %zu tokens",
                         request->window, context);
    if (request->like) return open_like(out, pair, request, err);
    data.rule = (wane_window_rule){.window = request->window ? request->window : context,
                                   .stride = request->stride,
                                   .tokens = request->tokens};
    if (strcmp(request->path, "builtin") == 0)
        WANE_TRY(wane_builtin_corpus(&data.corpus, "builtin", BUILTIN_CORPUS_SEED,
                                     BUILTIN_DOCUMENTS, &data.floor, err));
    else WANE_TRY(wane_corpus_open(&data.corpus, &spec, err));
    say_hidden(pair, request->path, &data.corpus.hidden);
    WANE_TRY(wane_corpus_encode(&data.windows, &data.corpus, pair->tokenizer, &data.rule, err));
    WANE_TRY(agree_on_text(&data, pair, err));
    *out = data;
    data = (wane_text_data){0};
done:
    wane_text_data_free(&data);
    return st;
}

void wane_text_data_free(wane_text_data *data)
{
    wane_windows_free(&data->windows);
    wane_corpus_free(&data->corpus);
    *data = (wane_text_data){0};
}

wane_status wane_task_data_open(wane_task_data *out, const wane_pair *pair,
                                const wane_task_request *request, wane_error *err)
{
    static const char builtin[] = "builtin/";
    wane_status st = WANE_OK;
    wane_task_data data = {.split = request->train ? WANE_SPLIT_TRAIN : WANE_SPLIT_TEST};
    size_t context = context_of(pair), length = request->max_length;
    wane_task_spec spec = {.path = request->path,
                           .text_field = request->text_field,
                           .label_field = request->label_field,
                           .test_split = request->test_split,
                           .template_text = request->template_text,
                           .labels = request->labels,
                           .label_count = request->label_count};
    if (strncmp(request->path, builtin, sizeof builtin - 1) == 0) {
        if (request->template_text || request->label_count || request->text_field ||
            request->label_field || request->test_split)
            return wane_fail(err, WANE_EINVAL,
                             "open task: %s: a built-in task has its own columns, template, labels "
                             "and splits",
                             request->path);
        WANE_TRY(wane_builtin_task(&data.task, request->path + sizeof builtin - 1, 0,
                                   BUILTIN_TRAIN_ROWS, BUILTIN_TEST_ROWS, err));
    } else WANE_TRY(wane_task_open(&data.task, &spec, err));
    say_hidden(pair, request->path, &data.task.hidden);
    if (request->limit && data.task.rows[data.split] > request->limit)
        data.task.rows[data.split] = request->limit;
    if (length == 0 || length > context) length = context;
    WANE_TRY(wane_task_encode(&data.prompts, &data.task, data.split, pair->tokenizer, length, err));
    WANE_TRY(agree_on_task(&data, length, pair, err));
    *out = data;
    data = (wane_task_data){0};
done:
    wane_task_data_free(&data);
    return st;
}

void wane_task_data_free(wane_task_data *data)
{
    wane_prompts_free(&data->prompts);
    wane_task_free(&data->task);
    *data = (wane_task_data){0};
}
