/* SPDX-License-Identifier: Apache-2.0
 * Reads the keys of task.yaml into what the user's own spec has left open.
 */
#include "tasks/data/manifest.h"

#include "store/files/yaml.h"

static wane_status scalar(const char **out, const wane_yaml *root, const char *key,
                          wane_arena *arena, wane_error *err)
{
    const wane_yaml *node = wane_yaml_get(root, key);
    if (!node || *out) return WANE_OK;
    if (node->kind != WANE_YAML_SCALAR) return wane_yaml_fail(node, err, "one value is wanted");
    *out = wane_arena_strdup(arena, node->text);
    return *out ? WANE_OK : wane_fail_memory(err, "read", "task.yaml");
}

static wane_status label_map(wane_task_spec *spec, const wane_yaml *root, wane_arena *arena,
                             wane_error *err)
{
    const wane_yaml *map = wane_yaml_get(root, "labels");
    if (!map || spec->labels) return WANE_OK;
    if (map->kind != WANE_YAML_MAP || map->count == 0)
        return wane_yaml_fail(map, err, "a map from label to verbalizer is wanted: {0: \" no\"}");
    wane_label *labels = wane_arena_alloc(arena, map->count, sizeof *labels);
    if (!labels) return wane_fail_memory(err, "read", "task.yaml");
    for (size_t i = 0; i < map->count; i++) {
        const wane_yaml *node = map->children[i];
        if (node->kind != WANE_YAML_SCALAR)
            return wane_yaml_fail(node, err, "one verbalizer is wanted");
        labels[i].value = wane_arena_strdup(arena, node->key);
        labels[i].verbalizer = wane_arena_strdup(arena, node->text);
        if (!labels[i].value || !labels[i].verbalizer)
            return wane_fail_memory(err, "read", "task.yaml");
    }
    spec->labels = labels;
    spec->label_count = map->count;
    return WANE_OK;
}

wane_status wane_manifest_read(wane_task_spec *spec, const char *bytes, size_t count,
                               const char *name, wane_arena *arena, wane_error *err)
{
    static const char *const known[] = {"text", "label", "template", "labels", "test", "truncate"};
    wane_status st = WANE_OK;
    wane_yaml_document *document = NULL;
    wane_task_spec filled = *spec;
    WANE_TRY(wane_yaml_parse(&document, bytes, count, name, err));
    const wane_yaml *root = wane_yaml_root(document);
    if (root->kind != WANE_YAML_MAP) WANE_TRY(wane_yaml_fail(root, err, "a map is wanted"));
    WANE_TRY(wane_yaml_known(root, known, sizeof known / sizeof *known, err));
    WANE_TRY(scalar(&filled.text_field, root, "text", arena, err));
    WANE_TRY(scalar(&filled.label_field, root, "label", arena, err));
    WANE_TRY(scalar(&filled.template_text, root, "template", arena, err));
    WANE_TRY(scalar(&filled.test_split, root, "test", arena, err));
    WANE_TRY(scalar(&filled.truncate, root, "truncate", arena, err));
    WANE_TRY(label_map(&filled, root, arena, err));
    *spec = filled;
done:
    wane_yaml_free(document);
    return st;
}
