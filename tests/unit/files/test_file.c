/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/memory.h"
#include "store/files/entries.h"
#include "store/files/file.h"
#include "store/files/package.h"
#include "store/files/tensors.h"
#include "tests/support/support.h"

static void expect_content(const char *path, const char *content)
{
    size_t count = 0;
    char *bytes = read_file(path, &count);
    assert_int_equal(count, strlen(content));
    assert_memory_equal(bytes, content, count);
    free(bytes);
}

/* The names in the scratch folder's subfolder `name`, joined by spaces. */
static void expect_names(const char *folder, const char *wanted)
{
    wane_error err;
    char **names = NULL, joined[256] = "";
    size_t count = 0;
    CHECK_OK(wane_folder_list(&names, &count, folder, &err));
    for (size_t i = 0; i < count; i++) {
        if (i) strcat(joined, " ");
        strcat(joined, names[i]);
    }
    assert_string_equal(joined, wanted);
    wane_names_free(names, count);
}

static void files_are_read_whole(void **state)
{
    (void)state;
    wane_error err;
    char *bytes = NULL;
    size_t count = 1;
    const char *path = scratch_path("r");
    write_file(path, "a\0b", 3);
    CHECK_OK(wane_file_read(&bytes, &count, path, 3, &err));
    assert_int_equal(count, 3);
    assert_memory_equal(bytes, "a\0b", 4);
    wane_free(bytes);
    CHECK_FAILS(wane_file_read(&bytes, &count, path, 2, &err), WANE_EFORMAT, "larger than 2 bytes");
    CHECK_FAILS(wane_file_read(&bytes, &count, scratch_path("none"), 0, &err), WANE_ENOTFOUND,
                "none: No such file or directory");
    CHECK_FAILS(wane_file_read(&bytes, &count, scratch_folder(), 0, &err), WANE_EINVAL,
                "Is a directory");
    CHECK_FAILS(wane_file_read(&bytes, &count, "/dev/zero", 100000, &err), WANE_EFORMAT,
                "/dev/zero: a device, not a regular file");
    CHECK_OK(wane_file_read(&bytes, &count, "/proc/self/status", 0, &err)); /* claims 0 bytes */
    assert_true(count > 100 && strlen(bytes) == count);
    wane_free(bytes);
    write_file(path, "", 0);
    CHECK_OK(wane_file_read(&bytes, &count, path, 0, &err));
    assert_int_equal(count, 0);
    assert_string_equal(bytes, "");
    wane_free(bytes);
}

