/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "eval/cli/commands.h"
#include "eval/run/pretrain.h"

static void say(void *context, wane_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)fprintf(stderr, "%s\n", line);
}

static int run(wane_call *call)
{
    wane_pretraining settings = wane_pretraining_defaults();
    const char *folder = "builtin-model";
    size_t seed = 0, threads = 0;
    const wane_option options[] = {
        {"output", 'o', WANE_OPTION_TEXT, &folder, "DIR", "the model's folder (builtin-model)"},
        {"seed", 0, WANE_OPTION_COUNT, &seed, "N", "makes the model and its text (0)"},
        {"steps", 0, WANE_OPTION_COUNT, &settings.steps, "N", "optimiser steps"},
        {"width", 0, WANE_OPTION_COUNT, &settings.width, "N", "of the hidden states"},
        {"layers", 0, WANE_OPTION_COUNT, &settings.layers, "N", "transformer layers"},
        {"documents", 0, WANE_OPTION_COUNT, &settings.documents, "N", "of the text"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads (every processor)"},
    };
    int code = 0;
    wane_error err;
    wane_pool *pool = NULL;
    wane_log log = {say, NULL};
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 0, 0, &code)) return code;
    if (settings.steps == 0 || settings.documents == 0 || settings.layers == 0)
        return wane_cli_usage(call, "--steps, --documents and --layers are at least 1");
    settings.seed = seed;
    wane_status st = wane_pool_new(&pool, (int)(threads > 64 ? 65 : threads), &err);
    if (st == WANE_OK) st = wane_pretrain(&settings, folder, pool, &log, &err);
    wane_pool_free(pool);
    if (st != WANE_OK) return wane_cli_fail(&err);
    (void)fprintf(stderr, "written to %s; next: wane perplexity %s builtin\n", folder, folder);
    return WANE_EXIT_DONE;
}

const wane_command wane_command_pretrain = {"pretrain", "pretrain [-o DIR] [--seed N] [--steps N]",
                                            "Make the built-in model from its seed.", run};
