/* SPDX-License-Identifier: Apache-2.0
 * Rows and labels of a task as ids: finds where labels begin behind a prompt whatever the tokenizer
 * merges there, and cuts the row's text until the prompt fits.
 */
#include <string.h>

#include "store/base/memory.h"
#include "store/base/text.h"
#include "tasks/data/task.h"

void wane_prompts_free(wane_prompts *prompts)
{
    if (!prompts) return;
    wane_free(prompts->starts);
    wane_free(prompts->ids);
    wane_free(prompts->labels);
    wane_free(prompts->label_starts);
    wane_free(prompts->label_ids);
    *prompts = (wane_prompts){0};
}

enum { NEAR = 64 }; /* bytes within which white space is looked for */

/* What encoding one task needs while it lasts. */
typedef struct encoding {
    const wane_task *task;
    const wane_tokenizer *tokenizer;
    wane_prompts made;
    wane_text text;
    wane_tokens ids;     /* of the prompt tried last, without the label */
    wane_tokens scratch; /* label ids under one stand-in */
    bool apart;          /* the prompt tried last does not join with its label */
    size_t limit;        /* tokens a prompt may have */
    size_t from, kept;   /* the bytes of the row's text in the prompt tried last */
} encoding;

static size_t shared_start(const wane_tokens *a, const wane_tokens *b, size_t most)
{
    size_t n = 0;
    while (n < most && n < a->count && n < b->count && a->ids[n] == b->ids[n]) n++;
    return n;
}

/* ids of stand-in + tail + verbalizer. */
static wane_status encode_tail(encoding *e, const char *stand_in, const char *verbalizer,
                               wane_tokens *out, wane_error *err)
{
    wane_text_clear(&e->text);
    wane_text_string(&e->text, stand_in);
    wane_text_string(&e->text, e->task->tail);
    wane_text_string(&e->text, verbalizer);
    wane_status st = wane_text_check(&e->text, "encode task", e->task->name, err);
    if (st != WANE_OK) return st;
    return wane_tokenizer_encode(e->tokenizer, e->text.data, e->text.length, false, out, err);
}

/* Where labels begin in the ids of tail + verbalizer; see task.h. */
static size_t boundary(const wane_tokens *tail, const wane_tokens *labels, size_t count)
{
    size_t with_tail = tail->count, among = tail->count, shortest = labels[0].count;
    for (size_t l = 0; l < count; l++) {
        with_tail = shared_start(tail, &labels[l], with_tail);
        among = shared_start(&labels[0], &labels[l], among);
        if (labels[l].count < shortest) shortest = labels[l].count;
    }
    if (with_tail == tail->count) return with_tail;
    return among < shortest ? among : with_tail;
}

/* Appends the label ids under one stand-in to `out`, one length per label to `lengths`. */
static wane_status labels_after(encoding *e, const char *stand_in, wane_tokens *out,
                                size_t *lengths, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = e->task->label_count;
    wane_tokens tail = {0};
    wane_tokens *labels = wane_alloc(count, sizeof *labels);
    if (!labels) return wane_fail_memory(err, "encode task", e->task->name);
    WANE_TRY(encode_tail(e, stand_in, "", &tail, err));
    for (size_t l = 0; l < count; l++)
        WANE_TRY(encode_tail(e, stand_in, e->task->labels[l].verbalizer, &labels[l], err));
    size_t from = boundary(&tail, labels, count);
    for (size_t l = 0; l < count; l++) {
        lengths[l] = labels[l].count > from ? labels[l].count - from : 0;
        if (lengths[l]) WANE_TRY(wane_tokens_append(out, labels[l].ids + from, lengths[l], err));
    }
done:
    wane_tokens_free(&tail);
    for (size_t l = 0; l < count; l++) wane_tokens_free(&labels[l]);
    wane_free(labels);
    return st;
}

static bool same_ids(const int32_t *a, const int32_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i]) return false;
    return true;
}

static wane_status check_labels(const encoding *e, wane_error *err)
{
    const wane_prompts *made = &e->made;
    int32_t unknown = wane_tokenizer_unknown(e->tokenizer);
    for (size_t l = 0; l < made->label_count; l++) {
        const char *word = e->task->labels[l].verbalizer;
        const int32_t *ids = made->label_ids + made->label_starts[l];
        size_t length = made->label_starts[l + 1] - made->label_starts[l];
        if (length == 0)
            return wane_fail(err, WANE_EINVAL, "encode task: %s: label \"%.60s\" has no tokens",
                             e->task->name, word);
        for (size_t i = 0; unknown >= 0 && i < length; i++)
            if (ids[i] == unknown)
                return wane_fail(err, WANE_EINVAL,
                                 "encode task: %s: the tokenizer does not know label \"%.60s\" "
                                 "(give another verbalizer with `labels`)",
                                 e->task->name, word);
        wane_status st =
            wane_tokenizer_check_rows(e->tokenizer, ids, length, err,
                                      "encode task: %s: label \"%.60s\"", e->task->name, word);
        if (st != WANE_OK) return st;
        for (size_t k = 0; k < l; k++) {
            size_t other = made->label_starts[k + 1] - made->label_starts[k];
            if (other != length || !same_ids(made->label_ids + made->label_starts[k], ids, length))
                continue;
            return wane_fail(err, WANE_EINVAL,
                             "encode task: %s: labels \"%.60s\" and \"%.60s\" have the same tokens",
                             e->task->name, e->task->labels[k].verbalizer, word);
        }
    }
    return WANE_OK;
}

