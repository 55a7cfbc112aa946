/* SPDX-License-Identifier: Apache-2.0
 * Tries the prefixes of both sides against each other for the most names in common, and reads kind,
 * layer and module from the parts of a name.
 */
#include "eval/pair/checkpoint_names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/files/tensors.h"

/* Prefixes tried on one side. */
enum { CANDIDATES = 24 };

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *without(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return length && begins(name, prefix) && name[length] ? name + length : name;
}

/* --------------------------------------------------------------------------------------- wrappers
 */

static size_t wrapper_length(const char *at)
{
    static const char *const wrappers[] = {"_orig_mod.", "_fsdp_wrapped_module.",
                                           "_checkpoint_wrapped_module."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (begins(at, wrappers[i])) return strlen(wrappers[i]);
    return 0;
}

/* The name without the parts of wrappers; itself when it has none. NULL when memory is out. */
static const char *unwrap(const char *name, wane_arena *arena)
{
    bool some = false;
    for (const char *at = name; at; at = strchr(at, '.')) {
        at += *at == '.';
        some = some || wrapper_length(at);
    }
    if (!some) return name;
    char *out = wane_arena_strdup(arena, name), *to = out;
    bool start = true;
    for (const char *at = name; out && *at;) {
        size_t skip = start ? wrapper_length(at) : 0;
        at += skip;
        if (skip) continue;
        start = *at == '.';
        *to++ = *at++;
    }
    if (out) *to = '\0';
    return out;
}

/* --------------------------------------------------------------------------------------- prefixes
 */

typedef struct candidates {
    const char *prefix[CANDIDATES];
    const char **sorted[CANDIDATES]; /* the names without it, sorted; NULL: two would be alike */
    size_t count;
} candidates;

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool known(const candidates *c, const char *prefix)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->prefix[i], prefix) == 0) return true;
    return false;
}

/* Every sequence of known prefixes that some name begins with, the empty one first. */
static wane_status find_prefixes(candidates *c, const char *const *names, size_t count,
                                 wane_arena *arena, wane_error *err)
{
    static const char *const parts[] = {
        "module.",   "model.",      "base_model.model.", "base_model.", "transformer.",
        "bert.",     "roberta.",    "distilbert.",       "electra.",    "deberta.",
        "albert.",   "gpt_neox.",   "decoder.",          "encoder.",    "language_model.",
        "backbone.", "pretrained.", "network.",          "net.",        "auto_model."};
    c->prefix[c->count++] = "";
    for (size_t i = 0; i < c->count; i++)
        for (size_t p = 0; p < sizeof parts / sizeof *parts && c->count < CANDIDATES; p++) {
            size_t length = strlen(c->prefix[i]), more = strlen(parts[p]);
            char *longer = wane_arena_alloc(arena, length + more + 1, 1);
            if (!longer) return wane_fail_memory(err, "compare", "names");
            memcpy(longer, c->prefix[i], length);
            memcpy(longer + length, parts[p], more + 1);
            for (size_t n = 0; n < count; n++)
                if (begins(names[n], longer)) {
                    if (!known(c, longer)) c->prefix[c->count++] = longer;
                    break;
                }
        }
    return WANE_OK;
}

static wane_status sort_names(candidates *c, const char *const *names, size_t count,
                              wane_arena *arena, wane_error *err)
{
    for (size_t i = 0; i < c->count; i++) {
        const char **sorted = wane_arena_alloc(arena, count, sizeof *sorted);
        if (!sorted) return wane_fail_memory(err, "compare", "names");
        for (size_t n = 0; n < count; n++) sorted[n] = without(names[n], c->prefix[i]);
        if (count) qsort(sorted, count, sizeof *sorted, by_text);
        c->sorted[i] = sorted;
        for (size_t n = 1; n < count; n++)
            if (strcmp(sorted[n - 1], sorted[n]) == 0) c->sorted[i] = NULL;
    }
    return WANE_OK;
}

