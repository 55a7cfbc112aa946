/* SPDX-License-Identifier: Apache-2.0
 * Known principal angles between changes, from factors and from whole weights.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/angles.h"
#include "tests/support/support.h"

enum { ROWS = 12, COLS = 9, RANK = 2 };

/* B = columns cos a e_0 + sin a e_5 and e_1 (times sizes), A = rows e_0 and cos b e_1 + sin b e_7.
 */
typedef struct made {
    float b[ROWS * RANK], a[RANK * COLS], w[ROWS * COLS];
    wane_lowrank_term term;
} made;

static void make(made *m, double left, double right)
{
    memset(m, 0, sizeof *m);
    m->b[0 * RANK] = (float)(3 * cos(left));
    m->b[5 * RANK] = (float)(3 * sin(left));
    m->b[1 * RANK + 1] = 2;
    m->a[0] = 1;
    m->a[COLS + 1] = (float)cos(right);
    m->a[COLS + 7] = (float)sin(right);
    m->term = (wane_lowrank_term){m->b, m->a, RANK, 0.5f};
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLS; j++)
            for (size_t k = 0; k < RANK; k++)
                m->w[i * COLS + j] += 0.5f * m->b[i * RANK + k] * m->a[k * COLS + j];
}

static void angles_are_known(void **state)
{
    (void)state;
    wane_error err;
    made one, two;
    wane_change a = {0}, b = {0};
    double u = 0, v = 0;
    float zero[ROWS * COLS] = {0};
    wane_matrix nothing = {zero, ROWS, COLS, COLS};
    make(&one, 0, 0);
    make(&two, 0.3, 1.2);
    CHECK_OK(wane_change_of_terms(&a, ROWS, COLS, &one.term, 1, NULL, &err));
    CHECK_OK(wane_change_of_terms(&b, ROWS, COLS, &two.term, 1, NULL, &err));
    CHECK_OK(wane_change_angles(&u, &v, &a, &b, &err));
    CHECK_NEAR(u, 0.3, 1e-6, 0);
    CHECK_NEAR(v, 1.2, 1e-6, 0);
    CHECK_OK(wane_change_angles(&u, &v, &a, &a, &err));
    CHECK_NEAR(u + v, 0, 1e-7, 0);
    wane_change_free(&a);
    wane_change_free(&b);
    CHECK_OK(
        wane_change_of_weights(&a, (wane_matrix){one.w, ROWS, COLS, COLS}, nothing, NULL, &err));
    CHECK_OK(
        wane_change_of_weights(&b, (wane_matrix){two.w, ROWS, COLS, COLS}, nothing, NULL, &err));
    assert_int_equal(a.count, RANK);
    CHECK_OK(wane_change_angles(&u, &v, &a, &b, &err));
    CHECK_NEAR(u, 0.3, 1e-6, 0);
    CHECK_NEAR(v, 1.2, 1e-6, 0);
    wane_change_free(&b);
    /* no change has no direction */
    CHECK_OK(wane_change_of_weights(&b, nothing, nothing, NULL, &err));
    assert_int_equal(b.count, 0);
    CHECK_OK(wane_change_angles(&u, &v, &a, &b, &err));
    assert_true(isnan(u) && isnan(v));
    wane_change_free(&b);
    /* nor has what another term takes back */
    const wane_lowrank_term back[] = {one.term, {one.b, one.a, RANK, -0.5f}};
    CHECK_OK(wane_change_of_terms(&b, ROWS, COLS, back, 2, NULL, &err));
    assert_int_equal(b.count, 0);
    wane_change_free(&b);
    /* B's second column twice the first: rank 1 */
    for (size_t i = 0; i < ROWS; i++) two.b[i * RANK + 1] = 2 * two.b[i * RANK];
    CHECK_OK(wane_change_of_terms(&b, ROWS, COLS, &two.term, 1, NULL, &err));
    assert_int_equal(b.count, 1);
    wane_change_free(&b);
    one.term.scale = 0;
    CHECK_OK(wane_change_of_terms(&b, ROWS, COLS, &one.term, 1, NULL, &err));
    assert_int_equal(b.count, 0);
    wane_change_free(&b);
    b.rows = COLS;
    CHECK_FAILS(wane_change_angles(&u, &v, &a, &b, &err), WANE_EINVAL, "not of one weight");
    wane_change_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angles_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
