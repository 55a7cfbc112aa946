/* SPDX-License-Identifier: Apache-2.0
 * The command `wane scale`: checks the output before the work, scales, and tells which directions
 * were changed in which matrix.
 */
#include <math.h>
#include <string.h>

#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/pair/given.h"
#include "eval/pair/scaled.h"
#include "eval/pair/spectra_of_pair.h"
#include "store/files/file.h"
#include "store/files/json.h"

typedef struct scale_call {
    wane_scaled_question question;
    const char *output;
    bool json;
} scale_call;

/* "1, 3" or, with the neighbours that were scaled instead, "1 > 2, 3 > 7". */
static void write_positions(wane_text *out, const wane_scaled_matrix *m)
{
    bool instead = m->what.arm == WANE_ARM_NEIGHBOUR;
    size_t count = wane_scaling_intruders(m->scaling, m->what.choice);
    for (size_t i = 0; i < count; i++) {
        wane_scaled_direction d = wane_scaling_direction(m->scaling, i);
        wane_text_printf(out, "%s%zu", i ? ", " : "", d.position);
        if (instead && d.neighbour) wane_text_printf(out, " > %zu", d.neighbour);
    }
    if (count == 0) wane_text_string(out, "-");
}

static void write_table(wane_text *out, const wane_pair *pair, const wane_scaled *all)
{
    wane_text rows = {0};
    char a[32], b[32], c[32];
    bool adapter = pair->kind == WANE_TUNED_ADAPTER;
    wane_text_printf(&rows,
                     "matrix\tshape\tintruders\tpositions\t||dW||\tafter\tmoved%s\tleft alone\n",
                     adapter ? "\trank" : "");
    for (size_t i = 0; i < all->count; i++) {
        const wane_scaled_matrix *m = &all->matrix[i];
        const wane_parameter *p = &pair->base->parameters.parameter[m->parameter];
        bool moved = m->what.state == WANE_ARM_EXISTS;
        wane_text_printf(&rows, "%s\t%zu x %zu\t%zu\t", p->name, p->rows, p->cols,
                         wane_scaling_intruders(m->scaling, WANE_CHOICE_ALL));
        write_positions(&rows, m);
        double before = wane_scaling_delta(m->scaling);
        wane_text_printf(&rows, "\t%s\t%s\t%s", wane_page_number(a, before, 4),
                         wane_page_number(b, moved ? m->what.delta_frobenius : before, 4),
                         wane_page_number(c, moved ? m->what.moved_frobenius : 0, 4));
        const wane_lowrank_term *term = wane_scaled_term(pair, m->parameter);
        if (adapter && term) wane_text_printf(&rows, "\t%zu", term->rank + m->what.rank);
        else if (adapter) wane_text_string(&rows, "\t-");
        wane_text_printf(&rows, "\t%s\n", moved ? "-" : wane_arm_state_name(m->what.state));
    }
    wane_page_table(out, &rows, adapter ? "lrrlrrrrl" : "lrrlrrrl");
    wane_text_free(&rows);
}

static void write_page(wane_text *out, const wane_pair *pair, const wane_scaled *all,
                       const scale_call *asked)
{
    static const char *const kinds[] = {"", "PEFT adapter", "model", "tensors"};
    const wane_scaled_question *q = &asked->question;
    char a[32], b[32];
    wane_page_line(out, "base", "%s", pair->base_path);
    wane_page_line(out, "tuned", "%s (%s)", pair->tuned_path, kinds[pair->kind]);
    wane_page_line(out, "arm", "%s, lambda %s, %s", wane_arm_name(q->arm),
                   wane_format_double(a, q->lambda),
                   q->choice == WANE_CHOICE_TOP ? "the first intruder of each matrix"
                                                : "all intruders of each matrix");
    wane_page_line(out, "intruders", "in the top %zu, side %s, |cosine| < %s", q->options.k,
                   q->options.side == WANE_SIDE_U ? "u" : "v",
                   wane_format_double(b, q->options.epsilon));
    wane_pair_write_bounded(out, all->bounded);
    if (all->unresolved)
        wane_page_line(out, "unresolved", "%zu of these directions, left alone", all->unresolved);
    wane_page_line(out, "changed", "%zu of %zu matrices; %zu have intruders", all->changed,
                   all->count, all->with);
    wane_page_line(out, "||dW||", "%s, was %s", wane_page_number(a, all->after, 4),
                   wane_page_number(b, all->before, 4));
    wane_page_line(out, "written", "%s (%s)", asked->output,
                   pair->kind == WANE_TUNED_ADAPTER ? "PEFT adapter" : "model, F32");
    wane_text_string(out, "\n");
    write_table(out, pair, all);
}

