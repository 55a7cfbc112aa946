/* SPDX-License-Identifier: Apache-2.0
 * What reaches a terminal: the program on a pseudo-terminal, with inputs whose names and values
 * would move its cursor, turn its text around or end its lines.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/log.h"
#include "store/base/text.h"
#include "store/results/results.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#define ESC "\x1b[31m"
#define BEL "\x07"
#define CSI "\xc2\x9b"
#define RLO "\xe2\x80\xae"
#define SQL "SELECT char(27) || '[31m' || char(7, 127, 155, 8238, 8294) || 'b' AS x, -1 AS n"

static int prepare(void **state)
{
    wane_error err = {0};
    wane_results *db = NULL;
    if (scratch_make(state) != 0) return -1;
    wane_status st = wane_results_open(&db, scratch_path("t.db"), WANE_RESULTS_CREATE, &err);
    wane_results_close(db);
    return st == WANE_OK ? 0 : -1;
}

/* Runs the program with stdout and stderr on a terminal; what it wrote, to be freed. */
static char *on_terminal(const char *const *arguments)
{
    const char *argv[16] = {WANE_PROGRAM};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    const char *name =
        master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ? NULL : ptsname(master);
    int slave = name ? open(name, O_RDWR | O_NOCTTY) : -1;
    if (slave < 0) skip(); /* no /dev/ptmx or no /dev/pts here */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (dup2(slave, 1) < 0 || dup2(slave, 2) < 0) _exit(126);
        (void)close(master);
        (void)execv(WANE_PROGRAM, (char *const *)argv);
        _exit(127);
    }
    (void)close(slave);
    wane_text all = {0};
    char piece[4096];
    for (ssize_t got; (got = read(master, piece, sizeof piece)) > 0;)
        wane_text_append(&all, piece, (size_t)got);
    (void)close(master);
    (void)process_wait(pid);
    wane_text_append(&all, "", 0);
    assert_false(all.failed);
    return all.data;
}

/* Nothing but text, tabs and line breaks (which a terminal writes as CR LF). */
static void assert_harmless(const char *text)
{
    size_t count = strlen(text);
    for (const char *c = text; *c; c++)
        if (*c == '\r') assert_int_equal(c[1], '\n');
    wane_text plain = {0};
    for (const char *c = text; *c; c++)
        if (*c != '\r') wane_text_append(&plain, c, 1);
    if (count) assert_int_equal(wane_visible_span(plain.data, plain.length), plain.length);
    wane_text_free(&plain);
}

static void nothing_of_an_input_is_obeyed(void **state)
{
    (void)state;
    char db[512];
    (void)snprintf(db, sizeof db, "%s", scratch_path("t.db"));
    static const char hostile[] = "no" ESC BEL CSI RLO "\xff\nwane: forged";
    const char *const calls[][8] = {
        {"query", db, SQL, "-f", "csv", NULL},
        {"query", db, SQL, "-f", "json", NULL},
        {"query", db, SQL, "-f", "jsonl", NULL},
        {"query", db, SQL, NULL},
        {"query", db, SQL, "-f", "markdown", NULL},
        {"query", db, SQL, "-f", "latex", NULL},
        {"query", db, "SELECT 1 AS \"" ESC RLO "\"", "-f", "csv", NULL},
        {"query", db, hostile, NULL},
        {"query", db, "--name", hostile, NULL},
        {"query", db, "SELECT 1", "--param", hostile, NULL},
        {"ls", hostile, NULL},
        {"ls", db, hostile, NULL},
        {"ls", db, "--experiment", hostile, NULL},
        {"ls", db, "--where", "name = '" ESC "'", NULL},
        {"show", db, hostile, NULL},
        {"curves", db, "--metric", hostile, NULL},
        {"compare", db, hostile, hostile, NULL},
        {"correlate", db, "--x", hostile, NULL},
        {"explain", hostile, NULL},
        {"perplexity", hostile, hostile, NULL},
        {"eval", hostile, hostile, NULL},
        {"intruders", hostile, hostile, NULL},
        {"validate", hostile, NULL},
        {"run", hostile, NULL},
        {"schema", hostile, NULL},
        {hostile, NULL},
        {"ls", "--" ESC, NULL},
        {"ls", "-" ESC, NULL},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char *text = on_terminal(calls[i]);
        if (!*text) print_error("call %zu (%s) wrote nothing\n", i, calls[i][0]);
        assert_true(*text);
        assert_harmless(text);
        free(text);
    }
}

