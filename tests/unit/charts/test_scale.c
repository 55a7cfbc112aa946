/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/charts/drawing.h"
#include "analysis/charts/scale.h"
#include "store/base/random.h"
#include "tests/support/support.h"

static void check_labels(const wane_scale *s, const char *const *labels, size_t count)
{
    assert_int_equal(s->count, count);
    for (size_t i = 0; i < count; i++) assert_string_equal(s->ticks[i].label, labels[i]);
}

static const wane_scale_wish plain = {.ticks = 6};

static void round_numbers(void **state)
{
    (void)state;
    wane_scale s;
    wane_scale_fit(&s, 0, 1, &plain);
    check_labels(&s, (const char *[]){"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}, 6);
    wane_scale_fit(&s, -3, 4.5, &plain);
    check_labels(&s, (const char *[]){"\u22122", "0", "2", "4"}, 4);
    wane_scale_fit(&s, 0, 300000, &plain);
    check_labels(
        &s, (const char *[]){"0", "50000", "100000", "150000", "200000", "250000", "300000"}, 7);
    assert_int_equal(s.exponent, 0);
    wane_scale_fit(&s, 0, 3e12, &plain);
    check_labels(&s, (const char *[]){"0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0"}, 7);
    assert_int_equal(s.exponent, 12);
    wane_scale_fit(&s, 0, 2e-7, &plain);
    assert_int_equal(s.exponent, -7);
    assert_string_equal(s.ticks[1].label, "0.5");
    const wane_scale_wish whole = {.ticks = 6, .whole = true};
    wane_scale_fit(&s, 0, 2, &whole);
    check_labels(&s, (const char *[]){"0", "1", "2"}, 3);
}

static void equal_values_get_a_range(void **state)
{
    (void)state;
    const double values[] = {0, .5, -3, 1e-7, 1e300, -1.7e308, 5e-324};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int log = 0; log <= (values[i] > 0); log++) {
            const wane_scale_wish wish = {.log = log, .ticks = 6};
            wane_scale s;
            wane_scale_fit(&s, values[i], values[i], &wish);
            assert_true(s.low < s.high && isfinite(s.low) && isfinite(s.high));
            assert_in_range(s.count, 2, WANE_TICKS);
            double place = wane_scale_place(&s, fmax(s.low, fmin(s.high, values[i])));
            assert_true(place >= 0 && place <= 1);
        }
}

static void powers_on_a_log_axis(void **state)
{
    (void)state;
    const wane_scale_wish log = {.log = true, .ticks = 6};
    wane_scale s;
    wane_scale_fit(&s, 1, 1000, &log);
    check_labels(&s, (const char *[]){"1", "3", "10", "30", "100", "300", "1000"}, 7);
    CHECK_NEAR(wane_scale_place(&s, 10), 1. / 3, 1e-12, 0);
    wane_scale_fit(&s, 1e-8, 1e-4, &log);
    check_labels(&s,
                 (const char *[]){"10\u207b\u2078", "10\u207b\u2077", "10\u207b\u2076",
                                  "10\u207b\u2075", "10\u207b\u2074"},
                 5);
    wane_scale_fit(&s, 1e-300, 1e300, &log);
    assert_in_range(s.count, 4, 9);
    wane_scale_fit(&s, 2.1, 2.5, &log);
    check_labels(&s, (const char *[]){"2.1", "2.2", "2.3", "2.4", "2.5"}, 5);
    wane_scale_fit(&s, .02, .9, &log);
    check_labels(&s, (const char *[]){"0.02", "0.05", "0.1", "0.2", "0.5"}, 5);
}

/* "\u2212" and digits back to a number. */
static double number_of(const char *label)
{
    bool negative = strncmp(label, "\u2212", 3) == 0;
    double value = strtod(label + (negative ? 3 : 0), NULL);
    return negative ? -value : value;
}

/* Any range: ticks inside it, evenly spaced by 1, 2 or 5 times a power of ten, labels true. */
static void any_range_gets_true_ticks(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        const wane_random where = {1, WANE_RANDOM_TEST, 0, i, 0};
        double middle = pow(10, 560 * wane_random_uniform(&where, 0) - 280);
        double share = pow(10, -8 * wane_random_uniform(&where, 1));
        if (i % 3 == 0) middle = -middle;
        if (i % 3 == 1) share *= 3; /* zero may lie inside */
        double half = fabs(middle) * share;
        wane_scale s;
        wane_scale_fit(&s, middle - half, middle + half, &plain);
        assert_in_range(s.count, 2, 8);
        double step = s.ticks[1].value - s.ticks[0].value;
        double mantissa = step / pow(10, floor(log10(step) + 1e-6));
        assert_true(fabs(mantissa - 1) < 1e-4 || fabs(mantissa - 2) < 1e-4 ||
                    fabs(mantissa - 5) < 1e-4);
        for (size_t k = 0; k < s.count; k++) {
            double value = s.ticks[k].value;
            assert_true(value >= s.low - step * 1e-6 && value <= s.high + step * 1e-6);
            CHECK_NEAR(number_of(s.ticks[k].label) * pow(10, s.exponent), value, step * 1e-6, 0);
            if (k > 0) CHECK_NEAR(value - s.ticks[k - 1].value, step, step * 1e-6, 0);
        }
    }
}

