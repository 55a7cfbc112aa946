/* SPDX-License-Identifier: Apache-2.0
 * The command `wane pretrain`: makes the built-in model in a folder that holds none, and says what
 * it reaches on text it was not trained on.
 */
#include <math.h>
#include <stdio.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/experiment/pretrain.h"
#include "eval/pair/models.h"
#include "store/base/clock.h"
#include "store/files/file.h"

static void say(void *context, wane_level level, const char *line)
{
    (void)context;
    wane_tell("%s%s\n", level == WANE_LOG_INFO ? "" : "warning: ", line);
}

static bool holds(const char *folder, const char *name)
{
    char *path = wane_path_join(folder, name);
    bool there = path && wane_file_exists(path);
    wane_free(path);
    return there;
}

/* Weights beside a tokenizer and no config are what a killed process has left, which is written
 * last. */
static bool holds_model(const char *folder)
{
    bool half = holds(folder, "tokenizer.json") && !holds(folder, "config.json");
    return holds(folder, "model.safetensors") && !half;
}

/* What came of it, on text of the same language that it was not trained on. */
static wane_status report(const char *folder, const wane_pretraining *settings, size_t threads,
                          double seconds, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_text_data text = {0};
    wane_likelihood l = {0};
    wane_text page = {0};
    wane_text_request request = {.path = "builtin"};
    char a[32], b[32];
    WANE_TRY(wane_pair_open(&pair, folder, NULL, threads, err));
    WANE_TRY(wane_pair_tokenizer(&pair, err));
    WANE_TRY(wane_text_data_open(&text, &pair, &request, err));
    WANE_TRY(wane_measure_likelihood(&l, pair.base, NULL, NULL, &text.windows, pair.pool, err));
    wane_page_line(&page, "model", "%s (%zu layers, width %zu, %s parameters)", folder,
                   settings->layers, settings->width,
                   wane_page_count(a, pair.base->parameters.numbers));
    wane_page_line(&page, "trained", "%s steps, seed %llu, %.1f s",
                   wane_page_count(a, settings->steps), (unsigned long long)settings->seed,
                   seconds);
    wane_page_line(&page, "held-out text", "%s documents, %s tokens",
                   wane_page_count(a, text.windows.documents), wane_page_count(b, l.tokens));
    wane_page_nll(&page, l.nll, l.nll_stderr, l.reason);
    wane_page_line(&page, "entropy", "%.4f nats/token: the language's own, no model is below it",
                   text.floor);
    wane_page_line(&page, "above it", "%s nats/token (a uniform guess: %.4f)",
                   wane_page_fixed(a, l.nll - text.floor, 4),
                   log((double)pair.base->config.vocabulary) - text.floor);
    WANE_TRY(wane_page_print(&page, err));
    if (l.reason) st = wane_pair_not_finite("pretrain", &pair, "its held-out text", err);
done:
    wane_text_free(&page);
    wane_likelihood_free(&l);
    wane_text_data_free(&text);
    wane_pair_close(&pair);
    return st;
}

static int run(wane_call *call)
{
    wane_pretraining s = wane_pretraining_defaults();
    const char *folder = "builtin-model";
    size_t seed = 0, threads = 0;
    const wane_option options[] = {
        {"output", 'o', WANE_OPTION_FOLDER, &folder, "DIR", "the model's folder (builtin-model)"},
        {"seed", 0, WANE_OPTION_COUNT, &seed, "N", "makes the model and its text (0)"},
        {"steps", 0, WANE_OPTION_COUNT, &s.steps, "N", "optimiser steps"},
        {"width", 0, WANE_OPTION_COUNT, &s.width, "N", "of the hidden states"},
        {"layers", 0, WANE_OPTION_COUNT, &s.layers, "N", "transformer layers"},
        {"heads", 0, WANE_OPTION_COUNT, &s.heads, "N", "attention heads"},
        {"kv-heads", 0, WANE_OPTION_COUNT, &s.kv_heads, "N", "heads of keys and values"},
        {"hidden", 0, WANE_OPTION_COUNT, &s.hidden, "N", "width inside the MLP"},
        {"context", 0, WANE_OPTION_COUNT, &s.context, "N", "tokens of a window"},
        {"documents", 0, WANE_OPTION_COUNT, &s.documents, "N", "of the text"},
        {"batch-tokens", 0, WANE_OPTION_COUNT, &s.batch_tokens, "N", "tokens of a step"},
        {"learning-rate", 0, WANE_OPTION_NUMBER, &s.learning_rate, "R", "at its highest"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads (every processor)"},
    };
    int code = 0;
    wane_error err;
    wane_pool *pool = NULL;
    wane_log log = {say, NULL};
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 0, 0, &code)) return code;
    if (!s.steps || !s.documents || !s.layers || !s.heads || !s.batch_tokens || s.context < 8)
        return wane_cli_usage(call, "counts are at least 1, --context at least 8");
    if (!(s.learning_rate > 0)) return wane_cli_usage(call, "--learning-rate is above 0");
    if (threads > WANE_MAX_THREADS)
        return wane_cli_usage(call, "--threads: at most %d", WANE_MAX_THREADS);
    if (holds_model(folder))
        return wane_cli_usage(call, "%s holds a model already: remove it or say -o DIR", folder);
    s.seed = seed;
    double start = wane_clock_wall();
    wane_status st = wane_pool_new(&pool, (int)threads, &err);
    if (st == WANE_OK) st = wane_pretrain(&s, folder, pool, &log, &err);
    wane_pool_free(pool);
    double seconds = wane_clock_wall() - start;
    if (st == WANE_OK) st = report(folder, &s, threads, seconds, &err);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_pretrain = {
    "pretrain", "pretrain [-o DIR] [--seed N] [--steps N] [--width N] [--layers N]",
    "Make the built-in model from its seed; its loss beside the language's entropy.", run};
