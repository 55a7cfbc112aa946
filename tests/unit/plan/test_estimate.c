/* SPDX-License-Identifier: Apache-2.0
 * The operations that a plan will need, counted by hand.
 */
#include <stdio.h>
#include <string.h>

#include "eval/model/pass.h"
#include "eval/plan/estimate.h"
#include "eval/train/method.h"
#include "tests/support/support.h"

/* %s: the method. */
static const char experiment[] =
    "name: estimate\n"
    "model: builtin\n"
    "pretraining: {width: 16, layers: 1, heads: 2, kv_heads: 1, hidden: 32, steps: 2,\n"
    "              documents: 50, batch_tokens: 256, context: 96}\n"
    "corpora: [{name: text, path: builtin, role: pretraining, documents: 5}]\n"
    "tasks: [{path: builtin/topic, train_rows: 8, test_rows: 8}]\n"
    "methods: [{name: m, kind: %s, learning_rate: 1e-2}]\n"
    "training: {epochs: 3, batch_size: 4, max_seq_length: 96}\n";

static const wane_log silent;

/* Weights of the stage beside the base's; gradients and two moments of what is trained, and values
 * where these are not the weights themselves; the pass of a step. */
static double training_bytes(const wane_model *base, const wane_run_config *c)
{
    bool adapter = c->settings.method->adapter;
    wane_error err;
    size_t pass = 0;
    int64_t numbers = 0;
    const wane_pass_limits limits = {.tokens = 4096,
                                     .sequences = 4,
                                     .targets = 4,
                                     .training = true,
                                     .threads = 1,
                                     .train_weights = !adapter,
                                     .adapter_floats_rank = adapter ? 2 : 0};
    CHECK_OK(wane_method_numbers(&numbers, &c->settings, &base->parameters, &err));
    CHECK_OK(wane_pass_bytes(&pass, &base->config, &limits, &err));
    double copies = (adapter ? 4 : 3) + c->strategy->keeps_start;
    return 4. * (double)base->parameters.floats + 4 * copies * (double)numbers + (double)pass;
}

/* q and o are 16 x 16, k and v 8 x 16, the three of the MLP 32 x 16: 2304 numbers, two operations
 * each and pass, at every token; the head at the tokens of the label. Six steps of four rows. LoRA
 * passes twice: forward and back to the inputs; full also to the gradients of the weights. */
static void passes_of_a_method(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        double passes;
    } methods[] = {{"lora, rank: 2", 2},
                   {"full-matrices", 3},
                   {"full-matrices, strategy: l2", 3},
                   {"full", 3}};
    double memory[4];
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        wane_error err;
        wane_pool *pool = NULL;
        wane_experiment *x = NULL;
        wane_inputs *inputs = NULL;
        wane_plan *plan = NULL;
        wane_estimate e = {0};
        char text[1024];
        (void)snprintf(text, sizeof text, experiment, methods[i].method);
        CHECK_OK(wane_pool_new(&pool, 1, &err));
        CHECK_OK(wane_experiment_parse(&x, text, strlen(text), "x.yaml", scratch_folder(), NULL, 0,
                                       &err));
        CHECK_OK(wane_inputs_open(&inputs, x, scratch_path("builtin"), pool, &silent, &err));
        CHECK_OK(wane_plan_make(&plan, inputs, &err));
        CHECK_OK(wane_plan_estimate(&e, plan, pool, &err));
        const wane_prompts *p = &inputs->tasks[0].test;
        double length = (double)p->starts[p->rows] / (double)p->rows;
        double head = 2. * 16 * (double)inputs->base->config.vocabulary;
        double pass = 6 * 4 * (length * 2 * 2304 + (double)p->longest_label * head);
        CHECK_NEAR(e.train_flops, methods[i].passes * pass, 0, 1e-9 * pass);
        CHECK_NEAR(e.seconds * WANE_ESTIMATE_SHARE * e.flops_per_second,
                   e.train_flops + e.measure_flops, 0, 1e-9 * e.train_flops);
        memory[i] = e.more_bytes;
        CHECK_NEAR(e.more_bytes, training_bytes(inputs->base, &x->configs[0]), 0, 1e-9);
        assert_true(e.memory_bytes > e.more_bytes);
        assert_int_equal(e.tokens, 4096);
        wane_plan_free(plan);
        wane_inputs_free(inputs);
        wane_experiment_free(x);
        wane_pool_free(pool);
    }
    /* what the strategy keeps: a copy of what the stage starts from */
    CHECK_NEAR(memory[2] - memory[1], 4. * 2304, 0, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(passes_of_a_method, scratch_make, scratch_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
