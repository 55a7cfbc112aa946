/* SPDX-License-Identifier: Apache-2.0
 * Closes the database and gives the exit code of how it went.
 */
#include "eval/cli/reading_options.h"

#include "analysis/report/page.h"

int wane_reading_end(wane_reading *r, wane_status st, const wane_error *err)
{
    if (st == WANE_OK) wane_reading_tell_cut(r);
    wane_reading_close(r);
    if (st != WANE_OK) return wane_cli_fail(err);
    return wane_page_cut() ? WANE_EXIT_FAILED : WANE_EXIT_DONE;
}
