/* SPDX-License-Identifier: Apache-2.0
 * Parses options by their table, prints the help that the table makes, and names the option that
 * was meant.
 */
#include "eval/cli/command.h"
#include "eval/cli/outputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "store/base/memory.h"
#include "store/base/text.h"
#include "store/files/hub.h"

int wane_cli_fail(const wane_error *err)
{
    wane_tell("wane: %s\n", err->message);
    if (err->code == WANE_ECANCELLED) return WANE_EXIT_STOPPED;
    bool ours = err->code == WANE_EINTERNAL || err->code == WANE_ENOMEM || err->code == WANE_EIO ||
                err->code == WANE_EBUSY || err->code == WANE_ENUMERIC || err->code == WANE_ELIMIT;
    return ours ? WANE_EXIT_FAILED : WANE_EXIT_USAGE;
}

int wane_cli_usage(const wane_call *call, const char *format, ...)
{
    char words[4096];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    wane_tell("wane %s: %s (wane %s -h says more)\n", call->command->name, words,
              call->command->name);
    return WANE_EXIT_USAGE;
}

static void print_help(const wane_call *call, const wane_option *options, size_t count)
{
    const char *summary = call->command->summary, *line = summary + strcspn(summary, "\n");
    (void)printf("usage: wane %s\n\n%.*s\n", call->command->usage, (int)(line - summary), summary);
    if (count) (void)printf("\noptions:\n");
    for (size_t i = 0; i < count; i++) {
        const wane_option *o = &options[i];
        char left[96];
        if (o->kind == WANE_OPTION_HIDDEN_COUNT) continue;
        int used = o->letter ? snprintf(left, sizeof left, "-%c, ", o->letter)
                             : snprintf(left, sizeof left, "    ");
        (void)snprintf(left + used, sizeof left - (size_t)used, "--%s%s%s", o->name,
                       o->argument ? " " : "", o->argument ? o->argument : "");
        (void)printf("  %-30s %s\n", left, o->help);
    }
    (void)printf("  %-30s %s\n", "-h, --help", "this text");
    if (*line) (void)printf("\nexamples:\n");
    while (*line) {
        size_t length = strcspn(++line, "\n");
        (void)printf("  %.*s\n", (int)length, line);
        line += length;
    }
    wane_text more = {0};
    if (call->more_help) call->more_help(&more);
    wane_put(stdout, more.data, more.length);
    wane_text_free(&more);
}

static bool same_name(const char *a, const char *b, size_t length)
{
    if (strlen(b) != length) return false;
    for (size_t i = 0; i < length; i++)
        if ((a[i] == '_' ? '-' : a[i]) != b[i]) return false;
    return true;
}

static const wane_option *find_long(const wane_option *options, size_t count, const char *name,
                                    size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(name, options[i].name, length)) return &options[i];
    return NULL;
}

/* Cut at its commas in place: the words of argv are ours to change. */
static bool add_items(wane_option_list *list, char *text)
{
    for (char *part = text; part;) {
        char *comma = strchr(part, ',');
        if (comma) *comma = '\0';
        if (list->count == WANE_OPTION_LIST_MOST) return false;
        if (*part) list->item[list->count++] = part;
        part = comma ? comma + 1 : NULL;
    }
    return true;
}

static bool set_option(const wane_call *call, const wane_option *o, char *text)
{
    int64_t count = 0;
    switch (o->kind) {
    case WANE_OPTION_FLAG: *(bool *)o->value = true; return true;
    case WANE_OPTION_TEXT:
    case WANE_OPTION_INPUT:
    case WANE_OPTION_MODEL:
    case WANE_OPTION_OUTPUT:
    case WANE_OPTION_FOLDER:
    case WANE_OPTION_DATABASE: *(const char **)o->value = text; return true;
    case WANE_OPTION_LIST:
    case WANE_OPTION_INPUTS:
        if (add_items(o->value, text)) return true;
        break;
    case WANE_OPTION_REPEAT: {
        wane_option_list *list = o->value;
        if (list->count == WANE_OPTION_LIST_MOST) break;
        list->item[list->count++] = text;
        return true;
    }
    case WANE_OPTION_POSITIVE:
        if (wane_parse_int64(&count, text) && count == 0) {
            (void)wane_cli_usage(call, "--%s is at least 1; leave it out for its default", o->name);
            return false;
        }
        __attribute__((fallthrough));
    case WANE_OPTION_COUNT:
    case WANE_OPTION_HIDDEN_COUNT:
        if (wane_parse_int64(&count, text) && count >= 0) {
            *(size_t *)o->value = (size_t)count;
            return true;
        }
        break;
    case WANE_OPTION_NUMBER:
        if (wane_parse_double(o->value, text)) return true;
        break;
    }
    (void)wane_cli_usage(call, "--%s: '%s' is no usable value", o->name, text);
    return false;
}

