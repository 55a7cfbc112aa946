/* SPDX-License-Identifier: Apache-2.0
 * Compares configurations that wane computes setting by setting, and others member by member of
 * their JSON, as lines or JSON.
 */
#include "eval/pair/config_compared.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/model/model_files.h"
#include "store/files/json.h"

/* Also what is read of a GGUF file's metadata. */
static const char config_name[] = "config.json";

/* -------------------------------------------------------------------------- models wane computes
 */

/* False, and no error, when it is no configuration this program computes. */
static wane_status parse_config(wane_config *out, bool *known, const wane_package *package,
                                wane_error *err)
{
    char *text = NULL, *name = NULL;
    size_t bytes = 0;
    bool gguf = wane_package_in_gguf(package);
    wane_status st = wane_model_config_text(&text, &bytes, &name, package, err);
    *known = st == WANE_OK && wane_config_parse(out, text, bytes, config_name, NULL) == WANE_OK;
    wane_free(text);
    wane_free(name);
    return gguf && st == WANE_EFORMAT ? WANE_OK : st; /* metadata of no model that is computed */
}

wane_status wane_config_of_package(wane_config *out, bool *known, const wane_package *package,
                                   wane_error *err)
{
    *known = false;
    if (!package || !wane_model_is_there(package)) return WANE_OK;
    return parse_config(out, known, package, err);
}

wane_status wane_config_is_computed(bool *out, const wane_package *package, wane_error *err)
{
    wane_config config;
    return wane_config_of_package(&config, out, package, err);
}

static wane_status add(wane_compared_settings *out, const char *name, const char *base,
                       const char *tuned, wane_arena *arena, wane_error *err)
{
    wane_compared_setting one = {.name = wane_arena_strdup(arena, name),
                                 .base = base ? wane_arena_strdup(arena, base) : NULL,
                                 .tuned = tuned ? wane_arena_strdup(arena, tuned) : NULL};
    if (!one.name || (base && !one.base) || (tuned && !one.tuned))
        return wane_fail_memory(err, "compare", config_name);
    out->list[out->count++] = one;
    return WANE_OK;
}

static wane_status compare_configs(wane_compared_settings *out, const wane_config *base,
                                   const wane_config *tuned, wane_arena *arena, wane_error *err)
{
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    size_t count = wane_config_differences(list, base, tuned);
    wane_status st = WANE_OK;
    out->list = wane_arena_alloc(arena, count, sizeof *out->list);
    if (!out->list) return wane_fail_memory(err, "compare", config_name);
    for (size_t i = 0; i < count && st == WANE_OK; i++)
        st = add(out, list[i].setting, list[i].base, list[i].value, arena, err);
    return st;
}

/* ----------------------------------------------------------------------------------- other models
 */

