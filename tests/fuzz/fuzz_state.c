/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints inside a stage: the state of a trainer of a tiny model. A state that is read is
 * written again and must be the same; one that is not leaves the trainer where it was.
 */
#include "eval/train/train.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

static const char config[] = "{\"model_type\": \"llama\", \"vocab_size\": 8, \"hidden_size\": 4, "
                             "\"intermediate_size\": 4, \"num_hidden_layers\": 1, "
                             "\"num_attention_heads\": 1}";

static wane_model *model;
static wane_trainer *trainer;

static void free_trainer(void)
{
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void make_trainer(void)
{
    static const char *const modules[] = {"q_proj"};
    wane_error err = {0};
    wane_config c;
    const wane_method_settings method = {
        .method = &wane_method_lora, .rank = 1, .alpha = 2, .modules = modules, .module_count = 1};
    const wane_training training = {.learning_rate = 1e-3,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .epsilon = 1e-8,
                                    .total_steps = 10,
                                    .micro_tokens = 64};
    FUZZ_CHECK(wane_config_parse(&c, config, sizeof config - 1, "c", &err) == WANE_OK);
    FUZZ_CHECK(wane_model_random(&model, &c, 1, &err) == WANE_OK);
    FUZZ_CHECK(wane_trainer_new(&trainer, model, &method, &training, NULL, 1, 1, NULL, &err) ==
               WANE_OK);
    (void)atexit(free_trainer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    if (!trainer) make_trainer();
    size_t before = wane_trainer_done(trainer);
    wane_status st = wane_trainer_load(trainer, fuzz_file(data, size), "key", &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(wane_trainer_done(trainer) == before);
        return 0;
    }
    size_t done = wane_trainer_done(trainer);
    FUZZ_CHECK(done <= 10);
    const char *path = fuzz_file(NULL, 0);
    FUZZ_CHECK(wane_trainer_save(trainer, path, "key", &err) == WANE_OK);
    FUZZ_CHECK(wane_trainer_load(trainer, path, "key", &err) == WANE_OK);
    FUZZ_CHECK(wane_trainer_done(trainer) == done);
    return 0;
}
