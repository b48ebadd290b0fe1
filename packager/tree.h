#pragma once

#include "core/digest.h"

/* What a directory must hold: every file with its digest, every directory, every link. Built once, then only read. The
 * same tree says what install writes and what drift compares with. */
typedef enum {
    OKSE_TREE_FILE,
    OKSE_TREE_DIRECTORY,
    OKSE_TREE_LINK,
} OkseTreeType;

typedef struct {
    const char *path;  /* relative to the tree; safe (okse_path_check()) */
    const char *link;  /* LINK: its target, which stays inside the tree; otherwise NULL */
    uint64_t size;     /* FILE */
    OkseSha256 digest; /* FILE */
    OkseSha256 verity; /* FILE, when has_verity: fs-verity file digest */
    OkseTreeType type;
    bool executable;  /* FILE: 0755 instead of 0644; directories are 0755 */
    bool has_verity;  /* FILE */
    bool beside;      /* FILE: put beside what the component holds: a model's signature */
    bool any_content; /* FILE: it must be there, its bytes are not known */
} OkseTreeEntry;

typedef struct OkseTree OkseTree;

OkseTree *okse_tree_new(void);
void okse_tree_free(OkseTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseTree, okse_tree_free)

/* Add an entry; path and link are copied. Errors: INVALID (an unsafe path or link, over OKSE_LIMIT_FILES). */
bool okse_tree_add(OkseTree *tree, const OkseTreeEntry *entry, GError **error);

/* Add the directories that paths imply, sort by path (bytes; so a directory stands before what is in it), and refuse
 * what is there twice or stands below something that is no directory. Errors: INVALID. */
bool okse_tree_finish(OkseTree *tree, GError **error);

/* After okse_tree_finish(). Borrowed; find returns -1 when there is no such entry. */
unsigned okse_tree_count(const OkseTree *tree);
const OkseTreeEntry *okse_tree_entry(const OkseTree *tree, unsigned index);
gint64 okse_tree_find(const OkseTree *tree, const char *path);
/* A directory that only stands for what is in it: paths imply it, and lists for people leave it out. */
bool okse_tree_is_implied(const OkseTree *tree, unsigned index);

/* How many are files, and their bytes; and what the tree takes on a file system with blocks of `block` bytes. */
uint64_t okse_tree_files(const OkseTree *tree);
uint64_t okse_tree_bytes(const OkseTree *tree);
uint64_t okse_tree_space(const OkseTree *tree, uint64_t block);

/* A link at `path` with `target` stays inside the tree, whatever other links there are: the target is relative, has at
 * most as many leading ".." elements as `path` has directories, no ".." behind a name, and safe names. Errors: INVALID.
 */
bool okse_link_check(const char *path, const char *target, GError **error);
