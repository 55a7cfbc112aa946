/* SPDX-License-Identifier: Apache-2.0
 * What the readers of a GGUF model share: keys of its architecture, and writing what they say.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/model/gguf_model.h"

typedef wane_gguf_source source;

const wane_gguf_value *wane_gguf_of_model(const wane_gguf *gguf, const char *key)
{
    char name[160];
    size_t bytes = 0;
    const char *of = wane_gguf_string(wane_gguf_find(gguf, "general.architecture"), &bytes);
    if (!of || bytes > 64) return NULL;
    (void)snprintf(name, sizeof name, "%.*s.%s", (int)bytes, of, key);
    return wane_gguf_find(gguf, name);
}

size_t wane_gguf_size_of(const wane_gguf *gguf, const char *key)
{
    int64_t size = 0;
    const wane_gguf_value *value = wane_gguf_of_model(gguf, key);
    if (!wane_gguf_integer(&size, value) && !wane_gguf_integer_at(&size, value, 0)) return 0;
    return size > 0 && size < INT32_MAX ? (size_t)size : 0;
}

/* Families of one name: the first, or the first with windows where the file has one. */
const wane_architecture *wane_gguf_architecture(const wane_gguf *gguf)
{
    const wane_gguf_value *value = wane_gguf_find(gguf, "general.architecture");
    const wane_architecture *a = NULL, *first = NULL;
    bool windowed = wane_gguf_size_of(gguf, "attention.sliding_window") > 0;
    for (size_t i = 0; (a = wane_architecture_at(i)) != NULL; i++) {
        if (!a->gguf.name || !wane_gguf_is(value, a->gguf.name)) continue;
        if (!first) first = a;
        for (size_t k = 0; windowed && k < a->key_count; k++)
            if (a->keys[k].offset == offsetof(wane_config, block.window)) return a;
    }
    return first;
}

const wane_config_key *wane_config_key_of_type(const wane_architecture *a,
                                               const wane_config_type *type)
{
    for (size_t i = 0; i < a->key_count; i++)
        if (a->keys[i].type == type) return &a->keys[i];
    return NULL;
}

/* Files that do not have it turn whole heads. */
size_t wane_gguf_head_width(const wane_gguf *gguf, const wane_architecture *a)
{
    size_t width = wane_gguf_size_of(gguf, "attention.key_length");
    size_t heads = wane_gguf_size_of(gguf, "attention.head_count");
    if (!width && !wane_config_key_of_type(a, &wane_config_rope_part))
        width = wane_gguf_size_of(gguf, "rope.dimension_count");
    return width || !heads ? width : wane_gguf_size_of(gguf, "embedding_length") / heads;
}

wane_status wane_gguf_refuse(const source *s, const char *key, const char *cause)
{
    return wane_fail(s->err, WANE_EFORMAT, "model configuration: %s: %s: %s",
                     wane_gguf_path(s->gguf), key, cause);
}

void wane_gguf_member(const source *s, const char *name)
{
    wane_text_printf(s->out, "%s  \"%s\": ", s->out->length ? ",\n" : "{\n", name);
}

void wane_gguf_write_number(wane_text *out, double number)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (back == number || (digits <= 9 && (double)(float)back == number)) break;
    }
    wane_text_string(out, text);
}
