/* SPDX-License-Identifier: Apache-2.0
 * Given models beside the base: their shape, and what their tokenizers make of the data.
 */
#include "eval/experiment/inputs.h"
#include "eval/pair/given.h"
#include "tasks/data/agree.h"

static wane_status check_corpus(const wane_inputs *in, size_t c, const wane_tokenizer *tokenizer,
                                const char *path, wane_error *err)
{
    const wane_input_corpus *corpus = &in->corpora[c];
    const wane_agreement of = {corpus->corpus.name, in->model_path, path};
    wane_windows windows = {0};
    wane_status st = wane_corpus_encode(&windows, &corpus->corpus, tokenizer, &corpus->rule, err);
    if (st == WANE_OK) st = wane_windows_agree(&corpus->windows, &windows, &of, err);
    wane_windows_free(&windows);
    return st;
}

/* The measured prompts, and the training prompts that a probe is fitted to. */
static wane_status check_task(const wane_inputs *in, size_t t, wane_split split,
                              const wane_tokenizer *tokenizer, const char *path, wane_error *err)
{
    const wane_input_task *task = &in->tasks[t];
    const wane_agreement of = {task->task.name, in->model_path, path};
    wane_prompts base = {0}, given = {0};
    wane_status st = WANE_OK;
    WANE_TRY(wane_task_encode(&base, &task->task, split, in->tokenizer, in->max_length, err));
    WANE_TRY(wane_task_encode(&given, &task->task, split, tokenizer, in->max_length, err));
    if (split == WANE_SPLIT_TEST) {
        /* Rows beyond `limit` are not measured. */
        if (base.rows > task->test.rows) base.rows = task->test.rows;
        if (given.rows > task->test.rows) given.rows = task->test.rows;
    }
    WANE_TRY(wane_prompts_agree(&base, &given, &of, err));
done:
    wane_prompts_free(&base);
    wane_prompts_free(&given);
    return st;
}

/* A tokenizer that lies with what was tuned, an adapter's too, must read the data as the base's. */
static wane_status check_reading(const wane_inputs *in, const wane_package *package,
                                 const char *path, wane_error *err)
{
    const wane_experiment *x = in->experiment;
    wane_status st = WANE_OK;
    wane_tokenizer *tokenizer = NULL;
    if (!wane_tokenizer_there(package)) return WANE_OK;
    WANE_TRY(wane_tokenizer_load_package(&tokenizer, package, err));
    for (size_t c = 0; c < x->corpus_count; c++)
        WANE_TRY(check_corpus(in, c, tokenizer, path, err));
    for (size_t t = 0; t < x->task_count; t++) {
        WANE_TRY(check_task(in, t, WANE_SPLIT_TEST, tokenizer, path, err));
        if (x->head == WANE_HEAD_REPROBE)
            WANE_TRY(check_task(in, t, WANE_SPLIT_TRAIN, tokenizer, path, err));
    }
done:
    wane_tokenizer_free(tokenizer);
    return st;
}

wane_status wane_inputs_check_given(const wane_inputs *in, const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_package *package = NULL;
    wane_config config;
    WANE_TRY(wane_given_open_model(&package, path, err));
    if (package) {
        WANE_TRY(wane_given_config(&config, package, err));
        WANE_TRY(wane_given_fits(&in->base->config, &config, path, err));
    } else if (wane_package_open(&package, path, NULL) != WANE_OK) {
        return WANE_OK; /* its reader will say why */
    }
    WANE_TRY(check_reading(in, package, path, err));
done:
    wane_package_close(package);
    return st;
}
