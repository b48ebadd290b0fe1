/* Which files are parts of which set. A file says so itself (set.json, part.json); where that is damaged, what is left
 * of it, its table or its name says so, for a set that another file names. */
#include "core/fd.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/volume_header.h"
#include "packager/volumes_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file before it is known what it is. */
typedef struct {
    char *path;
    bool named; /* not only found beside */
    int fd;
    OkseSealedPart *sealed; /* of an encrypted file */
    OkseVolumeSet *set;     /* borrowed; NULL: its set.json cannot be read */
    bool has_part;          /* part.json was read */
    OkseSha256 part_set;
    OkseVolumeKind kind;
    unsigned number;
    int unopened; /* errno; 0: it is open */
} Candidate;

typedef struct {
    GPtrArray *candidates; /* Candidate */
    GHashTable *sets;      /* OkseSha256 → OkseVolumeSet */
    uint64_t sets_size;    /* of all set.json that are kept */
    GHashTable *seen;      /* files, by device and inode: one that was named is found beside it too */
    VolumesSealed sealed;
    bool beside; /* what is found now is only that */
} Search;

static void candidate_free(gpointer data)
{
    Candidate *candidate = data;

    g_free(candidate->path);
    okse_sealed_part_free(candidate->sealed);
    okse_fd_clear(&candidate->fd);
    g_free(candidate);
}

static guint digest_hash(gconstpointer key)
{
    guint hash;

    memcpy(&hash, ((const OkseSha256 *)key)->bytes, sizeof hash);
    return hash;
}

static gboolean digest_equal(gconstpointer a, gconstpointer b)
{
    return okse_sha256_equal(a, b);
}

static bool candidate_pread(const Candidate *candidate, void *buffer, size_t length, uint64_t at)
{
    return okse_part_pread_exact(candidate->fd, candidate->sealed, buffer, length, at, candidate->path, NULL);
}

/* A small member at *at, which moves behind it. NULL when there is no such member. */
static GBytes *read_member(const Candidate *candidate, uint64_t *at, const char *name, uint64_t limit)
{
    uint8_t block[OKSE_TAR_BLOCK];
    OkseTarMember member;
    void *data;

    if (!candidate_pread(candidate, block, sizeof block, *at) || !okse_tar_parse(block, &member, NULL) ||
        member.type != '0' || strcmp(member.name, name) != 0 || member.size > limit)
        return NULL;
    data = g_malloc((gsize)MAX(member.size, 1));
    if (!candidate_pread(candidate, data, (size_t)member.size, *at + OKSE_TAR_BLOCK)) {
        g_free(data);
        return NULL;
    }
    *at += OKSE_TAR_BLOCK + okse_tar_padded(member.size);
    return g_bytes_new_take(data, (gsize)member.size);
}

static void read_part(Candidate *candidate, GBytes *bytes)
{
    g_autoptr(json_t) object = okse_json_read(bytes, OKSE_LIMIT_VOLUME_PART, "part.json", NULL);
    const char *kind = okse_json_peek_text(object, "kind"), *set = okse_json_peek_text(object, "set");
    json_int_t number = json_integer_value(json_object_get(object, "number"));

    if (g_strcmp0(okse_json_peek_text(object, "schema"), "okse.part.v1") != 0 || kind == NULL || set == NULL ||
        (strcmp(kind, "data") != 0 && strcmp(kind, "parity") != 0) || number < 1 || number > OKSE_LIMIT_SET_PARTS ||
        !okse_sha256_parse(set, &candidate->part_set, NULL))
        return;
    candidate->has_part = true;
    candidate->kind = strcmp(kind, "data") == 0 ? OKSE_VOLUME_DATA : OKSE_VOLUME_PARITY;
    candidate->number = (unsigned)number;
}

static OkseVolumeSet *set_of(Search *search, GBytes *json, const char *path)
{
    OkseSha256 id = okse_sha256_of_bytes(json);
    OkseVolumeSet *set = g_hash_table_lookup(search->sets, &id);

    if (set != NULL || g_bytes_get_size(json) > OKSE_LIMIT_METADATA_TOTAL - search->sets_size)
        return set;
    set = okse_volume_set_read(json, path, NULL);
    if (set == NULL)
        return NULL;
    search->sets_size += g_bytes_get_size(json);
    g_hash_table_insert(search->sets, &set->id, set);
    return set;
}

