/* SPDX-License-Identifier: Apache-2.0
 * Finds a template by the names of the columns, renders every row with it, and draws or holds out
 * rows by the hash of their content.
 */
#include "tasks/data/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/random.h"

typedef struct known_form {
    const char *columns[2], *template;
} known_form;

static const known_form forms[] = {
    {{"text"}, "{text}\nLabel:"},
    {{"sentence1", "sentence2"}, "{sentence1}\n{sentence2}\nLabel:"},
    {{"premise", "hypothesis"}, "{premise}\n{hypothesis}\nLabel:"},
    {{"question1", "question2"}, "{question1}\n{question2}\nLabel:"},
    {{"question", "sentence"}, "{question}\n{sentence}\nLabel:"},
    {{"question", "passage"}, "{passage}\nQuestion: {question}\nAnswer:"},
    {{"title", "content"}, "{title}\n{content}\nLabel:"},
    {{"sentence"}, "{sentence}\nLabel:"},
    {{"content"}, "{content}\nLabel:"},
    {{"prompt", "answer"}, "{prompt}"},
};
enum { FORMS = sizeof forms / sizeof *forms };

static wane_status column_names(const wane_source *source, const char ***out, size_t *count,
                                wane_error *err)
{
    *count = wane_source_columns(source);
    const char **names = wane_alloc(*count, sizeof *names);
    if (!names) return wane_fail_memory(err, "read", "columns");
    for (size_t i = 0; i < *count; i++) names[i] = wane_source_column(source, i);
    *out = names;
    return WANE_OK;
}

/* "cause (columns: a, b)", with the nearest name when `word` is a misspelt column. */
static wane_status fail_columns(const wane_source *source, wane_error *err, wane_status code,
                                const char *word, const char *cause)
{
    wane_text list = {0};
    const char **names = NULL;
    size_t count = 0;
    wane_status st = column_names(source, &names, &count, err);
    if (st != WANE_OK) return st;
    wane_list_names(&list, names, count);
    const char *near = word ? wane_nearest(word, names, count) : NULL;
    st = wane_source_fail(source, err, code, "%s%s%.60s%s (columns: %s)", cause,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "",
                          list.data ? list.data : "none");
    wane_text_free(&list);
    wane_free(names);
    return st;
}

static wane_status find_template(const char **out, const wane_task_spec *spec,
                                 const wane_source *source, wane_arena *arena, wane_error *err)
{
    if (spec->template_text) {
        *out = spec->template_text;
        return WANE_OK;
    }
    if (spec->text_field) {
        wane_text made = {0};
        wane_text_printf(&made, "{%s}\nLabel:", spec->text_field);
        wane_status st = wane_text_check(&made, "read", "template", err);
        *out = st == WANE_OK ? wane_arena_strdup(arena, made.data) : NULL;
        wane_text_free(&made);
        if (st == WANE_OK && !*out) st = wane_fail_memory(err, "read", "template");
        return st;
    }
    for (size_t i = 0; i < FORMS; i++) {
        const char *const *columns = forms[i].columns;
        if (!wane_source_has(source, columns[0])) continue;
        if (columns[1] && !wane_source_has(source, columns[1])) continue;
        *out = forms[i].template;
        return WANE_OK;
    }
    return fail_columns(source, err, WANE_EFORMAT, NULL,
                        "no column is known to be the text; name it with `text` or `template`");
}

