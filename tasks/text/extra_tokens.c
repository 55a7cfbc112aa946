/* SPDX-License-Identifier: Apache-2.0
 * Follows the order in which transformers reads tokenizer_config.json, special_tokens_map.json and
 * added_tokens.json, and which of them wins.
 */
#include "tasks/text/extra_tokens.h"

#include <stdlib.h>
#include <string.h>

enum source { CONFIG, MAP, LIST, SOURCES };

static const char *const source_names[SOURCES] = {"tokenizer_config.json",
                                                  "special_tokens_map.json", "added_tokens.json"};

/* A token under its key, as one of the files writes it. */
typedef struct name {
    const char *key;
    const wane_json *value;
    enum source source;
} name;

typedef struct reading {
    wane_json *files[SOURCES]; /* NULL: absent, or not counted */
    char *paths[SOURCES];
    wane_arena *arena;
    bool listed; /* tokenizer_config.json has added_tokens_decoder, so that it alone counts */
    name *names; /* of tokens, in the order in which they are added */
    size_t count, capacity;
    const wane_json *more, *map_more; /* special tokens without a name; of the map: behind these */
    const wane_json *more_early;      /* `more` where transformers knows it from the beginning */
    enum source more_source;
    const char *more_key;
    wane_extra_tokens *out;
    size_t room;
} reading;

static const char *const standard[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
enum { STANDARD = sizeof standard / sizeof *standard, PAD = 4, MOST_NAMES = 1024 };

static wane_json_part part_of(const reading *r, enum source source, const char *key)
{
    return (wane_json_part){.file = r->paths[source], .name = key, .arena = r->arena};
}

static bool absent(const wane_json *value)
{
    return wane_json_kind_of(value) == WANE_JSON_NULL;
}

/* What Python takes for false. */
static bool empty(const wane_json *value)
{
    wane_json_kind kind = wane_json_kind_of(value);
    bool container = kind == WANE_JSON_ARRAY || kind == WANE_JSON_OBJECT;
    return absent(value) || (container && wane_json_size(value) == 0);
}

static bool is_text(const wane_json *value)
{
    return wane_json_kind_of(value) == WANE_JSON_STRING;
}

/* {"__type": "AddedToken", ...}: a token that was saved with all it says. */
static bool is_saved(const wane_json *value)
{
    const char *type = wane_json_string(wane_json_get(value, "__type"), NULL);
    return type && strcmp(type, "AddedToken") == 0;
}

/* ------------------------------------------------------------------------------------------ names
 */

static bool is_standard(const char *key)
{
    for (size_t i = 0; i < STANDARD; i++)
        if (strcmp(standard[i], key) == 0) return true;
    return false;
}

static bool names_token(const char *key)
{
    static const char ending[] = "_token";
    size_t length = strlen(key), size = sizeof ending - 1;
    return length >= size && strcmp(key + length - size, ending) == 0 && !is_standard(key);
}

/* Under a key that is there already the value is replaced and keeps its place. */
static wane_status put_name(reading *r, const char *key, const wane_json *value, enum source source,
                            wane_error *err)
{
    name *found = NULL;
    for (size_t i = 0; i < r->count && !found; i++)
        if (strcmp(r->names[i].key, key) == 0) found = r->names + i;
    if (!found) {
        wane_json_part part = part_of(r, source, key);
        if (r->count == MOST_NAMES) return wane_json_part_fail(&part, err, "is one name too many");
        if (!WANE_GROW(r->names, r->capacity, r->count + 1))
            return wane_fail_memory(err, "tokenizer", r->paths[source]);
        found = r->names + r->count++;
    }
    *found = (name){key, value, source};
    return WANE_OK;
}

static wane_status put_standard_names(reading *r, const wane_json *root, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < STANDARD; i++) {
        const wane_json *values[] = {wane_json_get(r->files[CONFIG], standard[i]),
                                     r->listed ? NULL : wane_json_get(r->files[MAP], standard[i])};
        enum source source = values[1] ? MAP : CONFIG;
        const wane_json *value = values[source];
        if (i == PAD && !value) value = wane_json_get(wane_json_get(root, "padding"), "pad_token");
        if (!value) value = wane_json_get(wane_json_get(root, "names"), standard[i]);
        WANE_TRY(put_name(r, standard[i], value, source, err));
    }
done:
    return st;
}

