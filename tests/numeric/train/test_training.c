/* SPDX-License-Identifier: Apache-2.0
 * Twenty steps of full, full-matrices, LoRA and DoRA tuning against torch and peft, and what a
 * trainer promises: resuming, threads and micro-batches
 * (tests/reference/make_training_fixtures.py).
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/term.h"
#include "eval/train/train.h"
#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/json.h"
#include "tests/numeric/train/tiny_llama.h"
#include "tests/support/support.h"

#define FIXTURES "reference/train/"
#define TINY "reference/tensors/tiny-llama"

enum { STEPS = 20, BATCHES = 4, VOCABULARY = 64 };

typedef struct rows {
    int32_t ids[128], target[32];
    size_t starts[8], position[32];
    wane_batch batch;
} rows;

static wane_json *reference;
static rows batches[BATCHES];

static void read_batch(rows *out, const wane_json *list)
{
    size_t tokens = 0, targets = 0;
    for (size_t r = 0; r < wane_json_size(list); r++) {
        const wane_json *row = wane_json_at(list, r), *ids = wane_json_get(row, "ids");
        size_t labelled = (size_t)json_value(wane_json_get(row, "labelled"));
        for (size_t i = 0; i < wane_json_size(ids); i++)
            out->ids[tokens++] = (int32_t)json_value(wane_json_at(ids, i));
        out->starts[r + 1] = tokens;
        for (size_t i = tokens - labelled; i < tokens; i++) {
            out->position[targets] = i - 1;
            out->target[targets++] = out->ids[i];
        }
    }
    out->batch = (wane_batch){.tokens = tokens,
                              .sequences = wane_json_size(list),
                              .ids = out->ids,
                              .starts = out->starts,
                              .targets = targets,
                              .position = out->position,
                              .target = out->target};
}

static int read_reference(void **state)
{
    wane_error err;
    CHECK_OK(load_json(&reference, FIXTURES "training.json", &err));
    const wane_json *list = wane_json_get(reference, "batches");
    assert_int_equal(wane_json_size(list), BATCHES);
    for (size_t i = 0; i < BATCHES; i++) read_batch(&batches[i], wane_json_at(list, i));
    return scratch_make(state);
}

static int forget_reference(void **state)
{
    wane_json_free(reference);
    return scratch_remove(state);
}

static const wane_method_settings lora = {.method = &wane_method_lora, .rank = 4, .alpha = 8};
static const wane_method_settings dropping = {
    .method = &wane_method_lora, .rank = 4, .alpha = 8, .dropout = 0.3};
static const wane_method_settings dora = {.method = &wane_method_dora, .rank = 4, .alpha = 8};
static const wane_method_settings dora_dropping = {
    .method = &wane_method_dora, .rank = 4, .alpha = 8, .dropout = 0.3};
static const wane_method_settings full = {.method = &wane_method_full};
static const wane_method_settings matrices = {.method = &wane_method_full_matrices};

static wane_training settings_of(const char *run)
{
    const wane_json *facts = wane_json_get(wane_json_get(reference, "runs"), run);
    const char *schedule = wane_json_string(wane_json_get(facts, "schedule"), NULL);
    wane_training t = {.learning_rate = json_value(wane_json_get(facts, "learning_rate")),
                       .weight_decay = json_value(wane_json_get(facts, "weight_decay")),
                       .clip = json_value(wane_json_get(facts, "clip")),
                       .warmup_ratio = json_value(wane_json_get(facts, "warmup_ratio")),
                       .beta1 = 0.9,
                       .beta2 = 0.999,
                       .epsilon = 1e-8,
                       .total_steps = STEPS,
                       .micro_tokens = 1000};
    t.schedule = strcmp(schedule, "linear") == 0   ? WANE_SCHEDULE_LINEAR
                 : strcmp(schedule, "cosine") == 0 ? WANE_SCHEDULE_COSINE
                                                   : WANE_SCHEDULE_CONSTANT;
    return t;
}

static void same_as_torch(const char *run, const wane_method_settings *method, wane_adapter *start)
{
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    wane_tensors *tensors = NULL;
    wane_training settings = settings_of(run);
    const wane_json *facts = wane_json_get(wane_json_get(reference, "runs"), run);
    CHECK_OK(wane_trainer_new(&trainer, model, method, &settings, start, 0, 0, NULL, &err));
    double worst = 0, worst_norm = 0;
    for (size_t s = 0; s < STEPS; s++) {
        wane_step step;
        CHECK_OK(wane_trainer_step(trainer, &batches[s % BATCHES].batch, &step, &err));
        double loss = json_value(wane_json_at(wane_json_get(facts, "losses"), s));
        double norm = json_value(wane_json_at(wane_json_get(facts, "norms"), s));
        assert_true(step.finite);
        assert_int_equal(step.targets, batches[s % BATCHES].batch.targets);
        CHECK_NEAR(step.loss, loss, 0, 1e-5);
        CHECK_NEAR(step.grad_norm, norm, 0, 1e-4);
        worst = fmax(worst, fabs(step.loss / loss - 1));
        worst_norm = fmax(worst_norm, fabs(step.grad_norm / norm - 1));
    }
    assert_int_equal(wane_trainer_done(trainer), STEPS);
    CHECK_OK(wane_tensors_open(&tensors, FIXTURES "tensors.safetensors", &err));
    char name[64];
    float ours[6 * VOCABULARY], theirs[6 * VOCABULARY], largest = 0, difference = 0;
    (void)snprintf(name, sizeof name, "%s.logits", run);
    CHECK_OK(wane_tensors_read(tensors, wane_tensors_find(tensors, name), theirs, &err));
    tiny_llama_logits(ours, model, wane_trainer_adapter(trainer));
    for (size_t i = 0; i < 6 * VOCABULARY; i++) {
        largest = fmaxf(largest, fabsf(theirs[i]));
        difference = fmaxf(difference, fabsf(ours[i] - theirs[i]));
    }
    print_message("%s: losses within %.2g, gradient norms within %.2g relative; final logits "
                  "within %.2g of %.3g\n",
                  run, worst, worst_norm, (double)difference, (double)largest);
    assert_true(difference <= 1e-4F * largest);
    wane_tensors_close(tensors);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void full_equals_torch(void **state)
{
    (void)state;
    same_as_torch("full", &full, NULL);
}

static void full_matrices_equal_torch(void **state)
{
    (void)state;
    same_as_torch("full-matrices", &matrices, NULL);
}

/* From the adapter that peft has started with. */
static void same_as_peft(const char *run, const wane_method_settings *method, const char *folder)
{
    wane_error err;
    wane_update update = {0};
    wane_adapter *start = NULL;
    wane_model *model = tiny_llama();
    CHECK_OK(wane_update_load(&update, folder, NULL, NULL, &err));
    CHECK_OK(wane_adapter_from_update(&start, &model->parameters, &update, &err));
    wane_update_free(&update);
    wane_model_free(model);
    same_as_torch(run, method, start);
}

