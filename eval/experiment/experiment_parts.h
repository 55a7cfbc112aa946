/* SPDX-License-Identifier: Apache-2.0
 * The parts of reading an experiment, one file each. For this room alone.
 */
#ifndef EVAL_EXPERIMENT_EXPERIMENT_PARTS_H
#define EVAL_EXPERIMENT_EXPERIMENT_PARTS_H

#include "eval/experiment/experiment.h"
#include "store/files/yaml.h"

/* *out = path under the experiment's root, in its memory. */
WANE_MUST_CHECK wane_status wane_experiment_path(const char **out, const wane_experiment *x,
                                                 const char *path, wane_error *err);

/* Blocks of the root; the owner of their reader is the experiment. Those of the items of a list,
 * and what stands in the experiment itself, are on its struct or on the item's. */
extern const wane_settings wane_bounds_settings, wane_corpus_settings, wane_given_settings,
    wane_interventions_settings, wane_intruders_settings, wane_methods_settings,
    wane_order_settings, wane_shown_settings, wane_strategies_settings, wane_task_settings,
    wane_track_settings;

/* What an experiment is before its file is read; experiment_parts.c. */
extern const wane_experiment wane_experiment_usual;

/* Values of the root that are lists, or written in ways of their own. */
wane_status wane_experiment_read_corpora(void *into, const wane_setting *setting,
                                         const wane_yaml *node, const wane_setting_reader *reader,
                                         wane_error *err);
void wane_experiment_print_corpora(wane_text *out, const wane_setting *setting, const void *of);
/* `tasks`, and then `watch` behind them. */
wane_status wane_experiment_read_tasks(void *into, const wane_setting *setting,
                                       const wane_yaml *node, const wane_setting_reader *reader,
                                       wane_error *err);
void wane_experiment_print_tasks(wane_text *out, const wane_setting *setting, const void *of);
wane_status wane_experiment_read_orders(void *into, const wane_setting *setting,
                                        const wane_yaml *node, const wane_setting_reader *reader,
                                        wane_error *err);
void wane_experiment_print_orders(wane_text *out, const wane_setting *setting, const void *of);
wane_status wane_experiment_read_seeds(void *into, const wane_setting *setting,
                                       const wane_yaml *node, const wane_setting_reader *reader,
                                       wane_error *err);
void wane_experiment_print_seeds(wane_text *out, const wane_setting *setting, const void *of);
wane_status wane_experiment_read_methods(void *into, const wane_setting *setting,
                                         const wane_yaml *node, const wane_setting_reader *reader,
                                         wane_error *err);
void wane_experiment_print_methods(wane_text *out, const wane_setting *setting, const void *of);
wane_status wane_experiment_read_interventions(void *into, const wane_setting *setting,
                                               const wane_yaml *node,
                                               const wane_setting_reader *reader, wane_error *err);
wane_status wane_experiment_read_matrices(void *into, const wane_setting *setting,
                                          const wane_yaml *node, const wane_setting_reader *reader,
                                          wane_error *err);
void wane_experiment_print_matrices(wane_text *out, const wane_setting *setting, const void *of);
wane_status wane_experiment_read_measures(void *into, const wane_setting *setting,
                                          const wane_yaml *node, const wane_setting_reader *reader,
                                          wane_error *err);
void wane_experiment_print_measures(wane_text *out, const wane_setting *setting, const void *of);

/* The strategy of the method at `map`, before the blocks of the map are known; its settings, made
 * and at their defaults; whether it goes with the method, which is named by now; and with the
 * protocol of the file at `map`. */
WANE_MUST_CHECK wane_status wane_experiment_choose_strategy(wane_run_config *c,
                                                            const wane_yaml *map,
                                                            const wane_setting_reader *reader,
                                                            wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_make_strategy(wane_run_config *c,
                                                          const wane_setting_reader *reader,
                                                          wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_fit_strategy(const wane_run_config *c,
                                                         const wane_yaml *map, wane_error *err);
WANE_MUST_CHECK wane_status wane_experiment_check_strategy(const wane_run_config *c,
                                                           const wane_yaml *map, wane_error *err);

#endif