/* Which members of a file name a token of their own: by the form of their value. A null of the map
 * takes the token away. */
static wane_status put_own_names(reading *r, enum source source, bool texts, bool objects,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < wane_json_size(r->files[source]); i++) {
        const char *key = NULL;
        const wane_json *value = wane_json_member(r->files[source], i, &key);
        bool object = wane_json_kind_of(value) == WANE_JSON_OBJECT;
        bool taken = (texts && is_text(value)) || (source == MAP && absent(value)) ||
                     (objects && object && (source == MAP || is_saved(value)));
        if (names_token(key) && taken) WANE_TRY(put_name(r, key, value, source, err));
    }
done:
    return st;
}

static wane_status put_members(reading *r, const wane_json *object, enum source source,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < wane_json_size(object); i++) {
        const char *key = NULL;
        const wane_json *value = wane_json_member(object, i, &key);
        WANE_TRY(put_name(r, key, value, source, err));
    }
done:
    return st;
}

/* The lists of more, of which an object gives names. */
typedef struct more_lists {
    const wane_json *list, *older; /* as far as one counts */
    enum source list_source, older_source;
    const wane_json *names, *map_names;
} more_lists;

/* Follows transformers step by step: the older key stands for an empty newer one when the
 * configuration is read; then an object is taken away; the map adds to a list, or replaces; and the
 * older key stands again for a newer one that is not there. */
static more_lists find_lists(reading *r)
{
    static const char more[] = "extra_special_tokens", older[] = "additional_special_tokens";
    const wane_json *config = r->files[CONFIG], *map = r->listed ? NULL : r->files[MAP];
    const wane_json *of_map = wane_json_get(map, more);
    more_lists l = {.list = wane_json_get(config, more), .older = wane_json_get(config, older)};
    r->more_key = more;
    if (empty(l.list) && l.older) {
        l.list = l.older;
        l.older = NULL;
        r->more_key = older;
    }
    if (wane_json_kind_of(l.list) == WANE_JSON_OBJECT) {
        l.names = l.list;
        l.list = NULL;
    }
    if (wane_json_kind_of(of_map) == WANE_JSON_ARRAY) {
        r->map_more = of_map;
    } else if (wane_json_kind_of(of_map) == WANE_JSON_OBJECT) {
        l.map_names = of_map;
        l.list = NULL;
    } else if (of_map) {
        l.list = of_map;
        l.list_source = MAP;
    }
    if (wane_json_get(map, older)) {
        l.older = wane_json_get(map, older);
        l.older_source = MAP;
    }
    r->more_early = l.list_source == CONFIG ? l.list : NULL;
    if (!l.list && !r->map_more && l.older) {
        l.list = l.older;
        l.list_source = l.older_source;
        r->more_key = older;
    }
    return l;
}

/* Names in transformers' order: its own; those of a list; those whose tokens were saved as objects,
 * or in the map; those that are texts, or of a list that it reads early. */
static wane_status gather_names(reading *r, const wane_json *root, wane_error *err)
{
    wane_status st = WANE_OK;
    more_lists l = find_lists(r);
    WANE_TRY(put_standard_names(r, root, err));
    if (wane_json_kind_of(l.list) == WANE_JSON_OBJECT) {
        WANE_TRY(put_members(r, l.list, l.list_source, err));
        l.list = NULL;
    }
    WANE_TRY(put_own_names(r, CONFIG, false, true, err));
    if (!r->listed) WANE_TRY(put_own_names(r, MAP, true, true, err));
    WANE_TRY(put_own_names(r, CONFIG, true, false, err));
    WANE_TRY(put_members(r, l.names, CONFIG, err));
    WANE_TRY(put_members(r, l.map_names, MAP, err));
    r->more = l.list;
    r->more_source = l.list_source;
done:
    return st;
}

/* ----------------------------------------------------------------------------------------- tokens
 */

static wane_status room_for_one(reading *r, wane_error *err)
{
    return WANE_GROW(r->out->tokens, r->room, r->out->count + 1)
               ? WANE_OK
               : wane_fail_memory(err, "tokenizer", r->paths[CONFIG]);
}

