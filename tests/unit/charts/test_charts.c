/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/charts/chart.h"
#include "analysis/charts/drawing.h"
#include "store/base/memory.h"
#include "tests/support/support.h"

static wane_error err;

/* One element per line, attributes quoted, only known entities, every tag closed, no control
 * character: what an XML parser would demand of what the writer can write. */
static void check_well_formed(const char *svg)
{
    int depth = 0;
    bool in_tag = false, in_quotes = false;
    assert_true(wane_utf8_valid(svg, strlen(svg), NULL));
    for (const char *c = svg; *c; c++) {
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
        assert_false((unsigned char)*c == 0xc2 && (unsigned char)c[1] < 0xa0);
        assert_int_not_equal(strncmp(c, "\xe2\x80\xae", 3), 0);
        if (in_quotes) {
            assert_true(*c != '<' && *c != '\n');
            in_quotes = *c != '"';
        } else if (in_tag) {
            assert_true(*c != '<');
            if (*c == '"') in_quotes = true;
            if (*c == '>') {
                in_tag = false;
                if (c[-1] == '/') depth--;
            }
        } else if (*c == '<') {
            in_tag = true;
            depth += c[1] == '/' ? -1 : 1;
        } else if (*c == '&') {
            assert_true(!strncmp(c, "&amp;", 5) || !strncmp(c, "&lt;", 4) ||
                        !strncmp(c, "&gt;", 4) || !strncmp(c, "&quot;", 6));
        }
        assert_true(depth > 0 || strlen(c) <= strlen("</svg>\n"));
    }
    assert_int_equal(depth, 0);
}

static double attribute(const char *element, const char *name)
{
    char key[32];
    (void)snprintf(key, sizeof key, " %s=\"", name);
    const char *at = strstr(element, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

static void unescape(char *out, const char *text, size_t length)
{
    const char *const from[] = {"&amp;", "&lt;", "&gt;", "&quot;"}, to[] = "&<>\"";
    for (const char *end = text + length; text < end;) {
        size_t i = 0;
        while (i < 4 && strncmp(text, from[i], strlen(from[i])) != 0) i++;
        *out++ = i < 4 ? to[i] : *text;
        text += i < 4 ? strlen(from[i]) : 1;
    }
    *out = 0;
}

/* No words leave the picture, by the estimate of their widths. */
static void check_nothing_clipped(const char *svg)
{
    double width = attribute(svg, "width"), height = attribute(svg, "height");
    for (const char *at = strstr(svg, "<text"); at; at = strstr(at + 1, "<text")) {
        char tag[512], words[512];
        const char *end = strchr(at, '>'), *close = strstr(at, "</text>");
        assert_true(end && close && end - at < 512 && close - end < 512);
        (void)snprintf(tag, sizeof tag, "%.*s", (int)(end - at), at);
        unescape(words, end + 1, (size_t)(close - end - 1));
        double x = attribute(tag, "x"), y = attribute(tag, "y");
        double wide = wane_words_width(words, attribute(tag, "font-size"));
        bool turned = strstr(tag, "rotate(") != NULL;
        double across = turned ? wide * 0.82 : wide, up = turned ? wide * 0.58 : 0;
        bool from_end = strstr(tag, "text-anchor=\"end\"") != NULL;
        double left = from_end ? x - across : strstr(tag, "middle") ? x - across / 2 : x;
        if (left < 0 || left + across > width || y > height || y < 0 ||
            (turned && (from_end ? y + up > height : y - up < 0)))
            fail_msg("\"%s\" at %g, %g leaves %g x %g", words, x, y, width, height);
    }
}

static void check_picture(const wane_chart *chart)
{
    wane_text first = {0}, second = {0};
    CHECK_OK(wane_chart_svg(&first, chart, &err));
    CHECK_OK(wane_chart_svg(&second, chart, &err));
    assert_string_equal(first.data, second.data);
    check_well_formed(first.data);
    check_nothing_clipped(first.data);
    wane_text_free(&first);
    wane_text_free(&second);
}

enum { SERIES = 30, POINTS = 6 };
static double x[SERIES][POINTS], y[SERIES][POINTS], low[SERIES][POINTS], high[SERIES][POINTS];
static wane_series series[SERIES];
static char labels[SERIES][100];
static const char *const stages[POINTS] = {"base", "trec6", "sst2", "cola", "sms_spam", "agnews"};
static const char *const long_names[POINTS] = {
    "EleutherAI/pile-uncopyrighted-subset-of-english-wikipedia",
    "a task whose name is a whole sentence of some length",
    "superlongwordwithoutanyspaceorjointinitthatgoesonandonandonandonandon",
    "<&\"'>",
    "bad \xff bytes \x02",
    "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u540d\u524d\u3067\u3059\u3088\u306d"};

static wane_chart sample_chart(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(labels[i], sizeof labels[i], "lora-r%zu lr %ge-3", i, (double)(i % 7));
        for (size_t k = 0; k < POINTS; k++) {
            x[i][k] = (double)k;
            y[i][k] = (double)(k * (i + 2) % 7) + 0.1 * (double)k;
            low[i][k] = y[i][k] - 0.3;
            high[i][k] = y[i][k] + 0.4;
        }
        series[i] = (wane_series){labels[i], x[i], y[i], low[i], high[i], POINTS, false, 0, NULL};
    }
    return (wane_chart){.title = "Forgetting",
                        .subtitle = "band: 95% t interval",
                        .x_label = "after stage",
                        .y_label = "nats per token",
                        .x_names = stages,
                        .x_name_count = POINTS,
                        .series = series,
                        .series_count = count};
}

static void lines_and_clouds_of_any_number(void **state)
{
    (void)state;
    const size_t counts[] = {1, 2, 12, 24, SERIES};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        wane_chart chart = sample_chart(counts[i]);
        check_picture(&chart);
        chart.x_name_count = 0;
        check_picture(&chart);
        chart.marks = WANE_MARKS_POINTS;
        check_picture(&chart);
    }
}

