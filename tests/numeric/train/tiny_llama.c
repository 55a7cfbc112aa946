/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/numeric/train/tiny_llama.h"

#include "eval/model/pass.h"
#include "tests/support/support.h"

wane_model *tiny_llama(void)
{
    wane_error err;
    wane_model *model = NULL;
    CHECK_OK(wane_model_load(&model, "reference/tensors/tiny-llama", &err));
    return model;
}

void tiny_llama_logits(float *out, const wane_model *model, const wane_adapter *adapter)
{
    static const int32_t ids[] = {1, 17, 42, 3, 60, 9};
    static const size_t starts[] = {0, 6}, positions[] = {0, 1, 2, 3, 4, 5};
    wane_batch batch = {.tokens = 6, .sequences = 1, .ids = ids, .starts = starts};
    wane_error err;
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = 6, .sequences = 1, .targets = 6};
    wane_pass_limits_adapter(&limits, adapter);
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, model, adapter, &batch, NULL, &err));
    wane_pass_logits(pass, positions, 6, out);
    wane_pass_free(pass);
}
