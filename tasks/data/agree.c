/* SPDX-License-Identifier: Apache-2.0
 * Walks windows or prompts of both tokenizers side by side and names the first document, row or
 * label, and the position in it, where their ids part.
 */
#include "tasks/data/agree.h"

#include <stdio.h>

/* Some ids of one side. */
typedef struct span {
    const int32_t *ids;
    size_t count;
} span;

/* Index of the first difference; the common count when there is none. */
static size_t first_difference(span a, span b)
{
    size_t i = 0, least = a.count < b.count ? a.count : b.count;
    while (i < least && a.ids[i] == b.ids[i]) i++;
    return i;
}

static bool alike(span a, span b)
{
    return a.count == b.count && first_difference(a, b) == a.count;
}

static void write_id(char out[32], span s, size_t at)
{
    if (at < s.count) (void)snprintf(out, 32, "id %d", (int)s.ids[at]);
    else (void)snprintf(out, 32, "no id");
}

/* `what` "document" or "row" number `number` (from 0), whose ids are from `offset` on. */
static wane_status differ(const wane_agreement *of, const char *what, size_t number, size_t offset,
                          span base, span tuned, wane_error *err)
{
    size_t at = first_difference(base, tuned);
    char a[32], b[32];
    write_id(a, base, at);
    write_id(b, tuned, at);
    return wane_fail(err, WANE_EINVAL,
                     "compare: %s: the tokenizers give other ids: %s %zu, position %zu: %s by "
                     "%.200s, %s by %.200s; nothing per token can be compared",
                     of->text, what, number + 1, offset + at + 1, a, of->base, b, of->tuned);
}

static span window(const wane_windows *w, size_t i)
{
    if (i >= w->windows) return (span){NULL, 0};
    return (span){w->ids + w->starts[i], w->starts[i + 1] - w->starts[i]};
}

wane_status wane_windows_agree(const wane_windows *base, const wane_windows *tuned,
                               const wane_agreement *of, wane_error *err)
{
    /* Up to the first difference both are cut into the same windows. */
    size_t most = base->windows > tuned->windows ? base->windows : tuned->windows;
    for (size_t i = 0; i < most; i++) {
        span a = window(base, i), b = window(tuned, i);
        const wane_windows *longer = i < base->windows ? base : tuned;
        bool same = i < base->windows && i < tuned->windows &&
                    base->document[i] == tuned->document[i] &&
                    base->position[i] == tuned->position[i];
        if (same && alike(a, b)) continue;
        return differ(of, "document", longer->document[i], longer->position[i], a,
                      same || a.count == 0 || b.count == 0 ? b : (span){NULL, 0}, err);
    }
    return WANE_OK;
}

static span row(const wane_prompts *p, size_t i)
{
    if (i >= p->rows) return (span){NULL, 0};
    return (span){p->ids + p->starts[i], p->starts[i + 1] - p->starts[i]};
}

static span label(const wane_prompts *p, size_t i)
{
    if (i >= p->label_count) return (span){NULL, 0};
    return (span){p->label_ids + p->label_starts[i], p->label_starts[i + 1] - p->label_starts[i]};
}

wane_status wane_prompts_agree(const wane_prompts *base, const wane_prompts *tuned,
                               const wane_agreement *of, wane_error *err)
{
    for (size_t i = 0; i < base->label_count || i < tuned->label_count; i++)
        if (!alike(label(base, i), label(tuned, i)))
            return differ(of, "label", i, 0, label(base, i), label(tuned, i), err);
    for (size_t i = 0; i < base->rows || i < tuned->rows; i++)
        if (!alike(row(base, i), row(tuned, i)))
            return differ(of, "row", i, 0, row(base, i), row(tuned, i), err);
    return WANE_OK;
}
