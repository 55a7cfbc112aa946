/* SPDX-License-Identifier: Apache-2.0
 * Which weights a method trains or adapts, by PEFT's rule for the names of modules, and how many
 * numbers these are.
 */
#include <string.h>

#include "eval/train/trainer.h"
#include "store/base/text.h"

/* PEFT's rule: the whole name of a module, or its end after a dot. */
static bool names_module(const char *wanted, const char *weight)
{
    static const char suffix[] = ".weight";
    size_t length = strlen(weight), tail = sizeof suffix - 1, want = strlen(wanted);
    if (length <= tail || strcmp(weight + length - tail, suffix) != 0) return false;
    length -= tail;
    if (want == 0 || want > length || strncmp(weight + length - want, wanted, want) != 0)
        return false;
    return want == length || weight[length - want - 1] == '.';
}

static wane_status unknown_module(const char *wanted, const wane_parameters *parameters,
                                  wane_error *err)
{
    enum { MOST = 16 };
    const char *names[MOST];
    size_t count = 0;
    for (size_t i = 0; i < parameters->count && count < MOST; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        bool seen = !p->linear;
        for (size_t k = 0; k < count && !seen; k++) seen = strcmp(names[k], p->module) == 0;
        if (!seen) names[count++] = p->module;
    }
    const char *nearest = wane_nearest(wanted, names, count);
    return wane_fail(err, WANE_EINVAL,
                     "train: target_modules: %s: no linear module of that name%s%s", wanted,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

wane_status wane_method_targets(bool **train, const wane_method *method,
                                const wane_parameters *parameters, wane_error *err)
{
    bool *chosen = wane_alloc(parameters->count, sizeof *chosen);
    if (!chosen) return wane_fail_memory(err, "train", "targets");
    bool all = method->kind == WANE_METHOD_FULL, all_linear = method->module_count == 0;
    for (size_t i = 0; i < parameters->count; i++)
        chosen[i] =
            (all && !(method->linear_head && parameters->parameter[i].role == WANE_ROLE_HEAD)) ||
            (all_linear && parameters->parameter[i].linear);
    for (size_t m = 0; m < method->module_count && !all; m++) {
        const char *wanted = method->modules[m];
        bool every = strcmp(wanted, "all-linear") == 0, found = false;
        for (size_t i = 0; i < parameters->count; i++) {
            const wane_parameter *p = &parameters->parameter[i];
            if (!p->linear || !(every || names_module(wanted, p->name))) continue;
            chosen[i] = found = true;
        }
        if (!found) {
            wane_free(chosen);
            return unknown_module(wanted, parameters, err);
        }
    }
    *train = chosen;
    return WANE_OK;
}

wane_status wane_method_numbers(int64_t *out, const wane_method *method,
                                const wane_parameters *parameters, wane_error *err)
{
    bool *train = NULL;
    wane_status st = wane_method_targets(&train, method, parameters, err);
    if (st != WANE_OK) return st;
    size_t numbers = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const wane_parameter *p = &parameters->parameter[i];
        if (!train[i]) continue;
        numbers += method->kind == WANE_METHOD_LORA ? method->rank * (p->rows + p->cols)
                                                    : p->rows * p->cols;
    }
    wane_free(train);
    *out = (int64_t)numbers;
    return WANE_OK;
}
