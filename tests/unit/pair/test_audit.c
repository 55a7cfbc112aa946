/* SPDX-License-Identifier: Apache-2.0
 * The audit of a pair from numbers made by hand: sums by module, kind and layer, which kind of pair
 * it is, and each clause of the verdict where it is due and nowhere else.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/pair/audit.h"
#include "tests/support/support.h"

/* Four layers of two modules with a norm, an embedding and a final norm: of each layer 0 q_proj,
 * 1 up_proj, 2 norm; then 12 embedding, 13 norm. */
enum { LAYERS = 4, TENSORS = 3 * LAYERS + 2, MATRICES = 2 * LAYERS };
typedef struct made {
    wane_audit audit;
    wane_compared list[TENSORS];
    wane_tensor_change changes[TENSORS];
    wane_matrix_spectrum matrix[MATRICES];
    char name[TENSORS][64];
} made;

static wane_compared *name_one(made *m, size_t i, const char *name, size_t rows, size_t cols)
{
    wane_compared *one = &m->list[i];
    (void)snprintf(m->name[i], sizeof m->name[i], "%s", name);
    *one = (wane_compared){.name = m->name[i], .rows = rows, .cols = cols};
    one->kind = wane_tensor_kind_of(name);
    wane_name_place(&one->layer, one->module, name);
    one->chosen = cols > 1 && one->layer >= 0;
    m->changes[i] = (wane_tensor_change){.base_square = 100, .tuned_square = 100};
    return one;
}

/* Nothing has changed; no draws. */
static void make(made *m)
{
    static const char *const parts[] = {"self_attn.q_proj", "mlp.up_proj", "input_layernorm"};
    char name[64];
    size_t next = 0;
    *m = (made){0};
    for (size_t i = 0; i < (size_t)3 * LAYERS; i++) {
        (void)snprintf(name, sizeof name, "model.layers.%zu.%s.weight", i / 3, parts[i % 3]);
        if (name_one(m, i, name, i % 3 == 1 ? 80 : 20, i % 3 == 2 ? 1 : 40)->chosen)
            m->matrix[next++] = (wane_matrix_spectrum){
                .index = i, .null = {NAN, NAN}, .spectrum = {.effective_rank = NAN}};
    }
    name_one(m, 12, "model.embed_tokens.weight", 50, 40);
    name_one(m, 13, "model.norm.weight", 40, 1);
    assert_int_equal(next, MATRICES);
    m->audit = (wane_audit){.comparison = {.list = m->list,
                                           .count = TENSORS,
                                           .base = {.path = "b", .type = "F32", .rounded = ""}},
                            .question = {.k = 10, .epsilon = .5, .u = true},
                            .changes = {.list = m->changes},
                            .tokenizers = {.first = -1},
                            .spectra = {.matrix = m->matrix, .count = MATRICES, .no_null = "wide"}};
    m->audit.comparison.tuned = (wane_checkpoint){.path = "t", .type = "F32", .rounded = ""};
}

/* Tensor i moves by `delta`; a matrix has 10 directions and so many intruders. */
static void change(made *m, size_t i, double delta, size_t intruders)
{
    m->changes[i].changed = true;
    m->changes[i].delta_square = delta * delta;
    for (size_t j = 0; j < MATRICES; j++) {
        wane_matrix_spectrum *one = &m->matrix[j];
        if (one->index != i) continue;
        one->changed = true;
        one->existing[0] = 10;
        one->intruders[0] = intruders;
        one->spectrum.effective_rank = 4;
        m->audit.spectra.changed++;
        m->audit.spectra.existing[0] += 10;
        m->audit.spectra.intruders[0] += intruders;
    }
}

static void draws(made *m, wane_null_summary summary)
{
    m->audit.spectra.no_null = NULL;
    m->audit.spectra.null[0] = summary;
}

