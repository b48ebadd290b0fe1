#pragma once

#include <glib.h>
#include <stdbool.h>

/* The shapes in which the host's programs write configuration, taken apart into statements: where, under which key,
 * what. What a key means is data (manifests/host-files.yaml). Any bytes; nothing is refused: what has no shape gives
 * nothing. */
typedef enum {
    OKSE_FORM_INI,   /* [section], key = value: systemd, WireGuard, keyfiles, sssd */
    OKSE_FORM_WORDS, /* key value …, key=value, key: value; <name> … </name> is left out: OpenVPN, dnsmasq, unbound */
    OKSE_FORM_BLOCKS, /* name … { key value; key = value }: named, swanctl, Corefile, DRBD */
    OKSE_FORM_YAML,   /* netplan, cloudflared, ngrok */
    OKSE_FORMS
} OkseConfigForm;

/* "ini" … ; OKSE_FORMS for none. */
OkseConfigForm okse_form_of(const char *name);

typedef struct {
    const char
        *key; /* "Peer[2].Endpoint", "forwarders.192.0.2.1": sections and blocks before it; lists in YAML count */
    const char *name;  /* its last part */
    const char *value; /* what follows, on one line; "" for none */
    unsigned line;     /* from 1 */
} OkseStatement;

typedef void (*OkseStatementSink)(void *context, const OkseStatement *statement);

#define OKSE_LIMIT_STATEMENT 8192u /* bytes of one that are looked at */
#define OKSE_LIMIT_BLOCKS 64u      /* blocks in blocks */

/* Report every statement in the order of the file. False when something was not looked at: too long, too deep, no YAML;
 * *why then says it (static). */
bool okse_form_read(OkseConfigForm form, const char *text, size_t length, OkseStatementSink sink, void *context,
                    const char **why);

/* How a destination is written in a value. */
typedef enum {
    OKSE_WRITTEN_PLAIN, /* host, host:port, [v6]:port, scheme://[user@]host[:port]/… */
    OKSE_WRITTEN_HASH,  /* dnsmasq: /domain/host#port@interface; unbound: host@port#name */
    OKSE_WRITTEN_PAIR,  /* host port: OpenVPN */
    OKSE_WRITTEN_LOGIN, /* user@host:path: ssh, NFS */
    OKSE_WRITTEN_URL,   /* only what has a scheme */
    OKSE_WRITTENS
} OkseWritten;

OkseWritten okse_written_of(const char *name);

typedef struct {
    char *host; /* lower case or an address without brackets; owned */
    unsigned port;
    char *scheme; /* lower case, or NULL; owned */
} OkseDestination;

void okse_destination_clear(OkseDestination *destination);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OkseDestination, okse_destination_clear)

/* False for a word that names no host ("/etc/resolv.conf", "%any", ""). next: the word behind it, or NULL. */
bool okse_destination_read(const char *word, const char *next, OkseWritten written, OkseDestination *found);
