/* What each expression of audit/scan_rules.c cannot do without. A test compares what is found with and without. */
#include "audit/scan_filter.h"

#include <string.h>

#ifdef OKSE_HYPERSCAN
#include <hs.h>
#endif

#define BLOCK (64u << 20)  /* Hyperscan counts bytes in 32 bits */
#define WORTH (256u << 10) /* bytes of text from which on compiling for Hyperscan costs less than it saves */

struct OkseScanFilter {
#ifdef OKSE_HYPERSCAN
    hs_database_t *database; /* NULL: plain, or not compiled yet */
    hs_scratch_t *scratch;
    uint64_t seen; /* bytes of text */
#endif
    bool plain;
};

#ifdef OKSE_HYPERSCAN
/* GLib's expressions take single bytes for the characters of Latin-1, of which some are white space and many letters;
 * and what is no UTF-8 is replaced before they see it. So every byte above ASCII may be either. */
#define BLANK "[ \\t\\v\\f\\r\\x80-\\xff]"

static const struct {
    const char *text;
    unsigned flags;
} patterns[] = {
    {"[a-zA-Z0-9+.-]://", 0},                                          /* URL */
    {"@@?(\\([a-z0-9]+\\))?(\\[|[A-Za-z0-9][A-Za-z0-9-]*\\.)", 0},     /* FORWARD */
    {"[Tt]arget" BLANK "*=" BLANK "*\"", 0},                           /* TARGET */
    {"^" BLANK "*[Hh]ost" BLANK "+[A-Za-z0-9\\[]", HS_FLAG_MULTILINE}, /* HOST_LINE */
    {"(server|pool|peer|nameserver|target|remote)(" BLANK "+|=)[\"']?([\\[:]|[A-Za-z0-9][A-Za-z0-9-]*[.:])",
     0}, /* DIRECTIVE */
    {"\\.[A-Za-z0-9-]+(:[0-9]{1,5})?/[a-z0-9][A-Za-z0-9_./\\x80-\\xff-]*(:[A-Za-z0-9_.\\x80-\\xff-]|@sha256:)",
     0},                                 /* IMAGE */
    {"(\\]|\\.[A-Za-z0-9-]+):[0-9]", 0}, /* HOST_PORT */
    {"(host|hostname|server|endpoint|externalname|address|addr|broker|upstream)s?[\"']?" BLANK "*[=:]" BLANK
     "*[\"']?[a-z0-9_-]+\\.",
     HS_FLAG_CASELESS},                                /* HOST_KEY */
    {"[0-9]\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]", 0},    /* ADDRESS */
    {"[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:", 0},         /* ADDRESS of IPv6 */
    {"[A-Z0-9_]{3}(:" BLANK "|=)", 0},                 /* VARIABLE: its end */
    {BLANK ":" BLANK, 0},                              /* the same with space before the colon */
    {"(NTP|DNS)" BLANK "*=", 0},                       /* LIST */
    {"name[\"']?" BLANK "*:" BLANK "*[\"']?[A-Z]", 0}, /* NAMED */
    {"value[\"']?" BLANK "*:", 0},                     /* and what it names */
};

/* Without a database, or on a processor that cannot, the plain way is left. */
static void compile(OkseScanFilter *filter)
{
    const char *texts[G_N_ELEMENTS(patterns)];
    unsigned flags[G_N_ELEMENTS(patterns)], ids[G_N_ELEMENTS(patterns)];
    hs_compile_error_t *error = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
        texts[i] = patterns[i].text;
        flags[i] = patterns[i].flags;
        ids[i] = 0; /* which one it was does not matter, so one end is told once */
    }
    if (hs_valid_platform() != HS_SUCCESS)
        return;
    if (hs_compile_multi(texts, flags, ids, G_N_ELEMENTS(patterns), HS_MODE_BLOCK, NULL, &filter->database, &error) !=
        HS_SUCCESS) {
        hs_free_compile_error(error);
        filter->database = NULL;
    } else if (hs_alloc_scratch(filter->database, &filter->scratch) != HS_SUCCESS) {
        hs_free_database(filter->database);
        filter->database = NULL;
    }
}

typedef struct {
    const char *text;
    size_t length, base, line_end; /* line_end: behind the line of the last end that was kept */
    GArray *ends;
} Keep;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
    Keep *keep = context;
    guint64 end = keep->base + to - 1;
    const char *newline;

    (void)id;
    (void)from;
    (void)flags;
    if (end < keep->line_end)
        return 0;
    newline = memchr(keep->text + end, '\n', keep->length - end);
    keep->line_end = newline != NULL ? (size_t)(newline - keep->text) + 1 : keep->length;
    g_array_append_val(keep->ends, end);
    return 0;
}

/* Up to the end of a line near BLOCK bytes: no match goes over one. 0 when there is none. */
static size_t block_of(const char *text, size_t length)
{
    const char *newline = length <= BLOCK ? NULL : memrchr(text, '\n', BLOCK);

    return length <= BLOCK ? length : newline != NULL ? (size_t)(newline - text) + 1 : 0;
}
#endif

OkseScanFilter *okse_scan_filter_new(bool plain)
{
    OkseScanFilter *filter = g_new0(OkseScanFilter, 1);

    filter->plain = plain;
    return filter;
}

void okse_scan_filter_free(OkseScanFilter *filter)
{
    if (filter == NULL)
        return;
#ifdef OKSE_HYPERSCAN
    hs_free_scratch(filter->scratch);
    hs_free_database(filter->database);
#endif
    g_free(filter);
}

bool okse_scan_filter_find(OkseScanFilter *filter, const char *text, size_t length, GArray *ends)
{
#ifdef OKSE_HYPERSCAN
    Keep keep = {text, length, 0, 0, ends};

    filter->seen += length;
    if (!filter->plain && filter->database == NULL && filter->seen >= WORTH) {
        compile(filter);
        filter->plain = filter->database == NULL; /* not tried again */
    }

    while (filter->database != NULL && keep.base < length) {
        size_t block = block_of(text + keep.base, length - keep.base);

        if (block == 0 || hs_scan(filter->database, text + keep.base, (unsigned)block, 0, filter->scratch, on_match,
                                  &keep) != HS_SUCCESS)
            return false;
        keep.base += block;
    }
    return filter->database != NULL;
#else
    (void)filter;
    (void)text;
    (void)length;
    (void)ends;
    return false;
#endif
}