static void write_member(wane_text *out, const char *name, double value)
{
    wane_text_printf(out, ", \"%s\": ", name);
    wane_json_write_number(out, value);
}

static void write_json_matrix(wane_text *out, const wane_pair *pair, const wane_scaled_matrix *m)
{
    const wane_parameter *p = &pair->base->parameters.parameter[m->parameter];
    size_t count = wane_scaling_intruders(m->scaling, m->what.choice);
    wane_text_string(out, "{\"name\": ");
    wane_json_write_string(out, p->name);
    wane_text_printf(out, ", \"rows\": %zu, \"cols\": %zu, \"state\": \"%s\", \"scaled\": [",
                     p->rows, p->cols, wane_arm_state_name(m->what.state));
    for (size_t i = 0; i < count; i++) {
        wane_scaled_direction d = wane_scaling_direction(m->scaling, i);
        wane_text_printf(out, "%s{\"position\": %zu", i ? ", " : "", d.position);
        write_member(out, "sigma", d.sigma);
        wane_text_printf(out, ", \"neighbour\": %zu", d.neighbour);
        write_member(out, "neighbour_sigma", d.neighbour_sigma);
        wane_text_string(out, "}");
    }
    wane_text_string(out, "]");
    write_member(out, "delta_frobenius_before", wane_scaling_delta(m->scaling));
    write_member(out, "delta_frobenius", m->what.delta_frobenius);
    write_member(out, "moved_frobenius", m->what.moved_frobenius);
    wane_text_printf(out, ", \"added_rank\": %zu, \"unresolved\": %zu, \"bounded\": %s}",
                     m->what.rank, wane_scaling_unresolved(m->scaling),
                     wane_scaling_is_bounded(m->scaling) ? "true" : "false");
}

static void write_json(wane_text *out, const wane_pair *pair, const wane_scaled *all,
                       const scale_call *asked)
{
    const wane_scaled_question *q = &asked->question;
    wane_text_printf(out, "{\"arm\": \"%s\", \"choice\": \"%s\", \"k\": %zu, \"side\": \"%s\"",
                     wane_arm_name(q->arm), wane_choice_name(q->choice), q->options.k,
                     q->options.side == WANE_SIDE_U ? "u" : "v");
    write_member(out, "lambda", q->lambda);
    write_member(out, "epsilon", q->options.epsilon);
    write_member(out, "delta_frobenius_before", all->before);
    write_member(out, "delta_frobenius", all->after);
    wane_text_printf(out, ", \"changed\": %zu, \"with_intruders\": %zu, \"output\": ", all->changed,
                     all->with);
    wane_json_write_string(out, asked->output);
    wane_text_string(out, ", \"matrices\": [");
    for (size_t i = 0; i < all->count; i++) {
        if (i) wane_text_string(out, ", ");
        write_json_matrix(out, pair, &all->matrix[i]);
    }
    wane_text_string(out, "]}\n");
}

/* What is there is not written over. */
static wane_status check_output(const char *path, wane_error *err)
{
    char **names = NULL;
    size_t count = 0;
    if (wane_file_exists(path))
        return wane_fail(err, WANE_EEXIST, "scale: %s: a file, no folder to write to", path);
    if (!wane_folder_exists(path)) return WANE_OK;
    wane_status st = wane_folder_list(&names, &count, path, err);
    if (st == WANE_OK) wane_names_free(names, count);
    if (st == WANE_OK && count > 0)
        st = wane_fail(err, WANE_EEXIST, "scale: %s: not an empty folder; name a new one", path);
    return st;
}

/* Nothing of a model that is not finite can be scaled. */
static wane_status check_finite(const wane_pair *pair, wane_error *err)
{
    const wane_model *models[] = {pair->base, pair->tuned};
    const char *paths[] = {pair->base_path, pair->tuned_path};
    for (size_t i = 0; i < 2; i++) {
        char weight[300];
        if (wane_model_say_not_finite(weight, sizeof weight, models[i]))
            return wane_fail(err, WANE_ENUMERIC, "scale: %s: %s", paths[i], weight);
    }
    return WANE_OK;
}

