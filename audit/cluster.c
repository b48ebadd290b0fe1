/* One list after the other. What the server says decides what is asked next only as names in a path and as the token of
 * a next page; how much is asked is bounded by bytes, objects, pages and time. */
#include "audit/cluster.h"

#include "audit/cluster_list.h"
#include "audit/object_fields.h"
#include "core/limits.h"
#include "core/worker.h"
#include "packager/credentials.h"
#include "packager/remote.h"

#include <string.h>

#define PAGE 200u            /* objects that are asked for at once */
#define OBJECTS 100000u      /* of one kind */
#define BYTES (256u << 20)   /* of all that is kept */
#define FILE_MOST (8u << 20) /* bytes of a document that collectors look at */
#define OUT_OF_TIME "out of time"
#define NOT_ASKED "not asked any more"
#define EXCHANGE_SECONDS 120u /* of one answer */

typedef struct {
    const OkseClusterAccess *access;
    OkseHttp *http;
    OkseCluster *cluster;
    char *base;          /* without a slash at its end */
    char *authorization; /* or NULL */
    gint64 end;          /* monotonic time */
    uint64_t kept;       /* bytes */
    bool silent;         /* the server does not answer any more */
} Ask;

static void ask_clear(Ask *ask)
{
    g_clear_pointer(&ask->http, okse_http_free);
    g_free(ask->base);
    okse_secret_free(ask->authorization);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ask, ask_clear)

static void file_free(gpointer data)
{
    OkseClusterFile *file = data;

    g_free(file->path);
    g_bytes_unref(file->bytes);
    g_free(file);
}

void okse_cluster_free(OkseCluster *cluster)
{
    if (cluster == NULL)
        return;
    g_free(cluster->url);
    g_ptr_array_unref(cluster->files);
    g_string_free(cluster->gaps, TRUE);
    g_free(cluster);
}

GBytes *okse_cluster_find(const OkseCluster *cluster, const char *path)
{
    for (guint i = 0; cluster != NULL && i < cluster->files->len; i++) {
        const OkseClusterFile *file = g_ptr_array_index(cluster->files, i);

        if (strcmp(file->path, path) == 0)
            return file->bytes;
    }
    return NULL;
}

static bool append(void *context, const void *data, size_t length, GError **error)
{
    (void)error;
    g_byte_array_append(context, data, (guint)length); /* bounded by the request's limit */
    return true;
}

static unsigned seconds_left(const Ask *ask)
{
    gint64 left = (ask->end - g_get_monotonic_time()) / G_USEC_PER_SEC;

    return left <= 0 ? 0 : (unsigned)MIN(left, (gint64)EXCHANGE_SECONDS);
}

/* Once, and again after a failure that may pass. */
static bool exchange(Ask *ask, const char *url, GByteArray *body, OkseHttpAnswer *answer, GError **error)
{
    for (unsigned tries = 0;;) {
        const OkseHttpRequest request = {.url = url,
                                         .accept = "application/json",
                                         .authorization = ask->authorization,
                                         .limit = OKSE_CLUSTER_PAGE_MOST,
                                         .seconds = seconds_left(ask),
                                         .sink = append,
                                         .context = body};
        g_autoptr(GError) cause = NULL;
        bool done;

        if (request.seconds == 0)
            return okse_fail(error, OKSE_ERROR_SYSTEM, OUT_OF_TIME);
        okse_http_answer_clear(answer);
        g_byte_array_set_size(body, 0);
        done = okse_http_exchange(ask->http, &request, answer, &cause);
        if (done && !answer->again)
            return true;
        if (okse_http_wait(ask->http, answer, &tries))
            continue;
        if (!done)
            g_propagate_error(error, g_steal_pointer(&cause));
        return done;
    }
}

/* The body of an answer that is JSON. path: behind the base. Errors: those of the exchange; by the status. */
static GBytes *get(Ask *ask, const char *path, GError **error)
{
    g_autofree char *url = g_strconcat(ask->base, path, NULL);
    g_autofree char *shown = g_strndup(url, strcspn(url, "?"));
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_auto(OkseHttpAnswer) answer = {0};
    g_autoptr(GError) cause = NULL;

    if (!exchange(ask, url, body, &answer, &cause)) {
        ask->silent = g_error_matches(cause, OKSE_ERROR, OKSE_ERROR_SYSTEM);
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (answer.status != 200) {
        okse_http_fail_status(&answer, shown, error);
        return NULL;
    }
    if (g_strcmp0(answer.type, "application/json") != 0) {
        okse_fail(error, OKSE_ERROR_INVALID, "%s: the answer is no JSON by its type: is an API server there?", shown);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&body));
}