static void long_labels_are_not_clipped(void **state)
{
    (void)state;
    for (unsigned marks = 0; marks < 2; marks++)
        for (size_t names = 0; names <= POINTS; names++) {
            wane_chart chart = sample_chart(5);
            for (size_t i = 0; i < 5; i++) series[i].label = long_names[i];
            chart.title = chart.subtitle = chart.x_label = chart.y_label =
                "a sentence of unusual length that says at once what is measured, on which data, "
                "in which unit, and how it was averaged, <tags> & \"quotes\" \x7f included \x1b "
                "\xc2\x9b \xff \xef\xbf\xbf \xe2\x80\xae";
            chart.x_names = long_names;
            chart.x_name_count = names;
            chart.marks = (wane_marks)marks;
            check_picture(&chart);
        }
}

static void extreme_values(void **state)
{
    (void)state;
    const double cases[][3] = {{1e12, 3e12, 2e12},
                               {1e-300, 2e-300, 5e-300},
                               {1000000.001, 1000000.002, 1000000.003},
                               {-1.7e308, 1.7e308, 0},
                               {.5, .5, .5},
                               {0, 0, 0},
                               {5e-324, 1, 2},
                               {NAN, 3, NAN},
                               {INFINITY, 1, -INFINITY}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            const wane_series one = {"one", cases[i], cases[k], NULL, NULL, 3, false, 0, NULL};
            wane_chart chart = {.title = "extremes", .series = &one, .series_count = 1};
            bool any = false, positive = true;
            for (size_t p = 0; p < 3; p++) {
                bool there = isfinite(cases[i][p]) && isfinite(cases[k][p]);
                any = any || there;
                if (there && cases[k][p] <= 0) positive = false;
            }
            if (!any) continue;
            check_picture(&chart);
            chart.log_y = true;
            if (positive) check_picture(&chart);
        }
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) count++;
    return count;
}

