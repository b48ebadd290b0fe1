/* What would run when a file is loaded, from the report of the examination to facts. */
#include "audit/collect_payload.h"

#include "core/text.h"

#include <string.h>

static void add_program(const OksePayload *payload, const json_t *finding)
{
    const char *file = okse_json_peek_text(finding, "file"), *rule = okse_json_peek_text(finding, "rule");
    const char *text = okse_json_peek_text(finding, "text");
    const json_t *offset = json_object_get(finding, "offset");
    g_autofree char *shown = g_strconcat(payload->shown, "/", file, NULL);
    g_autofree char *key = g_strdup_printf("%s|%s|%" JSON_INTEGER_FORMAT "|%s", shown, rule,
                                           offset != NULL ? json_integer_value(offset) : -1, text);
    g_autofree char *safe = okse_secret_scan_mask(payload->masker, text);
    g_autofree char *family = g_strndup(rule, strcspn(rule, "."));
    json_t *source = okse_facts_source(&(OkseSourceFact){
        .collector = "programs", .path = shown, .excerpt = safe, .component = payload->name, .via = "structured"});

    okse_facts_add(payload->collection->facts, "programs", key,
                   json_pack("{s:s,s:s,s:s,s:s,s:s,s:O,s:o,s:s,s:o,s:s}", "component", payload->name, "component_kind",
                             payload->kind, "path", file, "rule", rule, "family", family, "severity",
                             json_object_get(finding, "severity"), "offset",
                             offset != NULL ? json_integer(json_integer_value(offset)) : json_null(), "text", safe,
                             "source", source, "state", "observed"));
}

void okse_collect_programs(const OksePayload *payload, const json_t *report)
{
    const json_t *findings = json_object_get(report, "findings"), *finding;
    size_t i;

    json_array_foreach(findings, i, finding) add_program(payload, finding);
}
