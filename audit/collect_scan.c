/* From what the scanner finds in one file to facts. */
#include "audit/collect_software.h"
#include "audit/collector.h"
#include "audit/object_store.h"
#include "audit/objects.h"
#include "audit/redact.h"
#include "audit/target.h"
#include "core/digest.h"
#include "core/text_decode.h"

#include <string.h>

#define LONG_LINE 8192 /* bytes: the scanner looks at no more of one (audit/scan.h) */

typedef struct {
    OkseCollection *collection;
    const OkseScanFile *file;
    GHashTable *claims;  /* what a program's own configuration was read for (audit/collect_software.h) */
    GHashTable *claimed; /* lines that somebody else speaks for, or NULL */
} Sink;

const char *okse_collect_digest(OkseCollection *collection, const OkseScanFile *file)
{
    GBytes *bytes = file->original != NULL ? file->original : file->bytes;

    if (collection->digest.bytes != bytes) {
        OkseSha256 digest = okse_sha256_of_bytes(bytes);

        g_clear_pointer(&collection->digest.bytes, g_bytes_unref);
        collection->digest.bytes = g_bytes_ref(bytes);
        okse_sha256_text(&digest, collection->digest.text);
    }
    return collection->digest.text;
}

char *okse_collect_mask(const OkseCollection *collection, const char *line)
{
    g_autofree char *masked = okse_secret_scan_mask(collection->masker, line);

    return okse_redact_line(masked);
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by the depth of the document that was read */
json_t *okse_collect_mask_texts(const OkseCollection *collection, const json_t *value)
{
    json_t *copy = json_is_object(value) ? json_object() : json_is_array(value) ? json_array() : NULL, *item;
    const char *key;
    size_t i;

    if (json_is_string(value)) {
        g_autofree char *text = okse_secret_scan_mask(collection->masker, json_string_value(value));

        return json_string(text);
    }
    if (copy == NULL)
        return json_incref((json_t *)(uintptr_t)value);
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
        json_object_set_new(copy, key, okse_collect_mask_texts(collection, item));
    json_array_foreach(value, i, item) json_array_append_new(copy, okse_collect_mask_texts(collection, item));
    return copy;
}

static json_t *source_of(const Sink *sink, unsigned line, unsigned column, const char *key, const char *text)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(text));
    const char *dot = key != NULL ? strrchr(key, '.') : NULL, *last = dot != NULL ? dot + 1 : key;
    bool secret = last != NULL && okse_redact_key(last) && strstr(trimmed, last) == NULL;
    g_autofree char *masked = secret ? g_strdup("***") : okse_collect_mask(sink->collection, trimmed);
    bool hidden = last != NULL && *last != '\0' && strstr(trimmed, last) != NULL && strstr(masked, last) == NULL;

    if (hidden) /* what looked like a key ("…Zw==") was part of a secret */
        key = "***";
    return okse_facts_source(&(OkseSourceFact){.collector = sink->file->collector,
                                               .path = sink->file->path,
                                               .line = line,
                                               .column = column,
                                               .key = key,
                                               .digest = okse_collect_digest(sink->collection, sink->file),
                                               .excerpt = masked,
                                               .component = sink->file->component,
                                               .via = key != NULL ? "structured" : "sweep"});
}

static void on_mention(Sink *sink, const OkseScanEndpoint *found)
{
    g_autofree char *key =
        g_strdup_printf("%s|%u|%u|%s", sink->file->path, found->line_number, found->column, found->host);

    okse_facts_add(sink->collection->facts, "mentions", key,
                   json_pack("{s:s,s:s,s:o}", "host", found->host, "noise", found->noise, "source",
                             source_of(sink, found->line_number, found->column, found->key, found->line)));
}

static bool is_claimed(const Sink *sink, unsigned line)
{
    return sink->claimed != NULL && g_hash_table_contains(sink->claimed, GUINT_TO_POINTER(line));
}

/* A structured reader told it, with the role of its field. */
static bool is_told(const Sink *sink, const OkseScanEndpoint *found)
{
    g_autofree char *place = g_strdup_printf("%s|%u|%s", sink->file->path, found->line_number, found->host);

    return sink->collection->claims != NULL && g_hash_table_contains(sink->collection->claims, place);
}

