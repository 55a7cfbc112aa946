/* SPDX-License-Identifier: Apache-2.0
 * Which modules an adapter is on: peft's check_target_module_exists.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "store/base/memory.h"
#include "store/files/peft.h"
#include "store/files/python_regex.h"

/* Names as they are given, or one expression; neither: not set. */
typedef struct names {
    char **list;
    wane_regex **regex; /* one, of a text; or one for each name, where names are expressions */
    size_t count, regexes;
    bool set;
} names;

struct wane_peft_targets {
    names targets, excluded, saved, layer_parents;
    bool all_linear, tied; /* target_modules: all-linear; ensure_weight_tying */
    bool by_layer;
    int64_t *layers;
    size_t layer_count;
};

static wane_status add_name(names *n, const wane_json *value, const char *key, const char *path,
                            wane_error *err)
{
    const char *text = wane_json_string(value, NULL);
    if (!text) return wane_fail(err, WANE_EFORMAT, "read: %s: %s holds what is no text", path, key);
    n->list[n->count] = wane_strdup(text);
    if (!n->list[n->count]) return wane_fail_memory(err, "read", path);
    n->count++;
    return WANE_OK;
}

static wane_status read_list(names *n, const wane_json *value, const char *key, const char *path,
                             wane_error *err)
{
    n->list = wane_alloc(wane_json_size(value) + 1, sizeof *n->list);
    n->regex = wane_alloc(wane_json_size(value) + 1, sizeof(wane_regex *));
    if (!n->list || !n->regex) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < wane_json_size(value); i++) {
        wane_status st = add_name(n, wane_json_at(value, i), key, path, err);
        if (st != WANE_OK) return st;
    }
    n->set = true;
    return WANE_OK;
}

/* A list of names, or (where a text may stand) an expression for whole names. */
static wane_status read_names(names *n, const wane_json *root, const char *key, bool text,
                              const char *path, wane_error *err)
{
    const wane_json *value = wane_json_get(root, key);
    const char *expression = wane_json_string(value, NULL);
    if (wane_json_kind_of(value) == WANE_JSON_NULL) return WANE_OK;
    if (wane_json_kind_of(value) == WANE_JSON_ARRAY) return read_list(n, value, key, path, err);
    if (!text || !expression)
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s is no list of names%s", path, key,
                         text ? " and no text" : "");
    n->regex = wane_alloc(1, sizeof(wane_regex *));
    if (!n->regex) return wane_fail_memory(err, "read", path);
    wane_status st = wane_regex_compile(&n->regex[0], expression, true, path, key, err);
    if (st != WANE_OK) return st;
    n->regexes = 1;
    n->set = true;
    return WANE_OK;
}

/* Each name of the list is an expression between `before` and `after`. */
static wane_status compile_each(names *n, const char *before, const char *after, const char *key,
                                const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text text = {0};
    for (size_t i = 0; i < n->count && st == WANE_OK; i++) {
        wane_text_clear(&text);
        wane_text_printf(&text, "%s%s%s", before, n->list[i], after);
        st = wane_text_check(&text, "read", path, err);
        if (st == WANE_OK) st = wane_regex_compile(&n->regex[i], text.data, false, path, key, err);
        if (st == WANE_OK) n->regexes++;
    }
    wane_text_free(&text);
    return st;
}

static void free_names(names *n)
{
    for (size_t i = 0; i < n->count; i++) wane_free(n->list[i]);
    for (size_t i = 0; i < n->regexes; i++) wane_regex_free(n->regex[i]);
    wane_free(n->list);
    wane_free(n->regex);
}

static wane_status layer_number(int64_t *out, const wane_json *value, const char *path,
                                wane_error *err)
{
    if (wane_json_kind_of(value) == WANE_JSON_INTEGER && wane_json_integer(out, value))
        return WANE_OK;
    return wane_fail(err, WANE_EFORMAT,
                     "read: %s: layers_to_transform holds what is no whole number", path);
}

