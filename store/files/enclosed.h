/* SPDX-License-Identifier: Apache-2.0
 * Enclosed folders: folders that may come from anybody (the artifacts beside a database), in which
 * no link is followed. The functions of file.h, and all that is built on them, reach what lies in
 * one level by level from a descriptor of the folder itself (openat, O_NOFOLLOW); a part "." or
 * "..", and a link at any level, the folder itself included, is refused. Outside of enclosed
 * folders paths mean what they always do.
 */
#ifndef STORE_FILES_ENCLOSED_H
#define STORE_FILES_ENCLOSED_H

#include <stdbool.h>
#include <sys/stat.h>

#include "store/base/status.h"

/* From here on every path that begins with `folder` and a slash is reached so; the folder need not
 * be there yet. Counted: each call wants its wane_enclose_end. Any thread. */
WANE_MUST_CHECK wane_status wane_enclose(const char *folder, wane_error *err);
void wane_enclose_end(const char *folder); /* NULL, or of none: nothing happens */

/* Whether the path is that of an enclosed folder or of something in it. */
bool wane_enclosed(const char *path);

/* As open, stat, mkdir, unlink (or rmdir) rename and link of that path are, but for what is
 * enclosed: -1 and errno on failure, ELOOP for a link, EINVAL for a part "." or "..". Of what is
 * enclosed wane_at_stat tells about a link itself. `from` and `to` of wane_at_rename lie in one
 * folder; those of wane_at_link anywhere, and a link is not followed. */
int wane_at_open(const char *path, int flags, mode_t mode);
int wane_at_stat(const char *path, struct stat *info);
int wane_at_lstat(const char *path, struct stat *info);
int wane_at_mkdir(const char *path, mode_t mode);
int wane_at_unlink(const char *path, bool folder);
int wane_at_rename(const char *from, const char *to);
int wane_at_link(const char *from, const char *to);

/* As wane_fail_errno, which has nothing to say of links that are not followed. */
wane_status wane_at_fail(wane_error *err, const char *operation, const char *path);

#endif
