#include "packager/statement.h"

#include "core/limits.h"
#include "core/text.h"

#include <string.h>

#define TEXT_LIMIT 256u /* bytes of a name, version or role in a statement */

static bool subject_read(const json_t *value, const char *origin, OkseStatement *statement, GError **error)
{
    const json_t *subjects = okse_json_array(value, "subject", origin, error);
    const json_t *subject = json_array_get(subjects, 0);
    const json_t *digest;
    const char *name, *hex;

    if (subjects == NULL)
        return false;
    if (json_array_size(subjects) != 1)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the statement has %zu subjects where exactly one belongs",
                         origin, json_array_size(subjects));
    name = okse_json_text(subject, "name", origin, error);
    digest = name != NULL ? okse_json_object(subject, "digest", origin, error) : NULL;
    hex = digest != NULL ? okse_json_text(digest, "sha256", origin, error) : NULL;
    if (hex == NULL)
        return false;
    if (strlen(hex) != OKSE_SHA256_HEX - 1 || !okse_sha256_parse(hex, &statement->subject, NULL))
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: the subject's sha256 is not 64 lower-case hex digits", origin);
    statement->subject_name = g_strdup(name);
    return true;
}

static bool statement_fill(const json_t *value, const char *origin, OkseStatement *statement, GError **error)
{
    const char *type = okse_json_text(value, "_type", origin, error);
    const char *predicate_type;
    const json_t *predicate;

    if (type == NULL)
        return false;
    if (strcmp(type, OKSE_STATEMENT_TYPE) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: '_type' is not " OKSE_STATEMENT_TYPE, origin);
    predicate_type = okse_json_text(value, "predicateType", origin, error);
    predicate = predicate_type != NULL ? okse_json_object(value, "predicate", origin, error) : NULL;
    if (predicate == NULL || !subject_read(value, origin, statement, error))
        return false;
    statement->predicate_type = g_strdup(predicate_type);
    statement->predicate = json_deep_copy(predicate);
    return true;
}

bool okse_statement_read(GBytes *payload, const char *origin, OkseStatement *statement, GError **error)
{
    g_autoptr(json_t) value = okse_json_read(payload, OKSE_LIMIT_METADATA, origin, error);
    g_auto(OkseStatement) made = {0};

    if (value == NULL || !statement_fill(value, origin, &made, error))
        return false;
    *statement = made;
    made = (OkseStatement){0};
    return true;
}

void okse_statement_clear(OkseStatement *statement)
{
    g_clear_pointer(&statement->subject_name, g_free);
    g_clear_pointer(&statement->predicate_type, g_free);
    g_clear_pointer(&statement->predicate, json_decref);
}

bool okse_statement_counts(const OkseStatement *statement)
{
    return strcmp(statement->predicate_type, OKSE_PREDICATE_RELEASE) == 0 ||
           strcmp(statement->predicate_type, OKSE_PREDICATE_VSA) == 0;
}

bool okse_statement_overrides(const OkseStatement *statement)
{
    return strcmp(statement->predicate_type, OKSE_PREDICATE_OVERRIDE) == 0;
}

static bool text_take(const json_t *object, const char *key, char **out, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);

    if (text == NULL)
        return false;
    if (text[0] == '\0' || strlen(text) > TEXT_LIMIT)
        return okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is empty or longer than %u bytes", origin, key,
                         TEXT_LIMIT);
    *out = g_strdup(text);
    return true;
}

static bool time_take(const json_t *object, const char *key, gint64 *out, const char *origin, GError **error)
{
    const char *text = okse_json_text(object, key, origin, error);

    if (text == NULL)
        return false;
    return okse_text_time_parse(text, out) ||
           okse_fail(error, OKSE_ERROR_INVALID, "%s: '%s' is no time (RFC 3339)", origin, key);
}

/* Unknown keys are refused: a condition that a later version adds must not be overlooked by this one. */
static bool keys_known(const json_t *object, bool override, const char *origin, GError **error)
{
    static const char *const known[] = {"name",      "version", "sequence", "destination",        "role",
                                        "notBefore", "expires", "signedAt", "jurisdictionDigest", NULL};
    static const char *const more[] = {"rollbackFrom", "reason", NULL};
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    { /* jansson's iterator forgot const */
        g_autofree char *shown = okse_text_show(key, -1, false);

        if (!g_strv_contains(known, key) && !(override && g_strv_contains(more, key)))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: unknown key '%s' in the release", origin, shown);
    }
    return true;
}

