/* SPDX-License-Identifier: Apache-2.0
 * Chooses the row that people are shown, and writes it as JSON for the database.
 */
#include "eval/experiment/shown_row.h"

#include <string.h>

#include "store/files/json.h"

bool wane_shown_row_of(wane_shown_row *out, const wane_inputs *inputs, size_t task)
{
    const wane_input_task *t = &inputs->tasks[task];
    const wane_prompts *p = &t->test;
    bool cut = p->first_cut < p->rows;
    size_t i = cut ? p->first_cut : 0;
    if (p->rows == 0) return false;
    const wane_row *row = &t->task.row[WANE_SPLIT_TEST][i];
    *out = (wane_shown_row){.task = &t->task,
                            .row = row,
                            .from = cut ? p->cut_from : 0,
                            .kept = cut ? p->cut_kept : strlen(row->text),
                            .lost = cut ? p->cut_lost : 0,
                            .ids = p->ids + p->starts[i],
                            .count = p->starts[i + 1] - p->starts[i],
                            .most = inputs->max_length - p->longest_label,
                            .label = &t->task.labels[row->label]};
    if (inputs->experiment->head == WANE_HEAD_VERBALIZER) {
        out->label_ids = p->label_ids + p->label_starts[row->label];
        out->label_count = p->label_starts[row->label + 1] - p->label_starts[row->label];
    }
    return true;
}

static void write_tokens(wane_text *out, const int32_t *ids, size_t count,
                         const wane_tokenizer *tokenizer)
{
    wane_text_string(out, "[");
    for (size_t i = 0; i < count; i++) {
        wane_text_printf(out, "%s{\"id\": %d, \"token\": ", i ? ", " : "", (int)ids[i]);
        wane_json_write_string(out, wane_tokenizer_token(tokenizer, ids[i]));
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
}

void wane_shown_row_json(wane_text *out, const wane_shown_row *shown,
                         const wane_tokenizer *tokenizer)
{
    wane_text prompt = {0};
    const wane_row *row = shown->row;
    wane_text_string(&prompt, row->before);
    size_t cut = prompt.length + (shown->task->truncate_left ? 0 : shown->kept);
    wane_text_append(&prompt, row->text + shown->from, shown->kept);
    wane_text_string(&prompt, row->after);
    out->failed = out->failed || prompt.failed;
    wane_text_printf(out, "{\"row\": %zu, \"prompt\": ", row->number);
    wane_json_write_string(out, prompt.data);
    wane_text_printf(out, ", \"tokens_cut\": %zu, \"cut_at\": ", shown->lost);
    if (shown->lost) wane_text_printf(out, "%zu", cut);
    else wane_text_string(out, "null");
    wane_text_string(out, ", \"tokens\": ");
    write_tokens(out, shown->ids, shown->count, tokenizer);
    wane_text_string(out, ", \"label\": ");
    wane_json_write_string(out, shown->label->value);
    wane_text_printf(out, ", \"class\": %d, \"classes\": %zu, \"label_tokens\": ", (int)row->label,
                     shown->task->label_count);
    if (shown->label_ids) write_tokens(out, shown->label_ids, shown->label_count, tokenizer);
    else wane_text_string(out, "null");
    wane_text_string(out, "}");
    wane_text_free(&prompt);
}
