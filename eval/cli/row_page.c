/* SPDX-License-Identifier: Apache-2.0
 * Shortens prompt, tokens and labels of a row to lines that fit on a page.
 */
#include "eval/cli/row_page.h"

#include <string.h>

#include "analysis/report/page.h"
#include "eval/experiment/shown_row.h"
#include "store/files/json.h"

enum { TEXT_END = 100, FIRST_TOKENS = 16, LAST_TOKENS = 12, OTHERS = 6, LABEL_TOKENS = 8 };

static size_t character_start(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80) at--;
    return at;
}

/* The text, without its middle where it is long. */
static void add_text(wane_text *out, const char *text, size_t bytes)
{
    if (bytes <= 2 * TEXT_END + 40) {
        wane_text_append(out, text, bytes);
        return;
    }
    size_t first = character_start(text, TEXT_END), last = character_start(text, bytes - TEXT_END);
    wane_text_append(out, text, first);
    wane_text_printf(out, "[... %zu bytes ...]", last - first);
    wane_text_append(out, text + last, bytes - last);
}

/* As the vocabulary has it, in quotes where it would not be seen to be one token. */
static void add_token(wane_text *out, const wane_tokenizer *tokenizer, int32_t id)
{
    const char *token = wane_tokenizer_token(tokenizer, id);
    bool plain = token && token[0];
    for (const char *c = token; plain && *c; c++)
        plain = (unsigned char)*c > ' ' && *c != 0x7f && *c != '"';
    if (plain) wane_text_string(out, token);
    else wane_json_write_string(out, token);
}

static void add_prompt(wane_text *out, const wane_shown_row *s)
{
    wane_text text = {0};
    char mark[64] = "";
    bool left = s->task->truncate_left;
    if (s->lost) (void)snprintf(mark, sizeof mark, "[cut here: %zu tokens]", s->lost);
    add_text(&text, s->row->before, strlen(s->row->before));
    if (left) wane_text_string(&text, mark);
    add_text(&text, s->row->text + s->from, s->kept);
    if (!left) wane_text_string(&text, mark);
    add_text(&text, s->row->after, strlen(s->row->after));
    wane_json_write_string(out, text.data ? text.data : "");
    out->failed = out->failed || text.failed;
    wane_text_free(&text);
}

static void add_tokens(wane_text *out, const wane_shown_row *s, const wane_tokenizer *tokenizer)
{
    bool whole = s->count <= FIRST_TOKENS + LAST_TOKENS + 1;
    for (size_t i = 0; i < s->count; i++) {
        wane_text_string(out, i ? " " : "");
        if (!whole && i == FIRST_TOKENS) {
            wane_text_printf(out, "[... %zu tokens ...] ", s->count - FIRST_TOKENS - LAST_TOKENS);
            i = s->count - LAST_TOKENS;
        }
        add_token(out, tokenizer, s->ids[i]);
    }
}

/* " noun" = Ġnoun 1234 */
static void add_label(wane_text *out, const wane_prompts *p, const wane_label *label, size_t index,
                      const wane_tokenizer *tokenizer)
{
    const int32_t *ids = p->label_ids + p->label_starts[index];
    size_t count = p->label_starts[index + 1] - p->label_starts[index];
    wane_json_write_string(out, label->verbalizer);
    wane_text_string(out, " =");
    for (size_t i = 0; i < count && i < LABEL_TOKENS; i++) {
        wane_text_string(out, " ");
        add_token(out, tokenizer, ids[i]);
        wane_text_printf(out, " (%d)", (int)ids[i]);
    }
    if (count > LABEL_TOKENS) wane_text_printf(out, " [... %zu tokens]", count - LABEL_TOKENS);
}

static void add_others(wane_text *out, const wane_shown_row *s, const wane_prompts *p,
                       const wane_tokenizer *tokenizer)
{
    size_t listed = 0, others = s->task->label_count - 1;
    for (size_t l = 0; l < s->task->label_count && listed < OTHERS; l++) {
        if (l == (size_t)s->row->label) continue;
        wane_text_string(out, listed++ ? "; " : "");
        add_label(out, p, &s->task->labels[l], l, tokenizer);
    }
    if (others > listed) wane_text_printf(out, "; and %zu more", others - listed);
}

/* One line; `text` is used up. */
static void add_line(wane_text *page, const char *name, wane_text *text)
{
    wane_page_line(page, name, "%s", text->data ? text->data : "");
    page->failed = page->failed || text->failed;
    wane_text_clear(text);
}

void wane_print_shown_row(wane_text *page, const wane_inputs *inputs, size_t task)
{
    wane_shown_row s;
    wane_text text = {0};
    const wane_tokenizer *tokenizer = inputs->tokenizer;
    const wane_prompts *prompts = &inputs->tasks[task].test;
    if (!wane_shown_row_of(&s, inputs, task)) return;
    wane_text_printf(&text, "test row %zu: %zu tokens, at most %zu before the label", s.row->number,
                     s.count, s.most);
    if (s.lost)
        wane_text_printf(&text, "; %zu of its text are cut on the %s", s.lost,
                         s.task->truncate_left ? "left" : "right");
    add_line(page, s.task->name, &text);
    add_prompt(&text, &s);
    add_line(page, "  prompt", &text);
    add_tokens(&text, &s, tokenizer);
    add_line(page, "  tokens", &text);
    if (s.label_ids) {
        add_label(&text, prompts, s.label, (size_t)s.row->label, tokenizer);
        add_line(page, "  label", &text);
        add_others(&text, &s, prompts, tokenizer);
        add_line(page, "  other labels", &text);
    } else {
        wane_json_write_string(&text, s.label->value);
        wane_text_printf(&text,
                         ", class %d of %zu, counted from 0: the head reads the state at the last "
                         "token, and no word of a label",
                         (int)s.row->label, s.task->label_count);
        add_line(page, "  label", &text);
    }
    wane_text_free(&text);
}