static void candidate_read(Search *search, Candidate *candidate)
{
    uint64_t at = 0;
    g_autoptr(GBytes) label = read_member(candidate, &at, OKSE_VOLUME_README, OKSE_LIMIT_VOLUME_README);
    g_autoptr(GBytes) set = NULL, part = NULL;

    if (label == NULL)
        return;
    set = read_member(candidate, &at, OKSE_VOLUME_SET, OKSE_LIMIT_METADATA);
    if (set == NULL)
        return;
    candidate->set = set_of(search, set, candidate->path);
    part = read_member(candidate, &at, OKSE_VOLUME_PART, OKSE_LIMIT_VOLUME_PART);
    if (part != NULL)
        read_part(candidate, part);
    if (candidate->has_part && candidate->set != NULL && !okse_sha256_equal(&candidate->part_set, &candidate->set->id))
        candidate->set = NULL; /* one of the two is damaged, and a part.json is checked by nothing else */
}

static bool is_new(const Search *search, int fd)
{
    struct stat info = {0};

    fstat(fd, &info);
    return g_hash_table_add(search->seen, g_strdup_printf("%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino));
}

static bool add_file(Search *search, const char *path, int *fd, GError **error)
{
    OkseSealedPart *sealed = NULL;
    Candidate *candidate;

    if (!is_new(search, *fd))
        return true;
    if (okse_sealed_part_is(*fd, path)) {
        if (!volumes_sealed_open(&search->sealed, *fd, path, &sealed, error))
            return false;
        if (sealed == NULL)
            return true;
    }
    candidate = g_new0(Candidate, 1);
    candidate->path = g_strdup(path);
    candidate->named = !search->beside;
    candidate->fd = okse_fd_steal(fd);
    candidate->sealed = sealed;
    g_ptr_array_add(search->candidates, candidate);
    candidate_read(search, candidate);
    return true;
}

static bool has_suffix(const char *name)
{
    size_t length = strlen(name);

    if (length > 4 && g_ascii_strcasecmp(name + length - 4, ".cms") == 0)
        length -= 4;
    return length > 5 && name[0] != '.' && g_ascii_strncasecmp(name + length - 5, ".part", 5) == 0;
}

static bool is_regular(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

static void add_unopened(Search *search, const char *path, int number)
{
    Candidate *candidate = g_new0(Candidate, 1);

    candidate->path = g_strdup(path);
    candidate->fd = -1;
    candidate->unopened = number;
    g_ptr_array_add(search->candidates, candidate);
}

static bool add_directory(Search *search, const char *path, GError **error)
{
    okse_autofd directory = okse_open_directory(path, error);
    g_autoptr(GPtrArray) names = NULL;
    bool whole;

    if (directory < 0)
        return false;
    names = okse_directory_names(directory, &whole);
    if (names == NULL || !whole)
        return okse_fail_errno(error, "%s", path);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *full = g_build_filename(path, name, NULL);
        okse_autofd fd = -1;

        if (!has_suffix(name))
            continue;
        fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            add_unopened(search, full, errno);
        if (fd >= 0 && is_regular(fd) && !add_file(search, full, &fd, error))
            return false;
    }
    return true;
}

static bool add_path(Search *search, const char *path, GError **error)
{
    struct stat info;
    okse_autofd fd = -1;

    if (stat(path, &info) < 0)
        return okse_fail_errno(error, "%s", path);
    if (S_ISDIR(info.st_mode))
        return add_directory(search, path, error);
    fd = okse_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);
    if (fd < 0)
        return false;
    if (!is_regular(fd))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: is neither a part nor a directory of parts", path);
    return add_file(search, path, &fd, error);
}

static bool add_beside(Search *search, const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);

    search->beside = true;
    return g_file_test(path, G_FILE_TEST_IS_DIR) || add_directory(search, directory, error);
}

static unsigned count_of(const Search *search, const OkseVolumeSet *set)
{
    unsigned count = 0;

    for (guint i = 0; i < search->candidates->len; i++)
        count += ((const Candidate *)g_ptr_array_index(search->candidates, i))->set == set ? 1 : 0;
    return count;
}

static OkseVolumeSet *choose_largest(const Search *search, GError **error)
{
    OkseVolumeSet *best = NULL, *set;
    unsigned most = 0;
    bool tie = false;
    GHashTableIter iter;
    char one[OKSE_SHA256_TEXT];

    g_hash_table_iter_init(&iter, search->sets);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&set)) {
        unsigned count = count_of(search, set);

        tie = count == most || (tie && count < most);
        if (count > most) {
            most = count;
            best = set;
        }
    }
    if (best == NULL)
        okse_fail(error, OKSE_ERROR_INVALID, "no part of a bundle is here whose set.json is whole");
    else if (tie)
        okse_fail(error, OKSE_ERROR_INVALID,
                  "parts of several sets are here, and none has more than the others: say which with --set ID (one of "
                  "them is %s)",
                  okse_sha256_text(&best->id, one));
    return tie ? NULL : best;
}