static void lora_equals_peft(void **state)
{
    (void)state;
    same_as_peft("lora", &lora, FIXTURES "adapter-start");
}

static void dora_equals_peft(void **state)
{
    (void)state;
    same_as_peft("dora", &dora, FIXTURES "adapter-start-dora");
}

/* What a run leaves behind, to be compared bit for bit. */
typedef struct outcome {
    double losses[STEPS];
    float logits[6 * VOCABULARY];
} outcome;

/* Twenty steps; after `cut` of them the state goes through a file into a fresh trainer. */
static void run(outcome *out, const wane_method_settings *method, size_t micro, int threads,
                size_t cut)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    wane_training settings = settings_of("full");
    settings.micro_tokens = micro;
    memset(out, 0, sizeof *out);
    CHECK_OK(wane_pool_new(&pool, threads, &err));
    CHECK_OK(wane_trainer_new(&trainer, model, method, &settings, NULL, 5, 2, pool, &err));
    for (size_t s = 0; s < STEPS; s++) {
        wane_step step;
        if (cut && s == cut) {
            CHECK_OK(wane_trainer_save(trainer, scratch_path("state"), "the key", &err));
            wane_trainer_free(trainer);
            wane_model_free(model);
            model = tiny_llama();
            CHECK_OK(wane_trainer_new(&trainer, model, method, &settings, NULL, 5, 2, pool, &err));
            CHECK_OK(wane_trainer_load(trainer, scratch_path("state"), "the key", &err));
            assert_int_equal(wane_trainer_done(trainer), cut);
        }
        CHECK_OK(wane_trainer_step(trainer, &batches[s % BATCHES].batch, &step, &err));
        assert_true(step.finite);
        out->losses[s] = step.loss;
    }
    tiny_llama_logits(out->logits, model, wane_trainer_adapter(trainer));
    wane_trainer_free(trainer);
    wane_model_free(model);
    wane_pool_free(pool);
}