/* Nothing that is no regular file is opened and waited for, whoever reads it and through a link. */
static void special_files_are_refused(void **state)
{
    (void)state;
    wane_error err;
    char *bytes = NULL, hex[WANE_SHA256_HEX];
    size_t count = 0;
    wane_map map = {0};
    wane_entries *entries = NULL;
    wane_package *package = NULL;
    wane_tensors *tensors = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", scratch_path("special.socket"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(mkfifo(scratch_path("special.pipe"), 0600), 0);
    assert_int_equal(mkfifo(scratch_path("special.tar.gz"), 0600), 0);
    assert_int_equal(symlink("special.pipe", scratch_path("special.link")), 0);
    static const char *const names[][2] = {{"special.pipe", "a pipe, not a regular file"},
                                           {"special.tar.gz", "a pipe, not a regular file"},
                                           {"special.link", "a pipe, not a regular file"},
                                           {"special.socket", "a socket, not a regular file"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = scratch_path(names[i][0]), *cause = names[i][1];
        CHECK_FAILS(wane_file_read(&bytes, &count, path, 0, &err), WANE_EFORMAT, cause);
        CHECK_FAILS(wane_map_open(&map, path, &err), WANE_EFORMAT, cause);
        CHECK_FAILS(wane_file_sha256(hex, path, &err), WANE_EFORMAT, cause);
        CHECK_FAILS(wane_entries_open(&entries, path, NULL, &err), WANE_EFORMAT, cause);
        CHECK_FAILS(wane_tensors_open(&tensors, path, &err), WANE_EFORMAT, cause);
    }
    CHECK_FAILS(wane_package_open(&package, scratch_path("special.tar.gz"), &err), WANE_EFORMAT,
                "a pipe, not a regular file");
    (void)close(fd);
}

/* Limits are by kind, and the message says which. */
static void kinds_have_limits(void **state)
{
    (void)state;
    wane_error err;
    char *bytes = NULL;
    size_t count = 0;
    const char *path = scratch_path("config.json");
    write_file(path, "{}", 2);
    CHECK_OK(wane_file_read_kind(&bytes, &count, path, WANE_LIMIT_CONFIG, &err));
    wane_free(bytes);
    assert_int_equal(truncate(path, (8 << 20) + 1), 0);
    CHECK_FAILS(wane_file_read_kind(&bytes, &count, path, WANE_LIMIT_CONFIG, &err), WANE_EFORMAT,
                "config.json: larger than 8 MiB, the limit of a configuration");
    assert_int_equal(truncate(path, (128 << 20) + 1), 0);
    CHECK_FAILS(wane_file_read_kind(&bytes, &count, path, WANE_LIMIT_TOKENIZER, &err), WANE_EFORMAT,
                "larger than 128 MiB, the limit of a tokenizer");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(wane_limit_of_name("a/config.json"), WANE_LIMIT_CONFIG);
    assert_int_equal(wane_limit_of_name("adapter_config.json"), WANE_LIMIT_CONFIG);
    assert_int_equal(wane_limit_of_name("a/tokenizer.json"), WANE_LIMIT_TOKENIZER);
    assert_int_equal(wane_limit_of_name("model.safetensors.index.json"), WANE_LIMIT_INDEX);
}

static void files_are_mapped(void **state)
{
    (void)state;
    wane_error err;
    wane_map map = {0};
    wane_map_close(&map);
    const char *path = scratch_path("m");
    write_file(path, "hello", 5);
    CHECK_OK(wane_map_open(&map, path, &err));
    assert_int_equal(map.bytes, 5);
    assert_memory_equal(map.data, "hello", 5);
    wane_map_close(&map);
    write_file(path, "", 0);
    CHECK_OK(wane_map_open(&map, path, &err));
    assert_int_equal(map.bytes, 0);
    assert_non_null(map.data);
    wane_map_close(&map);
    CHECK_FAILS(wane_map_open(&map, scratch_folder(), &err), WANE_EINVAL, "Is a directory");
    CHECK_FAILS(wane_map_open(&map, scratch_path("none"), &err), WANE_ENOTFOUND, "none: ");
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    CHECK_FAILS(wane_map_open(&map, scratch_path("fifo"), &err), WANE_EFORMAT,
                "not a regular file");
}

static void writes_are_atomic(void **state)
{
    (void)state;
    wane_error err;
    wane_atomic *file = NULL;
    CHECK_OK(wane_folder_make(scratch_path("w"), &err));
    const char *path = scratch_path("w/f");
    CHECK_OK(wane_file_write(path, "old", 3, &err));
    expect_content(path, "old");
    CHECK_OK(wane_atomic_open(&file, path, &err));
    CHECK_OK(wane_atomic_write(file, "ne", 2, &err));
    expect_content(path, "old");
    CHECK_OK(wane_atomic_write(file, "w", 1, &err));
    CHECK_OK(wane_atomic_commit(file, &err));
    expect_content(path, "new");
    CHECK_OK(wane_atomic_open(&file, path, &err));
    CHECK_OK(wane_atomic_write(file, "lost", 4, &err));
    wane_atomic_abort(file);
    wane_atomic_abort(NULL);
    expect_content(path, "new");
    expect_names(scratch_path("w"), "f");
    struct stat info;
    mode_t mask = umask(0);
    (void)umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void two_writers_do_not_meet(void **state)
{
    (void)state;
    wane_error err;
    wane_atomic *first = NULL, *second = NULL;
    CHECK_OK(wane_folder_make(scratch_path("two"), &err));
    const char *path = scratch_path("two/f");
    CHECK_OK(wane_atomic_open(&first, path, &err));
    CHECK_OK(wane_atomic_open(&second, path, &err));
    CHECK_OK(wane_atomic_write(first, "first", 5, &err));
    CHECK_OK(wane_atomic_write(second, "second!", 7, &err));
    CHECK_OK(wane_atomic_commit(first, &err));
    expect_content(path, "first");
    CHECK_OK(wane_atomic_commit(second, &err));
    expect_content(path, "second!");
    expect_names(scratch_path("two"), "f");
}

static void a_killed_writer_leaves_the_old_file(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("kill"), &err));
    const char *path = scratch_path("kill/f");
    CHECK_OK(wane_file_write(path, "old", 3, &err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wane_atomic *file = NULL;
        if (wane_atomic_open(&file, path, &err) != WANE_OK) _exit(1);
        if (wane_atomic_write(file, "half", 4, &err) != WANE_OK) _exit(1);
        (void)raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    expect_content(path, "old");
    expect_names(scratch_path("kill"), ".f.0.tmp f");
    CHECK_OK(wane_file_write(path, "n", 1, &err)); /* takes the leftover over, emptied */
    expect_content(path, "n");
    expect_names(scratch_path("kill"), "f");
}

static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("full"), &err));
    const char *path = scratch_path("full/f");
    CHECK_OK(wane_file_write(path, "old", 3, &err));
    for (long n = 0; n < 3; n++) { /* write, sync, rename */
        wane_file_fail_after(n);
        wane_status st = wane_file_write(path, "new content", 11, &err);
        wane_file_fail_after(-1);
        CHECK_FAILS(st, WANE_EIO, "full/f: No space left on device");
        expect_content(path, "old");
        expect_names(scratch_path("full"), "f");
    }
    wane_file_fail_after(3); /* the folder's sync: the file is in place, but may not last */
    wane_status st = wane_file_write(path, "new", 3, &err);
    wane_file_fail_after(-1);
    CHECK_FAILS(st, WANE_EIO, "No space left on device");
    expect_content(path, "new");
    wane_file_fail_after(4);
    CHECK_OK(wane_file_write(path, "newer", 5, &err));
    wane_file_fail_after(-1);
    expect_content(path, "newer");
    CHECK_FAILS(wane_file_write("/dev/full", "x", 1, &err), WANE_EEXIST, "not a regular file");
}