static void gaps_break_lines_and_bands(void **state)
{
    (void)state;
    wane_text svg = {0};
    wane_chart chart = sample_chart(1);
    series[0].label = NULL;
    chart.x_label = NULL;
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    size_t whole_lines = count_of(svg.data, "stroke-width=\"1.8\"");
    assert_int_equal(whole_lines, 1);
    assert_int_equal(count_of(svg.data, "fill-opacity"), 1);
    wane_text_free(&svg);
    y[0][2] = NAN;
    y[0][4] = INFINITY;
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    /* Points 0-1 make a line and a band; 3 and 5 stand alone, with a mark and a stroke each. */
    assert_int_equal(count_of(svg.data, "stroke-width=\"1.8\""), 1);
    assert_int_equal(count_of(svg.data, "fill-opacity"), 1);
    assert_int_equal(count_of(svg.data, "<circle"), 4);
    wane_text_free(&svg);
    /* A series without any point says so. */
    chart = sample_chart(2);
    for (size_t k = 0; k < POINTS; k++) y[1][k] = NAN;
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    assert_int_equal(count_of(svg.data, "(no data)"), 1);
    wane_text_free(&svg);
}

/* y of 1 and 2 in a band from -7 to 11: an axis of both its ends has ticks at -5, 0, 5 and 10. */
static void bands_are_on_the_axis(void **state)
{
    (void)state;
    const double right[] = {0, 1}, up[] = {1, 2}, least[] = {-7, 1}, most[] = {1, 11};
    const wane_series one = {"one", right, up, least, most, 2, false, 0, NULL};
    wane_chart chart = {.title = "band", .series = &one, .series_count = 1};
    wane_text svg = {0};
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    assert_int_equal(count_of(svg.data, ">10<"), 1);
    assert_int_equal(count_of(svg.data, ">\u22125<"), 1);
    wane_text_free(&svg);
    /* On a logarithmic axis the upper end alone has a place. */
    const double zero[] = {0, 0}, far[] = {2, 1000};
    const wane_series other = {"other", right, up, zero, far, 2, false, 0, NULL};
    chart = (wane_chart){.title = "band", .series = &other, .series_count = 1, .log_y = true};
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    assert_int_equal(count_of(svg.data, ">1000<"), 1);
    wane_text_free(&svg);
}

/* Two points, the first with bars to 3 of both sides of x and from -7 to 11: no band, two strokes
 * of the series beyond the lines', and axes that have room for them. */
static void bars_are_drawn_and_on_the_axes(void **state)
{
    (void)state;
    const double at[] = {0, 1}, up[] = {1, 2}, least[] = {-7, NAN}, most[] = {11, NAN},
                 left[] = {-3, NAN}, right[] = {3, NAN};
    const wane_series one = {"one", at, up, least, most, 2, false, 0, NULL};
    const wane_bars bars = {left, right}, none = {NULL, NULL};
    wane_chart chart = {.title = "bars", .series = &one, .series_count = 1, .bars = &none};
    wane_text svg = {0};
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    static const char stroke[] = "stroke=\"#0072b2\" stroke-width=\"1\"";
    assert_int_equal(count_of(svg.data, stroke), 1);
    assert_int_equal(count_of(svg.data, "fill-opacity"), 0);
    assert_int_equal(count_of(svg.data, ">10<"), 1);
    assert_int_equal(count_of(svg.data, ">\u22123<") + count_of(svg.data, ">\u22122<"), 0);
    wane_text_free(&svg);
    chart.bars = &bars;
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    assert_int_equal(count_of(svg.data, "fill-opacity"), 0);
    assert_true(count_of(svg.data, ">\u22123<") + count_of(svg.data, ">\u22122<") > 0);
    assert_true(count_of(svg.data, ">3<") + count_of(svg.data, ">2<") > 0);
    assert_int_equal(count_of(svg.data, stroke), 2);
    wane_text_free(&svg);
}

/* Labels at the ends of lines that end in the same place stay apart. */
static void direct_labels_do_not_overlap(void **state)
{
    (void)state;
    wane_text svg = {0};
    wane_chart chart = sample_chart(12);
    double at[12];
    for (size_t i = 0; i < 12; i++) y[i][POINTS - 1] = i < 8 ? 3 : 0.1 * (double)i;
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    for (size_t i = 0; i < 12; i++) {
        char words[120];
        (void)snprintf(words, sizeof words, ">%.99s<", labels[i]);
        const char *label = strstr(svg.data, words);
        assert_non_null(label);
        while (*label != '\n') label--;
        at[i] = attribute(label, "y");
    }
    for (size_t i = 0; i < 12; i++)
        for (size_t k = 0; k < i; k++) assert_true(fabs(at[i] - at[k]) >= 14.9);
    wane_text_free(&svg);
}