/* The verdict holds `has` and not `hasnt` (NULL: whatever). */
static void check(made *m, const char *has, const char *hasnt)
{
    wane_error err;
    wane_text verdict = {0};
    CHECK_OK(wane_audit_sum_up(&m->audit, &err));
    wane_audit_write_verdict(&verdict, &m->audit);
    CHECK_OK(wane_text_check(&verdict, "test", "verdict", &err));
    if (!strstr(verdict.data, has) || (hasnt && strstr(verdict.data, hasnt)))
        fail_msg("\"%s\" should say \"%s\", not \"%s\"", verdict.data, has, hasnt ? hasnt : "");
    wane_text_free(&verdict);
    wane_audit_free(&m->audit);
}

static const wane_audit_group *group(const wane_audit *a, const char *name)
{
    for (size_t g = 0; g < a->group_count; g++)
        if (strcmp(a->group[g].name, name) == 0) return &a->group[g];
    fail_msg("no group %s", name);
    return NULL;
}

static void sums_by_module_kind_and_layer(void **state)
{
    (void)state;
    wane_error err;
    made m;
    make(&m);
    change(&m, 3, 1, 2); /* q_proj of layer 1 */
    change(&m, 7, 2, 3); /* up_proj of layer 2 */
    change(&m, 12, .5, 0);
    m.matrix[2].unresolved[0] = 4;
    m.matrix[2].null[0] = 1.5;
    m.matrix[5].null[0] = 2.5;
    CHECK_OK(wane_audit_sum_up(&m.audit, &err));
    const wane_audit *a = &m.audit;
    static const char *const order[] = {"q_proj", "up_proj", "norms", "embedding"};
    assert_int_equal(a->group_count, 4);
    for (size_t g = 0; g < 4; g++) assert_string_equal(a->group[g].name, order[g]);
    assert_int_equal(a->layer_count, LAYERS);
    assert_int_equal(a->counted, 2);
    assert_int_equal(a->all.tensors, TENSORS);
    assert_int_equal(a->all.changed, 3);
    assert_int_equal(a->all.intruders, 5);
    assert_int_equal(a->all.unresolved, 4);
    CHECK_NEAR(a->all.null, 4, 0, 0);
    CHECK_NEAR(a->all.ranks / (double)a->all.ranked, 4, 0, 0);
    CHECK_NEAR(wane_audit_relative(&a->all), sqrt(5.25 / (100 * TENSORS)), 1e-15, 0);
    CHECK_NEAR(wane_audit_moved(&a->all), sqrt(5.25 / 300), 1e-15, 0);
    const wane_audit_part *q = &group(a, "q_proj")->part, *e = &group(a, "embedding")->part;
    assert_int_equal(q->tensors, LAYERS);
    assert_int_equal(q->changed, 1);
    assert_int_equal(q->intruders, 2);
    CHECK_NEAR(q->null, 1.5, 0, 0);
    CHECK_NEAR(q->delta_square, 1, 0, 0);
    assert_int_equal(e->existing, 0);
    assert_int_equal(group(a, "norms")->part.tensors, LAYERS + 1);
    assert_int_equal(a->layer[2].part.tensors, 3);
    assert_int_equal(a->layer[2].part.intruders, 3);
    assert_int_equal(a->layer[2].number, 2);
    CHECK_NEAR(a->cell[0 * LAYERS + 1].delta_square, 1, 0, 0);
    CHECK_NEAR(a->cell[1 * LAYERS + 2].delta_square, 4, 0, 0);
    CHECK_NEAR(a->cell[1 * LAYERS + 1].delta_square, 0, 0, 0);
    size_t most = 0;
    double median = -1;
    assert_true(wane_audit_layers_moved(a, &most, &median));
    assert_int_equal(most, 2);
    CHECK_NEAR(median, .05, 1e-15, 0); /* of 0, 0, .1 and .2 */
    wane_audit_free(&m.audit);
}

