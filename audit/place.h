#pragma once

#include "audit/packet_set.h"
#include "core/json.h"
#include "core/resource.h"
#include "packager/site.h"

/* Where an address or a host name is: its scope, and its country with the ground for saying so. No name is ever
 * resolved. Precedence: the site's networks and hosts, a cloud region in the name, the address database, nothing. */
typedef struct OkseAtlas OkseAtlas;

/* site: borrowed, may be NULL. geo: path of an MMDB with country codes, or NULL.
 * Errors: INVALID for a damaged table or database, NOT_FOUND, SYSTEM. */
OkseAtlas *okse_atlas_open(const OkseResources *resources, const OkseSite *site, const char *geo,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
void okse_atlas_free(OkseAtlas *atlas);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OkseAtlas, okse_atlas_free)

/* "public", "private", "link-local", "loopback", "cgnat", "multicast", "documentation" for an address; "unresolved" for
 * a name, but "private" for a service of a cluster (*.svc.cluster.local), which only the cluster's own name service
 * answers; static. A single label stays unresolved: search domains and hosts files lead it anywhere. Source: IANA
 * special-purpose address registries (RFC 6890); kubernetes.io, "DNS for Services and Pods". */
const char *okse_atlas_scope(const char *host);

/* True unless one special-purpose range holds all of `cidr` ("0.0.0.0/1" is public, "10.1.0.0/16" is not). */
bool okse_atlas_range_is_public(const char *cidr);

/* True when `host` is an IPv4 or IPv6 literal; *address is its canonical text (IPv4-mapped becomes IPv4; owned). */
bool okse_atlas_address(const char *host, char **address);

/* The `location` of docs/formats/facts.md; a new reference. */
json_t *okse_atlas_locate(const OkseAtlas *atlas, const char *host) G_GNUC_WARN_UNUSED_RESULT;

/* All addresses but those of the special-purpose ranges: tidy intervals. A new array. */
GArray *okse_atlas_public(void) G_GNUC_WARN_UNUSED_RESULT;

/* Give every piece of `wanted` (tidy intervals) with its country, or NULL where nobody can say: the site's networks
 * first, then anycast addresses (nowhere), then the address database. Pieces come in no particular order. */
typedef void (*OkseAtlasVisitor)(void *context, OkseInterval range, const char *country);
void okse_atlas_ranges(const OkseAtlas *atlas, const GArray *wanted, OkseAtlasVisitor visit, void *context);
/* Where a machine is by what its cloud says of itself: the `location` of a region of manifests/regions.yaml, or of
 * none. cloud: as cloud-init names it ("aws", "gce", …). A new reference. */
json_t *okse_atlas_locate_region(const OkseAtlas *atlas, const char *cloud,
                                 const char *region) G_GNUC_WARN_UNUSED_RESULT;
/* The row of a cloud's region in manifests/regions.yaml ({"country","city","confidence"}), or NULL. Borrowed. */
const json_t *okse_atlas_region(const OkseAtlas *atlas, const char *provider, const char *region);

/* {"digest","description"} of the address database, or NULL without one. A new reference. */
json_t *okse_atlas_geo(const OkseAtlas *atlas) G_GNUC_WARN_UNUSED_RESULT;