static OkseVolumeSet *choose(const Search *search, const char *wanted, bool named, GError **error)
{
    const Candidate *first = search->candidates->len > 0 ? g_ptr_array_index(search->candidates, 0) : NULL;
    OkseVolumeSet *set;
    OkseSha256 id;

    if (wanted != NULL) {
        if (!okse_sha256_parse(wanted, &id, error)) {
            g_prefix_error(error, "--set: ");
            return NULL;
        }
        set = g_hash_table_lookup(search->sets, &id);
        if (set == NULL)
            okse_fail(error, OKSE_ERROR_INVALID, "no part of set %s is here whose set.json is whole", wanted);
        return set;
    }
    if (named && first != NULL && first->set != NULL)
        return first->set;
    return choose_largest(search, error);
}

static const OkseVolume *volume_at(const OkseVolumeSet *set, OkseVolumeKind kind, unsigned number)
{
    unsigned count = kind == OKSE_VOLUME_DATA ? set->data : set->parity;

    if (number < 1 || number > count)
        return NULL;
    return &set->volumes[(kind == OKSE_VOLUME_DATA ? 0 : set->data) + number - 1];
}

static bool table_matches(const OkseVolumeSet *set, const OkseVolume *volume, const Candidate *candidate)
{
    g_autoptr(OkseSha256Stream) stream = okse_sha256_stream_new();
    uint64_t at = okse_volume_table_at(set, volume);
    char line[OKSE_VOLUME_LINE];
    OkseSha256 digest;

    for (uint64_t i = 0; i < okse_volume_blocks(volume); i++, at += sizeof line) {
        if (okse_interrupted() || !candidate_pread(candidate, line, sizeof line, at) ||
            line[sizeof line - 1] != '\n') /* a set may speak of more lines than there is time for */
            return false;
        okse_sha256_stream_update(stream, line, sizeof line);
    }
    digest = okse_sha256_stream_end(stream);
    return okse_sha256_equal(&digest, &volume->blocks);
}

static const OkseVolume *named(const OkseVolumeSet *set, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);

    for (unsigned i = 0; i < set->data + set->parity; i++) {
        g_autofree char *name = okse_volume_name(set, &set->volumes[i]);

        if (g_ascii_strcasecmp(base, name) == 0)
            return &set->volumes[i];
    }
    return NULL;
}

/* Which volume of the set a file is: the one whose table it has, of those that its part.json, its name, or else nothing
 * speaks for. Without such a table what it says of itself. *certain: more than its name says so. */
static const OkseVolume *identify(const OkseVolumeSet *set, const Candidate *candidate, bool *certain)
{
    bool says = candidate->has_part && okse_sha256_equal(&candidate->part_set, &set->id);
    const OkseVolume *first = says ? volume_at(set, candidate->kind, candidate->number) : NULL;
    const OkseVolume *second;

    *certain = true;
    if (first != NULL && table_matches(set, first, candidate))
        return first;
    second = named(set, candidate->path);
    if (second != NULL && table_matches(set, second, candidate))
        return second;
    for (unsigned i = 0; i < set->data + set->parity; i++)
        if (table_matches(set, &set->volumes[i], candidate))
            return &set->volumes[i];
    if (first != NULL)
        return first;
    *certain = candidate->set == set;
    return candidate->has_part && !says ? NULL : second; /* a part.json of another set is believed */
}

static char *stranger_reason(const OkseVolumeSet *set, const Candidate *candidate)
{
    char id[OKSE_SHA256_TEXT];
    g_autofree char *name = NULL;

    if (candidate->unopened != 0)
        return g_strdup_printf("cannot be opened: %s", g_strerror(candidate->unopened));
    if (candidate->set == NULL && !candidate->has_part)
        return g_strdup("is no part, or nothing of it can be recognised");
    if (candidate->set == NULL)
        return g_strdup_printf("is of another set (%.19s…)", okse_sha256_text(&candidate->part_set, id));
    name = okse_volume_set_name(candidate->set);
    if (g_strcmp0(candidate->set->bundle.name, set->bundle.name) == 0)
        return g_strdup_printf("is stale: it belongs to another set of this bundle, %s, set %.19s…", name,
                               okse_sha256_text(&candidate->set->id, id));
    return g_strdup_printf("is foreign: it belongs to %s, set %.19s…", name, okse_sha256_text(&candidate->set->id, id));
}

