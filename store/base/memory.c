/* SPDX-License-Identifier: Apache-2.0
 * The C library's allocators behind checks for overflow and the count of allocations that may still
 * succeed, and an arena made of chained chunks of 64 KiB.
 */
#include "store/base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long allocations_left = -1;

static bool refuse(void)
{
    if (atomic_load_explicit(&allocations_left, memory_order_relaxed) < 0) return false;
    long left = atomic_load(&allocations_left);
    while (left > 0)
        if (atomic_compare_exchange_weak(&allocations_left, &left, left - 1)) return false;
    return left == 0;
}

void wane_memory_fail_after(long n)
{
    atomic_store(&allocations_left, n < 0 ? -1 : n);
}

void wane_memory_give_back(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

bool wane_size_mul(size_t *out, size_t a, size_t b)
{
    size_t product = 0;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

bool wane_size_add(size_t *out, size_t a, size_t b)
{
    size_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}

void *wane_alloc(size_t count, size_t size)
{
    if (refuse()) return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

void *wane_realloc(void *old, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!wane_size_mul(&bytes, count, size) || refuse()) return NULL;
    return realloc(old, bytes ? bytes : 1);
}

bool wane_grow(void *list, size_t *room, size_t need, size_t size)
{
    enum { FIRST = 16 };
    if (need <= *room) return true;
    size_t more = *room > SIZE_MAX / 2 ? need : 2 * *room;
    if (more < FIRST) more = FIRST;
    if (more < need) more = need;
    void *block = NULL;
    memcpy(&block, list, sizeof block); /* whatever type the pointer has */
    block = wane_realloc(block, more, size);
    if (!block) return false;
    memcpy(list, &block, sizeof block);
    *room = more;
    return true;
}

void *wane_alloc_aligned(size_t count, size_t size)
{
    size_t bytes = 0;
    if (!wane_size_mul(&bytes, count, size) || bytes > SIZE_MAX - 64 || refuse()) return NULL;
    bytes = (bytes + 63) / 64 * 64;
    if (bytes == 0) bytes = 64;
    void *block = aligned_alloc(64, bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

void wane_free(void *block)
{
    free(block);
}

char *wane_strdup(const char *text)
{
    if (!text) return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = wane_alloc(bytes, 1);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

typedef struct chunk {
    struct chunk *next;
    size_t used, capacity;
    _Alignas(16) unsigned char bytes[];
} chunk;

struct wane_arena {
    chunk *chunks;
};

wane_arena *wane_arena_new(void)
{
    return wane_alloc(1, sizeof(wane_arena));
}

void wane_arena_free(wane_arena *arena)
{
    if (!arena) return;
    for (chunk *c = arena->chunks; c;) {
        chunk *next = c->next;
        wane_free(c);
        c = next;
    }
    wane_free(arena);
}

void *wane_arena_alloc(wane_arena *arena, size_t count, size_t size)
{
    enum { CHUNK_BYTES = 1 << 16 };
    size_t bytes = 0;
    if (!wane_size_mul(&bytes, count, size) || bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + 15) / 16 * 16;
    chunk *top = arena->chunks;
    if (!top || top->capacity - top->used < bytes) {
        size_t capacity = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        top = wane_alloc(1, sizeof(chunk) + capacity);
        if (!top) return NULL;
        top->capacity = capacity;
        top->next = arena->chunks;
        arena->chunks = top;
    }
    void *block = top->bytes + top->used;
    top->used += bytes;
    return block;
}

char *wane_arena_strndup(wane_arena *arena, const char *text, size_t bytes)
{
    char *copy = bytes < SIZE_MAX ? wane_arena_alloc(arena, bytes + 1, 1) : NULL;
    if (copy && bytes) memcpy(copy, text, bytes);
    return copy;
}

char *wane_arena_strdup(wane_arena *arena, const char *text)
{
    return text ? wane_arena_strndup(arena, text, strlen(text)) : NULL;
}
