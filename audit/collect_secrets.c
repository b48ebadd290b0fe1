/* Secrets in files: the value stays in the scan; the fact has its kind, its place and what may be shown. */
#include "audit/collect_payload.h"

#include "core/text.h"
#include "core/worker.h"
#include "packager/archive_members.h"
#include "packager/archive_read.h"

#include <string.h>

#define CHUNK (1u << 20)
#define HEADS 1000u /* listed */

typedef struct {
    const OksePayload *payload;
    OkseSecretScan *scan;
    OksePayloadTally *tally;
    const OkseReadable *file;
    const char *member_name; /* for files that are one compressed file; NULL: the members' own */
    char *member;            /* the one that is being read; owned */
    bool fresh;              /* nothing of it was seen yet */
} Look;

static void partial(const Look *look, const char *why)
{
    g_autofree char *shown = okse_text_show(look->file->path, -1, false);
    g_autofree char *reason = g_strdup_printf("%s/%s: %s", look->payload->shown, shown, why);

    okse_facts_coverage(look->payload->collection->facts, "secrets", OKSE_PARTIAL, reason);
}

static char *excerpt_of(const OkseSecret *secret)
{
    return g_strconcat(secret->key != NULL ? secret->key : "", secret->key != NULL ? "=" : "", secret->kind->shown,
                       "***", NULL);
}

static void add_secret(const Look *look, const OkseSecret *secret)
{
    const OksePayload *payload = look->payload;
    g_autofree char *path = g_utf8_make_valid(look->file->path, -1), *excerpt = excerpt_of(secret);
    g_autofree char *member = look->member != NULL ? g_utf8_make_valid(look->member, -1) : NULL;
    g_autofree char *shown = g_strconcat(payload->shown, "/", path, member != NULL ? "!" : NULL, member, NULL);
    g_autofree char *key = g_strdup_printf("%s|%" G_GUINT64_FORMAT "|%s", shown, secret->offset, secret->kind->id);
    json_t *source = okse_facts_source(&(OkseSourceFact){.collector = "secrets",
                                                         .path = shown,
                                                         .line = secret->line,
                                                         .key = secret->key,
                                                         .excerpt = excerpt,
                                                         .component = payload->name,
                                                         .via = "sweep"});

    okse_facts_add(payload->collection->facts, "secrets", key,
                   json_pack("{s:s,s:s,s:s,s:s?,s:I,s:o,s:I,s:s,s:s,s:s,s:s,s:s,s:o,s:s}", "component", payload->name,
                             "component_kind", payload->kind, "path", path, "member", member, "offset",
                             (json_int_t)secret->offset, "line",
                             secret->line > 0 ? json_integer(secret->line) : json_null(), "length",
                             (json_int_t)secret->length, "kind", secret->kind->id, "title", secret->kind->title,
                             "severity", secret->critical ? "critical" : "warning", "fingerprint", secret->fingerprint,
                             "excerpt", excerpt, "source", source, "state", "observed"));
}

static void begin(const Look *look, const char *name)
{
    okse_secret_scan_begin(look->scan, name);
    okse_embedded_begin(look->payload->embedded, look->payload, look->file->path, look->member);
}

static void feed(const Look *look, const uint8_t *data, size_t length)
{
    okse_secret_scan_feed(look->scan, data, length);
    okse_embedded_feed(look->payload->embedded, data, length);
}

static void finish(Look *look)
{
    OkseSecretGaps gaps;
    const GArray *found = okse_secret_scan_end(look->scan, &gaps);

    for (guint i = 0; i < found->len; i++)
        add_secret(look, &g_array_index(found, OkseSecret, i));
    okse_embedded_end(look->payload->embedded);
    look->tally->left_out += gaps.left_out;
    if (gaps.gave_up > 0)
        partial(look, "an expression gave up at a place that looks like a secret");
}

