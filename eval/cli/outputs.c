/* SPDX-License-Identifier: Apache-2.0
 * Holds each output against each input and each database by device and inode, and asks of each kind
 * of output whether it could be written.
 */
#include "eval/cli/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/hub.h"
#include "store/results/results.h"

enum { MOST_FILES = 100000 };

/* One output, and the input it is held against. */
typedef struct held {
    const char *command, *output;
    struct stat info; /* of the output, which is there */
    wane_error *err;
} held;

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static wane_status refuse(const held *h, const char *what, const char *path)
{
    return wane_fail(h->err, WANE_EEXIST,
                     "%s: %s: is there and %s%s%s: nothing is written; name another output",
                     h->command, h->output, what, path ? " " : "", path ? path : "");
}

/* Any of the files in the folder, however it is reached. A folder that cannot be listed is the
 * reader's to complain about. */
static wane_status against_folder(const held *h, const char *folder)
{
    char **names = NULL;
    size_t count = 0;
    bool found = false;
    wane_error ignored;
    if (wane_folder_walk(&names, &count, folder, MOST_FILES, &ignored) != WANE_OK) return WANE_OK;
    for (size_t i = 0; i < count && !found; i++) {
        struct stat info;
        char *path = wane_path_join(folder, names[i]);
        found = path && stat(path, &info) == 0 && same(&info, &h->info);
        wane_free(path);
    }
    wane_names_free(names, count);
    return found ? refuse(h, "is a file of an input of this command,", folder) : WANE_OK;
}

static wane_status against_input(const held *h, const char *input)
{
    struct stat info;
    if (!input || stat(input, &info) != 0) return WANE_OK;
    if (same(&info, &h->info)) return refuse(h, "is an input of this command,", input);
    return S_ISDIR(info.st_mode) && !S_ISDIR(h->info.st_mode) ? against_folder(h, input) : WANE_OK;
}

/* The files of a model, wherever the hub's cache has them. */
static wane_status against_model(const held *h, const char *model)
{
    char *folder = NULL;
    if (!model || wane_hub_folder(&folder, model, NULL) != WANE_OK) return WANE_OK;
    wane_status st = against_input(h, folder ? folder : model);
    wane_free(folder);
    return st;
}

static wane_status against_inputs(const held *h, const wane_call *call, const wane_option *options,
                                  size_t count)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < call->operands && st == WANE_OK; i++)
        st = i < call->models ? against_model(h, call->operand[i])
                              : against_input(h, call->operand[i]);
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        const wane_option_list *list = options[i].value;
        if (options[i].kind == WANE_OPTION_INPUT)
            st = against_input(h, *(const char *const *)options[i].value);
        if (options[i].kind == WANE_OPTION_MODEL && st == WANE_OK)
            st = against_model(h, *(const char *const *)options[i].value);
        for (size_t k = 0; options[i].kind == WANE_OPTION_INPUTS && k < list->count; k++)
            if (st == WANE_OK) st = against_input(h, list->item[k]);
    }
    return st;
}

/* "NAME" of "NAME-journal", when that is a database. */
static bool belongs_to_database(const char *path)
{
    static const char *const endings[] = {"-journal", "-wal", "-shm"};
    size_t length = strlen(path);
    bool found = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !found; i++) {
        size_t tail = strlen(endings[i]);
        char *name = length > tail && strcmp(path + length - tail, endings[i]) == 0
                         ? wane_strdup(path)
                         : NULL;
        if (name) name[length - tail] = '\0';
        found = name && wane_file_is_database(name);
        wane_free(name);
    }
    return found;
}

/* Whether a folder on the way is "NAME.artifacts" beside a database NAME. */
static bool among_artifacts(const char *path)
{
    static const char ending[] = ".artifacts";
    char *real = realpath(path, NULL);
    bool found = false;
    for (char *slash = real; slash && !found && (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        size_t length = (size_t)(slash - real), tail = sizeof ending - 1;
        if (length > tail && strcmp(slash - tail, ending) == 0) {
            slash[-(long)tail] = '\0';
            found = wane_file_is_database(real);
            slash[-(long)tail] = '.';
        }
        *slash = '/';
    }
    free(real); /* realpath's own */
    return found;
}

static wane_status against_databases(const held *h)
{
    char **names = NULL;
    size_t count = 0;
    bool found = false;
    wane_error ignored;
    if (!S_ISDIR(h->info.st_mode)) {
        if (wane_file_is_database(h->output)) return refuse(h, "is a database", NULL);
        if (belongs_to_database(h->output)) return refuse(h, "is the journal of a database", NULL);
        if (among_artifacts(h->output)) return refuse(h, "is an artifact of a database", NULL);
        return WANE_OK;
    }
    if (wane_folder_list(&names, &count, h->output, &ignored) != WANE_OK) return WANE_OK;
    for (size_t i = 0; i < count && !found; i++) {
        char *path = wane_path_join(h->output, names[i]);
        found = path && wane_file_is_database(path);
        wane_free(path);
    }
    wane_names_free(names, count);
    return found ? refuse(h, "holds a database", NULL) : WANE_OK;
}

/* What tells whether an output of that kind could be written; NULL: it is none. */
static wane_status (*writer_of(wane_option_kind kind))(const char *, wane_error *)
{
    switch (kind) {
    case WANE_OPTION_OUTPUT: return wane_file_writable;
    case WANE_OPTION_FOLDER: return wane_folder_writable;
    case WANE_OPTION_DATABASE: return wane_results_writable;
    default: return NULL;
    }
}

wane_status wane_outputs_check(const wane_call *call, const wane_option *options, size_t count,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < count && st == WANE_OK; i++) {
        held h = {.command = call->command->name, .err = err};
        wane_status (*writable)(const char *, wane_error *) = writer_of(options[i].kind);
        if (!writable) continue;
        h.output = *(const char *const *)options[i].value;
        if (!h.output) continue;
        if (options[i].kind != WANE_OPTION_DATABASE && stat(h.output, &h.info) == 0) {
            st = against_inputs(&h, call, options, count);
            if (st == WANE_OK) st = against_databases(&h);
        }
        if (st == WANE_OK) st = writable(h.output, err);
    }
    return st;
}