static size_t common(const char **a, size_t a_count, const char **b, size_t b_count)
{
    size_t i = 0, j = 0, both = 0;
    while (i < a_count && j < b_count) {
        int order = strcmp(a[i], b[j]);
        both += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return both;
}

static wane_status unwrap_all(wane_names *out, const char *const *names, size_t count,
                              wane_arena *arena, wane_error *err)
{
    *out = (wane_names){
        .name = wane_arena_alloc(arena, count, sizeof *out->name), .count = count, .stripped = ""};
    if (!out->name) return wane_fail_memory(err, "compare", "names");
    for (size_t i = 0; i < count; i++) {
        out->name[i] = unwrap(names[i], arena);
        if (!out->name[i]) return wane_fail_memory(err, "compare", "names");
        out->unwrapped = out->unwrapped || out->name[i] != names[i];
    }
    return WANE_OK;
}

static void strip_all(wane_names *names, const char *prefix)
{
    names->stripped = prefix;
    for (size_t i = 0; i < names->count; i++) names->name[i] = without(names->name[i], prefix);
}

wane_status wane_names_agree(wane_names *left, wane_names *right, const char *const *left_names,
                             size_t left_count, const char *const *right_names, size_t right_count,
                             wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_names a, b;
    candidates x = {0}, y = {0};
    size_t most = 0, shortest = SIZE_MAX, best[2] = {0, 0};
    WANE_TRY(unwrap_all(&a, left_names, left_count, arena, err));
    WANE_TRY(unwrap_all(&b, right_names, right_count, arena, err));
    WANE_TRY(find_prefixes(&x, a.name, a.count, arena, err));
    WANE_TRY(find_prefixes(&y, b.name, b.count, arena, err));
    WANE_TRY(sort_names(&x, a.name, a.count, arena, err));
    WANE_TRY(sort_names(&y, b.name, b.count, arena, err));
    for (size_t i = 0; i < x.count; i++)
        for (size_t j = 0; j < y.count; j++) {
            if (!x.sorted[i] || !y.sorted[j]) continue;
            size_t both = common(x.sorted[i], a.count, y.sorted[j], b.count);
            size_t length = strlen(x.prefix[i]) + strlen(y.prefix[j]);
            if (both < most || (both == most && length >= shortest)) continue;
            most = both;
            shortest = length;
            best[0] = i;
            best[1] = j;
        }
    strip_all(&a, x.prefix[best[0]]);
    strip_all(&b, y.prefix[best[1]]);
    *left = a;
    *right = b;
done:
    return st;
}

wane_status wane_names_strip(wane_names *out, const char *const *names, size_t count,
                             const char *const *prefixes, size_t prefix_count, const char *path,
                             wane_arena *arena, wane_error *err)
{
    wane_names made = {
        .name = wane_arena_alloc(arena, count, sizeof *made.name), .count = count, .stripped = ""};
    const char **sorted = wane_arena_alloc(arena, count, sizeof *sorted);
    if (!made.name || !sorted) return wane_fail_memory(err, "compare", path);
    for (size_t i = 0; i < count; i++) {
        made.name[i] = names[i];
        for (size_t p = 0; p < prefix_count; p++) made.name[i] = without(made.name[i], prefixes[p]);
        sorted[i] = made.name[i];
    }
    if (count) qsort(sorted, count, sizeof *sorted, by_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return wane_fail(err, WANE_EINVAL,
                             "compare: %s: --strip makes two tensors of the name %s", path,
                             sorted[i]);
    *out = made;
    return WANE_OK;
}

/* ------------------------------------------------------------------------------------------ order
 */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

int wane_names_order(const char *left, const char *right)
{
    const char *a = left, *b = right;
    while (*a && *b) {
        if (digit(*a) && digit(*b)) {
            size_t x = strspn(a, "0"), y = strspn(b, "0");
            a += x;
            b += y;
            x = strspn(a, "0123456789");
            y = strspn(b, "0123456789");
            int order = x != y ? (x < y ? -1 : 1) : strncmp(a, b, x);
            if (order) return order;
            a += x;
            b += y;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    if (*a || *b) return *a ? 1 : -1;
    return strcmp(left, right);
}

/* ------------------------------------------------------------------------------------------ kinds
 */

const char *wane_tensor_kind_name(wane_tensor_kind kind)
{
    static const char *const names[WANE_TENSOR_KINDS] = {"embedding", "attention", "mlp",  "norms",
                                                         "biases",    "head",      "other"};
    return names[kind];
}

/* The next part of a dotted name, cut to 63 bytes; false at the end. */
static bool next_part(char part[64], const char **at)
{
    if (!**at) return false;
    size_t length = strcspn(*at, ".");
    (void)snprintf(part, 64, "%.*s", (int)(length < 63 ? length : 63), *at);
    *at += length + ((*at)[length] == '.');
    return true;
}

static bool one_of(const char *part, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(part, *names) == 0) return true;
    return false;
}

static bool has_one_of(const char *part, const char *const *pieces)
{
    for (; *pieces; pieces++)
        if (strcasestr(part, *pieces)) return true;
    return false;
}

/* "ln", "ln_f", "ln1", "lnf", but not "lns". */
static bool is_ln(const char *part)
{
    return begins(part, "ln") &&
           (!part[2] || part[2] == '_' || digit(part[2]) || strcmp(part, "lnf") == 0);
}

wane_tensor_kind wane_tensor_kind_of(const char *name)
{
    static const char *const embeddings[] = {"wte", "wpe", "shared", "relative_attention_bias",
                                             NULL};
    static const char *const heads[] = {
        "lm_head",    "head",      "heads",  "classifier", "score", "classification_head",
        "qa_outputs", "embed_out", "v_head", "cls",        NULL};
    static const char *const attention[] = {"attn", "attention", NULL};
    static const char *const mlps[] = {"mlp",          "ffn",    "feed_forward",
                                       "intermediate", "expert", NULL};
    static const char *const mlp_parts[] = {"fc1", "fc2", "lin1", "lin2", "DenseReluDense", NULL};
    bool found[WANE_TENSOR_KINDS] = {false};
    char part[64] = "";
    for (const char *at = name; next_part(part, &at);) {
        bool head = one_of(part, heads);
        found[WANE_TENSOR_KIND_HEAD] |= head;
        found[WANE_TENSOR_KIND_EMBEDDING] |=
            !head && (strcasestr(part, "embed") != NULL || one_of(part, embeddings));
        found[WANE_TENSOR_KIND_NORM] |= strcasestr(part, "norm") != NULL || is_ln(part);
        found[WANE_TENSOR_KIND_ATTENTION] |= has_one_of(part, attention);
        found[WANE_TENSOR_KIND_MLP] |= has_one_of(part, mlps) || one_of(part, mlp_parts);
    }
    found[WANE_TENSOR_KIND_BIAS] = strcmp(part, "bias") == 0;
    found[WANE_TENSOR_KIND_HEAD] |= strcmp(name, "output.weight") == 0;
    found[WANE_TENSOR_KIND_MLP] |= strstr(name, ".output.dense.") != NULL;
    static const wane_tensor_kind order[] = {WANE_TENSOR_KIND_EMBEDDING, WANE_TENSOR_KIND_HEAD,
                                             WANE_TENSOR_KIND_NORM,      WANE_TENSOR_KIND_BIAS,
                                             WANE_TENSOR_KIND_ATTENTION, WANE_TENSOR_KIND_MLP};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (found[order[i]]) return order[i];
    return WANE_TENSOR_KIND_OTHER;
}

void wane_name_place(long *layer, char module[64], const char *name)
{
    const char *part[4] = {name, name, name, name}; /* the last four parts, the last one first */
    *layer = -1;
    for (const char *at = name; *at;) {
        size_t length = strcspn(at, ".");
        if (*layer < 0 && length < 10 && length && strspn(at, "0123456789") == length)
            *layer = strtol(at, NULL, 10);
        memmove(part + 1, part, 3 * sizeof *part);
        part[0] = at;
        at += length + (at[length] == '.');
    }
    bool weight = strcmp(part[0], "weight") == 0 && part[1] != part[0];
    const char *from = weight ? part[1] : part[0], *end = weight ? part[0] - 1 : NULL;
    if (weight && begins(from, "dense.")) {
        from = part[3];
        if (digit(*from)) from = part[2];
    }
    if (weight && begins(from, "c_proj.") && !digit(*part[2])) from = part[2];
    size_t length = end && end > from ? (size_t)(end - from) : strlen(from);
    (void)snprintf(module, 64, "%.*s", (int)(length < 63 ? length : 63), from);
}

bool wane_name_is_conv1d(const char *name)
{
    static const char *const weights[] = {"c_attn.weight", "c_proj.weight", "c_fc.weight",
                                          "q_attn.weight"};
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if (wane_tensor_ends(name, weights[i])) return true;
    return false;
}
