#include "audit/literals.h"

#include <string.h>

#ifdef OKSE_HYPERSCAN
#include "core/library.h"

#include <hs.h>

/* Hyperscan, which brings a C++ library with it */
typedef struct {
    typeof(hs_valid_platform) *valid_platform;
    typeof(hs_compile_lit_multi) *compile;
    typeof(hs_free_compile_error) *free_error;
    typeof(hs_alloc_scratch) *alloc_scratch;
    typeof(hs_scan) *scan;
    typeof(hs_free_scratch) *free_scratch;
    typeof(hs_free_database) *free_database;
} Hyperscan;
#endif

#define PAIRS 65536u
#define BLOCK (256u << 20) /* Hyperscan counts bytes in 32 bits */
#define SHORT 8192u        /* bytes of a text for which the table will do */

struct OkseLiterals {
    const OkseLiteral *literals;
    unsigned count;
    uint8_t pairs[PAIRS / 8]; /* folded first pairs that some literal begins with */
    GHashTable *starts;       /* folded pair → GArray of indexes */
#ifdef OKSE_HYPERSCAN
    Hyperscan hs;
    bool tried;              /* to compile, or it is not wanted or not there */
    hs_database_t *database; /* NULL: plain */
    hs_scratch_t *scratch;
#endif
};

static unsigned fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20u : byte;
}

static unsigned pair_of(const uint8_t *at)
{
    return fold(at[0]) << 8 | fold(at[1]);
}

static void array_free(gpointer data)
{
    g_array_unref(data);
}

static void index_pairs(OkseLiterals *all)
{
    all->starts = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, array_free);
    for (unsigned i = 0; i < all->count; i++) {
        unsigned pair = pair_of(all->literals[i].bytes);
        GArray *list = g_hash_table_lookup(all->starts, GUINT_TO_POINTER(pair));

        if (list == NULL) {
            list = g_array_new(FALSE, FALSE, sizeof(unsigned));
            g_hash_table_insert(all->starts, GUINT_TO_POINTER(pair), list);
        }
        g_array_append_val(list, i);
        all->pairs[pair / 8] = (uint8_t)(all->pairs[pair / 8] | 1u << pair % 8);
    }
}

#ifdef OKSE_HYPERSCAN
static bool load(Hyperscan *hs)
{
    static const OkseLibrary library = {"libhs.so.5", "libhyperscan5", "finding many texts at once"};
    const OkseLibraryFunction functions[] = {
        {"hs_valid_platform", &hs->valid_platform},
        {"hs_compile_lit_multi", &hs->compile},
        {"hs_free_compile_error", &hs->free_error},
        {"hs_alloc_scratch", &hs->alloc_scratch},
        {"hs_scan", &hs->scan},
        {"hs_free_scratch", &hs->free_scratch},
        {"hs_free_database", &hs->free_database},
    };

    return okse_library_load(&library, functions, G_N_ELEMENTS(functions), NULL);
}

/* Without a database, or on a processor that cannot, the plain way is left. */
static void compile(OkseLiterals *all)
{
    g_autofree const char **texts = g_new(const char *, all->count);
    g_autofree unsigned *flags = g_new(unsigned, all->count), *ids = g_new(unsigned, all->count);
    g_autofree size_t *lengths = g_new(size_t, all->count);
    hs_compile_error_t *error = NULL;

    for (unsigned i = 0; i < all->count; i++) {
        texts[i] = (const char *)all->literals[i].bytes;
        lengths[i] = all->literals[i].length;
        flags[i] = all->literals[i].caseless ? HS_FLAG_CASELESS : 0;
        ids[i] = i;
    }
    if (all->hs.valid_platform() != HS_SUCCESS)
        return;
    if (all->hs.compile(texts, flags, ids, lengths, all->count, HS_MODE_BLOCK, NULL, &all->database, &error) !=
        HS_SUCCESS) {
        all->hs.free_error(error);
        all->database = NULL;
    } else if (all->hs.alloc_scratch(all->database, &all->scratch) != HS_SUCCESS) {
        all->hs.free_database(all->database);
        all->database = NULL;
    }
}

