/* SPDX-License-Identifier: Apache-2.0
 * Random numbers as a pure function of where they are used: Philox4x32-10 (Salmon et al. 2011, as
 * in Random123), key = seed, counter = purpose | stage | step | tensor | element. No generator
 * state exists, so a resumed or reordered computation draws the same numbers.
 */
#ifndef STORE_BASE_RANDOM_H
#define STORE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a stream of numbers is for; part of the counter (8 bits). New purposes go last: a number
 * here is part of what `numbers` versions promise. */
typedef enum wane_purpose {
    WANE_RANDOM_INIT = 1,     /* initial weights */
    WANE_RANDOM_ADAPTER = 2,  /* initial adapter factors */
    WANE_RANDOM_SHUFFLE = 3,  /* order of training rows */
    WANE_RANDOM_DROPOUT = 4,  /* dropout masks */
    WANE_RANDOM_SUBSET = 5,   /* which rows of a split are used */
    WANE_RANDOM_BUILTIN = 6,  /* the built-in language and its tasks */
    WANE_RANDOM_RESAMPLE = 7, /* bootstrap and permutations */
    WANE_RANDOM_START = 8,    /* start vectors of iterative methods */
    WANE_RANDOM_GATE = 9,     /* the randomly initialised copy of the sanity gates */
    WANE_RANDOM_HEAD = 10,    /* initial linear heads */
    WANE_RANDOM_NULL = 11,    /* random updates beside a real one */
    WANE_RANDOM_PERTURB = 12, /* small changes of initial numbers */
    WANE_RANDOM_REPLAY = 13,  /* which rows of earlier tasks are trained on again */
    WANE_RANDOM_TEST = 255
} wane_purpose;

/* One point of the counter space. stage < 2^16, step < 2^40, tensor < 2^24, element < 2^40; bits
 * beyond are dropped. */
typedef struct wane_random {
    uint64_t seed;
    wane_purpose purpose;
    uint64_t stage, step, tensor;
} wane_random;

/* Four independent uniform 32-bit words at `element`. */
void wane_random_words(uint32_t out[4], const wane_random *where, uint64_t element);

/* What Philox is given for it: key = the seed, counter = (high, low), least significant word first.
 * The next element's counter is low + 1. For kernels that make many words at once. */
void wane_random_counter(uint64_t *high, uint64_t *low, const wane_random *where, uint64_t element);

/* Uniform on [0, 1) with 53 bits, one per element. */
double wane_random_uniform(const wane_random *where, uint64_t element);

/* Uniform integer in [0, bound), bound >= 1, without bias beyond 2^-64 * bound. */
uint64_t wane_random_below(const wane_random *where, uint64_t element, uint64_t bound);

/* out[i] for i < count: standard normal times `sigma` (Box-Muller on element i / 2), or uniform on
 * [low, high). Element i depends on i alone, not on count. */
void wane_random_normal_fill(float *out, size_t count, double sigma, const wane_random *where);
void wane_random_uniform_fill(float *out, size_t count, double low, double high,
                              const wane_random *where);

/* The same standard normal numbers, in double. */
void wane_random_normals(double *out, size_t count, const wane_random *where);

/* order = a uniformly random permutation of 0..count-1 (Fisher-Yates, draws at elements 0..). */
void wane_random_permutation(size_t *order, size_t count, const wane_random *where);

#endif
