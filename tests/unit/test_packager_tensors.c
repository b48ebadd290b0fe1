/* Digests of tensors in passing, whatever pieces the bytes come in; and what of a changed tensor stays. */
#include "core/verity.h"
#include "packager/source_look.h"
#include "packager/tensor_hash.h"
#include "packager/tensor_pairs.h"

#include <string.h>

static GBytes *noise(guint32 seed, size_t length)
{
    g_autoptr(GRand) source = g_rand_new_with_seed(seed);
    uint8_t *bytes = g_malloc(length);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)g_rand_int(source);
    return g_bytes_new_take(bytes, length);
}

static OkseTensor tensor(const char *name, uint64_t offset, uint64_t length)
{
    return (OkseTensor){
        .name = name, .dtype = "U8", .shape = {length}, .dimensions = 1, .offset = offset, .length = length};
}

static OkseSha256 verity_of(GBytes *bytes, uint64_t offset, uint64_t length)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();

    okse_verity_stream_update(stream, (const uint8_t *)g_bytes_get_data(bytes, NULL) + offset, length);
    return okse_verity_stream_end(stream);
}

/* Tensors with a gap in front, between and behind, without bytes at both ends, of one byte, over many blocks. */
static void test_hash(void)
{
    static const OkseTensor wanted[] = {{.offset = 0, .length = 0},           {.offset = 7, .length = 4096},
                                        {.offset = 4103, .length = 1},        {.offset = 4200, .length = 1000003},
                                        {.offset = 1004203, .length = 0},     {.offset = 1004203, .length = 595797},
                                        {.offset = 1600010, .length = 20000}, {.offset = 1700000, .length = 0}};
    static const size_t pieces[] = {1, 7, 4095, 4096, 65536, 524288, 1700000};
    g_autoptr(GBytes) bytes = noise(1, 1700000);
    g_autoptr(OkseTensorFile) file = okse_tensor_file_new("model", "m.safetensors", 1700000);

    for (size_t i = G_N_ELEMENTS(wanted); i > 0; i--) {
        g_autofree char *name = g_strdup_printf("t%zu", i);
        OkseTensor added = tensor(name, wanted[i - 1].offset, wanted[i - 1].length);

        g_assert_true(okse_tensor_file_add(file, &added));
    }
    g_assert_true(okse_tensor_file_finish(file));
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(OkseTensorHash) hash = okse_tensor_hash_new(file);
        size_t step = pieces[i] < 4095 ? 1 + pieces[i] * 101 : pieces[i]; /* small ones, but not two million of them */

        for (guint k = 0; k < file->tensors->len; k++)
            memset(&g_array_index(file->tensors, OkseTensor, k).digest, 0, sizeof(OkseSha256));
        for (size_t at = 0; at < 1700000; at += step)
            okse_tensor_hash_update(hash, (const uint8_t *)g_bytes_get_data(bytes, NULL) + at, MIN(step, 1700000 - at));
        okse_tensor_hash_end(hash);
        for (guint k = 0; k < file->tensors->len; k++) {
            OkseSha256 expected = verity_of(bytes, okse_tensor(file, k)->offset, okse_tensor(file, k)->length);

            g_assert_true(okse_sha256_equal(&expected, &okse_tensor(file, k)->digest));
        }
    }
}

static void test_refuses(void)
{
    g_autoptr(OkseTensorFile) file = okse_tensor_file_new("model", "m.safetensors", 100);
    OkseTensor over = tensor("over", 90, 11), one = tensor("a", 0, 50), other = tensor("b", 49, 10);
    OkseTensor far = tensor("far", G_MAXUINT64, G_MAXUINT64), huge = tensor("huge", 0, 1);

    huge.shape[0] = (uint64_t)G_MAXINT64 + 1;
    g_assert_false(okse_tensor_file_add(file, &over));
    g_assert_false(okse_tensor_file_add(file, &far));
    g_assert_false(okse_tensor_file_add(file, &huge));
    g_assert_false(okse_tensor_file_finish(file)); /* there is none */
    g_assert_true(okse_tensor_file_add(file, &one));
    g_assert_true(okse_tensor_file_finish(file));
    g_assert_true(okse_tensor_file_add(file, &other));
    g_assert_false(okse_tensor_file_finish(file)); /* one lies over the other */
}

typedef struct {
    size_t old_length, new_length;
    size_t from, to; /* what differs, in bytes of the tensor */
    const char *runs;
} Case;

static void test_runs(void)
{
    static const Case cases[] = {
        {1000000, 1000000, 0, 0, "=0+1000000"},
        {1000000, 1000000, 500000, 500001, "=0+499712 !499712+4096 =503808+496192"},
        {1000000, 1000000, 0, 1000000, "!0+1000000"},
        {1000000, 1000000, 30000, 30001, "!0+32768 =32768+967232"}, /* what is equal in front of it is too little */
        {1000000, 1200000, 0, 0, "=0+1000000 !1000000+200000"},     /* rows were appended */
        {1000000, 500000, 0, 0, "=0+500000"},
        {10000, 10000, 0, 0, "!0+10000"},
        {0, 100000, 0, 0, "!0+100000"},
        {100000, 0, 0, 0, ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *one = &cases[i];
        size_t most = MAX(one->old_length, one->new_length);
        g_autoptr(GBytes) was = noise(2, 100 + most), front = noise(3, 33);
        g_autofree uint8_t *changed = g_malloc0(33 + most);
        g_autoptr(GBytes) is = NULL;
        g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(OkseTensorRun));
        g_autoptr(GString) told = g_string_new(NULL);
        OkseReadable old = {.path = "old", .size = 100 + most, .read = okse_readable_bytes, .context = was};
        OkseReadable new = {.path = "new", .size = 33 + most, .read = okse_readable_bytes};
        OkseTensor before = tensor("t", 100, one->old_length), after = tensor("t", 33, one->new_length);

        memcpy(changed, g_bytes_get_data(front, NULL), 33);
        memcpy(changed + 33, (const uint8_t *)g_bytes_get_data(was, NULL) + 100, most);
        for (size_t k = one->from; k < one->to; k++)
            changed[33 + k] ^= 0x55;
        is = g_bytes_new(changed, 33 + most);
        new.context = is;
        g_assert_true(
            okse_tensor_runs(&(OkseTensorBytes){&old, &before}, &(OkseTensorBytes){&new, &after}, runs, NULL));
        for (guint k = 0; k < runs->len; k++) {
            const OkseTensorRun *run = &g_array_index(runs, OkseTensorRun, k);

            g_string_append_printf(told, "%s%c%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT, k > 0 ? " " : "",
                                   run->same ? '=' : '!', run->at, run->length);
        }
        g_assert_cmpstr(told->str, ==, one->runs);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/packager/tensors/hash", test_hash);
    g_test_add_func("/packager/tensors/refuses", test_refuses);
    g_test_add_func("/packager/tensors/runs", test_runs);
    return g_test_run();
}