/* The first bytes up to `end`. */
static bool scan_plain(Look *look, uint64_t end, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc((gsize)MIN(MAX(end, 1), CHUNK));

    begin(look, look->file->path);
    for (uint64_t at = 0; at < end;) {
        size_t length = (size_t)MIN(CHUNK, end - at);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (!look->file->read(look->file->context, at, buffer, length, error))
            return false;
        feed(look, buffer, length);
        at += length;
    }
    look->tally->bytes += end;
    finish(look);
    return true;
}

static bool begin_member(void *context, const char *member, GError **error)
{
    Look *look = context;
    const char *name = look->member_name != NULL && strcmp(member, "data") == 0 ? look->member_name : member;

    (void)error;
    g_free(look->member);
    look->member = g_strdup(name);
    look->fresh = true;
    begin(look, name);
    return true;
}

/* Archives in archives are not opened; that they are there is counted. */
static bool is_archive(const void *data, size_t length)
{
    static const struct {
        const char *bytes;
        size_t length;
    } magics[] = {{"PK\x03\x04", 4},  {"\x1f\x8b", 2},         {"BZh", 3},
                  {"\xfd\x37zXZ", 5}, {"\x28\xb5\x2f\xfd", 4}, {"7z\xbc\xaf", 4}};

    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++)
        if (length > magics[i].length && memcmp(data, magics[i].bytes, magics[i].length) == 0)
            return true;
    return false;
}

static bool feed_member(void *context, const void *data, size_t length, GError **error)
{
    Look *look = context;

    (void)error;
    if (look->fresh)
        look->tally->nested += is_archive(data, length);
    look->fresh = false;
    feed(look, data, length);
    return true;
}

static bool end_member(void *context, GError **error)
{
    (void)error;
    finish(context);
    return true;
}

/* *plainly: the archive is none, or could not be read to its end, so its own bytes are looked at. */
static bool scan_members(Look *look, const char *kind, bool *plainly, GError **error)
{
    OkseMemberSink sink = {begin_member, feed_member, end_member, look};
    OkseMembersRead read = {0};
    g_autofree char *stem = g_path_get_basename(look->file->path);
    char *dot = strrchr(stem, '.');
    bool done;

    if (dot != NULL && dot > stem)
        *dot = '\0';
    look->member_name = stem;
    done = okse_archive_members(look->file, kind, &sink, &read, error);
    look->member_name = NULL;
    g_clear_pointer(&look->member, g_free);
    look->tally->members += read.members;
    look->tally->bytes += read.bytes;
    *plainly = read.mistaken || read.trouble != NULL;
    if (done && read.trouble != NULL && (read.members > 0 || strcmp(kind, "compressed") != 0)) {
        g_autofree char *why = g_strconcat("the archive was not read to its end: ", read.trouble, NULL);

        partial(look, why);
    }
    g_free(read.trouble);
    return done;
}

static void note_head(const Look *look, uint64_t looked)
{
    g_autofree char *path = g_utf8_make_valid(look->file->path, -1);

    if (json_array_size(look->tally->heads) < HEADS)
        json_array_append_new(look->tally->heads,
                              json_pack("{s:s,s:s,s:I,s:I}", "component", look->payload->name, "path", path, "looked",
                                        (json_int_t)looked, "size", (json_int_t)look->file->size));
}

bool okse_collect_secrets(const OksePayload *payload, OkseSecretScan *scan, const OkseReadable *file,
                          OksePayloadTally *tally, GError **error)
{
    Look look = {.payload = payload, .scan = scan, .tally = tally, .file = file};
    g_autoptr(GError) failed = NULL;
    uint64_t end = file->size;
    const char *kind;
    bool plainly = true;

    if (!okse_secret_scan_head(scan, file, &end, error))
        return false;
    tally->files++;
    if (end < file->size) {
        note_head(&look, end);
        return scan_plain(&look, end, error);
    }
    kind = okse_archive_kind(file, &failed);
    if (failed != NULL) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return false;
    }
    if (kind != NULL && strcmp(kind, "zlib") != 0 && !scan_members(&look, kind, &plainly, error))
        return false;
    return !plainly || scan_plain(&look, end, error);
}
