/* SPDX-License-Identifier: Apache-2.0
 * The command `wane audit`: one screen and a verdict on a base and what was tuned on it; what is
 * printed stands in eval/pair/audit_page.c.
 */
#include "analysis/report/page.h"
#include "eval/cli/commands.h"
#include "eval/cli/pair_options.h"
#include "eval/pair/audit.h"

typedef struct audit_call {
    wane_pair_question question;
    wane_compare_call compare;
} audit_call;

static wane_status measure(const wane_call *call, const audit_call *asked,
                           const wane_comparison_options *options, wane_error *err)
{
    wane_status st = WANE_OK;
    wane_audit audit = {.question = asked->question};
    wane_pool *pool = NULL;
    wane_text page = {0};
    WANE_TRY(wane_pool_new(&pool, (int)asked->compare.threads, err));
    WANE_TRY(wane_comparison_open(&audit.comparison, call->operand[0], call->operand[1], options,
                                  &wane_compare_log, err));
    WANE_TRY(wane_config_is_computed(&audit.computed, audit.comparison.base.package, err));
    WANE_TRY(wane_tokenizers_compare(&audit.tokenizers, &audit.comparison, err));
    WANE_TRY(wane_tensor_changes_find(&audit.changes, &audit.comparison, pool, err));
    WANE_TRY(wane_pair_spectra_find(&audit.spectra, &audit.comparison, &audit.question, pool, err));
    WANE_TRY(wane_audit_sum_up(&audit, err));
    if (asked->compare.json) wane_audit_write_json(&page, &audit);
    else wane_audit_write_page(&page, &audit);
    WANE_TRY(wane_page_print(&page, err));
    st = wane_tensor_changes_finite(&audit.changes, &audit.comparison, "audit", err);
done:
    wane_text_free(&page);
    wane_audit_free(&audit);
    wane_pair_spectra_free(&audit.spectra);
    wane_tensor_changes_free(&audit.changes);
    wane_comparison_close(&audit.comparison);
    wane_pool_free(pool);
    return st;
}

static void more_help(wane_text *out)
{
    wane_text_string(out,
                     "\nThe bars are ||dW|| / ||W|| of a module in each layer, in eighths of the "
                     "largest of them;\n. is unchanged, x not finite. wane explain verdict says "
                     "what its words mean; wane diff is the\npage behind it, matrix by "
                     "matrix.\n");
}

static int run(wane_call *call)
{
    audit_call asked = {.question = {.k = 10, .epsilon = 0.5, .u = true}};
    const wane_option options[] = {
        WANE_SPECTRA_OPTIONS(&asked.question),
        WANE_COMPARE_OPTIONS(&asked.compare),
    };
    int code = 0;
    wane_error err;
    call->more_help = more_help;
    wane_comparison_options names;
    call->models = 2;
    if (!wane_call_parse(call, options, sizeof options / sizeof *options, 2, 2, &code)) return code;
    if (!wane_spectra_options(call, &asked.question, &code)) return code;
    if (!wane_compare_options(&names, call, &asked.compare, &code)) return code;
    return measure(call, &asked, &names, &err) == WANE_OK ? WANE_EXIT_DONE : wane_cli_fail(&err);
}

const wane_command wane_command_audit = {
    "audit", "audit BASE TUNED [-k 10] [--epsilon .5] [--null] [--json]",
    "One screen and a verdict: what tuning changed where, and what is not known.", run};
