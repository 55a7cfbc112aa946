/* SPDX-License-Identifier: Apache-2.0
 * Every backend that this machine can run, by the table, and the one that packs and watches
 * (held_backend.h), held to what backend.h promises: products against double loops, bits that
 * depend on neither threads nor the order of packing, and nothing read or written beside.
 */
#include <math.h>
#include <string.h>

#include "eval/compute/backend.h"
#include "store/base/memory.h"
#include "tests/support/support.h"
#include "tests/unit/train/held_backend.h"

/* The entries, and behind them the watch: fp32 packs nothing. */
static const wane_backend *at(size_t place)
{
    size_t seen = 0;
    for (size_t i = 0; wane_backend_at(i); i++)
        if (wane_backend_at(i)->there() && seen++ == place) return wane_backend_at(i);
    return seen == place ? &held : NULL;
}

/* How far a product may be from the double loop, in units of the sum of |a| |b|: both operands
 * rounded to nearest, and sums of up to 301 in float. */
static double tolerance_of(const wane_backend *backend)
{
    static const struct {
        const char *precision;
        double tolerance;
    } known[] = {{"fp32", 2e-5}, {"bf16", 0x1p-7 + 4e-5}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].precision, backend->precision) == 0) return known[i].tolerance;
    fail_msg("%s: no tolerance is known for %s: add a line here", backend->name,
             backend->precision);
    return 0;
}

/* ------------------------------------------------------------------------------------- problems */

enum { MATRICES = 3, BESIDE = 7, GUARD = 64 };

/* `rows` rows of x, and matrices that read them; 0 outputs: no such matrix. The second touches the
 * first where it says so, the others lie apart. The first is rows first.. of one with `whole`. */
typedef struct shape {
    size_t rows, cols, outputs[MATRICES], beyond; /* ld - the sum of outputs */
    bool touching;
    size_t first, whole;
} shape;

