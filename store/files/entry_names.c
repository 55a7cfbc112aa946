/* SPDX-License-Identifier: Apache-2.0
 * Takes "." and doubled slashes out of a name, refuses absolute ones and "..", and keeps the names
 * seen in a sorted list.
 */
#include "store/files/entry_names.h"

#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/file.h"

enum { LONGEST_NAME = 4096 };

static wane_status refuse(const char *path, const char *name, const char *cause, wane_error *err)
{
    return wane_fail(err, WANE_EFORMAT, "read: %s: %s: %s", path, name, cause);
}

wane_status wane_entry_name(char **out, const char *path, const char *raw, wane_error *err)
{
    size_t length = strlen(raw), used = 0;
    if (length > LONGEST_NAME) return refuse(path, "a name", "longer than 4096 bytes", err);
    if (!wane_utf8_valid(raw, length, NULL)) return refuse(path, raw, "a name must be UTF-8", err);
    if (raw[0] == '/') return refuse(path, raw, "an absolute name", err);
    char *name = wane_alloc(length + 1, 1);
    if (!name) return wane_fail_memory(err, "read", path);
    for (const char *part = raw; *part;) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 2 && part[0] == '.' && part[1] == '.') {
            wane_free(name);
            return refuse(path, raw, "a name must not contain \"..\"", err);
        }
        if (bytes && !(bytes == 1 && part[0] == '.')) {
            if (used) name[used++] = '/';
            memcpy(name + used, part, bytes);
            used += bytes;
        }
        part += bytes + (part[bytes] == '/');
    }
    *out = name;
    return WANE_OK;
}

wane_status wane_name_set_add(wane_name_set *set, const char *path, const char *name,
                              wane_error *err)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(set->names[middle], name);
        if (order == 0) return refuse(path, name, "is in there twice", err);
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    if (!WANE_GROW(set->names, set->capacity, set->count + 1))
        return wane_fail_memory(err, "read", path);
    char *copy = wane_strdup(name);
    if (!copy) return wane_fail_memory(err, "read", path);
    memmove(set->names + low + 1, set->names + low, (set->count - low) * sizeof *set->names);
    set->names[low] = copy;
    set->count++;
    return WANE_OK;
}

void wane_name_set_free(wane_name_set *set)
{
    wane_names_free(set->names, set->count);
    *set = (wane_name_set){0};
}