static const wane_method_settings *const methods[] = {&full,     &matrices, &lora,
                                                      &dropping, &dora,     &dora_dropping};
enum { METHODS = 6 };

static void a_resumed_run_has_the_same_bits(void **state)
{
    (void)state;
    outcome whole, resumed;
    for (size_t m = 0; m < METHODS; m++) {
        run(&whole, methods[m], 1000, 1, 0);
        run(&resumed, methods[m], 1000, 1, 7);
        assert_memory_equal(&whole, &resumed, sizeof whole);
        assert_true(whole.losses[STEPS - 4] < whole.losses[0] - 0.2);
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    outcome one, three;
    for (size_t m = 0; m < METHODS; m++) {
        run(&one, methods[m], 20, 1, 0);
        run(&three, methods[m], 20, 3, 0);
        assert_memory_equal(&one, &three, sizeof one);
    }
}

/* Dropout included: a mask belongs to a token of the step, not to a piece. */
static void micro_batches_change_last_bits_alone(void **state)
{
    (void)state;
    outcome whole, cut;
    for (size_t m = 0; m < METHODS; m++) {
        run(&whole, methods[m], 1000, 1, 0);
        run(&cut, methods[m], 1, 1, 0);
        for (size_t s = 0; s < STEPS; s++) CHECK_NEAR(cut.losses[s], whole.losses[s], 0, 2e-5);
    }
    outcome plain;
    run(&plain, &lora, 1000, 1, 0);
    run(&cut, &dropping, 1000, 1, 0);
    assert_true(plain.losses[0] == cut.losses[0]); /* B is zero */
    run(&whole, &dora_dropping, 1000, 1, 0);
    CHECK_NEAR(whole.losses[0], cut.losses[0], 0, 1e-6); /* and rows have the lengths they had */
    assert_true(fabs(whole.losses[4] - cut.losses[4]) > 1e-5);
    assert_true(fabs(plain.losses[4] - cut.losses[4]) > 1e-4);
}

/* Of every element of B: how far the mean of `draws` gradients, of which sums and sums of squares
 * are given, is from the exact one. */
static void check_means(const wane_adapter *adapter, const float *exact, const double *sum,
                        const double *square, double draws)
{
    double worst = 0;
    size_t checked = 0;
    for (size_t f = 0; f < adapter->count; f++) {
        const wane_factor *factor = &adapter->factor[f];
        for (size_t i = 0; i < factor->rows * factor->rank; i++) {
            size_t k = factor->b_offset + i;
            double mean = sum[k] / draws;
            double spread = sqrt(fmax(square[k] / draws - mean * mean, 0) / (draws - 1));
            if (exact[k] == 0) continue;
            assert_true(spread > 0);
            worst = fmax(worst, fabs(mean - (double)exact[k]) / spread);
            checked++;
        }
    }
    print_message("dropout: worst of %zu means is %.2f standard errors off\n", checked, worst);
    assert_true(checked > 20 && worst < 4.5);
}

/* With B zero its gradient is linear in the masks: over many steps its mean must be the gradient
 * without dropout, and its spread that of independent draws. */
static void dropout_masks_are_fair(void **state)
{
    (void)state;
    enum { DRAWS = 600 };
    const double rate = 0.4;
    wane_error err;
    wane_model *model = tiny_llama();
    wane_adapter *adapter = NULL;
    wane_pass *pass = NULL;
    bool *target = wane_alloc(model->parameters.count, sizeof *target);
    for (size_t i = 0; i < model->parameters.count; i++)
        target[i] = model->parameters.parameter[i].role == WANE_ROLE_DOWN;
    CHECK_OK(wane_adapter_new(&adapter, &wane_low_rank, &model->parameters, target, 2, 2, rate, 1,
                              0, &err));
    const wane_batch *batch = &batches[0].batch;
    wane_pass_limits limits = {.tokens = batch->tokens,
                               .sequences = batch->sequences,
                               .targets = batch->targets,
                               .training = true,
                               .adapter_floats_rank = 2};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    size_t n = adapter->floats;
    float *one = wane_alloc_aligned(n, sizeof *one), *exact = wane_alloc_aligned(n, sizeof *exact);
    double *sum = wane_alloc(n, sizeof *sum), *square = wane_alloc(n, sizeof *square), loss = 0;
    wane_gradients gradients = {.adapter = exact};
    CHECK_OK(wane_pass_forward(pass, model, adapter, batch, NULL, &err));
    CHECK_OK(wane_pass_backward(pass, 1, &gradients, &loss, &err));
    gradients.adapter = one;
    for (size_t d = 0; d < DRAWS; d++) {
        wane_dropout where = {.seed = 3, .step = d};
        memset(one, 0, n * sizeof *one);
        CHECK_OK(wane_pass_forward(pass, model, adapter, batch, &where, &err));
        CHECK_OK(wane_pass_backward(pass, 1, &gradients, &loss, &err));
        for (size_t i = 0; i < n; i++) {
            sum[i] += (double)one[i];
            square[i] += (double)one[i] * (double)one[i];
        }
    }
    check_means(adapter, exact, sum, square, DRAWS);
    wane_free(target);
    wane_free(one);
    wane_free(exact);
    wane_free(sum);
    wane_free(square);
    wane_pass_free(pass);
    wane_adapter_free(adapter);
    wane_model_free(model);
}

static void what_is_not_finite_updates_nothing(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        wane_error err;
        wane_model *model = tiny_llama(), *before = NULL;
        wane_trainer *trainer = NULL;
        wane_training settings = settings_of("full");
        wane_step step;
        settings.micro_tokens = 20;
        CHECK_OK(wane_trainer_new(&trainer, model, methods[m], &settings, NULL, 5, 2, NULL, &err));
        CHECK_OK(wane_trainer_step(trainer, &batches[0].batch, &step, &err));
        float *gain = wane_model_weight(
            model, (size_t)wane_parameters_find(&model->parameters, "model.norm.weight"));
        float kept = gain[2];
        gain[2] = NAN;
        CHECK_OK(wane_model_copy(&before, model, &err));
        CHECK_OK(wane_trainer_step(trainer, &batches[1].batch, &step, &err));
        assert_false(step.finite);
        assert_int_equal(wane_trainer_done(trainer), 1);
        assert_memory_equal(before->weights, model->weights,
                            model->parameters.floats * sizeof(float));
        gain[2] = kept;
        CHECK_OK(wane_trainer_step(trainer, &batches[1].batch, &step, &err));
        assert_true(step.finite); /* nothing of the bad gradients was left */
        wane_trainer_free(trainer);
        wane_model_free(before);
        wane_model_free(model);
    }
}

