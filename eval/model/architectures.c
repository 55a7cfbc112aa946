/* SPDX-License-Identifier: Apache-2.0
 * The entries of architectures as a table (architecture.h lists them), and what files may call
 * their tensors.
 */
#include "eval/model/architecture.h"

#include <stdio.h>
#include <string.h>

#define PLACE(name) &wane_architecture_##name,
static const wane_architecture *const architectures[] = {WANE_ARCHITECTURES(PLACE)};
#undef PLACE

const wane_architecture *wane_architecture_at(size_t place)
{
    return place < sizeof architectures / sizeof *architectures ? architectures[place] : NULL;
}

const wane_architecture *wane_architecture_named(const char *name)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i]->name, name) == 0) return architectures[i];
    return NULL;
}

const wane_architecture *wane_architecture_within(const char *name)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (architectures[i]->within && strcmp(architectures[i]->within->name, name) == 0)
            return architectures[i];
    return NULL;
}

/* ------------------------------------------------------------------------------- names in files */

/* The i-th pair of beginnings. */
static bool beginnings(const char **ours, const char **theirs, const wane_architecture *a, size_t i)
{
    size_t prefixes = 0;
    while (a->prefixes[prefixes + 1]) prefixes++;
    *ours = i < prefixes ? a->prefixes[0] : a->renamed ? a->renamed[i - prefixes][0] : NULL;
    if (!*ours) return false;
    *theirs = i < prefixes ? a->prefixes[i + 1] : a->renamed[i - prefixes][1];
    return true;
}

/* `name` with `to` in place of `from`; "" where it does not begin so. */
static void replace(char out[WANE_TENSOR_NAME], const char *name, const char *from, const char *to)
{
    size_t length = strlen(from);
    bool begins = strncmp(name, from, length) == 0;
    int written = snprintf(out, WANE_TENSOR_NAME, "%s%s", to, begins ? name + length : "");
    if (!begins || written >= WANE_TENSOR_NAME) out[0] = '\0';
}

bool wane_name_of_files(char out[WANE_TENSOR_NAME], const wane_architecture *a, size_t i,
                        const char *ours)
{
    const char *from = NULL, *to = NULL;
    if (!beginnings(&from, &to, a, i)) return false;
    replace(out, ours, from, to);
    return true;
}

bool wane_name_of_ours(char out[WANE_TENSOR_NAME], const wane_architecture *a, size_t i,
                       const char *files)
{
    const char *from = NULL, *to = NULL;
    if (!beginnings(&to, &from, a, i)) return false;
    replace(out, files, from, to);
    return true;
}
