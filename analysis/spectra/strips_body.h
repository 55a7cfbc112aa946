/* SPDX-License-Identifier: Apache-2.0
 * The strip kernel (strips_tables.h), written once and compiled for each instruction set, after its
 * target pragma. For strips_baseline.c, strips_avx2.c and strips_avx512.c alone.
 */
#include "analysis/spectra/strips_tables.h"

#define INLINE static inline __attribute__((always_inline))

/* Lanes of a vector; rows and vectors of a block of dots, whose sums stay in registers; rows and
 * vectors of columns of a block of sums, whose part of the strip does. */
#if defined(__AVX512F__)
enum { LANES = 16, DOT_ROWS = 4, DOT_COUNT = 5, SUM_ROWS = 8, SUM_WIDE = 2 };
#elif defined(__AVX2__)
enum { LANES = 8, DOT_ROWS = 4, DOT_COUNT = 2, SUM_ROWS = 4, SUM_WIDE = 2 };
#else
enum { LANES = 4, DOT_ROWS = 4, DOT_COUNT = 2, SUM_ROWS = 4, SUM_WIDE = 2 };
#endif

enum { LINE = 16 }; /* floats of a line of the cache */

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float loose_vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vec load(const float *p)
{
    return *(const loose_vec *)p;
}

INLINE float sum_lanes(vec v)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

/* Rows of w with `count` vectors y. */
INLINE void dot_block(const float *w, size_t stride, size_t cols, const wane_strip_side *s,
                      size_t row, size_t col, size_t first, int rows, int count)
{
    vec sum[DOT_ROWS][DOT_COUNT] = {{{0}}};
    const float *y = s->in + first * s->in_stride + col;
    size_t c = 0;
    for (; c + LANES <= cols; c += LANES) {
        vec part[DOT_ROWS];
        for (int r = 0; r < rows; r++) part[r] = load(w + (size_t)r * stride + c);
        for (int k = 0; k < count; k++) {
            vec one = load(y + (size_t)k * s->in_stride + c);
            for (int r = 0; r < rows; r++) sum[r][k] += part[r] * one;
        }
    }
    for (int k = 0; k < count; k++)
        for (int r = 0; r < rows; r++) {
            float last = sum_lanes(sum[r][k]);
            for (size_t i = c; i < cols; i++)
                last += w[(size_t)r * stride + i] * y[(size_t)k * s->in_stride + i];
            s->out[(first + (size_t)k) * s->out_stride + row + (size_t)r] += last;
        }
}

INLINE void dot_rows(const float *w, size_t stride, size_t cols, const wane_strip_side *s,
                     size_t row, size_t col, size_t first, int count, size_t rows)
{
    size_t r = 0;
    for (; r + DOT_ROWS <= rows; r += DOT_ROWS)
        dot_block(w + r * stride, stride, cols, s, row + r, col, first, DOT_ROWS, count);
    for (; r < rows; r++) dot_block(w + r * stride, stride, cols, s, row + r, col, first, 1, count);
}

static void dots(const float *w, size_t stride, size_t rows, size_t cols, const wane_strip_side *s,
                 size_t row, size_t col)
{
    for (size_t first = 0; first < s->count; first += DOT_COUNT) switch (s->count - first) {
        case 1: dot_rows(w, stride, cols, s, row, col, first, 1, rows); break;
        case 2: dot_rows(w, stride, cols, s, row, col, first, 2, rows); break;
#if defined(__AVX512F__)
        case 3: dot_rows(w, stride, cols, s, row, col, first, 3, rows); break;
        case 4: dot_rows(w, stride, cols, s, row, col, first, 4, rows); break;
#endif
        default: dot_rows(w, stride, cols, s, row, col, first, DOT_COUNT, rows);
        }
}

/* `rows` rows of w, weighed by each vector x, onto its sums; those after them are fetched
 * meanwhile, `ahead`. */
INLINE void sum_block(const float *w, size_t stride, size_t cols, const wane_strip_side *s,
                      size_t row, size_t col, int rows, bool ahead)
{
    size_t c = 0;
    for (; c + SUM_WIDE * LANES <= cols; c += SUM_WIDE * LANES) {
        for (int r = rows; ahead && r < 2 * rows; r++)
            for (int i = 0; i < SUM_WIDE * LANES; i += LINE)
                __builtin_prefetch(w + (size_t)r * stride + c + i);
        vec part[SUM_ROWS][SUM_WIDE];
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < SUM_WIDE; i++)
                part[r][i] = load(w + (size_t)r * stride + c + (size_t)i * LANES);
        for (size_t k = 0; k < s->count; k++) {
            const float *x = s->in + k * s->in_stride + row;
            float *out = s->out + k * s->out_stride + col + c;
            vec sum[SUM_WIDE];
            for (int i = 0; i < SUM_WIDE; i++) sum[i] = load(out + i * LANES);
            for (int r = 0; r < rows; r++)
                for (int i = 0; i < SUM_WIDE; i++) sum[i] += part[r][i] * x[r];
            for (int i = 0; i < SUM_WIDE; i++) *(loose_vec *)(out + i * LANES) = sum[i];
        }
    }
    for (size_t k = 0; k < s->count; k++)
        for (int r = 0; r < rows; r++) {
            float weight = s->in[k * s->in_stride + row + (size_t)r];
            float *out = s->out + k * s->out_stride + col;
            for (size_t i = c; i < cols; i++) out[i] += weight * w[(size_t)r * stride + i];
        }
}

static void sums(const float *w, size_t stride, size_t rows, size_t cols, const wane_strip_side *s,
                 size_t row, size_t col)
{
    size_t r = 0;
    for (; r + SUM_ROWS <= rows; r += SUM_ROWS)
        sum_block(w + r * stride, stride, cols, s, row + r, col, SUM_ROWS,
                  r + 2 * SUM_ROWS <= rows);
    for (; r < rows; r++) sum_block(w + r * stride, stride, cols, s, row + r, col, 1, false);
}

/* Blocks of the strip that stay in the first caches with what they meet; chained, some whole rows
 * of it do in the second. */
void WANE_STRIP_KERNEL(const float *w, size_t stride, size_t rows, size_t cols,
                       const wane_strip_side *left, const wane_strip_side *right, bool chained)
{
    enum { ROWS = 32, COLS = 1024, VALUES = 1 << 17 };
    size_t most = chained && cols > VALUES / ROWS ? VALUES / cols / 8 * 8 : ROWS;
    if (most < 8) most = 8;
    for (size_t row = 0; row < rows; row += most) {
        size_t tall = rows - row < most ? rows - row : most;
        for (int turn = 0; turn < 1 + chained; turn++)
            for (size_t col = 0; col < cols; col += COLS) {
                size_t wide = cols - col < COLS ? cols - col : COLS;
                const float *part = w + row * stride + col;
                if (left->count > 0 && turn == chained)
                    sums(part, stride, tall, wide, left, row, col);
                if (right->count > 0 && turn == 0) dots(part, stride, tall, wide, right, row, col);
            }
    }
}