/* How far the spectra of a pair are, and how long they still take once that can be told. */
static void spectra_say_how_long(void **state)
{
    (void)state;
    wane_error err = {0};
    char base[512], tuned[512];
    wane_model *model = small_model(1, 2, 16, 64), *other = NULL;
    CHECK_OK(wane_model_copy(&other, model, &err));
    for (size_t i = 0; i < other->parameters.floats; i++) other->weights[i] *= 1.125F;
    (void)snprintf(base, sizeof base, "%s", scratch_path("base"));
    (void)snprintf(tuned, sizeof tuned, "%s", scratch_path("tuned"));
    CHECK_OK(wane_model_save(other, tuned, &err));
    wane_model_free(other);
    wane_model_free(model);
    const char *const call[] = {"intruders", base, tuned, "--threads", "1", NULL};
    char *text = on_terminal(call);
    const char *first = strstr(text, "\r\033[Kspectra: 0 of 7 matrices\r\033[K");
    assert_non_null(first);
    const char *last = strstr(first, "\r\033[Kspectra: 6 of 7 matrices, 0:0");
    assert_non_null(last);
    last = strstr(last, " left\r\033[K"); /* wiped before the page */
    assert_non_null(last);
    assert_null(strstr(last + 9, "spectra:"));
    assert_non_null(strstr(last, "7, of them 7 changed"));
    free(text);
}

/* Made visible, JSON is still JSON, of the same value. */
static void json_on_a_terminal_is_json(void **state)
{
    (void)state;
    char *text =
        on_terminal((const char *const[]){"query", scratch_path("t.db"), SQL, "-f", "jsonl", NULL});
    assert_string_equal(text, "{\"x\":\"\\u001b[31m\\u0007\\u007f\\u009b\\u202e\\u2066b\","
                              "\"n\":-1}\r\n");
    free(text);
}

static void files_keep_their_bytes(void **state)
{
    (void)state;
    const char *const csv[] = {"query", scratch_path("t.db"), SQL, "-f", "csv", NULL};
    assert_int_equal(process_run(csv, "out", "err"), 0);
    char *text = read_file(scratch_path("out"), NULL);
    assert_string_equal(text, "x,n\n\x1b[31m\x07\x7f" CSI RLO "\xe2\x81\xa6"
                              "b,-1\n");
    free(text);
    text = on_terminal(csv);
    assert_string_equal(text, "x,n\r\n\\x1b[31m\\x07\\u007f\\u009b\\u202e\\u2066b,-1\r\n");
    free(text);
}

static void keep(void *context, wane_level level, const char *line)
{
    (void)level;
    (void)snprintf(context, 256, "%s", line);
}

static void lines_of_a_log_are_lines(void **state)
{
    (void)state;
    char kept[256];
    const wane_log log = {keep, kept};
    wane_log_line(&log, WANE_LOG_INFO, "%s", "a\nb\t" ESC CSI "\xc3\xa9");
    assert_string_equal(kept, "a b \\x1b[31m\\u009b\xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_an_input_is_obeyed),
        cmocka_unit_test(json_on_a_terminal_is_json),
        cmocka_unit_test(files_keep_their_bytes),
        cmocka_unit_test(lines_of_a_log_are_lines),
        cmocka_unit_test(spectra_say_how_long),
    };
    return cmocka_run_group_tests(tests, prepare, scratch_remove);
}