static void damaged_states_are_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama(), *other_model = tiny_llama();
    wane_trainer *trainer = NULL, *other = NULL;
    wane_training settings = settings_of("lora");
    wane_step step;
    CHECK_OK(wane_trainer_new(&trainer, model, &lora, &settings, NULL, 1, 0, NULL, &err));
    CHECK_OK(wane_trainer_new(&other, other_model, &matrices, &settings, NULL, 1, 0, NULL, &err));
    CHECK_OK(wane_trainer_step(trainer, &batches[0].batch, &step, &err));
    const char *path = scratch_path("damaged");
    CHECK_OK(wane_trainer_save(trainer, path, "key", &err));
    CHECK_FAILS(wane_trainer_load(trainer, path, "other key", &err), WANE_EINVAL,
                "belongs to another training");
    CHECK_FAILS(wane_trainer_load(other, path, "key", &err), WANE_EFORMAT, "missing or of another");
    CHECK_FAILS(wane_trainer_load(trainer, TINY "/model.safetensors", "key", &err), WANE_EFORMAT,
                "no state of a training");
    CHECK_FAILS(wane_trainer_load(trainer, scratch_path("none"), "key", &err), WANE_ENOTFOUND,
                "none");
    size_t count = 0, refused = 0, tried = 0;
    char *bytes = read_file(path, &count);
    float before[6 * VOCABULARY], after[6 * VOCABULARY];
    CHECK_OK(wane_trainer_step(trainer, &batches[0].batch, &step, &err));
    tiny_llama_logits(before, model, wane_trainer_adapter(trainer));
    for (size_t i = 0; i < count; i += 1 + i / 8, tried++) {
        bytes[i] = (char)(bytes[i] ^ 4);
        write_file(path, bytes, count);
        refused += wane_trainer_load(trainer, path, "key", &err) != WANE_OK;
        bytes[i] = (char)(bytes[i] ^ 4);
    }
    for (size_t cut = 0; cut < count; cut += 1 + count / 20, tried++) {
        write_file(path, bytes, cut);
        refused += wane_trainer_load(trainer, path, "key", &err) != WANE_OK;
    }
    assert_int_equal(refused, tried);
    assert_int_equal(wane_trainer_done(trainer), 2);
    tiny_llama_logits(after, model, wane_trainer_adapter(trainer));
    assert_memory_equal(before, after, sizeof before);
    write_file(path, bytes, count);
    CHECK_OK(wane_trainer_load(trainer, path, "key", &err));
    assert_int_equal(wane_trainer_done(trainer), 1);
    free(bytes);
    wane_trainer_free(trainer);
    wane_trainer_free(other);
    wane_model_free(model);
    wane_model_free(other_model);
}

