#include "packager/provenance.h"

#include "core/text.h"

#include <string.h>

static json_t *dependencies_json(const json_t *lock)
{
    const json_t *components = json_object_get(lock, "components"), *component;
    json_t *dependencies = json_array();
    size_t i;

    json_array_foreach(components, i, component)
    {
        const char *name = okse_json_peek_text(component, "name"), *uri = okse_json_peek_text(component, "source");
        const char *digest = okse_json_peek_text(component, "manifest");

        if (name != NULL && uri != NULL && digest != NULL && g_str_has_prefix(digest, "sha256:"))
            json_array_append_new(dependencies, json_pack("{s:s, s:s, s:{s:s}}", "name", name, "uri", uri, "digest",
                                                          "sha256", digest + strlen("sha256:")));
    }
    return dependencies;
}

GBytes *okse_provenance_write(const OkseProvenance *provenance, const OkseSha256 *identity)
{
    char hex[OKSE_SHA256_HEX], key[OKSE_SHA256_HEX];
    g_autofree char *subject = g_strdup_printf("%s@%s", provenance->name, provenance->version);
    g_autofree char *builder = g_strdup_printf("urn:okse:key:sha256:%s", okse_sha256_hex(provenance->key_id, key));
    g_autofree char *finished = okse_text_time(provenance->finished);
    json_t *definition = json_pack("{s:s, s:{s:s, s:s, s:I, s:s}, s:{}, s:o}", "buildType", OKSE_BUILD_TYPE,
                                   "externalParameters", "name", provenance->name, "version", provenance->version,
                                   "sequence", (json_int_t)provenance->sequence, "country", provenance->country,
                                   "internalParameters", "resolvedDependencies", dependencies_json(provenance->lock));
    json_t *details = json_pack("{s:{s:s, s:{s:s}}, s:{s:s}}", "builder", "id", builder, "version", "okse",
                                OKSE_VERSION, "metadata", "finishedOn", finished);
    g_autoptr(json_t) value =
        json_pack("{s:s, s:[{s:s, s:{s:s}}], s:s, s:{s:o, s:o}}", "_type", OKSE_STATEMENT_TYPE, "subject", "name",
                  subject, "digest", "sha256", okse_sha256_hex(identity, hex), "predicateType",
                  OKSE_PREDICATE_PROVENANCE, "predicate", "buildDefinition", definition, "runDetails", details);

    g_assert(value != NULL);
    return okse_json_write(value);
}

bool okse_provenance_check(const OkseStatement *statement, const char *origin, GError **error)
{
    const json_t *definition = okse_json_object(statement->predicate, "buildDefinition", origin, error);
    const json_t *details =
        definition != NULL ? okse_json_object(statement->predicate, "runDetails", origin, error) : NULL;
    const json_t *builder = details != NULL ? okse_json_object(details, "builder", origin, error) : NULL;
    const char *type;

    if (builder == NULL || okse_json_text(builder, "id", origin, error) == NULL)
        return false;
    type = okse_json_text(definition, "buildType", origin, error);
    if (type == NULL)
        return false;
    return strcmp(type, OKSE_BUILD_TYPE) == 0 ||
           okse_fail(error, OKSE_ERROR_REFUSED, "%s: the provenance is of another build type than " OKSE_BUILD_TYPE,
                     origin);
}
