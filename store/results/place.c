/* SPDX-License-Identifier: Apache-2.0
 * Where a database lies: SQLite's locks do not hold on network file systems.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "store/base/memory.h"
#include "store/results/database.h"

/* Numbers of statfs(2). 9p is not among them: it is also how a virtual machine sees its own disk.
 */
static const struct {
    unsigned long magic;
    const char *name;
} network[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
    {0x73757245, "Coda"},   {0x5346414f, "AFS"},  {0x6b414653, "AFS"},    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"}, {0x19830326, "BeeGFS"}, {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},  {0x564c, "NCP"},      {0xaad7aaea, "PanFS"},  {0x20030528, "OrangeFS"}};

enum { FUSE_MAGIC = 0x65735546 };

/* File systems in user space say what they are only by name. */
static const char *const network_fuse[] = {
    "sshfs",         "glusterfs", "ceph",    "s3fs",     "gcsfuse",   "rclone",    "mount.s3",
    "mountpoint-s3", "goofys",    "juicefs", "JuiceFS",  "davfs",     "curlftpfs", "cvmfs2",
    "lizardfs",      "mfs",       "moosefs", "blobfuse", "blobfuse2", "hadoop",    "nfs"};

const char *wane_network_file_system(unsigned long magic, const char *type)
{
    for (size_t i = 0; i < sizeof network / sizeof *network; i++)
        if (magic == network[i].magic) return network[i].name;
    if (magic != FUSE_MAGIC) return NULL;
    if (strncmp(type, "fuse.", 5) == 0) type += 5;
    for (size_t i = 0; i < sizeof network_fuse / sizeof *network_fuse; i++)
        if (strcmp(type, network_fuse[i]) == 0) return network_fuse[i];
    return NULL;
}

/* The type that /proc/self/mountinfo gives for a device; "" when it is not there. */
static void mounted_type(char out[64], dev_t device)
{
    out[0] = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file) return;
    char wanted[32], *line = NULL;
    size_t room = 0;
    (void)snprintf(wanted, sizeof wanted, "%u:%u", major(device), minor(device));
    while (getline(&line, &room, file) > 0) {
        char number[32];
        const char *tail = strstr(line, " - ");
        if (tail && sscanf(line, "%*d %*d %31s", number) == 1 && strcmp(number, wanted) == 0)
            (void)sscanf(tail + 3, "%63s", out);
    }
    free(line); /* getline's own */
    (void)fclose(file);
}

wane_status wane_results_check_place(const char *path, wane_error *err)
{
    wane_status st = WANE_OK;
    struct statfs place;
    struct stat facts;
    char *copy = wane_strdup(path);
    if (!copy) return wane_fail_memory(err, "open", path);
    const char *folder = ".";
    char *slash = strrchr(copy, '/');
    if (slash) {
        slash[slash == copy] = 0;
        folder = copy;
    }
    if (statfs(path, &place) != 0 && statfs(folder, &place) != 0) { /* not made yet: its folder */
        st = wane_fail_errno(err, "open: no folder for the database", folder);
        goto done;
    }
    char type[64] = "";
    unsigned long magic = (unsigned long)place.f_type & 0xffffffffUL;
    if (magic == FUSE_MAGIC && (stat(path, &facts) == 0 || stat(folder, &facts) == 0))
        mounted_type(type, facts.st_dev);
    const char *name = wane_network_file_system(magic, type);
    if (name)
        st = wane_fail(err, WANE_EINVAL,
                       "open: %s: lies on a network file system (%s), where a database can be "
                       "damaged; give one on a local disk (--db FILE), or copy it there to read it",
                       path, name);
done:
    wane_free(copy);
    return st;
}