/* layers_to_transform: a number or a list; an empty one restricts nothing. layers_pattern: what the
 * layers' list is called. */
static wane_status read_layers(wane_peft_targets *t, const wane_json *root, const char *path,
                               wane_error *err)
{
    static const char first[] = ".*?\\.[^.]*\\.(?P<idx>\\d+)\\.";
    static const char key[] = "layers_pattern";
    const wane_json *value = wane_json_get(root, "layers_to_transform");
    const wane_json *pattern = wane_json_get(root, key);
    wane_status st = WANE_OK;
    names *parents = &t->layer_parents;
    bool list = wane_json_kind_of(value) == WANE_JSON_ARRAY;
    bool given = wane_json_kind_of(value) != WANE_JSON_NULL;
    bool text = t->targets.regexes > 0;
    if (text && (given || wane_json_kind_of(pattern) != WANE_JSON_NULL))
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %s cannot be used when target_modules is a text", path,
                         given ? "layers_to_transform" : key);
    if (!given && wane_json_truth(pattern))
        return wane_fail(err, WANE_EFORMAT, "read: %s: %s without layers_to_transform", path, key);
    t->layer_count = list ? wane_json_size(value) : given;
    t->layers = wane_alloc(t->layer_count + 1, sizeof *t->layers);
    if (!t->layers) return wane_fail_memory(err, "read", path);
    for (size_t i = 0; i < t->layer_count && st == WANE_OK; i++)
        st = layer_number(&t->layers[i], list ? wane_json_at(value, i) : value, path, err);
    t->by_layer = t->layer_count > 0;
    if (st != WANE_OK || !t->by_layer) return st;
    const char *name = wane_json_string(pattern, NULL);
    if (!name && wane_json_truth(pattern))
        WANE_TRY(read_names(parents, root, key, false, path, err));
    if (name && name[0]) {
        parents->list = wane_alloc(1, sizeof *parents->list);
        parents->regex = wane_alloc(1, sizeof(wane_regex *));
        if (!parents->list || !parents->regex) WANE_TRY(wane_fail_memory(err, "read", path));
        WANE_TRY(add_name(parents, pattern, key, path, err));
    }
    if (parents->count)
        return compile_each(parents, "(?:^|.*?\\.)", "\\.(?P<idx>\\d+)\\.", key, path, err);
    if (!parents->regex) parents->regex = wane_alloc(1, sizeof(wane_regex *));
    if (!parents->regex) WANE_TRY(wane_fail_memory(err, "read", path));
    WANE_TRY(wane_regex_compile(&parents->regex[0], first, false, path, key, err));
    parents->regexes = 1;
done:
    return st;
}

wane_status wane_peft_targets_read(wane_peft_targets **out, const wane_json *root, const char *path,
                                   wane_error *err)
{
    static const char saved[] = "modules_to_save", targets[] = "target_modules";
    wane_status st = WANE_OK;
    wane_peft_targets *t = wane_alloc(1, sizeof *t);
    if (!t) return wane_fail_memory(err, "read", path);
    const char *text = wane_json_string(wane_json_get(root, targets), NULL);
    t->all_linear = text && strcasecmp(text, "all-linear") == 0;
    t->tied = wane_json_truth(wane_json_get(root, "ensure_weight_tying"));
    if (!t->all_linear) WANE_TRY(read_names(&t->targets, root, targets, true, path, err));
    WANE_TRY(read_names(&t->excluded, root, "exclude_modules", true, path, err));
    WANE_TRY(read_names(&t->saved, root, saved, false, path, err));
    WANE_TRY(compile_each(&t->saved, "(^|.*\\.)", "($|\\..*)", saved, path, err));
    WANE_TRY(read_layers(t, root, path, err));
    *out = t;
    t = NULL;
done:
    wane_peft_targets_free(t);
    return st;
}

