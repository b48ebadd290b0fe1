/* SHA-1 is what version 5 prescribes; it identifies here, it protects nothing. */
#include "audit/report_uuid.h"

#include <glib.h>
#include <string.h>

/* uuidgen --sha1 --namespace @url --name https://okse.dev/ns/findings */
static const guint8 name_space[16] = {0xf6, 0x2c, 0xaf, 0x61, 0xcd, 0x09, 0x57, 0xff,
                                      0xaa, 0x04, 0xd7, 0x21, 0x8f, 0x0e, 0xbc, 0x60};

char *okse_uuid5(const char *kind, const char *name, char text[OKSE_UUID_TEXT])
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 hash[20];
    gsize length = sizeof hash;

    g_checksum_update(checksum, name_space, sizeof name_space);
    g_checksum_update(checksum, (const guchar *)kind, (gssize)strlen(kind));
    g_checksum_update(checksum, (const guchar *)":", 1);
    g_checksum_update(checksum, (const guchar *)name, (gssize)strlen(name));
    g_checksum_get_digest(checksum, hash, &length);
    hash[6] = (guint8)((hash[6] & 0x0f) | 0x50);
    hash[8] = (guint8)((hash[8] & 0x3f) | 0x80);
    for (unsigned i = 0, at = 0; i < 16; i++) {
        g_snprintf(text + at, 3, "%02x", hash[i]);
        at += 2;
        if (i == 3 || i == 5 || i == 7 || i == 9)
            text[at++] = '-';
        text[at] = '\0';
    }
    return text;
}
