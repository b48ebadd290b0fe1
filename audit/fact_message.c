#include "audit/fact_message.h"

#include <string.h>

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = okse_json_peek_text(object, key);

    return text != NULL ? text : otherwise;
}

static const char *country_of(const json_t *fact)
{
    return okse_json_peek_text(json_object_get(fact, "location"), "country");
}

static char *endpoint_message(const json_t *fact)
{
    const json_t *port = json_object_get(fact, "port");
    g_autofree char *number =
        json_is_integer(port) ? g_strdup_printf(":%" JSON_INTEGER_FORMAT, json_integer_value(port)) : g_strdup("");
    const char *country = country_of(fact);

    return g_strdup_printf("%s → %s%s (%s)", text_or(fact, "role", "unknown"), text_or(fact, "host", "?"), number,
                           country != NULL ? country : "?");
}

static char *setting_message(const json_t *fact)
{
    const char *value = okse_json_peek_text(fact, "value");

    return g_strdup_printf("%s=%s", text_or(fact, "name", "?"), value != NULL ? value : "***");
}

/* "assistant: LicenseRef-EXAONE-1.2-NC (base LGAI-EXAONE/EXAONE-4.0-1.2B)" */
static char *license_message(const json_t *fact)
{
    const json_t *detected = json_object_get(fact, "detected");
    const char *said = okse_json_peek_text(detected, "said");

    return g_strdup_printf("%s: %s (%s%s%s)", text_or(fact, "component", "?"),
                           text_or(detected, "id", "no known license"), text_or(detected, "method", "?"),
                           said != NULL ? " " : "", said != NULL ? said : "");
}

static char *index_message(const json_t *fact)
{
    const json_t *lowest = json_object_get(fact, "lowest"), *missing = json_object_get(fact, "missing");
    const char *version = okse_json_peek_text(fact, "version");
    g_autofree char *parts = !json_is_number(lowest)
                                 ? g_strdup("its parts are not known")
                                 : g_strdup_printf("its parts let it be %.2f to %.2f%s", json_number_value(lowest),
                                                   json_number_value(json_object_get(fact, "highest")),
                                                   json_array_size(missing) > 0 ? ", some are missing" : "");

    return g_strdup_printf("%s %s: %.2f is claimed; %s", text_or(fact, "name", "?"),
                           version != NULL ? version : "without a version",
                           json_number_value(json_object_get(fact, "value")), parts);
}

/* What is wrong with a claim is in its members; which of them matters depends on what it claims. */
static char *evaluation_message(const json_t *fact)
{
    const char *claim = text_or(fact, "claim", "?"), *name = text_or(fact, "name", "?");

    if (strcmp(claim, "index") == 0)
        return index_message(fact);
    if (strcmp(claim, "judge") == 0)
        return g_strdup_printf("%s %s: location %s", text_or(fact, "role", "judge"), name,
                               text_or(fact, "location", "not named"));
    if (strcmp(claim, "score") == 0)
        return g_strdup_printf("%s: %g%s", name, json_number_value(json_object_get(fact, "value")),
                               json_is_true(json_object_get(fact, "judged")) ? ", graded by another model" : "");
    if (strcmp(claim, "subject") == 0 || strcmp(claim, "output") == 0)
        return g_strdup_printf("%s: %s was evaluated, %s is here", text_or(fact, "target", "?"),
                               text_or(fact, "digest", "?"), text_or(fact, "shipped", "nothing"));
    if (strcmp(claim, "fault") == 0)
        return g_strdup(text_or(fact, "fault", "?"));
    return g_strdup_printf("%s: %s", text_or(fact, "format", "?"), name);
}

