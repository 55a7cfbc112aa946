/* SPDX-License-Identifier: Apache-2.0
 * Subcommands: a table entry each, options from a table that also makes the help.
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 a stage or gate failed,
 * 2 bad usage or input, 3 interrupted.
 */
#ifndef EVAL_CLI_COMMAND_H
#define EVAL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/status.h"
#include "store/base/text.h"

enum { WANE_EXIT_DONE = 0, WANE_EXIT_FAILED = 1, WANE_EXIT_USAGE = 2, WANE_EXIT_STOPPED = 3 };

typedef enum wane_option_kind {
    WANE_OPTION_FLAG,        /* bool * */
    WANE_OPTION_TEXT,        /* const char ** */
    WANE_OPTION_INPUT,       /* as TEXT: the path of what is read */
    WANE_OPTION_MODEL,       /* the same of a model or adapter, by a name on the hub too: pinned */
    WANE_OPTION_OUTPUT,      /* as TEXT: the path of the file that is written (outputs.h) */
    WANE_OPTION_FOLDER,      /* the same of a folder that is written */
    WANE_OPTION_DATABASE,    /* as TEXT: the database that results go into (outputs.h) */
    WANE_OPTION_LIST,        /* wane_option_list *: may be given again, or hold commas */
    WANE_OPTION_INPUTS,      /* as LIST: paths of what is read */
    WANE_OPTION_REPEAT,      /* wane_option_list *: may be given again, commas are its own */
    WANE_OPTION_COUNT,       /* size_t * */
    WANE_OPTION_POSITIVE,    /* as COUNT, where 0 would mean nothing: refused */
    WANE_OPTION_NUMBER,      /* double * */
    WANE_OPTION_HIDDEN_COUNT /* as COUNT, not in the help */
} wane_option_kind;

typedef struct wane_option {
    const char *name; /* long name without dashes; '-' and '_' are alike */
    char letter;      /* short form, or 0 */
    wane_option_kind kind;
    void *value;          /* where it goes */
    const char *argument; /* what the help calls its argument */
    const char *help;
} wane_option;

enum { WANE_OPTION_LIST_MOST = 256 };

/* Texts borrowed from argv, whose words are cut at their commas. */
typedef struct wane_option_list {
    const char *item[WANE_OPTION_LIST_MOST];
    size_t count;
} wane_option_list;

enum { WANE_PINNED_MOST = 8 };

/* One call of a subcommand. Free with wane_call_free. */
typedef struct wane_call {
    const struct wane_command *command;
    int argc; /* of what follows the subcommand's name */
    char **argv;
    const char *operand[WANE_OPTION_LIST_MOST]; /* after wane_call_parse */
    size_t operands;
    char *
        pinned[WANE_PINNED_MOST]; /* operands and options that are names on the hub, with commits */
    size_t pinned_count;
    /* Set before wane_call_parse: appends what the help ends with. NULL: nothing. */
    void (*more_help)(wane_text *out);
    /* The same: so many operands, from the first on, are models, adapters or tensors. */
    size_t models;
} wane_call;

typedef struct wane_command {
    const char *name;
    const char *usage;   /* "run EXPERIMENT.yaml [key=value ...]" without "wane " and options */
    const char *summary; /* one line; lines behind it are examples, for the end of its help */
    int (*run)(wane_call *call); /* returns the exit code */
} wane_command;

/* The entry of the option that every command writing csv has. */
#define WANE_CSV_PLAIN(flag)                                                                       \
    {                                                                                              \
        "csv-plain", 0, WANE_OPTION_FLAG, &(flag), NULL,                                           \
            "csv: no ' before texts that begin with = + - @ (spreadsheets compute them)"           \
    }

/* All subcommands, in the order of the help. */
extern const wane_command *const wane_commands[];
extern const size_t wane_command_count;

/* Reads options and operands; models that are named as on the hub (store/files/hub.h) are called
 * with their commit from here on. Returns true to go on; false when the call is finished (help
 * printed, or a usage error said, or an output that would replace an input or a database,
 * outputs.h), and then *exit_code is set. At least `least` and at most `most` operands are wanted.
 */
bool wane_call_parse(wane_call *call, const wane_option *options, size_t count, size_t least,
                     size_t most, int *exit_code);

void wane_call_free(wane_call *call);

/* "wane: MESSAGE" on stderr; returns the exit code that fits the error. */
int wane_cli_fail(const wane_error *err);
/* The same for a usage error said in place. */
int wane_cli_usage(const wane_call *call, const char *format, ...) WANE_PRINTF(2, 3);

#endif
