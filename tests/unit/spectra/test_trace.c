/* SPDX-License-Identifier: Apache-2.0
 * Directions keep their identity while they turn slowly and change places, and a new one is new.
 */
#include <math.h>
#include <string.h>

#include "analysis/spectra/trace.h"
#include "tests/support/support.h"

enum { N = 12, TOP = 4 };

/* A spectrum whose direction j is the unit vector e_axis[j] on both sides, turned by `angle` to the
 * axis behind all others. */
typedef struct made {
    double vectors[2][TOP * N];
    wane_spectrum spectrum;
} made;

static void make(made *m, const size_t axis[TOP], const double angle[TOP])
{
    memset(m, 0, sizeof *m);
    for (int side = 0; side < 2; side++)
        for (size_t j = 0; j < TOP; j++) {
            double sign = side == 1 && j == 2 ? -1 : 1; /* signs mean nothing */
            m->vectors[side][axis[j] + j * N] = sign * cos(angle[j]);
            m->vectors[side][N - 1 - j + j * N] = sign * sin(angle[j]);
        }
    m->spectrum = (wane_spectrum){.count = TOP, .u = m->vectors[0], .v = m->vectors[1]};
}

static void identities_follow(void **state)
{
    (void)state;
    wane_error err;
    wane_trace trace = {0};
    made m;
    const double none[TOP] = {0};
    make(&m, (const size_t[]){0, 1, 2, 3}, none);
    CHECK_OK(wane_trace_follow(&trace, &m.spectrum, N, N, &err));
    for (int j = 0; j < TOP; j++) assert_int_equal(trace.identity[j], j + 1);
    /* places change; one turns by 40 degrees (.77^2 > .5), one by 50 (.64^2 < .5), one is new */
    make(&m, (const size_t[]){2, 0, 1, 5},
         (const double[]){0, 40 * M_PI / 180, 50 * M_PI / 180, 0});
    CHECK_OK(wane_trace_follow(&trace, &m.spectrum, N, N, &err));
    assert_int_equal(trace.identity[0], 3);
    assert_int_equal(trace.identity[1], 1);
    assert_int_equal(trace.identity[2], 5);
    assert_int_equal(trace.identity[3], 6);
    /* only the last look counts: what comes back is new; what drifted is still itself */
    make(&m, (const size_t[]){3, 0, 5, 1}, (const double[]){0, 70 * M_PI / 180, 0, 0});
    CHECK_OK(wane_trace_follow(&trace, &m.spectrum, N, N, &err));
    assert_int_equal(trace.identity[0], 7);
    assert_int_equal(trace.identity[1], 1);
    assert_int_equal(trace.identity[2], 6);
    assert_int_equal(trace.identity[3], 8);
    wane_trace_free(&trace);
}

/* Both sides must agree: a direction whose left vector alone stays is another one. */
static void one_side_is_not_enough(void **state)
{
    (void)state;
    wane_error err;
    wane_trace trace = {0};
    made m;
    const double none[TOP] = {0};
    make(&m, (const size_t[]){0, 1, 2, 3}, none);
    CHECK_OK(wane_trace_follow(&trace, &m.spectrum, N, N, &err));
    m.vectors[1][0] = 0; /* v_1 leaves its axis, u_1 stays */
    m.vectors[1][5] = 1;
    CHECK_OK(wane_trace_follow(&trace, &m.spectrum, N, N, &err));
    assert_int_equal(trace.identity[0], 5);
    assert_int_equal(trace.identity[1], 2);
    assert_int_equal(trace.issued, 5);
    wane_trace_free(&trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_follow),
        cmocka_unit_test(one_side_is_not_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
