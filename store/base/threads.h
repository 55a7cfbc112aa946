/* SPDX-License-Identifier: Apache-2.0
 * A small pool of threads over fixed tiles.
 *
 * Work is cut into tiles by its shape alone; which thread takes which tile is left open, so a tile
 * must write only what is its own and results never depend on the number of threads.
 */
#ifndef STORE_BASE_THREADS_H
#define STORE_BASE_THREADS_H

#include <stddef.h>

#include "store/base/status.h"

enum { WANE_MAX_THREADS = 64 };

/* Processors this process may use, at most WANE_MAX_THREADS. */
int wane_processors(void);

typedef struct wane_pool wane_pool;

/* A pool that runs tiles on `threads` threads, the caller among them (1..64; 0 = all processors
 * this process may use). Sets OpenBLAS to one thread per call and takes the room it needs for that
 * many (wane_blas_reserve). WANE_EINVAL beyond 64; WANE_ENOMEM where that room or a thread is not
 * to be had.
 * Owned by the caller, free with wane_pool_free (NULL allowed). */
WANE_MUST_CHECK wane_status wane_pool_new(wane_pool **out, int threads, wane_error *err);
void wane_pool_free(wane_pool *pool);
int wane_pool_threads(const wane_pool *pool); /* 1 for NULL */

/* Calls work(context, tile, thread) once for every tile < tiles and returns when all are done.
 * `thread` < wane_pool_threads(pool) names a scratch area no other running tile uses. A NULL pool
 * runs everything in the caller. Not reentrant: work must not call wane_pool_run on the same pool;
 * one caller at a time. */
void wane_pool_run(wane_pool *pool, size_t tiles,
                   void (*work)(void *context, size_t tile, int thread), void *context);

#endif