static bool release_fill(const json_t *object, bool override, const char *origin, OkseRelease *release, GError **error)
{
    const char *law = okse_json_peek_text(object, "jurisdictionDigest");

    release->expires = OKSE_TIME_NONE;
    if (!keys_known(object, override, origin, error) || !text_take(object, "name", &release->name, origin, error) ||
        !text_take(object, "version", &release->version, origin, error) ||
        !okse_json_unsigned(object, "sequence", &release->sequence, origin, error) ||
        !text_take(object, "destination", &release->destination, origin, error) ||
        !text_take(object, "role", &release->role, origin, error) ||
        !time_take(object, "notBefore", &release->not_before, origin, error) ||
        !time_take(object, "signedAt", &release->signed_at, origin, error))
        return false;
    if (json_object_get(object, "expires") != NULL && !time_take(object, "expires", &release->expires, origin, error))
        return false;
    release->jurisdiction_digest = g_strdup(law);
    return true;
}

/* An order to go back without an end would still be good when the site has long gone on. */
static bool override_fill(const json_t *object, const char *origin, OkseRelease *release, GError **error)
{
    if (!okse_json_unsigned(object, "rollbackFrom", &release->rollback_from, origin, error) ||
        !text_take(object, "reason", &release->reason, origin, error))
        return false;
    return (release->expires != OKSE_TIME_NONE && release->rollback_from > release->sequence) ||
           okse_fail(error, OKSE_ERROR_INVALID,
                     "%s: an override must expire, and go back from a higher sequence than the bundle's", origin);
}

bool okse_release_read(const OkseStatement *statement, const char *origin, OkseRelease *release, GError **error)
{
    const json_t *object = statement->predicate;
    g_auto(OkseRelease) made = {0};

    if (strcmp(statement->predicate_type, OKSE_PREDICATE_VSA) == 0) {
        const char *result = okse_json_peek_text(object, "verificationResult");

        if (g_strcmp0(result, "PASSED") != 0)
            return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the verification summary does not say PASSED", origin);
        object = okse_json_object(object, "okse_release", origin, error);
    }
    if (object == NULL || !release_fill(object, okse_statement_overrides(statement), origin, &made, error) ||
        (okse_statement_overrides(statement) && !override_fill(object, origin, &made, error)))
        return false;
    *release = made;
    made = (OkseRelease){0};
    return true;
}

void okse_release_clear(OkseRelease *release)
{
    g_clear_pointer(&release->name, g_free);
    g_clear_pointer(&release->version, g_free);
    g_clear_pointer(&release->destination, g_free);
    g_clear_pointer(&release->role, g_free);
    g_clear_pointer(&release->jurisdiction_digest, g_free);
    g_clear_pointer(&release->reason, g_free);
}

static void time_set(json_t *object, const char *key, gint64 time)
{
    g_autofree char *text = okse_text_time(time);

    json_object_set_new(object, key, json_string(text));
}

static json_t *release_object(const OkseRelease *release)
{
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", release->name, "version", release->version, "sequence",
                  (json_int_t)release->sequence, "destination", release->destination, "role", release->role);

    time_set(object, "notBefore", release->not_before);
    time_set(object, "signedAt", release->signed_at);
    if (release->expires != OKSE_TIME_NONE)
        time_set(object, "expires", release->expires);
    if (release->jurisdiction_digest != NULL)
        json_object_set_new(object, "jurisdictionDigest", json_string(release->jurisdiction_digest));
    if (release->rollback_from > 0) {
        json_object_set_new(object, "rollbackFrom", json_integer((json_int_t)release->rollback_from));
        json_object_set_new(object, "reason", json_string(release->reason));
    }
    return object;
}

