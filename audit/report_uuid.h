#pragma once

#define OKSE_UUID_TEXT 37 /* 36 characters + NUL */

/* A name-based UUID: version 5 in Okse's own name space ("https://okse.dev/ns/findings" in the URL name space).
 * kind and name: what it identifies; equal inputs give equal UUIDs. Returns text. Source: RFC 9562 §5.5. */
char *okse_uuid5(const char *kind, const char *name, char text[OKSE_UUID_TEXT]);
