/* SPDX-License-Identifier: Apache-2.0
 * Bounded spectra against LAPACK's SVDs in double, decision by decision: whether each tuned
 * direction is an intruder at .1, .2, ... .9. One JSON line per kind of weight and change, one for
 * all; exit code 1 when a decision is wrong or an interval misses the truth.
 *
 * bench_decisions [FILE ...] [update=PATH ...] [match=TEXT] [rounds=1] [seed=0] [top=10] [alone=0]
 * [threads=1] [longest=4096]
 * FILE: checkpoints, whose matrices (names with TEXT in them, no side beyond `longest`, none below
 * 32) are the bases of changes that are made up, and of those of each PATH (an adapter or tuned
 * tensors, by name). Without files bases are made up, of several families (names with TEXT in
 * them) and shapes. A round makes every change once more; alone=1 decides at each epsilon in a run
 * of its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/clock.h"
#include "store/base/memory.h"
#include "store/files/tensors.h"
#include "store/files/update.h"
#include "tests/numeric/spectra/decisions.h"

typedef struct setting {
    size_t rounds, seed, top, longest;
    int threads, alone;
    const char *match;
    wane_pool *pool;
    wane_update updates[1024];
    size_t update_count;
    decision_counts all;
    double start;
} setting;

/* Kinds of changes, and one of changes as they were trained. */
typedef decision_counts counts_by_change[WEIGHT_CHANGES + 1];

static void succeed(wane_status st, const wane_error *err)
{
    if (st == WANE_OK) return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(1);
}

static void show(const setting *s, const char *bases, const char *change, const decision_counts *c)
{
    if (!c->directions) return;
    (void)printf("{\"bases\":\"%s\",\"change\":\"%s\",\"alone\":%s,\"decided\":%zu,\"wrong\":%zu,"
                 "\"edge\":%zu,\"clusters\":%zu,\"unresolved\":%zu,\"open\":%zu,\"outside\":%zu,"
                 "\"miss\":%.2g,\"intervals\":%zu,\"exact\":%zu,\"median_steps\":%zu,"
                 "\"p99_steps\":%zu,\"seconds\":%.0f}\n",
                 bases, change, s->alone ? "true" : "false", c->decided, c->wrong, c->edge,
                 c->clusters, c->unresolved, c->open, c->outside, c->miss, c->directions, c->exact,
                 decisions_steps(c, 0.5), decisions_steps(c, 0.99), wane_clock_wall() - s->start);
    (void)fflush(stdout);
}

static void finish(setting *s, const char *bases, const counts_by_change counts)
{
    for (size_t k = 0; k <= WEIGHT_CHANGES; k++) {
        const char *name = k < WEIGHT_CHANGES ? weight_changes[k].name : "trained";
        show(s, bases, name, &counts[k]);
        decisions_add(&s->all, &counts[k]);
    }
}

static decision_question ask(const setting *s, const weight_base *base,
                             const wane_base_svd *leading, const weight_change *change,
                             const char *name)
{
    return (decision_question){.base = base,
                               .leading = leading,
                               .change = change,
                               .top = s->top,
                               .alone = s->alone != 0,
                               .name = name,
                               .pool = s->pool};
}

/* The changes of the updates that have a tensor of this name and shape. */
static void judge_trained(const setting *s, decision_counts *counts, const weight_base *base,
                          const wane_base_svd *leading, const char *name)
{
    for (size_t u = 0; u < s->update_count; u++)
        for (size_t i = 0; i < s->updates[u].count; i++) {
            const wane_update_tensor *t = &s->updates[u].tensors[i];
            if (strcmp(t->name, name) != 0 || t->rows != base->weight.rows ||
                t->cols != base->weight.cols)
                continue;
            const weight_change change = {.term = t->term, .tuned = (float *)t->data};
            decision_question q = ask(s, base, leading, &change, name);
            decisions_judge(counts, &q);
        }
}

