/* SPDX-License-Identifier: Apache-2.0
 * Helpers sleep until a round begins, then they and the caller take tile after tile from one
 * counter until none is left.
 */
#include "store/base/threads.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "store/base/blas.h"
#include "store/base/memory.h"

typedef void tile_work(void *context, size_t tile, int thread);

struct wane_pool {
    int threads;
    pthread_t helpers[WANE_MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t start, finish;
    unsigned long round; /* counts calls of wane_pool_run */
    int running;         /* helpers still inside the current round */
    bool stop;
    tile_work *work;
    void *context;
    size_t tiles;
    atomic_size_t next;
};

typedef struct helper_start {
    wane_pool *pool;
    int thread;
} helper_start;

static void take_tiles(wane_pool *pool, int thread)
{
    for (;;) {
        size_t tile = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (tile >= pool->tiles) return;
        pool->work(pool->context, tile, thread);
    }
}

static void *helper_main(void *argument)
{
    helper_start start = *(helper_start *)argument;
    wane_free(argument);
    wane_pool *pool = start.pool;
    unsigned long seen = 0;
    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && pool->round == seen)
            (void)pthread_cond_wait(&pool->start, &pool->lock);
        if (pool->stop) break;
        seen = pool->round;
        (void)pthread_mutex_unlock(&pool->lock);
        take_tiles(pool, start.thread);
        (void)pthread_mutex_lock(&pool->lock);
        if (--pool->running == 0) (void)pthread_cond_signal(&pool->finish);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int wane_processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > WANE_MAX_THREADS ? WANE_MAX_THREADS : count;
}

/* Helpers take no signals: the main thread decides when to stop. */
static wane_status start_helper(wane_pool *pool, int threads, wane_error *err)
{
    helper_start *start = wane_alloc(1, sizeof *start);
    if (!start) return wane_fail_memory(err, "threads", "pool");
    *start = (helper_start){pool, pool->threads};
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&pool->helpers[pool->threads], NULL, helper_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        char text[128];
        wane_free(start);
        return wane_fail(
            err, WANE_ENOMEM,
            "threads: thread %d of %d could not be started: %s (out of memory, or more than "
            "this user or container may have; fewer with --threads)",
            pool->threads + 1, threads, strerror_r(failed, text, sizeof text));
    }
    pool->threads++;
    return WANE_OK;
}

wane_status wane_pool_new(wane_pool **out, int threads, wane_error *err)
{
    if (threads < 0 || threads > WANE_MAX_THREADS)
        return wane_fail(err, WANE_EINVAL, "threads: %d: not in 1..%d", threads, WANE_MAX_THREADS);
    if (threads == 0) threads = wane_processors();
    wane_status st = wane_blas_reserve(threads, err);
    if (st != WANE_OK) return st;
    wane_pool *pool = wane_alloc(1, sizeof *pool);
    if (!pool) return wane_fail_memory(err, "threads", "pool");
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->start, NULL);
    (void)pthread_cond_init(&pool->finish, NULL);
    pool->threads = 1;
    while (pool->threads < threads && st == WANE_OK) st = start_helper(pool, threads, err);
    if (st != WANE_OK) {
        wane_pool_free(pool);
        return st;
    }
    *out = pool;
    return WANE_OK;
}

void wane_pool_free(wane_pool *pool)
{
    if (!pool) return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    (void)pthread_cond_broadcast(&pool->start);
    (void)pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i < pool->threads; i++) (void)pthread_join(pool->helpers[i], NULL);
    (void)pthread_cond_destroy(&pool->start);
    (void)pthread_cond_destroy(&pool->finish);
    (void)pthread_mutex_destroy(&pool->lock);
    wane_free(pool);
}

int wane_pool_threads(const wane_pool *pool)
{
    return pool ? pool->threads : 1;
}

void wane_pool_run(wane_pool *pool, size_t tiles, tile_work *work, void *context)
{
    if (!pool || pool->threads == 1 || tiles <= 1) {
        for (size_t tile = 0; tile < tiles; tile++) work(context, tile, 0);
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    assert(pool->running == 0); /* not out of one of its tiles */
    pool->work = work;
    pool->context = context;
    pool->tiles = tiles;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->running = pool->threads - 1;
    pool->round++;
    (void)pthread_cond_broadcast(&pool->start);
    (void)pthread_mutex_unlock(&pool->lock);
    take_tiles(pool, 0);
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->running > 0) (void)pthread_cond_wait(&pool->finish, &pool->lock);
    (void)pthread_mutex_unlock(&pool->lock);
}