static wane_status find_label(wane_mapping *mapping, const wane_task_spec *spec,
                              const wane_source *source, wane_error *err)
{
    static const char *const names[] = {"label_name", "label_text"};
    mapping->label = "label";
    if (spec->label_field) {
        mapping->label = spec->label_field;
    } else if (!wane_source_has(source, "label")) {
        static const char *const others[] = {"label_name", "label_text", "answer"};
        size_t i = 0;
        while (i < 3 && !wane_source_has(source, others[i])) i++;
        if (i == 3)
            return fail_columns(source, err, WANE_EFORMAT, "label",
                                "no column \"label\"; name it with `label`");
        mapping->label = others[i];
    }
    if (!wane_source_has(source, mapping->label)) {
        char cause[128];
        (void)snprintf(cause, sizeof cause, "no column \"%.60s\" for the label", mapping->label);
        return fail_columns(source, err, WANE_EFORMAT, mapping->label, cause);
    }
    for (size_t i = 0; i < 2 && strcmp(mapping->label, "label") == 0; i++)
        if (!mapping->label_name && wane_source_has(source, names[i]))
            mapping->label_name = names[i];
    return WANE_OK;
}

static size_t part_of(const wane_template *template, const char *field)
{
    size_t i = 0;
    while (i < template->count &&
           (!template->parts[i].field || (field && strcmp(template->parts[i].field, field) != 0)))
        i++;
    return i;
}

static wane_status find_cut(wane_mapping *mapping, const wane_task_spec *spec, wane_error *err)
{
    static const char *const order[] = {"text",      "passage",  "content", "premise",
                                        "sentence1", "sentence", "prompt"};
    const wane_template *template = &mapping->template;
    size_t cut = template->count;
    if (spec->text_field) {
        cut = part_of(template, spec->text_field);
        if (cut == template->count)
            return wane_fail(err, WANE_EINVAL,
                             "read template: \"%.80s\": it does not use the text column \"%.60s\"",
                             spec->template_text, spec->text_field);
    }
    for (size_t i = 0; i < sizeof order / sizeof *order && cut == template->count; i++)
        cut = part_of(template, order[i]);
    mapping->cut = cut < template->count ? cut : part_of(template, NULL);
    return WANE_OK;
}

wane_status wane_mapping_find(wane_mapping *out, const wane_task_spec *spec,
                              const wane_split_file *file, wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = NULL;
    wane_mapping mapping = {0};
    const char *text = NULL;
    WANE_TRY(
        wane_source_open(&source, file->bytes, file->count, file->name, file->format, false, err));
    st = wane_source_next(source, err);
    if (st == WANE_DONE)
        st = wane_fail(err, WANE_EFORMAT, "read: %s: the split is empty", file->name);
    if (st != WANE_OK) goto done;
    WANE_TRY(find_template(&text, spec, source, arena, err));
    WANE_TRY(wane_template_parse(&mapping.template, text, arena, err));
    mapping.text = wane_arena_strdup(arena, text);
    if (!mapping.text) WANE_TRY(wane_fail_memory(err, "read", "template"));
    for (size_t i = 0; i < mapping.template.count; i++) {
        const char *field = mapping.template.parts[i].field;
        if (!field || wane_source_has(source, field)) continue;
        char cause[160];
        (void)snprintf(cause, sizeof cause, "the template's field {%.60s} is no column", field);
        WANE_TRY(fail_columns(source, err, WANE_EINVAL, field, cause));
    }
    WANE_TRY(find_label(&mapping, spec, source, err));
    WANE_TRY(find_cut(&mapping, spec, err));
    *out = mapping;
done:
    wane_source_free(source);
    return st;
}

/* What reading one split needs while it lasts. */
typedef struct reading {
    const wane_mapping *mapping;
    wane_label_set *labels;
    wane_source *source;
    wane_arena *arena;
    wane_text part[3]; /* before, text, after */
    wane_text value, name, content;
    const char *last[3]; /* of the row before: what does not change is kept once */
} reading;

static wane_status keep_part(reading *r, int which, const char **out, wane_error *err)
{
    wane_status st = wane_text_check(&r->part[which], "read", "row", err);
    if (st != WANE_OK) return st;
    if (!r->last[which] || strcmp(r->last[which], r->part[which].data) != 0)
        r->last[which] = wane_arena_strdup(r->arena, r->part[which].data);
    *out = r->last[which];
    return *out ? WANE_OK : wane_fail_memory(err, "read", "row");
}

