/* SPDX-License-Identifier: Apache-2.0
 * Bases by their singular values; changes of low rank, of all ranks, by rounding, and such that
 * turn directions until their cosine is next to a tenth.
 */
#include "tests/numeric/spectra/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/spectra/base_svd.h"
#include "analysis/spectra/lapack.h"
#include "store/base/blas.h"
#include "store/base/memory.h"
#include "store/base/random.h"
#include "store/files/tensors.h"

static void *room(size_t count, size_t size)
{
    void *out = wane_alloc_aligned(count, size);
    if (!out) abort();
    return out;
}

/* Each use of a seed has numbers of its own. */
enum {
    LEFT,
    RIGHT,
    ENTRIES,
    ROW_SCALES,
    COLUMN_SCALES,
    FACTOR_B,
    FACTOR_A,
    SCALE,
    CHANGE,
    TENTH,
    SIGNS
};

static wane_random stream(uint64_t seed, uint64_t use)
{
    return (wane_random){.purpose = WANE_RANDOM_TEST, .seed = seed, .stage = 77, .tensor = use};
}

static double uniform(uint64_t seed, uint64_t use, uint64_t element)
{
    wane_random where = stream(seed, use);
    return wane_random_uniform(&where, element);
}

static float *normal(size_t count, double deviation, uint64_t seed, uint64_t use)
{
    wane_random where = stream(seed, use);
    float *out = room(count, sizeof *out);
    wane_random_normal_fill(out, count, deviation, &where);
    return out;
}

/* ----------------------------------------------------------------------------------------- bases
 */

static double falling(size_t i, size_t count)
{
    (void)count;
    return pow((double)i + 1, -0.5);
}

static double even(size_t i, size_t count)
{
    return 1 - 0.9 * (double)i / (double)count;
}

/* Fours that are 1e-5 wide. */
static double clustered(size_t i, size_t count)
{
    return even(i / 4 * 4, count) * (1 - 1e-5 * (double)(i % 4) / 3);
}

static double equal(size_t i, size_t count)
{
    (void)i;
    (void)count;
    return 1;
}

/* One far above the others, as in weights of outlier features. */
static double outlying(size_t i, size_t count)
{
    return i ? falling(i, count) * 1e-2 : 1;
}

/* To 1e-5, whatever their number. */
static double steep(size_t i, size_t count)
{
    return pow(10, -5 * (double)i / (double)count);
}

/* Pairs as wide as a cluster may be, and a little less and more. */
static double paired(size_t i, size_t count)
{
    static const double width[] = {0.9e-3, 1.1e-3, 0.999e-3, 2e-3};
    return even(i / 2 * 2, count) * (1 - (double)(i % 2) * width[i / 2 % 4]);
}

/* Both: what fp32 leaves of the first turns the pairs. */
static double outlying_pairs(size_t i, size_t count)
{
    return i ? 0.03 * paired(i - 1, count) : 1;
}

static double deficient(size_t i, size_t count)
{
    return i < count / 3 ? falling(i, count) : 0;
}

const weight_family weight_families[WEIGHT_FAMILIES] = {{"falling", falling, false},
                                                        {"scaled", falling, true},
                                                        {"even", even, false},
                                                        {"outlying", outlying, false},
                                                        {"steep", steep, false},
                                                        {"paired", paired, false},
                                                        {"outlying, paired", outlying_pairs, false},
                                                        {"clustered", clustered, false},
                                                        {"equal", equal, false},
                                                        {"deficient", deficient, false},
                                                        {"gaussian", NULL, false}};

/* Orthonormal columns (rows x count, column-major). */
static double *orthonormal(size_t rows, size_t count, uint64_t seed, uint64_t use)
{
    wane_random where = stream(seed, use);
    double *q = room(rows * count, sizeof *q), *r = room(count * count, sizeof *r);
    wane_error err;
    wane_random_normals(q, rows * count, &where);
    if (wane_lapack_qr(q, rows, count, r, &err) != WANE_OK) abort();
    wane_free(r);
    return q;
}

/* out (rows x cols, row-major) = U diag(sigma) V^T; u is overwritten. */
static void compose(double *out, size_t rows, size_t cols, size_t count, double *u,
                    const double *sigma, const double *v)
{
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < rows; r++) u[i * rows + r] *= sigma[i];
    /* Row-major W is column-major W^T. */
    wane_columns_product(NULL, false, true, cols, rows, count, 1, v, cols, u, rows, 0, out, cols);
}