/* A token that is written as a text or as an object. Empty texts are no tokens. */
static wane_status add_token(reading *r, const wane_json *value, wane_extra_kind kind, int32_t id,
                             bool special, const wane_json_part *part, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_extra_token made = {.kind = kind, .part = *part, .token.id = id};
    wane_added_token *token = &made.token;
    size_t bytes = 0;
    const char *text = wane_json_string(value, &bytes);
    if (text) {
        token->text = wane_arena_strndup(r->arena, text, bytes);
        if (!token->text) return wane_fail_memory(err, "tokenizer", part->file);
        token->bytes = bytes;
        token->special = special;
        token->normalized = !special;
        made.text_alone = true;
    } else if (wane_json_kind_of(value) == WANE_JSON_OBJECT) {
        const wane_json *normalized = wane_json_get(value, "normalized");
        WANE_TRY(wane_added_flags(token, value, special, part, err));
        made.normalized_open = absent(normalized);
    } else return wane_json_part_fail(part, err, "is neither a text nor a token");
    if (!token->bytes) goto done;
    WANE_TRY(room_for_one(r, err));
    r->out->tokens[r->out->count++] = made;
done:
    return st;
}

static int by_id(const void *a, const void *b)
{
    int32_t left = ((const wane_extra_token *)a)->token.id;
    int32_t right = ((const wane_extra_token *)b)->token.id;
    return (left > right) - (left < right);
}

static wane_status add_listed(reading *r, wane_error *err)
{
    static const char key[] = "added_tokens_decoder";
    wane_status st = WANE_OK;
    const wane_json *list = wane_json_get(r->files[CONFIG], key);
    wane_json_part part = part_of(r, CONFIG, key);
    if (wane_json_kind_of(list) != WANE_JSON_OBJECT)
        return wane_json_part_fail(&part, err, "is no object");
    for (size_t i = 0; i < wane_json_size(list); i++) {
        const char *digits = NULL;
        char *end = NULL;
        const wane_json *token = wane_json_member(list, i, &digits);
        long id = strtol(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || *end || id < 0 || id >= WANE_TOKEN_ID_LIMIT)
            return wane_json_part_fail(&part, err, "\"%.64s\" is no id", digits);
        if (wane_json_kind_of(token) != WANE_JSON_OBJECT)
            return wane_json_part_fail(&part, err, "token %ld is no object", id);
        WANE_TRY(add_token(r, token, WANE_EXTRA_LISTED, (int32_t)id, false, &part, err));
    }
done:
    return st;
}

/* The text of a token that transformers has made out of an object by then: those of the map. */
static const char *known_text(const wane_json *value, enum source source)
{
    if (source == MAP && wane_json_kind_of(value) == WANE_JSON_OBJECT)
        value = wane_json_get(value, "content");
    return wane_json_string(value, NULL);
}

static wane_status put_special(wane_vocabulary *special, int32_t *next, const char *text,
                               wane_error *err)
{
    if (!text || wane_vocabulary_find(special, text, strlen(text)) >= 0) return WANE_OK;
    return wane_vocabulary_add(special, text, strlen(text), (*next)++, err);
}

/* What transformers knows as special when it reads added_tokens.json: the older list of the map is
 * looked at later. */
static wane_status gather_special(wane_vocabulary *out, const reading *r, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json *lists[SOURCES] = {r->more_early, r->map_more};
    size_t most = r->count + wane_json_size(lists[CONFIG]) + wane_json_size(lists[MAP]);
    int32_t next = 0;
    WANE_TRY(wane_vocabulary_make(out, r->arena, most, (int32_t)most, err));
    for (size_t i = 0; i < r->count; i++) {
        const name *n = r->names + i;
        bool early = wane_json_get(r->files[n->source], n->key) == n->value;
        if (is_standard(n->key) && early)
            WANE_TRY(put_special(out, &next, known_text(n->value, n->source), err));
    }
    for (enum source l = CONFIG; l <= MAP; l++)
        for (size_t i = 0; i < wane_json_size(lists[l]); i++)
            WANE_TRY(put_special(out, &next, known_text(wane_json_at(lists[l], i), l), err));
done:
    return st;
}

