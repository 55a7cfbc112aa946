/* SPDX-License-Identifier: Apache-2.0
 * The loops over tables of settings: defaults, reading, hashing, and the walk over all of them.
 */
#include "store/files/setting.h"

#include <stdio.h>
#include <string.h>

#include "store/files/yaml_value.h"

static void *member(void *into, const wane_setting *setting)
{
    return (char *)into + setting->offset;
}

static const void *member_of(const void *of, const wane_setting *setting)
{
    return (const char *)of + setting->offset;
}

void wane_settings_default(void *into, const wane_settings *block)
{
    for (size_t i = 0; i < block->count; i++) {
        const wane_setting *s = &block->entries[i];
        if (s->type == WANE_SETTING_BLOCK) wane_settings_default(member(into, s), s->block);
        else if (!block->defaults) memset(member(into, s), 0, s->size);
        else memcpy(member(into, s), member_of(block->defaults, s), s->size);
    }
}

/* ----------------------------------------------------------------------------------- values */

static size_t choice_of(const wane_setting *s, const void *of)
{
    const void *at = member_of(of, s);
    unsigned index = 0;
    if (s->size == sizeof(const char *)) {
        const char *name = *(const char *const *)at;
        while (name && strcmp(s->choices[index], name) != 0) index++;
    } else if (s->size == sizeof(bool)) index = *(const bool *)at;
    else memcpy(&index, at, sizeof index);
    return index;
}

const char *wane_setting_choice(const wane_setting *s, size_t i)
{
    if (s->choice) return s->choice(i);
    return s->choices ? s->choices[i] : NULL;
}

double wane_setting_value(const wane_setting *s, const void *of)
{
    const void *at = member_of(of, s);
    switch (s->type) {
    case WANE_SETTING_NUMBER: return *(const double *)at;
    case WANE_SETTING_COUNT: return (double)*(const size_t *)at;
    case WANE_SETTING_SEED: return (double)*(const uint64_t *)at;
    case WANE_SETTING_FLAG: return *(const bool *)at;
    default: return (double)choice_of(s, of);
    }
}

const char *wane_setting_word(const wane_setting *s, const void *of)
{
    if (s->type != WANE_SETTING_CHOICE) return *(const char *const *)member_of(of, s);
    if (s->size == sizeof(const char *) && !*(const char *const *)member_of(of, s)) return NULL;
    return s->choices[choice_of(s, of)];
}

static bool is_text(const wane_setting *s)
{
    return s->type == WANE_SETTING_TEXT || s->type == WANE_SETTING_PATH;
}

bool wane_setting_usual(const wane_setting *s, const wane_settings *block, const void *of)
{
    static const char zero[64];
    if (!is_text(s) || !block->defaults)
        return memcmp(member_of(of, s), block->defaults ? member_of(block->defaults, s) : zero,
                      s->size) == 0;
    const char *is = wane_setting_word(s, of), *usual = wane_setting_word(s, block->defaults);
    return is == usual || (is && usual && strcmp(is, usual) == 0);
}

/* ---------------------------------------------------------------------------------- hashing */

const wane_setting *wane_settings_placed(const void **of, const wane_settings_of *blocks,
                                         size_t count, int place)
{
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count; i++) {
            if (blocks[b].block->entries[i].key != place) continue;
            *of = blocks[b].of;
            return &blocks[b].block->entries[i];
        }
    return NULL;
}

static void hash_one(wane_sha256 *hash, const wane_setting *s, const void *of)
{
    if (s->hash) s->hash(hash, s, of);
    else if (is_text(s)) {
        wane_sha256_text(hash, s->name);
        wane_sha256_text(hash, wane_setting_word(s, of));
    } else wane_sha256_number(hash, s->name, wane_setting_value(s, of));
}

void wane_settings_hash(wane_sha256 *hash, const wane_settings_of *blocks, size_t count)
{
    const void *of = NULL;
    const wane_setting *s = NULL;
    for (int place = 1; (s = wane_settings_placed(&of, blocks, count, place)); place++)
        hash_one(hash, s, of);
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count; i++) {
            s = &blocks[b].block->entries[i];
            if (s->key == WANE_KEY_CHANGED && !wane_setting_usual(s, blocks[b].block, blocks[b].of))
                hash_one(hash, s, blocks[b].of);
        }
}

