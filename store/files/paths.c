/* SPDX-License-Identifier: Apache-2.0
 * The parts of a path, and paths joined: what of file.h opens nothing.
 */
#include <stddef.h>
#include <string.h>

#include "store/base/memory.h"
#include "store/files/file.h"

const char *wane_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *wane_path_join(const char *folder, const char *name)
{
    if (!folder || !folder[0] || name[0] == '/') return wane_strdup(name);
    size_t first = strlen(folder), second = strlen(name);
    bool slash = folder[first - 1] != '/';
    char *path = wane_alloc(first + slash + second + 1, 1);
    if (!path) return NULL;
    memcpy(path, folder, first);
    if (slash) path[first] = '/';
    memcpy(path + first + slash, name, second + 1);
    return path;
}