static void a_failed_write_is_never_committed(void **state)
{
    (void)state;
    wane_error err;
    wane_atomic *file = NULL;
    const char *path = scratch_path("broken");
    CHECK_OK(wane_atomic_open(&file, path, &err));
    wane_file_fail_after(0);
    wane_status st = wane_atomic_write(file, "x", 1, &err);
    wane_file_fail_after(-1);
    CHECK_FAILS(st, WANE_EIO, "No space left on device");
    CHECK_FAILS(wane_atomic_commit(file, &err), WANE_EIO, "an earlier write failed");
    assert_false(wane_file_exists(path));
}

static void bad_places_are_refused(void **state)
{
    (void)state;
    wane_error err;
    /* No file system takes such a name, even from root. */
    char longest[256];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    CHECK_FAILS(wane_file_write(scratch_path(longest), "x", 1, &err), WANE_EINVAL,
                "File name too long");
    CHECK_FAILS(wane_file_write(scratch_path("no/such/f"), "x", 1, &err), WANE_ENOTFOUND,
                "no/such/f: No such file or directory");
    CHECK_FAILS(wane_file_write(scratch_folder(), "x", 1, &err), WANE_EEXIST, "not a regular file");
    CHECK_FAILS(wane_file_write("/dev/null", "x", 1, &err), WANE_EEXIST, "not a regular file");
    CHECK_FAILS(wane_file_write("", "x", 1, &err), WANE_EINVAL, "no file name");
    CHECK_FAILS(wane_file_write(scratch_path("slash/"), "x", 1, &err), WANE_EINVAL, "no file name");
}

enum { CHILD_SKIPPED = 77 };

