/* SPDX-License-Identifier: Apache-2.0
 * The command `wane verify`: collects what is found or unexpected into a page or JSON, and names
 * the experiment whose cells are measured again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/experiment_call.h"
#include "eval/run/verify.h"
#include "store/base/clock.h"
#include "store/files/json.h"

typedef struct verdict {
    wane_text found, unexpected; /* lines, or elements of a JSON list */
    bool json;
} verdict;

static void add(wane_text *list, bool json, const char *where, const char *what)
{
    if (!json) {
        wane_text_printf(list, "%s: ", where);
        /* A line break of a row would begin a line of the page: it is made visible like the rest.
         */
        for (const char *rest = what; *rest;) {
            size_t span = strcspn(rest, "\n\t");
            wane_text_append(list, rest, span);
            rest += span;
            if (*rest) wane_text_string(list, *rest++ == '\n' ? "\\x0a" : "\\x09");
        }
        wane_text_string(list, "\n");
        return;
    }
    wane_text_string(list, list->length ? ",{\"where\":" : "{\"where\":");
    wane_json_write_string(list, where);
    wane_text_string(list, ",\"what\":");
    wane_json_write_string(list, what);
    wane_text_string(list, "}");
}

static void found(void *context, const char *where, const char *what)
{
    verdict *v = context;
    add(&v->found, v->json, where, what);
}

static void unexpected(void *context, const char *where, const char *what)
{
    verdict *v = context;
    add(&v->unexpected, v->json, where, what);
}

static const char *of(char out[96], int64_t count, int64_t unsealed)
{
    char all[32], bare[32];
    (void)wane_page_count(all, (size_t)count);
    if (unsealed)
        (void)snprintf(out, 96, "%s, of them %s unsealed: an earlier wane wrote them", all,
                       wane_page_count(bare, (size_t)unsealed));
    else (void)snprintf(out, 96, "%s", all);
    return out;
}

static wane_status print_page(const char *path, const verdict *v, const wane_verified *n,
                              double seconds, wane_error *err)
{
    wane_text page = {0};
    char text[96], number[32];
    wane_page_line(&page, "database", "%s", path);
    wane_page_line(&page, "cells", "%s", of(text, n->cells, n->cells_unsealed));
    wane_page_line(&page, "rows of cells", "%s", wane_page_count(number, (size_t)n->rows));
    wane_page_line(&page, "totals of spectra", "%s", wane_page_count(number, (size_t)n->totals));
    wane_page_line(&page, "seals", "%s", of(text, n->seals, n->seals_unsealed));
    wane_page_line(&page, "metrics", "%s", wane_page_count(number, (size_t)n->metrics));
    (void)snprintf(text, sizeof text, "%s", wane_page_count(number, (size_t)n->artifacts));
    wane_page_line(&page, "artifacts", "%s, %s let go", text,
                   wane_page_count(number, (size_t)n->artifacts_gone));
    if (n->again || n->not_again || n->otherwise) {
        (void)snprintf(text, sizeof text, "%s", wane_page_count(number, (size_t)n->again));
        wane_page_line(&page, "measured again", "%s, %s without their weights", text,
                       wane_page_count(number, (size_t)n->not_again));
        if (n->otherwise)
            wane_page_line(&page, "other settings", "%s cells, not compared",
                           wane_page_count(number, (size_t)n->otherwise));
    }
    wane_page_line(&page, "unexpected files", "%s", wane_page_count(number, (size_t)n->unexpected));
    wane_page_line(&page, "found", "%s", wane_page_count(number, (size_t)n->found));
    (void)fprintf(stderr, "wane: verified in %.1f s\n", seconds);
    if (v->unexpected.length) wane_text_printf(&page, "\nno row names\n%s", v->unexpected.data);
    if (v->found.length) wane_text_printf(&page, "\nfound\n%s", v->found.data);
    if (!n->again)
        wane_text_string(&page, "\nHashes stand beside the rows: who rewrites both is found by "
                                "--recompute alone.\n");
    if (v->found.failed || v->unexpected.failed) page.failed = true;
    return wane_page_print(&page, err);
}

