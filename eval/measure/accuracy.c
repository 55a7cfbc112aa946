/* SPDX-License-Identifier: Apache-2.0
 * A verbalizer's score is the sum of its tokens' log-likelihoods after the prompt (their mean when
 * per_token). The prompt is run once: the first token of every label is read at its last position;
 * labels of several tokens continue it as sequences that share it as their prefix. Where the prompt
 * would be computed otherwise as a part of the longer sequence (rotary positions that go by the
 * length), the label's sequence holds the prompt again, and all of its tokens are read there.
 */
#include <math.h>
#include <string.h>

#include "eval/measure/distributions.h"
#include "eval/measure/judge.h"
#include "eval/measure/measure.h"
#include "store/base/memory.h"

/* One evaluation of a split. */
typedef struct measuring {
    wane_scored_rows *rows;
    const wane_config *config;
    const wane_prompts *prompts;
    const wane_task *task;
    wane_split split;
    bool with_base, per_token;
    size_t continuation_tokens,
        continuations;    /* per row: labels of several tokens, less the last */
    int32_t *first_token; /* per label */
    /* of one batch */
    int32_t *ids, *target;
    size_t *starts, *position;
    long *prefix;
    wane_row_score *score;
    double *choice; /* rows x labels */
    double *label_score;
    /* sums over the split */
    double prompt_kl, answer_kl;
    size_t prompt_positions, answer_positions;
} measuring;

static size_t label_tokens(const wane_prompts *p, size_t label)
{
    return p->label_starts[label + 1] - p->label_starts[label];
}

/* The tokens of its prompt that a label's sequence has before its own: none where it shares them.
 */
static size_t repeated(const measuring *m, size_t row, size_t label)
{
    size_t prompt = m->prompts->starts[row + 1] - m->prompts->starts[row];
    size_t whole = prompt + label_tokens(m->prompts, label) - 1;
    return wane_config_prefix_shared(m->config, prompt, whole) ? 0 : prompt;
}

static size_t row_tokens(const measuring *m, size_t row)
{
    size_t tokens = m->prompts->starts[row + 1] - m->prompts->starts[row] + m->continuation_tokens;
    for (size_t l = 0; l < m->prompts->label_count && m->continuations; l++)
        tokens += repeated(m, row, l);
    return tokens;
}

static size_t batch_end(const measuring *m, size_t first)
{
    size_t tokens = row_tokens(m, first), last = first + 1;
    while (last < m->prompts->rows && tokens + row_tokens(m, last) <= WANE_MEASURE_TOKENS)
        tokens += row_tokens(m, last++);
    return last;
}

static wane_status measuring_new(measuring *m, const wane_model *model, const wane_adapter *adapter,
                                 const wane_model *base, wane_pool *pool, wane_error *err)
{
    const wane_prompts *p = m->prompts;
    size_t tokens = 1, rows = 1;
    for (size_t l = 0; l < p->label_count; l++)
        if (label_tokens(p, l) > 1) {
            m->continuations++;
            m->continuation_tokens += label_tokens(p, l) - 1;
        }
    for (size_t first = 0, last = 0; first < p->rows; first = last) {
        size_t size = 0;
        last = batch_end(m, first);
        for (size_t r = first; r < last; r++) size += row_tokens(m, r);
        if (size > tokens) tokens = size;
        if (last - first > rows) rows = last - first;
    }
    size_t sequences = rows * (1 + m->continuations);
    m->first_token = wane_alloc(p->label_count, sizeof *m->first_token);
    m->ids = wane_alloc(tokens, sizeof *m->ids);
    m->target = wane_alloc(tokens, sizeof *m->target);
    m->starts = wane_alloc(sequences + 1, sizeof *m->starts);
    m->position = wane_alloc(tokens, sizeof *m->position);
    m->prefix = wane_alloc(sequences, sizeof *m->prefix);
    m->score = wane_alloc(tokens, sizeof *m->score);
    m->choice = wane_alloc(rows * p->label_count, sizeof *m->choice);
    m->label_score = wane_alloc(p->label_count, sizeof *m->label_score);
    if (!m->first_token || !m->ids || !m->target || !m->starts || !m->position || !m->prefix ||
        !m->score || !m->choice || !m->label_score)
        return wane_fail_memory(err, "measure", m->task->name);
    for (size_t l = 0; l < p->label_count; l++)
        m->first_token[l] = p->label_ids[p->label_starts[l]];
    return wane_rows_new(&m->rows, model, adapter, base, tokens, sequences, pool, err);
}

