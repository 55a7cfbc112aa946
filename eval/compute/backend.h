/* SPDX-License-Identifier: Apache-2.0
 * A backend: who multiplies activations with the weights of a model, in which precision.
 *
 * A product is asked for by the model (linear layers, the head, terms of adapters) and computed by
 * the backend; the model knows neither how its weights are packed nor in what they are multiplied.
 * Master weights, their gradients, the optimiser, norms, softmax, losses, adapters' factors and
 * whatever measures weights are fp32 or double with every backend and never go through it.
 *
 * Packs. A backend multiplies with a form of a weight of its own (tiles, another type, the memory
 * of another device). What holds the packs is the pass (eval/model/pass.h): it has room for them in
 * its block, and packs a matrix before the first product with it: a weight that nothing changes
 * once, a trained one once after each optimiser step (wane_pass_weights_changed says so), a head of
 * classes once a forward. A pack thus is never older than its weight. A backend that multiplies
 * with the weight as it is (fp32) has no packed_bytes: no room, no copy, and nothing to repeat.
 *
 * Bits. Equal arguments give equal bits, for any number of threads: how a backend cuts a product
 * depends on shapes alone. Rows do not see each other, but how many are given at once may decide
 * last bits. What is not finite in a row of an operand leaves that row of the result not finite.
 *
 * Entries are constants without a state of their own. What a process looks up or takes once (a
 * device, its library) is the business of there(), which several threads may ask at once and which
 * says the same each time. A product cannot fail: what may be missing shows in there() and in
 * allocate(), before a pass begins.
 *
 * An entry needs name, precision, there, kernels and the three products. It may leave out allocate
 * and release, both or neither; packed_bytes and pack, both or neither; scratch_bytes by itself.
 */
#ifndef EVAL_COMPUTE_BACKEND_H
#define EVAL_COMPUTE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/compute/kernels.h"
#include "store/base/status.h"
#include "store/base/threads.h"

/* A weight matrix, or a stretch of its rows, as products take it. Borrowed. */
typedef struct wane_packed {
    const float *weight; /* rows x cols (outputs x inputs), row-major: the master */
    size_t rows, cols;
    const void *packed;  /* what pack() made of the whole matrix; NULL without packed_bytes */
    size_t first, whole; /* the rows are first .. first + rows - 1 of the matrix's `whole` */
} wane_packed;

/* Rows first .. first + rows - 1 of one; first is a multiple of WANE_PACK_ROWS. */
wane_packed wane_packed_rows(const wane_packed *of, size_t first, size_t rows);

/* Stretches of a packed matrix begin at multiples of it, and so do the parts that are packed. */
enum { WANE_PACK_ROWS = 64 };

/* Who computes a product, and where. */
typedef struct wane_workers {
    bool tile;       /* the calling thread alone, inside a tile of the pool; else all of the pool */
    wane_pool *pool; /* NULL: one thread. Not to be used inside a tile */
    /* `bytes` bytes of each thread, as many as scratch_bytes() asked for or more, 64-byte aligned,
     * `stride` bytes apart; inside a tile those of the calling thread. Of no use without
     * scratch_bytes. Holds nothing between two calls. */
    unsigned char *scratch;
    size_t bytes, stride;
} wane_workers;

typedef struct wane_backend {
    const char *name;      /* unique; environment rows and `wane env` show it */
    const char *precision; /* of what is multiplied: "fp32", "bf16"; sums are fp32 */
    bool in_key; /* trained with it, a stage's weights are others: the name is in its key. False for
                    the one that keys were made with before there was a second */
    bool (*there)(void); /* whether this machine has what it needs */
    /* The row kernels that go with it: norms, positions, activations, attention. */
    const wane_kernels *(*kernels)(void);

    /* The products. No operand overlaps a result. 0 rows are allowed. Where nothing is added, what
     * stood in the result does not count; what stands between two rows (behind the outputs, up to
     * the stride) neither counts nor changes. */

    /* y (rows x sum of outputs, stride ldy) = or += x W^T of `count` >= 1 matrices that read the
     * same x (rows x cols, dense), their outputs side by side. */
    void (*forward)(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                    const float *x, float *y, size_t ldy, bool accumulate);
    /* dx (rows x cols, dense) = or += dy W, given dy (rows x sum of outputs, stride lddy): the sum
     * over the matrices. */
    void (*input_gradient)(const wane_workers *by, const wane_packed *w, size_t count, size_t rows,
                           const float *dy, size_t lddy, float *dx, bool accumulate);
    /* dw (outputs x inputs, dense) += dy^T x over the rows: dy rows x outputs, stride lddy; x rows
     * x inputs, dense. */
    void (*weight_gradient)(const wane_workers *by, size_t outputs, size_t inputs, size_t rows,
                            const float *dy, size_t lddy, const float *x, float *dw);

    /* What may be NULL: */

    /* Where a pass lives (activations, packs, scratch): `bytes` zeroed bytes, 64-byte aligned, that
     * the program can read and write as well; NULL: out of memory. Both NULL: wane_alloc_aligned
     * and wane_free. */
    void *(*allocate)(size_t bytes);
    void (*release)(void *block);

    /* Bytes of a packed matrix; never fewer for more rows. `gradient`: input_gradient is asked for
     * too. NULL: nothing is packed. */
    size_t (*packed_bytes)(size_t rows, size_t cols, bool gradient);
    /* Packs rows first .. first + count - 1 of `weight` (rows x cols) into `packed`, whatever
     * stood there; their place depends on no other row. first is a multiple of WANE_PACK_ROWS, and
     * so is count but for the last rows. Called by several threads at once, each with rows of its
     * own. */
    void (*pack)(const float *weight, size_t rows, size_t cols, bool gradient, size_t first,
                 size_t count, void *packed);
    /* Bytes of scratch a thread needs to hold `rows` rows of `widest` numbers in the form it
     * multiplies them in; longer and wider operands are taken in pieces. NULL: none. */
    size_t (*scratch_bytes)(size_t rows, size_t widest);
} wane_backend;

/* The entries, a line each: ENTRY(x) is wane_backend_x. The first is taken where none is asked
 * for. */
#define WANE_BACKENDS(ENTRY) ENTRY(fp32)
#define WANE_DECLARE(name) extern const wane_backend wane_backend_##name;
WANE_BACKENDS(WANE_DECLARE)
#undef WANE_DECLARE

/* The entry at a place from 0; NULL past the last. */
const wane_backend *wane_backend_at(size_t place);
/* NULL: no such entry. */
const wane_backend *wane_backend_named(const char *name);
/* `asked`, or the first entry where it is NULL. */
const wane_backend *wane_backend_or_first(const wane_backend *asked);

/* The entries that this machine can run, "NAME (PRECISION)" each, with ", " between them; `out` is
 * cut short at `size` bytes. Returns out. */
char *wane_backends_there(char *out, size_t size);

/* A pass's block in the backend's memory. */
void *wane_backend_allocate(const wane_backend *backend, size_t bytes);
void wane_backend_release(const wane_backend *backend, void *block); /* NULL allowed */

/* The rate of forward by the threads of a pool, in operations (two a multiply-add) per second, as
 * measured on 512 x 512 x 512 for a quarter of a second. WANE_ENOMEM. */
WANE_MUST_CHECK wane_status wane_backend_rate(double *out, const wane_backend *backend,
                                              wane_pool *pool, wane_error *err);

#endif
