#pragma once

#include "audit/config_tree.h"

/* What the readers of formats (audit/config_*.c) share: a place in the text, and adding nodes under the limits. */
typedef struct {
    const char *at, *end, *line_start;
    unsigned line;
    OkseConfig *config;
    const char *origin;
} OkseConfigText;

typedef struct {
    const char *text;
    gsize length;
    unsigned line, column;
} OkseConfigSpan;

OkseConfigText okse_config_text(OkseConfig *config, GBytes *bytes, const char *origin);
OkseConfigNode *okse_config_top(OkseConfig *config);

/* Move on by one byte, counting lines. */
void okse_config_step(OkseConfigText *text);
/* A span that begins here and is still empty. */
OkseConfigSpan okse_config_here(const OkseConfigText *text);

/* A child of `parent`; value: NULL for none. Returns NULL when the file has more nodes than are looked at. */
OkseConfigNode *okse_config_add(OkseConfigText *text, OkseConfigNode *parent, OkseConfigSpan key,
                                const OkseConfigSpan *value);
/* Give the node a value; it then stands where the value stands. */
void okse_config_value(OkseConfigText *text, OkseConfigNode *node, OkseConfigSpan value);
/* The arguments of a directive (OkseConfigSpan, maybe quoted): its value, and children "1", "2", … False when there are
 * too many nodes. */
bool okse_config_arguments(OkseConfigText *text, OkseConfigNode *node, const GArray *spans);

/* A whole line without its end (and without '\r'), and move behind it. False at the end of the text. */
bool okse_config_line(OkseConfigText *text, OkseConfigSpan *line);
/* Without white space on both sides. */
OkseConfigSpan okse_config_strip(OkseConfigSpan span);
/* From `from` to the end. */
OkseConfigSpan okse_config_from(OkseConfigSpan span, gsize from);
OkseConfigSpan okse_config_head(OkseConfigSpan span, gsize length);
/* Without one pair of equal quotes around it. */
OkseConfigSpan okse_config_unquote(OkseConfigSpan span);

/* INVALID, naming the place. */
bool okse_config_fail(const OkseConfigText *text, GError **error, const char *what);
/* The same, because of OKSE_CONFIG_NODES or OKSE_CONFIG_DEPTH. */
bool okse_config_too_much(const OkseConfigText *text, GError **error);

/* Readers: they add what the text holds to `top`. */
typedef bool (*OkseConfigReader)(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_ini(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_env(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_properties(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_deb822(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_words(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_apt(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_sections(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_braces(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_calls(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_blocks(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_rsyslog(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_toml(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_xml(OkseConfigText *text, OkseConfigNode *top, GError **error);
bool okse_config_read_yaml(OkseConfigText *text, OkseConfigNode *top, GError **error);
