/* SPDX-License-Identifier: Apache-2.0
 * Target modules by name, as PEFT names them.
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

wane_status wane_targets_linear(bool *train, const wane_method_settings *settings,
                                const wane_parameters *parameters, wane_error *err)
{
    static const char every[] = "all-linear";
    size_t count = settings->module_count ? settings->module_count : 1;
    for (size_t m = 0; m < count; m++) {
        const char *wanted = settings->module_count ? settings->modules[m] : every;
        bool all = strcmp(wanted, every) == 0, found = false;
        for (size_t i = 0; i < parameters->count; i++) {
            const wane_parameter *p = &parameters->parameter[i];
            if (!p->linear || !(all || names_module(wanted, p->name))) continue;
            train[i] = found = true;
        }
        if (!found) return unknown_module(wanted, parameters, err);
    }
    return WANE_OK;
}