static void charts_stand_one_above_the_other(void **state)
{
    (void)state;
    wane_text one = {0}, two = {0};
    wane_chart charts[2] = {sample_chart(3), sample_chart(3)};
    CHECK_OK(wane_chart_svg(&one, charts, &err));
    CHECK_OK(wane_charts_svg(&two, charts, 2, &err));
    check_well_formed(two.data);
    check_nothing_clipped(two.data);
    assert_true(attribute(two.data, "height") > 1.8 * attribute(one.data, "height"));
    assert_int_equal(count_of(two.data, "<svg"), 1);
    assert_int_equal(count_of(two.data, ">Forgetting</text>"), 2);
    wane_text_free(&one);
    wane_text_free(&two);
}

/* A baseline is grey and dashed, has no marks, and leaves the colours to the others. */
static void baselines_take_no_colour(void **state)
{
    (void)state;
    wane_text without = {0}, with = {0};
    wane_chart chart = sample_chart(3);
    CHECK_OK(wane_chart_svg(&without, &chart, &err));
    const wane_series kept[] = {series[0], series[1], series[2]};
    series[0] = (wane_series){"chance", x[0], y[1], NULL, NULL, POINTS, true, 0, NULL};
    for (size_t i = 0; i < 3; i++) series[i + 1] = kept[i];
    chart.series_count = 4;
    check_picture(&chart);
    CHECK_OK(wane_chart_svg(&with, &chart, &err));
    assert_non_null(strstr(with.data, ">chance<"));
    assert_int_equal(count_of(with.data, "stroke-dasharray"),
                     count_of(without.data, "stroke-dasharray") + 1);
    assert_int_equal(count_of(with.data, "<circle"), count_of(without.data, "<circle"));
    wane_text_free(&without);
    wane_text_free(&with);
}

/* Among points too it is a line. */
static void baselines_are_lines_among_points(void **state)
{
    (void)state;
    wane_text without = {0}, with = {0};
    wane_chart chart = sample_chart(3);
    chart.marks = WANE_MARKS_POINTS;
    CHECK_OK(wane_chart_svg(&without, &chart, &err));
    series[3] = (wane_series){"chance", x[0], y[1], NULL, NULL, POINTS, true, 0, NULL};
    chart.series_count = 4;
    check_picture(&chart);
    CHECK_OK(wane_chart_svg(&with, &chart, &err));
    assert_int_equal(count_of(without.data, "stroke-dasharray"), 0);
    assert_int_equal(count_of(with.data, "stroke-dasharray"), 2); /* it, and beside its name */
    assert_int_equal(count_of(with.data, "<circle"), count_of(without.data, "<circle"));
    wane_text_free(&without);
    wane_text_free(&with);
}

/* What stands beside a series has its colour and a band of its own, dotted, without marks or a
 * label; the colours of the others are what they were. */
static void a_series_beside_another(void **state)
{
    (void)state;
    wane_text without = {0}, with = {0};
    wane_chart chart = sample_chart(2);
    CHECK_OK(wane_chart_svg(&without, &chart, &err));
    series[2] = (wane_series){NULL, x[0], y[1], low[1], high[1], POINTS, false, 2, NULL};
    chart.series_count = 3;
    check_picture(&chart);
    CHECK_OK(wane_chart_svg(&with, &chart, &err));
    assert_int_equal(count_of(with.data, "stroke-dasharray"),
                     count_of(without.data, "stroke-dasharray") + 1);
    assert_int_equal(count_of(with.data, "<text"), count_of(without.data, "<text"));
    assert_int_equal(count_of(with.data, "<circle"), count_of(without.data, "<circle"));
    assert_int_equal(count_of(with.data, "<polygon"), count_of(without.data, "<polygon") + 1);
    char *dots = strstr(with.data, "stroke-dasharray"), ink[40] = "";
    while (strncmp(dots, "stroke=\"", 8) != 0) dots--;
    (void)snprintf(ink, sizeof ink, "%.15s", dots);
    assert_true(count_of(with.data, ink) > 1 && count_of(without.data, ink) > 0);
    wane_text_free(&without);
    wane_text_free(&with);
}

