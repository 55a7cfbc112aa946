/* SPDX-License-Identifier: Apache-2.0
 * make_database FOLDER: the databases the golden cases read, with fixed numbers.
 *   results.db  experiment "demo": 8 configs, 2 orders, 2 seeds, 3 tasks and a watched one; one run
 *               diverged, one gate failed, one failed, one still running
 *   two.db      the first runs of "demo", all done, and experiment "try", limited
 *   planned.db  two runs of "demo" before anything ran
 *   newer.db, foreign.db, text.db: what no program of this version may read
 */
#include "tests/cli/database.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>

#include "store/base/memory.h"
#include "store/files/file.h"

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void open_in(fixture *f, const char *folder, const char *name)
{
    char *path = wane_path_join(folder, name);
    MUST(wane_results_open(&f->db, path, WANE_RESULTS_CREATE, &err));
    wane_free(path);
}

/* A copy of planned.db with the big-endian number at `offset` of SQLite's header raised. */
static void write_changed(const char *folder, const char *name, size_t offset)
{
    char *from = wane_path_join(folder, "planned.db"), *to = wane_path_join(folder, name);
    char *bytes = NULL;
    size_t count = 0;
    MUST(wane_file_read(&bytes, &count, from, 0, &err));
    bytes[offset + 3] = (char)(bytes[offset + 3] + 8);
    MUST(wane_file_write(to, bytes, count, &err));
    wane_free(bytes);
    wane_free(from);
    wane_free(to);
}

int main(int argc, char **argv)
{
    static fixture demo = {.experiment = "demo"}, two = {.experiment = "demo"},
                   limited = {.experiment = "try", .limited = true},
                   planned = {.experiment = "demo"};
    if (argc != 2) return 2;
    if (nftw(argv[1], remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) return 1;
    MUST(wane_folder_make(argv[1], &err));

    open_in(&demo, argv[1], "results.db");
    fixture_plan(&demo, FIXTURE_RUNS);
    for (int run = 0; run < FIXTURE_RUNS; run++) fixture_fill(&demo, run, false);
    wane_results_close(demo.db);

    open_in(&two, argv[1], "two.db");
    fixture_plan(&two, 4);
    for (int run = 0; run < 4; run++) fixture_fill(&two, run, true);
    limited.db = two.db;
    fixture_plan(&limited, 2);
    for (int run = 0; run < 2; run++) fixture_fill(&limited, run, true);
    wane_results_close(two.db);

    open_in(&planned, argv[1], "planned.db");
    fixture_plan(&planned, 2);
    wane_results_close(planned.db);
    write_changed(argv[1], "newer.db", 60);   /* user_version */
    write_changed(argv[1], "foreign.db", 68); /* application_id */

    char *text = wane_path_join(argv[1], "text.db");
    MUST(wane_file_write(text, "no database\n", 12, &err));
    wane_free(text);
    return 0;
}