static wane_status encode_labels(encoding *e, wane_error *err)
{
    static const char *const stand_ins[] = {"a", ".", "7"};
    wane_status st = WANE_OK;
    size_t count = e->task->label_count;
    wane_tokens first = {0};
    size_t *lengths = wane_alloc(2 * count, sizeof *lengths);
    wane_prompts *made = &e->made;
    made->label_starts = wane_alloc(count + 1, sizeof *made->label_starts);
    if (!lengths || !made->label_starts)
        WANE_TRY(wane_fail_memory(err, "encode task", e->task->name));
    WANE_TRY(labels_after(e, stand_ins[0], &first, lengths, err));
    for (size_t s = 1; s < sizeof stand_ins / sizeof *stand_ins; s++) {
        e->scratch.count = 0;
        WANE_TRY(labels_after(e, stand_ins[s], &e->scratch, lengths + count, err));
        bool same = first.count == e->scratch.count &&
                    memcmp(lengths, lengths + count, count * sizeof *lengths) == 0 &&
                    same_ids(first.ids, e->scratch.ids, first.count);
        if (!same)
            WANE_TRY(wane_fail(err, WANE_EINVAL,
                               "encode task: %s: with this tokenizer the tokens of a label depend "
                               "on the text before it; end the template in a cue such as "
                               "\"\\nLabel:\"",
                               e->task->name));
    }
    for (size_t l = 0; l < count; l++) {
        made->label_starts[l + 1] = made->label_starts[l] + lengths[l];
        if (lengths[l] > made->longest_label) made->longest_label = lengths[l];
    }
    made->label_count = count;
    made->label_ids = first.ids;
    first = (wane_tokens){0};
    WANE_TRY(check_labels(e, err));
done:
    wane_tokens_free(&first);
    wane_free(lengths);
    return st;
}

/* The ids of a prompt whose text is `bytes` of `text`, into e->ids. */
static wane_status encode_prompt(encoding *e, const wane_row *row, const char *text, size_t bytes,
                                 wane_error *err)
{
    wane_status st = WANE_OK;
    const int32_t *label = e->made.label_ids;
    size_t label_length = e->made.label_starts[1];
    wane_text_clear(&e->text);
    wane_text_string(&e->text, row->before);
    wane_text_append(&e->text, text, bytes);
    wane_text_string(&e->text, row->after);
    size_t prompt_bytes = e->text.length;
    wane_text_string(&e->text, e->task->labels[0].verbalizer);
    WANE_TRY(wane_text_check(&e->text, "encode task", e->task->name, err));
    e->ids.count = 0;
    WANE_TRY(wane_tokenizer_encode(e->tokenizer, e->text.data, e->text.length, true, &e->ids, err));
    e->apart = e->ids.count < label_length ||
               !same_ids(e->ids.ids + e->ids.count - label_length, label, label_length);
    if (!e->apart) {
        e->ids.count -= label_length;
        goto done;
    }
    e->ids.count = 0;
    WANE_TRY(wane_tokenizer_encode(e->tokenizer, e->text.data, prompt_bytes, true, &e->ids, err));
done:
    return st;
}

