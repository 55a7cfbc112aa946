/* SPDX-License-Identifier: Apache-2.0
 * Opens data before the model, encodes every task and corpus, and hashes what decides a measurement
 * into the name its cells go by.
 */
#include "eval/experiment/inputs.h"

#include <math.h>
#include <stdio.h>

#include "eval/experiment/inputs_parts.h"
#include "eval/experiment/pretrain.h"
#include "eval/pair/given.h"
#include "store/base/matrix_name.h"
#include "store/base/memory.h"
#include "tasks/builtin/builtin.h"

static wane_status open_task(wane_input_task *out, const wane_experiment_task *wanted,
                             wane_error *err)
{
    if (!wanted->builtin) return wane_task_open(&out->task, &wanted->spec, err);
    return wane_builtin_task(&out->task, wanted->builtin, wanted->builtin_seed,
                             wanted->spec.train_rows, wanted->spec.test_rows, err);
}

static wane_status open_corpus(wane_input_corpus *out, const wane_experiment_corpus *wanted,
                               wane_error *err)
{
    out->floor = NAN;
    if (!wanted->builtin) return wane_corpus_open(&out->corpus, &wanted->spec, err);
    return wane_builtin_corpus(&out->corpus, wanted->spec.name, wanted->builtin_seed,
                               wanted->builtin_documents, &out->floor, err);
}

