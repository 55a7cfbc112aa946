/* SPDX-License-Identifier: Apache-2.0
 * The entries of methods as a table (method.h lists them), and what is asked of one.
 */
#include <string.h>

#include "eval/train/method.h"

#define PLACE(name) &wane_method_##name,
static const wane_method *const methods[] = {WANE_METHODS(PLACE)};
#undef PLACE

const wane_method *wane_method_at(size_t place)
{
    return place < sizeof methods / sizeof *methods ? methods[place] : NULL;
}

const wane_method *wane_method_named(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i]->settings->name, name) == 0) return methods[i];
    return NULL;
}

wane_status wane_method_of_update(const wane_method **out, const wane_update *update,
                                  wane_error *err)
{
    const char *name = update->facts.form ? update->facts.form->name : "lora";
    const wane_method *method = wane_method_named(name);
    if (!update->lowrank || !method || !method->adapter)
        return wane_fail(err, WANE_EINVAL, "update: adapter: no method trains its form, %s", name);
    *out = method;
    return WANE_OK;
}

const char *wane_method_artifact(const wane_method *method)
{
    return method->adapter ? "adapter" : "tensors";
}