static const shape shapes[] = {
    {.rows = 0, .cols = 24, .outputs = {65}},
    {.rows = 1, .cols = 1, .outputs = {1}},
    {.rows = 1, .cols = 257, .outputs = {300}, .beyond = 3},
    {.rows = 2, .cols = 16, .outputs = {8, 8, 8}, .touching = true},
    {.rows = 63, .cols = 24, .outputs = {64}, .beyond = 1},
    {.rows = 64, .cols = 257, .outputs = {63, 1}, .touching = true},
    {.rows = 65, .cols = 24, .outputs = {65, 64, 9}, .touching = true, .beyond = 5},
    {.rows = 65, .cols = 33, .outputs = {1, 300, 2}, .beyond = 64},
    {.rows = 300, .cols = 1, .outputs = {300}},
    {.rows = 300, .cols = 65, .outputs = {130, 40}, .beyond = 2},
    {.rows = 40, .cols = 257, .outputs = {130}, .first = 64, .whole = 200},
    {.rows = 7, .cols = 24, .outputs = {44, 5}, .first = 256, .whole = 300, .beyond = 9},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef enum product { FORWARD, INPUT, WEIGHT, PRODUCTS } product;

/* A shape with numbers, and the three products with them in double. */
typedef struct problem {
    const shape *shape;
    bool exact; /* small whole numbers, which bfloat16 and sums in float hold without rounding */
    size_t count, outputs, ld;
    float *memory, *weight[MATRICES]; /* the first row of the matrix that the first is a part of */
    float *x, *dy;                    /* dy with stride ld, NaN beside */
    float *start[PRODUCTS];           /* what a result is added to, dense */
    double *sum[PRODUCTS], *size[PRODUCTS]; /* of a b, and of |a| |b|; dense */
} problem;

static size_t result_rows(const problem *p, product which)
{
    return which == WEIGHT ? p->outputs : p->shape->rows;
}

static size_t result_cols(const problem *p, product which)
{
    return which == FORWARD ? p->outputs : p->shape->cols;
}

static size_t whole_of(const shape *s, size_t matrix)
{
    return matrix == 0 && s->whole ? s->whole : s->outputs[matrix];
}

static float *numbers(size_t count, bool exact, uint64_t stream)
{
    float *out = normal_floats(count, 1, stream);
    for (size_t i = 0; i < count && exact; i++) out[i] = rintf(2 * out[i]);
    return out;
}

static void *room(size_t count, size_t size)
{
    void *out = wane_alloc(count, size);
    assert_non_null(out);
    return out;
}

/* The weight of output o, its inputs dense. */
static const float *weight_row(const problem *p, size_t o)
{
    size_t i = 0;
    for (; o >= p->shape->outputs[i]; i++) o -= p->shape->outputs[i];
    return p->weight[i] + (o + (i == 0 ? p->shape->first : 0)) * p->shape->cols;
}

static void add(const problem *p, product which, size_t place, double a, double b)
{
    p->sum[which][place] += a * b;
    p->size[which][place] += fabs(a) * fabs(b);
}

static void multiply_in_double(problem *p)
{
    size_t rows = p->shape->rows, cols = p->shape->cols;
    for (size_t o = 0; o < p->outputs; o++)
        for (size_t t = 0; t < rows; t++)
            for (size_t c = 0; c < cols; c++) {
                float w = weight_row(p, o)[c], x = p->x[t * cols + c], dy = p->dy[t * p->ld + o];
                add(p, FORWARD, t * p->outputs + o, x, w);
                add(p, INPUT, t * cols + c, dy, w);
                add(p, WEIGHT, o * cols + c, dy, x);
            }
}

static problem problem_of(const shape *s, bool exact)
{
    problem p = {.shape = s, .exact = exact};
    size_t floats = 0, place = BESIDE * s->cols;
    for (; p.count < MATRICES && s->outputs[p.count]; p.count++) {
        p.outputs += s->outputs[p.count];
        floats += (whole_of(s, p.count) + BESIDE) * s->cols;
    }
    p.ld = p.outputs + s->beyond;
    p.memory = numbers(floats + place, exact, 1);
    for (size_t i = 0; i < p.count; i++) {
        p.weight[i] = p.memory + place;
        place += whole_of(s, i) * s->cols;
        if (s->touching && i == 0) continue;
        for (size_t end = place + BESIDE * s->cols; place < end; place++) p.memory[place] = NAN;
    }
    p.x = numbers(s->rows * s->cols, exact, 2);
    p.dy = numbers(s->rows * p.ld, exact, 3);
    for (size_t i = 0; i < s->rows * p.ld; i++)
        if (i % p.ld >= p.outputs) p.dy[i] = NAN;
    for (product w = FORWARD; w < PRODUCTS; w++) {
        size_t count = result_rows(&p, w) * result_cols(&p, w);
        p.start[w] = numbers(count, exact, 4 + w);
        p.sum[w] = room(count, sizeof *p.sum[w]);
        p.size[w] = room(count, sizeof *p.size[w]);
        memset(p.sum[w], 0, count * sizeof *p.sum[w]);
        memset(p.size[w], 0, count * sizeof *p.size[w]);
    }
    multiply_in_double(&p);
    return p;
}

static void free_problem(problem *p)
{
    wane_free(p->memory);
    wane_free(p->x);
    wane_free(p->dy);
    for (product w = FORWARD; w < PRODUCTS; w++) {
        wane_free(p->start[w]);
        wane_free(p->sum[w]);
        wane_free(p->size[w]);
    }
}

/* --------------------------------------------------------------------------------- guarded memory
 */

/* Bytes of a backend's own, with GUARD more on both sides that nobody may touch; `junk` stands in
 * them to begin with. */
typedef struct guarded {
    const wane_backend *backend;
    unsigned char *block, *bytes, junk;
    size_t count;
} guarded;

static guarded guard(const wane_backend *backend, size_t count, unsigned char junk)
{
    guarded g = {.backend = backend, .count = count, .junk = junk};
    g.block = wane_backend_allocate(backend, count + 2 * GUARD);
    assert_non_null(g.block);
    memset(g.block, junk, count + 2 * GUARD);
    g.bytes = g.block + GUARD;
    return g;
}

static void check_guard(const guarded *g)
{
    for (size_t i = 0; i < GUARD; i++)
        assert_true(g->block[i] == g->junk && g->bytes[g->count + i] == g->junk);
}

static void unguard(guarded *g)
{
    check_guard(g);
    wane_backend_release(g->backend, g->block);
}

/* The matrices of a problem as a backend takes them. */
typedef struct matrices {
    wane_packed w[MATRICES];
    guarded pack[MATRICES];
    size_t packs;
} matrices;

/* Whole at once; part by part from the last; by the threads of a pool. */
typedef enum order { AT_ONCE, FROM_THE_LAST, BY_THREADS, ORDERS } order;

typedef struct packing {
    const wane_backend *backend;
    const float *weight;
    size_t rows, cols;
    bool gradient;
    void *packed;
} packing;

static void pack_part(void *context, size_t part, int thread)
{
    (void)thread;
    const packing *p = context;
    size_t first = part * WANE_PACK_ROWS, count = p->rows - first;
    if (count > WANE_PACK_ROWS) count = WANE_PACK_ROWS;
    p->backend->pack(p->weight, p->rows, p->cols, p->gradient, first, count, p->packed);
}

static void pack(const packing *p, order by)
{
    size_t parts = (p->rows + WANE_PACK_ROWS - 1) / WANE_PACK_ROWS;
    wane_error err;
    wane_pool *pool = NULL;
    if (by == AT_ONCE)
        p->backend->pack(p->weight, p->rows, p->cols, p->gradient, 0, p->rows, p->packed);
    if (by == FROM_THE_LAST)
        for (size_t i = parts; i-- > 0;) pack_part((void *)p, i, 0);
    if (by != BY_THREADS) return;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    wane_pool_run(pool, parts, pack_part, (void *)p);
    wane_pool_free(pool);
}

static matrices arrange(const problem *p, const wane_backend *backend, bool gradient, order by)
{
    static const unsigned char junk[ORDERS] = {0xff, 0x00, 0x3a}; /* NaN, 0, small numbers */
    matrices m = {.packs = backend->packed_bytes ? p->count : 0};
    for (size_t i = 0; i < p->count; i++) {
        packing one = {backend,        p->weight[i], whole_of(p->shape, i),
                       p->shape->cols, gradient,     NULL};
        if (m.packs) {
            m.pack[i] =
                guard(backend, backend->packed_bytes(one.rows, one.cols, gradient), junk[by]);
            one.packed = m.pack[i].bytes;
            pack(&one, by);
            check_guard(&m.pack[i]);
        }
        m.w[i] = (wane_packed){one.weight, one.rows, one.cols, one.packed, 0, one.rows};
    }
    m.w[0] = wane_packed_rows(&m.w[0], p->shape->first, p->shape->outputs[0]);
    return m;
}

static void free_matrices(matrices *m)
{
    for (size_t i = 0; i < m->packs; i++) unguard(&m->pack[i]);
}

/* Scratch for `threads` threads, as little as was asked for, with a guard behind each. */
typedef struct scratch {
    guarded all;
    wane_workers by;
} scratch;

static scratch scratch_of(const wane_backend *backend, size_t rows, size_t widest, wane_pool *pool)
{
    scratch s = {.by = {.pool = pool}};
    size_t threads = (size_t)wane_pool_threads(pool);
    if (backend->scratch_bytes) s.by.bytes = backend->scratch_bytes(rows, widest);
    s.by.stride = (s.by.bytes + GUARD + 63) / 64 * 64;
    s.all = guard(backend, threads * s.by.stride, 0xa5);
    s.by.scratch = s.all.bytes;
    return s;
}

static void free_scratch(scratch *s)
{
    for (size_t i = 0; i < s->all.count; i++)
        assert_true(i % s->by.stride < s->by.bytes || s->all.bytes[i] == s->all.junk);
    unguard(&s->all);
}

/* --------------------------------------------------------------------------------------- products
 */

/* Where a result stands: between rows, before and behind `mark`, which stays. */
static const float mark = 12345.678F;

static size_t result_ld(const problem *p, product which)
{
    return which == FORWARD ? p->ld : p->shape->cols;
}

/* The result of a product, dense. It is computed at an odd place, on top of start, or of NaN where
 * nothing is added; x and dy in place of the problem's where they are given. Free with wane_free.
 */
static float *computed(const problem *p, const wane_backend *backend, const matrices *m,
                       const wane_workers *by, product which, bool accumulate, const float *x,
                       const float *dy)
{
    size_t rows = result_rows(p, which), cols = result_cols(p, which), ld = result_ld(p, which);
    size_t count = 1 + rows * ld + GUARD;
    float *memory = wane_backend_allocate(backend, count * sizeof *memory), *y = memory + 1;
    float *out = room(rows * cols, sizeof *out);
    assert_non_null(memory);
    for (size_t i = 0; i < count; i++) memory[i] = mark;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            y[r * ld + c] = accumulate ? p->start[which][r * cols + c] : NAN;
    x = x ? x : p->x;
    dy = dy ? dy : p->dy;
    if (which == FORWARD)
        backend->forward(by, m->w, p->count, p->shape->rows, x, y, ld, accumulate);
    if (which == INPUT)
        backend->input_gradient(by, m->w, p->count, p->shape->rows, dy, p->ld, y, accumulate);
    if (which == WEIGHT)
        backend->weight_gradient(by, p->outputs, p->shape->cols, p->shape->rows, dy, p->ld, x, y);
    for (size_t i = 0; i < count; i++) {
        size_t r = i ? (i - 1) / ld : rows, c = i ? (i - 1) % ld : 0;
        if (r < rows && c < cols) out[r * cols + c] = memory[i];
        else assert_true(memory[i] == mark);
    }
    wane_backend_release(backend, memory);
    return out;
}

static void check_against_double(const problem *p, const wane_backend *backend, product which,
                                 bool accumulate, const float *got)
{
    static const char *const names[PRODUCTS] = {"forward", "input_gradient", "weight_gradient"};
    size_t cols = result_cols(p, which), count = result_rows(p, which) * cols;
    double tolerance = p->exact ? 0 : tolerance_of(backend);
    double times = backend == &held && which == WEIGHT ? 2 : 1; /* as held_backend.h says */
    for (size_t i = 0; i < count; i++) {
        double want = times * p->sum[which][i], size = times * p->size[which][i];
        if (accumulate) want += p->start[which][i], size += fabs((double)p->start[which][i]);
        if (fabs(got[i] - want) <= tolerance * size) continue;
        fail_msg("%s, %s: shape %zu, row %zu, column %zu: %.9g, not %.9g", backend->name,
                 names[which], (size_t)(p->shape - shapes), i / cols, i % cols, (double)got[i],
                 want);
    }
}

/* A product with what is there already, and where it may, without it. */
static void check_product(const problem *p, const wane_backend *backend, const matrices *m,
                          const wane_workers *by, product which)
{
    for (int accumulate = which == WEIGHT; accumulate < 2; accumulate++) {
        float *got = computed(p, backend, m, by, which, accumulate, NULL, NULL);
        check_against_double(p, backend, which, accumulate, got);
        wane_free(got);
    }
}

static size_t widest(const problem *p)
{
    return p->outputs > p->shape->cols ? p->outputs : p->shape->cols;
}

/* All of one problem: in a tile and of the whole program, with packs for both ways, and with those
 * for the way forward and scratch for less than there is. */
static void check_problem(const problem *p, const wane_backend *backend)
{
    for (int tile = 0; tile < 2; tile++) {
        scratch enough = scratch_of(backend, p->shape->rows + 1, widest(p), NULL);
        scratch little = scratch_of(backend, 3, 17, NULL);
        matrices both = arrange(p, backend, true, AT_ONCE);
        matrices one = arrange(p, backend, false, AT_ONCE);
        enough.by.tile = little.by.tile = tile;
        for (product w = FORWARD; w < PRODUCTS; w++)
            check_product(p, backend, &both, &enough.by, w);
        check_product(p, backend, &one, &little.by, FORWARD);
        check_product(p, backend, &both, &little.by, INPUT);
        check_product(p, backend, &both, &little.by, WEIGHT);
        free_matrices(&one);
        free_matrices(&both);
        free_scratch(&little);
        free_scratch(&enough);
    }
}

static void products_are_those_of_a_double_loop(void **state)
{
    (void)state;
    held_counted();
    for (size_t i = 0; i < SHAPES; i++)
        for (int exact = 0; exact < 2; exact++) {
            problem p = problem_of(&shapes[i], exact);
            for (size_t b = 0; at(b); b++) check_problem(&p, at(b));
            free_problem(&p);
        }
    assert_int_equal(held_counted().stale, 0);
}

/* ------------------------------------------------------------------------------------------- bits
 */

static void check_bits(const problem *p, product which, const float *a, const float *b)
{
    assert_memory_equal(a, b, result_rows(p, which) * result_cols(p, which) * sizeof *a);
}

/* The first pool is one thread without a pool. */
enum { POOLS = 4 };

static void check_pools(const problem *p, const wane_backend *backend, wane_pool *const *pools)
{
    matrices m = arrange(p, backend, true, AT_ONCE);
    for (product w = FORWARD; w < PRODUCTS; w++) {
        float *first = NULL;
        for (int i = 0; i < POOLS; i++) {
            scratch s = scratch_of(backend, p->shape->rows + 1, widest(p), pools[i]);
            float *got = computed(p, backend, &m, &s.by, w, true, NULL, NULL);
            if (i == 0) check_against_double(p, backend, w, true, got);
            if (first) check_bits(p, w, first, got);
            if (first) wane_free(got);
            else first = got;
            free_scratch(&s);
        }
        wane_free(first);
    }
    free_matrices(&m);
}

static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    wane_error err;
    wane_pool *pools[POOLS] = {NULL};
    for (int i = 1; i < POOLS; i++) CHECK_OK(wane_pool_new(&pools[i], i, &err));
    for (size_t i = 0; i < SHAPES; i++) {
        problem p = problem_of(&shapes[i], false);
        for (size_t b = 0; at(b); b++) check_pools(&p, at(b), pools);
        free_problem(&p);
    }
    for (int i = 1; i < POOLS; i++) wane_pool_free(pools[i]);
}