/* name@hash, the hash over everything that decides a measurement. */
static wane_status make_key(char key[128], char settings[WANE_SHA256_HEX], const char *name,
                            const char *data, wane_sha256 *hash, wane_error *err)
{
    wane_sha256 *whole = NULL;
    char digest[WANE_SHA256_HEX];
    wane_status st = wane_sha256_end(settings, hash, err);
    if (st == WANE_OK) st = wane_sha256_begin(&whole, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(whole, settings);
    wane_sha256_text(whole, data);
    if ((st = wane_sha256_end(digest, whole, err)) != WANE_OK) return st;
    (void)snprintf(key, 128, "%.100s@%.16s", name, digest);
    return WANE_OK;
}

/* Test rows beyond `limit` are not measured. */
static void limit_rows(wane_prompts *prompts, size_t limit)
{
    if (limit && prompts->rows > limit) prompts->rows = limit;
}

/* The files, before a model that may have to be made first. */
static wane_status open_data(wane_inputs *in, wane_error *err)
{
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    for (size_t t = 0; t < x->task_count && st == WANE_OK; t++)
        st = open_task(&in->tasks[t], &x->tasks[t], err);
    for (size_t c = 0; c < x->corpus_count && st == WANE_OK; c++)
        st = open_corpus(&in->corpora[c], &x->corpora[c], err);
    return st;
}

static wane_status read_task(wane_inputs *in, size_t t, wane_error *err)
{
    const wane_experiment *x = in->experiment;
    const wane_experiment_task *wanted = &x->tasks[t];
    wane_input_task *task = &in->tasks[t];
    wane_sha256 *hash = NULL;
    wane_status st = wane_task_overlap(&task->overlap, &task->task, x->limit, err);
    if (st == WANE_OK)
        st = wane_task_encode(&task->test, &task->task, WANE_SPLIT_TEST, in->tokenizer,
                              in->max_length, err);
    if (st == WANE_OK && !wanted->watched) st = wane_inputs_check_rows(in, &task->task, err);
    if (st == WANE_OK) st = wane_inputs_read_samples(in, t, err);
    if (st == WANE_OK) st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    limit_rows(&task->test, x->limit);
    wane_sha256_text(hash, "score");
    wane_sha256_text(hash, wane_tokenizer_sha256(in->tokenizer));
    wane_sha256_text(hash, wanted->per_token ? "tokens" : "sum");
    wane_sha256_number(hash, "max_length", (double)in->max_length);
    wane_sha256_number(hash, "rows", (double)task->test.rows);
    if (x->head != WANE_HEAD_VERBALIZER) wane_sha256_text(hash, wane_head_names[x->head]);
    if (x->head == WANE_HEAD_REPROBE) wane_sha256_text(hash, task->task.sha256[WANE_SPLIT_TRAIN]);
    return make_key(task->key, task->settings, wanted->spec.name,
                    task->task.sha256[WANE_SPLIT_TEST], hash, err);
}

static wane_status read_corpus(wane_inputs *in, size_t c, wane_error *err)
{
    const wane_experiment_corpus *wanted = &in->experiment->corpora[c];
    wane_input_corpus *corpus = &in->corpora[c];
    wane_sha256 *hash = NULL;
    wane_status st = WANE_OK;
    size_t context = wane_config_reach(&in->base->config);
    corpus->rule = (wane_window_rule){
        .window = wanted->window && wanted->window < context ? wanted->window : context,
        .stride = wanted->stride,
        .tokens = wanted->tokens};
    st = wane_corpus_encode(&corpus->windows, &corpus->corpus, in->tokenizer, &corpus->rule, err);
    if (st == WANE_OK)
        st = wane_windows_unigram_entropy(&corpus->unigram_entropy, &corpus->windows, err);
    if (st == WANE_OK) st = wane_sha256_begin(&hash, err);
    if (st != WANE_OK) return st;
    wane_sha256_text(hash, "likelihood");
    wane_sha256_text(hash, wane_tokenizer_sha256(in->tokenizer));
    wane_sha256_number(hash, "window", (double)corpus->rule.window);
    wane_sha256_number(hash, "stride", (double)corpus->rule.stride);
    wane_sha256_number(hash, "tokens", (double)corpus->rule.tokens);
    return make_key(corpus->key, corpus->settings, wanted->spec.name, corpus->corpus.sha256, hash,
                    err);
}

static wane_status read_model(wane_inputs *in, const char *builtin_folder, wane_pool *pool,
                              const wane_log *log, wane_error *err)
{
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    if (x->model) {
        in->model_path = wane_strdup(x->model);
        if (!in->model_path) st = wane_fail_memory(err, "read", x->model);
    } else {
        char *folder = NULL;
        st = wane_pretrain_builtin(&folder, &x->pretraining, builtin_folder, pool, log, err);
        in->model_path = folder;
    }
    wane_package *package = NULL;
    if (st == WANE_OK) st = wane_package_open(&package, in->model_path, err);
    if (st == WANE_OK) wane_given_tell_both(package, true, log);
    if (st == WANE_OK) st = wane_model_load_package(&in->base, package, err);
    if (st == WANE_OK) wane_given_tell_others(in->base, in->model_path, log);
    if (st == WANE_OK) st = wane_tokenizer_load_package(&in->tokenizer, package, err);
    wane_package_close(package);
    if (st != WANE_OK) return st;
    wane_tokenizer_set_rows(in->tokenizer, in->base->config.vocabulary);
    return wane_model_sha256(in->model_key, in->base, err);
}

/* Each name under `matrices` must name a matrix. */
static wane_status check_shown(const wane_experiment *x, const wane_parameters *table,
                               wane_error *err)
{
    for (size_t i = 0; i < x->shown_count; i++) {
        bool found = false;
        for (size_t p = 0; p < table->count && !found; p++)
            found = table->parameter[p].linear &&
                    wane_matrix_named(x->shown[i].pattern, table->parameter[p].name);
        if (!found)
            return wane_fail_at(err, WANE_EINVAL, x->shown[i].line, x->shown[i].column,
                                "%s: matrices: '%.60s' names no linear weight of the model",
                                x->file, x->shown[i].pattern);
    }
    return WANE_OK;
}

/* Prompts are measured at the length the methods train at: the longest of them. */
static size_t measured_length(const wane_experiment *x, size_t context)
{
    size_t longest = 0;
    for (size_t c = 0; c < x->config_count; c++)
        if (x->configs[c].training.max_seq_length > longest)
            longest = x->configs[c].training.max_seq_length;
    return longest && longest < context ? longest : context;
}

wane_status wane_inputs_open(wane_inputs **out, const wane_experiment *experiment,
                             const char *builtin_folder, wane_pool *pool, const wane_log *log,
                             wane_error *err)
{
    wane_status st = WANE_OK;
    wane_inputs *in = wane_alloc(1, sizeof *in);
    if (!in) return wane_fail_memory(err, "read", experiment->file);
    in->experiment = experiment;
    in->tasks = wane_alloc(experiment->task_count, sizeof *in->tasks);
    in->corpora = wane_alloc(experiment->corpus_count, sizeof *in->corpora);
    if (!in->tasks || !in->corpora) {
        st = wane_fail_memory(err, "read", experiment->file);
        goto done;
    }
    WANE_TRY(open_data(in, err));
    WANE_TRY(read_model(in, builtin_folder, pool, log, err));
    WANE_TRY(check_shown(experiment, &in->base->parameters, err));
    in->max_length = measured_length(experiment, wane_config_reach(&in->base->config));
    for (size_t t = 0; t < experiment->task_count; t++) WANE_TRY(read_task(in, t, err));
    for (size_t c = 0; c < experiment->corpus_count; c++) WANE_TRY(read_corpus(in, c, err));
    *out = in;
    in = NULL;
done:
    wane_inputs_free(in);
    return st;
}

void wane_inputs_free(wane_inputs *inputs)
{
    if (!inputs) return;
    for (size_t t = 0; inputs->tasks && t < inputs->experiment->task_count; t++) {
        wane_prompts_free(&inputs->tasks[t].test);
        wane_inputs_free_samples(inputs, t);
        wane_task_free(&inputs->tasks[t].task);
    }
    for (size_t c = 0; inputs->corpora && c < inputs->experiment->corpus_count; c++) {
        wane_windows_free(&inputs->corpora[c].windows);
        wane_corpus_free(&inputs->corpora[c].corpus);
    }
    wane_free(inputs->tasks);
    wane_free(inputs->corpora);
    wane_tokenizer_free(inputs->tokenizer);
    wane_model_free(inputs->base);
    wane_free((char *)inputs->model_path);
    wane_free(inputs);
}