/* The exit code of work(), run in a process of its own. */
static int in_child(int (*work)(void))
{
    int status = 0;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) _exit(work());
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* 0 when writing `count` bytes to `path` fails with this code and text. */
static int write_fails(const char *path, size_t count, wane_status code, const char *text)
{
    wane_error err = {0};
    char *bytes = wane_alloc(count, 1);
    wane_status st = wane_file_write(path, bytes, count, &err);
    wane_free(bytes);
    if (st == code && strstr(err.message, text) && strstr(err.message, path)) return 0;
    (void)fprintf(stderr, "status %d, message \"%s\"\n", st, err.message);
    return 1;
}

static int write_to_closed_folder(void)
{
    if (geteuid() == 0 && setuid(65534) != 0) return CHILD_SKIPPED;
    return write_fails(scratch_path("closed/f"), 1, WANE_EIO, "closed/f: Permission denied");
}

static void a_closed_folder_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(scratch_folder(), 0755), 0);
    assert_int_equal(mkdir(scratch_path("closed"), 0555), 0);
    int code = in_child(write_to_closed_folder);
    if (code == CHILD_SKIPPED) skip();
    assert_int_equal(code, 0);
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) (void)close(fd);
    return good;
}

/* On a small disk of its own, where the system allows a mount. */
static int fill_a_disk(void)
{
    char users[64], groups[64];
    wane_error err;
    const char *disk = scratch_path("disk"), *path = scratch_path("disk/f");
    (void)snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    (void)snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !write_text("/proc/self/uid_map", users) ||
        !write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/gid_map", groups))
        return CHILD_SKIPPED;
    if (mount("none", disk, "tmpfs", 0, "size=64k") != 0) return CHILD_SKIPPED;
    if (wane_file_write(path, "old", 3, &err) != WANE_OK) return 1;
    if (write_fails(path, 100000, WANE_EIO, "disk/f: No space left on device")) return 2;
    char **names = NULL, *bytes = NULL;
    size_t count = 0;
    if (wane_folder_list(&names, &count, disk, &err) != WANE_OK || count != 1) return 3;
    wane_names_free(names, count);
    if (wane_file_read(&bytes, &count, path, 0, &err) != WANE_OK || strcmp(bytes, "old")) return 4;
    wane_free(bytes);
    if (mount("none", disk, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) != 0) return CHILD_SKIPPED;
    return write_fails(path, 1, WANE_EIO, "disk/f: Read-only file system");
}

static void a_real_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("disk"), 0755), 0);
    int code = in_child(fill_a_disk);
    if (code == CHILD_SKIPPED) skip();
    assert_int_equal(code, 0);
}

static void links_are_written_through(void **state)
{
    (void)state;
    wane_error err;
    const char *target = scratch_path("target"), *link = scratch_path("link");
    write_file(target, "old", 3);
    assert_int_equal(symlink("target", link), 0);
    CHECK_OK(wane_file_write(link, "new", 3, &err));
    expect_content(target, "new");
    struct stat info;
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    /* A link planted where the temporary goes is not followed. */
    assert_int_equal(symlink("target", scratch_path(".g.0.tmp")), 0);
    CHECK_OK(wane_file_write(scratch_path("g"), "g", 1, &err));
    expect_content(target, "new");
    assert_int_equal(symlink("nowhere/at/all", scratch_path("dangling")), 0);
    CHECK_FAILS(wane_file_write(scratch_path("dangling"), "x", 1, &err), WANE_ENOTFOUND,
                "dangling: ");
}

