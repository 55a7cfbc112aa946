/* SPDX-License-Identifier: Apache-2.0
 * Matches a pattern's parts, cut at dots, to the parts of a name in order; parts of the name that
 * fit none are passed over, and only within a part does * stand for anything.
 */
#include "store/base/matrix_name.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether a part of `length` characters fits a pattern of its own length, with *. */
static bool part_fits(const char *pattern, size_t pattern_length, const char *part, size_t length)
{
    size_t p = 0, i = 0, star = SIZE_MAX, from = 0;
    while (i < length) {
        if (p < pattern_length && pattern[p] == '*') {
            star = p++;
            from = i;
        } else if (p < pattern_length && pattern[p] == part[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) { /* let the last * take one more */
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern_length && pattern[p] == '*') p++;
    return p == pattern_length;
}

bool wane_matrix_named(const char *pattern, const char *name)
{
    while (*pattern) {
        size_t wanted = strcspn(pattern, "."), length = strcspn(name, ".");
        if (!*name) return false;
        if (part_fits(pattern, wanted, name, length)) pattern += wanted + (pattern[wanted] == '.');
        name += length + (name[length] == '.');
    }
    return true;
}
