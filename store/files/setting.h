/* SPDX-License-Identifier: Apache-2.0
 * Settings as tables: an entry per key of a file, and the loops that read, print and hash them.
 *
 * A block is a table of entries that stands in the room that owns the struct they fill. Blocks
 * nest: from the root block every key of a file can be reached, so that the suggestion for a
 * misspelt key, the settings reference and the example file are loops too. A new setting is a
 * member of its struct, its default, and an entry here; nothing else names it.
 */
#ifndef STORE_FILES_SETTING_H
#define STORE_FILES_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/hash.h"
#include "store/base/memory.h"
#include "store/base/status.h"
#include "store/base/text.h"
#include "store/files/yaml.h"

/* What the member of an entry is, and how it is written. A value below `low` means that nothing was
 * said; so does a NULL. */
typedef enum wane_setting_type {
    WANE_SETTING_TEXT,   /* const char *, in the reader's memory */
    WANE_SETTING_PATH,   /* the same, naming a file or folder */
    WANE_SETTING_NUMBER, /* double in [low, high] */
    WANE_SETTING_COUNT,  /* size_t in [low, high], at most 2^53 */
    WANE_SETTING_SEED,   /* uint64_t in [low, high], at most 2^53 */
    WANE_SETTING_FLAG,   /* bool: true, yes, on; false, no, off */
    WANE_SETTING_CHOICE, /* one of `choices`: an enum in their order; of two also a bool; or a
                            const char *, the name itself */
    WANE_SETTING_BLOCK,  /* a map: `block`, whose struct begins at the member */
    WANE_SETTING_LIST,   /* a list of such maps; has its own `read` and `print` */
    WANE_SETTING_OWN     /* written in a way of its own: has its own `read` and `print`, and `form`
                            says what may stand there */
} wane_setting_type;

/* Whether a setting is in the key of a stage that is trained. An entry's place there is a number
 * from 1 on, counted over the blocks that are hashed together: the order of keys outlives that of
 * tables. New settings are WANE_KEY_CHANGED, so that the keys of finished stages stay. */
enum {
    WANE_KEY_NO = 0,
    WANE_KEY_CHANGED = -1, /* behind the others and by name, where it is not at its default */
    WANE_KEY_CONTENT = -2, /* not by the loops: what it names, draws or decides is hashed */
    WANE_KEY_INSIDE = -3   /* a block: as its entries say (else none of them is) */
};

typedef struct wane_setting wane_setting;
typedef struct wane_settings wane_settings;

/* Who reads. `memory` keeps texts and arrays; `owner` is for the own functions of entries; `map` is
 * the map that is being read, NULL where the file has none (the loops set it). */
typedef struct wane_setting_reader {
    wane_arena *memory;
    void *owner;
    const wane_yaml *map;
} wane_setting_reader;

/* Reads the value at `node` into the struct `into` of the entry's block. Called for every map that
 * is read, with `node` NULL where the key is not there. */
typedef wane_status (*wane_setting_read)(void *into, const wane_setting *setting,
                                         const wane_yaml *node, const wane_setting_reader *reader,
                                         wane_error *err);

struct wane_setting {
    const char *name;
    wane_setting_type type;
    size_t offset, size; /* of the member: WANE_MEMBER; size 0: none */
    double low, high;
    const char *const *choices;      /* ended by NULL */
    const char *(*choice)(size_t i); /* instead, where a table has them: the i-th; NULL behind the
                                        last */
    const wane_settings *block;      /* of BLOCK and LIST */
    const char *aliases;             /* other spellings, with blanks between; NULL: none */
    const char *item;                /* LIST: the key that an item given by its text alone says */
    int key;                         /* a place, or WANE_KEY_* */
    const char *listed;              /* may be a list, then a config each: "r" names them NAME-r8 */
    bool required;                   /* in every map of its block that the file has */
    bool quiet;                      /* printed only where it is not at its default */
    bool stored;                     /* echoed in the database, table parameter */
    const char *written; /* the default as it is written, where the block's constant has it not */
    const char *usual;   /* the default in words, where it cannot be written */
    const char *unit;
    const char *help;       /* one line */
    const char *explain;    /* more than that; NULL: no more is to be said */
    const char *form;       /* of own ways of writing: "a number, or a multiple of the rank (2r)" */
    const char *example;    /* a value for the example file, where the default cannot stand there */
    wane_setting_read read; /* NULL: by type; as are the next two: the value of the struct
                               `of` as YAML, and into a key */
    void (*print)(wane_text *out, const wane_setting *setting, const void *of);
    void (*hash)(wane_sha256 *hash, const wane_setting *setting, const void *of);
    bool (*there)(const void *of); /* false: it is not printed; NULL: always */
};

/* The member of a struct that an entry fills. */
#define WANE_MEMBER(type, member)                                                                  \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct wane_settings {
    const char *name; /* as messages and the reference call it */
    const char *help; /* one line */
    const wane_setting *entries;
    size_t count;
    const void *defaults; /* a constant of the struct; NULL: all zero */
    /* Blocks whose keys stand in the same map: the i-th; NULL behind the last. NULL: none. */
    const wane_settings *(*beside)(size_t i);
    /* After every entry: what only all of them decide. NULL: nothing. */
    wane_status (*settle)(void *into, const wane_setting_reader *reader, wane_error *err);
};

