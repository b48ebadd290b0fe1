/* Trials (okse try) that travel among the papers: what was tried, of which image, and whether that image is the one
 * that is packed. */
#include "audit/collector.h"
#include "core/digest.h"
#include "core/json.h"
#include "core/text.h"

#include <string.h>

#define TRIAL_LIMIT (4u << 20) /* bytes of a record */
#define ATTEMPTS_SHOWN 20u

static bool wants(void *context, const char *path, uint64_t size)
{
    (void)context;
    return g_str_has_suffix(path, ".json") && size <= TRIAL_LIMIT;
}

/* "connect 203.0.113.5 port 443 tcp", "lookup api.example" */
static json_t *attempts_of(const json_t *trial)
{
    const json_t *attempts = json_object_get(trial, "attempts"), *attempt;
    json_t *texts = json_array();
    size_t i;

    json_array_foreach(attempts, i, attempt)
    {
        const char *name = okse_json_peek_text(attempt, "name"), *address = okse_json_peek_text(attempt, "address");
        g_autofree char *text =
            name != NULL ? g_strconcat("lookup ", name, NULL)
                         : g_strdup_printf("connect %s port %" JSON_INTEGER_FORMAT, address != NULL ? address : "?",
                                           json_integer_value(json_object_get(attempt, "port")));
        g_autofree char *shown = okse_text_show(text, -1, false);

        if (i < ATTEMPTS_SHOWN)
            json_array_append_new(texts, json_string(shown));
    }
    return texts;
}

/* Alive to the end, or until its time was up. */
static bool has_lived(const json_t *trial)
{
    const json_t *ended = json_object_get(trial, "ended"), *status = json_object_get(ended, "exit");

    return json_is_true(json_object_get(ended, "stopped")) ||
           (json_is_integer(status) && json_integer_value(status) == 0);
}

static json_t *shipped_of(const OkseCollectPart *part, const json_t *subject)
{
    OkseContentsFile file = {.component = okse_json_peek_text(subject, "component")};
    const char *digest = okse_json_peek_text(subject, "digest");
    char text[OKSE_SHA256_TEXT];

    if (file.component == NULL || digest == NULL || !okse_sha256_parse(digest, &file.wanted, NULL) ||
        !okse_contents_digest(part->contents, &file, NULL) || !file.found)
        return json_null();
    return json_string(okse_sha256_text(&file.digest, text));
}

static void use(void *context, const char *path, GBytes *bytes)
{
    const OkseCollectPart *part = context;
    const char *component = okse_contents_name(part->contents, part->component);
    g_autofree char *shown = okse_collect_part_path(part, path);
    g_autoptr(json_t) trial = okse_json_read(bytes, TRIAL_LIMIT, shown, NULL);
    const json_t *subject = json_object_get(trial, "subject");
    OkseSha256 digest = okse_sha256_of_bytes(bytes);
    char text[OKSE_SHA256_TEXT];
    json_t *fact, *masked;

    if (g_strcmp0(okse_json_peek_text(trial, "format"), "okse.trial.v1") != 0)
        return;
    fact = json_pack("{s:o,s:o,s:o,s:o,s:i,s:b,s:b,s:s}", "component", okse_collect_text(subject, "component"),
                     "digest", okse_collect_text(subject, "digest"), "shipped", shipped_of(part, subject), "attempts",
                     attempts_of(trial), "count", (int)json_array_size(json_object_get(trial, "attempts")), "complete",
                     json_is_true(json_object_get(trial, "complete")), "lived", has_lived(trial), "state", "observed");
    masked = okse_collect_mask_texts(part->collection, fact);
    json_decref(fact);
    json_object_set_new(masked, "source",
                        okse_facts_source(&(OkseSourceFact){.collector = "trials",
                                                            .path = shown,
                                                            .line = 1,
                                                            .digest = okse_sha256_text(&digest, text),
                                                            .component = component,
                                                            .via = "declared"}));
    okse_facts_add(part->collection->facts, "trials", shown, masked);
}

static const OkseCollectParts parts = {"trials", "compliance", {wants, use, NULL}};

bool okse_collect_trials(OkseCollection *collection, const OkseContents *contents, GError **error)
{
    return okse_collect_parts(collection, contents, &parts, error);
}

void okse_collect_installed_trials(OkseCollection *collection, const char *why_not)
{
    okse_collect_installed_parts(collection, &parts, why_not);
}