/* An outline keeps the colour and the form of its series, whose other points are full; a line says
 * what it means, where there is one. */
static void hollow_points(void **state)
{
    (void)state;
    enum { LONG = 60 };
    static double many[LONG];
    static bool last[LONG];
    bool hollow[POINTS] = {false, true, false, true, true, false};
    for (unsigned marks = 0; marks < 2; marks++) {
        wane_text full = {0}, svg = {0};
        wane_chart chart = sample_chart(1);
        chart.marks = (wane_marks)marks;
        chart.hollow = "hollow: collapsed";
        CHECK_OK(wane_chart_svg(&full, &chart, &err));
        assert_null(strstr(full.data, "hollow: collapsed"));
        assert_int_equal(count_of(full.data, "stroke-width=\"1.3\""), 0);
        series[0].hollow = hollow;
        y[0][3] = NAN; /* not drawn, and no outline of it */
        check_picture(&chart);
        CHECK_OK(wane_chart_svg(&svg, &chart, &err));
        assert_int_equal(count_of(svg.data, ">hollow: collapsed<"), 1);
        /* Two points, and the mark beside the words. */
        assert_int_equal(count_of(svg.data, "stroke-width=\"1.3\""), 3);
        assert_int_equal(count_of(svg.data, "<circle"), count_of(full.data, "<circle"));
        assert_true(attribute(svg.data, "height") > attribute(full.data, "height"));
        wane_text_clear(&svg);
        chart.hollow = NULL;
        CHECK_OK(wane_chart_svg(&svg, &chart, &err));
        assert_int_equal(count_of(svg.data, "stroke-width=\"1.3\""), 2);
        wane_text_free(&full);
        wane_text_free(&svg);
    }
    /* A long line has no marks but these. */
    for (size_t i = 0; i < LONG; i++) many[i] = (double)i;
    last[LONG - 1] = true;
    const wane_series one = {"one", many, many, NULL, NULL, LONG, false, 0, last};
    wane_chart chart = {.title = "long", .series = &one, .series_count = 1};
    wane_text svg = {0};
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    assert_int_equal(count_of(svg.data, "stroke-width=\"1.3\""), 1);
    wane_text_free(&svg);
}

/* Equal ratios are equal distances to the right too. */
static void logarithmic_to_the_right(void **state)
{
    (void)state;
    const double right[] = {1, 10, 100}, up[] = {1, 2, 3};
    const wane_series one = {"one", right, up, NULL, NULL, 3, false, 0, NULL};
    wane_chart chart = {.title = "log", .series = &one, .series_count = 1, .log_x = true};
    wane_text svg = {0};
    double at[3] = {0};
    check_picture(&chart);
    CHECK_OK(wane_chart_svg(&svg, &chart, &err));
    const char *circle = svg.data;
    for (size_t i = 0; i < 3; i++) {
        circle = strstr(circle + 1, "<circle");
        assert_non_null(circle);
        at[i] = strtod(strstr(circle, "cx=\"") + 4, NULL);
    }
    CHECK_NEAR(at[2] - at[1], at[1] - at[0], 0.02, 0);
    wane_text_free(&svg);
}

