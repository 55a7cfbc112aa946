/* SPDX-License-Identifier: Apache-2.0
 * The command `wane perplexity`: the likelihood of one text in every unit, or by the rule of
 * another tool.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/pair/models.h"
#include "store/files/json.h"

typedef struct perplexity_call {
    const char *adapter;
    wane_text_request text;
    size_t threads;
    bool json;
} perplexity_call;

/* The columns of table likelihood, and of which corpus they are. */
static void write_json(wane_text *out, const wane_text_data *text, const wane_likelihood_row *row)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"nll", row->nll},
                   {"stderr", row->stderr_},
                   {"change_stderr", row->change_stderr},
                   {"token_perplexity", row->token_perplexity},
                   {"word_perplexity", row->word_perplexity},
                   {"byte_perplexity", row->byte_perplexity},
                   {"bits_per_byte", row->bits_per_byte},
                   {"kl_to_base", row->kl_to_base},
                   {"soft_ce", row->soft_ce}};
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {{"tokens", row->tokens}, {"words", row->words},
                  {"bytes", row->bytes},   {"unk_tokens", row->unk_tokens},
                  {"window", row->window}, {"stride", row->stride}};
    wane_text_string(out, "{\"corpus\": ");
    wane_json_write_string(out, text->corpus.name);
    wane_text_printf(out, ", \"data_sha256\": \"%s\"", text->corpus.sha256);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        wane_text_printf(out, ", \"%s\": ", numbers[i].name);
        wane_json_write_number(out, numbers[i].value);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value == WANE_NULL) wane_text_printf(out, ", \"%s\": null", counts[i].name);
        else wane_text_printf(out, ", \"%s\": %" PRId64, counts[i].name, counts[i].value);
    wane_text_string(out, ", \"bos\": ");
    wane_json_write_string(out, row->bos);
    if (row->reason) wane_text_string(out, ", \"out_of_reach\": null, \"reason\": ");
    else wane_text_printf(out, ", \"out_of_reach\": %d, \"reason\": ", row->out_of_reach);
    wane_json_write_string(out, row->reason);
    wane_text_string(out, "}\n");
}

/* why: of a unit that is not there; NULL: it is beyond any number. */
static void write_unit(wane_text *out, const char *name, double value, const char *why)
{
    char number[32];
    if (isfinite(value)) wane_page_line(out, name, "%s", wane_page_number(number, value, 6));
    else wane_page_line(out, name, "%s", why ? why : "- (beyond 1.8e308)");
}

static void write_page(wane_text *out, const wane_pair *pair, const wane_text_data *text,
                       const wane_likelihood_row *row, const char *like)
{
    char a[32], b[32], c[32], d[32], e[32], f[32];
    bool known = text->windows.unknown_tokens == 0 || like, units = row->bytes != WANE_NULL;
    const char *undefined = row->reason ? "-" : known ? NULL : "undefined";
    wane_page_line(out, "model", "%s%s%s", pair->base_path, pair->tuned ? " + " : "",
                   pair->tuned ? pair->tuned_path : "");
    if (units)
        wane_page_line(out, "corpus", "%s: %s %s, %s %s, %s %s", text->corpus.name,
                       wane_page_count(a, text->windows.documents),
                       wane_page_plural(d, text->windows.documents, "document"),
                       wane_page_count(b, (size_t)row->words),
                       wane_page_plural(e, (size_t)row->words, "word"),
                       wane_page_count(c, (size_t)row->bytes),
                       wane_page_plural(f, (size_t)row->bytes, "byte"));
    else wane_page_line(out, "corpus", "%s, as one text", text->corpus.name);
    if (like) wane_page_line(out, "rule", "%s", like);
    if (text->corpus.filtered_out)
        wane_page_line(out, "", "%s %s left out by the filter",
                       wane_page_count(a, text->corpus.filtered_out),
                       wane_page_plural(d, text->corpus.filtered_out, "document"));
    wane_page_line(out, "sha256", "%s", text->corpus.sha256);
    wane_page_line(out, "tokens", "%s scored, each once", wane_page_count(a, (size_t)row->tokens));
    wane_page_line(out, "window, stride", "%" PRId64 ", %" PRId64, row->window, row->stride);
    wane_page_line(out, "BOS", "%s", row->bos);
    wane_page_line(
        out, "unknown tokens", "%s%s", wane_page_count(a, (size_t)row->unk_tokens),
        known || !units ? "" : " (they stand for text of unknown length: no word or byte units)");
    wane_text_string(out, "\n");
    wane_page_nll(out, row->nll, row->stderr_, row->reason);
    if (!isnan(text->floor))
        wane_page_line(out, "floor", "%.4f nats/token, the entropy of the language", text->floor);
    write_unit(out, "token perplexity", row->token_perplexity, row->reason ? "-" : NULL);
    if (units) write_unit(out, "word perplexity", row->word_perplexity, undefined);
    if (units) write_unit(out, "byte perplexity", row->byte_perplexity, undefined);
    if (units) write_unit(out, "bits per byte", row->bits_per_byte, undefined);
    if (row->out_of_reach)
        wane_text_string(out, "\nOut of reach: the model is no better here than a uniform guess "
                              "over its vocabulary.\n");
}