static wane_status render(reading *r, wane_row *row, wane_error *err)
{
    wane_status st = WANE_OK;
    const wane_template *template = &r->mapping->template;
    for (int i = 0; i < 3; i++) wane_text_clear(&r->part[i]);
    wane_text_clear(&r->content);
    for (size_t i = 0; i < template->count; i++) {
        int which = i < r->mapping->cut ? 0 : i == r->mapping->cut ? 1 : 2;
        if (template->parts[i].literal) {
            wane_text_string(&r->part[which], template->parts[i].literal);
            continue;
        }
        size_t from = r->part[which].length;
        WANE_TRY(wane_source_value(r->source, template->parts[i].field, &r->part[which], err));
        WANE_TRY(wane_text_check(&r->part[which], "read", "row", err));
        wane_text_append(&r->content, r->part[which].data + from, r->part[which].length - from);
        wane_text_append(&r->content, "", 1);
    }
    WANE_TRY(keep_part(r, 0, &row->before, err));
    WANE_TRY(keep_part(r, 1, &row->text, err));
    WANE_TRY(keep_part(r, 2, &row->after, err));
done:
    return st;
}

static wane_status content_key(uint64_t *out, const wane_text *content, wane_error *err)
{
    char digest[WANE_SHA256_HEX];
    wane_status st = wane_sha256_bytes(digest, content->data, content->length, err);
    if (st != WANE_OK) return st;
    digest[16] = '\0';
    *out = strtoull(digest, NULL, 16);
    return WANE_OK;
}

static wane_status all_minus_one(bool *out, const wane_mapping *mapping,
                                 const wane_split_file *file, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_source *source = NULL;
    wane_text value = {0};
    bool all = true;
    WANE_TRY(
        wane_source_open(&source, file->bytes, file->count, file->name, file->format, false, err));
    while (all && (st = wane_source_next(source, err)) == WANE_OK) {
        wane_text_clear(&value);
        WANE_TRY(wane_source_value(source, mapping->label, &value, err));
        WANE_TRY(wane_text_check(&value, "read", file->name, err));
        all = strcmp(value.data, "-1") == 0;
    }
    if (st == WANE_DONE) st = WANE_OK;
    if (st == WANE_OK) *out = all;
done:
    wane_text_free(&value);
    wane_source_free(source);
    return st;
}

static wane_status read_row(reading *r, wane_drawn_row *out, const wane_split_file *file,
                            const char *hint, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_drawn_row drawn = {.row.number = wane_source_row(r->source)};
    size_t label = 0;
    WANE_TRY(render(r, &drawn.row, err));
    wane_text_clear(&r->value);
    WANE_TRY(wane_source_value(r->source, r->mapping->label, &r->value, err));
    WANE_TRY(wane_text_check(&r->value, "read", "label", err));
    const char *name = NULL;
    if (r->mapping->label_name && !r->labels->given) {
        wane_text_clear(&r->name);
        WANE_TRY(wane_source_value(r->source, r->mapping->label_name, &r->name, err));
        WANE_TRY(wane_text_check(&r->name, "read", "label", err));
        name = r->name.data;
    }
    WANE_TRY(wane_label_set_find(&label, r->labels, r->value.data, name, r->source, err));
    if (label == SIZE_MAX) {
        bool unlabelled = false;
        if (strcmp(r->value.data, "-1") == 0)
            WANE_TRY(all_minus_one(&unlabelled, r->mapping, file, err));
        st = unlabelled ? wane_fail(err, WANE_EFORMAT,
                                    "read: %s: every label is -1, so the split "
                                    "has no labels%s",
                                    file->name, hint)
                        : wane_label_set_unknown(r->labels, r->value.data, r->source, err);
        goto done;
    }
    drawn.row.label = (int32_t)label;
    wane_text_append(&r->content, r->value.data, r->value.length);
    WANE_TRY(wane_text_check(&r->content, "read", "row", err));
    WANE_TRY(content_key(&drawn.key, &r->content, err));
    *out = drawn;
done:
    return st;
}