static void heat_maps_stand_in_rows(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4};
    wane_heatmap maps[3];
    for (size_t i = 0; i < 3; i++)
        maps[i] = (wane_heatmap){
            .title = stages[i], .rows = 2, .cols = 2, .values = values, .low = 0, .high = 5};
    wane_text column = {0}, rows = {0};
    CHECK_OK(wane_heatmaps_svg(&column, maps, 3, 1, &err));
    CHECK_OK(wane_heatmaps_svg(&rows, maps, 3, 2, &err));
    check_well_formed(rows.data);
    check_nothing_clipped(rows.data);
    assert_true(attribute(rows.data, "height") < 0.7 * attribute(column.data, "height"));
    assert_true(attribute(rows.data, "width") > 600);
    for (size_t i = 0; i < 3; i++) assert_non_null(strstr(rows.data, stages[i]));
    CHECK_FAILS(wane_heatmaps_svg(&rows, maps, 0, 1, &err), WANE_EINVAL, "none given");
    wane_text_free(&column);
    wane_text_free(&rows);
}

static void refusals(void **state)
{
    (void)state;
    wane_text svg = {0};
    wane_chart chart = sample_chart(2);
    chart.log_y = true;
    CHECK_FAILS(wane_chart_svg(&svg, &chart, &err), WANE_EINVAL,
                "chart: Forgetting: series lora-r0 lr 0e-3, point 0: 0 on a logarithmic axis");
    chart.log_y = false;
    chart.log_x = true;
    CHECK_FAILS(wane_chart_svg(&svg, &chart, &err), WANE_EINVAL,
                "chart: Forgetting: series lora-r0 lr 0e-3, point 0: 0 on a logarithmic axis");
    chart = sample_chart(1);
    for (size_t k = 0; k < POINTS; k++) y[0][k] = NAN;
    CHECK_FAILS(wane_chart_svg(&svg, &chart, &err), WANE_EINVAL, "Forgetting: no finite point");
    chart.series_count = 0;
    CHECK_FAILS(wane_chart_svg(&svg, &chart, &err), WANE_EINVAL, "no finite point");
    CHECK_FAILS(wane_charts_svg(&svg, &chart, 0, &err), WANE_EINVAL, "none given");
    const double nothing[] = {NAN, NAN}, some[] = {1, 2};
    wane_heatmap map = {.title = "map", .rows = 1, .cols = 2, .values = nothing};
    CHECK_FAILS(wane_heatmaps_svg(&svg, &map, 1, 1, &err), WANE_EINVAL,
                "heat map: map: no finite value");
    map.rows = 0;
    CHECK_FAILS(wane_heatmaps_svg(&svg, &map, 1, 1, &err), WANE_EINVAL, "no finite value");
    map.rows = SIZE_MAX;
    CHECK_FAILS(wane_heatmaps_svg(&svg, &map, 1, 1, &err), WANE_EINVAL, "more than 1000");
    map = (wane_heatmap){.title = "map", .rows = 1, .cols = 2, .values = some, .low = 2, .high = 1};
    CHECK_FAILS(wane_heatmaps_svg(&svg, &map, 1, 1, &err), WANE_EINVAL, "colours from 2 to 1");
    assert_null(svg.data);
}

static void heat_maps_print_their_values(void **state)
{
    (void)state;
    const double values[] = {.853, .2, NAN, .5, .7251, 0.05};
    wane_heatmap map = {.title = "Accuracy <matrix>",
                        .x_label = "task",
                        .y_label = "after stage",
                        .row_names = stages + 1,
                        .col_names = stages + 1,
                        .rows = 2,
                        .cols = 3,
                        .values = values};
    wane_text svg = {0};
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    check_well_formed(svg.data);
    check_nothing_clipped(svg.data);
    const char *const printed[] = {">0.85<", ">0.20<", ">0.50<", ">0.73<", "<text", ">\u2013<"};
    for (size_t i = 0; i < sizeof printed / sizeof *printed; i++)
        assert_non_null(strstr(svg.data, printed[i]));
    wane_text_free(&svg);
    const double whole[] = {1, 20, 3, 4, 5, 79}, small[] = {-3e-7, 2e-7, 1e-8, 0, 0, 4.07e-7};
    map.row_names = map.col_names = long_names;
    map.values = whole;
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    assert_non_null(strstr(svg.data, ">79<"));
    check_nothing_clipped(svg.data);
    wane_text_free(&svg);
    map.values = small;
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    assert_non_null(strstr(svg.data, ">\u22123.00<"));
    assert_non_null(strstr(svg.data, ">\u00d710\u207b\u2077<"));
    check_well_formed(svg.data);
    wane_text_free(&svg);
    map = (wane_heatmap){.rows = 1, .cols = 1, .values = whole};
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    assert_int_equal(count_of(svg.data, ">1<"), 2); /* the cell and the end of the scale */
    assert_int_equal(count_of(svg.data, ">0<"), 1);
    check_well_formed(svg.data);
    wane_text_free(&svg);
    /* a scale shared with another map is not rounded to this one's whole numbers */
    map = (wane_heatmap){.rows = 1, .cols = 1, .values = small + 4, .high = 5.5};
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    assert_int_equal(count_of(svg.data, ">5.50<"), 1);
    wane_text_free(&svg);
}

