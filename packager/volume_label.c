/* What stands on a part for people: in its README.txt, and for all parts on a sheet to be printed. No line is longer
 * than 78 columns; nothing here depends on the place of `data`, which depends on the length of this. */
#include "packager/volume_header.h"

#include <string.h>

#define RULE "------------------------------------------------------------------------------\n"
#define DIGITS "%" G_GUINT64_FORMAT

/* "1,234,567" */
static char *grouped(uint64_t number)
{
    g_autofree char *digits = g_strdup_printf(DIGITS, number);
    GString *text = g_string_new(NULL);
    size_t length = strlen(digits);

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            g_string_append_c(text, ',');
        g_string_append_c(text, digits[i]);
    }
    return g_string_free(text, FALSE);
}

/* 64 digits in groups of four, to be compared by eye or read over a telephone. */
static void append_digest(GString *text, const char *label, const OkseSha256 *digest)
{
    char hex[OKSE_SHA256_HEX];

    okse_sha256_hex(digest, hex);
    for (unsigned i = 0; i < 16; i++) {
        if (i % 8 == 0)
            g_string_append_printf(text, "%-12s", i == 0 ? label : "");
        g_string_append_printf(text, "%.4s%s", hex + 4 * (size_t)i, i % 8 == 7 ? "\n" : " ");
    }
}

static void append_bundle(GString *text, const OkseVolumeSet *set)
{
    g_autofree char *name = okse_volume_set_name(set), *size = grouped(set->bundle.size);

    g_string_append_printf(text, "%-12s%s.okse, %s bytes\n", "Bundle", name, size);
    g_string_append_printf(text, "%-12s%s\n", "Name", set->bundle.name);
    g_string_append_printf(text, "%-12s%s, sequence " DIGITS "\n", "Version", set->bundle.version,
                           set->bundle.sequence);
    g_string_append_printf(text, "%-12s%s\n", "Country", set->bundle.country);
    append_digest(text, "Identity", &set->bundle.identity);
}

static void append_part(GString *text, const OkseVolumeSet *set, const OkseVolume *volume)
{
    g_autofree char *name = okse_volume_name(set, volume), *words = okse_volume_words(set, volume);
    g_autofree char *size = grouped(volume->size), *first = grouped(volume->offset);
    g_autofree char *last = grouped(volume->offset + volume->length - 1);

    g_string_append_printf(text, "%-12s%s\n", "This is", words);
    g_string_append_printf(text, "%-12s%s\n", "File", name);
    if (volume->kind == OKSE_VOLUME_DATA)
        g_string_append_printf(text, "%-12sbytes %s to %s of the bundle\n", "Carries", first, last);
    else
        g_string_append_printf(text, "%-12s%s bytes that stand in for any part%s that is lost\n", "Carries", size,
                               set->groups > 1 ? " of its group" : "");
}

static void append_count(GString *text, const OkseVolumeSet *set)
{
    g_string_append_printf(text, "%-12s%u part%s", "The set", set->data, set->data == 1 ? "" : "s");
    if (set->parity > 0)
        g_string_append_printf(text, " and %u parity part%s", set->parity, set->parity == 1 ? "" : "s");
    g_string_append_c(text, '\n');
}

static void append_hints(GString *text, const OkseVolumeSet *set)
{
    g_autofree char *name = okse_volume_set_name(set);

    g_string_append(text, "\nWhat to do\n"
                          "  Is this medium whole?    okse join --check FILE\n"
                          "  Put the bundle together  okse join DIRECTORY... (parts in any order)\n"
                          "  Or use it from the parts okse verify DIRECTORY --trust trust.yaml\n");
    if (set->parity > 0)
        g_string_append_printf(text,
                               "  As many parts may be lost or damaged as there are parity parts%s;\n"
                               "  what is missing or damaged is named and repaired.\n",
                               set->groups > 1 ? " of their group" : "");
    if (set->encoding == NULL)
        g_string_append_printf(text,
                               "  Without okse, NAME being %s:\n"
                               "    for part in NAME.????.part; do tar -xOf \"$part\" data; done > NAME.okse\n",
                               name);
    else
        g_string_append(text, "  Without okse: its data is compressed; docs/parts-unframe.py reads it.\n");
    g_string_append(text, "  This label says nothing about who made the bundle: okse verify does.\n");
}

char *okse_volume_label(const OkseVolumeSet *set, const OkseVolume *volume)
{
    GString *text = g_string_new("OKSE BUNDLE ON SEVERAL MEDIA\n\n");

    append_part(text, set, volume);
    append_count(text, set);
    append_digest(text, "Set", &set->id);
    g_string_append_c(text, '\n');
    append_bundle(text, set);
    append_hints(text, set);
    return g_string_free(text, FALSE);
}

char *okse_volume_labels(const OkseVolumeSet *set)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < set->data + set->parity; i++) {
        append_part(text, set, &set->volumes[i]);
        append_count(text, set);
        append_digest(text, "Set", &set->id);
        append_bundle(text, set);
        append_digest(text, "SHA-256", &set->volumes[i].digest);
        g_string_append(text, "            (of its data)\n\n" RULE "\n");
    }
    return g_string_free(text, FALSE);
}