static bool inside_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static bool is_white(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Where the text is cut so that at most `kept` bytes stay: between words when white space is near,
 * else between characters. */
static size_t cut_right(const char *text, size_t total, size_t kept)
{
    if (kept >= total) return total;
    size_t at = kept;
    while (at > 0 && kept - at < NEAR && !is_white(text[at])) at--;
    if (is_white(text[at])) {
        while (at > 0 && is_white(text[at - 1])) at--;
        return at;
    }
    while (kept > 0 && inside_character(text[kept])) kept--;
    return kept;
}

static size_t cut_left(const char *text, size_t total, size_t kept)
{
    if (kept >= total) return 0;
    size_t from = total - kept, at = from;
    while (at < total && at - from < NEAR && !is_white(text[at - 1])) at++;
    if (at < total && is_white(text[at - 1])) {
        while (at < total && is_white(text[at])) at++;
        return at;
    }
    while (from < total && inside_character(text[from])) from++;
    return from;
}

/* The same with a part of the row's text: at most `kept` bytes of it. */
static wane_status encode_part(encoding *e, const wane_row *row, size_t total, size_t kept,
                               wane_error *err)
{
    bool left = e->task->truncate_left;
    e->from = left ? cut_left(row->text, total, kept) : 0;
    e->kept = left ? total - e->from : cut_right(row->text, total, kept);
    return encode_prompt(e, row, row->text + e->from, e->kept, err);
}

/* Cuts the text to the most that fits: a search between a length that fits and one that does not,
 * guessing by interpolation, every third time by halves. Ends at the first that fills the limit. */
static wane_status cut_text(encoding *e, const wane_row *row, size_t full, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t total = strlen(row->text), fits = 0, over = total, over_count = full;
    WANE_TRY(encode_part(e, row, total, 0, err));
    if (e->ids.count > e->limit)
        WANE_TRY(wane_fail(err, WANE_EINVAL,
                           "encode task: %s: template and label alone need %zu tokens, the limit "
                           "is %zu (row %zu)",
                           e->task->name, e->ids.count + e->made.longest_label,
                           e->limit + e->made.longest_label, row->number));
    size_t fits_count = e->ids.count;
    for (int round = 1; over - fits > 1 && fits_count != e->limit; round++) {
        size_t gap = over - fits, step = gap / 2;
        if (round % 3 && over_count > fits_count)
            step = (size_t)((double)gap * (double)(e->limit - fits_count) /
                            (double)(over_count - fits_count));
        if (step < 1) step = 1;
        if (step > gap - 1) step = gap - 1;
        WANE_TRY(encode_part(e, row, total, fits + step, err));
        if (e->ids.count <= e->limit) {
            fits += step;
            fits_count = e->ids.count;
        } else {
            over = fits + step;
            over_count = e->ids.count;
        }
    }
    WANE_TRY(encode_part(e, row, total, fits, err));
    e->made.cut_rows++;
    if (full > e->ids.count) e->made.cut_tokens += full - e->ids.count;
    if (e->made.cut_rows > 1) return st;
    e->made.cut_from = e->from;
    e->made.cut_kept = e->kept;
    e->made.cut_lost = e->made.cut_tokens;
done:
    return st;
}

static wane_status encode_rows(encoding *e, wane_split split, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_prompts *made = &e->made;
    wane_tokens all = {0};
    size_t rows = e->task->rows[split];
    int32_t unknown = wane_tokenizer_unknown(e->tokenizer);
    made->rows = made->first_cut = rows;
    made->starts = wane_alloc(rows + 1, sizeof *made->starts);
    made->labels = wane_alloc(rows, sizeof *made->labels);
    if (!made->starts || !made->labels)
        WANE_TRY(wane_fail_memory(err, "encode task", e->task->name));
    for (size_t i = 0; i < rows; i++) {
        const wane_row *row = &e->task->row[split][i];
        WANE_TRY(encode_prompt(e, row, row->text, strlen(row->text), err));
        if (e->ids.count > e->limit) {
            WANE_TRY(cut_text(e, row, e->ids.count, err));
            if (made->first_cut == rows) made->first_cut = i;
        }
        if (e->ids.count == 0)
            WANE_TRY(wane_fail(err, WANE_EINVAL, "encode task: %s: row %zu has no tokens",
                               e->task->name, row->number));
        WANE_TRY(wane_tokenizer_check_rows(e->tokenizer, e->ids.ids, e->ids.count, err,
                                           "encode task: %s: row %zu of %s, counted from 0",
                                           e->task->name, row->number,
                                           split == WANE_SPLIT_TRAIN ? "train" : "test"));
        WANE_TRY(wane_tokens_append(&all, e->ids.ids, e->ids.count, err));
        made->starts[i + 1] = all.count;
        made->labels[i] = row->label;
        made->apart_rows += e->apart;
        for (size_t k = 0; unknown >= 0 && k < e->ids.count; k++)
            made->unknown_tokens += e->ids.ids[k] == unknown;
    }
    made->ids = all.ids;
    all = (wane_tokens){0};
done:
    wane_tokens_free(&all);
    return st;
}

wane_status wane_task_encode(wane_prompts *out, const wane_task *task, wane_split split,
                             const wane_tokenizer *tokenizer, size_t max_length, wane_error *err)
{
    wane_status st = WANE_OK;
    encoding e = {.task = task, .tokenizer = tokenizer};
    WANE_TRY(encode_labels(&e, err));
    if (max_length <= e.made.longest_label)
        WANE_TRY(wane_fail(err, WANE_EINVAL,
                           "encode task: %s: the longest label has %zu tokens, the limit is %zu",
                           task->name, e.made.longest_label, max_length));
    e.limit = max_length - e.made.longest_label;
    WANE_TRY(encode_rows(&e, split, err));
    *out = e.made;
    e.made = (wane_prompts){0};
done:
    wane_prompts_free(&e.made);
    wane_text_free(&e.text);
    wane_tokens_free(&e.ids);
    wane_tokens_free(&e.scratch);
    return st;
}
