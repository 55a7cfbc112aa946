/* SPDX-License-Identifier: Apache-2.0
 * Which files of a package hold its model's tensors: by fixed names, or the only ones there are.
 */
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/package.h"

enum { SAFETENSORS, GGUF, OTHERS, KINDS };

static size_t kind_of(const char *name)
{
    if (wane_ends_with(name, ".safetensors")) return SAFETENSORS;
    return wane_ends_with(name, ".gguf") ? GGUF : OTHERS;
}

/* ----------------------------------------------------------------------------------- the choice */

/* What the package has; *count is of how many: fixed names, else the files of tensors of a kind, a
 * set for one, safetensors before GGUF before others. Adapters are no models. 0: none. */
static size_t choose(wane_package_model *out, const wane_package *package)
{
    static const char *const known[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    size_t count[KINDS] = {0}, kind = 0, number = 0, shards = 1;
    const char *found[KINDS] = {NULL};
    if (wane_package_is_gguf(package)) {
        *out = (wane_package_model){wane_package_name(package, 0), WANE_PACKAGE_GGUF,
                                    wane_package_count(package)};
        return 1;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (wane_package_has(package, known[i])) {
            *out =
                (wane_package_model){known[i], i % 2 ? WANE_PACKAGE_INDEX : WANE_PACKAGE_FILE, 1};
            return 1;
        }
    for (size_t i = 0; i < wane_package_count(package); i++) {
        const char *name = wane_package_name(package, i);
        if (!wane_package_tensor_name(name) || strncmp(name, "adapter_model.", 14) == 0) continue;
        size_t of = kind_of(name);
        if (of == GGUF && wane_gguf_shard(name, &number, &shards) && number > 1) continue;
        found[of] = name;
        count[of]++;
    }
    while (kind < KINDS && count[kind] == 0) kind++;
    if (kind == KINDS) return 0;
    *out = (wane_package_model){.name = found[kind],
                                .form = kind == GGUF ? WANE_PACKAGE_GGUF : WANE_PACKAGE_FILE,
                                .shards = 1};
    if (kind == GGUF && wane_gguf_shard(found[kind], &number, &shards)) out->shards = shards;
    return count[kind];
}

wane_status wane_package_find_model(wane_package_model *out, const wane_package *package,
                                    wane_error *err)
{
    wane_package_model model = {0};
    const char *path = wane_package_path(package);
    size_t count = choose(&model, package);
    if (count == 0)
        return wane_fail(err, WANE_ENOTFOUND,
                         "read: %s: neither model.safetensors, pytorch_model.bin, an index of "
                         "shards nor another file of tensors is there%s",
                         path, wane_package_remedy(package));
    if (count > 1) {
        char *one = wane_package_archived(package) ? NULL : wane_package_file(package, model.name);
        wane_status st =
            wane_fail(err, WANE_EFORMAT,
                      "read: %s: %zu files of tensors and no index of shards; name one of them%s%s",
                      path, count, one ? ", as " : "", one ? one : "");
        wane_free(one);
        return st;
    }
    *out = model;
    return WANE_OK;
}

bool wane_package_in_gguf(const wane_package *package)
{
    wane_package_model model;
    return choose(&model, package) && model.form == WANE_PACKAGE_GGUF;
}