static wane_status add_older_list(reading *r, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_json *list = r->files[LIST];
    wane_json_part part = part_of(r, LIST, "file");
    wane_vocabulary known = {0};
    WANE_TRY(gather_special(&known, r, err));
    for (size_t i = 0; i < wane_json_size(list); i++) {
        const char *text = NULL;
        int64_t id = -1;
        const wane_json *value = wane_json_member(list, i, &text);
        if (!wane_json_integer(&id, value) || id < 0 || id >= WANE_TOKEN_ID_LIMIT)
            WANE_TRY(wane_json_part_fail(&part, err, "\"%.64s\" has no id", text));
        if (!*text) continue;
        bool special = wane_vocabulary_find(&known, text, strlen(text)) >= 0;
        WANE_TRY(room_for_one(r, err));
        char *copy = wane_arena_strdup(r->arena, text);
        if (!copy) WANE_TRY(wane_fail_memory(err, "tokenizer", part.file));
        r->out->tokens[r->out->count++] = (wane_extra_token){.kind = WANE_EXTRA_OLDER,
                                                             .part = part,
                                                             .token = {.text = copy,
                                                                       .bytes = strlen(copy),
                                                                       .id = (int32_t)id,
                                                                       .special = special,
                                                                       .normalized = !special}};
    }
done:
    wane_vocabulary_free(&known);
    return st;
}

static wane_status add_more(reading *r, const wane_json *list, enum source source, const char *key,
                            wane_error *err)
{
    wane_status st = WANE_OK;
    wane_json_part part = part_of(r, source, key);
    if (!absent(list) && wane_json_kind_of(list) != WANE_JSON_ARRAY)
        return wane_json_part_fail(&part, err, "is no array");
    for (size_t i = 0; i < wane_json_size(list); i++) {
        const wane_json *value = wane_json_at(list, i);
        WANE_TRY(add_token(r, value, WANE_EXTRA_NAMED, -1, source == MAP || !is_saved(value), &part,
                           err));
    }
done:
    return st;
}

/* Tokens with an id in its order, then those of the names, then the rest. A name makes special what
 * stands for it. */
static wane_status add_all(reading *r, wane_error *err)
{
    wane_status st = WANE_OK;
    WANE_TRY(r->listed ? add_listed(r, err) : add_older_list(r, err));
    size_t listed = r->out->count;
    if (listed) qsort(r->out->tokens, listed, sizeof *r->out->tokens, by_id);
    for (size_t i = 0; i < r->count; i++) {
        const name *n = r->names + i;
        wane_json_part part = part_of(r, n->source, n->key);
        if (absent(n->value)) continue;
        WANE_TRY(add_token(r, n->value, WANE_EXTRA_NAMED, -1,
                           n->source == MAP || !is_saved(n->value), &part, err));
    }
    size_t named = r->out->count;
    for (size_t i = listed; i < named; i++) r->out->tokens[i].marks_own = !r->listed;
    WANE_TRY(add_more(r, r->more, r->more_source, r->more_key, err));
    WANE_TRY(add_more(r, r->map_more, MAP, "extra_special_tokens", err));
    for (size_t i = 0; i < r->out->count; i++)
        for (size_t k = listed; k < named && !r->out->tokens[i].made_special; k++) {
            const wane_added_token *a = &r->out->tokens[i].token, *b = &r->out->tokens[k].token;
            r->out->tokens[i].made_special =
                a->bytes == b->bytes && memcmp(a->text, b->text, a->bytes) == 0;
        }
done:
    return st;
}

/* ------------------------------------------------------------------------------------------ files
 */

/* The text of the first or last token. A map that does not count still names what else none does.
 */
static wane_status read_end(const char **out, const reading *r, const char *key, wane_error *err)
{
    const wane_json *value = NULL;
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->names[i].key, key) == 0) value = r->names[i].value;
    if (absent(value)) value = wane_json_get(r->files[MAP], key);
    if (wane_json_kind_of(value) == WANE_JSON_OBJECT) value = wane_json_get(value, "content");
    const char *text = wane_json_string(value, NULL);
    *out = text ? wane_arena_strdup(r->arena, text) : NULL;
    return text && !*out ? wane_fail_memory(err, "tokenizer", key) : WANE_OK;
}