static void bits_do_not_depend_on_the_order_of_packing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        problem p = problem_of(&shapes[i], false);
        for (size_t b = 0; at(b); b++) {
            float *first[PRODUCTS] = {NULL};
            for (order o = AT_ONCE; o < ORDERS && at(b)->packed_bytes; o++) {
                matrices m = arrange(&p, at(b), true, o);
                scratch s = scratch_of(at(b), p.shape->rows + 1, widest(&p), NULL);
                for (product w = FORWARD; w < WEIGHT; w++) {
                    float *got = computed(&p, at(b), &m, &s.by, w, false, NULL, NULL);
                    if (first[w]) check_bits(&p, w, first[w], got);
                    if (first[w]) wane_free(got);
                    else first[w] = got;
                }
                free_scratch(&s);
                free_matrices(&m);
            }
            for (product w = FORWARD; w < WEIGHT; w++) wane_free(first[w]);
        }
        free_problem(&p);
    }
}

/* As tiles of one pool, each in scratch of its own. */
enum { TILES = 6 };

typedef struct tiles {
    const problem *problem;
    const wane_backend *backend;
    const matrices *matrices;
    scratch scratch;
    float *got[PRODUCTS][TILES];
} tiles;

static void run_tile(void *context, size_t tile, int thread)
{
    tiles *t = context;
    wane_workers by = t->scratch.by;
    by.tile = true;
    by.pool = NULL;
    by.scratch += (size_t)thread * by.stride;
    for (product w = FORWARD; w < PRODUCTS; w++)
        t->got[w][tile] = computed(t->problem, t->backend, t->matrices, &by, w, true, NULL, NULL);
}

