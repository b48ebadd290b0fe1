#pragma once

#include "core/digest.h"
#include "core/yaml.h"

/* site.yaml: what the operator declares about the place where a bundle runs. Contract: docs/site.md. */

typedef struct {
    uint8_t bytes[16]; /* network order; IPv4 fills the first four */
    unsigned bits;     /* 32 or 128 */
    unsigned prefix;   /* leading bits that count; those behind are zero */
} OkseCidr;

typedef struct {
    OkseCidr cidr;
    char *text; /* as written */
    char *country;
    char *zone; /* or NULL */
    unsigned line;
} OkseSiteNetwork;

typedef struct {
    char *name; /* lower case; "*.x" covers every name below x, not x itself */
    char *country;
    char *zone;      /* or NULL */
    json_t *machine; /* kernel, system, architecture, devices, as far as they are declared */
    unsigned line;
} OkseSiteHost;

typedef struct {
    char *text;    /* as written */
    char *host;    /* lower case name or address, without brackets; "*.x" as in hosts */
    unsigned port; /* 0: every port */
    unsigned line;
} OkseSiteEndpoint;

typedef struct {
    char *path;  /* absolute */
    char *place; /* country */
    bool encrypted;
    unsigned line;
} OkseSiteStorage;

typedef struct {
    char *origin;      /* the file, for messages and evidence */
    OkseSha256 digest; /* of its bytes */
    char *name;
    char *country;        /* ISO 3166-1 alpha-2, upper case */
    GPtrArray *networks;  /* OkseSiteNetwork, in the order of the file; none twice */
    GPtrArray *hosts;     /* OkseSiteHost; none twice */
    GPtrArray *endpoints; /* OkseSiteEndpoint */
    GPtrArray *storage;   /* OkseSiteStorage */
    json_t *contacts;     /* role → text */
    json_t *parameters;   /* name → text, number or flag: what infra templates get */
} OkseSite;

/* Read strictly; every fault is reported with its place. origin: its name in messages. Errors: INVALID. */
OkseSite *okse_site_read(GBytes *yaml, const char *origin, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* okse_site_read() of a file. Errors: INVALID, NOT_FOUND, SYSTEM. */
OkseSite *okse_site_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_site_free(OkseSite *site);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseSite, okse_site_free)

/* The `site` of docs/formats/facts.md: {"name","country","networks":[{"cidr","country","zone","line"}],
 * "hosts":[{"name","country","zone","line","kernel"?,"system"?,"architecture"?,"devices"?}],"allowed_endpoints":[texts
 * as written], "storage":[{"path","place","encrypted","line"}],"contacts":{},"parameters":{},"path","digest"}. zone is
 * null where there is none. A new reference. */
json_t *okse_site_to_json(const OkseSite *site) G_GNUC_WARN_UNUSED_RESULT;

/* Parse "10.20.0.0/16", "2001:db8::/32" or a bare address (a prefix of all its bits). Bits behind the prefix must be
 * zero. Errors: INVALID. */
bool okse_cidr_parse(const char *text, OkseCidr *cidr, GError **error);
/* True when `address` (a whole prefix) lies inside. */
bool okse_cidr_contains(const OkseCidr *cidr, const OkseCidr *address);

/* The network with the longest prefix that holds the address, the host entry that covers the name (an exact one before
 * the longest wildcard), or NULL. Borrowed. Names in any case, without a final dot. */
const OkseSiteNetwork *okse_site_network(const OkseSite *site, const OkseCidr *address);
const OkseSiteHost *okse_site_host(const OkseSite *site, const char *name);
/* True when allowed_endpoints names host:port; port 0: unknown, matched only by an entry without port. */
bool okse_site_allows(const OkseSite *site, const char *host, unsigned port);
