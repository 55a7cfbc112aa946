/* SPDX-License-Identifier: Apache-2.0
 * Lists the names of one side that are compared, and moves a tied embedding or head to the name
 * that the other side has it under.
 */
#include "eval/pair/checkpoint_places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------------------- names
 */

static int by_name(const void *left, const void *right)
{
    return wane_names_order(((const wane_checkpoint_place *)left)->name,
                            ((const wane_checkpoint_place *)right)->name);
}

static void sort(wane_checkpoint_places *places)
{
    if (places->count) qsort(places->list, places->count, sizeof *places->list, by_name);
}

wane_status wane_places_find(wane_checkpoint_places *out, const wane_checkpoint *c,
                             wane_arena *arena, wane_error *err)
{
    const wane_names *names = &c->names;
    wane_checkpoint_places places = {
        .list = wane_arena_alloc(arena, names->count + 1, sizeof *places.list)};
    if (!places.list) return wane_fail_memory(err, "compare", c->path);
    for (size_t i = 0; i < names->count; i++)
        if (c->adapter || !wane_tensor_is_buffer(wane_tensors_at(c->tensors, i)))
            places.list[places.count++] = (wane_checkpoint_place){names->name[i], i};
    sort(&places);
    *out = places;
    return WANE_OK;
}

/* ------------------------------------------------------------------------------------------ ties
 */

enum { EMBEDDING, HEAD, ENDS };
#define NOT_THERE SIZE_MAX

