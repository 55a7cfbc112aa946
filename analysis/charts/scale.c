/* SPDX-License-Identifier: Apache-2.0
 * Chooses steps as integers times powers of ten, so that ticks and their labels are exact, for
 * linear and logarithmic axes.
 */
#include "analysis/charts/scale.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char minus[] = "\xe2\x88\x92";

/* 10^exponent rounded once, for any double exponent. */
static double power(int exponent)
{
    if (exponent >= 0) return exponent > 308 ? INFINITY : pow(10, exponent);
    if (exponent >= -300) return 1 / pow(10, -exponent);
    return 1 / pow(10, -exponent - 100) / 1e100;
}

int wane_decade(double value)
{
    value = fabs(value);
    if (value == 0 || !isfinite(value)) return 0;
    int decade = (int)floor(log10(value));
    if (power(decade) > value) decade--;
    if (power(decade + 1) <= value) decade++;
    return decade;
}

void wane_power_label(char out[WANE_TICK_BYTES], int exponent)
{
    static const char *const digits[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    int left = exponent < 0 ? -exponent : exponent, unit = 1;
    while (left / unit >= 10) unit *= 10;
    (void)snprintf(out, WANE_TICK_BYTES, "10%s", exponent < 0 ? "\xe2\x81\xbb" : "");
    for (; unit > 0; left %= unit, unit /= 10)
        (void)strncat(out, digits[left / unit], WANE_TICK_BYTES - strlen(out) - 1);
}

/* whole * 10^-decimals, decimals <= 18 */
static void decimal(char out[WANE_TICK_BYTES], int64_t whole, int decimals)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
    digits[--at] = 0;
    for (int i = 0; i <= decimals || left > 0; i++, left /= 10) {
        if (i == decimals && i > 0) digits[--at] = '.';
        digits[--at] = (char)('0' + left % 10);
    }
    (void)snprintf(out, WANE_TICK_BYTES, "%s%s", whole < 0 ? minus : "", digits + at);
}

void wane_fixed_label(char out[WANE_TICK_BYTES], double value, int decimals)
{
    double whole = round(value * power(decimals));
    decimal(out, fabs(whole) < 9e18 ? (int64_t)whole : 0, decimals);
}

/* The step of 1, 2 or 5 times 10^decade that gives at most about `ticks` ticks. */
static int64_t step_of(double raw, int *decade)
{
    *decade = wane_decade(raw);
    double mantissa = raw / power(*decade);
    if (mantissa <= 1.0001) return 1;
    if (mantissa <= 2.0001) return 2;
    if (mantissa <= 5.0001) return 5;
    (*decade)++;
    return 1;
}

/* Ticks are whole multiples of a power of ten, so that labels are exact. */
static void linear_ticks(wane_scale *s, const wane_scale_wish *wish)
{
    double raw = (s->high - s->low) / (double)wish->ticks;
    int decade;
    int64_t step = step_of(raw, &decade);
    if (wish->whole && decade < 0) {
        step = 1;
        decade = 0;
    }
    double unit = (double)step * power(decade), top = fmax(fabs(s->low), fabs(s->high));
    int64_t first = (int64_t)ceil(s->low / unit - 1e-9),
            last = (int64_t)floor(s->high / unit + 1e-9);
    int largest = wane_decade(top);
    s->exponent = largest >= 6 || largest <= -4 ? largest : 0;
    int decimals = s->exponent - decade;
    if (decimals < 0) decimals = 0;
    for (int64_t i = first; i <= last && s->count < WANE_TICKS; i++) {
        wane_tick *tick = &s->ticks[s->count++];
        int64_t whole = i * step;
        for (int d = s->exponent - decade; d < 0; d++) whole *= 10;
        tick->value = (double)(i * step) * power(decade);
        decimal(tick->label, whole, decimals);
    }
}

static void log_ticks(wane_scale *s, const wane_scale_wish *wish)
{
    int from = wane_decade(s->low), to = wane_decade(s->high);
    double decades = log10(s->high) - log10(s->low);
    int stride = (int)fmax(1, ceil(decades / (double)(wish->ticks + 1)));
    static const int sets[3][4] = {{1, 0, 0, 0}, {1, 3, 0, 0}, {1, 2, 5, 0}};
    const int *set = sets[decades > 3 ? 0 : decades > 1.9 ? 1 : 2];
    for (int d = from; d <= to; d++) {
        if (d % stride != 0) continue;
        for (int m = 0; set[m] && s->count < WANE_TICKS; m++) {
            double value = set[m] * power(d);
            if (value < s->low * (1 - 1e-9) || value > s->high * (1 + 1e-9)) continue;
            wane_tick *tick = &s->ticks[s->count++];
            char base[WANE_TICK_BYTES];
            tick->value = value;
            wane_power_label(base, d);
            if (d >= -3 && d <= 3 && from >= -3 && to <= 3)
                wane_fixed_label(tick->label, value, d < 0 ? -d : 0);
            else if (set[m] == 1) (void)snprintf(tick->label, sizeof tick->label, "%s", base);
            else (void)snprintf(tick->label, sizeof tick->label, "%d\xc3\x97%.30s", set[m], base);
        }
    }
}

/* Room about values that are all the same, or too near for doubles to tell ticks apart. */
static void widen(double *low, double *high, bool log)
{
    double top = fmax(fabs(*low), fabs(*high));
    if (*high - *low > top * 1e-9) return;
    double middle = *low + (*high - *low) / 2;
    double half = log ? 0 : middle == 0 ? 1 : fabs(middle) * 0.1;
    *low = log ? middle / 2 : middle - half;
    *high = log ? middle * 2 : middle + half;
}

void wane_scale_fit(wane_scale *out, double low, double high, const wane_scale_wish *wish)
{
    wane_scale s = {.log = wish->log};
    /* What is left keeps differences, rooms and powers finite and above 0. */
    double floor_value = wish->log ? 1e-280 : -1e300, ceiling = wish->log ? 1e280 : 1e300;
    low = fmax(floor_value, fmin(ceiling, low));
    high = fmax(low, fmin(ceiling, high));
    if (!wish->log && high - low < 1e-300 && (low != high || fabs(low) < 1e-290)) low = high = 0;
    widen(&low, &high, wish->log);
    if (wish->log) {
        double decades = log10(high) - log10(low);
        s.low = pow(10, log10(low) - decades * wish->room_low);
        s.high = pow(10, log10(high) + decades * wish->room_high);
        log_ticks(&s, wish);
    }
    if (s.count < 3 && wish->log) {
        /* Too narrow for powers: plain ticks, placed by their logarithm. */
        s.count = 0;
        linear_ticks(&s, wish);
    }
    if (!wish->log) {
        s.low = low - (high - low) * wish->room_low;
        s.high = high + (high - low) * wish->room_high;
        linear_ticks(&s, wish);
    }
    *out = s;
}

double wane_scale_place(const wane_scale *s, double value)
{
    if (s->log) return (log(value) - log(s->low)) / (log(s->high) - log(s->low));
    return (value - s->low) / (s->high - s->low);
}
