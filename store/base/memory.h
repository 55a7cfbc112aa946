/* SPDX-License-Identifier: Apache-2.0
 * Memory: checked allocation, 64-byte aligned blocks of floats, an arena for what dies together.
 *
 * All memory of wane comes from here, so that a test can make the n-th allocation fail
 * (wane_memory_fail_after) and so that the high-water mark can be read.
 */
#ifndef STORE_BASE_MEMORY_H
#define STORE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* `count` zeroed elements of `size` bytes. NULL when the product overflows or memory is out.
 * A count of 0 gives a valid block of no use. Owned by the caller, free with wane_free. */
void *wane_alloc(size_t count, size_t size);

/* `old` (from wane_alloc, or NULL) grown or shrunk to count * size bytes; what is added is not
 * zeroed. On NULL, `old` is untouched. Arrays grow by WANE_GROW. */
void *wane_realloc(void *old, size_t count, size_t size);

/* An array that grows: makes room for `need` elements of `size` bytes in the array whose pointer
 * `list` points to (a T **; the array is from wane_alloc or wane_realloc, or NULL) and which has
 * room for *room. The room is doubled at least, so that adding one by one copies each element a
 * few times only; what is added is not zeroed. The room depends on *room and `need` alone, so that
 * arrays that grow together may share it. False, list and room untouched, when memory is out. */
bool wane_grow(void *list, size_t *room, size_t need, size_t size);

/* The same for `list`, an lvalue T *, and `room`, an lvalue size_t: sizes come from the type. */
#define WANE_GROW(list, room, need) wane_grow(&(list), &(room), need, sizeof *(list))

/* `count` zeroed elements aligned to 64 bytes, for kernels. Same rules; free with wane_free. */
void *wane_alloc_aligned(size_t count, size_t size);

/* NULL is allowed. */
void wane_free(void *block);

/* A copy of `text` (NULL gives NULL). Owned by the caller, free with wane_free. */
char *wane_strdup(const char *text);

/* *out = a * b (or a + b); false and *out untouched when it does not fit. */
bool wane_size_mul(size_t *out, size_t a, size_t b);
bool wane_size_add(size_t *out, size_t a, size_t b);

/* For a program, before its threads: a block of 1 MiB or more is mapped apart, so that its memory
 * is the system's again once it is freed. glibc else raises that bound to the size of whatever
 * large block is freed, and keeps the next ones: the models and matrices of one stage beside the
 * next's. */
void wane_memory_give_back(void);

/* For tests: the allocation that follows `n` successful ones, and every later one, returns NULL;
 * n < 0 switches this off. Counts over all threads. */
void wane_memory_fail_after(long n);

/* An arena: many small blocks, freed together. */
typedef struct wane_arena wane_arena;

/* NULL when memory is out. Owned by the caller, free with wane_arena_free (NULL allowed). */
wane_arena *wane_arena_new(void);
void wane_arena_free(wane_arena *arena);

/* Zeroed, aligned to 16 bytes, borrowed until wane_arena_free. NULL when memory is out. */
void *wane_arena_alloc(wane_arena *arena, size_t count, size_t size);
char *wane_arena_strdup(wane_arena *arena, const char *text);
char *wane_arena_strndup(wane_arena *arena, const char *text, size_t bytes);

#endif
