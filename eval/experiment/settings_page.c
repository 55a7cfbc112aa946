/* SPDX-License-Identifier: Apache-2.0
 * The pages of `wane explain` on the settings of an experiment file, made from their tables.
 */
#include "eval/experiment/settings_page.h"

#include <string.h>

#include "analysis/report/page.h"
#include "eval/experiment/experiment.h"
#include "store/base/memory.h"
#include "store/files/json.h"

/* Every place, and for each whether an earlier one is of the same entry (the next then is not
 * told again). Free with wane_free. */
typedef struct places {
    size_t count, capacity;
    wane_setting_place *place;
    bool failed;
} places;

static bool add_place(void *context, const wane_setting_place *place)
{
    places *all = context;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 256;
        wane_setting_place *grown = wane_alloc(capacity, sizeof *grown);
        if (!grown) {
            all->failed = true;
            return false;
        }
        if (all->count) memcpy(grown, all->place, all->count * sizeof *grown);
        wane_free(all->place);
        all->place = grown;
        all->capacity = capacity;
    }
    all->place[all->count++] = *place;
    return true;
}

static places all_places(wane_text *out)
{
    places all = {0};
    wane_settings_walk(&wane_experiment_settings, add_place, &all);
    if (all.failed) out->failed = true;
    return all;
}

static bool told_before(const places *all, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (all->place[i].setting == all->place[at].setting) return true;
    return false;
}

/* ------------------------------------------------------------------------- what is said */

static void say_choices(wane_text *out, const wane_setting *s)
{
    for (size_t i = 0; wane_setting_choice(s, i); i++)
        wane_text_printf(out, "%s%s",
                         !i                              ? ""
                         : wane_setting_choice(s, i + 1) ? ", "
                                                         : " or ",
                         wane_setting_choice(s, i));
}

static void say_range(wane_text *out, const wane_setting *s)
{
    if (s->high < 0x1p53) wane_text_printf(out, ", %.10g to %.10g", s->low, s->high);
    else wane_text_printf(out, ", %.10g or more", s->low);
}

static void say_type(wane_text *out, const wane_setting *s)
{
    bool whole = s->type == WANE_SETTING_COUNT || s->type == WANE_SETTING_SEED;
    if (whole) {
        wane_text_string(out, "whole number");
        say_range(out, s);
    } else if (s->form) wane_text_string(out, s->form);
    else if (s->type == WANE_SETTING_NUMBER) {
        wane_text_string(out, "number");
        say_range(out, s);
    } else if (s->type == WANE_SETTING_CHOICE) say_choices(out, s);
    else
        wane_text_string(out, s->type == WANE_SETTING_FLAG    ? "true or false"
                              : s->type == WANE_SETTING_BLOCK ? "a map"
                              : s->type == WANE_SETTING_LIST  ? "a list of maps"
                              : s->type == WANE_SETTING_PATH  ? "a path"
                                                              : "a text");
}

static void say_default(wane_text *out, const wane_setting_place *place)
{
    const wane_setting *s = place->setting;
    if (s->required) wane_text_string(out, "none, it must be there");
    else if (s->usual) wane_text_string(out, s->usual);
    else if (s->type != WANE_SETTING_BLOCK) wane_setting_print_default(out, s, place->block);
}

static const char *key_of(const wane_setting *s)
{
    switch (s->key) {
    case WANE_KEY_NO: return "no: another value trains nothing anew";
    case WANE_KEY_CHANGED: return "yes, where it is not at its default";
    case WANE_KEY_CONTENT: return "yes, by what it names or decides";
    case WANE_KEY_INSIDE: return "as its settings say";
    default: return "yes: another value trains the stage anew";
    }
}

/* The places of the entry, and those of them where it is in no key although it may be. */
static void say_where(wane_text *where, wane_text *without, const places *all, size_t at)
{
    for (size_t i = at; i < all->count; i++) {
        const wane_setting_place *place = &all->place[i];
        if (place->setting != all->place[at].setting) continue;
        wane_text_printf(where, "%s%s", where->length ? ", " : "", place->path);
        if (place->setting->key == WANE_KEY_NO || place->in_key) continue;
        wane_text_printf(without, "%s%s", without->length ? ", " : "", place->path);
    }
}

static void list_keys(wane_text *out, const wane_settings *block)
{
    const wane_settings *beside = NULL;
    for (size_t i = 0; i < block->count; i++)
        wane_text_printf(out, "%s%s", out->length ? ", " : "", block->entries[i].name);
    for (size_t i = 0; block->beside && (beside = block->beside(i)); i++) {
        wane_text_printf(out, "; %s:", beside->name);
        for (size_t k = 0; k < beside->count; k++)
            wane_text_printf(out, "%s %s", k ? "," : "", beside->entries[k].name);
        if (!beside->count) wane_text_string(out, " none");
    }
}