/* Whenever the disk fills up, the file is the state before or the state after. */
static void a_full_disk_keeps_the_state_before(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    wane_training settings = settings_of("full");
    wane_step step;
    char path[256], first[256];
    (void)snprintf(path, sizeof path, "%s/kept", scratch_folder());
    (void)snprintf(first, sizeof first, "%s/first", scratch_folder());
    CHECK_OK(wane_trainer_new(&trainer, model, &matrices, &settings, NULL, 1, 0, NULL, &err));
    CHECK_OK(wane_trainer_save(trainer, path, "key", &err));
    CHECK_OK(wane_trainer_save(trainer, first, "key", &err));
    long n = 0, synced = 0;
    for (;; n++) {
        assert_int_equal(wane_trainer_done(trainer), 0);
        CHECK_OK(wane_trainer_step(trainer, &batches[0].batch, &step, &err));
        wane_file_fail_after(n);
        wane_status st = wane_trainer_save(trainer, path, "key", &err);
        wane_file_fail_after(-1);
        CHECK_OK(wane_trainer_load(trainer, path, "key", &err));
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_EIO);
        /* 1 when the file was in its place and only its folder could not be synced. */
        if (wane_trainer_done(trainer) == 1) synced++;
        CHECK_OK(wane_trainer_load(trainer, first, "key", &err));
        CHECK_OK(wane_trainer_save(trainer, path, "key", &err));
    }
    assert_int_equal(wane_trainer_done(trainer), 1);
    assert_true(n > 3 && synced <= 1);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

/* What was learned, saved, read and applied to a fresh base, is the tuned model: its very bits for
 * tuned tensors, its logits for factors; and the factors compute the same unmerged. */
static void updates_carry_what_was_learned(void **state)
{
    (void)state;
    for (size_t m = 0; m < METHODS; m++) {
        wane_error err;
        wane_model *model = tiny_llama(), *fresh = tiny_llama(), *again = tiny_llama();
        wane_trainer *trainer = NULL;
        wane_update update = {0}, loaded = {0};
        wane_training settings = settings_of("full");
        wane_step step;
        float tuned[6 * VOCABULARY], applied[6 * VOCABULARY], largest = 0;
        CHECK_OK(wane_trainer_new(&trainer, model, methods[m], &settings, NULL, 5, 2, NULL, &err));
        for (size_t s = 0; s < 5; s++)
            CHECK_OK(wane_trainer_step(trainer, &batches[s % BATCHES].batch, &step, &err));
        tiny_llama_logits(tuned, model, wane_trainer_adapter(trainer));
        int64_t numbers = 0;
        CHECK_OK(wane_method_numbers(&numbers, methods[m], &model->parameters, &err));
        assert_int_equal(wane_trainer_trained(trainer), numbers);
        CHECK_OK(wane_trainer_update(&update, trainer, model, &err));
        CHECK_OK(wane_update_save(&update, scratch_path("learned"), &err));
        CHECK_OK(wane_update_load(&loaded, scratch_path("learned"), NULL, NULL, &err));
        CHECK_OK(wane_model_apply(fresh, &loaded, NULL, &err));
        CHECK_OK(wane_model_apply(again, &update, NULL, &err));
        size_t bytes = model->parameters.floats * sizeof(float);
        assert_memory_equal(fresh->weights, again->weights, bytes);
        assert_int_equal(update.lowrank, methods[m]->method->adapter);
        assert_int_equal(update.count, m == 0 ? model->parameters.count : 14);
        if (!update.lowrank) assert_memory_equal(fresh->weights, model->weights, bytes);
        tiny_llama_logits(applied, fresh, NULL);
        for (size_t i = 0; i < 6 * VOCABULARY; i++) largest = fmaxf(largest, fabsf(tuned[i]));
        for (size_t i = 0; i < 6 * VOCABULARY; i++)
            CHECK_NEAR(applied[i], tuned[i], 1e-5 * largest, 0);
        if (update.lowrank) {
            wane_adapter *adapter = NULL;
            CHECK_OK(wane_adapter_from_update(&adapter, &model->parameters, &loaded, &err));
            assert_int_equal(adapter->numbers, wane_trainer_trained(trainer));
            tiny_llama_logits(applied, model, adapter);
            assert_memory_equal(applied, tuned, sizeof tuned);
            wane_trainer *next = NULL; /* goes on with it as it is */
            CHECK_OK(
                wane_trainer_new(&next, model, methods[m], &settings, adapter, 6, 3, NULL, &err));
            tiny_llama_logits(applied, model, wane_trainer_adapter(next));
            assert_memory_equal(applied, tuned, sizeof tuned);
            wane_trainer_free(next);
        }
        remove_tree(scratch_path("learned"));
        wane_update_free(&update);
        wane_update_free(&loaded);
        wane_trainer_free(trainer);
        wane_model_free(model);
        wane_model_free(fresh);
        wane_model_free(again);
    }
}

