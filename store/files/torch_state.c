/* SPDX-License-Identifier: Apache-2.0
 * Walks the unpickled dict, finds which dict of it is the state dict, and turns each tensor of it
 * into an entry with shape, strides and storage.
 */
#include "store/files/torch_state.h"

#include <string.h>

#include "store/base/text.h"

typedef wane_pickle_value value;

/* Values are shared at will in a hostile pickle, so depth and visits are limited, and names: one
 * long key before many tensors would be copied with each. */
enum { DEEPEST = 16, MOST_VISITS = 1 << 20, MOST_REPEATED = 1 << 20, LONGEST_NAME = 1024 };

typedef struct walk {
    wane_tensors *tensors;
    size_t index, visits;
    const char *path;
    wane_torch_storage storage;
    void *context;
    wane_text name;
    wane_error *err;
} walk;

static wane_status refuse(const walk *w, const char *cause)
{
    return wane_fail(w->err, WANE_EFORMAT, "read: %s: %.200s: %s", w->path,
                     w->name.data ? w->name.data : "", cause);
}

/* ---------------------------------------------------------------------------------------- tensors
 */

static bool size_of(size_t *out, const value *v)
{
    if (v->kind != WANE_PICKLE_INTEGER || v->integer < 0) return false;
    *out = (size_t)v->integer;
    return true;
}

/* Shape and strides of the view; *span = elements from its first to behind its last. */
static wane_status read_view(const walk *w, wane_tensor_entry *out, size_t *span,
                             const value *sizes, const value *strides)
{
    wane_tensor *t = &out->tensor;
    size_t dense = 1;
    if (sizes->count != strides->count) return refuse(w, "sizes and strides differ in number");
    if (sizes->count > WANE_TENSOR_DIMENSIONS)
        return wane_fail(w->err, WANE_EFORMAT,
                         "read: %s: %.200s: %zu dimensions, at most %d are read", w->path,
                         w->name.data, sizes->count, WANE_TENSOR_DIMENSIONS);
    t->dimensions = sizes->count;
    t->elements = 1;
    *span = 1;
    for (size_t i = 0; i < t->dimensions; i++) {
        size_t reach = 0;
        if (!size_of(&t->shape[i], sizes->items[i]) ||
            !size_of(&out->strides[i], strides->items[i]))
            return refuse(w, "a size or stride that is none");
        if (!wane_size_mul(&t->elements, t->elements, t->shape[i]))
            return refuse(w, "the shape overflows");
        if (t->shape[i] == 0) continue;
        if (!wane_size_mul(&reach, t->shape[i] - 1, out->strides[i]) ||
            !wane_size_add(span, *span, reach))
            return refuse(w, "the strides overflow");
    }
    if (t->elements == 0) *span = 0;
    for (size_t i = t->dimensions; i > 0; i--) {
        if (t->shape[i - 1] != 1 && out->strides[i - 1] != dense) out->strided = true;
        dense *= t->shape[i - 1];
    }
    out->strided = out->strided && t->elements > 0;
    return WANE_OK;
}

static wane_status add_tensor(walk *w, const value *tensor)
{
    const value *storage = tensor->items[0], *elements = storage->items[4];
    wane_tensor_entry out = {.shard = w->index};
    wane_tensor *t = &out.tensor;
    size_t place = 0, bytes = 0, offset = 0, span = 0, end = 0, holds = 0;
    if (!w->name.data || !w->name.length) return refuse(w, "a tensor without a name");
    if (!wane_utf8_valid(w->name.data, w->name.length, NULL) ||
        strlen(w->name.data) != w->name.length)
        return wane_fail(w->err, WANE_EFORMAT, "read: %s: a tensor's name is no text", w->path);
    wane_status st = read_view(w, &out, &span, tensor->items[2], tensor->items[3]);
    if (st != WANE_OK) return st;
    const char *type = wane_pickle_storage_type(storage->items[1]->integer);
    size_t width = wane_dtype_bits(&out.type, &t->dtype, type) / 8;
    if ((st = w->storage(w->context, &place, &bytes, storage->items[2]->text)) != WANE_OK)
        return st;
    if (!size_of(&holds, elements) || !wane_size_mul(&end, holds, width) || end > bytes)
        return wane_fail(w->err, WANE_EFORMAT,
                         "read: %s: %.200s: its storage is said to hold %lld elements of %s, the "
                         "file has %zu bytes of it",
                         w->path, w->name.data, (long long)elements->integer, type, bytes);
    if (!size_of(&offset, tensor->items[1]) || !wane_size_add(&end, offset, span) ||
        (span > 0 && end > holds))
        return refuse(w, "reaches beyond its storage");
    if (t->elements > holds && t->elements > MOST_REPEATED)
        return refuse(w, "a view that repeats values over a million times");
    out.offset = span ? place + offset * width : place;
    out.bytes = span * width;
    t->name = wane_arena_strdup(w->tensors->arena, w->name.data);
    if (!t->name) return wane_fail_memory(w->err, "read", w->path);
    return wane_tensors_add(w->tensors, &out, w->err);
}

/* ------------------------------------------------------------------------------------------ dicts
 */

static bool visit(walk *w)
{
    return ++w->visits <= MOST_VISITS;
}