static void folders_are_made_listed_removed(void **state)
{
    (void)state;
    wane_error err;
    char **names = NULL;
    size_t count = 0;
    CHECK_OK(wane_folder_make(scratch_path("d/e//f/"), &err));
    CHECK_OK(wane_folder_make(scratch_path("d/e/f"), &err));
    assert_true(wane_folder_exists(scratch_path("d/e/f")));
    assert_false(wane_file_exists(scratch_path("d/e/f")));
    write_file(scratch_path("d/b"), "", 0);
    write_file(scratch_path("d/\xc3\xa9"), "", 0);
    write_file(scratch_path("d/B"), "", 0);
    write_file(scratch_path("d/e/f/deep"), "", 0);
    expect_names(scratch_path("d"), "B b e \xc3\xa9");
    expect_names(scratch_path("d/e/f"), "deep");
    CHECK_FAILS(wane_folder_make(scratch_path("d/b"), &err), WANE_EEXIST, "d/b: File exists");
    CHECK_FAILS(wane_folder_make(scratch_path("d/b/c"), &err), WANE_EEXIST, "d/b: File exists");
    CHECK_FAILS(wane_folder_make("", &err), WANE_ENOTFOUND, "make folder: ");
    CHECK_FAILS(wane_folder_list(&names, &count, scratch_path("none"), &err), WANE_ENOTFOUND,
                "list: ");
    write_file(scratch_path("kept"), "kept", 4);
    assert_int_equal(symlink("../kept", scratch_path("d/link")), 0);
    assert_int_equal(symlink("..", scratch_path("d/up")), 0);
    CHECK_FAILS(wane_remove(scratch_path("d"), &err), WANE_EINVAL, "Is a directory");
    CHECK_OK(wane_remove(scratch_path("d/link"), &err));
    assert_false(wane_file_exists(scratch_path("d/link")));
    expect_content(scratch_path("kept"), "kept");
    CHECK_OK(wane_remove(scratch_path("none"), &err));
    CHECK_OK(wane_remove(scratch_path("kept/below"), &err));
    CHECK_OK(wane_remove(scratch_path("kept"), &err));
    assert_false(wane_file_exists(scratch_path("kept")));
}

static bool named_b(const char *name)
{
    return strcmp(name, "B") == 0 || strcmp(name, "b") == 0;
}

/* Only what is known is removed; nothing is walked into. */
static void folders_are_removed_with_what_is_known(void **state)
{
    (void)state;
    wane_error err;
    CHECK_OK(wane_folder_make(scratch_path("known/sub"), &err));
    static const char *const files[] = {"known/B", "known/.B.12.tmp", "known/.b.tmp",
                                        "known/c", "known/.c.0.tmp",  "known/sub/B"};
    for (size_t i = 0; i < 6; i++) write_file(scratch_path(files[i]), "", 0);
    CHECK_OK(wane_folder_remove(scratch_path("known"), named_b, &err));
    expect_names(scratch_path("known"), ".b.tmp .c.0.tmp c sub");
    expect_names(scratch_path("known/sub"), "B");
    CHECK_OK(wane_folder_remove(scratch_path("known/sub"), named_b, &err));
    assert_false(wane_folder_exists(scratch_path("known/sub")));
    CHECK_OK(wane_folder_remove(scratch_path("known/sub"), named_b, &err));
    write_file(scratch_path("one"), "", 0);
    CHECK_OK(wane_folder_remove(scratch_path("one"), named_b, &err));
    assert_false(wane_file_exists(scratch_path("one")));
}

static void walks_are_bounded(void **state)
{
    (void)state;
    enum { LEVELS = 300 };
    wane_error err;
    char **names = NULL, deep[1100];
    size_t count = 0;
    CHECK_OK(wane_folder_make(scratch_path("walk/b"), &err));
    write_file(scratch_path("walk/b/2"), "", 0);
    write_file(scratch_path("walk/b-1"), "", 0);
    CHECK_OK(wane_folder_walk(&names, &count, scratch_path("walk"), 2, &err));
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "b-1");
    assert_string_equal(names[1], "b/2");
    wane_names_free(names, count);
    CHECK_FAILS(wane_folder_walk(&names, &count, scratch_path("walk"), 1, &err), WANE_EFORMAT,
                "walk: more than 1 files");
    size_t used = (size_t)snprintf(deep, sizeof deep, "%s", scratch_path("walk"));
    for (int i = 0; i < LEVELS; i++)
        used += (size_t)snprintf(deep + used, sizeof deep - used, "/d");
    CHECK_OK(wane_folder_make(deep, &err));
    CHECK_FAILS(wane_folder_walk(&names, &count, scratch_path("walk"), 9, &err), WANE_EFORMAT,
                "walk: more than 64 folders deep");
    remove_tree(scratch_path("walk"));
}