/* An adapter of peft with its own ranks and scales per module: unmerged, merged, and torch's logits
 * of it agree. */
static void adapters_of_peft_compute_pefts_logits(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "patterns", "rslora"};
    wane_error err;
    wane_tensors *expected = NULL;
    CHECK_OK(wane_tensors_open(&expected, "reference/tensors/expected.safetensors", &err));
    static const int32_t ids[] = {1, 17, 42, 3, 60, 9, 9, 33, 2, 51, 28, 5};
    static const size_t starts[] = {0, 12}, all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    wane_batch batch = {.tokens = 12, .sequences = 1, .ids = ids, .starts = starts};
    for (size_t n = 0; n < 3; n++) {
        wane_model *model = tiny_llama();
        wane_update update = {0};
        wane_adapter *adapter = NULL;
        wane_pass *pass = NULL;
        char path[128];
        float ours[12 * VOCABULARY], theirs[12 * VOCABULARY], largest = 0;
        (void)snprintf(path, sizeof path, "%s.logits", names[n]);
        CHECK_OK(wane_tensors_read(expected, wane_tensors_find(expected, path), theirs, &err));
        for (size_t i = 0; i < 12 * VOCABULARY; i++) largest = fmaxf(largest, fabsf(theirs[i]));
        (void)snprintf(path, sizeof path, "reference/tensors/adapter-%s", names[n]);
        CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
        CHECK_OK(wane_adapter_from_update(&adapter, &model->parameters, &update, &err));
        wane_pass_limits limits = {
            .tokens = 12, .sequences = 1, .targets = 1, .adapter_floats_rank = 6};
        CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
        for (int merged = 0; merged < 2; merged++) {
            if (merged) CHECK_OK(wane_model_apply(model, &update, NULL, &err));
            CHECK_OK(wane_pass_forward(pass, model, merged ? NULL : adapter, &batch, NULL, &err));
            wane_pass_logits(pass, all, 12, ours);
            for (size_t i = 0; i < 12 * VOCABULARY; i++)
                CHECK_NEAR(ours[i], theirs[i], 3e-6 * largest, 0);
        }
        wane_pass_free(pass);
        wane_adapter_free(adapter);
        wane_update_free(&update);
        wane_model_free(model);
    }
    wane_tensors_close(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_equals_torch),
        cmocka_unit_test(full_matrices_equal_torch),
        cmocka_unit_test(lora_equals_peft),
        cmocka_unit_test(dora_equals_peft),
        cmocka_unit_test(a_resumed_run_has_the_same_bits),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(micro_batches_change_last_bits_alone),
        cmocka_unit_test(dropout_masks_are_fair),
        cmocka_unit_test(what_is_not_finite_updates_nothing),
        cmocka_unit_test(damaged_states_are_refused),
        cmocka_unit_test(a_full_disk_keeps_the_state_before),
        cmocka_unit_test(updates_carry_what_was_learned),
        cmocka_unit_test(adapters_of_peft_compute_pefts_logits),
    };
    return cmocka_run_group_tests(tests, read_reference, forget_reference);
}
