/* SPDX-License-Identifier: Apache-2.0
 * Rows of fused weights: which are whose, all of a kind together and head by head.
 */
#include "eval/model/architecture.h"
#include "eval/model/weight_parts.h"
#include "tests/support/support.h"

static wane_config config_of(const wane_architecture *architecture)
{
    return (wane_config){.architecture = architecture,
                         .width = 8,
                         .heads = 4,
                         .kv_heads = 2,
                         .head_width = 2,
                         .hidden = 5,
                         .block = architecture->block};
}

/* Each part's rows by hand; -1 behind the last. Gathered from a matrix whose rows are numbered. */
static void has_rows(const wane_config *config, wane_role role, const char *const *names,
                     const int rows[][9])
{
    enum { ROWS = 16, COLS = 3 };
    float whole[ROWS * COLS], gathered[ROWS * COLS];
    wane_weight_part part[WANE_WEIGHT_PARTS];
    size_t count = wane_weight_parts(part, config, role);
    for (size_t i = 0; i < ROWS * COLS; i++) whole[i] = (float)i;
    for (size_t p = 0; p < count; p++) {
        size_t own = 0;
        assert_string_equal(part[p].name, names[p]);
        while (rows[p][own] >= 0) own++;
        assert_int_equal(part[p].rows, own);
        wane_weight_part_gather(gathered, &part[p], whole, COLS);
        for (size_t r = 0; r < own; r++) {
            assert_int_equal(wane_weight_part_row(&part[p], r), rows[p][r]);
            for (size_t c = 0; c < COLS; c++)
                assert_true(gathered[r * COLS + c] == (float)(rows[p][r] * COLS + (int)c));
        }
    }
    assert_null(names[count]);
}

static void rows_are_those_of_the_files(void **state)
{
    (void)state;
    static const char *const three[] = {"q", "k", "v", NULL}, *const two[] = {"gate", "up", NULL},
                             *const none[] = {NULL};
    static const int together[][9] = {
        {0, 1, 2, 3, 4, 5, 6, 7, -1}, {8, 9, 10, 11, -1}, {12, 13, 14, 15, -1}};
    /* two query heads, a key head, a value head; twice */
    static const int by_head[][9] = {
        {0, 1, 2, 3, 8, 9, 10, 11, -1}, {4, 5, 12, 13, -1}, {6, 7, 14, 15, -1}};
    static const int halves[][9] = {{0, 1, 2, 3, 4, -1}, {5, 6, 7, 8, 9, -1}};
    const wane_config phi3 = config_of(&wane_architecture_phi3);
    const wane_config neox = config_of(&wane_architecture_gpt_neox);
    has_rows(&phi3, WANE_ROLE_QKV, three, together);
    has_rows(&neox, WANE_ROLE_QKV, three, by_head);
    has_rows(&phi3, WANE_ROLE_GATE_UP, two, halves);
    has_rows(&phi3, WANE_ROLE_O, none, halves);
}

static void names_are_no_tensors(void **state)
{
    (void)state;
    char name[WANE_WEIGHT_PART_NAME];
    wane_weight_part part[WANE_WEIGHT_PARTS];
    const wane_config gpt2 = config_of(&wane_architecture_gpt2);
    (void)wane_weight_parts(part, &gpt2, WANE_ROLE_QKV);
    wane_weight_part_name(name, "transformer.h.0.attn.c_attn.weight", &part[2]);
    assert_string_equal(name, "transformer.h.0.attn.c_attn.weight[v]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_the_files),
        cmocka_unit_test(names_are_no_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