static GBytes *about_write(const char *name, const OkseSha256 *subject, const char *type, json_t *predicate)
{
    char hex[OKSE_SHA256_HEX];
    g_autoptr(json_t) value =
        json_pack("{s:s, s:[{s:s, s:{s:s}}], s:s, s:o}", "_type", OKSE_STATEMENT_TYPE, "subject", "name", name,
                  "digest", "sha256", okse_sha256_hex(subject, hex), "predicateType", type, "predicate", predicate);

    g_assert(value != NULL);
    return okse_json_write(value);
}

static GBytes *statement_write(const OkseRelease *release, const OkseSha256 *identity, const char *type,
                               json_t *predicate)
{
    g_autofree char *name = g_strdup_printf("%s@%s", release->name, release->version);

    return about_write(name, identity, type, predicate);
}

bool okse_approval_read(const OkseStatement *statement, const char *origin, OkseRelease *release, GError **error)
{
    static const char *const known[] = {"role", "signedAt", "expires", NULL};
    const json_t *object = statement->predicate;
    g_auto(OkseRelease) made = {.expires = OKSE_TIME_NONE};
    const char *key;
    json_t *value;

    if (strcmp(statement->predicate_type, OKSE_PREDICATE_APPROVAL) != 0)
        return okse_fail(error, OKSE_ERROR_REFUSED, "%s: the statement is no approval of a document", origin);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        g_autofree char *shown = okse_text_show(key, -1, false);

        if (!g_strv_contains(known, key))
            return okse_fail(error, OKSE_ERROR_INVALID, "%s: unknown key '%s' in the approval", origin, shown);
    }
    if (!text_take(object, "role", &made.role, origin, error) ||
        !time_take(object, "signedAt", &made.signed_at, origin, error) ||
        (json_object_get(object, "expires") != NULL && !time_take(object, "expires", &made.expires, origin, error)))
        return false;
    made.not_before = made.signed_at;
    *release = made;
    made = (OkseRelease){0};
    return true;
}

GBytes *okse_approval_write(const OkseRelease *release, const char *subject_name, const OkseSha256 *document)
{
    json_t *predicate = json_pack("{s:s}", "role", release->role);

    time_set(predicate, "signedAt", release->signed_at);
    if (release->expires != OKSE_TIME_NONE)
        time_set(predicate, "expires", release->expires);
    return about_write(subject_name, document, OKSE_PREDICATE_APPROVAL, predicate);
}

GBytes *okse_release_write(const OkseRelease *release, const OkseSha256 *identity)
{
    return statement_write(release, identity,
                           release->rollback_from > 0 ? OKSE_PREDICATE_OVERRIDE : OKSE_PREDICATE_RELEASE,
                           release_object(release));
}

GBytes *okse_summary_write(const OkseRelease *release, const OkseSha256 *identity, const OkseSummary *summary)
{
    g_autofree char *resource = g_strdup_printf("%s@%s", release->name, release->version);
    char hex[OKSE_SHA256_HEX], policy[OKSE_SHA256_HEX];
    json_t *inputs = json_array();
    json_t *predicate = json_object();

    for (unsigned i = 0; i < summary->input_count; i++) {
        g_autofree char *uri = g_strdup_printf("sha256-%s.sigstore.json", okse_sha256_hex(&summary->inputs[i], hex));

        json_array_append_new(inputs, json_pack("{s:s, s:{s:s}}", "uri", uri, "digest", "sha256", hex));
    }
    json_object_set_new(predicate, "verifier", json_pack("{s:s}", "id", summary->verifier));
    time_set(predicate, "timeVerified", release->signed_at);
    json_object_set_new(predicate, "resourceUri", json_string(resource));
    json_object_set_new(predicate, "policy",
                        json_pack("{s:s, s:{s:s}}", "uri", "trust.yaml", "digest", "sha256",
                                  okse_sha256_hex(&summary->policy, policy)));
    json_object_set_new(predicate, "inputAttestations", inputs);
    json_object_set_new(predicate, "verificationResult", json_string("PASSED"));
    json_object_set_new(predicate, "verifiedLevels", json_array());
    json_object_set_new(predicate, "slsaVersion", json_string("1.0"));
    json_object_set_new(predicate, "okse_release", release_object(release));
    return statement_write(release, identity, OKSE_PREDICATE_VSA, predicate);
}