static void measuring_free(measuring *m)
{
    wane_rows_free(m->rows);
    wane_free(m->first_token);
    wane_free(m->ids);
    wane_free(m->target);
    wane_free(m->starts);
    wane_free(m->position);
    wane_free(m->prefix);
    wane_free(m->score);
    wane_free(m->choice);
    wane_free(m->label_score);
}

/* The prompts of rows [first, last), then for each row its labels of several tokens. */
static wane_batch build_batch(measuring *m, size_t first, size_t last)
{
    const wane_prompts *p = m->prompts;
    size_t used = 0, sequence = 0;
    for (size_t r = first; r < last; r++) {
        size_t length = p->starts[r + 1] - p->starts[r];
        memcpy(m->ids + used, p->ids + p->starts[r], length * sizeof *m->ids);
        m->starts[sequence] = used;
        m->prefix[sequence++] = -1;
        used += length;
    }
    for (size_t r = first; r < last && m->continuations; r++)
        for (size_t l = 0; l < p->label_count; l++) {
            size_t length = label_tokens(p, l) - 1, again = repeated(m, r, l);
            if (length == 0) continue;
            m->starts[sequence] = used;
            m->prefix[sequence++] = again ? -1 : (long)(r - first);
            memcpy(m->ids + used, p->ids + p->starts[r], again * sizeof *m->ids);
            used += again;
            memcpy(m->ids + used, p->label_ids + p->label_starts[l], length * sizeof *m->ids);
            used += length;
        }
    m->starts[sequence] = used;
    return (wane_batch){.tokens = used,
                        .sequences = sequence,
                        .ids = m->ids,
                        .starts = m->starts,
                        .prefix = m->continuations ? m->prefix : NULL};
}

/* Positions of a label's sequence that predict its tokens, from the last of the prompt where it has
 * that again; returns the end. */
static size_t predicting(const measuring *m, size_t row, size_t label, size_t sequence,
                         size_t *first)
{
    size_t again = repeated(m, row, label);
    *first = m->starts[sequence] + (again ? again - 1 : 0);
    return m->starts[sequence + 1];
}

/* KL over the positions inside the prompts, and at those that predict the gold label's tokens. */
static void divergences(measuring *m, size_t first, size_t last)
{
    const wane_prompts *p = m->prompts;
    size_t count = 0;
    for (size_t r = first; r < last; r++)
        for (size_t t = m->starts[r - first]; t + 1 < m->starts[r - first + 1]; t++)
            m->position[count++] = t;
    wane_rows_score(m->rows, m->position, NULL, count, true, m->score);
    for (size_t i = 0; i < count; i++) m->prompt_kl += m->score[i].kl;
    m->prompt_positions += count;
    count = 0;
    size_t sequence = last - first;
    for (size_t r = first; r < last; r++) {
        size_t gold = (size_t)p->labels[r], t = 0;
        if (label_tokens(p, gold) < 2 || !repeated(m, r, gold))
            m->position[count++] = m->starts[r - first + 1] - 1;
        for (size_t l = 0; l < p->label_count; l++) {
            if (label_tokens(p, l) < 2) continue;
            size_t end = predicting(m, r, l, sequence++, &t);
            for (; t < end && l == gold; t++) m->position[count++] = t;
        }
    }
    wane_rows_score(m->rows, m->position, NULL, count, true, m->score);
    for (size_t i = 0; i < count; i++) m->answer_kl += m->score[i].kl;
    m->answer_positions += count;
}