/* More modules than a screen takes become their kinds. */
static void many_modules_become_kinds(void **state)
{
    (void)state;
    wane_error err;
    made m;
    make(&m);
    for (size_t i = 0; i < 10; i++)
        (void)snprintf(m.list[i].module, sizeof m.list[i].module, "%c_proj", (char)('a' + i));
    for (size_t i = 0; i < 10; i++)
        if (m.list[i].kind == WANE_TENSOR_KIND_NORM) m.list[i].kind = WANE_TENSOR_KIND_MLP;
    CHECK_OK(wane_audit_sum_up(&m.audit, &err));
    assert_int_equal(m.audit.group_count, 4);
    assert_string_equal(m.audit.group[0].name, "attention");
    assert_string_equal(m.audit.group[1].name, "mlp");
    wane_audit_free(&m.audit);
}

static void kinds_of_pairs(void **state)
{
    (void)state;
    made m;
    make(&m);
    check(&m, "no weight changed: the 14 tensors that both have are equal", "but");
    m.audit.tokenizers.first = 7;
    check(&m, "are equal, but with another tokenizer", NULL);
    change(&m, 0, 1, 0);
    check(&m,
          "an update (effective rank 4.00 of 20) of q_proj of 1 of 4 layers, ||dW|| 0.1000 of "
          "their ||W||",
          "weights themselves");
    m.audit.comparison.tuned.adapter = true;
    m.audit.comparison.tuned.update.facts.rank = 3;
    check(&m, "an adapter's update (rank 3, effective rank 4.00 of 20) of q_proj", NULL);
    make(&m);
    change(&m, 1, 10, 0);
    check(&m, "||dW|| 1.00 of their ||W||, more than the weights themselves", NULL);
    make(&m);
    for (size_t i = 0; i < TENSORS; i++) change(&m, i, 1, 0);
    m.matrix[0].spectrum.effective_rank = 1;
    for (size_t i = 1; i < MATRICES; i++) m.matrix[i].spectrum.effective_rank = 1.5;
    check(&m,
          "a low-rank update (effective rank 1.44 of 20 to 40) of attention, mlp, norms and "
          "embedding, ||dW||",
          "layers");
    make(&m);
    m.changes[4].not_finite[1] = 2;
    m.changes[4].base_square = m.changes[4].delta_square = NAN;
    check(&m, "broken: NaN or infinite values in 1 of 14 tensors of the tuned", "base");
    m.changes[5].not_finite[0] = m.changes[5].not_finite[1] = 1;
    check(&m, "in 1 of 14 tensors of the base and 2 of 14 tensors of the tuned", NULL);
}

/* The cosine is over the matrices that are looked at, and over no others. */
static void models_made_apart(void **state)
{
    (void)state;
    made m;
    make(&m);
    for (size_t i = 0; i < TENSORS; i++) change(&m, i, sqrt(110), 9); /* cosine .45 */
    check(&m, "hardly tuned from this base: the cosine between the matrices of both is 0.45", NULL);
    for (size_t i = 0; i < TENSORS; i++)
        m.changes[i].delta_square = m.list[i].chosen ? 90 : 190; /* .55, of all .34 */
    check(&m, "more than the weights themselves", "hardly");
    for (size_t i = 0; i < TENSORS; i++) m.changes[i].tuned_square = NAN; /* an adapter's terms */
    check(&m, "an update", "hardly");
}

static void rounding_is_told(void **state)
{
    (void)state;
    made m;
    make(&m);
    m.audit.comparison.tuned.type = m.audit.comparison.tuned.rounded = "BF16";
    for (size_t i = 0; i < 2; i++) {
        change(&m, i, .02, 0);
        m.changes[i].floor = .02;
    }
    check(&m, "no more than rounding: ||dW|| is 1.0 times what rounding to BF16 alone makes", NULL);
    m.changes[1].delta_square = .06 * .06;
    check(&m,
          "; 2 of 2 changed tensors are within 10 times of what rounding to BF16 alone makes "
          "(2.2 together)",
          "no more than");
    m.changes[1].delta_square = .2 * .2;
    check(&m, "; 1 of 2 changed tensors are within 10 times", NULL);
    m.changes[1].delta_square = .02 * .02;
    change(&m, 2, .001, 0); /* kept in 32 bits: nothing was rounded there */
    check(&m, "2 of 3 changed tensors are within 10 times", "no more than");
}

