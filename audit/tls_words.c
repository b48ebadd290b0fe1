/* How programs write which versions of TLS they speak. Sources: nginx ssl_protocols, mod_ssl SSLProtocol, postconf(5)
 * smtpd_tls_protocols, MariaDB tls_version, HAProxy ssl-min-ver, openssl config MinProtocol, Envoy TlsProtocol, Traefik
 * minVersion, Caddy protocols. */
#include "audit/tls_words.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define VALUE_LIMIT 4096u

enum { SSL2, SSL3, TLS10, TLS11, TLS12, TLS13, VERSIONS };
static const char *const names[VERSIONS] = {"0.2", "0.3", "1.0", "1.1", "1.2", "1.3"};

/* "TLSv1.2", "tls12", "TLSv1_2", "VersionTLS12", "tls1.2" → TLS12; -1: none. */
static int version_of(const char *word)
{
    static const struct {
        const char *digits;
        int version;
    } versions[] = {{"ssl2", SSL2},   {"ssl3", SSL3},   {"tls1", TLS10}, {"tls10", TLS10},
                    {"tls11", TLS11}, {"tls12", TLS12}, {"tls13", TLS13}};
    char plain[16];
    size_t length = 0;

    if (g_ascii_strncasecmp(word, "Version", 7) == 0)
        word += 7;
    for (; *word != '\0' && length < sizeof plain - 1; word++)
        if (strchr("._", *word) == NULL && g_ascii_tolower(*word) != 'v')
            plain[length++] = g_ascii_tolower(*word);
    plain[length] = '\0';
    for (unsigned i = 0; *word == '\0' && i < G_N_ELEMENTS(versions); i++)
        if (strcmp(plain, versions[i].digits) == 0)
            return versions[i].version;
    return -1;
}

typedef struct {
    bool on[VERSIONS], begun;
} Versions;

static void set_range(Versions *versions, int first, int last, bool on)
{
    for (int i = first; i <= last; i++)
        versions->on[i] = on;
    versions->begun = true;
}

/* One word of a list; false when it is not known. */
static bool take_word(Versions *versions, const char *word)
{
    bool off = *word == '-' || *word == '!', least = strncmp(word, ">=", 2) == 0, most = strncmp(word, "<=", 2) == 0;
    const char *name = word + (least || most ? 2 : off || *word == '+');
    bool all = g_ascii_strcasecmp(name, "all") == 0;
    int version = all ? TLS10 : version_of(name);

    if (version < 0)
        return false;
    if ((off || most) && !versions->begun) /* a list of what is out begins with all that the library speaks */
        set_range(versions, TLS10, TLS13, true);
    if (least)
        set_range(versions, version, TLS13, true);
    else if (most)
        set_range(versions, version + 1, TLS13, false);
    else
        set_range(versions, version, all ? TLS13 : version, !off);
    return true;
}

static const char *lowest_of(const char *value)
{
    g_auto(GStrv) words = g_strsplit_set(value, " \t,:;|\"'", -1);
    Versions versions = {{false}, false};

    for (char **word = words; *word != NULL; word++)
        if (**word != '\0' && !take_word(&versions, *word))
            return NULL;
    for (int i = 0; i < VERSIONS; i++)
        if (versions.on[i])
            return names[i];
    return NULL;
}

const char *okse_tls_minimum(const char *what, const char *value)
{
    if (strlen(value) > VALUE_LIMIT)
        return NULL;
    if (strcmp(what, "protocols") == 0)
        return lowest_of(value);
    return strcmp(what, "minimum") == 0 && version_of(value) >= 0 ? names[version_of(value)] : NULL;
}