static wane_status scale(const wane_call *call, const scale_call *asked, size_t threads,
                         wane_error *err)
{
    wane_status st = WANE_OK;
    wane_pair pair = {0};
    wane_scaled all = {0};
    wane_text page = {0};
    WANE_TRY(check_output(asked->output, err));
    WANE_TRY(wane_pair_open(&pair, call->operand[0], call->operand[1], threads, err));
    WANE_TRY(wane_given_fits(&pair.base->config, &pair.tuned->config, pair.tuned_path, err));
    WANE_TRY(check_finite(&pair, err));
    WANE_TRY(wane_scaled_find(&all, &pair, &asked->question, err));
    if (all.changed == 0) {
        st = wane_fail(err, WANE_ENOTFOUND, "scale: %s: %s: nothing to change, nothing is written",
                       call->operand[1],
                       all.with ? "the arm exists for no matrix with intruders"
                                : "no matrix has an intruder");
        goto done;
    }
    WANE_TRY(wane_scaled_write(&all, &pair, asked->output, err));
    if (asked->json) write_json(&page, &pair, &all, asked);
    else write_page(&page, &pair, &all, asked);
    WANE_TRY(wane_page_print(&page, err));
done:
    wane_text_free(&page);
    wane_scaled_free(&all);
    wane_pair_close(&pair);
    return st;
}

static bool find_name(size_t *out, const char *name, const char *(*of)(size_t), size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, of(i)) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static const char *arm_name(size_t arm)
{
    return wane_arm_name((wane_arm)arm);
}

static const char *choice_name(size_t choice)
{
    return wane_choice_name((wane_choice)choice);
}

static int run(wane_call *call)
{
    scale_call asked = {
        .question = {.lambda = NAN, .options = {.k = 10, .epsilon = 0.5, .stored = 32}}};
    wane_scaled_question *q = &asked.question;
    const char *arm = "intruders", *choice = "top", *side = "u";
    size_t threads = 0, which_arm = 0, which_choice = 0;
    const wane_option options[] = {
        {"lambda", 'l', WANE_OPTION_NUMBER, &q->lambda, "L",
         "0 removes the intruders, 1 changes nothing (needed)"},
        {"output", 'o', WANE_OPTION_FOLDER, &asked.output, "DIR", "folder to write (needed)"},
        {"arm", 0, WANE_OPTION_TEXT, &arm, "ARM", WANE_ARM_NAMES " (intruders)"},
        {"choice", 0, WANE_OPTION_TEXT, &choice, "top|all",
         "the first intruder of each matrix, or all (top)"},
        {"top", 'k', WANE_OPTION_COUNT, &q->options.k, "K", "top directions of each matrix (10)"},
        {"epsilon", 0, WANE_OPTION_NUMBER, &q->options.epsilon, "E",
         "an intruder's largest |cosine| is below this (0.5)"},
        {"side", 0, WANE_OPTION_TEXT, &side, "u|v", "left or right vectors (u)"},
        {"stored", 0, WANE_OPTION_COUNT, &q->options.stored, "N",
         "neighbours are among the first N directions (32)"},
        {"cache", 0, WANE_OPTION_TEXT, &q->cache, "DIR", "keep the base's spectra here"},
        {"exact", 0, WANE_OPTION_FLAG, &q->exact, NULL,
         "cosines by the SVD of the base, however wide its matrices"},
        {"threads", 't', WANE_OPTION_COUNT, &threads, "N", "threads (every processor)"},
        {"json", 0, WANE_OPTION_FLAG, &asked.json, NULL, "as JSON"},
    };
    int code = 0;
    wane_error err;
    call->models = 2;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    if (!asked.output || !(q->lambda >= 0 && q->lambda <= 4))
        return wane_cli_usage(call, "--lambda in [0, 4] and -o DIR are needed");
    if (!find_name(&which_arm, arm, arm_name, WANE_ARMS))
        return wane_cli_usage(call, "--arm is one of " WANE_ARM_NAMES ", not '%s'", arm);
    if (!find_name(&which_choice, choice, choice_name, WANE_CHOICES))
        return wane_cli_usage(call, "--choice is top or all, not '%s'", choice);
    if (q->options.k == 0 || !(q->options.epsilon > 0 && q->options.epsilon <= 1) ||
        (strcmp(side, "u") != 0 && strcmp(side, "v") != 0))
        return wane_cli_usage(call, "-k is at least 1, --epsilon in (0, 1], --side u or v");
    q->arm = (wane_arm)which_arm;
    q->choice = (wane_choice)which_choice;
    q->options.side = side[0] == 'v' ? WANE_SIDE_V : WANE_SIDE_U;
    return scale(call, &asked, threads, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_scale = {
    "scale", "scale BASE TUNED --lambda L -o DIR [--arm intruders] [--choice top|all] [-k 10]",
    "Write a tuned model or adapter anew with its intruder dimensions scaled.", run};