/* `there` of what is never printed. */
bool wane_setting_never(const void *of);

/* A block and the struct that it fills or that it is read from. */
typedef struct wane_settings_into {
    const wane_settings *block;
    void *into;
} wane_settings_into;
typedef struct wane_settings_of {
    const wane_settings *block;
    const void *of;
} wane_settings_of;

/* Sets every member that the block's entries have to its default. */
void wane_settings_default(void *into, const wane_settings *block);

/* Settings that a map gives as lists, with the item of each that is meant: the last varies first.
 * Start with wane_settings_lists. */
enum { WANE_SETTING_LISTS = 8, WANE_SETTING_VALUES = 64 };
typedef struct wane_setting_lists {
    size_t count;
    struct {
        const wane_setting *setting;
        const wane_yaml *list;
        size_t at;
    } of[WANE_SETTING_LISTS];
} wane_setting_lists;
/* Finds them in `map`: of entries that may be lists, each with 1 to WANE_SETTING_VALUES items. */
WANE_MUST_CHECK wane_status wane_settings_lists(wane_setting_lists *out,
                                                const wane_settings_into *blocks, size_t count,
                                                const wane_yaml *map, wane_error *err);
/* Goes on to the next combination; false after the last. */
bool wane_settings_next(wane_setting_lists *lists);

/* Reads `map` (NULL: no key is there) into the blocks that share it, entries in their order; a
 * member keeps its value where its key is not there. An unknown key, and a value of another type or
 * out of its range, is WANE_EINVAL with file, key, line and column, and with the nearest known
 * name. `lists` may be NULL: then no value may be a list. */
WANE_MUST_CHECK wane_status wane_settings_read(const wane_settings_into *blocks, size_t count,
                                               const wane_yaml *map,
                                               const wane_setting_lists *lists,
                                               const wane_setting_reader *reader, wane_error *err);
/* The same for one block alone, from its defaults. */
WANE_MUST_CHECK wane_status wane_settings_fill(void *into, const wane_settings *block,
                                               const wane_yaml *map,
                                               const wane_setting_reader *reader, wane_error *err);

/* ------------------------------------------------------------------------------- printing */

/* Appends a text as a YAML double-quoted scalar that reads back equal, whatever it holds; as a key
 * it may be longer than YAML takes plainly. */
void wane_setting_quote(wane_text *out, const char *text);
void wane_setting_quote_key(wane_text *out, const char *text);
/* Whether wane_settings_print shows the entry; and its value as it shows it. */
bool wane_setting_shown(const wane_setting *setting, const wane_settings *block, const void *of);
void wane_setting_print(wane_text *out, const wane_setting *setting, const void *of);
/* The default as it is written; "none" where nothing stands for it. */
void wane_setting_print_default(wane_text *out, const wane_setting *setting,
                                const wane_settings *block);
/* Whether it can be written: it is one of the block's constant, or `written`. */
bool wane_setting_has_default(const wane_setting *setting, const wane_settings *block);
/* "{name: value, ...}" of the blocks that share a map. */
void wane_settings_print(wane_text *out, const wane_settings_of *blocks, size_t count);
/* A line for each entry of a file's root block. */
void wane_settings_print_file(wane_text *out, const wane_settings *root, const void *of);

/* ---------------------------------------------------------------------------------- values */

/* The member as a number: of NUMBER, COUNT, SEED, FLAG, and of a CHOICE its index. */
double wane_setting_value(const wane_setting *setting, const void *of);
/* The i-th choice; NULL behind the last, and where there are none. */
const char *wane_setting_choice(const wane_setting *setting, size_t i);
/* The member as a word: of TEXT, PATH and CHOICE; NULL where nothing was said. */
const char *wane_setting_word(const wane_setting *setting, const void *of);
/* Whether the member is what the block's default is. */
bool wane_setting_usual(const wane_setting *setting, const wane_settings *block, const void *of);

/* Hashes what is in the key: by place, then what has none and is not at its default. */
void wane_settings_hash(wane_sha256 *hash, const wane_settings_of *blocks, size_t count);
/* The entry at that place, from 1 on, and the struct it is in; NULL behind the last. */
const wane_setting *wane_settings_placed(const void **of, const wane_settings_of *blocks,
                                         size_t count, int place);

/* ----------------------------------------------------------------------------- the whole */

/* Every key below a root block. */
typedef struct wane_setting_place {
    char path[96]; /* "methods.rank": the names on the way */
    const wane_setting *setting;
    const wane_settings *block; /* the entry is in */
    bool in_key;                /* it is, and no block on the way is not */
    size_t depth;               /* blocks on the way: 0 in the root */
} wane_setting_place;

/* Calls `visit` for each, parents first, in the order of the tables; stops when it is false. */
void wane_settings_walk(const wane_settings *root,
                        bool (*visit)(void *context, const wane_setting_place *place),
                        void *context);
/* What the tables call a key: the name that has `key` as an alias, else `key` itself. */
const char *wane_settings_name(const wane_settings *root, const char *key);

#endif
