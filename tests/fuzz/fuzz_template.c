/* SPDX-License-Identifier: Apache-2.0
 * Templates: what was read is written again, braces doubled, and is the same template.
 */
#include <stdlib.h>

#include "store/base/text.h"
#include "tasks/data/template.h"
#include "tests/fuzz/fuzz.h"

static void write_template(wane_text *out, const wane_template *template)
{
    for (size_t i = 0; i < template->count; i++) {
        const wane_template_part *part = &template->parts[i];
        FUZZ_CHECK((part->literal != NULL) != (part->field != NULL));
        if (part->field) {
            FUZZ_CHECK(*part->field && !strpbrk(part->field, "{}"));
            wane_text_printf(out, "{%s}", part->field);
            continue;
        }
        for (const char *c = part->literal; *c; c++) {
            if (*c == '{' || *c == '}') wane_text_append(out, c, 1);
            wane_text_append(out, c, 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_text written = {0}, again = {0};
    wane_template template, same;
    char *text = malloc(size + 1);
    wane_arena *arena = wane_arena_new();
    FUZZ_CHECK(text && arena);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    wane_status st = wane_template_parse(&template, text, arena, &err);
    if (st != WANE_OK) {
        FUZZ_CHECK(st == WANE_EINVAL);
        fuzz_check_error(st, &err);
    }
    if (st == WANE_OK) {
        const wane_template_part *last = &template.parts[template.count - 1];
        FUZZ_CHECK(strcmp(template.tail, last->literal ? last->literal : "") == 0);
        write_template(&written, &template);
        FUZZ_CHECK(wane_text_check(&written, "fuzz", "template", &err) == WANE_OK);
        FUZZ_CHECK(strcmp(written.data, text) == 0); /* there is one way to write it */
        FUZZ_CHECK(wane_template_parse(&same, written.data, arena, &err) == WANE_OK);
        write_template(&again, &same);
        FUZZ_CHECK(again.length == written.length && same.count == template.count);
    }
    wane_text_free(&written);
    wane_text_free(&again);
    wane_arena_free(arena);
    free(text);
    return 0;
}
