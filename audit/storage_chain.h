#pragma once

#include "audit/collector.h"

#include <sys/types.h>

/* What lies below a block device, down to the disk: whether something on the way encrypts, and where the disk is. Read
 * from sysfs; no device is opened. Source: Linux, Documentation/ABI/testing/sysfs-block; the UUID prefixes are those of
 * cryptsetup (CRYPT-), LVM2 (LVM-), multipath-tools (mpath-). */
typedef struct {
    const char *encrypted; /* "yes" below a layer of dm-crypt; "no" when some chain ends plain; "unknown"; static */
    json_t *layers;        /* texts from the top: "dm-0 (crypt)", "sda1", "sda (removable)"; owned */
    bool remote;           /* a disk on the network */
} OkseStorageChain;

void okse_storage_chain_clear(OkseStorageChain *chain);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseStorageChain, okse_storage_chain_clear)

/* Of a device by its number, or by its name in /sys/class/block. */
void okse_storage_chain_of(const OkseCollection *collection, dev_t device, OkseStorageChain *chain);
void okse_storage_chain_named(const OkseCollection *collection, const char *name, OkseStorageChain *chain);

/* Disks that lie on the network: NVMe over fabrics, iSCSI, RBD; each as an endpoint, role block-remote. */
void okse_storage_remote_disks(OkseCollection *collection);

/* The mount that a path lies on, by its text and the mounts that were collected of the running system; NULL: not known.
 * Borrowed from the facts. */
const json_t *okse_storage_mount_of(const OkseCollection *collection, const char *path);

/* What encrypts the file system that a path lies on, by the mounts that were collected: "yes", "no" or "unknown";
 * *host: the server of a remote one, or NULL; *type: of the file system, or NULL. Borrowed from the facts. */
const char *okse_storage_of_path(const OkseCollection *collection, const char *path, const char **host,
                                 const char **type);

/* Small text below the sysroot without white space around it, or NULL. */
char *okse_storage_text(const OkseCollection *collection, const char *path) G_GNUC_WARN_UNUSED_RESULT;

/* File systems whose data lies elsewhere, by type; who serves them (owned, or NULL: not told); whether the way there is
 * encrypted (1 yes, 0 no, -1 not told). options: of the mount, or NULL. */
bool okse_mount_is_remote(const char *type);
char *okse_mount_server(const char *type, const char *source, const char *options) G_GNUC_WARN_UNUSED_RESULT;
int okse_mount_tls(const char *type, const char *options);

/* The servers of /etc/fstab, role remote-fs. */
void okse_storage_fstab(OkseCollection *collection);