enum { SAID = 9 };
static const char *const titles[SAID] = {"where", "also", "type", "default", "unit",
                                         "list",  "key",  "note", "keys"};

/* An empty text where there is nothing to say; freed by the caller. */
static void say(wane_text said[SAID], const places *all, size_t at)
{
    const wane_setting_place *place = &all->place[at];
    const wane_setting *s = place->setting;
    wane_text without = {0};
    say_where(&said[0], &without, all, at);
    for (const char *c = s->aliases; c && *c; c++) /* with commas between */
        wane_text_printf(&said[1], "%s%c", *c == ' ' ? "," : "", *c);
    say_type(&said[2], s);
    say_default(&said[3], place);
    if (s->unit) wane_text_string(&said[4], s->unit);
    if (s->listed)
        wane_text_printf(&said[5], "may be a list: runs of each value, named NAME-%sVALUE",
                         s->listed);
    wane_text_string(&said[6], key_of(s));
    if (without.length) wane_text_printf(&said[6], "; not at %s", without.data);
    if (s->explain) wane_text_string(&said[7], s->explain);
    if (s->block) list_keys(&said[8], s->block);
    if (without.failed) said[6].failed = true;
    wane_text_free(&without);
}

static void tell_json(wane_text *out, const places *all, size_t at, const wane_text said[SAID])
{
    const wane_setting_place *place = &all->place[at];
    const wane_setting *s = place->setting;
    wane_text_string(out, "{");
    wane_page_json_text(out, "name", s->name);
    wane_text_string(out, ",");
    wane_page_json_text(out, "block", place->block->name);
    wane_text_string(out, ",");
    wane_page_json_text(out, "what", s->help);
    for (int i = 0; i < SAID; i++) {
        if (!said[i].length) continue;
        wane_text_string(out, ",");
        wane_page_json_text(out, titles[i], said[i].data);
    }
    if (s->low < s->high) {
        wane_page_json_number(out, "low", s->low);
        wane_page_json_number(out, "high", s->high);
    }
    for (size_t i = 0; wane_setting_choice(s, i); i++) {
        wane_text_string(out, i ? "," : ",\"choices\":[");
        wane_json_write_string(out, wane_setting_choice(s, i));
    }
    wane_text_printf(out, "%s,\"required\":%s,\"in_key\":%s}", wane_setting_choice(s, 0) ? "]" : "",
                     s->required ? "true" : "false", place->in_key ? "true" : "false");
}

static void tell_text(wane_text *out, const places *all, size_t at, const wane_text said[SAID])
{
    const wane_setting_place *place = &all->place[at];
    size_t before = out->length;
    wane_text_printf(out, "%s (setting of %s): ", place->setting->name, place->block->name);
    wane_page_wrapped(out, place->setting->help, out->length - before, 2);
    for (int i = 0; i < SAID; i++) {
        if (!said[i].length) continue;
        wane_text_printf(out, "  %-8s ", titles[i]);
        wane_page_wrapped(out, said[i].data, 11, 11);
    }
}

/* Two lines or more: the key and what it is, then how it is written and what is usual. */
static void tell_short(wane_text *out, const places *all, size_t at, const wane_text said[SAID])
{
    const wane_setting_place *place = &all->place[at];
    enum { INDENT = 22 };
    wane_text line = {0};
    wane_text_printf(out, "  %-19s ", place->setting->name);
    wane_page_wrapped(out, place->setting->help, INDENT, INDENT);
    wane_text_string(&line, said[2].data);
    if (said[4].length) wane_text_printf(&line, " (%s)", said[4].data);
    if (said[5].length) wane_text_string(&line, ", or a list");
    if (said[3].length) wane_text_printf(&line, "; default: %s", said[3].data);
    if (place->in_key && place->setting->key != WANE_KEY_INSIDE)
        wane_text_string(&line, "; in the key");
    if (said[1].length) wane_text_printf(&line, "; also %s", said[1].data);
    wane_text_printf(out, "%*s", INDENT, "");
    if (line.data) wane_page_wrapped(out, line.data, INDENT, INDENT);
    if (line.failed) out->failed = true;
    wane_text_free(&line);
}

typedef void teller(wane_text *out, const places *all, size_t at, const wane_text said[SAID]);

static void tell(wane_text *out, const places *all, size_t at, teller *how)
{
    wane_text said[SAID] = {0};
    say(said, all, at);
    how(out, all, at, said);
    for (int i = 0; i < SAID; i++) {
        if (said[i].failed) out->failed = true;
        wane_text_free(&said[i]);
    }
}

