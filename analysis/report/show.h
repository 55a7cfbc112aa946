/* SPDX-License-Identifier: Apache-2.0
 * Everything about one run.
 */
#ifndef ANALYSIS_REPORT_SHOW_H
#define ANALYSIS_REPORT_SHOW_H

#include "store/base/text.h"
#include "store/results/results.h"

/* A page for people. */
WANE_MUST_CHECK wane_status wane_show_page(wane_text *out, wane_results *db, int64_t run,
                                           wane_error *err);

/* One object: "run", "settings", then a list of objects per section, named as the tables. */
WANE_MUST_CHECK wane_status wane_show_json(wane_text *out, wane_results *db, int64_t run,
                                           wane_error *err);

#endif