static void on_endpoint(void *context, const OkseScanEndpoint *found)
{
    Sink *sink = context;
    g_autofree char *claim = okse_software_claim(found->line_number, found->host);

    if (is_claimed(sink, found->line_number) || g_hash_table_contains(sink->claims, claim) || is_told(sink, found))
        return;
    if (sink->collection->objects != NULL && found->noise == NULL &&
        okse_objects_is_form(sink->collection->objects, sink->file->path, found->line_number)) {
        OkseScanEndpoint described = *found;

        described.noise = "documentation";
        on_mention(sink, &described);
        return;
    }
    if (found->noise != NULL) {
        on_mention(sink, found);
        return;
    }
    okse_facts_endpoint(
        sink->collection->facts,
        &(OkseEndpointFact){.host = found->host,
                            .port = found->port > 0 ? found->port : okse_scheme_port(found->scheme),
                            .protocol = found->scheme,
                            .tls = okse_scheme_tls(found->scheme),
                            .direction = found->direction,
                            .role = found->role,
                            .state = "configured",
                            .source = source_of(sink, found->line_number, found->column, found->key, found->line)});
}

static void on_setting(void *context, const OkseScanSetting *found)
{
    Sink *sink = context;
    g_autofree char *key = g_strdup_printf("%s|%u|%s", sink->file->path, found->line_number, found->name);
    g_autofree char *masked =
        okse_redact_key(found->name) ? g_strdup("***") : okse_collect_mask(sink->collection, found->value);

    if (is_claimed(sink, found->line_number))
        return;
    okse_facts_add(sink->collection->facts, "settings", key,
                   json_pack("{s:s,s:s,s:o,s:s,s:b}", "name", found->name, "value", masked, "source",
                             source_of(sink, found->line_number, 0, found->name, found->line), "state", "configured",
                             "judged", 0));
}

/* The text without lines that are longer than the scanner looks at and that a structured reader read as a whole: a file
 * inside an object, which JSON has on one line. */
static GBytes *without_told(const OkseCollection *collection, const OkseScanFile *file)
{
    gsize length, from = 0;
    const char *text = g_bytes_get_data(file->bytes, &length), *line = text;
    g_autoptr(GString) rest = NULL;

    for (unsigned number = 1; text != NULL && line < text + length; number++) {
        const char *newline = memchr(line, '\n', (size_t)(text + length - line));
        const char *end = newline != NULL ? newline : text + length;
        g_autofree char *claim = end - line <= LONG_LINE || collection->claims == NULL
                                     ? NULL
                                     : g_strdup_printf("%s|%u|%s", file->path, number, OKSE_OBJECT_WHOLE_LINE);

        if (claim != NULL && g_hash_table_contains(collection->claims, claim)) {
            rest = rest != NULL ? rest : g_string_sized_new(length);
            g_string_append_len(rest, text + from, line - text - (gssize)from);
            from = (gsize)(end - text);
        }
        line = end + 1;
    }
    if (rest == NULL)
        return g_bytes_ref(file->bytes);
    g_string_append_len(rest, text + from, (gssize)(length - from));
    return g_string_free_to_bytes(g_steal_pointer(&rest));
}

void okse_collect_scan(OkseCollection *collection, const OkseScanFile *file)
{
    okse_collect_scan_rest(collection, file, NULL);
}

static void partial(const OkseCollection *collection, const OkseScanFile *file, const char *why)
{
    g_autofree char *reason = g_strdup_printf("%s %s", file->path, why);

    okse_facts_coverage(collection->facts, file->collector, OKSE_PARTIAL, reason);
}

void okse_collect_scan_rest(OkseCollection *collection, const OkseScanFile *file, GHashTable *claimed)
{
    bool whole = true;
    g_autoptr(GHashTable) claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GBytes) plain = okse_text_decode(file->bytes, &whole), rest = NULL;
    OkseScanFile decoded = *file;
    Sink sink = {collection, &decoded, claims, claimed};
    OkseScanSink callbacks = {on_endpoint, on_setting, &sink};
    const char *text;
    gsize length;

    if (!whole)
        partial(collection, file, OKSE_COLLECT_NO_TEXT);
    decoded.bytes = plain;
    decoded.original = file->original != NULL ? file->original : file->bytes;
    rest = without_told(collection, &decoded);
    text = g_bytes_get_data(rest, &length);
    okse_collect_software(collection, &decoded, claims);
    if (!okse_scan_text(collection->scanner, file->name, text, length, &callbacks))
        partial(collection, file, "has lines with more than is looked at (8 KiB, 256 places)");
}