float *weight_make(const weight_family *family, size_t rows, size_t cols, uint64_t seed)
{
    size_t count = rows < cols ? rows : cols;
    if (!family->sigma)
        return normal(rows * cols, 1 / (sqrt((double)rows) + sqrt((double)cols)), seed, ENTRIES);
    float *w = room(rows * cols, sizeof *w);
    double *u = orthonormal(rows, count, seed, LEFT), *v = orthonormal(cols, count, seed, RIGHT);
    double *sigma = room(count, sizeof *sigma), *wide = room(rows * cols, sizeof *wide);
    for (size_t i = 0; i < count; i++) sigma[i] = family->sigma(i, count);
    compose(wide, rows, cols, count, u, sigma, v);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) {
            double by = family->scaled ? pow(9, uniform(seed, ROW_SCALES, i) - 0.5) *
                                             pow(9, uniform(seed, COLUMN_SCALES, j) - 0.5)
                                       : 1;
            w[i * cols + j] = (float)(by * wide[i * cols + j]);
        }
    wane_free(u);
    wane_free(v);
    wane_free(sigma);
    wane_free(wide);
    return w;
}

/* --------------------------------------------------------------------------------------- changes
 */

/* The spectral norm of a change: .1 to 1.2 of the base's. */
static double size_of(const weight_base *base, uint64_t seed)
{
    return base->svd->sigma[0] * 0.1 * pow(12, uniform(seed, SCALE, 0));
}

static float *copy_of(const weight_base *base)
{
    size_t count = base->weight.rows * base->weight.cols;
    float *out = room(count, sizeof *out);
    memcpy(out, base->weight.data, count * sizeof *out);
    return out;
}

static void low_rank(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t m = base->weight.rows, n = base->weight.cols;
    double r = sqrt((double)rank);
    if (rank > m || rank > n) return;
    out->b = normal(m * rank, 1 / (sqrt((double)m) + r), seed, FACTOR_B);
    out->a = normal(rank * n, 1 / (sqrt((double)n) + r), seed, FACTOR_A);
    out->term = (wane_lowrank_term){out->b, out->a, rank, (float)size_of(base, seed)};
}

static void dense(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t m = base->weight.rows, n = base->weight.cols;
    double deviation = size_of(base, seed) / (sqrt((double)m) + sqrt((double)n));
    float *change = normal(m * n, deviation, seed, CHANGE);
    (void)rank;
    out->tuned = copy_of(base);
    for (size_t i = 0; i < m * n; i++) out->tuned[i] += change[i];
    wane_free(change);
}

/* A ten-thousandth of that. */
static void slight(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t count = base->weight.rows * base->weight.cols;
    const float *from = base->weight.data;
    dense(out, base, rank, seed);
    for (size_t i = 0; i < count; i++)
        out->tuned[i] = (float)(from[i] + 1e-4 * ((double)out->tuned[i] - from[i]));
}

/* Of as many ranks as there are, of singular values that fall like i^-.7. */
static void dense_falling(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t m = base->weight.rows, n = base->weight.cols, count = m < n ? m : n;
    float *b = normal(m * count, size_of(base, seed) / sqrt((double)m), seed, FACTOR_B);
    float *a = normal(count * n, 1 / sqrt((double)n), seed, FACTOR_A);
    (void)rank;
    for (size_t i = 0; i < count; i++) {
        float by = (float)pow((double)i + 1, -0.7);
        for (size_t r = 0; r < m; r++) b[r * count + i] *= by;
    }
    out->tuned = copy_of(base);
    wane_sgemm(NULL, false, false, m, n, count, 1, b, count, a, n, 1, out->tuned, n);
    wane_free(b);
    wane_free(a);
}

/* To nearest, half up. */
static void round_to_bf16(weight_change *change, size_t count)
{
    change->rounding = wane_dtype_rounding_rms(WANE_BF16, change->tuned, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &change->tuned[i], sizeof bits);
        bits = (bits + 0x8000) & 0xffff0000;
        memcpy(&change->tuned[i], &bits, sizeof bits);
    }
}

static void rounded(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    (void)rank;
    (void)seed;
    out->tuned = copy_of(base);
    round_to_bf16(out, base->weight.rows * base->weight.cols);
}