static wane_status push(wane_drawn_rows *rows, const wane_drawn_row *row, wane_error *err)
{
    if (!WANE_GROW(rows->row, rows->capacity, rows->count + 1))
        return wane_fail_memory(err, "read", "rows");
    rows->row[rows->count++] = *row;
    return WANE_OK;
}

wane_status wane_rows_read(wane_drawn_rows *out, const wane_mapping *mapping,
                           wane_label_set *labels, const wane_split_file *file, const char *hint,
                           wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_drawn_rows rows = {0};
    reading r = {.mapping = mapping, .labels = labels, .arena = arena};
    WANE_TRY(wane_source_open(&r.source, file->bytes, file->count, file->name, file->format, false,
                              err));
    while ((st = wane_source_next(r.source, err)) == WANE_OK) {
        wane_drawn_row row;
        WANE_TRY(read_row(&r, &row, file, hint, err));
        WANE_TRY(push(&rows, &row, err));
    }
    if (st != WANE_DONE) goto done;
    st = WANE_OK;
    if (rows.count == 0)
        WANE_TRY(wane_fail(err, WANE_EFORMAT, "read: %s: the split is empty", file->name));
    *out = rows;
    rows.row = NULL;
done:
    for (int i = 0; i < 3; i++) wane_text_free(&r.part[i]);
    wane_text_free(&r.value);
    wane_text_free(&r.name);
    wane_text_free(&r.content);
    wane_source_free(r.source);
    wane_free(rows.row);
    return st;
}

typedef struct ticket {
    uint64_t draw;
    size_t index;
} ticket;

static int by_draw(const void *left, const void *right)
{
    const ticket *a = left, *b = right;
    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static int by_index(const void *left, const void *right)
{
    const ticket *a = left, *b = right;
    return a->index < b->index ? -1 : a->index > b->index;
}

wane_status wane_rows_draw(wane_drawn_rows *rows, size_t count, int draw, uint64_t sample,
                           wane_error *err)
{
    enum { STEP_BITS = 40 };
    if (count >= rows->count) return WANE_OK;
    ticket *tickets = wane_alloc(rows->count, sizeof *tickets);
    if (!tickets) return wane_fail_memory(err, "draw", "rows");
    for (size_t i = 0; i < rows->count; i++) {
        wane_random where = {.seed = rows->row[i].key,
                             .purpose = WANE_RANDOM_SUBSET,
                             .stage = sample >> STEP_BITS,
                             .step = sample,
                             .tensor = (uint64_t)draw};
        uint32_t words[4];
        wane_random_words(words, &where, 0);
        tickets[i] = (ticket){(uint64_t)words[0] << 32 | words[1], i};
    }
    qsort(tickets, rows->count, sizeof *tickets, by_draw);
    qsort(tickets, count, sizeof *tickets, by_index);
    for (size_t i = 0; i < count; i++) rows->row[i] = rows->row[tickets[i].index];
    rows->count = count;
    wane_free(tickets);
    return WANE_OK;
}

wane_status wane_rows_hold_out(wane_drawn_rows *held, wane_drawn_rows *rows, double fraction,
                               wane_error *err)
{
    wane_status st = WANE_OK;
    wane_drawn_rows taken = {0};
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++) {
        wane_random where = {
            .seed = rows->row[i].key, .purpose = WANE_RANDOM_SUBSET, .tensor = WANE_DRAW_HOLD_OUT};
        if (wane_random_uniform(&where, 0) < fraction) WANE_TRY(push(&taken, &rows->row[i], err));
        else rows->row[kept++] = rows->row[i];
    }
    rows->count = kept;
    *held = taken;
    taken.row = NULL;
done:
    wane_free(taken.row);
    return st;
}
