/* SPDX-License-Identifier: Apache-2.0
 * Holds two tokenizers against each other id by id, and the larger against the rows of the
 * embedding.
 */
#include "eval/pair/tokenizers_compared.h"

#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "store/files/json.h"
#include "tasks/text/tokenizer.h"

/* Of the largest matrix that has a row for an entry of the vocabulary. */
static size_t embedding_rows(const wane_comparison *c)
{
    size_t rows = 0;
    for (size_t i = 0; i < c->count; i++) {
        const wane_compared *one = &c->list[i];
        size_t own = one->rows + one->extra[c->tuned.adapter ? 0 : 1];
        bool words = one->kind == WANE_TENSOR_KIND_EMBEDDING || one->kind == WANE_TENSOR_KIND_HEAD;
        if (words && one->base->dimensions == 2 && own > rows) rows = own;
    }
    return rows;
}

static void compare_ids(wane_tokenizers_compared *out, const wane_tokenizer *base,
                        const wane_tokenizer *tuned)
{
    const wane_tokenizer *side[2] = {base, tuned};
    for (int s = 0; s < 2; s++) out->size[s] = wane_tokenizer_size(side[s]);
    size_t most = out->size[0] > out->size[1] ? out->size[0] : out->size[1];
    size_t both = out->size[0] + out->size[1] - most;
    for (size_t id = 0; id < most; id++) {
        const char *a = id < out->size[0] ? wane_tokenizer_token(base, (int32_t)id) : NULL;
        const char *b = id < out->size[1] ? wane_tokenizer_token(tuned, (int32_t)id) : NULL;
        if (a == b || (a && b && strcmp(a, b) == 0)) continue;
        out->differ += id < both;
        if (out->first >= 0) continue;
        out->first = (long)id;
        (void)snprintf(out->token, sizeof out->token, "%s", b ? b : a);
    }
}

wane_status wane_tokenizers_compare(wane_tokenizers_compared *out, const wane_comparison *c,
                                    wane_error *err)
{
    const wane_package *package[2] = {c->base.package, c->tuned.package};
    wane_tokenizer *side[2] = {NULL, NULL};
    wane_status st = WANE_OK;
    wane_error why;
    *out = (wane_tokenizers_compared){.first = -1};
    for (int s = 0; s < 2; s++)
        if (!package[s] || !wane_tokenizer_there(package[s])) return WANE_OK;
    for (int s = 0; s < 2 && st == WANE_OK; s++) {
        st = wane_tokenizer_load_package(&side[s], package[s], &why);
        if (st != WANE_OK) (void)snprintf(out->reason, sizeof out->reason, "%.199s", why.message);
    }
    if (st == WANE_ENOMEM) *err = why;
    else if (st == WANE_OK) {
        out->both = true;
        out->rows = embedding_rows(c);
        compare_ids(out, side[0], side[1]);
    }
    for (int s = 0; s < 2; s++) wane_tokenizer_free(side[s]);
    return st == WANE_ENOMEM ? st : WANE_OK;
}

static bool beyond_rows(const wane_tokenizers_compared *t)
{
    return t->both && t->rows && t->size[1] > t->rows && t->size[1] > t->size[0];
}

bool wane_tokenizers_differ(const wane_tokenizers_compared *t)
{
    return t->reason[0] || t->first >= 0;
}

void wane_tokenizers_write(wane_text *out, const wane_tokenizers_compared *t)
{
    char a[32], b[32], c[32], rows[80] = "";
    if (t->reason[0]) wane_page_line(out, "tokenizer", "not compared: %s", t->reason);
    if (t->first < 0) return;
    if (beyond_rows(t))
        (void)snprintf(rows, sizeof rows, "; its embedding has only %s rows",
                       wane_page_count(a, t->rows));
    wane_page_line(out, "tokenizer",
                   "%s ids in the base, %s in the tuned; %s of those in both differ; first %ld "
                   "\"%s\"%s",
                   wane_page_count(a, t->size[0]), wane_page_count(b, t->size[1]),
                   wane_page_count(c, t->differ), t->first, t->token, rows);
}

void wane_tokenizers_write_json(wane_text *out, const wane_tokenizers_compared *t)
{
    wane_text_string(out, "\"tokenizer\": ");
    if (!t->both && !t->reason[0]) {
        wane_text_string(out, "null");
        return;
    }
    wane_text_string(out, "{\"reason\": ");
    wane_json_write_string(out, t->reason[0] ? t->reason : NULL);
    wane_text_printf(out, ", \"ids_base\": %zu, \"ids_tuned\": %zu, \"differ\": %zu, \"first\": ",
                     t->size[0], t->size[1], t->differ);
    if (t->first < 0) wane_text_string(out, "null");
    else wane_text_printf(out, "%ld", t->first);
    wane_text_printf(out, ", \"rows_tuned\": %zu}", t->rows);
}