static void add_gap(Ask *ask, const char *what, const char *why)
{
    GString *gaps = ask->cluster->gaps;

    g_string_append_printf(gaps, "%s%s: %s", gaps->len > 0 ? "; " : "", what, why);
}

/* Why, without the place, which stands before it in the message. */
static const char *reason_of(const Ask *ask, const char *path, const GError *cause)
{
    const char *rest = cause->message;

    if (g_str_has_prefix(rest, ask->base))
        rest += strlen(ask->base);
    if (g_str_has_prefix(rest, path) && g_str_has_prefix(rest + strlen(path), ": "))
        rest += strlen(path) + 2;
    return rest;
}

static bool keep(Ask *ask, const OkseClusterKind *kind, GBytes *bytes, unsigned *number)
{
    OkseClusterFile *file;

    if (ask->kept + g_bytes_get_size(bytes) > BYTES)
        return false;
    ask->kept += g_bytes_get_size(bytes);
    file = g_new(OkseClusterFile, 1);
    file->path = ++*number == 1 ? g_strconcat(ask->base, kind->path, NULL)
                                : g_strdup_printf("%s%s#%u", ask->base, kind->path, *number);
    file->bytes = g_bytes_ref(bytes);
    g_ptr_array_add(ask->cluster->files, file);
    return true;
}

/* Items in documents that collectors look at: a page that is too large for one becomes several. Why not all, or NULL.
 */
/* NOLINTNEXTLINE(misc-no-recursion): halves the count, which is bounded by the answer's size */
static const char *keep_items(Ask *ask, const OkseClusterKind *kind, const OkseClusterPage *page, size_t from,
                              size_t count, unsigned *number)
{
    g_autoptr(GBytes) bytes = okse_cluster_document(page->items, from, count);
    const char *why;

    if (g_bytes_get_size(bytes) <= FILE_MOST)
        return keep(ask, kind, bytes, number) ? NULL : "more than is kept of a cluster";
    if (count <= 1)
        return "has an object that is larger than what is looked at";
    why = keep_items(ask, kind, page, from, count / 2, number);
    return why != NULL ? why : keep_items(ask, kind, page, from + count / 2, count - count / 2, number);
}

static char *page_path(const OkseClusterKind *kind, const char *next)
{
    g_autofree char *token = next == NULL ? NULL : g_uri_escape_string(next, NULL, FALSE);

    return g_strdup_printf("%s?limit=%u%s%s", kind->path, PAGE, token != NULL ? "&continue=" : "",
                           token != NULL ? token : "");
}

/* Every page asks with a token that was not asked with before and brings an object, so this ends. Why not all, or NULL;
 * *cause holds it. */
static const char *list_kind(Ask *ask, const OkseClusterKind *kind, GError **cause)
{
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *next = NULL;
    unsigned number = 0;

    for (size_t listed = 0;;) {
        g_autofree char *path = page_path(kind, next);
        g_autoptr(GBytes) bytes = get(ask, path, cause);
        g_auto(OkseClusterPage) page = {0};
        const char *why;
        size_t count;

        if (bytes == NULL || !okse_cluster_page(bytes, kind, &page, cause))
            return reason_of(ask, kind->path, *cause);
        count = json_array_size(page.items);
        listed += count;
        ask->cluster->objects += (unsigned)count;
        why = count == 0 ? NULL : keep_items(ask, kind, &page, 0, count, &number);
        if (why != NULL || page.next == NULL)
            return why;
        if (count == 0 || !g_hash_table_add(asked, g_strdup(page.next)))
            return "the server goes round in a circle instead of ending the list";
        if (listed >= OBJECTS)
            return "lists more objects than are looked at";
        g_free(next);
        next = g_steal_pointer(&page.next);
    }
}

static bool is_policy(const char *kind)
{
    return g_str_has_suffix(kind, "NetworkPolicy");
}

/* Kinds that are not asked any more have the reason of the first. Errors: CANCELLED. */
static bool list_kinds(Ask *ask, const GPtrArray *kinds, GError **error)
{
    bool over = false;

    for (guint i = 0; i < kinds->len; i++) {
        const OkseClusterKind *kind = g_ptr_array_index(kinds, i);
        g_autoptr(GError) cause = NULL;
        const char *why = over ? NOT_ASKED : list_kind(ask, kind, &cause);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        ask->cluster->kinds++;
        if (why == NULL)
            continue;
        add_gap(ask, kind->path, why);
        over = over || ask->silent || ask->kept >= BYTES;
        ask->cluster->policies = ask->cluster->policies && !is_policy(kind->kind);
    }
    return true;
}

