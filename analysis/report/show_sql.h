/* SPDX-License-Identifier: Apache-2.0
 * The queries of `wane show`; each has one parameter, the id of the run. For show.c alone.
 */
#ifndef ANALYSIS_REPORT_SHOW_SQL_H
#define ANALYSIS_REPORT_SHOW_SQL_H

#include <stdbool.h>

extern const char wane_show_nulls[]; /* how many stages; with a count, with a null; in how many of
                                        these nothing random shows, and their positions as a list */
extern const char wane_show_head[], wane_show_settings[], wane_show_gate_names[],
    wane_show_failed_gates[], wane_show_warnings[], wane_show_tasks[], wane_show_matrix[],
    wane_show_bounds[], wane_show_count_noise[], wane_show_metrics[], wane_show_corpora[],
    wane_show_stages[], wane_show_usage[], wane_show_artifacts[];

enum { WANE_SHOW_OBJECTS = 12 };
extern const struct wane_show_object {
    const char *name, *sql;
    bool list;
} wane_show_objects[WANE_SHOW_OBJECTS];

#endif
