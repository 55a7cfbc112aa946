/* SPDX-License-Identifier: Apache-2.0
 * Linear heads and stacked adapters against torch, transformers and peft
 * (tests/reference/make_protocol_fixtures.py), and what else is promised of them.
 */
#include <math.h>
#include <string.h>

#include "eval/measure/measure.h"
#include "eval/train/train.h"
#include "store/files/json.h"
#include "tests/numeric/train/tiny_llama.h"
#include "tests/support/support.h"

#define FIXTURES "reference/protocols/"

enum { STEPS = 20, BATCHES = 4, WIDTH = 16, LABELS = 3, PROMPTS = 5 };

/* What a row is to say: its last token, its class, or a class of one of two tasks in turn. */
typedef enum aim { TOKEN, CLASS, JOINT } aim;

typedef struct rows {
    int32_t ids[128], target[8];
    size_t starts[9], position[8];
    wane_batch batch;
} rows;

static wane_json *reference;
static wane_tensors *tensors;

static int open_reference(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(load_json(&reference, FIXTURES "protocols.json", &err));
    CHECK_OK(wane_tensors_open(&tensors, FIXTURES "tensors.safetensors", &err));
    return 0;
}

static int close_reference(void **state)
{
    (void)state;
    wane_json_free(reference);
    wane_tensors_close(tensors);
    return 0;
}

static void read_tensor(float *out, const char *name)
{
    wane_error err;
    const wane_tensor *tensor = wane_tensors_find(tensors, name);
    assert_non_null(tensor);
    CHECK_OK(wane_tensors_read(tensors, tensor, out, &err));
}

static void read_batch(rows *out, size_t index, aim wanted)
{
    const wane_json *list = wane_json_at(wane_json_get(reference, "batches"), index);
    size_t count = wane_json_size(list), tokens = 0;
    for (size_t r = 0; r < count; r++) {
        const wane_json *ids = wane_json_get(wane_json_at(list, r), "ids");
        int32_t sum = 0;
        for (size_t i = 0; i < wane_json_size(ids); i++)
            sum += out->ids[tokens++] = (int32_t)json_value(wane_json_at(ids, i));
        out->starts[r + 1] = tokens;
        out->position[r] = tokens - 1 - (wanted == TOKEN);
        out->target[r] = wanted == TOKEN   ? out->ids[tokens - 1]
                         : wanted == CLASS ? sum % LABELS
                         : r % 2 == 0      ? sum % 2
                                           : 2 + sum % LABELS;
    }
    out->batch = (wane_batch){.tokens = tokens,
                              .sequences = count,
                              .ids = out->ids,
                              .starts = out->starts,
                              .targets = count,
                              .position = out->position,
                              .target = out->target};
}

static wane_adapter *adapter_at(const char *path, const wane_model *model)
{
    wane_error err;
    wane_update update = {0};
    wane_adapter *adapter = NULL;
    CHECK_OK(wane_update_load(&update, path, NULL, NULL, &err));
    CHECK_OK(wane_adapter_from_update(&adapter, &model->parameters, &update, &err));
    wane_update_free(&update);
    return adapter;
}

static wane_training settings(void)
{
    return (wane_training){.learning_rate = json_value(wane_json_get(reference, "rate")),
                           .weight_decay = 0.05,
                           .clip = 1,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .schedule = WANE_SCHEDULE_CONSTANT,
                           .total_steps = STEPS,
                           .micro_tokens = 1000};
}

/* A head of the reference's values in place of the drawn ones. */
static void start_head(wane_trainer *trainer, const char *name)
{
    const wane_class_head *head = wane_trainer_head(trainer);
    read_tensor((float *)(uintptr_t)head->weight, name);
}

static void steps_equal(wane_trainer *trainer, const char *run, aim wanted)
{
    const wane_json *facts = wane_json_get(wane_json_get(reference, "runs"), run);
    double worst = 0;
    for (size_t s = 0; s < STEPS; s++) {
        wane_error err;
        wane_step step;
        rows r = {0};
        read_batch(&r, s % BATCHES, wanted);
        CHECK_OK(wane_trainer_step(trainer, &r.batch, &step, &err));
        double loss = json_value(wane_json_at(wane_json_get(facts, "losses"), s));
        double norm = json_value(wane_json_at(wane_json_get(facts, "norms"), s));
        CHECK_NEAR(step.loss, loss, 1e-7, 2e-5);
        CHECK_NEAR(step.grad_norm, norm, 1e-6, 2e-4);
        worst = fmax(worst, fabs(step.loss / loss - 1));
    }
    print_message("%s: losses within %.2g relative\n", run, worst);
}