/* ---------------------------------------------------------------------------------- reading */

static wane_status read_choice(void *at, const wane_setting *s, const wane_yaml *node,
                               wane_error *err)
{
    size_t index = 0, count = 0;
    while (s->choices[count]) count++;
    wane_status st = wane_node_choice(&index, node, s->name, s->choices, count, err);
    if (st != WANE_OK) return st;
    unsigned value = (unsigned)index;
    if (s->size == sizeof(const char *)) *(const char **)at = s->choices[index];
    else if (s->size == sizeof(bool)) *(bool *)at = index == 1;
    else memcpy(at, &value, sizeof value);
    return WANE_OK;
}

static wane_status read_seed(uint64_t *out, const wane_setting *s, const wane_yaml *node,
                             wane_error *err)
{
    size_t seed = 0;
    wane_status st = wane_node_count(&seed, node, (size_t)s->low, (size_t)s->high, err);
    if (st == WANE_OK) *out = seed;
    return st;
}

static wane_status read_one(void *into, const wane_setting *s, const wane_yaml *node,
                            const wane_setting_reader *reader, wane_error *err)
{
    void *at = member(into, s);
    if (!node && s->required && reader->map)
        return wane_yaml_fail(reader->map, err, "'%s' is missing%s%s%s", s->name,
                              s->form ? " (" : "", s->form ? s->form : "", s->form ? ")" : "");
    if (s->read) return s->read(into, s, node, reader, err);
    if (s->type == WANE_SETTING_BLOCK) return wane_settings_fill(at, s->block, node, reader, err);
    if (!node) return WANE_OK;
    switch (s->type) {
    case WANE_SETTING_NUMBER: return wane_node_number(at, node, s->low, s->high, err);
    case WANE_SETTING_COUNT: return wane_node_count(at, node, (size_t)s->low, (size_t)s->high, err);
    case WANE_SETTING_SEED: return read_seed(at, s, node, err);
    case WANE_SETTING_FLAG: return wane_node_flag(at, node, s->name, err);
    case WANE_SETTING_CHOICE: return read_choice(at, s, node, err);
    default: return wane_node_text(at, node, reader->memory, err);
    }
}

static wane_status known_keys(const wane_settings_into *blocks, size_t count, const wane_yaml *map,
                              wane_error *err)
{
    size_t total = 0, n = 0;
    for (size_t b = 0; b < count; b++) total += blocks[b].block->count;
    const char **names = wane_alloc(total ? total : 1, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", "settings");
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count; i++)
            names[n++] = blocks[b].block->entries[i].name;
    wane_status st = wane_yaml_known(map, names, total, err);
    wane_free(names);
    return st;
}

/* What is said of an entry: of one that is given as a list, the item that is meant. */
static const wane_yaml *said(const wane_setting *s, const wane_yaml *map,
                             const wane_setting_lists *lists)
{
    for (size_t i = 0; lists && i < lists->count; i++)
        if (lists->of[i].setting == s) return lists->of[i].list->children[lists->of[i].at];
    return map ? wane_yaml_get(map, s->name) : NULL;
}

wane_status wane_settings_read(const wane_settings_into *blocks, size_t count, const wane_yaml *map,
                               const wane_setting_lists *lists, const wane_setting_reader *reader,
                               wane_error *err)
{
    const wane_setting_reader here = {reader->memory, reader->owner, map};
    wane_status st = map ? wane_node_is(map, WANE_YAML_MAP, err) : WANE_OK;
    if (st == WANE_OK && map) st = known_keys(blocks, count, map, err);
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count && st == WANE_OK; i++) {
            const wane_setting *s = &blocks[b].block->entries[i];
            st = read_one(blocks[b].into, s, said(s, map, lists), &here, err);
        }
    for (size_t b = 0; b < count && st == WANE_OK; b++)
        if (blocks[b].block->settle) st = blocks[b].block->settle(blocks[b].into, &here, err);
    return st;
}

