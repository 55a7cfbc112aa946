/* SPDX-License-Identifier: Apache-2.0
 * The base stage: the model that every run starts from, sealed as it is read.
 */
#include "eval/stages/stage_kind.h"
#include "eval/stages/stages.h"

static wane_status key(wane_sha256 *hash, wane_plan_stage *stage, const wane_plan *plan,
                       wane_error *err)
{
    (void)stage;
    (void)err;
    wane_sha256_text(hash, plan->inputs->model_key);
    wane_sha256_text(hash, wane_tokenizer_sha256(plan->inputs->tokenizer));
    return WANE_OK;
}

static wane_status come(wane_work *work, const wane_plan_run *run, size_t run_index,
                        size_t position, wane_chain *chain, bool *diverged, wane_error *err)
{
    (void)run_index;
    (void)chain;
    (void)diverged;
    return wane_stage_seal_untrained(work, &work->plan->stages[run->stages[position]], err);
}

const wane_stage_kind wane_stage_base = {.name = "base", .key = key, .come = come};
