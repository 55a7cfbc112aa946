/* SPDX-License-Identifier: Apache-2.0
 * The command `wane schema`: the commented schema, whole, one table or view, or as JSON.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/report/page.h"
#include "analysis/report/schema_parts.h"
#include "eval/cli/commands.h"
#include "store/base/text.h"
#include "store/files/json.h"
#include "store/results/results.h"

static void json_piece(wane_text *out, const char *bytes, size_t count)
{
    wane_text piece = {0};
    wane_text_append(&piece, bytes, count);
    wane_text_append(&piece, "", 1);
    if (piece.failed) out->failed = true;
    else wane_json_write_string(out, piece.data);
    wane_text_free(&piece);
}

static void print_part(wane_text *out, const wane_schema_part *part, bool json)
{
    if (!json) {
        wane_text_append(out, part->comment, part->comment_bytes);
        wane_text_append(out, part->sql, part->sql_bytes);
        return;
    }
    wane_text_string(out, "{\"name\": ");
    wane_json_write_string(out, part->name);
    wane_text_printf(out, ", \"kind\": \"%s\", \"comment\": ", part->view ? "view" : "table");
    json_piece(out, part->comment, part->comment_bytes);
    wane_text_string(out, ", \"sql\": ");
    json_piece(out, part->sql, part->sql_bytes);
    wane_text_string(out, "}");
}

static wane_status print_one(wane_text *out, const char *name, bool json, wane_error *err)
{
    wane_schema_part parts[WANE_SCHEMA_PARTS];
    const char *names[WANE_SCHEMA_PARTS];
    size_t count = wane_schema_parts(parts);
    for (size_t i = 0; i < count; i++) {
        names[i] = parts[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        print_part(out, &parts[i], json);
        if (json) wane_text_string(out, "\n");
        return WANE_OK;
    }
    const char *near = wane_nearest(name, names, count);
    return wane_fail(err, WANE_ENOTFOUND, "schema: %s: no such table or view%s%s", name,
                     near ? "; did you mean " : " (wane schema prints all)", near ? near : "");
}

static void print_all(wane_text *out, bool json)
{
    wane_schema_part parts[WANE_SCHEMA_PARTS];
    if (!json) {
        wane_text_string(out, wane_results_schema());
        return;
    }
    size_t count = wane_schema_parts(parts);
    for (size_t i = 0; i < count; i++) {
        wane_text_string(out, i ? ",\n " : "[");
        print_part(out, &parts[i], true);
    }
    wane_text_string(out, "]\n");
}

static int run(wane_call *call)
{
    bool json = false;
    const wane_option options[] = {{"json", 0, WANE_OPTION_FLAG, &json, NULL, "the same as JSON"}};
    int code = 0;
    wane_error err;
    wane_text text = {0};
    wane_status st = WANE_OK;
    if (!wane_call_parse(call, options, 1, 0, 1, &code)) return code;
    if (call->operands) st = print_one(&text, call->operand[0], json, &err);
    else print_all(&text, json);
    if (st == WANE_OK) st = wane_text_check(&text, "schema", "text", &err);
    if (st == WANE_OK) wane_put(stdout, text.data, text.length);
    wane_text_free(&text);
    return st == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_schema = {
    "schema", "schema [TABLE]",
    "The commented schema of the database: what every table, view and column means.", run};
