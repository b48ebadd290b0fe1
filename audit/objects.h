#pragma once

#include "audit/collector.h"
#include "core/yaml.h"

/* What the readers of structured files (Kubernetes objects, Compose files, units, Terraform) share: one file, the
 * places in it, and how what stands there becomes facts. For audit/collect_*.c only. */

typedef struct {
    OkseCollection *collection;
    const OkseScanFile *file;
    const char *collector; /* whose facts they are */
    bool lines;            /* places have lines: false for a file that only the second JSON reader could read */
    bool json;             /* a text of several lines stands on one line of the file */
    bool quiet;            /* destinations inside values are left to the scanner: values are spread over lines */
} OkseObjectFile;

/* A file of the host or of a component. collector: "workloads", "resources". */
void okse_object_file_init(OkseObjectFile *file, OkseCollection *collection, const OkseScanFile *scanned,
                           const char *collector);

/* Read YAML or JSON, several documents. JSON that the YAML reader refuses (surrogate pairs) is read by the JSON reader,
 * then without lines. Errors: INVALID with a place. */
OkseYaml *okse_object_read(OkseObjectFile *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Why a text is a template that was not rendered ("{{ … }}" of Helm or Jinja), or NULL. */
const char *okse_object_template(GBytes *bytes);

/* Where something stands in the file. */
typedef struct {
    unsigned line, column;
    const char *key;  /* what it stands under: decides the role where nothing else does; may be NULL */
    const char *text; /* the value, for the excerpt; may be NULL */
} OkseObjectPlace;

OkseObjectPlace okse_object_place(const OkseObjectFile *file, const OkseNode *node, const char *key);

/* A source; the value of a secret-looking key is never in it. A new reference. */
json_t *okse_object_source(const OkseObjectFile *file, const OkseObjectPlace *place) G_GNUC_WARN_UNUSED_RESULT;

/* An endpoint that the field itself says. The scanner's find of the same host on the same line is then not told again.
 */
typedef struct {
    const char *host;
    unsigned port;
    const char *scheme;    /* or NULL */
    const char *direction; /* NULL: "out" */
    const char *role;
    const char *state; /* NULL: "configured" */
} OkseObjectEndpoint;
/* In place of a host: all that stands on the line was read; the scanner leaves it out when it is too long for it. */
#define OKSE_OBJECT_WHOLE_LINE ""
void okse_object_claim(const OkseObjectFile *file, unsigned line, const char *host);
void okse_object_endpoint(const OkseObjectFile *file, const OkseObjectPlace *place, const OkseObjectEndpoint *endpoint);

/* A value that is a URL, host or host:port: the endpoint of that role; nothing when it is neither. role NULL: by the
 * key. True when it was one. */
bool okse_object_address(const OkseObjectFile *file, const OkseObjectPlace *place, const char *value, const char *role);

/* Whatever destinations the scanner finds in a value (place->key = value). What spans lines of the file is left to it.
 */
void okse_object_scan(const OkseObjectFile *file, const OkseObjectPlace *place, const char *value);
/* The same of a whole text that lies inside another file (a ConfigMap's); name decides roles as a file's path does.
 * Where the text's lines are no lines of the file, everything stands at its first. */
void okse_object_scan_text(const OkseObjectFile *file, const OkseObjectPlace *place, const char *name,
                           const char *text);
/* True when a text stands on one line of the file as it is. */
bool okse_object_is_inline(const OkseObjectFile *file, const OkseObjectPlace *place, const char *text);
/* True when the lines of a text are those of the file behind place->line (a block of YAML). */
bool okse_object_is_block(const OkseObjectFile *file, const OkseObjectPlace *place, const char *text);

/* The collector of the file cannot vouch for emptiness. */
void okse_object_partial(const OkseObjectFile *file, const char *why);

/* What an image reference says: {"name","registry","repository","tag","digest"}; registry is "docker.io" where it names
 * none, with "default": true. A new reference. Source: distribution/reference. */
json_t *okse_object_image(const char *reference) G_GNUC_WARN_UNUSED_RESULT;
/* The registry as endpoint. */
void okse_object_registry(const OkseObjectFile *file, const OkseObjectPlace *place, const json_t *image);

/* A copy of a value that may be shown: secrets masked, at most 4 KiB. name: its key, or NULL. */
json_t *okse_object_text(const OkseObjectFile *file, const char *name, const char *value) G_GNUC_WARN_UNUSED_RESULT;
