/* SPDX-License-Identifier: Apache-2.0
 * Names on the hub: made-up caches of plain files, links and shared blobs, every way to name a
 * revision, and what is said of what is not there.
 */
#include "store/files/hub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/tensors.h"
#include "tests/support/support.h"

#define FIRST "1111111111111111111111111111111111111111"
#define SECOND "1111222222222222222222222222222222222222"
#define THIRD "abcdef0123456789abcdef0123456789abcdef01"
#define REPO "cache/models--org--tiny"

static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                        "XDG_CACHE_HOME"};

static void put(const char *name, const char *text)
{
    wane_error err;
    const char *path = scratch_path(name);
    char *folder = strdup(path);
    assert_non_null(folder);
    *strrchr(folder, '/') = '\0';
    CHECK_OK(wane_folder_make(folder, &err));
    write_file(path, text, strlen(text));
    free(folder);
}

static void put_link(const char *to, const char *name)
{
    put(name, ""); /* its folder */
    assert_int_equal(unlink(scratch_path(name)), 0);
    assert_int_equal(symlink(to, scratch_path(name)), 0);
}

/* Three snapshots: main is of links into the repository's blobs, refs/pr/1 of plain files, and one
 * that no reference names has a link into blobs of the whole cache, which is a link again. */
static int make_cache(void **state)
{
    if (scratch_make(state) != 0) return -1;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) (void)unsetenv(variables[i]);
    assert_int_equal(setenv("HOME", scratch_folder(), 1), 0);
    assert_int_equal(setenv("HF_HUB_CACHE", scratch_path("cache"), 1), 0);
    put(REPO "/refs/main", FIRST);
    put(REPO "/refs/refs/pr/1", SECOND "\n");
    put(REPO "/blobs/aa", "{\"first\": 1}");
    put(REPO "/blobs/bb.incomplete", "{\"fir");
    put(REPO "/.no_exist/" FIRST "/tokenizer.json", "");
    put_link("../../blobs/aa", REPO "/snapshots/" FIRST "/config.json");
    put(REPO "/snapshots/" FIRST "/onnx/config.json", "");
    put(REPO "/snapshots/" SECOND "/config.json", "{\"second\": 2}");
    put("cache/blobs/cc/cccc", "{\"third\": 3}");
    put_link("../../blobs/cc/cccc", "cache/models--org--tiny/blobs/cccc");
    put_link("../../blobs/cccc", REPO "/snapshots/" THIRD "/config.json");
    return 0;
}

static void check_pin(const char *name, const char *expected)
{
    wane_error err;
    char *pinned = NULL;
    CHECK_OK(wane_hub_pin(&pinned, name, NULL, &err));
    assert_string_equal(pinned, expected);
    wane_free(pinned);
}

static void check_config(const char *name, const char *key)
{
    wane_error err;
    wane_package *package = NULL;
    wane_json *config = NULL;
    assert_true(wane_package_is(name));
    CHECK_OK(wane_package_open(&package, name, &err));
    assert_string_equal(wane_package_path(package), name);
    assert_int_equal(wane_package_count(package), 1); /* no folders */
    CHECK_OK(wane_package_json(&config, package, "config.json", &err));
    assert_non_null(wane_json_get(config, key));
    wane_json_free(config);
    wane_package_close(package);
}

static void branches_tags_and_commits_are_revisions(void **state)
{
    (void)state;
    check_pin("org/tiny", "org/tiny@" FIRST);
    check_pin("org/tiny@main", "org/tiny@" FIRST);
    check_pin("org/tiny@refs/pr/1", "org/tiny@" SECOND);
    check_pin("org/tiny@" SECOND, "org/tiny@" SECOND);
    check_pin("org/tiny@11112", "org/tiny@" SECOND);
    check_pin("org/tiny@abcd", "org/tiny@" THIRD);
    put(REPO "/refs/abcd", FIRST); /* a tag comes before the beginning of a commit */
    check_pin("org/tiny@abcd", "org/tiny@" FIRST);
    check_config("org/tiny", "first");
    check_config("org/tiny@refs/pr/1", "second");
    check_config("org/tiny@" THIRD, "third");
}

