/* SPDX-License-Identifier: Apache-2.0
 * The table of kinds of artifacts with the ending of each one's path, and their removal.
 */
#include "store/files/artifacts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "store/files/file.h"

static const struct {
    const char *kind, *ending;
} kinds[] = {
    {"adapter", ""},
    {"stack", ".stack"},
    {"tensors", ".safetensors"},
    {"head", ".head.safetensors"},
    {"strategy", ".strategy.safetensors"},
};

wane_status wane_artifact_path(char out[WANE_ARTIFACT_PATH], const char *kind, const char *key,
                               wane_error *err)
{
    if (strlen(key) != WANE_SHA256_HEX - 1 ||
        strspn(key, "0123456789abcdef") != WANE_SHA256_HEX - 1)
        return wane_fail(err, WANE_EFORMAT, "artifact: \"%.80s\": no key of a stage", key);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0) {
            (void)snprintf(out, WANE_ARTIFACT_PATH, "updates/%s%s", key, kinds[i].ending);
            return WANE_OK;
        }
    return wane_fail(err, WANE_EFORMAT, "artifact: \"%.40s\": no kind of artifact", kind);
}

wane_status wane_artifact_check(const char *path, const char *kind, const char *key,
                                wane_error *err)
{
    char place[WANE_ARTIFACT_PATH];
    wane_status st = wane_artifact_path(place, kind ? kind : "", key ? key : "", err);
    if (st != WANE_OK || (path && strcmp(path, place) == 0)) return st;
    return wane_fail(err, WANE_EFORMAT,
                     "artifact: the %s of stage %.12s: its row says \"%.200s\", its place is %s",
                     kind, key, path ? path : "nothing", place);
}

static bool of_adapter(const char *name)
{
    return strcmp(name, "adapter_config.json") == 0 ||
           strcmp(name, "adapter_model.safetensors") == 0;
}

wane_status wane_artifact_remove(const char *path, wane_error *err)
{
    return wane_folder_remove(path, of_adapter, err);
}