static wane_status too_much(const walk *w)
{
    return wane_fail(w->err, WANE_EFORMAT, "read: %s: its dicts nest too deeply or hold too much",
                     w->path);
}

/* Whether v is a tensor, or a dict with one in it. */
static wane_status holds_tensors(bool *out, walk *w, const value *v, size_t depth)
{
    wane_status st = WANE_OK;
    if (depth > DEEPEST || !visit(w)) return too_much(w);
    if (v->kind == WANE_PICKLE_TENSOR) *out = true;
    if (v->kind != WANE_PICKLE_DICT) return WANE_OK;
    for (size_t i = 1; i < v->count && !*out && st == WANE_OK; i += 2)
        st = holds_tensors(out, w, v->items[i], depth + 1);
    return st;
}

static wane_status add_dict(walk *w, const value *dict, size_t depth)
{
    if (depth > DEEPEST) return too_much(w);
    size_t length = w->name.length;
    for (size_t i = 0; i + 1 < dict->count; i += 2) {
        const value *key = dict->items[i], *v = dict->items[i + 1];
        wane_status st = WANE_OK;
        if (!visit(w)) return too_much(w);
        if (v->kind != WANE_PICKLE_TENSOR && v->kind != WANE_PICKLE_DICT) continue;
        if (length) wane_text_string(&w->name, ".");
        if (key->kind == WANE_PICKLE_TEXT) wane_text_append(&w->name, key->text, key->count);
        else if (key->kind == WANE_PICKLE_INTEGER)
            wane_text_printf(&w->name, "%lld", (long long)key->integer);
        else return refuse(w, "a key that is neither text nor a number");
        if ((st = wane_text_check(&w->name, "read", w->path, w->err)) != WANE_OK) return st;
        if (w->name.length > LONGEST_NAME) return refuse(w, "a name of over 1024 bytes");
        st = v->kind == WANE_PICKLE_TENSOR ? add_tensor(w, v) : add_dict(w, v, depth + 1);
        if (st != WANE_OK) return st;
        w->name.length = length;
        w->name.data[length] = '\0';
    }
    return WANE_OK;
}

/* The dict of the top dict that is the state dict, NULL when the top dict is it itself. */
static wane_status find_inner(const value **out, const char **taken, walk *w, const value *top)
{
    static const char *const names[] = {"state_dict", "model_state_dict", "model", "module"};
    wane_status st = WANE_OK;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t i = 0; i + 1 < top->count; i += 2) {
            const value *key = top->items[i], *v = top->items[i + 1];
            bool tensors = false;
            if (key->kind != WANE_PICKLE_TEXT || strcmp(key->text, names[n]) != 0 ||
                v->kind != WANE_PICKLE_DICT)
                continue;
            if ((st = holds_tensors(&tensors, w, v, 0)) != WANE_OK) return st;
            if (!tensors) continue;
            *out = v;
            *taken = names[n];
            return WANE_OK;
        }
    return st;
}

/* "also holds optimizer, ema": what of the top dict has tensors and is not read. */
static wane_status note_others(walk *w, const value *top, const char *taken)
{
    wane_text note = {0};
    wane_status st = WANE_OK;
    size_t others = 0;
    for (size_t i = 0; i + 1 < top->count; i += 2) {
        const value *key = top->items[i], *v = top->items[i + 1];
        bool tensors = false;
        if (key->kind != WANE_PICKLE_TEXT || strcmp(key->text, taken) == 0) continue;
        WANE_TRY(holds_tensors(&tensors, w, v, 0));
        if (!tensors || !wane_utf8_valid(key->text, key->count, NULL) || others > 8) continue;
        wane_text_printf(&note, "%s%.40s", others++ ? ", " : "also holds ", key->text);
    }
    if (others == 0 || w->tensors->note) goto done;
    WANE_TRY(wane_text_check(&note, "read", w->path, w->err));
    w->tensors->note = wane_arena_strdup(w->tensors->arena, note.data);
    if (!w->tensors->note) st = wane_fail_memory(w->err, "read", w->path);
done:
    wane_text_free(&note);
    return st;
}

wane_status wane_torch_state_add(wane_tensors *tensors, size_t index,
                                 const wane_pickle_value *state, wane_torch_storage storage,
                                 void *context, wane_error *err)
{
    wane_status st = WANE_OK;
    walk w = {.tensors = tensors,
              .index = index,
              .path = tensors->shards[index].path,
              .storage = storage,
              .context = context,
              .err = err};
    for (size_t depth = 0; depth < 3; depth++) {
        const value *inner = NULL;
        const char *taken = NULL;
        if (state->kind != WANE_PICKLE_DICT)
            WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: no dict of tensors", w.path));
        WANE_TRY(find_inner(&inner, &taken, &w, state));
        if (!inner) break;
        WANE_TRY(note_others(&w, state, taken));
        state = inner;
    }
    size_t before = tensors->count;
    WANE_TRY(add_dict(&w, state, 0));
    if (tensors->count == before)
        st = wane_fail(err, WANE_EFORMAT, "read: %s: no tensors in it", w.path);
done:
    wane_text_free(&w.name);
    return st;
}