static void what_is_on_the_disk_comes_first(void **state)
{
    (void)state;
    wane_error err;
    char *pinned = NULL, before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(scratch_folder()), 0);
    assert_true(wane_hub_is("org/tiny"));
    put("org/tiny/config.json", "{\"disk\": 0}");
    assert_false(wane_hub_is("org/tiny"));
    check_pin("org/tiny", "org/tiny");
    check_config("org/tiny", "disk");
    check_config("org/tiny@main", "first");
    assert_int_equal(chdir(before), 0);
    /* Where it is looked for elsewhere, that place counts. */
    CHECK_OK(wane_hub_pin(&pinned, "org/tiny", scratch_path("org/tiny"), &err));
    assert_string_equal(pinned, scratch_path("org/tiny"));
    wane_free(pinned);
    CHECK_OK(wane_hub_pin(&pinned, "org/tiny", scratch_path("nowhere"), &err));
    assert_string_equal(pinned, "org/tiny@" FIRST);
    wane_free(pinned);
}

static void names_are_the_hubs(void **state)
{
    (void)state;
    static const char *const none[] = {"tiny",          "/org/tiny",   "org/tiny/x", "./tiny",
                                       "org/..",        "org/-tiny",   "a--b/tiny",  "org/tiny@",
                                       "org/tiny@../x", "org/tiny@/x", "",           "org/tiny@a b",
                                       "org/tiny@a//b", "org//tiny",   "org/ti ny",  "org/tiny."};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (wane_hub_is(none[i])) print_error("%s\n", none[i]);
        assert_false(wane_hub_is(none[i]));
        check_pin(none[i], none[i]);
    }
    assert_true(wane_hub_is("org-1.x/Ti_ny-2.5@v1.0/x"));
    /* Names of one part are as old as the hub. */
    assert_false(wane_hub_is("gpt2"));
    put("cache/models--gpt2/refs/main", THIRD);
    put("cache/models--gpt2/snapshots/" THIRD "/config.json", "{\"gpt\": 2}");
    check_pin("gpt2", "gpt2@" THIRD);
    check_config("gpt2@main", "gpt");
}

static void the_cache_is_where_its_library_looks(void **state)
{
    (void)state;
    wane_error err;
    char *cache = NULL;
    static const struct {
        const char *variable, *value, *cache;
    } steps[] = {{"XDG_CACHE_HOME", "/xdg", "/xdg/huggingface/hub"},
                 {"HF_HOME", "/hf", "/hf/hub"},
                 {"HUGGINGFACE_HUB_CACHE", "/old", "/old"},
                 {"HF_HUB_CACHE", "/new", "/new"},
                 {"HF_HUB_CACHE", "", "/old"},
                 {"HF_HUB_CACHE", "~/new", "/home/me/new"},
                 {"HF_HUB_CACHE", "~other/new", "~other/new"}};
    (void)unsetenv("HF_HUB_CACHE");
    assert_int_equal(setenv("HOME", "/home/me", 1), 0);
    CHECK_OK(wane_hub_cache(&cache, &err));
    assert_string_equal(cache, "/home/me/.cache/huggingface/hub");
    wane_free(cache);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(setenv(steps[i].variable, steps[i].value, 1), 0);
        CHECK_OK(wane_hub_cache(&cache, &err));
        assert_string_equal(cache, steps[i].cache);
        wane_free(cache);
    }
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) (void)unsetenv(variables[i]);
    (void)unsetenv("HOME");
    CHECK_FAILS(wane_hub_cache(&cache, &err), WANE_ENOTFOUND, "neither HF_HUB_CACHE");
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    wane_error err;
    char *out = NULL, expected[1024];
    (void)snprintf(
        expected, sizeof expected,
        "read: org/other@v2: no such file or folder, nor a model of that name in the hub "
        "cache %s; to fetch one: hf download org/other --revision v2",
        scratch_path("cache"));
    CHECK_FAILS(wane_hub_pin(&out, "org/other@v2", NULL, &err), WANE_ENOTFOUND, expected);
    (void)snprintf(expected, sizeof expected,
                   "read: org/tiny@v2: the hub cache %s has main (1111111), refs/pr/1 (1111222), "
                   "abcdef0 of org/tiny, not v2; to fetch it: hf download org/tiny --revision v2",
                   scratch_path("cache"));
    CHECK_FAILS(wane_hub_pin(&out, "org/tiny@v2", NULL, &err), WANE_ENOTFOUND, expected);
    CHECK_FAILS(wane_hub_pin(&out, "org/tiny@1111", NULL, &err), WANE_EINVAL,
                FIRST " and " SECOND " begin so");
    /* A branch whose snapshot was never made. */
    put(REPO "/refs/main", "0000000000000000000000000000000000000000");
    CHECK_FAILS(wane_hub_pin(&out, "org/tiny", NULL, &err), WANE_ENOTFOUND,
                "has refs/pr/1 (1111222), 1111111, abcdef0 of org/tiny, not main; to fetch it: hf "
                "download org/tiny");
    put(REPO "/refs/main", "../../../../etc");
    CHECK_FAILS(wane_hub_pin(&out, "org/tiny", NULL, &err), WANE_EFORMAT,
                "refs/main: holds no commit");
    remove_tree(scratch_path(REPO "/snapshots"));
    CHECK_FAILS(wane_hub_pin(&out, "org/tiny@" FIRST, NULL, &err), WANE_ENOTFOUND,
                "has no revision of org/tiny, not 1111");
}