/* "exaone needs vllm >= 0.10.0, 0.9.2 is here (Exaone4ForCausalLM)"; how it is known, where that is not a package */
static char *agreement_message(const json_t *fact)
{
    const char *by = text_or(fact, "by", "package");
    bool said = strcmp(by, "package") != 0 && json_is_boolean(json_object_get(fact, "agrees"));

    return g_strdup_printf(json_is_null(json_object_get(fact, "agrees")) ? "%s needs %s; not known: %s (%s)%s%s"
                                                                         : "%s needs %s, %s is here (%s)%s%s",
                           text_or(fact, "subject", "?"), text_or(fact, "needs", "?"), text_or(fact, "found", "?"),
                           text_or(fact, "rule", "?"), said ? ", by " : "", said ? by : "");
}

static char *driver_message(const json_t *fact)
{
    const json_t *devices = json_object_get(fact, "devices");
    const char *kernel = text_or(fact, "kernel", NULL);

    if (json_array_size(json_object_get(fact, "carries")) == 0)
        return g_strdup_printf("%s: holds no package, module, installer or firmware", text_or(fact, "component", "?"));
    return g_strdup_printf("%s: devices %s, kernel %s", text_or(fact, "component", "?"),
                           json_array_size(devices) > 0 ? json_string_value(json_array_get(devices, 0)) : "not stated",
                           kernel != NULL ? kernel : "not stated");
}

static char *tool_message(const json_t *fact)
{
    const char *what = text_or(fact, "what", text_or(fact, "url", text_or(fact, "command", "?")));

    return g_strdup_printf("%s (%s): %s", text_or(fact, "name", "?"), text_or(fact, "origin", "?"), what);
}

/* "this host: 10.0.0.5 → 203.0.113.9 port 443 (protocol 6, by eth0)": the packet that shows it. */
static char *reach_message(const json_t *fact)
{
    const json_t *packet = json_object_get(fact, "packet");
    const char *country = okse_json_peek_text(fact, "country"), *device = okse_json_peek_text(packet, "device");

    return g_strdup_printf("%s: %s → %s port %" JSON_INTEGER_FORMAT " (protocol %" JSON_INTEGER_FORMAT ", by %s, %s)%s",
                           text_or(fact, "subject", "?"), text_or(packet, "source", "?"),
                           text_or(packet, "destination", "?"), json_integer_value(json_object_get(packet, "port")),
                           json_integer_value(json_object_get(packet, "protocol")), device != NULL ? device : "?",
                           country != NULL ? country : "?",
                           json_is_true(json_object_get(fact, "surely")) ? "" : ", perhaps");
}

/* What is not modelled, by name; else what becomes of what no rule is about. */
static char *egress_message(const json_t *fact)
{
    const json_t *first = json_array_get(json_object_get(fact, "unmodelled"), 0);
    const json_t *line = json_object_get(first, "line"), *handle = json_object_get(first, "handle");
    json_int_t number = json_integer_value(json_is_integer(line) ? line : handle);

    if (first == NULL)
        return g_strdup_printf("%s: by default IPv4 %s, IPv6 %s", text_or(fact, "subject", "?"),
                               text_or(fact, "ipv4", "?"), text_or(fact, "ipv6", "?"));
    return g_strdup_printf("%s: not modelled: %s%s%" JSON_INTEGER_FORMAT ": %s (%s)", text_or(fact, "subject", "?"),
                           text_or(first, "path", "?"), json_is_integer(line) ? ":" : " handle ", number,
                           text_or(first, "text", "?"), text_or(first, "why", "?"));
}

static char *document_message(const json_t *fact)
{
    const char *fault = json_string_value(json_array_get(json_object_get(fact, "faults"), 0));

    if (fault != NULL)
        return g_strdup(fault);
    return g_strdup_printf("%s: %s", text_or(fact, "type", "?"), text_or(fact, "title", text_or(fact, "path", "?")));
}

static char *package_message(const json_t *fact)
{
    const char *first = json_string_value(json_array_get(json_object_get(fact, "faults"), 0));

    return g_strdup_printf("%s %s: %s", text_or(fact, "name", "?"), text_or(fact, "version", "?"),
                           first != NULL ? first : "is what its RECORD says");
}

