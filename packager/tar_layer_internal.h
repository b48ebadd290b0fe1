#pragma once

#include "packager/tar_layer.h"

/* What planning and writing of a tar layer share: for tar_layer.c and tar_layer_write.c only. */
typedef struct {
    char *path;
    char type;         /* '0', '2', '5' as in tar */
    gint64 entry;      /* of the source; -1 for a directory that follows from a file */
    uint64_t data_at;  /* of the file's bytes, relative to the tar */
    OkseSha256 digest; /* of a file, when written */
} TarMember;

struct OkseTarLayer {
    const OkseSource *source;
    GArray *members;    /* TarMember, sorted by path */
    unsigned *by_entry; /* source entry → member */
    uint64_t size;
};

/* Everything in front of a member's data. */
GBytes *tar_member_header(const OkseTarLayer *layer, const TarMember *member);
/* Bytes of a file; 0 for everything else. */
uint64_t tar_member_size(const OkseTarLayer *layer, const TarMember *member);