/* What must answer: the core group, and which others there are. */
static GPtrArray *find_versions(Ask *ask, const OkseClusterWanted *wanted, GPtrArray *kinds, GError **error)
{
    g_autoptr(GBytes) core = get(ask, "/api/v1", error), groups = NULL;
    GPtrArray *versions = NULL;

    if (core == NULL)
        return NULL;
    if (!okse_cluster_kinds(core, "v1", wanted, kinds, error)) {
        g_prefix_error(error, "%s", ask->base);
        return NULL;
    }
    groups = get(ask, "/apis", error);
    if (groups == NULL)
        return NULL;
    versions = okse_cluster_versions(groups, "/apis", error);
    if (versions == NULL)
        g_prefix_error(error, "%s", ask->base);
    return versions;
}

/* A group whose server is away is a gap, and so is all when there is no time for it. */
static bool find_kinds(Ask *ask, const OkseClusterWanted *wanted, GPtrArray *kinds, GError **error)
{
    g_autoptr(GError) first = NULL;
    g_autoptr(GPtrArray) versions = find_versions(ask, wanted, kinds, &first);

    if (versions == NULL && seconds_left(ask) == 0) {
        add_gap(ask, "/api", OUT_OF_TIME);
        ask->cluster->policies = false;
        return true;
    }
    if (versions == NULL)
        g_propagate_error(error, g_steal_pointer(&first));
    for (guint i = 0; versions != NULL && i < versions->len; i++) {
        const char *version = g_ptr_array_index(versions, i);
        g_autofree char *path = g_strconcat("/apis/", version, NULL);
        g_autoptr(GError) cause = NULL;
        g_autoptr(GBytes) bytes = ask->silent ? NULL : get(ask, path, &cause);

        if (okse_interrupted())
            return okse_fail(error, OKSE_ERROR_CANCELLED, "interrupted");
        if (bytes != NULL && okse_cluster_kinds(bytes, version, wanted, kinds, &cause))
            continue;
        add_gap(ask, path, cause != NULL ? reason_of(ask, path, cause) : NOT_ASKED);
        ask->cluster->policies = false;
    }
    return versions != NULL;
}

static json_t *wanted_of(const json_t *fields)
{
    json_t *wanted = json_deep_copy(json_object_get(fields, "api_kinds"));
    const json_t *row;
    size_t i;

    json_array_foreach(json_object_get(fields, "kubernetes"), i, row)
        json_array_extend(wanted, json_object_get(row, "kinds"));
    return wanted;
}

static bool begin(Ask *ask, GError **error)
{
    g_auto(OkseOrigin) origin = {0};

    if (!okse_origin_read(ask->base, &origin, error))
        return false;
    if (strchr(ask->base, '?') != NULL)
        return okse_fail(error, OKSE_ERROR_INVALID, "the address of an API server has no '?' in it");
    if (ask->access->token != NULL)
        ask->authorization = g_strconcat("Bearer ", ask->access->token, NULL);
    ask->http = okse_http_new(&ask->access->http, error);
    return ask->http != NULL;
}

OkseCluster *okse_cluster_ask(const OkseClusterAccess *access, const OkseResources *resources, GError **error)
{
    g_autoptr(OkseCluster) cluster = g_new0(OkseCluster, 1);
    g_autoptr(json_t) fields = okse_object_fields_read(resources, error), wanted = NULL;
    g_autoptr(GPtrArray) kinds = g_ptr_array_new_with_free_func(okse_cluster_kind_free);
    g_auto(Ask) ask = {.access = access, .cluster = cluster, .base = g_strdup(access->url)};

    cluster->files = g_ptr_array_new_with_free_func(file_free);
    cluster->gaps = g_string_new(NULL);
    cluster->policies = true;
    ask.end = g_get_monotonic_time() + (gint64)access->seconds * G_USEC_PER_SEC;
    while (g_str_has_suffix(ask.base, "/"))
        ask.base[strlen(ask.base) - 1] = '\0';
    cluster->url = g_strdup(ask.base);
    if (fields == NULL)
        return NULL;
    wanted = wanted_of(fields);
    if (!begin(&ask, error) ||
        !find_kinds(&ask, &(OkseClusterWanted){wanted, json_object_get(fields, "api_never")}, kinds, error) ||
        !list_kinds(&ask, kinds, error))
        return NULL;
    return g_steal_pointer(&cluster);
}