static void layers_that_stand_out(void **state)
{
    (void)state;
    made m;
    make(&m);
    for (size_t i = 0; i < 3 * (size_t)LAYERS; i++) change(&m, i, i / 3 == 2 ? 5.2 : 1, 0);
    check(&m, "; layer 2 moved 5.2 times as far as the median one", NULL);
    make(&m);
    for (size_t i = 0; i < 3 * (size_t)LAYERS; i++) change(&m, i, i / 3 == 2 ? 4.9 : 1, 0);
    check(&m, "an update", "median");
}

static void intruders_beside_chance(void **state)
{
    (void)state;
    made m;
    make(&m);
    change(&m, 0, 1, 3);
    check(&m, "; 3 intruders of 10 directions; what chance alone makes was not drawn (--null)",
          NULL);
    draws(&m, (wane_null_summary){.mean = 1.25, .low = 0, .high = 2.5, .p_low = 1, .p_high = .02});
    check(&m,
          "; 3 intruders of 10 directions where random updates of its size have 1.25 [0, 2.5]: "
          "more than chance",
          NULL);
    draws(&m, (wane_null_summary){.mean = 6, .low = 4, .high = 8, .p_low = .02, .p_high = 1});
    check(&m, "have 6.00 [4, 8]: fewer than chance", NULL);
    draws(&m, (wane_null_summary){.mean = 3, .low = 1, .high = 5, .p_low = .03, .p_high = .03});
    check(&m, "have 3.00 [1, 5]: not told apart from chance", "more than");
    draws(&m, (wane_null_summary){.p_low = 1, .p_high = .01, .uninformative = true});
    check(&m, "have 0 [0, 0]: more than chance", NULL);
    m.matrix[0].unresolved[0] = 2;
    check(&m, "3 intruders of 10 directions (2 more unresolved) where", NULL);
    m.matrix[0].intruders[0] = 1;
    check(&m, "; 1 intruder of 10", NULL);
    m.matrix[0].intruders[0] = m.matrix[0].unresolved[0] = 0;
    check(&m,
          "; no intruder of 10 directions, nor have random updates of its size any: the count "
          "says nothing",
          "chance");
    m.matrix[0].existing[0] = 0;
    check(&m, "; no direction to count intruders in", "chance");
}

static void check_page(made *m, const char *has, const char *also)
{
    wane_error err;
    wane_text page = {0};
    CHECK_OK(wane_audit_sum_up(&m->audit, &err));
    wane_audit_write_page(&page, &m->audit);
    CHECK_OK(wane_text_check(&page, "test", "page", &err));
    if (!strstr(page.data, has) || !strstr(page.data, also))
        fail_msg("\"%s\" should say \"%s\" and \"%s\"", page.data, has, also);
    wane_text_free(&page);
    wane_audit_free(&m->audit);
}

#define EIGHTHS(n) "\xe2\x96" n

/* One scale for all rows; eighths are rounded up, so that no change looks like none. */
static void bars_of_layers(void **state)
{
    (void)state;
    made m;
    make(&m);
    change(&m, 0, .01, 0);
    change(&m, 3, 2, 0);
    change(&m, 7, 4, 0);
    m.changes[9].not_finite[1] = 1;
    m.changes[9].base_square = m.changes[9].delta_square = NAN;
    check_page(&m, "q_proj       2/4         -  " EIGHTHS("\x81") EIGHTHS("\x84") ".x",
               "up_proj      1/4     0.200  .." EIGHTHS("\x88") ". ");
}

