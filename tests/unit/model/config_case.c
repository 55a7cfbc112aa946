/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/model/config_case.h"

#include <string.h>

#include "eval/model/model_internal.h"
#include "tests/support/support.h"

wane_config config_read(const char *text)
{
    wane_error err;
    wane_config c;
    CHECK_OK(wane_config_parse(&c, text, strlen(text), "config.json", &err));
    return c;
}

void config_refused(const char *text, const char *named)
{
    wane_error err;
    wane_config c;
    CHECK_FAILS(wane_config_parse(&c, text, strlen(text), "config.json", &err), WANE_EFORMAT,
                named);
}

size_t config_numbers(const wane_config *config)
{
    wane_parameters p;
    wane_error err;
    CHECK_OK(wane_parameters_plan(&p, config, &err));
    size_t numbers = p.numbers;
    wane_parameters_free(&p);
    return numbers;
}

void config_check_round(const wane_config *config)
{
    wane_error err;
    wane_text text = {0};
    CHECK_OK(wane_config_write(&text, config, &err));
    wane_config again = config_read(text.data);
    assert_memory_equal(config, &again, sizeof again);
    wane_text_free(&text);
}

void config_check_windows(const wane_config *c, size_t window, const char *period)
{
    for (size_t l = 0; l < c->layers; l++)
        assert_int_equal(wane_config_layer(c, l).window,
                         period[l % strlen(period)] == '1' ? window : 0);
}
