/* SPDX-License-Identifier: Apache-2.0
 * An experiment file read: other spellings, overrides, then the tables of its settings.
 */
#include <string.h>

#include "eval/experiment/experiment_parts.h"
#include "store/files/file.h"
#include "store/files/setting.h"
#include "store/files/yaml.h"

static const char *our_key(const char *key)
{
    return wane_settings_name(&wane_experiment_settings, key);
}

/* Before overrides, so that they meet one spelling; label values are data, no keys. */
static wane_status rename_keys(wane_yaml *node, wane_error *err)
{
    for (size_t i = 0; i < node->count; i++) {
        wane_yaml *child = node->children[i];
        if (node->kind == WANE_YAML_MAP) {
            const char *key = our_key(child->key);
            if (key != child->key && wane_yaml_get(node, key))
                return wane_yaml_fail(child, err, "says the same as '%s', which is there too", key);
            child->key = key;
            if (strcmp(key, "labels") == 0) continue;
        }
        wane_status st = rename_keys(child, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

/* An item of some lists may be given short, by one of its settings alone. Before overrides, so that
 * they reach the others, and after them, which may write short items too. */
static wane_status expand_items(wane_yaml *root, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t s = 0; s < wane_experiment_settings.count; s++) {
        const wane_setting *setting = &wane_experiment_settings.entries[s];
        const wane_yaml *list = setting->item ? wane_yaml_get(root, setting->name) : NULL;
        for (size_t i = 0; list && i < list->count && st == WANE_OK; i++)
            if (list->kind == WANE_YAML_LIST && list->children[i]->kind == WANE_YAML_SCALAR)
                st = wane_yaml_wrap(list->children[i], setting->item, err);
    }
    return st;
}

static wane_status apply_overrides(wane_yaml_document *document, const char *const *overrides,
                                   size_t count, wane_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(overrides[i], '=');
        if (!equals || equals == overrides[i])
            return wane_fail(err, WANE_EINVAL, "override: %s: not of the form key=value",
                             overrides[i]);
        char key[256];
        if ((size_t)(equals - overrides[i]) >= sizeof key)
            return wane_fail(err, WANE_EINVAL, "override: %.40s...: key too long", overrides[i]);
        memcpy(key, overrides[i], (size_t)(equals - overrides[i]));
        key[equals - overrides[i]] = '\0';
        char *dot = strrchr(key, '.'), *last = dot ? dot + 1 : key;
        const char *ours = our_key(last);
        if (strlen(ours) >= sizeof key - (size_t)(last - key))
            return wane_fail(err, WANE_EINVAL, "override: %.40s...: key too long", overrides[i]);
        if (ours != last) (void)strcpy(last, ours);
        wane_status st = wane_yaml_override(document, key, equals + 1, err);
        if (st != WANE_OK) return st;
    }
    return WANE_OK;
}

static wane_status read_all(wane_experiment *x, const wane_yaml *root, const char *folder,
                            wane_error *err)
{
    const wane_settings_into block = {&wane_experiment_settings, x};
    const wane_setting_reader reader = {.memory = x->memory, .owner = x};
    wane_settings_default(x, &wane_experiment_settings);
    x->root = wane_arena_strdup(x->memory, folder);
    if (!x->root) return wane_fail_memory(err, "read", x->file);
    return wane_settings_read(&block, 1, root, NULL, &reader, err);
}

wane_status wane_experiment_parse(wane_experiment **out, const char *bytes, size_t size,
                                  const char *name, const char *folder,
                                  const char *const *overrides, size_t count, wane_error *err)
{
    wane_yaml_document *document = NULL;
    wane_experiment *x = wane_alloc(1, sizeof *x);
    wane_status st = WANE_ENOMEM;
    if (x) x->memory = wane_arena_new();
    if (x && x->memory) x->file = wane_arena_strdup(x->memory, name);
    if (!x || !x->file) {
        st = wane_fail_memory(err, "read", name);
        goto done;
    }
    WANE_TRY(wane_yaml_parse(&document, bytes, size, name, err));
    WANE_TRY(rename_keys(wane_yaml_root(document), err));
    WANE_TRY(expand_items(wane_yaml_root(document), err));
    WANE_TRY(apply_overrides(document, overrides, count, err));
    WANE_TRY(expand_items(wane_yaml_root(document), err));
    WANE_TRY(read_all(x, wane_yaml_root(document), folder, err));
    *out = x;
    x = NULL;
done:
    wane_yaml_free(document);
    wane_experiment_free(x);
    return st;
}

wane_status wane_experiment_load(wane_experiment **out, const char *path,
                                 const char *const *overrides, size_t count, wane_error *err)
{
    enum { LARGEST_FILE = 1 << 20 };
    char *bytes = NULL, *folder = NULL;
    size_t size = 0;
    wane_status st = WANE_OK;
    WANE_TRY(wane_file_read(&bytes, &size, path, LARGEST_FILE, err));
    const char *slash = strrchr(path, '/');
    folder = wane_strdup(slash ? path : "");
    if (!folder) {
        st = wane_fail_memory(err, "read", path);
        goto done;
    }
    if (slash) folder[slash == path ? 1 : slash - path] = '\0';
    st = wane_experiment_parse(out, bytes, size, path, folder, overrides, count, err);
done:
    wane_free(bytes);
    wane_free(folder);
    return st;
}

void wane_experiment_free(wane_experiment *experiment)
{
    if (!experiment) return;
    wane_arena_free(experiment->memory);
    wane_free(experiment);
}
