/* SPDX-License-Identifier: Apache-2.0
 * The table of methods, and what is asked of an entry.
 */
#include <string.h>

#include "eval/train/method.h"
#include "store/base/memory.h"

/* One line each, in the order in which they are offered. */
static const wane_method *const methods[] = {
    &wane_method_full,
    &wane_method_full_matrices,
    &wane_method_lora,
};

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

wane_status wane_method_targets(bool **train, const wane_method_settings *settings,
                                const wane_parameters *parameters, wane_error *err)
{
    bool *chosen = wane_alloc(parameters->count, sizeof *chosen);
    if (!chosen) return wane_fail_memory(err, "train", "targets");
    wane_status st = settings->method->targets(chosen, settings, parameters, err);
    if (st == WANE_OK) *train = chosen;
    else wane_free(chosen);
    return st;
}

wane_status wane_method_numbers(int64_t *out, const wane_method_settings *settings,
                                const wane_parameters *parameters, wane_error *err)
{
    bool *train = NULL;
    wane_status st = wane_method_targets(&train, settings, parameters, err);
    if (st != WANE_OK) return st;
    size_t numbers = 0;
    for (size_t i = 0; i < parameters->count; i++)
        if (train[i]) numbers += settings->method->numbers(settings, &parameters->parameter[i]);
    wane_free(train);
    *out = (int64_t)numbers;
    return WANE_OK;
}
