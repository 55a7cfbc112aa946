/* SPDX-License-Identifier: Apache-2.0
 * The program: finds the subcommand, or lists them.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/command.h"
#include "store/base/memory.h"
#include "store/base/text.h"

#ifndef WANE_VERSION
#error "WANE_VERSION comes from the build"
#endif

static void print_commands(FILE *out)
{
    (void)fprintf(out, "wane measures what fine-tuning makes a model forget.\n\n"
                       "usage: wane COMMAND ... (wane COMMAND -h says more)\n\n");
    for (size_t i = 0; i < wane_command_count; i++)
        (void)fprintf(out, "  %-12s %.*s\n", wane_commands[i]->name,
                      (int)strcspn(wane_commands[i]->summary, "\n"), wane_commands[i]->summary);
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t count = wane_command_count < 64 ? wane_command_count : 64;
    for (size_t i = 0; i < count; i++) names[i] = wane_commands[i]->name;
    const char *nearest = wane_nearest(name, names, count);
    wane_tell("wane: unknown command '%s'%s%s (wane -h lists them)\n", name,
              nearest ? "; did you mean " : "", nearest ? nearest : "");
    return WANE_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    wane_memory_give_back();
    /* Characters of file names and archives are UTF-8; numbers keep their dot. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    if (argc < 2) {
        print_commands(stderr);
        return WANE_EXIT_USAGE;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(stdout);
        return WANE_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("wane %s\n", WANE_VERSION);
        return WANE_EXIT_DONE;
    }
    for (size_t i = 0; i < wane_command_count; i++) {
        if (strcmp(argv[1], wane_commands[i]->name) != 0) continue;
        wane_call call = {.command = wane_commands[i], .argc = argc - 2, .argv = argv + 2};
        int code = wane_commands[i]->run(&call);
        wane_call_free(&call);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            wane_tell("wane: standard output: could not be written\n");
            return code ? code : WANE_EXIT_FAILED;
        }
        return code;
    }
    return unknown_command(argv[1]);
}
