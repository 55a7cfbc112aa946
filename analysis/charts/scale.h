/* SPDX-License-Identifier: Apache-2.0
 * Scales: from values to places on an axis, with ticks at 1, 2 or 5 times a power of ten.
 */
#ifndef ANALYSIS_CHARTS_SCALE_H
#define ANALYSIS_CHARTS_SCALE_H

#include <stdbool.h>
#include <stddef.h>

enum { WANE_TICKS = 16, WANE_TICK_BYTES = 40 };

typedef struct wane_tick {
    double value;
    char label[WANE_TICK_BYTES];
} wane_tick;

/* low < high. A linear axis of very large or small numbers leaves out 10^exponent from its labels
 * (exponent 0 = nothing left out). */
typedef struct wane_scale {
    double low, high;
    bool log;
    int exponent;
    size_t count;
    wane_tick ticks[WANE_TICKS];
} wane_scale;

typedef struct wane_scale_wish {
    bool log, whole;            /* whole: no ticks between whole numbers */
    double room_low, room_high; /* shares of the range left free at the ends */
    size_t ticks;               /* about as many */
} wane_scale_wish;

/* For finite values from low to high (equal ones get a range about them; log: both > 0). */
void wane_scale_fit(wane_scale *out, double low, double high, const wane_scale_wish *wish);

/* 0 at low, 1 at high. */
double wane_scale_place(const wane_scale *scale, double value);

/* "10" with `exponent` in superscript digits. */
void wane_power_label(char out[WANE_TICK_BYTES], int exponent);

/* `value` with `decimals` digits after the point, rounded half away from zero; |value| times
 * 10^decimals < 10^18. Minus is U+2212. */
void wane_fixed_label(char out[WANE_TICK_BYTES], double value, int decimals);

/* floor(log10(|value|)), exact; 0 for 0. */
int wane_decade(double value);

#endif