static bool adds(const wane_json *config, const wane_json *root, const char *key)
{
    return wane_json_bool(wane_json_get(config, key),
                          wane_json_bool(wane_json_get(root, key), false));
}

/* The tokens that always stand before and behind a text. */
static wane_status read_ends(const reading *r, const wane_json *ends, wane_error *err)
{
    const char **out[2] = {&r->out->first, &r->out->last};
    wane_status st = WANE_OK;
    for (size_t i = 0; st == WANE_OK && i < 2; i++) {
        const char *key = wane_json_string(wane_json_at(ends, i), NULL);
        if (key) st = read_end(out[i], r, key, err);
    }
    return st;
}

/* Another file than tokenizer.json, which newer versions of transformers would take. */
static wane_status refuse_other_file(const reading *r, wane_error *err)
{
    static const char key[] = "fast_tokenizer_files";
    const wane_json *files = wane_json_get(r->files[CONFIG], key);
    wane_json_part part = part_of(r, CONFIG, key);
    for (size_t i = 0; i < wane_json_size(files); i++) {
        const char *file = wane_json_string(wane_json_at(files, i), NULL);
        if (file && strcmp(file, "tokenizer.json") != 0)
            return wane_json_part_fail(&part, err, "\"%.64s\" in place of tokenizer.json", file);
    }
    return WANE_OK;
}

static wane_status open_files(reading *r, const wane_package *package, wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < SOURCES; i++) {
        r->paths[i] =
            package ? wane_package_file(package, source_names[i]) : wane_strdup(source_names[i]);
        if (!r->paths[i]) return wane_fail_memory(err, "tokenizer", source_names[i]);
        if (!package || !wane_package_has(package, source_names[i]) || (i == LIST && r->listed))
            continue;
        WANE_TRY(wane_package_json(&r->files[i], package, source_names[i], err));
        wane_json_part part = part_of(r, (enum source)i, "file");
        if (wane_json_kind_of(r->files[i]) != WANE_JSON_OBJECT)
            return wane_json_part_fail(&part, err, "is no object");
        r->listed = wane_json_get(r->files[CONFIG], "added_tokens_decoder") != NULL;
    }
done:
    return st;
}

wane_status wane_extra_tokens_read(wane_extra_tokens *out, const wane_package *package,
                                   const wane_json *root, wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_extra_tokens made = {0};
    reading r = {.arena = arena, .out = &made};
    WANE_TRY(open_files(&r, package, err));
    WANE_TRY(refuse_other_file(&r, err));
    WANE_TRY(gather_names(&r, root, err));
    WANE_TRY(add_all(&r, err));
    WANE_TRY(read_end(&made.bos, &r, "bos_token", err));
    WANE_TRY(read_end(&made.eos, &r, "eos_token", err));
    WANE_TRY(read_ends(&r, wane_json_get(root, "ends"), err));
    wane_json_part part = part_of(&r, CONFIG, "split_special_tokens");
    const wane_json *config = r.files[CONFIG];
    WANE_TRY(wane_json_part_bool(&made.split_special, config, part.name, false, &part, err));
    made.add_bos = adds(config, root, "add_bos_token");
    made.add_eos = adds(config, root, "add_eos_token");
    for (size_t i = 0; i < made.count; i++) { /* paths outlive the reading for later messages */
        made.tokens[i].part.file = wane_arena_strdup(arena, made.tokens[i].part.file);
        made.tokens[i].part.name = wane_arena_strdup(arena, made.tokens[i].part.name);
        if (!made.tokens[i].part.file || !made.tokens[i].part.name)
            WANE_TRY(wane_fail_memory(err, "tokenizer", "names"));
    }
    *out = made;
    made = (wane_extra_tokens){0};
done:
    for (size_t i = 0; i < SOURCES; i++) {
        wane_json_free(r.files[i]);
        wane_free(r.paths[i]);
    }
    wane_free(r.names);
    wane_extra_tokens_free(&made);
    return st;
}

void wane_extra_tokens_free(wane_extra_tokens *extra)
{
    wane_free(extra->tokens);
    *extra = (wane_extra_tokens){0};
}