/* What other tools do not count is not there; what they do is told whatever the tokens stand for.
 */
static void by_rule_of(wane_likelihood_row *row, const char *like, bool bos)
{
    bool pages = strcmp(like, "lm-eval-wikitext") == 0;
    double total = row->nll * (double)row->tokens, bytes = (double)row->bytes;
    if (pages) {
        row->word_perplexity = exp(total / (double)row->words);
        row->byte_perplexity = exp(total / bytes);
        row->bits_per_byte = total / bytes / log(2.0);
    } else row->words = row->bytes = WANE_NULL;
    row->bos = pages                       ? "before the first token of every page"
               : !bos                      ? "none"
               : strcmp(like, "gptq") == 0 ? "first of the text"
                                           : "in place of the first token of every window";
}

static wane_status measure(const wane_call *call, const perplexity_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_text_data text = {0};
    wane_likelihood likelihood = {0};
    wane_likelihood_row row;
    wane_text page = {0};
    WANE_TRY(wane_pair_open(&pair, call->operand[0], asked->adapter, asked->threads, err));
    WANE_TRY(wane_pair_tokenizer(&pair, err));
    WANE_TRY(wane_text_data_open(&text, &pair, &asked->text, err));
    const wane_model *model = wane_pair_model(&pair);
    WANE_TRY(
        wane_measure_likelihood(&likelihood, model, NULL, NULL, &text.windows, pair.pool, err));
    wane_likelihood_columns(&row, &likelihood, &text.windows, &text.rule);
    if (asked->text.like) by_rule_of(&row, asked->text.like, text.windows.bos >= 0);
    row.out_of_reach = row.nll >= log((double)model->config.vocabulary);
    if (asked->json) write_json(&page, &text, &row);
    else write_page(&page, &pair, &text, &row, asked->text.like);
    WANE_TRY(wane_page_print(&page, err));
    if (likelihood.reason) {
        char what[160];
        (void)snprintf(what, sizeof what, "%.120s, document %zu", text.corpus.name,
                       likelihood.document);
        st = wane_pair_not_finite("perplexity", &pair, what, err);
    }
done:
    wane_likelihood_free(&likelihood);
    wane_text_data_free(&text);
    wane_pair_close(&pair);
    return st;
}

static int run(wane_call *call)
{
    perplexity_call asked = {0};
    const wane_option options[] = {
        {"adapter", 'a', WANE_OPTION_MODEL, &asked.adapter, "PATH",
         "with this adapter or these tuned tensors on the model"},
        {"window", 0, WANE_OPTION_POSITIVE, &asked.text.window, "N",
         "tokens a window holds (the model's context)"},
        {"like", 0, WANE_OPTION_TEXT, &asked.text.like, "TOOL",
         "by the rule of lm-eval-wikitext, gptq or llama.cpp (wane explain like)"},
        {"stride", 0, WANE_OPTION_POSITIVE, &asked.text.stride, "N",
         "tokens between windows of a document (window - 1: no overlap)"},
        {"tokens", 0, WANE_OPTION_POSITIVE, &asked.text.tokens, "N",
         "take documents until so many tokens are scored, at least 1 (all)"},
        {"documents", 0, WANE_OPTION_TEXT, &asked.text.documents, "RULE",
         "of plain text: blank (parts between blank lines) or whole"},
        {"field", 0, WANE_OPTION_TEXT, &asked.text.field, "NAME",
         "of rows (.csv, .tsv, .json, .jsonl): the column or key that is the text (text)"},
        {"filter", 0, WANE_OPTION_TEXT, &asked.text.filter, "ascii",
         "only documents that are plain ASCII"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &asked.json, NULL, "the columns of table likelihood as JSON"},
    };
    int code = 0;
    wane_error err;
    call->models = 1;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    asked.text.path = call->operand[1];
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_perplexity = {
    "perplexity", "perplexity MODEL FILE [--adapter PATH] [--window N] [--stride N] [--tokens N]",
    "Measure how well a model predicts a text, in every unit.", run};
