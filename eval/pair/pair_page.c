/* SPDX-License-Identifier: Apache-2.0
 * Lines, lists and JSON on the tensors that have no partner, and how many of each kind there are.
 */
#include "eval/pair/pair_page.h"

#include <stdio.h>

#include "analysis/report/page.h"
#include "store/files/json.h"

const wane_log wane_compare_log = {wane_page_say, NULL};

void wane_compare_tell_settings(const wane_comparison *c)
{
    for (size_t i = 0; i < c->settings.count; i++) {
        const wane_compared_setting *s = &c->settings.list[i];
        wane_log_line(&wane_compare_log, WANE_LOG_INFO,
                      "config.json: %.60s: %.300s in %s, %.300s in %s", s->name,
                      s->base ? s->base : "nothing", c->base.path, s->tuned ? s->tuned : "nothing",
                      c->tuned.path);
    }
}

static size_t numbers_of(const wane_comparison *c)
{
    size_t numbers = 0;
    for (size_t i = 0; i < c->count; i++) numbers += c->list[i].rows * c->list[i].cols;
    return numbers;
}

void wane_compare_write_sides(wane_text *out, const wane_comparison *c, bool numbers)
{
    char count[32], more[64] = "";
    wane_text base = {0}, tuned = {0};
    if (numbers)
        (void)snprintf(more, sizeof more, ", %s numbers compared",
                       wane_page_count(count, numbers_of(c)));
    wane_checkpoint_describe(&base, &c->base);
    wane_checkpoint_describe(&tuned, &c->tuned);
    wane_page_line(out, "base", "%s (%s%s)", c->base.path, base.data ? base.data : "", more);
    wane_page_line(out, "tuned", "%s (%s)", c->tuned.path, tuned.data ? tuned.data : "");
    out->failed |= base.failed || tuned.failed;
    wane_text_free(&base);
    wane_text_free(&tuned);
}

static void member_text(wane_text *out, const char *key, const char *value)
{
    wane_text_printf(out, "\"%s\": ", key);
    wane_json_write_string(out, value);
}

void wane_compare_write_sides_json(wane_text *out, const wane_comparison *c,
                                   const double *merge_difference)
{
    const char *kind = c->tuned.adapter ? "adapter" : c->tuned.model_type[0] ? "model" : "tensors";
    wane_text_string(out, "\"base\": {");
    member_text(out, "path", c->base.path);
    wane_text_string(out, ", ");
    member_text(out, "dtype", c->base.type);
    wane_text_printf(out, ", \"parameters\": %zu}, \"tuned\": {", numbers_of(c));
    member_text(out, "path", c->tuned.path);
    wane_text_string(out, ", ");
    member_text(out, "kind", kind);
    wane_text_string(out, ", ");
    member_text(out, "dtype", c->tuned.type);
    if (c->tuned.adapter) {
        wane_text_printf(out, ", \"rank\": %zu, \"alpha\": ", c->tuned.update.facts.rank);
        wane_json_write_number(out, c->tuned.update.facts.alpha);
    }
    if (c->tuned.adapter && merge_difference) {
        wane_text_string(out, ", \"merge_difference\": ");
        wane_json_write_number(out, *merge_difference);
    }
    wane_text_string(out, "}");
}

static void write_resized(wane_text *out, const wane_comparison *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const wane_compared *one = &c->list[i];
        if (one->extra[0] + one->extra[1] == 0) continue;
        wane_page_line(out, "resized",
                       "%.100s: %zu rows in the base, %zu in the tuned; the first %zu are compared",
                       one->name, one->rows + one->extra[0], one->rows + one->extra[1], one->rows);
    }
}

/* "N THINGS of the SIDE" as one more of a list. */
static void write_part(wane_text *out, bool *some, size_t count, const char *thing,
                       const char *side)
{
    if (count == 0) return;
    wane_text_printf(out, "%s%zu %s%s%s", *some ? ", " : "without ", count, thing,
                     count == 1 ? "" : "s", side);
    *some = true;
}

void wane_compare_write_left_out(wane_text *out, const wane_comparison *c)
{
    bool some = false;
    write_part(out, &some, c->only_count[0], "tensor", " of the base alone");
    write_part(out, &some, c->only_count[1], "tensor", " of the tuned alone");
    write_part(out, &some, c->extra[0], "row", " of the base alone");
    write_part(out, &some, c->extra[1], "row", " of the tuned alone");
    write_part(out, &some, c->skipped, "tensor", " of other types");
}

void wane_compare_write_unmatched(wane_text *out, const wane_comparison *c, size_t most)
{
    static const char *const titles[] = {"only in the base", "only in the tuned"};
    if (c->tie) wane_page_line(out, "tied", "%s", c->tie);
    write_resized(out, c);
    for (int side = 0; side < 2; side++) {
        wane_text names = {0};
        size_t count = c->only_count[side];
        if (count == 0) continue;
        for (size_t i = 0; i < count && i < most; i++)
            wane_text_printf(&names, "%s%.100s", i ? ", " : "", c->only[side][i]);
        if (count > most) wane_text_printf(&names, " and %zu more", count - most);
        wane_page_line(out, titles[side], "%zu %s, not compared: %s", count,
                       count == 1 ? "tensor" : "tensors", names.data ? names.data : "");
        wane_text_free(&names);
    }
    if (c->skipped)
        wane_page_line(out, "other types", "%zu %s of integers and the like, not compared",
                       c->skipped, c->skipped == 1 ? "tensor" : "tensors");
}

void wane_compare_write_unmatched_json(wane_text *out, const wane_comparison *c)
{
    static const char *const keys[] = {"only_base", "only_tuned"};
    for (int side = 0; side < 2; side++) {
        wane_text_printf(out, "%s\"%s\": [", side ? ", " : "", keys[side]);
        for (size_t i = 0; i < c->only_count[side]; i++) {
            if (i) wane_text_string(out, ", ");
            wane_json_write_string(out, c->only[side][i]);
        }
        wane_text_string(out, "]");
    }
    wane_text_string(out, ", \"tie\": ");
    wane_json_write_string(out, c->tie);
    wane_text_string(out, ", \"resized\": [");
    bool some = false;
    for (size_t i = 0; i < c->count; i++) {
        const wane_compared *one = &c->list[i];
        if (one->extra[0] + one->extra[1] == 0) continue;
        wane_text_string(out, some ? ", {\"name\": " : "{\"name\": ");
        wane_json_write_string(out, one->name);
        wane_text_printf(out, ", \"rows_base\": %zu, \"rows_tuned\": %zu, \"rows\": %zu}",
                         one->rows + one->extra[0], one->rows + one->extra[1], one->rows);
        some = true;
    }
    wane_text_string(out, "]");
}