static void fixed_labels(void **state)
{
    (void)state;
    char label[WANE_TICK_BYTES];
    const struct {
        double value;
        int decimals;
        const char *label;
    } cases[] = {{.5, 2, "0.50"},     {-.005, 2, "\u22120.01"}, {-.001, 2, "0.00"},
                 {12345, 0, "12345"}, {.999, 2, "1.00"},        {-1.25, 3, "\u22121.250"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wane_fixed_label(label, cases[i].value, cases[i].decimals);
        assert_string_equal(label, cases[i].label);
    }
    wane_power_label(label, -304);
    assert_string_equal(label, "10\u207b\u00b3\u2070\u2074");
    wane_power_label(label, 0);
    assert_string_equal(label, "10\u2070");
}

static void decades_are_exact(void **state)
{
    (void)state;
    for (int e = -300; e <= 300; e++) {
        char text[32];
        (void)snprintf(text, sizeof text, "1e%d", e);
        double power = strtod(text, NULL);
        assert_int_equal(wane_decade(power * 1.0000001), e);
        assert_int_equal(wane_decade(-power * 0.9999999), e - 1);
    }
    for (int e = 0; e <= 22; e++) { /* the powers that doubles hold, and the next below */
        double power = 1;
        for (int i = 0; i < e; i++) power *= 10;
        assert_int_equal(wane_decade(power), e);
        assert_int_equal(wane_decade(nextafter(power, 0)), e - 1);
    }
    assert_int_equal(wane_decade(0), 0);
}

static void words_wrap_and_shorten(void **state)
{
    (void)state;
    wane_drawing d = {0};
    const char **lines;
    size_t count = wane_words_wrap(&d, "one two-three four", 10, 60, &lines);
    assert_int_equal(count, 3);
    assert_string_equal(lines[0], "one");
    assert_string_equal(lines[1], "two-three");
    count = wane_words_wrap(&d, "a-rather-long-one", 10, 60, &lines);
    assert_int_equal(count, 2);
    assert_string_equal(lines[0], "a-rather-");
    assert_int_equal(wane_words_wrap(&d, "", 10, 60, &lines), 1);
    assert_string_equal(lines[0], "");
    assert_int_equal(wane_words_wrap(&d, NULL, 10, 60, &lines), 1);
    /* One character a line at least, however narrow, and no character is cut in two. */
    count = wane_words_wrap(&d, "\u00e9\u65e5\U0001f600x", 10, 1, &lines);
    assert_int_equal(count, 4);
    assert_string_equal(lines[1], "\u65e5");
    assert_string_equal(lines[2], "\U0001f600");
    /* Malformed bytes and what XML refuses. */
    assert_string_equal(wane_words_clean(&d, "a\x01\xff\xc3\tb\xed\xa0\x80"),
                        "a\ufffd\ufffd\ufffd b\ufffd\ufffd\ufffd");
    const char *name = "EleutherAI/pile-uncopyrighted-subset-of-english-wikipedia";
    count = wane_words_fit(&d, name, 12, 150, 1, &lines);
    assert_int_equal(count, 1);
    assert_non_null(strstr(lines[0], "\u2026"));
    assert_true(wane_words_width(lines[0], 12) <= 150);
    assert_int_equal(strncmp(lines[0], "Eleuth", 6), 0);
    assert_string_equal(lines[0] + strlen(lines[0]) - 5, "pedia");
    count = wane_words_fit(&d, "short", 12, 150, 1, &lines);
    assert_string_equal(lines[0], "short");
    assert_false(d.failed);
    wane_drawing_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_numbers),          cmocka_unit_test(equal_values_get_a_range),
        cmocka_unit_test(powers_on_a_log_axis),   cmocka_unit_test(any_range_gets_true_ticks),
        cmocka_unit_test(fixed_labels),           cmocka_unit_test(decades_are_exact),
        cmocka_unit_test(words_wrap_and_shorten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
