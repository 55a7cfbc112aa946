/* SPDX-License-Identifier: Apache-2.0
 * Which files of a package hold its model's tensors: by fixed names, or the only ones there are.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/text.h"
#include "store/files/file.h"
#include "store/files/package.h"

static const struct {
    const char *ending;
    wane_package_form form;
} endings[] = {{".safetensors", WANE_PACKAGE_FILE}, {".gguf", WANE_PACKAGE_GGUF},
               {".bin", WANE_PACKAGE_FILE},         {".pt", WANE_PACKAGE_FILE},
               {".pth", WANE_PACKAGE_FILE},         {".ckpt", WANE_PACKAGE_FILE}};
enum { SAFETENSORS, GGUF, OTHERS, KINDS };

static size_t kind_of(const char *name)
{
    size_t i = 0;
    while (i < OTHERS && !wane_ends_with(name, endings[i].ending)) i++;
    return i;
}

bool wane_package_tensor_name(const char *name)
{
    static const char *const others[] = {"training_args.", "optimizer.", "scheduler.", "scaler.",
                                         "rng_state"};
    const char *base = wane_path_base(name);
    bool good = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        good = good || wane_ends_with(base, endings[i].ending);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        good = good && strncmp(base, others[i], strlen(others[i])) != 0;
    return good && base[0] != '.';
}

/* -------------------------------------------------------------------------------- sets of GGUF */

bool wane_gguf_begins(const void *bytes, size_t count)
{
    return count >= 4 && memcmp(bytes, "GGUF", 4) == 0;
}

/* NAME-00001-of-00003.gguf: five digits each. */
static const char shard_form[] = "-00000-of-00000.gguf";
enum { SHARD_FORM = sizeof shard_form - 1, DIGITS = 5, OF = 4 };

/* Five digits as a number; 0 when they are none. */
static size_t digits_at(const char *text)
{
    size_t number = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return 0;
        number = 10 * number + (size_t)(text[i] - '0');
    }
    return number;
}

bool wane_gguf_shard(const char *name, size_t *number, size_t *count)
{
    size_t length = strlen(name);
    if (length <= SHARD_FORM) return false;
    const char *tail = name + length - SHARD_FORM;
    if (tail[0] != '-' || strncmp(tail + 1 + DIGITS, "-of-", OF) != 0 ||
        strcmp(tail + 1 + DIGITS + OF + DIGITS, ".gguf") != 0)
        return false;
    *number = digits_at(tail + 1);
    *count = digits_at(tail + 1 + DIGITS + OF);
    return *number >= 1 && *number <= *count;
}

void wane_gguf_shard_set(char *name, size_t number)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%05zu", number % 100000);
    memcpy(name + strlen(name) - SHARD_FORM + 1, digits, DIGITS);
}

/* ----------------------------------------------------------------------------------- the choice */

/* What the package has; *count is of how many: fixed names, else the files of tensors of a kind, a
 * set for one, safetensors before GGUF before others. Adapters are no models. 0: none. */
static size_t choose(wane_package_model *out, const wane_package *package)
{
    static const char *const known[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    size_t count[KINDS + 1] = {0}, kind = 0, number = 0, shards = 1;
    const char *found[KINDS + 1] = {NULL};
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
    *out = (wane_package_model){.name = found[kind], .form = endings[kind].form, .shards = 1};
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
                         "shards nor another file of tensors is there",
                         path);
    if (count > 1)
        return wane_fail(err, WANE_EFORMAT,
                         "read: %s: %zu files of tensors and no index of shards; name one of them",
                         path, count);
    *out = model;
    return WANE_OK;
}

bool wane_package_in_gguf(const wane_package *package)
{
    wane_package_model model;
    return choose(&model, package) && model.form == WANE_PACKAGE_GGUF;
}
