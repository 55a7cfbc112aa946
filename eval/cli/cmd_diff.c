/* SPDX-License-Identifier: Apache-2.0
 * The command `wane diff`: compares tensor by tensor, then spectra, likelihood and accuracy where
 * both can be computed; what is printed of it stands in eval/pair/diff.c.
 */
#include <math.h>

#include "analysis/report/live.h"
#include "analysis/report/page.h"
#include "analysis/statistics/paired.h"
#include "eval/cli/commands.h"
#include "eval/cli/pair_options.h"
#include "eval/cli/task_options.h"
#include "eval/pair/diff.h"
#include "eval/pair/pair_store.h"

typedef struct diff_call {
    wane_pair_question question;
    wane_text_request text;
    wane_task_options tasks;
    wane_compare_call compare;
} diff_call;

/* The tensors of each kind together. */
static void group_changes(wane_diff *diff)
{
    for (int g = 0; g < WANE_DIFF_GROUPS; g++)
        diff->group[g].name = wane_tensor_kind_name((wane_tensor_kind)g);
    for (size_t i = 0; i < diff->comparison.count; i++) {
        const wane_tensor_change *t = &diff->changes.list[i];
        wane_diff_group *g = &diff->group[diff->comparison.list[i].kind];
        g->tensors++;
        g->changed += t->changed;
        g->base_square += t->base_square;
        g->delta_square += t->delta_square;
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
    wane_live_show("likelihood of %s", c->text.corpus.name);
    WANE_TRY(wane_measure_likelihood(&c->before, pair->base, NULL, NULL, &c->text.windows,
                                     pair->pool, err));
    /* Distributions over different vocabularies have no KL, nor those that are none. */
    if (pair->tuned->config.vocabulary != pair->base->config.vocabulary)
        c->kl_reason = "vocabularies_differ";
    else c->kl_reason = c->before.reason;
    WANE_TRY(wane_measure_likelihood(&c->after, pair->tuned, NULL, c->kl_reason ? NULL : pair->base,
                                     &c->text.windows, pair->pool, err));
    c->change_stderr = NAN;
    if (c->after.reason) c->kl_reason = c->after.reason;
    if (c->before.reason || c->after.reason) goto done;
    nll = wane_alloc(c->before.windows, sizeof *nll);
    if (!nll) WANE_TRY(wane_fail_memory(err, "diff", request->path));
    for (size_t i = 0; i < c->before.windows; i++) nll[i] = c->before.window[i].nll;
    WANE_TRY(wane_likelihood_paired(&c->change_stderr, &c->after, nll, &c->text.windows, err));
done:
    wane_live_clear();
    wane_free(nll);
    return st;
}

static wane_status measure_task(wane_diff_task *t, const wane_pair *pair,
                                const wane_task_request *request, wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(wane_task_data_open(&t->data, pair, request, err));
    wane_live_show("accuracy on %s", t->data.task.name);
    WANE_TRY(wane_measure_accuracy(&t->before, pair->base, NULL, NULL, &t->data.task, t->data.split,
                                   &t->data.prompts, false, pair->pool, err));
    WANE_TRY(wane_measure_accuracy(&t->after, pair->tuned, NULL, NULL, &t->data.task, t->data.split,
                                   &t->data.prompts, false, pair->pool, err));
    t->p = NAN;
    t->reason = t->before.reason ? t->before.reason : t->after.reason;
    if (t->reason) goto done;
    for (size_t i = 0; i < t->after.examples; i++) {
        const wane_example_score *a = &t->before.example[i], *b = &t->after.example[i];
        bool was = a->predicted == a->label, is = b->predicted == b->label;
        t->only_before += was && !is;
        t->only_after += is && !was;
    }
    t->p = wane_mcnemar_exact(t->only_before, t->only_after);
done:
    wane_live_clear();
    return st;
}

static wane_status measure_tasks(wane_diff *diff, diff_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_task_request request;
    wane_arena *arena = wane_arena_new();
    const wane_option_list *paths = &asked->tasks.tasks;
    diff->task = wane_alloc(paths->count, sizeof *diff->task);
    if (!arena || !diff->task) WANE_TRY(wane_fail_memory(err, "diff", "tasks"));
    WANE_TRY(wane_task_options_read(&request, &asked->tasks, arena, err));
    for (size_t t = 0; t < paths->count; t++) {
        request.path = paths->item[t];
        diff->task_count++;
        WANE_TRY(measure_task(&diff->task[t], &diff->pair, &request, err));
    }
done:
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
    wane_tensor_changes_free(&diff->changes);
    wane_pair_spectra_free(&diff->spectra);
    wane_comparison_close(&diff->comparison);
    wane_pair_close(&diff->pair);
    wane_pool_free(diff->pool);
    *diff = (wane_diff){0};
}

static wane_status not_finite(const char *path, const char *what, const char *name, wane_error *err)
{
    return wane_fail(err, WANE_ENUMERIC, "diff: %s: %s %.200s: not finite (NaN or infinite)", path,
                     what, name);
}

wane_status wane_diff_finite(const wane_diff *diff, wane_error *err)
{
    const wane_comparison *c = &diff->comparison;
    const char *path[2] = {c->base.path, c->tuned.path};
    wane_status st = wane_tensor_changes_finite(&diff->changes, c, "diff", err);
    if (st != WANE_OK) return st;
    if (isinf(diff->merge_difference)) return not_finite(path[1], "the logits of", path[1], err);
    if (diff->corpus) {
        const char *name = diff->corpus->text.corpus.name;
        if (diff->corpus->before.reason) return not_finite(path[0], "logits on corpus", name, err);
        if (diff->corpus->after.reason) return not_finite(path[1], "logits on corpus", name, err);
    }
    for (size_t t = 0; t < diff->task_count; t++) {
        const wane_diff_task *task = &diff->task[t];
        if (task->reason)
            return not_finite(path[task->before.reason == NULL], "logits on task",
                              task->data.task.name, err);
    }
    return WANE_OK;
}

/* Whether the base is a model of this version and the adapter one it can be merged with. */
static wane_status can_merge(bool *out, const wane_comparison *c, wane_error *err)
{
    const wane_update *update = &c->tuned.update;
    wane_status st = wane_config_is_computed(out, c->base.package, err);
    *out = *out && c->tuned.adapter && !update->facts.fan_in_fan_out && c->only_count[1] == 0;
    for (size_t i = 0; i < update->count; i++) *out = *out && !update->tensors[i].data;
    return st;
}

/* What a base and a tuned model of so many numbers take in memory. */
static double models_bytes(const wane_comparison *c)
{
    double numbers = 0;
    for (size_t i = 0; i < c->count; i++) numbers += (double)c->list[i].base->elements;
    return 2 * sizeof(float) * numbers;
}

static wane_status measure_models(wane_diff *diff, const wane_call *call, diff_call *asked,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    const double most = 2147483648.0; /* bytes that looking at a merge may cost */
    bool merge = false, measured = asked->text.path || asked->tasks.tasks.count;
    diff->merge_difference = NAN;
    WANE_TRY(can_merge(&merge, &diff->comparison, err));
    if (merge && !measured && models_bytes(&diff->comparison) > most) {
        diff->merge_bytes = models_bytes(&diff->comparison);
        return WANE_OK;
    }
    if (!merge && !measured) return WANE_OK;
    WANE_TRY(wane_pair_open(&diff->pair, call->operand[0], call->operand[1], asked->compare.threads,
                            err));
    WANE_TRY(wane_pair_merge_difference(&diff->merge_difference, &diff->pair, err));
    if (measured) WANE_TRY(wane_pair_tokenizer(&diff->pair, err));
    if (asked->text.path) WANE_TRY(measure_corpus(diff, &asked->text, err));
    if (asked->tasks.tasks.count) WANE_TRY(measure_tasks(diff, asked, err));
done:
    return st;
}

static wane_status measure(const wane_call *call, diff_call *asked,
                           const wane_comparison_options *options, wane_error *err)
{
    static const bool shown[2] = {true, true};
    wane_status st = WANE_OK;
    wane_diff diff = {.question = asked->question};
    const wane_compare_call *compare = &asked->compare;
    wane_pair_store *store = NULL;
    wane_text page = {0};
    WANE_TRY(wane_pool_new(&diff.pool, (int)compare->threads, err));
    WANE_TRY(wane_comparison_open(&diff.comparison, call->operand[0], call->operand[1], options,
                                  &wane_compare_log, err));
    WANE_TRY(wane_tensor_changes_find(&diff.changes, &diff.comparison, diff.pool, err));
    group_changes(&diff);
    WANE_TRY(measure_models(&diff, call, asked, err));
    if (compare->db) {
        WANE_TRY(wane_pair_store_open(&store, compare->db, &diff.comparison, &diff.question,
                                      compare->threads, err));
        diff.question.keeper = wane_pair_store_keeper(store);
    }
    WANE_TRY(
        wane_pair_spectra_find(&diff.spectra, &diff.comparison, &diff.question, diff.pool, err));
    if (store) WANE_TRY(wane_pair_store_seal(store, &diff.spectra, err));
    if (compare->csv) wane_compare_tell_settings(&diff.comparison);
    if (compare->json) wane_diff_write_json(&page, &diff);
    else if (compare->csv)
        wane_pair_spectra_write_csv(&page, &diff.spectra, &diff.comparison, &diff.question, shown,
                                    compare->csv_plain);
    else wane_diff_write_page(&page, &diff);
    WANE_TRY(compare->csv ? wane_page_print_data(&page, err) : wane_page_print(&page, err));
    st = wane_diff_finite(&diff, err);
done:
    wane_pair_store_close(store);
    wane_diff_free(&diff);
    return st;
}

static int run(wane_call *call)
{
    diff_call asked = {.question = {.k = 10, .epsilon = 0.5, .u = true, .v = true, .parts = true}};
    const wane_option options[] = {
        {"corpus", 0, WANE_OPTION_INPUT, &asked.text.path, "FILE",
         "also the likelihood of this text before and after"},
        {"tokens", 0, WANE_OPTION_POSITIVE, &asked.text.tokens, "N",
         "of the text: documents until so many tokens are scored, at least 1 (all)"},
        {"filter", 0, WANE_OPTION_TEXT, &asked.text.filter, "ascii",
         "of the text: only documents that are plain ASCII"},
        {"documents", 0, WANE_OPTION_TEXT, &asked.text.documents, "RULE",
         "of plain text: blank (parts between blank lines) or whole"},
        {"field", 0, WANE_OPTION_TEXT, &asked.text.field, "NAME",
         "of rows (.csv, .tsv, .json, .jsonl): the column or key that is the text (text)"},
        WANE_TASK_OPTIONS(&asked.tasks, "also the accuracy on these before and after",
                          "of the tasks: "),
        WANE_SPECTRA_OPTIONS(&asked.question),
        WANE_COMPARE_OPTIONS(&asked.compare),
        WANE_COMPARE_ROWS_OPTIONS(&asked.compare),
    };
    int code = 0;
    wane_error err;
    wane_comparison_options names;
    call->models = 2;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    if (!wane_spectra_options(call, &asked.question, &code)) return code;
    if (!wane_compare_options(&names, call, &asked.compare, &code)) return code;
    if (asked.compare.csv && (asked.text.path || asked.tasks.tasks.count))
        return wane_cli_usage(call, "--csv holds the matrices alone; --json has all");
    if (asked.compare.db) wane_pair_store_widen(&asked.question);
    return measure(call, &asked, &names, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_diff = {
    "diff", "diff BASE TUNED [--corpus FILE] [--tasks PATH,...] [--csv | --json] [--db FILE]",
    "One page on what tuning changed: intruders, norms, likelihood, accuracy.", run};