static void tiles_of_a_pool_do_not_see_each_other(void **state)
{
    (void)state;
    wane_error err;
    wane_pool *pool = NULL;
    CHECK_OK(wane_pool_new(&pool, 3, &err));
    for (size_t i = 0; i < SHAPES; i++) {
        problem p = problem_of(&shapes[i], false);
        for (size_t b = 0; at(b); b++) {
            matrices m = arrange(&p, at(b), true, BY_THREADS);
            tiles t = {.problem = &p, .backend = at(b), .matrices = &m};
            t.scratch = scratch_of(at(b), p.shape->rows + 1, widest(&p), pool);
            wane_pool_run(pool, TILES, run_tile, &t);
            for (product w = FORWARD; w < PRODUCTS; w++)
                for (int k = 0; k < TILES; k++) {
                    check_against_double(&p, at(b), w, true, t.got[w][k]);
                    check_bits(&p, w, t.got[w][0], t.got[w][k]);
                }
            for (product w = FORWARD; w < PRODUCTS; w++)
                for (int k = 0; k < TILES; k++) wane_free(t.got[w][k]);
            free_scratch(&t.scratch);
            free_matrices(&m);
        }
        free_problem(&p);
    }
    wane_pool_free(pool);
}

/* What is in one row of x or dy decides no bit of another row of the result. */
static void rows_do_not_see_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        if (shapes[i].rows < 2) continue;
        problem p = problem_of(&shapes[i], false);
        size_t bad = p.shape->rows / 2, cols = p.shape->cols;
        float *x = numbers(p.shape->rows * cols, false, 2), *dy = room(p.shape->rows * p.ld, 4);
        memcpy(dy, p.dy, p.shape->rows * p.ld * sizeof *dy);
        for (size_t c = 0; c < cols; c++) x[bad * cols + c] = c % 2 ? NAN : INFINITY;
        for (size_t o = 0; o < p.ld; o++) dy[bad * p.ld + o] = o % 2 ? NAN : INFINITY;
        for (size_t b = 0; at(b); b++) {
            matrices m = arrange(&p, at(b), true, AT_ONCE);
            scratch s = scratch_of(at(b), p.shape->rows + 1, widest(&p), NULL);
            for (product w = FORWARD; w < WEIGHT; w++) {
                size_t n = result_cols(&p, w), behind = p.shape->rows - bad - 1;
                float *without = computed(&p, at(b), &m, &s.by, w, false, NULL, NULL);
                float *with = computed(&p, at(b), &m, &s.by, w, false, x, dy);
                assert_memory_equal(with, without, bad * n * sizeof *with);
                assert_memory_equal(with + (bad + 1) * n, without + (bad + 1) * n,
                                    behind * n * sizeof *with);
                for (size_t c = 0; c < n; c++) assert_false(isfinite(with[bad * n + c]));
                wane_free(without);
                wane_free(with);
            }
            free_scratch(&s);
            free_matrices(&m);
        }
        wane_free(x);
        wane_free(dy);
        free_problem(&p);
    }
}