/* More layers than bars: some of them together, the last bar of what is left. */
static void many_layers_share_bars(void **state)
{
    (void)state;
    enum { MANY = 70 };
    static wane_compared list[MANY];
    static wane_tensor_change changes[MANY];
    wane_error err;
    wane_text page = {0};
    wane_audit a = {.comparison = {.list = list, .count = MANY},
                    .question = {.k = 10, .epsilon = .5},
                    .changes = {.list = changes},
                    .tokenizers = {.first = -1},
                    .spectra = {.no_null = "wide"}};
    a.comparison.base = a.comparison.tuned =
        (wane_checkpoint){.path = "b", .type = "F32", .rounded = ""};
    for (long i = 0; i < MANY; i++) {
        list[i] = (wane_compared){.name = "q", .module = "q", .rows = 2, .cols = 2, .layer = i};
        list[i].kind = WANE_TENSOR_KIND_ATTENTION;
        changes[i] = (wane_tensor_change){.base_square = 1};
    }
    changes[69].changed = changes[3].changed = true;
    changes[69].delta_square = .01; /* alone in its bar */
    changes[3].delta_square = .03;  /* with two that are unchanged: as far */
    CHECK_OK(wane_audit_sum_up(&a, &err));
    wane_audit_write_page(&page, &a);
    CHECK_OK(wane_text_check(&page, "test", "page", &err));
    assert_non_null(strstr(page.data, "layers 0-69 by 3 "));
    assert_non_null(
        strstr(page.data, "." EIGHTHS("\x88") "....................." EIGHTHS("\x88") "  "));
    wane_text_free(&page);
    wane_audit_free(&a);
}

/* What stands on no data is said, and only where it is so. */
static void what_is_not_known(void **state)
{
    (void)state;
    made m;
    make(&m);
    m.audit.comparison.tuned.adapter = true;
    m.audit.comparison.tuned.update.facts.base_model = "org/other";
    change(&m, 0, 1, 0);
    check_page(&m, "not known            what was forgotten: no text was read (nor can be by wane,",
               "whether this is the base it was made on: it names org/other");
    m.audit.comparison.base.path = "models/other/";
    m.audit.computed = true;
    m.matrix[0].spectrum.bounded = true;
    m.matrix[0].spectrum.effective_rank = NAN;
    m.matrix[0].spectrum.delta_frobenius = 1;
    check_page(&m, "the effective rank of 1 wide matrix", "(--exact)\nverdict");
    check_page(&m, "no text was read (wane diff BASE TUNED --corpus FILE)", "(--exact)\nverdict");
}

static void tokens_that_differ(void **state)
{
    (void)state;
    wane_text out = {0};
    wane_tokenizers_compared t = {.both = true, .size = {2048, 2048}, .first = -1, .rows = 2048};
    wane_tokenizers_write(&out, &t);
    assert_null(out.data);
    t = (wane_tokenizers_compared){
        .both = true, .size = {2048, 2049}, .first = 2048, .token = "<pad>", .rows = 2048};
    wane_tokenizers_write(&out, &t);
    assert_string_equal(
        out.data, "tokenizer            2,048 ids in the base, 2,049 in the tuned; 0 of those "
                  "in both differ; first 2048 \"<pad>\"; its embedding has only 2,048 rows\n");
    t.rows = 2049;
    wane_text_clear(&out);
    wane_tokenizers_write(&out, &t);
    assert_null(strstr(out.data, "rows"));
    wane_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_by_module_kind_and_layer),
        cmocka_unit_test(many_modules_become_kinds),
        cmocka_unit_test(kinds_of_pairs),
        cmocka_unit_test(models_made_apart),
        cmocka_unit_test(rounding_is_told),
        cmocka_unit_test(layers_that_stand_out),
        cmocka_unit_test(intruders_beside_chance),
        cmocka_unit_test(bars_of_layers),
        cmocka_unit_test(many_layers_share_bars),
        cmocka_unit_test(what_is_not_known),
        cmocka_unit_test(tokens_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
