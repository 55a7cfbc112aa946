/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/statistics/paired.h"
#include "eval/cli/commands.h"
#include "eval/cli/diff.h"
#include "eval/cli/page.h"
#include "eval/cli/progress.h"

typedef struct diff_call {
    wane_pair_question question;
    wane_text_request text;
    wane_task_request task;
    wane_option_list tasks, labels;
    size_t threads;
    bool json;
} diff_call;

/* ------------------------------------------------------------------------------------- tensors */

static size_t group_of(wane_role role)
{
    switch (role) {
    case WANE_ROLE_EMBEDDING: return 0;
    case WANE_ROLE_Q:
    case WANE_ROLE_K:
    case WANE_ROLE_V:
    case WANE_ROLE_O: return 1;
    case WANE_ROLE_GATE:
    case WANE_ROLE_UP:
    case WANE_ROLE_DOWN: return 2;
    case WANE_ROLE_NORM: return 3;
    case WANE_ROLE_BIAS: return 4;
    case WANE_ROLE_HEAD: return 5;
    }
    return 0;
}

/* Norms of all tensors as they are merged. */
static void compare_tensors(wane_diff *diff)
{
    static const char *const names[WANE_DIFF_GROUPS] = {"embedding", "attention", "mlp",
                                                        "norms",     "biases",    "head"};
    const wane_pair *pair = &diff->pair;
    const wane_parameters *table = &pair->base->parameters;
    for (size_t g = 0; g < WANE_DIFF_GROUPS; g++) diff->group[g].name = names[g];
    for (size_t i = 0; i < table->count; i++) {
        const wane_parameter *p = &table->parameter[i];
        const float *x = pair->base->weights + p->offset, *y = pair->tuned->weights + p->offset;
        wane_diff_group *g = &diff->group[group_of(p->role)];
        double square = 0;
        for (size_t j = 0; j < p->rows * p->cols; j++) {
            double d = (double)y[j] - (double)x[j];
            square += d * d;
            g->base_square += (double)x[j] * (double)x[j];
        }
        g->tensors++;
        g->changed += square > 0;
        g->delta_square += square;
    }
}

/* ------------------------------------------------------------------------- likelihood, accuracy */

static wane_status measure_corpus(wane_diff *diff, const wane_text_request *request,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_pair *pair = &diff->pair;
    double *nll = NULL;
    wane_diff_corpus *c = diff->corpus = wane_alloc(1, sizeof *c);
    if (!c) return wane_fail_memory(err, "diff", request->path);
    WANE_TRY(wane_text_data_open(&c->text, pair, request, err));
    wane_progress_live("likelihood of %s", c->text.corpus.name);
    WANE_TRY(wane_measure_likelihood(&c->before, pair->base, NULL, NULL, &c->text.windows,
                                     pair->pool, err));
    WANE_TRY(wane_measure_likelihood(&c->after, pair->tuned, NULL, pair->base, &c->text.windows,
                                     pair->pool, err));
    nll = wane_alloc(c->before.windows, sizeof *nll);
    if (!nll) WANE_TRY(wane_fail_memory(err, "diff", request->path));
    for (size_t i = 0; i < c->before.windows; i++) nll[i] = c->before.window[i].nll;
    WANE_TRY(wane_likelihood_paired(&c->change_stderr, &c->after, nll, &c->text.windows, err));
done:
    wane_progress_clear();
    wane_free(nll);
    return st;
}

static wane_status measure_task(wane_diff_task *t, const wane_pair *pair,
                                const wane_task_request *request, wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(wane_task_data_open(&t->data, pair, request, err));
    wane_progress_live("accuracy on %s", t->data.task.name);
    WANE_TRY(wane_measure_accuracy(&t->before, pair->base, NULL, NULL, &t->data.task, t->data.split,
                                   &t->data.prompts, false, pair->pool, err));
    WANE_TRY(wane_measure_accuracy(&t->after, pair->tuned, NULL, NULL, &t->data.task, t->data.split,
                                   &t->data.prompts, false, pair->pool, err));
    for (size_t i = 0; i < t->after.examples; i++) {
        const wane_example_score *a = &t->before.example[i], *b = &t->after.example[i];
        bool was = a->predicted == a->label, is = b->predicted == b->label;
        t->only_before += was && !is;
        t->only_after += is && !was;
    }
    t->p = wane_mcnemar_exact(t->only_before, t->only_after);
done:
    wane_progress_clear();
    return st;
}

