/* SPDX-License-Identifier: Apache-2.0
 * What the entries of methods are made of: the weights they train or adapt, by PEFT's rule for the
 * names of modules, and room for the gradients.
 */
#include <stdint.h>
#include <string.h>

#include "eval/train/trainer.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/yaml_value.h"

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

wane_status wane_target_modules_read(void *into, const wane_setting *setting, const wane_yaml *node,
                                     const wane_setting_reader *reader, wane_error *err)
{
    wane_method_settings *m = into;
    (void)setting;
    if (!node) return WANE_OK;
    bool all = node->kind == WANE_YAML_SCALAR &&
               (strcmp(node->text, "all-linear") == 0 || strcmp(node->text, "all_linear") == 0);
    if (all) return WANE_OK;
    size_t count = node->kind == WANE_YAML_LIST ? node->count : 1;
    if (node->kind == WANE_YAML_MAP || count == 0)
        return wane_yaml_fail(node, err, "all-linear or a list of module names expected");
    const char **names = wane_arena_alloc(reader->memory, count, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", "target_modules");
    for (size_t i = 0; i < count; i++) {
        const wane_yaml *item = node->kind == WANE_YAML_LIST ? node->children[i] : node;
        wane_status st = wane_node_text(&names[i], item, reader->memory, err);
        if (st != WANE_OK) return st;
    }
    m->modules = names;
    m->module_count = count;
    return WANE_OK;
}

void wane_target_modules_print(wane_text *out, const wane_setting *setting, const void *of)
{
    const wane_method_settings *m = of;
    (void)setting;
    if (m->module_count == 0) wane_text_string(out, "all-linear");
    for (size_t i = 0; i < m->module_count; i++) {
        wane_text_string(out, i ? ", " : "[");
        wane_setting_quote(out, m->modules[i]);
    }
    if (m->module_count) wane_text_string(out, "]");
}

wane_status wane_trainer_make_gradients(wane_trainer *trainer, size_t floats, wane_error *err)
{
    enum { ALIGN = 64 };
    size_t bytes = 0;
    if (wane_size_mul(&bytes, floats, sizeof(float)) && wane_size_add(&bytes, bytes, ALIGN))
        trainer->gradient_memory = wane_alloc(bytes, 1);
    if (!trainer->gradient_memory) return wane_fail_memory(err, "train", "gradients");
    size_t skip = (ALIGN - (uintptr_t)trainer->gradient_memory % ALIGN) % ALIGN;
    trainer->gradients = (float *)(void *)((char *)trainer->gradient_memory + skip);
    return WANE_OK;
}
