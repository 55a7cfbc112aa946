/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "analysis/statistics/paired.h"
#include "eval/cli/commands.h"
#include "eval/cli/page.h"
#include "eval/cli/spectra_of_pair.h"

typedef struct diff_call {
    wane_text_request text;
    wane_option_list tasks;
    size_t threads, limit;
} diff_call;

static void write_heads(wane_text *out, const wane_pair *pair)
{
    static const char *const kinds[] = {"nothing", "a PEFT adapter, merged", "a model",
                                        "tuned tensors"};
    const wane_parameters *table = &pair->base->parameters;
    size_t changed = 0;
    for (size_t p = 0; p < table->count; p++) {
        const wane_parameter *a = &table->parameter[p];
        const float *x = pair->base->weights + a->offset, *y = pair->tuned->weights + a->offset;
        bool same = true;
        for (size_t i = 0; i < a->rows * a->cols && same; i++) same = x[i] == y[i];
        changed += !same;
    }
    char count[32];
    wane_page_line(out, "base", "%s (%s, %s numbers)", pair->base_path, pair->base_type,
                   wane_page_count(count, table->numbers));
    wane_page_line(out, "tuned", "%s (%s%s%s)", pair->tuned_path, kinds[pair->kind],
                   pair->tuned_type && pair->tuned_type[0] ? ", " : "",
                   pair->tuned_type ? pair->tuned_type : "");
    wane_page_line(out, "changed", "%zu of %zu tensors", changed, table->count);
}

static wane_status write_spectra(wane_text *out, const wane_pair *pair, wane_error *err)
{
    enum { TOP = 10 };
    const double epsilon = 0.5;
    wane_matrix_spectrum *list = NULL;
    size_t count = 0, total[2] = {0, 0};
    double random[2] = {0, 0}, base = 0, delta = 0, rank = 0;
    wane_spectrum_options options = {.top = TOP, .u = true, .v = true};
    wane_text rows = {0};
    char a[32], b[32], c[32], d[32];
    wane_status st = wane_pair_spectra(&list, &count, pair, &options, err);
    if (st != WANE_OK) return st;
    wane_text_string(&rows, "matrix\tintruders u\tv\t||dW||\trelative\teffective rank\n");
    for (size_t i = 0; i < count; i++) {
        const wane_parameter *p = &pair->base->parameters.parameter[list[i].parameter];
        const wane_spectrum *s = &list[i].spectrum;
        size_t found[2];
        for (int side = 0; side < 2; side++) {
            found[side] = wane_intruder_count(s->side[side], s->count, TOP, epsilon);
            total[side] += found[side];
            random[side] += wane_intruder_random(side == 0 ? p->rows : p->cols, list[i].base_count,
                                                 s->count < TOP ? s->count : TOP, epsilon);
        }
        base += s->base_frobenius * s->base_frobenius;
        delta += s->delta_frobenius * s->delta_frobenius;
        rank += s->effective_rank / (double)count;
        wane_text_printf(&rows, "%s\t%zu\t%zu\t%s\t%s\t%s\n", p->name, found[0], found[1],
                         wane_page_number(a, s->delta_frobenius, 4),
                         wane_page_number(b, s->relative_update, 3),
                         wane_page_number(c, s->effective_rank, 4));
    }
    wane_page_line(out, "||dW||", "%s, %s of ||W||", wane_page_number(a, sqrt(delta), 4),
                   wane_page_number(b, sqrt(delta / base), 3));
    wane_page_line(out, "effective rank", "%s, mean over matrices", wane_page_number(a, rank, 4));
    wane_page_line(out, "intruders", "u %zu (random %s), v %zu (random %s); top 10, |cosine| < 0.5",
                   total[0], wane_page_number(c, random[0], 4), total[1],
                   wane_page_number(d, random[1], 4));
    wane_text_string(out, "\n");
    wane_page_table(out, &rows, "lrrrrr");
    wane_text_free(&rows);
    wane_pair_spectra_free(list, count);
    return WANE_OK;
}