static char *trial_message(const json_t *fact)
{
    const char *first = json_string_value(json_array_get(json_object_get(fact, "attempts"), 0));

    return g_strdup_printf("%s: %s%s", text_or(fact, "component", "?"), first != NULL ? first : "tried nothing",
                           json_is_true(json_object_get(fact, "lived")) ? "" : " (it did not live to the end)");
}

static char *mount_message(const json_t *fact)
{
    const char *country = country_of(fact);

    return g_strdup_printf("%s (%s, encrypted: %s, %s)", text_or(fact, "path", "?"), text_or(fact, "fstype", "?"),
                           text_or(fact, "encrypted", "unknown"), country != NULL ? country : "?");
}

static const struct {
    const char *prefix;
    char *(*make)(const json_t *fact);
} makers[] = {
    {"doc:", document_message},   {"ep:", endpoint_message}, {"set:", setting_message}, {"mnt:", mount_message},
    {"rch:", reach_message},      {"egr:", egress_message},  {"lic:", license_message}, {"agr:", agreement_message},
    {"drv:", driver_message},     {"tol:", tool_message},    {"pkg:", package_message}, {"try:", trial_message},
    {"evl:", evaluation_message},
};

/* {member} or {member|what stands there when it is null}. */
static const struct {
    const char *prefix, *text;
} texts[] = {
    {"sock:", "{protocol} {local} → {remote|-}"},
    {"rt:", "{destination} via {gateway|-}"},
    {"fet:", "{kind}: {what}"},
    {"dft:", "{path}: {status}"},
    {"sec:", "{title} ({kind}, fingerprint {fingerprint})"},
    {"prg:", "{text} ({rule})"},
    {"art:", "{path}: {format}, compiled with {train}"},
    {"dis:", "{kind}: {declared|nothing} is declared, {seen|nothing} is seen"},
    {"hst:", "{host} in {component} ({kind})"},
    {"emb:", "{title} ({list}, as of {as_of})"},
    {"tel:", "{software}: {does} {enabled|unknown} ({reason})"},
    {"wl:", "{kind} {name}, egress {egress|-}"},
    {"obj:", "{kind} {name}"},
    {"rsc:", "{type}.{name} in {region} ({country})"},
    {"res:", "{kind}: {path} (encrypted: {encrypted|unknown})"},
    {"acc:", "{kind} {name}: {value|-}"},
    {"sch:", "{when|?}: {command|?}"},
    {"prc:", "{exe|?} ({unit|no unit})"},
    {"tls:", "{program} {what}: {value}"},
    {"crt:", "{path}: {subject}, {key_algorithm}, until {not_after}"},
    {"fw:", "{table} {chain}, policy {policy|-}"},
    {"men:", "{host} ({noise})"},
};

static char *filled(const char *text, const json_t *fact)
{
    GString *line = g_string_new(NULL);

    while (*text != '\0') {
        size_t plain = strcspn(text, "{"), length = plain + strcspn(text + plain, "}");
        g_autofree char *name = text[plain] == '{' ? g_strndup(text + plain + 1, length - plain - 1) : NULL;
        char *otherwise = name != NULL ? strchr(name, '|') : NULL;

        g_string_append_len(line, text, (gssize)plain);
        if (otherwise != NULL)
            *otherwise++ = '\0';
        if (name != NULL)
            g_string_append(line, text_or(fact, name, otherwise != NULL ? otherwise : "?"));
        text += length + (text[length] == '}');
    }
    return g_string_free(line, FALSE);
}

char *okse_fact_message(const char *id, const json_t *fact)
{
    for (size_t i = 0; i < G_N_ELEMENTS(makers); i++)
        if (g_str_has_prefix(id, makers[i].prefix))
            return makers[i].make(fact);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (g_str_has_prefix(id, texts[i].prefix))
            return filled(texts[i].text, fact);
    return g_strdup(id);
}
