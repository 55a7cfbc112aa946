/* SPDX-License-Identifier: Apache-2.0
 * Which adapters make a weight, and which the change of one stage, under each policy. Three stages
 * of one number each, 3, 5 and 11 times their scales.
 */

#include "eval/cells/cell_matrices.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { STAGES = 3 };

static double sum(const wane_terms *terms)
{
    double all = 0;
    for (size_t i = 0; i < terms->count; i++)
        all += (double)(terms->term[i].scale * *terms->term[i].b * *terms->term[i].a);
    return all;
}

static void terms_of_each_policy(void **state)
{
    (void)state;
    /* Merged or stacked adapters add up. One that is gone on with holds all: what a stage changed
     * is what it holds less what the one before held. */
    static const struct {
        wane_policy policy;
        double weight[STAGES], change[STAGES];
    } cases[] = {
        {WANE_POLICY_MERGE, {6, 16, 38}, {6, 10, 22}},
        {WANE_POLICY_STACK, {6, 16, 38}, {6, 10, 22}},
        {WANE_POLICY_CONTINUE, {6, 10, 22}, {6, 4, 12}},
    };
    static const float b[STAGES] = {3, 5, 11}, a = 1;
    wane_parameter parameter = {.name = "w", .rows = 1, .cols = 1, .linear = true};
    wane_model base = {.parameters = {.count = 1, .parameter = &parameter}};
    wane_inputs inputs = {.base = &base};
    wane_update_tensor tensors[STAGES];
    wane_update updates[STAGES];
    wane_chain chain = {.updates = updates, .length = STAGES};
    for (size_t i = 0; i < STAGES; i++) {
        tensors[i] = (wane_update_tensor){.name = "w",
                                          .rows = 1,
                                          .cols = 1,
                                          .term = {.b = &b[i], .a = &a, .rank = 1, .scale = 2}};
        updates[i] = (wane_update){.tensors = &tensors[i], .count = 1, .lowrank = true};
    }
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        wane_experiment x = {.policy = cases[c].policy};
        wane_work work = {.experiment = &x, .inputs = &inputs};
        for (size_t position = 1; position <= STAGES; position++) {
            wane_error err;
            wane_terms terms = {0};
            bool lowrank = false;
            CHECK_OK(wane_terms_of(&terms, &lowrank, &work, &chain, position, 0, 0, &err));
            assert_true(lowrank);
            CHECK_NEAR(sum(&terms), cases[c].weight[position - 1], 0, 0);
            wane_free(terms.term);
            CHECK_OK(wane_terms_of_increment(&terms, &lowrank, &work, &chain, position, 0, &err));
            assert_true(lowrank);
            CHECK_NEAR(sum(&terms), cases[c].change[position - 1], 0, 0);
            wane_free(terms.term);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(terms_of_each_policy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