static void head_equals(const wane_trainer *trainer, const char *name)
{
    const wane_class_head *head = wane_trainer_head(trainer);
    float theirs[(2 + LABELS) * WIDTH];
    read_tensor(theirs, name);
    for (size_t i = 0; i < head->outputs * WIDTH; i++)
        CHECK_NEAR(head->weight[i], theirs[i], 1e-5, 1e-4);
}

static const size_t one_task[] = {LABELS}, two_tasks[] = {2, LABELS};

static void full_with_a_head_equals_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama(), *before = tiny_llama();
    wane_trainer *trainer = NULL;
    const wane_method_settings method = {.method = &wane_method_full,
                                         .linear_head = true,
                                         .head_groups = 1,
                                         .head_classes = one_task};
    wane_training t = settings();
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, NULL, 0, 0, NULL, &err));
    start_head(trainer, "score");
    steps_equal(trainer, "full", CLASS);
    head_equals(trainer, "full.score");
    /* The language model head is no part of a classifier: not trained, not in the update. */
    long index = wane_parameters_find(&model->parameters, "lm_head.weight");
    const wane_parameter *p = &model->parameters.parameter[index];
    assert_memory_equal(model->weights + p->offset, before->weights + p->offset,
                        p->rows * p->cols * sizeof(float));
    wane_update update = {0};
    CHECK_OK(wane_trainer_update(&update, trainer, model, &err));
    assert_int_equal(update.count, model->parameters.count - 1);
    for (size_t i = 0; i < update.count; i++)
        assert_string_not_equal(update.tensors[i].name, "lm_head.weight");
    wane_update_free(&update);
    wane_trainer_free(trainer);
    wane_model_free(model);
    wane_model_free(before);
}

static void lora_with_a_head_equals_peft(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    const wane_method_settings method = {.method = &wane_method_lora,
                                         .rank = 4,
                                         .alpha = 8,
                                         .linear_head = true,
                                         .head_groups = 1,
                                         .head_classes = one_task};
    wane_training t = settings();
    wane_adapter *start = adapter_at("reference/train/adapter-start", model);
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, start, 0, 0, NULL, &err));
    start_head(trainer, "score");
    steps_equal(trainer, "lora", CLASS);
    head_equals(trainer, "lora.score");
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void heads_of_two_tasks_equal_torch(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    const wane_method_settings method = {.method = &wane_method_full,
                                         .linear_head = true,
                                         .head_groups = 2,
                                         .head_classes = two_tasks};
    wane_training t = settings();
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, NULL, 0, 0, NULL, &err));
    start_head(trainer, "joint.start");
    steps_equal(trainer, "joint", JOINT);
    head_equals(trainer, "joint.score");
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void near(const float *ours, const float *theirs, size_t count)
{
    float largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(theirs[i]));
    for (size_t i = 0; i < count; i++) CHECK_NEAR(ours[i], theirs[i], 1e-4 * (double)largest, 0);
}

/* Trained over a frozen adapter as peft does it; the two as one of summed rank do the same, merged
 * or not; the frozen one is untouched. */
static void a_stack_equals_peft(void **state)
{
    (void)state;
    enum { LOGITS = 6 * 64 };
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    wane_update list[2] = {{0}, {0}}, whole = {0};
    float ours[LOGITS], theirs[LOGITS];
    const wane_method_settings method = {.method = &wane_method_lora, .rank = 4, .alpha = 8};
    wane_training t = settings();
    wane_adapter *start = adapter_at("reference/train/adapter-start", model);
    wane_adapter *frozen = adapter_at(FIXTURES "adapter-frozen", model), *all = NULL;
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, start, 0, 0, NULL, &err));
    CHECK_OK(wane_trainer_freeze(trainer, frozen, &err));
    steps_equal(trainer, "stack", TOKEN);
    read_tensor(theirs, "stack.logits");
    tiny_llama_logits(ours, model, wane_trainer_adapter(trainer));
    near(ours, theirs, LOGITS);
    CHECK_OK(wane_update_load(&list[0], FIXTURES "adapter-frozen", NULL, NULL, &err));
    CHECK_OK(wane_trainer_update(&list[1], trainer, model, &err));
    CHECK_OK(wane_update_stack(&whole, list, 2, &err));
    assert_int_equal(whole.tensors[0].term.rank, 7);
    assert_int_equal(whole.facts.rank, 7);
    assert_true(whole.facts.alpha == 14);
    CHECK_OK(wane_adapter_from_update(&all, &model->parameters, &whole, &err));
    tiny_llama_logits(ours, model, all);
    near(ours, theirs, LOGITS);
    CHECK_OK(wane_model_apply(model, &whole, NULL, &err));
    tiny_llama_logits(ours, model, NULL);
    near(ours, theirs, LOGITS);
    list[0].tensors[0].term.scale = 3;
    CHECK_FAILS(wane_update_stack(&whole, list, 2, &err), WANE_EINVAL, "scale");
    CHECK_FAILS(wane_update_stack(&whole, list, 0, &err), WANE_EINVAL, "none");
    list[0].count--;
    CHECK_FAILS(wane_update_stack(&whole, list, 2, &err), WANE_EINVAL, "adapter 2");
    wane_adapter_free(all);
    wane_update_free(&whole);
    wane_update_free(&list[0]);
    wane_update_free(&list[1]);
    wane_trainer_free(trainer);
    wane_model_free(model);
}