wane_status wane_settings_fill(void *into, const wane_settings *block, const wane_yaml *map,
                               const wane_setting_reader *reader, wane_error *err)
{
    const wane_settings_into alone = {block, into};
    wane_settings_default(into, block);
    return wane_settings_read(&alone, 1, map, NULL, reader, err);
}

/* -------------------------------------------------------------------- lists of values */

/* The items of a list are as many settings as they are, so none may be there twice. */
static wane_status check_list(const wane_setting *s, const wane_yaml *list, wane_error *err)
{
    double value[WANE_SETTING_VALUES];
    if (list->count == 0) return wane_yaml_fail(list, err, "empty list");
    if (list->count > WANE_SETTING_VALUES)
        return wane_yaml_fail(list, err, "more than %d values", WANE_SETTING_VALUES);
    for (size_t i = 0; i < list->count; i++) {
        wane_status st = wane_node_number(&value[i], list->children[i], s->low, s->high, err);
        if (st != WANE_OK) return st;
        for (size_t j = 0; j < i; j++)
            if (value[j] == value[i])
                return wane_yaml_fail(list->children[i], err, "%g is there twice", value[i]);
    }
    return WANE_OK;
}

wane_status wane_settings_lists(wane_setting_lists *out, const wane_settings_into *blocks,
                                size_t count, const wane_yaml *map, wane_error *err)
{
    *out = (wane_setting_lists){0};
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < blocks[b].block->count; i++) {
            const wane_setting *s = &blocks[b].block->entries[i];
            const wane_yaml *node = s->listed ? wane_yaml_get(map, s->name) : NULL;
            if (!node || node->kind != WANE_YAML_LIST) continue;
            wane_status st = check_list(s, node, err);
            if (st != WANE_OK) return st;
            if (out->count == WANE_SETTING_LISTS)
                return wane_yaml_fail(node, err, "more than %d lists", WANE_SETTING_LISTS);
            out->of[out->count].setting = s;
            out->of[out->count++].list = node;
        }
    return WANE_OK;
}

bool wane_settings_next(wane_setting_lists *lists)
{
    for (size_t i = lists->count; i > 0; i--) {
        if (++lists->of[i - 1].at < lists->of[i - 1].list->count) return true;
        lists->of[i - 1].at = 0;
    }
    return false;
}

/* ------------------------------------------------------------------------------- the whole */

typedef bool visitor(void *context, const wane_setting_place *place);

static bool walk(const wane_settings *block, const wane_setting_place *above, visitor *visit,
                 void *context)
{
    for (size_t i = 0; i < block->count; i++) {
        const wane_setting *s = &block->entries[i];
        bool inside = s->key == WANE_KEY_INSIDE;
        wane_setting_place place = {.setting = s,
                                    .block = block,
                                    .in_key = above->in_key && s->key != WANE_KEY_NO,
                                    .depth = above->depth};
        (void)snprintf(place.path, sizeof place.path, "%.48s%s%.40s", above->path,
                       above->path[0] ? "." : "", s->name);
        wane_setting_place below = place;
        below.depth++;
        below.in_key = above->in_key && inside;
        if (!visit(context, &place)) return false;
        if (s->block && !walk(s->block, &below, visit, context)) return false;
    }
    const wane_settings *beside = NULL;
    for (size_t i = 0; block->beside && (beside = block->beside(i)); i++)
        if (!walk(beside, above, visit, context)) return false;
    return true;
}

void wane_settings_walk(const wane_settings *root,
                        bool (*visit)(void *context, const wane_setting_place *place),
                        void *context)
{
    const wane_setting_place top = {.in_key = true};
    (void)walk(root, &top, visit, context);
}

/* Whether `words`, with blanks between, hold `word`. */
static bool holds_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t here = strcspn(at, " ");
        if (here == length && memcmp(at, word, length) == 0) return true;
        at += here;
    }
    return false;
}

typedef struct naming {
    const char *key, *name;
} naming;

static bool find_name(void *context, const wane_setting_place *place)
{
    naming *n = context;
    if (!holds_word(place->setting->aliases, n->key)) return true;
    n->name = place->setting->name;
    return false;
}

const char *wane_settings_name(const wane_settings *root, const char *key)
{
    naming n = {key, key};
    wane_settings_walk(root, find_name, &n);
    return n.name;
}