static void hidden_names(void **state)
{
    (void)state;
    static const char *const hidden[] = {".git",         "a/.git/HEAD",  "._a.txt",    ".DS_Store",
                                         "__MACOSX/a/b", "a/__MACOSX/b", "a/.b/c.txt", "__MACOSX"};
    static const char *const plain[] = {"a",  "a.txt",     "a/b.c/d", "__MACOSX2/a",
                                        "_a", "a__MACOSX", ""};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        assert_true(wane_name_hidden(hidden[i]));
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        assert_false(wane_name_hidden(plain[i]));
}

/* Hidden folders are not looked into for anything but their number of files. */
static void a_walk_passes_over_what_is_hidden(void **state)
{
    (void)state;
    wane_error err;
    char **names = NULL;
    size_t count = 0;
    wane_hidden_files hidden = {0};
    CHECK_OK(wane_folder_make(scratch_path("seen/.git/objects"), &err));
    CHECK_OK(wane_folder_make(scratch_path("seen/b"), &err));
    static const char *const files[] = {"seen/.git/objects/1", "seen/.git/HEAD", "seen/b/._a",
                                        "seen/b/a"};
    for (size_t i = 0; i < 4; i++) write_file(scratch_path(files[i]), "", 0);
    assert_int_equal(symlink("/nowhere", scratch_path("seen/.git/link")), 0);
    CHECK_OK(wane_folder_walk_visible(&names, &count, &hidden, scratch_path("seen"), 1, &err));
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "b/a");
    assert_int_equal(hidden.count, 4);
    assert_string_equal(hidden.first, ".git/HEAD");
    wane_names_free(names, count);
    wane_free(hidden.first);
    remove_tree(scratch_path("seen"));
    char line[300];
    wane_hidden_files odd = {.count = 1, .first = ".a\n\x1b\xff\xc3\xa9"};
    assert_string_equal(wane_hidden_say(line, sizeof line, &odd),
                        "skipped 1 hidden file (.a?\?\?\?\?)");
    odd = (wane_hidden_files){.count = 3, .first = ".\xc3\xa9"};
    assert_string_equal(wane_hidden_say(line, sizeof line, &odd),
                        "skipped 3 hidden files (the first: .\xc3\xa9)");
}

static void paths_are_joined(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"a", "b", "a/b"},  {"a/", "b", "a/b"}, {"", "b", "b"},
                                           {NULL, "b", "b"},   {"a", "/b", "/b"},  {"/", "b", "/b"},
                                           {"a/b", "", "a/b/"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = wane_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        wane_free(path);
    }
    assert_string_equal(wane_path_base("a/b.c"), "b.c");
    assert_string_equal(wane_path_base("b.c"), "b.c");
    assert_string_equal(wane_path_base("a/"), "");
}

static void hashes_are_those_of_the_bytes(void **state)
{
    (void)state;
    wane_error err;
    char hex[WANE_SHA256_HEX];
    const char *path = scratch_path("abc");
    write_file(path, "abc", 3);
    CHECK_OK(wane_file_sha256(hex, path, &err));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_FAILS(wane_file_sha256(hex, scratch_folder(), &err), WANE_EINVAL, "Is a directory");
    CHECK_FAILS(wane_file_sha256(hex, scratch_path("none"), &err), WANE_ENOTFOUND, "none: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(special_files_are_refused),
        cmocka_unit_test(kinds_have_limits),
        cmocka_unit_test(files_are_mapped),
        cmocka_unit_test(writes_are_atomic),
        cmocka_unit_test(two_writers_do_not_meet),
        cmocka_unit_test(a_killed_writer_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_keeps_the_old_file),
        cmocka_unit_test(a_failed_write_is_never_committed),
        cmocka_unit_test(bad_places_are_refused),
        cmocka_unit_test(a_closed_folder_is_refused),
        cmocka_unit_test(a_real_full_disk_keeps_the_old_file),
        cmocka_unit_test(links_are_written_through),
        cmocka_unit_test(folders_are_made_listed_removed),
        cmocka_unit_test(folders_are_removed_with_what_is_known),
        cmocka_unit_test(walks_are_bounded),
        cmocka_unit_test(hidden_names),
        cmocka_unit_test(a_walk_passes_over_what_is_hidden),
        cmocka_unit_test(paths_are_joined),
        cmocka_unit_test(hashes_are_those_of_the_bytes),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