static void read_prompts(wane_prompts *out, int32_t *ids, size_t *starts, int32_t *labels)
{
    const wane_json *list = wane_json_get(reference, "prompts");
    size_t tokens = 0;
    assert_int_equal(wane_json_size(list), PROMPTS);
    starts[0] = 0;
    for (size_t r = 0; r < PROMPTS; r++) {
        const wane_json *prompt = wane_json_at(list, r);
        for (size_t i = 0; i < wane_json_size(prompt); i++)
            ids[tokens++] = (int32_t)json_value(wane_json_at(prompt, i));
        starts[r + 1] = tokens;
        labels[r] = (int32_t)r % LABELS;
    }
    *out = (wane_prompts){
        .rows = PROMPTS, .starts = starts, .ids = ids, .labels = labels, .label_count = LABELS};
}

/* Last-token features and the scores of a head on them. */
static void features_equal_transformers(void **state)
{
    (void)state;
    wane_error err;
    int32_t ids[64], labels[PROMPTS];
    size_t starts[PROMPTS + 1];
    float theirs[PROMPTS * WIDTH], weight[LABELS * WIDTH], logits[PROMPTS * LABELS];
    double ours[PROMPTS * WIDTH];
    wane_row row[PROMPTS] = {{0}};
    for (size_t r = 0; r < PROMPTS; r++) row[r].number = 10 + r;
    wane_task task = {.name = "t", .label_count = LABELS, .row = {NULL, row}};
    wane_prompts prompts;
    wane_accuracy a = {0};
    wane_model *model = tiny_llama();
    read_prompts(&prompts, ids, starts, labels);
    CHECK_OK(wane_measure_features(ours, model, NULL, &prompts, NULL, &err));
    read_tensor(theirs, "features");
    for (size_t i = 0; i < PROMPTS * WIDTH; i++) CHECK_NEAR(ours[i], theirs[i], 1e-5, 1e-5);
    read_tensor(weight, "score");
    read_tensor(logits, "logits");
    CHECK_OK(
        wane_measure_linear(&a, model, NULL, weight, &task, WANE_SPLIT_TEST, &prompts, NULL, &err));
    double loss = 0, right = 0;
    for (size_t r = 0; r < PROMPTS; r++) {
        const float *l = logits + r * LABELS;
        size_t best = l[1] > l[0] ? 1 : 0;
        double sum = 0;
        if (l[2] > l[best]) best = 2;
        for (size_t k = 0; k < LABELS; k++) sum += exp((double)l[k]);
        double nll = log(sum) - (double)l[labels[r]];
        assert_int_equal(a.example[r].predicted, best);
        assert_int_equal(a.example[r].row, 10 + r);
        CHECK_NEAR(a.example[r].loss, nll, 1e-5, 1e-4);
        loss += nll / PROMPTS;
        right += (double)(best == (size_t)labels[r]) / PROMPTS;
    }
    CHECK_NEAR(a.loss, loss, 1e-5, 1e-4);
    CHECK_NEAR(a.accuracy, right, 1e-12, 0);
    CHECK_NEAR(a.majority, 0.4, 1e-12, 0);
    assert_true(isnan(a.kl_on_task_prompt));
    wane_accuracy_free(&a);
    wane_model_free(model);
}

/* ---------------------------------------------------------------- heads and stacks, bit for bit */

typedef struct outcome {
    double loss[STEPS], norm[STEPS];
    float head[(2 + LABELS) * WIDTH];
} outcome;