/* Scores of the continuations, in the order of build_batch; m->score receives their nll. */
static void score_continuations(measuring *m, size_t first, size_t last)
{
    const wane_prompts *p = m->prompts;
    size_t count = 0, sequence = last - first;
    for (size_t r = first; r < last; r++)
        for (size_t l = 0; l < p->label_count; l++) {
            if (label_tokens(p, l) < 2) continue;
            size_t t = 0, end = predicting(m, r, l, sequence++, &t);
            const int32_t *next = &p->label_ids[p->label_starts[l + 1] - (end - t)];
            for (; t < end; t++) {
                m->position[count] = t;
                m->target[count++] = *next++;
            }
        }
    wane_rows_score(m->rows, m->position, m->target, count, false, m->score);
}

static wane_status measure_batch(measuring *m, size_t first, size_t last, wane_example_score *out,
                                 wane_error *err)
{
    const wane_prompts *p = m->prompts;
    wane_batch batch = build_batch(m, first, last);
    wane_status st = wane_rows_forward(m->rows, &batch, m->with_base, err);
    if (st != WANE_OK) return st;
    if (m->with_base) divergences(m, first, last);
    for (size_t r = first; r < last; r++) m->position[r - first] = m->starts[r - first + 1] - 1;
    wane_rows_choices(m->rows, m->position, last - first, m->first_token, p->label_count,
                      m->choice);
    if (m->continuations) score_continuations(m, first, last);
    size_t next = 0;
    for (size_t r = first; r < last; r++) {
        for (size_t l = 0; l < p->label_count; l++) {
            bool again = label_tokens(p, l) > 1 && repeated(m, r, l);
            double score = again ? 0 : m->choice[(r - first) * p->label_count + l];
            for (size_t j = !again; j < label_tokens(p, l); j++) score -= m->score[next++].nll;
            m->label_score[l] = m->per_token ? score / (double)label_tokens(p, l) : score;
        }
        wane_judge(m->label_score, p->label_count, p->labels[r], &out[r]);
        out[r].row = m->task->row[m->split][r].number;
    }
    return WANE_OK;
}

static void divergences_of(wane_accuracy *a, const measuring *m)
{
    a->kl_on_task_prompt =
        m->with_base && m->prompt_positions ? m->prompt_kl / (double)m->prompt_positions : NAN;
    a->kl_on_task_answer = m->with_base ? m->answer_kl / (double)m->answer_positions : NAN;
    if (isfinite(m->prompt_kl + m->answer_kl)) return;
    a->kl_reason = WANE_NOT_FINITE;
    a->kl_on_task_prompt = a->kl_on_task_answer = NAN;
}

wane_status wane_measure_accuracy(wane_accuracy *out, const wane_model *model,
                                  const wane_adapter *adapter, const wane_model *base,
                                  const wane_task *task, wane_split split,
                                  const wane_prompts *prompts, bool per_token, wane_pool *pool,
                                  wane_error *err)
{
    wane_status st = WANE_OK;
    wane_accuracy a = {.examples = prompts->rows};
    measuring m = {.config = &model->config,
                   .prompts = prompts,
                   .task = task,
                   .split = split,
                   .with_base = base != NULL,
                   .per_token = per_token};
    if (prompts->rows == 0)
        return wane_fail(err, WANE_EINVAL, "measure: %s: no row to measure", task->name);
    a.example = wane_alloc(prompts->rows, sizeof *a.example);
    WANE_TRY(a.example ? WANE_OK : wane_fail_memory(err, "measure", task->name));
    WANE_TRY(measuring_new(&m, model, adapter, base, pool, err));
    for (size_t first = 0, last = 0; first < prompts->rows; first = last) {
        last = batch_end(&m, first);
        WANE_TRY(measure_batch(&m, first, last, a.example, err));
    }
    WANE_TRY(wane_accuracy_sum_up(&a, prompts->label_count, task->name, err));
    divergences_of(&a, &m);
    *out = a;
    a.example = NULL;
done:
    wane_free(a.example);
    measuring_free(&m);
    return st;
}