/* Of two rows of three: each value in its place, its ground from vermillion (the least) by paper to
 * blue (the largest). */
static void each_cell_has_its_place_and_colour(void **state)
{
    (void)state;
    const double values[] = {-4, 1, 2, 3, 4, 0};
    const char *const words[] = {">\u22124<", ">1<", ">2<", ">3<", ">4<", ">0<"};
    const char *const grounds[] = {"#c04e00", "#b9d4e6", "#7bb0d1",
                                   "#3e8cbd", "#0068a8", "#f6f8fa"};
    const wane_heatmap map = {.title = "map", .rows = 2, .cols = 3, .values = values};
    wane_text svg = {0};
    double left[6], top[6];
    CHECK_OK(wane_heatmaps_svg(&svg, &map, 1, 1, &err));
    for (size_t i = 0; i < 6; i++) {
        const char *word = strstr(svg.data, words[i]);
        assert_non_null(word);
        while (*word != '\n') word--;
        left[i] = attribute(word, "x");
        top[i] = attribute(word, "y");
        do word--;
        while (*word != '\n'); /* the line before: the ground */
        const char *ground = strstr(word, grounds[i]);
        assert_true(ground && ground < strchr(word + 1, '\n'));
    }
    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < i; k++) {
            assert_true((left[i] > left[k]) == (i % 3 > k % 3));
            assert_true((top[i] > top[k]) == (i / 3 > k / 3));
        }
    wane_text_free(&svg);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    wane_chart chart = sample_chart(3);
    const double values[] = {1, 2};
    const wane_heatmap map = {.title = "map",
                              .row_names = stages,
                              .col_names = long_names,
                              .rows = 1,
                              .cols = 2,
                              .values = values};
    for (int kind = 0; kind < 3; kind++) {
        wane_status status = WANE_ENOMEM;
        long allocations = 0;
        chart.marks = kind == 1 ? WANE_MARKS_POINTS : WANE_MARKS_LINES;
        for (; status == WANE_ENOMEM; allocations++) {
            wane_text svg = {0};
            wane_memory_fail_after(allocations);
            status = kind < 2 ? wane_chart_svg(&svg, &chart, &err)
                              : wane_heatmaps_svg(&svg, &map, 1, 1, &err);
            wane_memory_fail_after(-1);
            wane_text_free(&svg);
        }
        assert_int_equal(status, WANE_OK);
        assert_true(allocations > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_clouds_of_any_number),
        cmocka_unit_test(long_labels_are_not_clipped),
        cmocka_unit_test(extreme_values),
        cmocka_unit_test(gaps_break_lines_and_bands),
        cmocka_unit_test(bands_are_on_the_axis),
        cmocka_unit_test(bars_are_drawn_and_on_the_axes),
        cmocka_unit_test(direct_labels_do_not_overlap),
        cmocka_unit_test(charts_stand_one_above_the_other),
        cmocka_unit_test(baselines_take_no_colour),
        cmocka_unit_test(baselines_are_lines_among_points),
        cmocka_unit_test(a_series_beside_another),
        cmocka_unit_test(hollow_points),
        cmocka_unit_test(logarithmic_to_the_right),
        cmocka_unit_test(heat_maps_stand_in_rows),
        cmocka_unit_test(refusals),
        cmocka_unit_test(heat_maps_print_their_values),
        cmocka_unit_test(each_cell_has_its_place_and_colour),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