static void place(OkseVolumes *volumes, Candidate *candidate)
{
    const OkseVolumeSet *set = volumes->set;
    const OkseVolume *volume = NULL;
    VolumeFile *file;
    bool certain;

    if (candidate->unopened == 0 && (candidate->set == NULL || candidate->set == set))
        volume = identify(set, candidate, &certain);
    if (volume == NULL) {
        g_ptr_array_add(volumes->strangers, stranger_reason(set, candidate));
        g_ptr_array_add(volumes->stranger_paths, g_strdup(candidate->path));
        return;
    }
    file = volume_file_new(candidate->path, okse_fd_steal(&candidate->fd));
    file->named = candidate->named;
    file->sealed = g_steal_pointer(&candidate->sealed);
    volumes_check_file(volumes, volume, file, certain);
    g_ptr_array_add(volumes->files[volume - set->volumes], file);
}

static OkseVolumes *volumes_new(OkseVolumeSet *set)
{
    OkseVolumes *volumes = g_new0(OkseVolumes, 1);

    volumes->set = set;
    volumes->joined_fd = -1;
    volumes->tables.fd = -1;
    volumes->files = g_new0(GPtrArray *, set->data + set->parity);
    for (unsigned i = 0; i < set->data + set->parity; i++)
        volumes->files[i] = g_ptr_array_new_with_free_func(volume_file_free);
    volumes->strangers = g_ptr_array_new_with_free_func(g_free);
    volumes->stranger_paths = g_ptr_array_new_with_free_func(g_free);
    volumes->repairer = volumes_repairer_new(set->parity > 0);
    g_mutex_init(&volumes->lock);
    return volumes;
}

static void free_set(gpointer set)
{
    okse_volume_set_free(set);
}

static bool search_all(Search *search, const OkseVolumesPlaces *places, GError **error)
{
    for (const char *const *path = places->paths; *path != NULL; path++)
        if (!add_path(search, *path, error))
            return false;
    for (const char *const *path = places->paths; places->beside && *path != NULL; path++)
        if (!add_beside(search, *path, error))
            return false;
    return true;
}

/* Without one part that is known, why encrypted ones do not open is the better reason. */
static OkseVolumeSet *choose_or_tell(Search *search, const OkseVolumesPlaces *places, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool named = !g_file_test(places->paths[0], G_FILE_TEST_IS_DIR);
    OkseVolumeSet *set = choose(search, places->wanted, named, &cause);

    if (set == NULL)
        g_prefix_error(&cause, "%s%s: ", places->paths[0], places->paths[1] != NULL ? " and the other places" : "");
    if (set == NULL)
        g_propagate_error(error, search->sealed.first != NULL && g_hash_table_size(search->sets) == 0
                                     ? g_steal_pointer(&search->sealed.first)
                                     : g_steal_pointer(&cause));
    return set;
}

OkseVolumes *okse_volumes_open(const OkseVolumesPlaces *places, GError **error)
{
    g_autoptr(GHashTable) sets = g_hash_table_new_full(digest_hash, digest_equal, NULL, free_set);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Search search = {.candidates = g_ptr_array_new_with_free_func(candidate_free), .sets = sets, .seen = seen};
    OkseVolumes *volumes = NULL;
    OkseVolumeSet *set;

    volumes_sealed_init(&search.sealed, places->key);
    set = search_all(&search, places, error) ? choose_or_tell(&search, places, error) : NULL;
    if (set != NULL) {
        g_hash_table_steal(sets, &set->id);
        volumes = volumes_new(set);
        for (guint i = 0; i < search.candidates->len; i++)
            place(volumes, g_ptr_array_index(search.candidates, i));
        volumes_sealed_end(&search.sealed, volumes);
    }
    g_ptr_array_unref(search.candidates);
    volumes_sealed_clear(&search.sealed);
    return volumes;
}

static bool holds_parts(const char *path)
{
    okse_autofd directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GPtrArray) names = NULL;
    bool whole, found = false;

    names = directory < 0 ? NULL : okse_directory_names(directory, &whole);
    for (guint i = 0; names != NULL && !found && i < names->len; i++)
        found = has_suffix(g_ptr_array_index(names, i));
    return found;
}

bool okse_volumes_is_part(int fd, const char *path)
{
    uint8_t block[OKSE_TAR_BLOCK];
    OkseTarMember member;

    if (!is_regular(fd))
        return false;
    return has_suffix(path) || okse_sealed_part_is(fd, path) ||
           (okse_pread_exact(fd, block, sizeof block, 0, path, NULL) && okse_tar_parse(block, &member, NULL) &&
            strcmp(member.name, OKSE_VOLUME_README) == 0);
}

bool okse_volumes_is_input(const char *path)
{
    okse_autofd fd = -1;

    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return holds_parts(path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && okse_volumes_is_part(fd, path);
}