typedef struct {
    OkseLiteralHit hit;
    void *context; /* of hit */
} Relay;

static int relay(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
    const Relay *to_caller = context;

    (void)from;
    (void)flags;
    to_caller->hit(to_caller->context, id, (size_t)to);
    return 0;
}
#endif

OkseLiterals *okse_literals_new(const OkseLiteral *literals, unsigned count, bool plain)
{
    OkseLiterals *all = g_new0(OkseLiterals, 1);

    all->literals = literals;
    all->count = count;
    index_pairs(all);
#ifdef OKSE_HYPERSCAN
    all->tried = plain || count == 0 || !load(&all->hs); /* now: a sandbox may come before the first text */
#else
    (void)plain;
#endif
    return all;
}

void okse_literals_free(OkseLiterals *all)
{
    if (all == NULL)
        return;
#ifdef OKSE_HYPERSCAN
    if (all->database != NULL) {
        all->hs.free_scratch(all->scratch);
        all->hs.free_database(all->database);
    }
#endif
    g_hash_table_unref(all->starts);
    g_free(all);
}

void okse_literals_compile(OkseLiterals *all)
{
#ifdef OKSE_HYPERSCAN
    if (!all->tried)
        compile(all);
    all->tried = true;
#else
    (void)all;
#endif
}

static bool is_at(const OkseLiteral *literal, const uint8_t *at)
{
    return literal->caseless ? g_ascii_strncasecmp((const char *)literal->bytes, (const char *)at, literal->length) == 0
                             : memcmp(literal->bytes, at, literal->length) == 0;
}

typedef struct {
    size_t end;
    unsigned literal;
} Found;

static int compare_found(gconstpointer a, gconstpointer b)
{
    const Found *first = a, *second = b;

    return first->end != second->end ? (first->end > second->end) - (first->end < second->end)
                                     : (first->literal > second->literal) - (first->literal < second->literal);
}

static void find_plain(const OkseLiterals *all, const uint8_t *data, size_t length, OkseLiteralHit hit, void *context)
{
    g_autoptr(GArray) found = NULL;

    for (size_t i = 0; i + OKSE_LITERAL_MINIMUM <= length; i++) {
        unsigned pair = pair_of(data + i);
        const GArray *list;

        if ((all->pairs[pair / 8] >> pair % 8 & 1u) == 0)
            continue;
        list = g_hash_table_lookup(all->starts, GUINT_TO_POINTER(pair));
        for (guint k = 0; k < list->len; k++) {
            unsigned index = g_array_index(list, unsigned, k);
            Found one = {i + all->literals[index].length, index};

            if (one.end > length || !is_at(&all->literals[index], data + i))
                continue;
            if (found == NULL)
                found = g_array_new(FALSE, FALSE, sizeof(Found));
            g_array_append_val(found, one);
        }
    }
    if (found == NULL)
        return;
    g_array_sort(found, compare_found); /* they were found by their beginnings */
    for (guint i = 0; i < found->len; i++)
        hit(context, g_array_index(found, Found, i).literal, g_array_index(found, Found, i).end);
}

void okse_literals_find(OkseLiterals *all, const uint8_t *data, size_t length, OkseLiteralHit hit, void *context)
{
#ifdef OKSE_HYPERSCAN
    Relay to_caller = {hit, context};

    g_assert(length <= BLOCK);
    if (length > SHORT)
        okse_literals_compile(all);
    if (all->database != NULL && all->hs.scan(all->database, (const char *)data, (unsigned)length, 0, all->scratch,
                                              relay, &to_caller) == HS_SUCCESS)
        return; /* otherwise once more, the plain way: what was found twice does no harm */
#endif
    find_plain(all, data, length, hit, context);
}