static void dense_rounded(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    dense_falling(out, base, rank, seed);
    round_to_bf16(out, base->weight.rows * base->weight.cols);
}

/* Every row to 255 steps of its own. */
static void stepped(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t cols = base->weight.cols;
    (void)rank;
    (void)seed;
    out->tuned = copy_of(base);
    for (size_t i = 0; i < base->weight.rows; i++) {
        float *row = out->tuned + i * cols, largest = 0;
        for (size_t j = 0; j < cols; j++) largest = fmaxf(largest, fabsf(row[j]));
        float step = largest / 127;
        for (size_t j = 0; j < cols && step > 0; j++) row[j] = step * roundf(row[j] / step);
    }
}

/* A reflection of the `size` columns first, first + apart, ... that takes the first of them to
 * cosine e and evenly, of random signs, to the others. */
static void turn(double *vectors, size_t length, size_t first, size_t apart, size_t size, double e,
                 uint64_t seed)
{
    double mirror[512], even_share = sqrt((1 - e * e) / (double)(size - 1)), norm = 0;
    for (size_t q = 0; q < size; q++) {
        double sign = uniform(seed, SIGNS, first * 512 + q) < 0.5 ? -1 : 1;
        mirror[q] = q == 0 ? 1 - e : -sign * even_share;
        norm += mirror[q] * mirror[q];
    }
    for (size_t r = 0; r < length; r++) {
        double along = 0;
        for (size_t q = 0; q < size; q++)
            along += mirror[q] * vectors[(first + q * apart) * length + r];
        for (size_t q = 0; q < size; q++)
            vectors[(first + q * apart) * length + r] -= 2 * along / norm * mirror[q];
    }
}

/* The first directions turned, on both sides, until their cosine is a tenth and 1e-2 to 1e-6 more
 * or less; their singular values stay. */
static void turned(weight_change *out, const weight_base *base, size_t rank, uint64_t seed)
{
    size_t m = base->weight.rows, n = base->weight.cols, count = m < n ? m : n;
    double e = floor(1 + 9 * uniform(seed, TENTH, 0)) / 10;
    (void)rank;
    while (e < 0.85 && 1.3 / (e * e) > (double)count) e += 0.1;
    size_t size = (size_t)fmax(2, ceil(1.3 / (e * e)));
    if (size > count || size > 512) return;
    size_t turns = count / size < 10 ? count / size : 10;
    double *u = room(m * count, sizeof *u), *v = room(n * count, sizeof *v);
    double *wide = room(m * n, sizeof *wide);
    memcpy(u, base->svd->u, m * count * sizeof *u);
    memcpy(v, base->svd->v, n * count * sizeof *v);
    for (size_t i = 0; i < turns; i++) {
        double off[2];
        for (int side = 0; side < 2; side++) {
            double at = uniform(seed, TENTH, 1 + 2 * i + (size_t)side);
            off[side] = (at < 0.5 ? -1 : 1) * pow(10, -2 - 4 * fabs(2 * at - 1));
        }
        turn(u, m, i, turns, size, e + off[0], seed);
        turn(v, n, i, turns, size, e + off[1], seed + 1);
    }
    compose(wide, m, n, count, u, base->svd->sigma, v);
    out->tuned = room(m * n, sizeof *out->tuned);
    for (size_t i = 0; i < m * n; i++) out->tuned[i] = (float)wide[i];
    wane_free(u);
    wane_free(v);
    wane_free(wide);
}

const weight_change_kind weight_changes[WEIGHT_CHANGES] = {{"rank 1", low_rank, 1},
                                                           {"rank 4", low_rank, 4},
                                                           {"rank 16", low_rank, 16},
                                                           {"rank 64", low_rank, 64},
                                                           {"dense", dense, 0},
                                                           {"dense, slight", slight, 0},
                                                           {"dense, falling", dense_falling, 0},
                                                           {"bf16", rounded, 0},
                                                           {"dense, bf16", dense_rounded, 0},
                                                           {"255 steps a row", stepped, 0},
                                                           {"turned to a tenth", turned, 0}};

void weight_change_free(weight_change *change)
{
    wane_free(change->b);
    wane_free(change->a);
    wane_free(change->tuned);
    *change = (weight_change){0};
}
