/* SPDX-License-Identifier: Apache-2.0
 * Known answers of interventions: a spike over a diagonal base, an unchanged weight, refusals.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/spectra/interventions.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

enum { SIDE = 64 };

static const wane_scaling_options USUAL = {.k = 10, .epsilon = 0.5, .stored = 20};

/* diag(SIDE, SIDE - 1, ...) and a spike of `size` along the vector of equal entries, which has a
 * cosine of 1/8 with every base direction. */
typedef struct spike {
    float base[SIDE * SIDE], b[SIDE], a[SIDE];
    wane_base_svd *svd;
    wane_lowrank_term term;
    wane_scaling *scaling;
} spike;

static spike *spike_of(float size)
{
    wane_error err;
    spike *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (size_t i = 0; i < SIDE; i++) {
        s->base[i * SIDE + i] = (float)(SIDE - i);
        s->b[i] = s->a[i] = 0.125F;
    }
    s->term = (wane_lowrank_term){s->b, s->a, 1, size};
    CHECK_OK(wane_base_svd_compute(&s->svd, (wane_matrix){s->base, SIDE, SIDE, SIDE}, &err));
    CHECK_OK(wane_scaling_lowrank(&s->scaling, s->svd, &s->term, 1, &USUAL, NULL, &err));
    return s;
}

static void spike_free(spike *s)
{
    wane_scaling_free(s->scaling);
    wane_base_svd_free(s->svd);
    free(s);
}

static wane_arm_state state_of(const spike *s, wane_arm arm, double lambda)
{
    wane_intervention what = wane_intervene(s->scaling, WANE_CHOICE_TOP, arm, lambda);
    assert_int_equal(what.arm, arm);
    assert_true(what.state == WANE_ARM_EXISTS || isnan(what.delta_scale));
    return what.state;
}

static void a_large_spike_is_all_of_the_change(void **state)
{
    (void)state;
    spike *s = spike_of(1e6F);
    assert_int_equal(wane_scaling_intruders(s->scaling, WANE_CHOICE_TOP), 1);
    assert_int_equal(wane_scaling_intruders(s->scaling, WANE_CHOICE_ALL), 1);
    CHECK_NEAR(wane_scaling_delta(s->scaling), 1e6, 0, 1e-6);
    wane_scaled_direction d = wane_scaling_direction(s->scaling, 0);
    assert_int_equal(d.position, 1);
    assert_int_equal(d.neighbour, 2);
    CHECK_NEAR(d.sigma, 1e6 + 32.5, 1, 0); /* the spike and the mean of the diagonal */
    /* Without it hardly anything is left to be made as large as dW, and nothing else to take. */
    assert_int_equal(state_of(s, WANE_ARM_INTRUDERS, 0), WANE_ARM_EXISTS);
    assert_int_equal(state_of(s, WANE_ARM_NEIGHBOUR, 0), WANE_ARM_EXISTS);
    assert_int_equal(state_of(s, WANE_ARM_SHRINK, 0), WANE_ARM_EXISTS);
    assert_int_equal(state_of(s, WANE_ARM_RESCALE, 0), WANE_ARM_VANISHED);
    assert_int_equal(state_of(s, WANE_ARM_ENERGY, 0), WANE_ARM_UNREACHABLE);
    assert_int_equal(state_of(s, WANE_ARM_ENERGY, 1.25), WANE_ARM_UNREACHABLE); /* E < 0 */
    for (wane_arm arm = WANE_ARM_INTRUDERS; arm <= WANE_ARM_ENERGY; arm++) {
        wane_intervention same = wane_intervene(s->scaling, WANE_CHOICE_ALL, arm, 1);
        assert_int_equal(same.state, WANE_ARM_EXISTS);
        assert_true(same.delta_scale == 0 && same.rank == 0 && same.moved_frobenius == 0);
        CHECK_NEAR(same.delta_frobenius, 1e6, 0, 1e-6);
    }
    spike_free(s);
    /* Some 50 are left of 10,000: more than a thousandth. */
    s = spike_of(1e4F);
    assert_int_equal(state_of(s, WANE_ARM_RESCALE, 0), WANE_ARM_EXISTS);
    spike_free(s);
}

/* A spike under the base's spectrum is no intruder among the top 10, and W_0 has none. */
static void without_intruders_no_arm_exists(void **state)
{
    (void)state;
    for (int unchanged = 0; unchanged < 2; unchanged++) {
        spike *s = spike_of(unchanged ? 0.0F : 0.5F);
        for (wane_arm arm = WANE_ARM_INTRUDERS; arm <= WANE_ARM_ENERGY; arm++)
            assert_int_equal(state_of(s, arm, 0.5), WANE_ARM_NO_INTRUDER);
        spike_free(s);
    }
}