static void judge_base(const setting *s, counts_by_change counts, const float *weight, size_t rows,
                       size_t cols, const char *name, uint64_t seed)
{
    weight_base base = {{weight, rows, cols, cols}, NULL};
    wane_base_svd *svd, *leading;
    wane_error err;
    succeed(wane_base_svd_compute(&svd, base.weight, &err), &err);
    succeed(wane_base_svd_leading(&leading, base.weight, s->top, s->pool, &err), &err);
    base.svd = svd;
    judge_trained(s, &counts[WEIGHT_CHANGES], &base, leading, name);
    for (size_t round = 0; round < s->rounds; round++)
        for (size_t k = 0; k < WEIGHT_CHANGES; k++) {
            char label[512];
            weight_change change = {0};
            (void)snprintf(label, sizeof label, "%s, %s, seed %zu", name, weight_changes[k].name,
                           (size_t)seed + round);
            decision_question q = ask(s, &base, leading, &change, label);
            weight_changes[k].make(&change, &base, weight_changes[k].rank, seed + round);
            if (change.term.rank || change.tuned) decisions_judge(&counts[k], &q);
            weight_change_free(&change);
        }
    wane_base_svd_free(svd);
    wane_base_svd_free(leading);
}

static bool is_judged(const setting *s, const wane_tensor *t)
{
    return t->dimensions == 2 && t->dtype != WANE_OTHER && t->shape[0] >= 32 && t->shape[1] >= 32 &&
           t->shape[0] <= s->longest && t->shape[1] <= s->longest &&
           (!s->match || strstr(t->name, s->match));
}

static void judge_file(setting *s, const char *path)
{
    counts_by_change *counts = calloc(1, sizeof *counts);
    wane_tensors *file;
    wane_error err;
    if (!counts) exit(1);
    succeed(wane_tensors_open(&file, path, &err), &err);
    for (size_t i = 0; i < wane_tensors_count(file); i++) {
        const wane_tensor *t = wane_tensors_at(file, i);
        if (!is_judged(s, t)) continue;
        float *weight = wane_alloc_aligned(t->elements, sizeof *weight);
        if (!weight) exit(1);
        succeed(wane_tensors_read(file, t, weight, &err), &err);
        judge_base(s, *counts, weight, t->shape[0], t->shape[1], t->name, s->seed + 1000 * i);
        wane_free(weight);
    }
    wane_tensors_close(file);
    finish(s, path, *counts);
    free(counts);
}

static void judge_family(setting *s, const weight_family *family)
{
    static const struct {
        size_t rows, cols;
    } shapes[] = {{160, 160}, {480, 120}, {120, 480}, {400, 400}, {720, 240}, {240, 720}};
    counts_by_change *counts = calloc(1, sizeof *counts);
    if (!counts) exit(1);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        float *weight = weight_make(family, shapes[i].rows, shapes[i].cols, s->seed + i);
        judge_base(s, *counts, weight, shapes[i].rows, shapes[i].cols, family->name,
                   s->seed + 1000 * i);
        wane_free(weight);
    }
    finish(s, family->name, *counts);
    free(counts);
}

static bool take(setting *s, const char *argument)
{
    if (strncmp(argument, "match=", 6) == 0) s->match = argument + 6;
    return s->match == argument + 6 || sscanf(argument, "rounds=%zu", &s->rounds) == 1 ||
           sscanf(argument, "seed=%zu", &s->seed) == 1 ||
           sscanf(argument, "top=%zu", &s->top) == 1 ||
           sscanf(argument, "alone=%d", &s->alone) == 1 ||
           sscanf(argument, "threads=%d", &s->threads) == 1 ||
           sscanf(argument, "longest=%zu", &s->longest) == 1;
}

int main(int argc, char **argv)
{
    static setting s = {.rounds = 1, .top = 10, .longest = 4096, .threads = 1};
    size_t files = 0;
    wane_error err;
    s.start = wane_clock_wall();
    for (int i = 1; i < argc; i++) {
        if (take(&s, argv[i])) continue;
        if (strncmp(argv[i], "update=", 7) != 0) {
            argv[1 + files++] = argv[i];
            continue;
        }
        if (s.update_count == sizeof s.updates / sizeof *s.updates) return 2;
        succeed(wane_update_load(&s.updates[s.update_count++], argv[i] + 7, NULL, NULL, &err),
                &err);
    }
    if (s.top < 1) return 2;
    succeed(wane_pool_new(&s.pool, s.threads, &err), &err);
    for (size_t i = 0; i < files; i++) judge_file(&s, argv[1 + i]);
    for (size_t f = 0; f < WEIGHT_FAMILIES && !files; f++)
        if (!s.match || strstr(weight_families[f].name, s.match))
            judge_family(&s, &weight_families[f]);
    show(&s, "all", "all", &s.all);
    for (size_t u = 0; u < s.update_count; u++) wane_update_free(&s.updates[u]);
    wane_pool_free(s.pool);
    return s.all.wrong || s.all.outside;
}