static wane_status print_json(const char *path, const verdict *v, const wane_verified *n,
                              double seconds, wane_error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"cells", n->cells},         {"cells_unsealed", n->cells_unsealed},
                  {"rows", n->rows},           {"totals", n->totals},
                  {"seals", n->seals},         {"seals_unsealed", n->seals_unsealed},
                  {"metrics", n->metrics},     {"again", n->again},
                  {"not_again", n->not_again}, {"other_settings", n->otherwise},
                  {"artifacts", n->artifacts}, {"artifacts_gone", n->artifacts_gone}};
    wane_text page = {0};
    wane_text_string(&page, "{\"database\":");
    wane_json_write_string(&page, path);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        wane_text_printf(&page, ",\"%s\":%" PRId64, counts[i].name, counts[i].value);
    wane_text_string(&page, ",\"seconds\":");
    wane_json_write_number(&page, seconds);
    wane_text_printf(&page, ",\"unexpected\":[%s],\"found\":[%s]}\n",
                     v->unexpected.length ? v->unexpected.data : "",
                     v->found.length ? v->found.data : "");
    if (v->found.failed || v->unexpected.failed) page.failed = true;
    return wane_page_print(&page, err);
}

/* The experiment of the file, and some of its cells measured again. */
static wane_status measure_again(wane_verifying *v, const wane_call *call, const char *file,
                                 size_t cells, size_t seed, size_t threads, wane_error *err)
{
    wane_opened o = {0};
    wane_status st = wane_opened_load(&o, file, call->operand + 1, call->operands - 1,
                                      call->operand[0], (int)threads, false, err);
    if (st != WANE_OK) return st;
    const wane_run_options like = {.threads = (int)threads, .log = &o.log};
    st = wane_verify_again(v, o.plan, cells, seed, &like, err);
    wane_opened_close(&o);
    return st;
}

static int run(wane_call *call)
{
    verdict v = {0};
    const char *file = NULL;
    size_t cells = 0, seed = 0, threads = 0;
    const wane_option options[] = {
        {"recompute", 'r', WANE_OPTION_COUNT, &cells, "N",
         "also measure N cells of sealed stages again and compare every bit"},
        {"experiment", 'e', WANE_OPTION_TEXT, &file, "FILE",
         "the experiment's file, for --recompute; key=value behind DB as for run"},
        {"seed", 's', WANE_OPTION_COUNT, &seed, "S", "which cells are drawn (0)"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads in all (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &v.json, NULL, "the same as JSON"}};
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 1, WANE_OPTION_LIST_MOST,
                         &code))
        return code;
    if (!file != !cells)
        return wane_cli_usage(call, "--recompute N and --experiment FILE go together");
    if (!file && call->operands > 1)
        return wane_cli_usage(call, "key=value goes with --experiment");
    if (threads > 64) return wane_cli_usage(call, "--threads is at most 64");
    const char *path = call->operand[0];
    double began = wane_clock_wall();
    wane_verifying verifying = {.context = &v, .found = found, .unexpected = unexpected};
    wane_status st = wane_results_open(&verifying.db, path, WANE_RESULTS_READ, &err);
    if (st == WANE_OK) st = wane_verify(&verifying, &err);
    else if (st == WANE_EFORMAT) { /* it cannot even be opened */ found(&v, "file", err.message);
        verifying.count.found = 1;
        st = WANE_OK;
    }
    if (st == WANE_OK && cells && verifying.db)
        st = measure_again(&verifying, call, file, cells, seed, threads, &err);
    if (st == WANE_OK)
        st = (v.json ? print_json : print_page)(path, &v, &verifying.count,
                                                wane_clock_wall() - began, &err);
    wane_results_close(verifying.db);
    wane_text_free(&v.found);
    wane_text_free(&v.unexpected);
    if (st != WANE_OK) return wane_cli_fail(&err);
    return verifying.count.found ? WANE_EXIT_FAILED : WANE_EXIT_DONE;
}

const wane_command wane_command_verify = {
    "verify", "verify DB [--recompute N --experiment FILE [key=value ...]] [--json]",
    "Hold a database and its artifacts against what was sealed. Who rewrites hashes too: "
    "--recompute.\n"
    "wane verify results.db\n"
    "wane verify results.db --recompute 20 --experiment experiment.yaml root=DATA",
    run};
