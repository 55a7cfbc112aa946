/* SPDX-License-Identifier: Apache-2.0
 * The entries of architectures as a table (architecture.h lists them).
 */
#include "eval/model/architecture.h"

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