static wane_status write_corpus(wane_text *out, const wane_pair *pair,
                                const wane_text_request *request, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_text_data text = {0};
    wane_likelihood before = {0}, after = {0};
    double error = NAN, *nll = NULL;
    WANE_TRY(wane_text_data_open(&text, pair, request, err));
    WANE_TRY(
        wane_measure_likelihood(&before, pair->base, NULL, NULL, &text.windows, pair->pool, err));
    WANE_TRY(wane_measure_likelihood(&after, pair->tuned, NULL, pair->base, &text.windows,
                                     pair->pool, err));
    nll = wane_alloc(before.windows, sizeof *nll);
    WANE_TRY(nll ? WANE_OK : wane_fail_memory(err, "diff", "windows"));
    for (size_t i = 0; i < before.windows; i++) nll[i] = before.window[i].nll;
    WANE_TRY(wane_likelihood_paired(&error, &after, nll, &text.windows, err));
    wane_text_printf(out, "\n%s, %zu tokens\n", text.corpus.name, after.tokens);
    wane_page_line(out, "nll", "%.4f -> %.4f nats/token", before.nll, after.nll);
    wane_page_line(out, "change", "%+.4f +- %.4f (paired by document)", after.nll - before.nll,
                   error);
    wane_page_line(out, "KL(base||tuned)", "%.4f nats/token", after.kl_to_base);
done:
    wane_free(nll);
    wane_likelihood_free(&before);
    wane_likelihood_free(&after);
    wane_text_data_free(&text);
    return st;
}

static wane_status write_task(wane_text *rows, const wane_pair *pair, const char *path,
                              size_t limit, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_task_data data = {0};
    wane_accuracy before = {0}, after = {0};
    wane_task_request request = {.path = path, .limit = limit};
    size_t only_before = 0, only_after = 0;
    char p[32];
    WANE_TRY(wane_task_data_open(&data, pair, &request, err));
    WANE_TRY(wane_measure_accuracy(&before, pair->base, NULL, NULL, &data.task, data.split,
                                   &data.prompts, false, pair->pool, err));
    WANE_TRY(wane_measure_accuracy(&after, pair->tuned, NULL, NULL, &data.task, data.split,
                                   &data.prompts, false, pair->pool, err));
    for (size_t i = 0; i < after.examples; i++) {
        bool was = before.example[i].predicted == before.example[i].label;
        bool is = after.example[i].predicted == after.example[i].label;
        only_before += was && !is;
        only_after += is && !was;
    }
    wane_text_printf(rows, "%s\t%zu\t%.4f\t%.4f\t%+.4f\t%s\t%.4f\n", data.task.name, after.examples,
                     before.accuracy, after.accuracy, after.accuracy - before.accuracy,
                     wane_page_number(p, wane_mcnemar_exact(only_before, only_after), 3),
                     after.majority);
done:
    wane_accuracy_free(&before);
    wane_accuracy_free(&after);
    wane_task_data_free(&data);
    return st;
}

static wane_status measure(const wane_call *call, const diff_call *asked, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_text page = {0}, rows = {0};
    WANE_TRY(wane_pair_open(&pair, call->operand[0], call->operand[1], asked->threads, err));
    write_heads(&page, &pair);
    WANE_TRY(write_spectra(&page, &pair, err));
    if (asked->text.path || asked->tasks.count) WANE_TRY(wane_pair_tokenizer(&pair, err));
    if (asked->text.path) WANE_TRY(write_corpus(&page, &pair, &asked->text, err));
    if (asked->tasks.count)
        wane_text_string(&rows, "task\tn\tbefore\tafter\tchange\tMcNemar p\tmajority\n");
    for (size_t t = 0; t < asked->tasks.count; t++)
        WANE_TRY(write_task(&rows, &pair, asked->tasks.item[t], asked->limit, err));
    if (asked->tasks.count) {
        wane_text_string(&page, "\n");
        wane_page_table(&page, &rows, "lrrrrrr");
    }
    WANE_TRY(wane_page_print(&page, err));
done:
    wane_text_free(&page);
    wane_text_free(&rows);
    wane_pair_close(&pair);
    return st;
}

static int run(wane_call *call)
{
    diff_call asked = {0};
    const wane_option options[] = {
        {"corpus", 0, WANE_OPTION_TEXT, &asked.text.path, "FILE",
         "also the likelihood of this text"},
        {"tokens", 0, WANE_OPTION_COUNT, &asked.text.tokens, "N",
         "of the text: documents until so many tokens are scored (all)"},
        {"filter", 0, WANE_OPTION_TEXT, &asked.text.filter, "ascii",
         "of the text: only documents that are plain ASCII"},
        {"tasks", 0, WANE_OPTION_LIST, &asked.tasks, "PATH,...",
         "also the accuracy on these tasks"},
        {"limit", 0, WANE_OPTION_COUNT, &asked.limit, "N", "test rows of a task at most"},
        {"threads", 't', WANE_OPTION_COUNT, &asked.threads, "N", "threads (every processor)"},
    };
    int code = 0;
    wane_error err;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    return measure(call, &asked, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_diff = {
    "diff", "diff BASE TUNED [--corpus FILE] [--tasks PATH,...]",
    "One page on what tuning changed: intruders, norms, likelihood, accuracy.", run};