static wane_status measure_tasks(wane_diff *diff, diff_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_label labels[WANE_OPTION_LIST_MOST];
    wane_arena *arena = wane_arena_new();
    diff->task = wane_alloc(asked->tasks.count, sizeof *diff->task);
    if (!arena || !diff->task) WANE_TRY(wane_fail_memory(err, "diff", "tasks"));
    WANE_TRY(wane_labels_parse(labels, asked->labels.item, asked->labels.count, arena, err));
    asked->task.labels = asked->labels.count ? labels : NULL;
    asked->task.label_count = asked->labels.count;
    for (size_t t = 0; t < asked->tasks.count; t++) {
        asked->task.path = asked->tasks.item[t];
        diff->task_count++;
        WANE_TRY(measure_task(&diff->task[t], &diff->pair, &asked->task, err));
    }
done:
    asked->task.labels = NULL;
    wane_arena_free(arena);
    return st;
}

/* ----------------------------------------------------------------------------------------- all */

void wane_diff_free(wane_diff *diff)
{
    for (size_t t = 0; t < diff->task_count; t++) {
        wane_accuracy_free(&diff->task[t].before);
        wane_accuracy_free(&diff->task[t].after);
        wane_task_data_free(&diff->task[t].data);
    }
    if (diff->corpus) {
        wane_likelihood_free(&diff->corpus->before);
        wane_likelihood_free(&diff->corpus->after);
        wane_text_data_free(&diff->corpus->text);
    }
    wane_free(diff->task);
    wane_free(diff->corpus);
    wane_pair_spectra_free(&diff->spectra);
    wane_pair_close(&diff->pair);
    *diff = (wane_diff){0};
}

static wane_status measure(const wane_call *call, diff_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_diff diff = {.question = asked->question};
    wane_text page = {0};
    WANE_TRY(wane_pair_open(&diff.pair, call->operand[0], call->operand[1], asked->threads, err));
    if (asked->text.path || asked->tasks.count) WANE_TRY(wane_pair_tokenizer(&diff.pair, err));
    compare_tensors(&diff);
    WANE_TRY(wane_pair_merge_difference(&diff.merge_difference, &diff.pair, err));
    if (asked->text.path) WANE_TRY(measure_corpus(&diff, &asked->text, err));
    if (asked->tasks.count) WANE_TRY(measure_tasks(&diff, asked, err));
    WANE_TRY(wane_pair_spectra_find(&diff.spectra, &diff.pair, &diff.question, err));
    if (asked->json) wane_diff_write_json(&page, &diff);
    else wane_diff_write_page(&page, &diff);
    WANE_TRY(wane_page_print(&page, err));
done:
    wane_diff_free(&diff);
    return st;
}

static int run(wane_call *call)
{
    diff_call asked = {.question = {.k = 10, .epsilon = 0.5, .u = true, .v = true}};
    const wane_option options[] = {
        {"corpus", 0, WANE_OPTION_TEXT, &asked.text.path, "FILE",
         "also the likelihood of this text before and after"},
        {"tokens", 0, WANE_OPTION_COUNT, &asked.text.tokens, "N",
         "of the text: documents until so many tokens are scored (all)"},
        {"filter", 0, WANE_OPTION_TEXT, &asked.text.filter, "ascii",
         "of the text: only documents that are plain ASCII"},
        {"documents", 0, WANE_OPTION_TEXT, &asked.text.documents, "RULE",
         "of plain text: blank (parts between blank lines) or whole"},
        {"tasks", 0, WANE_OPTION_LIST, &asked.tasks, "PATH,...",
         "also the accuracy on these before and after"},
        {"template", 0, WANE_OPTION_TEXT, &asked.task.template_text, "TEXT",
         "of the tasks: the prompt, with {field}"},
        {"labels", 0, WANE_OPTION_LIST, &asked.labels, "VALUE=WORDS,...",
         "of the tasks: what is said for a label"},
        {"max-length", 0, WANE_OPTION_COUNT, &asked.task.max_length, "N",
         "of the tasks: tokens of prompt and label (the model's context)"},
        {"limit", 0, WANE_OPTION_COUNT, &asked.task.limit, "N", "of the tasks: rows at most"},
        {"top", 'k', WANE_OPTION_COUNT, &asked.question.k, "K",
         "top directions of each matrix (10)"},
        {"epsilon", 0, WANE_OPTION_NUMBER, &asked.question.epsilon, "E",
         "an intruder's largest |cosine| is below this (0.5)"},
        {"cache", 0, WANE_OPTION_TEXT, &asked.question.cache, "DIR",
         "keep the base's spectra here"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &asked.json, NULL, "all of it as JSON"},
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    if (asked.question.k == 0 || !(asked.question.epsilon > 0 && asked.question.epsilon <= 1))
        return wane_cli_usage(call, "-k is at least 1, --epsilon in (0, 1]");
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_diff = {
    "diff", "diff BASE TUNED [--corpus FILE] [--tasks PATH,...] [--json]",
    "One page on what tuning changed: intruders, norms, likelihood, accuracy.", run};