static void what_was_not_downloaded_whole_is_named(void **state)
{
    (void)state;
    wane_error err;
    wane_package *package = NULL;
    wane_tensors *tensors = NULL;
    const char fetch[] =
        ": not downloaded whole? to fetch it: hf download org/tiny --revision " FIRST;
    char expected[400];
    (void)snprintf(expected, sizeof expected, "another file of tensors is there%s", fetch);
    CHECK_FAILS(wane_tensors_open(&tensors, "org/tiny@" FIRST, &err), WANE_ENOTFOUND, expected);
    put(REPO "/snapshots/" FIRST "/model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\", "
        "\"c\": \"model-3.safetensors\"}}");
    put(REPO "/snapshots/" FIRST "/model-2.safetensors", "");
    (void)snprintf(expected, sizeof expected,
                   "2 of its 3 shards are missing: model-1.safetensors, model-3.safetensors%s",
                   fetch);
    CHECK_FAILS(wane_tensors_open(&tensors, "org/tiny@" FIRST, &err), WANE_ENOTFOUND, expected);
    /* A blob that was taken away. */
    put_link("../../blobs/gone", REPO "/snapshots/" FIRST "/tokenizer.json");
    put_link("../../blobs/gone", REPO "/snapshots/" FIRST "/README.md");
    (void)snprintf(expected, sizeof expected,
                   "read: org/tiny@" FIRST ": tokenizer.json is a link to what is not there%s",
                   fetch);
    CHECK_FAILS(wane_package_open(&package, "org/tiny@" FIRST, &err), WANE_ENOTFOUND, expected);
}

static void links_lead_to_regular_files(void **state)
{
    (void)state;
    wane_error err;
    wane_package *package = NULL;
    char *text = NULL;
    size_t bytes = 0;
    put("elsewhere/config.json", "{\"far\": 1}");
    assert_int_equal(unlink(scratch_path(REPO "/snapshots/" FIRST "/config.json")), 0);
    put_link(scratch_path("elsewhere/config.json"), REPO "/snapshots/" FIRST "/config.json");
    check_config("org/tiny", "far");
    assert_int_equal(mkfifo(scratch_path(REPO "/blobs/fifo"), 0600), 0);
    put_link("../../blobs/fifo", REPO "/snapshots/" FIRST "/tokenizer.json");
    put_link("../../blobs", REPO "/snapshots/" FIRST "/vocab.json");
    CHECK_OK(wane_package_open(&package, "org/tiny", &err));
    assert_false(wane_package_has(package, "vocab.json"));
    CHECK_FAILS(wane_package_read(&text, &bytes, package, "tokenizer.json", &err), WANE_EFORMAT,
                "not a regular file");
    wane_package_close(package);
}

static void titles_are_short(void **state)
{
    (void)state;
    char title[64];
    static const char *const cases[][2] = {{"org/tiny@" FIRST, "tiny@1111111"},
                                           {"gpt2@" FIRST, "gpt2@1111111"},
                                           {"models/tiny/", "tiny"},
                                           {"tiny", "tiny"},
                                           {"/", ""},
                                           {"org/tiny@main", "tiny@main"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(wane_hub_title(title, sizeof title, cases[i][0]), cases[i][1]);
}

#define IN_CACHE(test) cmocka_unit_test_setup_teardown(test, make_cache, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CACHE(branches_tags_and_commits_are_revisions),
        IN_CACHE(what_is_on_the_disk_comes_first),
        IN_CACHE(names_are_the_hubs),
        IN_CACHE(the_cache_is_where_its_library_looks),
        IN_CACHE(what_is_not_there_is_said),
        IN_CACHE(what_was_not_downloaded_whole_is_named),
        IN_CACHE(links_lead_to_regular_files),
        IN_CACHE(titles_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