/* Equal singular values have no basis of their own: LAPACK's of W and of W_0 may differ. */
static void an_unchanged_weight_has_no_intruders(void **state)
{
    (void)state;
    wane_error err;
    float base[SIDE * SIDE] = {0};
    wane_base_svd *svd = NULL;
    wane_scaling *s = NULL;
    for (size_t i = 0; i < SIDE; i++) base[i * SIDE + (i + 7) % SIDE] = 3;
    wane_matrix w = {base, SIDE, SIDE, SIDE};
    CHECK_OK(wane_base_svd_compute(&svd, w, &err));
    CHECK_OK(wane_scaling_full(&s, svd, w, &USUAL, NULL, &err));
    assert_int_equal(wane_scaling_intruders(s, WANE_CHOICE_ALL), 0);
    wane_scaling_free(s);
    wane_base_svd_free(svd);
}

/* Neighbours are stored directions, and the top k are stored whatever `stored` says. */
static void too_few_neighbours(void **state)
{
    (void)state;
    wane_error err;
    spike *s = spike_of(1000);
    wane_scaling *alone = NULL;
    wane_scaling_options options = {.k = 1, .epsilon = 0.5, .stored = 1};
    CHECK_OK(wane_scaling_lowrank(&alone, s->svd, &s->term, 1, &options, NULL, &err));
    assert_int_equal(wane_scaling_direction(alone, 0).neighbour, 0);
    assert_true(isnan(wane_scaling_direction(alone, 0).neighbour_sigma));
    wane_intervention what = wane_intervene(alone, WANE_CHOICE_TOP, WANE_ARM_NEIGHBOUR, 0.5);
    assert_int_equal(what.state, WANE_ARM_NO_NEIGHBOUR);
    float weight[SIDE * SIDE] = {0};
    CHECK_FAILS(wane_intervention_apply(weight, s->base, alone, &what, NULL, &err), WANE_EINVAL,
                "intervention: neighbour: no_neighbour");
    wane_scaling_free(alone);
    options.k = 10;
    CHECK_OK(wane_scaling_lowrank(&alone, s->svd, &s->term, 1, &options, NULL, &err));
    assert_int_equal(wane_scaling_direction(alone, 0).neighbour, 2);
    wane_scaling_free(alone);
    spike_free(s);
}

static void refusals(void **state)
{
    (void)state;
    wane_error err;
    spike *s = spike_of(1000);
    wane_scaling *out = NULL;
    wane_scaling_options options = USUAL;
    options.k = 0;
    CHECK_FAILS(wane_scaling_lowrank(&out, s->svd, &s->term, 1, &options, NULL, &err), WANE_EINVAL,
                "no intruder is defined");
    options = USUAL;
    options.epsilon = NAN;
    CHECK_FAILS(wane_scaling_full(&out, s->svd, (wane_matrix){s->base, SIDE, SIDE, SIDE}, &options,
                                  NULL, &err),
                WANE_EINVAL, "no intruder is defined");
    s->b[3] = NAN;
    CHECK_FAILS(wane_scaling_lowrank(&out, s->svd, &s->term, 1, &USUAL, NULL, &err), WANE_ENUMERIC,
                "not finite");
    assert_null(out);
    spike_free(s);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    wane_error err;
    spike *s = spike_of(1000);
    wane_intervention what = wane_intervene(s->scaling, WANE_CHOICE_TOP, WANE_ARM_ENERGY, 0.999);
    float *weight = calloc(SIDE * SIDE, sizeof *weight);
    assert_non_null(weight);
    what.state = WANE_ARM_EXISTS;
    for (long n = 0;; n++) {
        wane_scaling *out = NULL;
        wane_memory_fail_after(n);
        wane_status st = wane_scaling_lowrank(&out, s->svd, &s->term, 1, &USUAL, NULL, &err);
        if (st == WANE_OK) st = wane_intervention_apply(weight, s->base, out, &what, NULL, &err);
        wane_memory_fail_after(-1);
        wane_scaling_free(out);
        if (st == WANE_OK) break;
        assert_int_equal(st, WANE_ENOMEM);
        assert_true(n < 1000);
    }
    free(weight);
    spike_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_spike_is_all_of_the_change),
        cmocka_unit_test(without_intruders_no_arm_exists),
        cmocka_unit_test(an_unchanged_weight_has_no_intruders),
        cmocka_unit_test(too_few_neighbours),
        cmocka_unit_test(refusals),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