void wane_peft_targets_free(wane_peft_targets *t)
{
    if (!t) return;
    free_names(&t->targets);
    free_names(&t->excluded);
    free_names(&t->saved);
    free_names(&t->layer_parents);
    wane_free(t->layers);
    wane_free(t);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t tail = strlen(end);
    return length >= tail && strncmp(text + length - tail, end, tail) == 0;
}

/* The name itself, or one that ends in "." and the name. */
static bool named(const names *n, const char *module, bool *exact)
{
    size_t length = strlen(module);
    bool found = false;
    *exact = false;
    for (size_t i = 0; i < n->count && !*exact; i++) {
        size_t tail = strlen(n->list[i]);
        *exact = strcmp(module, n->list[i]) == 0;
        found = found || *exact ||
                (length > tail && module[length - tail - 1] == '.' &&
                 strcmp(module + length - tail, n->list[i]) == 0);
    }
    return found;
}

static wane_status excluded(bool *out, const wane_peft_targets *t, const char *module,
                            wane_error *err)
{
    bool exact = false, text = t->excluded.regexes > 0;
    *out = !text && named(&t->excluded, module, &exact);
    if (text) {
        wane_status st = wane_regex_match(out, NULL, t->excluded.regex[0], module, err);
        if (st != WANE_OK) return st;
    }
    for (size_t i = 0; i < t->saved.regexes && !*out; i++) {
        wane_status st = wane_regex_match(out, NULL, t->saved.regex[i], module, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* Whether the module lies in one of the layers: by the first number behind the layers' name. */
static wane_status in_layers(bool *out, const wane_peft_targets *t, const char *module,
                             wane_error *err)
{
    size_t span[2] = {SIZE_MAX, SIZE_MAX};
    bool found = false;
    char digits[32];
    int64_t layer = 0;
    *out = false;
    for (size_t i = 0; i < t->layer_parents.regexes && !found; i++) {
        wane_status st = wane_regex_match(&found, span, t->layer_parents.regex[i], module, err);
        if (st != WANE_OK) return st;
    }
    if (!found || span[0] == SIZE_MAX || span[1] - span[0] >= sizeof digits) return WANE_OK;
    (void)snprintf(digits, sizeof digits, "%.*s", (int)(span[1] - span[0]), module + span[0]);
    if (!wane_parse_int64(&layer, digits)) return WANE_OK;
    for (size_t i = 0; i < t->layer_count; i++) *out = *out || t->layers[i] == layer;
    return WANE_OK;
}

/* all-linear: every linear module but the output layer and a classifier's head. */
static bool is_output(const char *module)
{
    static const char *const outputs[] = {"lm_head", "embed_out", "score", "classifier"};
    const char *last = strrchr(module, '.');
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
        if (strcmp(last ? last + 1 : module, outputs[i]) == 0) return true;
    return false;
}

wane_status wane_peft_targets_hold(bool *out, const wane_peft_targets *t, const char *module,
                                   wane_error *err)
{
    bool not = false, exact = false;
    *out = false;
    wane_status st = excluded(&not, t, module, err);
    if (st != WANE_OK || not ) return st;
    /* ensure_weight_tying puts the embedding's factors on the head that is tied to it. */
    if (t->tied && strcmp(module, "lm_head") == 0) *out = true;
    else if (t->all_linear) *out = !is_output(module);
    else if (!t->targets.set) *out = true;
    else if (t->targets.regexes) st = wane_regex_match(out, NULL, t->targets.regex[0], module, err);
    else {
        *out = named(&t->targets, module, &exact);
        if (*out && !exact && t->by_layer) st = in_layers(out, t, module, err);
    }
    return st;
}

bool wane_peft_targets_save(const wane_peft_targets *t, const char *module)
{
    for (size_t length = 1; module[0]; length++) {
        bool ends = module[length] == '.' || !module[length];
        for (size_t i = 0; ends && i < t->saved.count; i++)
            if (ends_with(module, length, t->saved.list[i])) return true;
        if (!module[length]) break;
    }
    return false;
}

bool wane_peft_targets_set(const wane_peft_targets *t)
{
    return t->targets.set || t->all_linear;
}
