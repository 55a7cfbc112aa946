/* SPDX-License-Identifier: Apache-2.0
 * Reads a template's escapes and the label words of `--label VALUE=WORDS`.
 */
#include "eval/cli/task_options.h"

#include <string.h>

/* A text as YAML's double quotes read it, where a shell gives none but the backslash itself. Other
 * escapes are refused: what they mean to one reader they do not mean to the next. */
static wane_status unescape(const char **out, const char *option, const char *text,
                            wane_arena *arena, wane_error *err)
{
    static const char letters[] = "nt\\", meanings[] = "\n\t\\";
    char *made = wane_arena_strdup(arena, text), *end = made;
    if (!made) return wane_fail_memory(err, option, text);
    for (const char *c = text; *c; c++) {
        if (*c != '\\') {
            *end++ = *c;
            continue;
        }
        const char *letter = c[1] ? strchr(letters, c[1]) : NULL;
        if (!letter)
            return wane_fail(
                err, WANE_EINVAL,
                "%s: \"%.80s\": a backslash before %s%.1s%s (\\n is a line break, \\t a "
                "tab, \\\\ a backslash; character %zu)",
                option, text, c[1] ? "\"" : "the end", c + 1, c[1] ? "\"" : "",
                (size_t)(c - text) + 1);
        *end++ = meanings[letter - letters];
        c++;
    }
    *end = '\0';
    *out = made;
    return WANE_OK;
}

/* "VALUE=WORDS" */
static wane_status read_label(wane_label *out, const char *item, wane_arena *arena, wane_error *err)
{
    const char *equals = strchr(item, '=');
    if (!equals || equals == item || !equals[1])
        return wane_fail(err, WANE_EINVAL,
                         "--labels: '%s': VALUE=VERBALIZER is wanted, as in \"0= no\"", item);
    out->value = wane_arena_strndup(arena, item, (size_t)(equals - item));
    if (!out->value) return wane_fail_memory(err, "--labels", item);
    return unescape(&out->verbalizer, "--labels", equals + 1, arena, err);
}

wane_status wane_task_options_read(wane_task_request *out, const wane_task_options *options,
                                   wane_arena *arena, wane_error *err)
{
    wane_status st = WANE_OK;
    size_t count = options->labels.count;
    *out = (wane_task_request){.text_field = options->text,
                               .label_field = options->label,
                               .test_split = options->test,
                               .limit = options->limit,
                               .max_length = options->max_length};
    if (options->template_text)
        WANE_TRY(unescape(&out->template_text, "--template", options->template_text, arena, err));
    if (!count) return WANE_OK;
    wane_label *labels = wane_arena_alloc(arena, count, sizeof *labels);
    if (!labels) return wane_fail_memory(err, "--labels", options->labels.item[0]);
    for (size_t i = 0; i < count; i++)
        WANE_TRY(read_label(&labels[i], options->labels.item[i], arena, err));
    out->labels = labels;
    out->label_count = count;
done:
    return st;
}