static bool says_nothing(const char *name)
{
    static const char *const names[] = {"_name_or_path", "transformers_version", "torch_dtype",
                                        "dtype", "use_cache"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* The value as JSON; its nesting is bounded by the parser. */
static void write_value(wane_text *out, const wane_json *value)
{
    int64_t whole = 0;
    double number = 0;
    const char *key = NULL;
    switch (wane_json_kind_of(value)) {
    case WANE_JSON_NULL: wane_text_string(out, "null"); return;
    case WANE_JSON_BOOL:
        wane_text_string(out, wane_json_bool(value, false) ? "true" : "false");
        return;
    case WANE_JSON_INTEGER:
        if (wane_json_integer(&whole, value)) wane_text_printf(out, "%" PRId64, whole);
        return;
    case WANE_JSON_REAL:
        if (wane_json_number(&number, value)) wane_json_write_number(out, number);
        return;
    case WANE_JSON_LARGE: wane_text_string(out, wane_json_written(value)); return;
    case WANE_JSON_NOT_FINITE: /* JSON has no such number */
        wane_json_write_string(out, wane_json_written(value));
        return;
    case WANE_JSON_STRING: wane_json_write_string(out, wane_json_string(value, NULL)); return;
    case WANE_JSON_ARRAY:
        wane_text_string(out, "[");
        for (size_t i = 0; i < wane_json_size(value); i++) {
            if (i) wane_text_string(out, ", ");
            write_value(out, wane_json_at(value, i));
        }
        wane_text_string(out, "]");
        return;
    case WANE_JSON_OBJECT: break;
    }
    wane_text_string(out, "{");
    for (size_t i = 0; i < wane_json_size(value); i++) {
        const wane_json *member = wane_json_member(value, i, &key);
        if (i) wane_text_string(out, ", ");
        wane_json_write_string(out, key);
        wane_text_string(out, ": ");
        write_value(out, member);
    }
    wane_text_string(out, "}");
}

static wane_status compare_member(wane_compared_settings *out, const char *name,
                                  const wane_json *base, const wane_json *tuned, wane_arena *arena,
                                  wane_error *err)
{
    wane_text a = {0}, b = {0};
    wane_status st = WANE_OK;
    if (base) write_value(&a, base);
    if (tuned) write_value(&b, tuned);
    WANE_TRY(wane_text_check(&a, "compare", config_name, err));
    WANE_TRY(wane_text_check(&b, "compare", config_name, err));
    if (!base || !tuned || strcmp(a.data, b.data) != 0)
        WANE_TRY(add(out, name, base ? a.data : NULL, tuned ? b.data : NULL, arena, err));
done:
    wane_text_free(&a);
    wane_text_free(&b);
    return st;
}

static wane_status compare_objects(wane_compared_settings *out, const wane_json *base,
                                   const wane_json *tuned, wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    const char *key = NULL;
    size_t count = wane_json_size(base) + wane_json_size(tuned);
    out->list = wane_arena_alloc(arena, count, sizeof *out->list);
    if (!out->list) return wane_fail_memory(err, "compare", config_name);
    for (size_t i = 0; i < wane_json_size(base) && st == WANE_OK; i++) {
        const wane_json *value = wane_json_member(base, i, &key);
        if (!says_nothing(key))
            st = compare_member(out, key, value, wane_json_get(tuned, key), arena, err);
    }
    for (size_t i = 0; i < wane_json_size(tuned) && st == WANE_OK; i++) {
        const wane_json *value = wane_json_member(tuned, i, &key);
        if (!says_nothing(key) && !wane_json_get(base, key))
            st = compare_member(out, key, NULL, value, arena, err);
    }
    return st;
}

/* -------------------------------------------------------------------------------------------- all
 */

wane_status wane_compared_settings_compare(wane_compared_settings *out, const wane_package *base,
                                           const wane_package *tuned, wane_arena *arena,
                                           wane_error *err)
{
    wane_status st = WANE_OK;
    wane_config a, b;
    bool known[2] = {false, false};
    wane_json *left = NULL, *right = NULL;
    if (!base || !tuned || !wane_model_is_there(base) || !wane_model_is_there(tuned))
        return WANE_OK;
    WANE_TRY(parse_config(&a, &known[0], base, err));
    WANE_TRY(parse_config(&b, &known[1], tuned, err));
    if (known[0] && known[1]) return compare_configs(out, &a, &b, arena, err);
    if (wane_package_in_gguf(base) || wane_package_in_gguf(tuned)) return WANE_OK;
    WANE_TRY(wane_package_json(&left, base, config_name, err));
    WANE_TRY(wane_package_json(&right, tuned, config_name, err));
    if (wane_json_kind_of(left) == WANE_JSON_OBJECT && wane_json_kind_of(right) == WANE_JSON_OBJECT)
        WANE_TRY(compare_objects(out, left, right, arena, err));
done:
    wane_json_free(left);
    wane_json_free(right);
    return st;
}

void wane_compared_settings_write(wane_text *out, const wane_compared_settings *settings,
                                  bool computed)
{
    for (size_t i = 0; i < settings->count; i++) {
        const wane_compared_setting *s = &settings->list[i];
        wane_page_line(out, i ? "" : "config.json",
                       "%.60s: %.300s in the base, %.300s in the tuned", s->name,
                       s->base ? s->base : "nothing", s->tuned ? s->tuned : "nothing");
    }
    if (settings->count && computed) wane_page_line(out, "", "each side is computed under its own");
}

void wane_compared_settings_write_json(wane_text *out, const wane_compared_settings *settings)
{
    wane_text_string(out, "\"settings\": [");
    for (size_t i = 0; i < settings->count; i++) {
        const wane_compared_setting *s = &settings->list[i];
        wane_text_string(out, i ? ", {\"setting\": " : "{\"setting\": ");
        wane_json_write_string(out, s->name);
        wane_text_printf(out, ", \"base\": %s, \"tuned\": %s}", s->base ? s->base : "null",
                         s->tuned ? s->tuned : "null");
    }
    wane_text_string(out, "]");
}
