/* SPDX-License-Identifier: Apache-2.0
 * Finds a model's configuration and tensors in a package, in the files of transformers or in GGUF.
 */
#include "eval/model/model_files.h"

#include <stdio.h>
#include <string.h>

#include "eval/model/gguf_model.h"
#include "store/base/memory.h"

static const char config_name[] = "config.json";

bool wane_model_is_there(const wane_package *package)
{
    return wane_package_has(package, config_name) || wane_package_in_gguf(package);
}

void wane_gguf_model_type(char *out, size_t size, const wane_gguf *gguf)
{
    const wane_architecture *a = wane_gguf_architecture(gguf);
    size_t bytes = 0;
    const char *own = wane_gguf_string(wane_gguf_find(gguf, "general.architecture"), &bytes);
    if (a) (void)snprintf(out, size, "%s", a->name);
    else (void)snprintf(out, size, "%.*s", (int)(bytes < size ? bytes : size - 1), own ? own : "");
}

/* The first family of that name. */
static const wane_architecture *family_named(const char *name)
{
    const wane_architecture *a = NULL;
    for (size_t i = 0; (a = wane_architecture_at(i)) != NULL; i++)
        if (a->gguf.name && strcmp(a->gguf.name, name) == 0) break;
    return a;
}

/* "llama, gpt2": what general.architecture may be. */
static void say_architectures(char *out, size_t size)
{
    size_t length = 0;
    const wane_architecture *a = NULL;
    out[0] = '\0';
    for (size_t i = 0; (a = wane_architecture_at(i)) != NULL; i++) {
        if (!a->gguf.name || strlen(a->gguf.name) + 3 > size - length) continue;
        if (family_named(a->gguf.name) != a) continue; /* said already */
        length +=
            (size_t)snprintf(out + length, size - length, "%s%s", length ? ", " : "", a->gguf.name);
    }
}

static wane_status gguf_config_text(char **text, size_t *bytes, const wane_package *package,
                                    const char *file, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_tensors *tensors = NULL;
    wane_text made = {0};
    WANE_TRY(wane_tensors_open_package(&tensors, package, err));
    const wane_architecture *a = wane_gguf_architecture(wane_tensors_gguf(tensors));
    if (!a) {
        char type[64], list[256];
        wane_gguf_model_type(type, sizeof type, wane_tensors_gguf(tensors));
        say_architectures(list, sizeof list);
        WANE_TRY(wane_fail(err, WANE_EFORMAT,
                           "model configuration: %s: general.architecture: \"%s\" is not supported "
                           "(%s are)",
                           file, type, list));
    }
    WANE_TRY(wane_gguf_config(&made, a, tensors, err));
    *text = made.data;
    *bytes = made.length;
    made = (wane_text){0};
done:
    wane_text_free(&made);
    wane_tensors_close(tensors);
    return st;
}

wane_status wane_model_config_text(char **text, size_t *bytes, char **name,
                                   const wane_package *package, wane_error *err)
{
    wane_package_model model = {0};
    bool gguf = wane_package_in_gguf(package);
    wane_status st = gguf ? wane_package_find_model(&model, package, err) : WANE_OK;
    if (st != WANE_OK) return st;
    char *file = wane_package_file(package, gguf ? model.name : config_name);
    if (!file) return wane_fail_memory(err, "model", wane_package_path(package));
    if (gguf) st = gguf_config_text(text, bytes, package, file, err);
    else st = wane_package_read(text, bytes, package, config_name, err);
    if (st == WANE_OK) *name = file;
    else wane_free(file);
    return st;
}

wane_status wane_model_tensors(wane_tensors **out, const wane_package *package, wane_error *err)
{
    wane_tensors *tensors = NULL;
    wane_status st = wane_tensors_open_package(&tensors, package, err);
    if (st != WANE_OK) return st;
    const wane_gguf *gguf = wane_tensors_gguf(tensors);
    const wane_architecture *a = gguf ? wane_gguf_architecture(gguf) : NULL;
    if (a) st = wane_gguf_form_tensors(tensors, a, err);
    if (st == WANE_OK) *out = tensors;
    else wane_tensors_close(tensors);
    return st;
}

bool wane_model_files_turn(const wane_tensors *tensors)
{
    return !wane_tensors_gguf(tensors);
}