static void unknown_option(const wane_call *call, const wane_option *options, size_t count,
                           const char *name)
{
    const char *names[64];
    size_t n = count < 64 ? count : 64;
    for (size_t i = 0; i < n; i++) names[i] = options[i].name;
    const char *nearest = wane_nearest(name, names, n);
    (void)wane_cli_usage(call, "unknown option --%s%s%s", name, nearest ? "; did you mean --" : "",
                         nearest ? nearest : "");
}

/* Reads the option at argv[*i]; false after a usage error. */
static bool read_option(wane_call *call, const wane_option *options, size_t count, int *i)
{
    char *word = call->argv[*i];
    const wane_option *o = NULL;
    char *text = NULL;
    if (word[1] == '-') {
        char *equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        o = find_long(options, count, word + 2, length);
        text = equals ? equals + 1 : NULL;
        if (!o) unknown_option(call, options, count, word + 2);
    } else {
        for (size_t k = 0; k < count && !o; k++)
            if (options[k].letter == word[1]) o = &options[k];
        if (o && word[2]) text = word + 2;
        if (!o) (void)wane_cli_usage(call, "unknown option %s", word);
    }
    if (!o) return false;
    if (o->kind == WANE_OPTION_FLAG && text) {
        (void)wane_cli_usage(call, "--%s takes no value", o->name);
        return false;
    }
    if (o->kind != WANE_OPTION_FLAG && !text) {
        if (*i + 1 >= call->argc) {
            (void)wane_cli_usage(call, "--%s needs a value", o->name);
            return false;
        }
        text = call->argv[++*i];
    }
    return set_option(call, o, text);
}

/* A name on the hub becomes one with its commit. */
static wane_status pin(wane_call *call, const char **path, wane_error *err)
{
    if (!*path || !wane_hub_is(*path) || call->pinned_count == WANE_PINNED_MOST) return WANE_OK;
    char **pinned = &call->pinned[call->pinned_count];
    wane_status st = wane_hub_pin(pinned, *path, NULL, err);
    if (st != WANE_OK) return st;
    call->pinned_count++;
    *path = *pinned;
    return WANE_OK;
}

static wane_status pin_models(wane_call *call, const wane_option *options, size_t count,
                              wane_error *err)
{
    wane_status st = WANE_OK;
    for (size_t i = 0; i < call->operands && i < call->models && st == WANE_OK; i++)
        st = pin(call, &call->operand[i], err);
    for (size_t i = 0; i < count && st == WANE_OK; i++)
        if (options[i].kind == WANE_OPTION_MODEL) st = pin(call, options[i].value, err);
    return st;
}

void wane_call_free(wane_call *call)
{
    for (size_t i = 0; i < call->pinned_count; i++) wane_free(call->pinned[i]);
    call->pinned_count = 0;
}

bool wane_call_parse(wane_call *call, const wane_option *options, size_t count, size_t least,
                     size_t most, int *exit_code)
{
    bool only_operands = false;
    *exit_code = WANE_EXIT_USAGE;
    call->operands = 0;
    for (int i = 0; i < call->argc; i++) {
        const char *word = call->argv[i];
        if (!only_operands && (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)) {
            print_help(call, options, count);
            *exit_code = WANE_EXIT_DONE;
            return false;
        }
        if (!only_operands && strcmp(word, "--") == 0) only_operands = true;
        else if (!only_operands && word[0] == '-' && word[1]) {
            if (!read_option(call, options, count, &i)) return false;
        } else if (call->operands == WANE_OPTION_LIST_MOST) {
            (void)wane_cli_usage(call, "too many operands");
            return false;
        } else call->operand[call->operands++] = word;
    }
    if (call->operands >= least && call->operands <= most) {
        wane_error err;
        wane_status st = pin_models(call, options, count, &err);
        if (st == WANE_OK) st = wane_outputs_check(call, options, count, &err);
        if (st == WANE_OK) return true;
        *exit_code = wane_cli_fail(&err);
        return false;
    }
    (void)wane_cli_usage(call,
                         call->operands < least ? "something is missing: wane %s"
                                                : "too many operands: wane %s",
                         call->command->usage);
    return false;
}
