/* SPDX-License-Identifier: Apache-2.0
 * Whether a label's length in tokens decides what the base answers.
 */
#include "eval/experiment/label_words.h"

#include "eval/measure/measure.h"

/* What one look may cost: seconds on the machines this runs on, whatever the model. */
static const double most_operations = 5e10;
enum { ROWS_MOST = 256, ROWS_LEAST = 16 };

static size_t tokens_of(const wane_prompts *p, size_t label)
{
    return p->label_starts[label + 1] - p->label_starts[label];
}

bool wane_label_words_differ(const wane_prompts *prompts)
{
    for (size_t l = 1; l < prompts->label_count; l++)
        if (tokens_of(prompts, l) != tokens_of(prompts, 0)) return true;
    return false;
}

/* As many as the cost allows, and at least a few. */
static size_t rows_looked_at(const wane_prompts *p, const wane_model *model)
{
    size_t rows = p->rows < ROWS_MOST ? p->rows : ROWS_MOST;
    size_t label_ids = p->label_starts[p->label_count];
    double per_row = 2 * (double)model->parameters.numbers *
                     ((double)p->starts[p->rows] / (double)p->rows + (double)label_ids);
    double affordable = most_operations / per_row;
    if (affordable < ROWS_LEAST) affordable = ROWS_LEAST;
    return (double)rows > affordable ? (size_t)affordable : rows;
}

wane_status wane_label_words_compare(wane_label_words *out, const wane_model *model,
                                     const wane_task *task, const wane_prompts *prompts,
                                     wane_pool *pool, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_accuracy by[2] = {{0}, {0}};
    wane_prompts sample = *prompts; /* a shorter view */
    wane_label_words found = {.fewest = tokens_of(prompts, 0), .most = tokens_of(prompts, 0)};
    for (size_t l = 1; l < prompts->label_count; l++) {
        size_t tokens = tokens_of(prompts, l);
        if (tokens < found.fewest) found.fewest = tokens;
        if (tokens > found.most) found.most = tokens;
    }
    sample.rows = prompts->rows ? rows_looked_at(prompts, model) : 0;
    for (int mean = 0; mean < 2 && sample.rows; mean++)
        WANE_TRY(wane_measure_accuracy(&by[mean], model, NULL, NULL, task, WANE_SPLIT_TEST, &sample,
                                       mean, pool, err));
    for (size_t r = 0; r < sample.rows; r++) {
        int32_t sum = by[0].example[r].predicted, mean = by[1].example[r].predicted;
        if (sum < 0 || mean < 0) continue; /* not finite: no answer */
        found.rows++;
        found.disagree += sum != mean;
    }
    *out = found;
done:
    wane_accuracy_free(&by[0]);
    wane_accuracy_free(&by[1]);
    return st;
}
