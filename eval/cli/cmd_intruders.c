/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "eval/cli/commands.h"
#include "eval/cli/page.h"
#include "eval/cli/spectra_of_pair.h"
#include "store/files/json.h"

typedef struct intruders_call {
    size_t k, threads;
    double epsilon;
    const char *side;
    bool json, u, v;
} intruders_call;

static double random_count(const wane_pair *pair, const wane_matrix_spectrum *m, int side,
                           const intruders_call *asked)
{
    const wane_parameter *p = &pair->base->parameters.parameter[m->parameter];
    size_t k = m->spectrum.count < asked->k ? m->spectrum.count : asked->k;
    return wane_intruder_random(side == 0 ? p->rows : p->cols, m->base_count, k, asked->epsilon);
}

static void write_page(wane_text *out, const wane_pair *pair, const wane_matrix_spectrum *list,
                       size_t count, int side, const intruders_call *asked)
{
    wane_text rows = {0};
    size_t total = 0;
    double random = 0;
    char a[32], b[32], c[32], d[32], e[32];
    wane_text_string(&rows, "matrix\tshape\tintruders\trandom\tenergy\t||dW||\trelative\teffective "
                            "rank\n");
    for (size_t i = 0; i < count; i++) {
        const wane_parameter *p = &pair->base->parameters.parameter[list[i].parameter];
        const wane_spectrum *s = &list[i].spectrum;
        const wane_direction *way = s->side[side];
        size_t found = wane_intruder_count(way, s->count, asked->k, asked->epsilon);
        double expected = random_count(pair, &list[i], side, asked);
        total += found;
        random += expected;
        wane_text_printf(
            &rows, "%s\t%zux%zu\t%zu\t%s\t%s\t%s\t%s\t%s\n", p->name, p->rows, p->cols, found,
            wane_page_number(a, expected, 3),
            wane_page_number(b, wane_intruder_energy(way, s->count, asked->k, asked->epsilon), 3),
            wane_page_number(c, s->delta_frobenius, 4), wane_page_number(d, s->relative_update, 3),
            wane_page_number(e, s->effective_rank, 4));
    }
    wane_text_printf(out,
                     "side %s: %zu intruders in the top %zu (max |cosine| < %s); as many random "
                     "directions would give %s\n",
                     side == 0 ? "u" : "v", total, asked->k, wane_format_double(a, asked->epsilon),
                     wane_page_number(b, random, 4));
    wane_page_table(out, &rows, "lrrrrrrr");
    wane_text_free(&rows);
}

static void write_directions(wane_text *out, const wane_spectrum *s, int side, size_t k)
{
    for (size_t j = 0; j < s->count && j < k; j++) {
        const wane_direction *d = &s->side[side][j];
        wane_text_printf(out, "%s{\"position\":%zu,\"sigma\":", j ? "," : "", j + 1);
        wane_json_write_number(out, d->sigma);
        wane_text_string(out, ",\"max_cosine\":");
        wane_json_write_number(out, d->max_cosine);
        wane_text_string(out, ",\"span\":");
        wane_json_write_number(out, d->span);
        wane_text_string(out, "}");
    }
}

static void write_json(wane_text *out, const wane_pair *pair, const wane_matrix_spectrum *list,
                       size_t count, int side, const intruders_call *asked)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += wane_intruder_count(list[i].spectrum.side[side], list[i].spectrum.count, asked->k,
                                     asked->epsilon);
    wane_text_printf(out, "{\"k\":%zu,\"epsilon\":", asked->k);
    wane_json_write_number(out, asked->epsilon);
    wane_text_printf(out, ",\"side\":\"%s\",\"total\":%zu,\"matrices\":[", side == 0 ? "u" : "v",
                     total);
    for (size_t i = 0; i < count; i++) {
        const wane_parameter *p = &pair->base->parameters.parameter[list[i].parameter];
        const wane_spectrum *s = &list[i].spectrum;
        wane_text_string(out, i ? ",{\"name\":" : "{\"name\":");
        wane_json_write_string(out, p->name);
        wane_text_printf(out, ",\"rows\":%zu,\"cols\":%zu,\"intruders\":%zu,\"random\":", p->rows,
                         p->cols,
                         wane_intruder_count(s->side[side], s->count, asked->k, asked->epsilon));
        wane_json_write_number(out, random_count(pair, &list[i], side, asked));
        wane_text_string(out, ",\"energy\":");
        wane_json_write_number(
            out, wane_intruder_energy(s->side[side], s->count, asked->k, asked->epsilon));
        wane_text_string(out, ",\"directions\":[");
        write_directions(out, s, side, asked->k);
        wane_text_string(out, "]}");
    }
    wane_text_string(out, "]}\n");
}

static wane_status measure(const wane_call *call, const intruders_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_matrix_spectrum *list = NULL;
    size_t count = 0;
    wane_text page = {0};
    wane_spectrum_options options = {.top = asked->k, .u = asked->u, .v = asked->v};
    WANE_TRY(wane_pair_open(&pair, call->operand[0], call->operand[1], asked->threads, err));
    WANE_TRY(wane_pair_spectra(&list, &count, &pair, &options, err));
    if (asked->json && asked->u && asked->v) wane_text_string(&page, "[");
    for (int side = 0; side < 2; side++) {
        if (!(side == 0 ? asked->u : asked->v)) continue;
        if (page.length > 1) wane_text_string(&page, asked->json ? "," : "\n");
        if (asked->json) write_json(&page, &pair, list, count, side, asked);
        else write_page(&page, &pair, list, count, side, asked);
    }
    if (asked->json && asked->u && asked->v) wane_text_string(&page, "]\n");
    WANE_TRY(wane_page_print(&page, err));
done:
    wane_pair_spectra_free(list, count);
    wane_pair_close(&pair);
    return st;
}

static int run(wane_call *call)
{
    intruders_call asked = {.k = 10, .epsilon = 0.5, .side = "u"};
    const wane_option options[] = {
        {"top", 'k', WANE_OPTION_COUNT, &asked.k, "K", "top directions of each matrix (10)"},
        {"epsilon", 0, WANE_OPTION_NUMBER, &asked.epsilon, "E",
         "an intruder's largest |cosine| is below this (0.5)"},
        {"side", 0, WANE_OPTION_TEXT, &asked.side, "u|v|both",
         "left vectors, right ones, both (u)"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &asked.json, NULL, "as JSON, every direction included"},
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    asked.u = strcmp(asked.side, "u") == 0 || strcmp(asked.side, "both") == 0;
    asked.v = strcmp(asked.side, "v") == 0 || strcmp(asked.side, "both") == 0;
    if (asked.k == 0 || !(asked.u || asked.v))
        return wane_cli_usage(call, "-k is at least 1, --side is u, v or both");
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_intruders = {
    "intruders", "intruders BASE TUNED [-k 10] [--epsilon .5] [--side u|v|both] [--json]",
    "Count the intruder dimensions of a tuned model or adapter against its base.", run};