/* -------------------------------------------------------------------------------------- the table
 */

static void entries_are_whole(void **state)
{
    (void)state;
    assert_ptr_equal(wane_backend_or_first(NULL), wane_backend_at(0));
    assert_ptr_equal(wane_backend_or_first(&held), &held);
    assert_false(wane_backend_at(0)->in_key); /* keys were made without it */
    assert_null(wane_backend_named("no such"));
    size_t count = 0;
    for (const wane_backend *b = wane_backend_at(0); b; b = wane_backend_at(++count)) {
        assert_ptr_equal(wane_backend_named(b->name), b);
        assert_true(b->precision && b->there && b->kernels);
        assert_true(b->forward && b->input_gradient && b->weight_gradient);
        assert_true(!b->packed_bytes == !b->pack && !b->allocate == !b->release);
        assert_true(count == 0 || b->in_key);
        assert_true(b->there() == b->there() && (!b->there() || b->kernels()));
    }
    char text[256], cut[4];
    assert_string_equal(wane_backend_named("fp32")->precision, "fp32");
    assert_ptr_equal(strstr(wane_backends_there(text, sizeof text), "fp32 (fp32)"), text);
    assert_string_equal(wane_backends_there(cut, sizeof cut), "fp3");
}

static void memory_is_zeroed_and_packs_grow_with_rows(void **state)
{
    (void)state;
    static const size_t cols[] = {1, 24, 63, 64, 65, 257};
    enum { BYTES = 100003, MOST = 300 };
    for (size_t b = 0; at(b); b++) {
        unsigned char *block = wane_backend_allocate(at(b), BYTES);
        assert_true(block && (uintptr_t)block % 64 == 0);
        for (size_t i = 0; i < BYTES; i++) assert_int_equal(block[i], 0);
        wane_backend_release(at(b), block);
        wane_backend_release(at(b), NULL);
        for (size_t c = 0; c < sizeof cols / sizeof *cols && at(b)->packed_bytes; c++)
            for (int gradient = 0; gradient < 2; gradient++)
                for (size_t rows = 2; rows <= MOST; rows++)
                    assert_true(at(b)->packed_bytes(rows, cols[c], gradient) >=
                                at(b)->packed_bytes(rows - 1, cols[c], gradient));
    }
    assert_int_equal(held_counted().blocks, 0);
}

static void a_stretch_of_a_stretch_is_one_of_the_matrix(void **state)
{
    (void)state;
    static const float weight[200 * 4];
    const wane_packed tall = {weight, 200, 4, NULL, 0, 200};
    wane_packed part = wane_packed_rows(&tall, 64, 130);
    part = wane_packed_rows(&part, 64, 3);
    assert_ptr_equal(part.weight, weight + 128 * 4);
    assert_true(part.first == 128 && part.rows == 3 && part.whole == 200 && part.cols == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_whole),
        cmocka_unit_test(memory_is_zeroed_and_packs_grow_with_rows),
        cmocka_unit_test(a_stretch_of_a_stretch_is_one_of_the_matrix),
        cmocka_unit_test(products_are_those_of_a_double_loop),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(bits_do_not_depend_on_the_order_of_packing),
        cmocka_unit_test(tiles_of_a_pool_do_not_see_each_other),
        cmocka_unit_test(rows_do_not_see_each_other),
    };
    return cmocka_run_group_tests_name("backends", tests, NULL, NULL);
}
