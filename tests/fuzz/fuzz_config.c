/* SPDX-License-Identifier: Apache-2.0
 * A model's config.json, and the table of parameters that follows from it.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/model/model_internal.h"
#include "tests/fuzz/fuzz.h"

/* So that a fuzzer's model of a million layers takes no minutes. */
enum { MOST_LAYERS = 1000 };

static void check_table(const wane_config *config)
{
    wane_error err = {0};
    wane_parameters table = {0};
    wane_status st = wane_parameters_plan(&table, config, &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        FUZZ_CHECK(!table.parameter);
        return;
    }
    size_t end = 0;
    for (size_t i = 0; i < table.count; i++) {
        const wane_parameter *p = &table.parameter[i];
        FUZZ_CHECK(p->rows > 0 && p->cols > 0 && p->rows <= table.numbers / p->cols);
        FUZZ_CHECK(p->offset >= end && p->offset + p->rows * p->cols <= table.floats);
        FUZZ_CHECK(wane_parameters_find(&table, p->name) == (long)i);
        end = p->offset + p->rows * p->cols;
    }
    wane_parameters_free(&table);
}

/* As it is written it computes what it computed. */
static void check_written(const wane_config *config)
{
    wane_error err = {0};
    wane_text text = {0};
    wane_config again = {0};
    if (wane_config_write(&text, config, &err) != WANE_OK) abort();
    FUZZ_CHECK(!text.failed);
    FUZZ_CHECK(wane_config_parse(&again, text.data, text.length, "config.json", &err) == WANE_OK);
    FUZZ_CHECK(wane_config_computes_alike(config, &again));
    wane_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wane_error err = {0};
    wane_config config = {0};
    wane_status st = wane_config_parse(&config, (const char *)data, size, "config.json", &err);
    if (st != WANE_OK) {
        fuzz_check_error(st, &err);
        return 0;
    }
    FUZZ_CHECK(config.layers && config.width && config.vocabulary && config.context);
    FUZZ_CHECK(config.heads && config.kv_heads && config.heads % config.kv_heads == 0);
    FUZZ_CHECK(isfinite(config.norm_epsilon) && isfinite(config.rope.theta));
    FUZZ_CHECK(wane_config_computes_alike(&config, &config));
    FUZZ_CHECK(wane_config_reach(&config) >= config.context);
    check_written(&config);
    wane_config_difference list[WANE_CONFIG_SETTINGS];
    FUZZ_CHECK(wane_config_differences(list, &config, &config) == 0);
    if (config.layers <= MOST_LAYERS) check_table(&config);
    return 0;
}
