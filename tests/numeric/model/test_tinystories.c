/* SPDX-License-Identifier: Apache-2.0
 * The real TinyStories-656K (WANE_DATA names the folder of real inputs) against transformers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/model/model.h"
#include "store/base/memory.h"
#include "tests/numeric/model/reference_case.h"
#include "tests/support/support.h"

static wane_model *load(void)
{
    wane_error err;
    char path[512];
    wane_model *model = NULL;
    (void)snprintf(path, sizeof path, "%s/models/TinyStories-656K", getenv("WANE_DATA"));
    CHECK_OK(wane_model_load(&model, path, &err));
    return model;
}

static void last_logits_equal_transformers(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = load();
    reference_case c;
    reference_open(&c, "reference/model/tinystories.safetensors");
    size_t count = 0;
    float *expected = reference_values(&c, "logits", &count);
    float *actual = wane_alloc(count, sizeof *actual);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = c.batch.tokens, .sequences = c.batch.sequences};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    CHECK_OK(wane_pass_forward(pass, model, NULL, &c.batch, NULL, &err));
    size_t last[16];
    for (size_t s = 0; s < c.batch.sequences; s++) last[s] = c.batch.starts[s + 1] - 1;
    wane_pass_logits(pass, last, c.batch.sequences, actual);
    double difference = relative_difference(actual, expected, count);
    print_message("logits differ by %.2g of their maximum\n", difference);
    assert_true(difference <= 1e-5);
    wane_pass_free(pass);
    wane_free(actual);
    wane_free(expected);
    reference_close(&c);
    wane_model_free(model);
}

/* Token by token from "Once upon a time": the tale of Lily. */
static void greedy_tells_the_same_story(void **state)
{
    (void)state;
    wane_error err;
    wane_model *model = load();
    reference_case c;
    reference_open(&c, "reference/model/tinystories.safetensors");
    size_t count = 0, known = c.starts[1];
    float *greedy = reference_values(&c, "greedy", &count);
    int32_t ids[128];
    assert_true(count <= 128);
    memcpy(ids, c.ids, known * sizeof *ids);
    wane_pass *pass = NULL;
    wane_pass_limits limits = {.tokens = 128, .sequences = 1, .targets = 1};
    CHECK_OK(wane_pass_new(&pass, &model->config, &limits, NULL, &err));
    for (size_t n = known; n < count; n++) {
        size_t starts[2] = {0, n}, position = n - 1;
        int32_t target = 0;
        float nll = 0;
        wane_batch batch = {.tokens = n,
                            .sequences = 1,
                            .ids = ids,
                            .starts = starts,
                            .targets = 1,
                            .position = &position,
                            .target = &target};
        CHECK_OK(wane_pass_forward(pass, model, NULL, &batch, NULL, &err));
        wane_pass_nll(pass, &nll, &ids[n]);
        assert_int_equal(ids[n], (int32_t)greedy[n]);
    }
    wane_pass_free(pass);
    wane_free(greedy);
    reference_close(&c);
    wane_model_free(model);
}

int main(void)
{
    if (!getenv("WANE_DATA")) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_logits_equal_transformers),
        cmocka_unit_test(greedy_tells_the_same_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