/* What models call the two, from transformers. */
static const char *const pairs[][ENDS] = {
    {"embed_tokens.weight", "lm_head.weight"},
    {"wte.weight", "lm_head.weight"},
    {"embed_in.weight", "embed_out.weight"},
    {"shared.weight", "lm_head.weight"},
    {"word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"word_embeddings.weight", "lm_head.decoder.weight"},
    {"word_embeddings.weight", "lm_head.weight"},
    {"word_embeddings.weight", "vocab_projector.weight"},
};

const wane_tensor *wane_places_other_end(const wane_tensors *tensors, const char *name)
{
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        for (size_t e = 0; e < ENDS; e++) {
            const wane_tensor *found = NULL;
            size_t count = 0;
            if (!wane_tensor_ends(name, pairs[p][e])) continue;
            for (size_t i = 0; i < wane_tensors_count(tensors); i++) {
                const wane_tensor *t = wane_tensors_at(tensors, i);
                if (!wane_tensor_ends(t->name, pairs[p][e == EMBEDDING ? HEAD : EMBEDDING]))
                    continue;
                found = t;
                count++;
            }
            if (count == 1) return found;
        }
    return NULL;
}

/* One side's two ends, as positions in its places. */
typedef struct ends {
    size_t at[ENDS];
    bool single; /* one matrix, whether kept once or twice */
} ends;

/* Not there also when several end so: which one is meant nobody says. */
static size_t find_ending(const wane_checkpoint_places *places, const char *ending)
{
    size_t found = NOT_THERE;
    for (size_t i = 0; i < places->count; i++) {
        if (!wane_tensor_ends(places->list[i].name, ending)) continue;
        if (found != NOT_THERE) return NOT_THERE;
        found = i;
    }
    return found;
}

/* The values as they lie in the file, else read into *own. */
static wane_status values_of(const float **out, float **own, const wane_checkpoint *c,
                             const wane_tensor *t, wane_error *err)
{
    *out = wane_tensors_floats(c->tensors, t);
    if (*out) return WANE_OK;
    *out = *own = wane_alloc(t->elements, sizeof **own);
    if (!*own) return wane_fail_memory(err, "compare", t->name);
    return wane_tensors_read(c->tensors, t, *own, err);
}

static bool same_change(const wane_update_tensor *a, const wane_update_tensor *b)
{
    const wane_lowrank_term *s = &a->term, *t = &b->term;
    if (a->rows != b->rows || a->cols != b->cols || !a->data != !b->data) return false;
    if (a->data) return memcmp(a->data, b->data, a->rows * a->cols * sizeof(float)) == 0;
    if (!a->vector != !b->vector) return false;
    if (a->vector && memcmp(a->vector, b->vector, a->rows * sizeof(float)) != 0) return false;
    return s->rank == t->rank && s->scale == t->scale &&
           memcmp(s->a, t->a, s->rank * a->cols * sizeof(float)) == 0 &&
           memcmp(s->b, t->b, s->rank * a->rows * sizeof(float)) == 0;
}

static wane_status values_equal(bool *equal, const wane_checkpoint *c, size_t left, size_t right,
                                wane_error *err)
{
    wane_status st = WANE_OK;
    const float *x = NULL, *y = NULL;
    float *own[2] = {NULL, NULL};
    *equal = false;
    if (c->adapter) {
        *equal = same_change(&c->update.tensors[left], &c->update.tensors[right]);
        return WANE_OK;
    }
    const wane_tensor *a = wane_tensors_at(c->tensors, left);
    const wane_tensor *b = wane_tensors_at(c->tensors, right);
    if (a->dtype == WANE_OTHER || b->dtype == WANE_OTHER || a->elements != b->elements)
        return WANE_OK;
    WANE_TRY(values_of(&x, &own[0], c, a, err));
    WANE_TRY(values_of(&y, &own[1], c, b, err));
    *equal = memcmp(x, y, a->elements * sizeof *x) == 0;
done:
    wane_free(own[0]);
    wane_free(own[1]);
    return st;
}

static wane_status look(ends *out, const wane_checkpoint_places *places, const wane_checkpoint *c,
                        const char *const pair[ENDS], wane_error *err)
{
    for (int e = 0; e < ENDS; e++) out->at[e] = find_ending(places, pair[e]);
    bool both = out->at[EMBEDDING] != NOT_THERE && out->at[HEAD] != NOT_THERE;
    out->single = !both;
    if (!both) return WANE_OK;
    return values_equal(&out->single, c, places->list[out->at[EMBEDDING]].index,
                        places->list[out->at[HEAD]].index, err);
}

static bool none(const ends *e)
{
    return e->at[EMBEDDING] == NOT_THERE && e->at[HEAD] == NOT_THERE;
}

/* The place of a side's one matrix. */
static size_t place_of(const ends *e)
{
    return e->at[EMBEDDING] != NOT_THERE ? e->at[EMBEDDING] : e->at[HEAD];
}

/* A second copy of the one matrix is passed over. */
static void drop_copy(wane_checkpoint_places *places, ends *e)
{
    if (e->at[EMBEDDING] == NOT_THERE || e->at[HEAD] == NOT_THERE) return;
    size_t copy = e->at[HEAD];
    memmove(&places->list[copy], &places->list[copy + 1],
            (places->count - copy - 1) * sizeof *places->list);
    places->count--;
    if (e->at[EMBEDDING] > copy) e->at[EMBEDDING]--;
    e->at[HEAD] = NOT_THERE;
}

/* Both sides have one matrix: it is called as in the base. */
static wane_status name_alike(wane_checkpoint_places *base, wane_checkpoint_places *tuned, ends *a,
                              ends *b, const char **note, wane_arena *arena, wane_error *err)
{
    char line[300];
    drop_copy(base, a);
    drop_copy(tuned, b);
    const char *name = base->list[place_of(a)].name;
    wane_checkpoint_place *other = &tuned->list[place_of(b)];
    if (strcmp(name, other->name) != 0) {
        (void)snprintf(line, sizeof line,
                       "%.100s of the base and %.100s of the tuned are one matrix", name,
                       other->name);
        *note = wane_arena_strdup(arena, line);
        if (!*note) return wane_fail_memory(err, "compare", name);
    }
    other->name = name;
    sort(tuned);
    return WANE_OK;
}

/* The one matrix of `few`, the side so called, stands for both that `many` has. */
static wane_status stand_for_both(wane_checkpoint_places *few, const wane_checkpoint_places *many,
                                  ends *a, const ends *b, const char *side, const char **note,
                                  wane_arena *arena, wane_error *err)
{
    char line[400];
    drop_copy(few, a);
    wane_checkpoint_place one = few->list[place_of(a)];
    const char *embedding = many->list[b->at[EMBEDDING]].name, *head = many->list[b->at[HEAD]].name;
    (void)snprintf(line, sizeof line, "%.100s of the %s is compared with two: %.100s and %.100s",
                   one.name, side, embedding, head);
    *note = wane_arena_strdup(arena, line);
    if (!*note) return wane_fail_memory(err, "compare", one.name);
    few->list[place_of(a)].name = embedding;
    few->list[few->count++] = (wane_checkpoint_place){head, one.index};
    sort(few);
    return WANE_OK;
}

/* Whether some side has it. */
static bool somewhere(const ends *a, const ends *b, int end)
{
    return a->at[end] != NOT_THERE || b->at[end] != NOT_THERE;
}

wane_status wane_places_tie(wane_checkpoint_places *base, wane_checkpoint_places *tuned,
                            const char **note, const wane_comparison *c, wane_error *err)
{
    *note = NULL;
    if (!c->base.tied && !c->tuned.tied) return WANE_OK;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ends a, b;
        wane_status st = look(&a, base, &c->base, pairs[i], err);
        if (st == WANE_OK) st = look(&b, tuned, &c->tuned, pairs[i], err);
        if (st != WANE_OK) return st;
        if (!somewhere(&a, &b, EMBEDDING) || !somewhere(&a, &b, HEAD)) continue;
        if (none(&b) && a.single) drop_copy(base, &a);
        if (none(&a) || none(&b)) return WANE_OK;
        if (a.single && b.single) return name_alike(base, tuned, &a, &b, note, c->arena, err);
        if (a.single) return stand_for_both(base, tuned, &a, &b, "base", note, c->arena, err);
        /* What an adapter adds to one of two is not added to the other. */
        if (b.single && !c->tuned.adapter)
            return stand_for_both(tuned, base, &b, &a, "tuned", note, c->arena, err);
        return WANE_OK;
    }
    return WANE_OK;
}