/* A block that no key names: the settings of a kind of method. */
static void tell_block(wane_text *out, const wane_settings *block, const char *under, bool json)
{
    wane_text keys = {0};
    list_keys(&keys, block);
    if (!keys.length) wane_text_string(&keys, "none of its own");
    out->failed = out->failed || keys.failed;
    if (!out->failed && json) {
        const char *const members[][2] = {
            {"name", block->name}, {"what", block->help}, {"where", under}, {"keys", keys.data}};
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            wane_text_string(out, i ? "," : "[{");
            wane_page_json_text(out, members[i][0], members[i][1]);
        }
        wane_text_string(out, "}]");
    } else if (!out->failed) {
        size_t before = out->length;
        wane_text_printf(out, "%s (in %s): ", block->name, under);
        wane_page_wrapped(out, block->help, out->length - before, 2);
        wane_text_printf(out, "  %-8s ", "keys");
        wane_page_wrapped(out, keys.data, 11, 11);
    }
    wane_text_free(&keys);
}

static bool explain_block(wane_text *out, const places *all, const char *name, bool json)
{
    for (size_t p = 0; p < all->count; p++) {
        const wane_settings *block = all->place[p].setting->block, *beside = NULL;
        for (size_t i = 0; block && block->beside && (beside = block->beside(i)); i++) {
            if (strcmp(beside->name, name) != 0) continue;
            tell_block(out, beside, all->place[p].path, json);
            return true;
        }
    }
    return false;
}

/* ----------------------------------------------------------------------------------- pages */

bool wane_settings_explain(wane_text *out, const char *key, bool json)
{
    places all = all_places(out);
    const char *name = wane_settings_name(&wane_experiment_settings, key);
    size_t found = 0;
    for (size_t i = 0; i < all.count; i++) {
        const wane_setting *s = all.place[i].setting;
        bool named = strcmp(s->name, name) == 0;
        if (!named && strcmp(all.place[i].path, key) != 0) continue;
        if (named && told_before(&all, i)) continue;
        wane_text_string(out, json ? found ? ",\n  " : "[" : found ? "\n" : "");
        tell(out, &all, i, json ? tell_json : tell_text);
        found++;
    }
    if (json && found) wane_text_string(out, "]");
    if (!found) found = explain_block(out, &all, key, json);
    wane_free(all.place);
    return found > 0;
}

/* "training, methods": the keys under which the block of that place stands; and its name where no
 * key says it. */
static void say_heading(wane_text *out, const places *all, size_t at)
{
    const wane_setting_place *first = &all->place[at];
    const char *name = first->block->name;
    size_t before = out->length;
    bool named = false;
    for (size_t i = at; i < all->count; i++) {
        const wane_setting_place *place = &all->place[i];
        if (place->setting != first->setting) continue;
        size_t length = strlen(place->path) - strlen(first->setting->name);
        char under[sizeof place->path] = "";
        memcpy(under, place->path, length ? length - 1 : 0);
        const char *dot = strrchr(under, '.');
        named = named || strcmp(dot ? dot + 1 : under, name) == 0;
        wane_text_printf(out, "%s%s", out->length > before ? ", " : "", under);
    }
    if (out->length == before) wane_text_string(out, name);
    else if (!named) wane_text_printf(out, " (%s)", name);
    wane_text_string(out, ": ");
    wane_page_wrapped(out, first->block->help, out->length - before, 2);
}

void wane_settings_reference(wane_text *out, bool json)
{
    places all = all_places(out);
    size_t told = 0;
    for (size_t b = 0; b < all.count; b++) {
        const wane_settings *block = all.place[b].block;
        bool before = false;
        for (size_t i = 0; i < b && !before; i++) before = all.place[i].block == block;
        if (before) continue;
        if (!json) {
            wane_text_string(out, b ? "\n" : "");
            say_heading(out, &all, b);
        }
        for (size_t i = b; i < all.count; i++) {
            if (all.place[i].block != block || told_before(&all, i)) continue;
            if (json) wane_text_string(out, told++ ? ",\n " : "[");
            tell(out, &all, i, json ? tell_json : tell_short);
        }
    }
    if (json) wane_text_string(out, "]\n");
    wane_free(all.place);
}

const char *wane_settings_nearest(const char *key)
{
    wane_text ignored = {0};
    places all = all_places(&ignored);
    const char **names = wane_alloc(all.count ? all.count : 1, sizeof *names);
    const char *near = NULL;
    for (size_t i = 0; names && i < all.count; i++) names[i] = all.place[i].setting->name;
    if (names) near = wane_nearest(key, names, all.count);
    wane_free(names);
    wane_free(all.place);
    return near;
}
