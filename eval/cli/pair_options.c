/* SPDX-License-Identifier: Apache-2.0
 * Turns the words of these options into a comparison's, or into a usage error.
 */
#include "eval/cli/pair_options.h"

#include <string.h>

#include "store/base/threads.h"

bool wane_compare_options(wane_comparison_options *out, const wane_call *call,
                          const wane_compare_call *asked, int *code)
{
    static const char *const words[] = {"auto", "yes", "no"};
    *out = (wane_comparison_options){
        .strip = asked->strip.item, .strip_count = asked->strip.count, .match = asked->match};
    bool known = !asked->conv1d;
    for (int i = 0; asked->conv1d && i < 3; i++)
        if (strcmp(asked->conv1d, words[i]) == 0) {
            out->conv1d = (wane_conv1d)i;
            known = true;
        }
    if (!known) *code = wane_cli_usage(call, "--conv1d is yes, no or auto");
    else if (asked->csv && asked->json) *code = wane_cli_usage(call, "--csv or --json, not both");
    else if (asked->csv_plain && !asked->csv)
        *code = wane_cli_usage(call, "--csv-plain goes with --csv");
    else if (asked->threads > WANE_MAX_THREADS)
        *code = wane_cli_usage(call, "--threads: at most %d", WANE_MAX_THREADS);
    else return true;
    return false;
}

bool wane_spectra_options(const wane_call *call, const wane_pair_question *asked, int *code)
{
    if (asked->k == 0 || !(asked->epsilon > 0 && asked->epsilon <= 1))
        *code = wane_cli_usage(call, "-k is at least 1, --epsilon in (0, 1]");
    else if (asked->null && asked->no_null)
        *code = wane_cli_usage(call, "--null or --no-null, not both");
    else if (asked->exact && asked->bounded)
        *code = wane_cli_usage(call, "--exact or --bounded, not both");
    else return true;
    return false;
}