/* A LoRA trainer with two heads over a frozen adapter; after `cut` steps its state goes through a
 * file into a fresh one. */
static void run(outcome *out, size_t micro, int threads, size_t cut)
{
    wane_error err;
    wane_pool *pool = NULL;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    const wane_method_settings method = {.method = &wane_method_lora,
                                         .rank = 2,
                                         .alpha = 4,
                                         .dropout = 0.2,
                                         .linear_head = true,
                                         .head_groups = 2,
                                         .head_classes = two_tasks};
    wane_training t = settings();
    t.micro_tokens = micro;
    memset(out, 0, sizeof *out);
    CHECK_OK(wane_pool_new(&pool, threads, &err));
    for (size_t s = 0; s < STEPS; s++) {
        wane_step step;
        rows r = {0};
        if (s == 0 || s == cut) {
            if (s) CHECK_OK(wane_trainer_save(trainer, scratch_path("state"), "key", &err));
            wane_trainer_free(trainer);
            CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, NULL, 5, 2, pool, &err));
            CHECK_OK(
                wane_trainer_freeze(trainer, adapter_at(FIXTURES "adapter-frozen", model), &err));
            if (s) CHECK_OK(wane_trainer_load(trainer, scratch_path("state"), "key", &err));
        }
        read_batch(&r, s % BATCHES, JOINT);
        CHECK_OK(wane_trainer_step(trainer, &r.batch, &step, &err));
        out->loss[s] = step.loss;
        out->norm[s] = step.grad_norm;
    }
    memcpy(out->head, wane_trainer_head(trainer)->weight, sizeof out->head);
    wane_trainer_free(trainer);
    wane_model_free(model);
    wane_pool_free(pool);
}

static void resuming_and_threads_change_no_bit(void **state)
{
    (void)state;
    outcome whole, other;
    run(&whole, 20, 1, 0);
    run(&other, 20, 1, 7);
    assert_memory_equal(&whole, &other, sizeof whole);
    run(&other, 20, 3, 0);
    assert_memory_equal(&whole, &other, sizeof whole);
}

/* An accumulated gradient is the gradient of the whole step. */
static void accumulation_changes_last_bits_alone(void **state)
{
    (void)state;
    outcome whole, pieces;
    run(&whole, 1000, 1, 0);
    run(&pieces, 1, 1, 0);
    CHECK_NEAR(pieces.norm[0], whole.norm[0], 0, 1e-6);
    for (size_t s = 0; s < STEPS; s++) {
        CHECK_NEAR(pieces.loss[s], whole.loss[s], 1e-6, 5e-5);
        CHECK_NEAR(pieces.norm[s], whole.norm[s], 1e-5, 5e-4);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = tiny_llama();
    wane_trainer *trainer = NULL;
    static const size_t single[] = {1}, many[] = {60, 60};
    wane_method_settings method = {
        .method = &wane_method_full, .linear_head = true, .head_groups = 1, .head_classes = single};
    wane_training t = settings();
    CHECK_FAILS(wane_trainer_new(&trainer, model, &method, &t, NULL, 0, 0, NULL, &err), WANE_EINVAL,
                "1 classes");
    method.head_groups = 2;
    method.head_classes = many;
    CHECK_FAILS(wane_trainer_new(&trainer, model, &method, &t, NULL, 0, 0, NULL, &err), WANE_EINVAL,
                "vocabulary");
    method.head_classes = two_tasks;
    CHECK_OK(wane_trainer_new(&trainer, model, &method, &t, NULL, 0, 0, NULL, &err));
    wane_adapter *frozen = adapter_at(FIXTURES "adapter-frozen", model);
    CHECK_FAILS(wane_trainer_freeze(trainer, frozen, &err), WANE_EINVAL, "stack");
    wane_adapter_free(frozen);
    rows r = {0};
    wane_step step;
    read_batch(&r, 0, JOINT);
    r.target[1] = 2 + LABELS;
    CHECK_FAILS(wane_trainer_step(trainer, &r.batch, &step, &err), WANE_EINVAL, "class 5 of 5");
    wane_trainer_free(trainer);
    wane_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_with_a_head_equals_transformers),
        cmocka_unit_test(lora_with_a_head_equals_peft),
        cmocka_unit_test(heads_of_two_tasks_equal_torch),
        cmocka_unit_test(a_stack_equals_peft),
        cmocka_unit_test(features_equal_transformers),
        cmocka_unit_test_setup_teardown(resuming_and_threads_change_no_bit, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(accumulation_changes_last_bits_alone),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, open_reference, close_reference);
}
