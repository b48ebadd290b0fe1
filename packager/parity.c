#include "packager/parity.h"

#ifdef OKSE_ISAL

#include "core/library.h"

#include <isa-l/erasure_code.h>

#define TABLE 32u /* bytes that ec_init_tables() makes of a coefficient */

struct OkseParity {
    unsigned sources, results;
    uint8_t *tables;
    typeof(ec_encode_data_update) *update;
};

typedef struct {
    typeof(ec_init_tables) *init_tables;
    typeof(ec_encode_data_update) *encode_update;
    typeof(gf_gen_cauchy1_matrix) *cauchy;
    typeof(gf_invert_matrix) *invert;
} Library;

static bool load(Library *library, GError **error)
{
    static const OkseLibrary isal = {"libisal.so.2", "libisal2", "parity"};
    const OkseLibraryFunction functions[] = {
        {"ec_init_tables", &library->init_tables},
        {"ec_encode_data_update", &library->encode_update},
        {"gf_gen_cauchy1_matrix", &library->cauchy},
        {"gf_invert_matrix", &library->invert},
    };

    return okse_library_load(&isal, functions, G_N_ELEMENTS(functions), error);
}

/* coefficients: one row of `sources` for each result. */
static OkseParity *parity_of(const Library *library, unsigned sources, unsigned results, uint8_t *coefficients)
{
    OkseParity *parity = g_new0(OkseParity, 1);

    parity->sources = sources;
    parity->results = results;
    parity->update = library->encode_update;
    parity->tables = g_malloc((gsize)TABLE * sources * results);
    library->init_tables((int)sources, (int)results, coefficients, parity->tables);
    return parity;
}

OkseParity *okse_parity_new(unsigned data, unsigned parity, GError **error)
{
    g_autofree uint8_t *matrix = g_malloc((gsize)(data + parity) * data);
    Library library;

    if (!load(&library, error))
        return NULL;
    library.cauchy(matrix, (int)(data + parity), (int)data);
    return parity_of(&library, data, parity, matrix + (size_t)data * data);
}

OkseParity *okse_parity_new_recovery(unsigned data, const unsigned *have, const unsigned *lost, unsigned count,
                                     GError **error)
{
    size_t size = (size_t)data * data;
    g_autofree uint8_t *known = g_malloc0(size), *inverse = g_malloc(size);
    g_autofree uint8_t *rows = g_malloc((gsize)count * data), *all = g_malloc((gsize)256 * data);
    Library library;
    int singular;

    if (!load(&library, error))
        return NULL;
    library.cauchy(all, 256, (int)data);
    for (unsigned i = 0; i < data; i++)
        for (unsigned j = 0; j < data; j++)
            known[(size_t)i * data + j] = all[(size_t)have[i] * data + j];
    singular = library.invert(known, inverse, (int)data);
    g_assert(singular == 0); /* every square part of a Cauchy matrix can be inverted */
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < data; j++)
            rows[(size_t)i * data + j] = inverse[(size_t)lost[i] * data + j];
    return parity_of(&library, data, count, rows);
}

void okse_parity_free(OkseParity *parity)
{
    if (parity == NULL)
        return;
    g_free(parity->tables);
    g_free(parity);
}

void okse_parity_add(const OkseParity *parity, unsigned source, const uint8_t *run, size_t length, uint8_t **results)
{
    g_assert(source < parity->sources && length % OKSE_PARITY_ALIGN == 0);
    parity->update((int)length, (int)parity->sources, (int)parity->results, (int)source, parity->tables,
                   (unsigned char *)(uintptr_t)run, results);
}

#else

static bool missing(GError **error)
{
    return okse_fail(error, OKSE_ERROR_SYSTEM,
                     "this okse was built without ISA-L, and parity needs it (docs/parts-repair.py repairs without)");
}

OkseParity *okse_parity_new(unsigned data, unsigned parity, GError **error)
{
    (void)data, (void)parity;
    missing(error);
    return NULL;
}

OkseParity *okse_parity_new_recovery(unsigned data, const unsigned *have, const unsigned *lost, unsigned count,
                                     GError **error)
{
    (void)data, (void)have, (void)lost, (void)count;
    missing(error);
    return NULL;
}

void okse_parity_free(OkseParity *parity)
{
    (void)parity;
}

void okse_parity_add(const OkseParity *parity, unsigned source, const uint8_t *run, size_t length, uint8_t **results)
{
    (void)parity, (void)source, (void)run, (void)length, (void)results;
}

#endif
