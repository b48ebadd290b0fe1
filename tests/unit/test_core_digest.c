/* Expected values: `printf '' | sha256sum`; `fsverity digest` 1.5 on the named inputs. */
#include "core/block_hash.h"
#include "core/verity.h"

#include <string.h>

static void known_digests(void)
{
    OkseSha256 digest = okse_sha256_of("", 0);
    char text[OKSE_SHA256_TEXT];

    g_assert_cmpstr(okse_sha256_text(&digest, text), ==,
                    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest = okse_sha256_of("abc", 3); /* printf abc | sha256sum */
    g_assert_cmpstr(okse_sha256_hex(&digest, text), ==,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void refuses(const char *text)
{
    g_autoptr(GError) error = NULL;
    OkseSha256 digest = {{7}};

    g_assert_false(okse_sha256_parse(text, &digest, &error));
    g_assert_error(error, OKSE_ERROR, OKSE_ERROR_INVALID);
    g_assert_cmpint(digest.bytes[0], ==, 7);
}

static void refuses_other_forms(void)
{
    refuses("");
    refuses("sha256:");
    refuses("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
    refuses("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85");
    refuses("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    refuses(" e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85");
}

static void verity_is(size_t length, char fill, size_t step, const char *expected)
{
    g_autofree char *data = g_malloc(length + 1);
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();
    guint64 count = (length + OKSE_VERITY_BLOCK - 1) / OKSE_VERITY_BLOCK;
    g_autofree OkseSha256 *blocks = g_new(OkseSha256, count + 1);
    OkseSha256 streamed, split;
    char text[OKSE_SHA256_TEXT];

    memset(data, fill, length);
    for (size_t at = 0; at < length; at += MIN(step, length - at))
        okse_verity_stream_update(stream, data + at, MIN(step, length - at));
    streamed = okse_verity_stream_end(stream);
    g_assert_cmpstr(okse_sha256_hex(&streamed, text), ==, expected);
    for (guint64 i = 0; i < count; i++)
        blocks[i] =
            okse_verity_block(data + i * OKSE_VERITY_BLOCK, MIN(OKSE_VERITY_BLOCK, length - i * OKSE_VERITY_BLOCK));
    split = okse_verity_from_blocks(blocks, count, length);
    g_assert_cmpstr(okse_sha256_hex(&split, text), ==, expected);
}

static void verity_matches_fsverity(void)
{
    verity_is(0, 0, 1, "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
    verity_is(1, 'a', 1, "bce75948b9e7510293f8f2720412af9697c1479281323f3f220623fb8e94b557");
    verity_is(4096, 0, 1000, "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e");
    verity_is(4097, 0, 4096, "093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743");
    verity_is(524289, 0, 65536, "e4143a5705610b7ad2eb85482cfc033c7062a89b9faf9118603f592d53fd10e0");
    verity_is(1 << 20, 0, 77777, "feb19a23e72cb1b8f935d668a09ecaad0bf7c5b9cdfa6dbba7c88a9998ed2b87");
}

/* Several blocks at a time give what OpenSSL gives one by one: any number of them, before and after the library joins.
 */
static void blocks_together_are_the_same(void)
{
    enum { MOST = 600 };
    g_autofree uint8_t *data = g_malloc(MOST * OKSE_HASH_BLOCK + 1);
    g_autofree OkseSha256 *digests = g_new(OkseSha256, MOST);
    g_autoptr(OkseBlockHash) hash = okse_block_hash_new();

    for (size_t i = 0; i < MOST * OKSE_HASH_BLOCK + 1; i++)
        data[i] = (uint8_t)g_test_rand_int();
    for (size_t count = 0; count <= MOST; count += count < 70 ? 1 : 53) {
        const uint8_t *blocks = data + count % 2; /* aligned and not */

        memset(digests, 0, MOST * sizeof *digests);
        okse_block_hash_run(hash, blocks, MIN(count, MOST - 1), digests);
        for (size_t i = 0; i < MIN(count, MOST - 1); i++) {
            OkseSha256 single = okse_sha256_of(blocks + i * OKSE_HASH_BLOCK, OKSE_HASH_BLOCK);

            g_assert_true(okse_sha256_equal(&single, &digests[i]));
        }
    }
}

static OkseSha256 digest_in_segments(const char *data, size_t size)
{
    g_autoptr(OkseVerityStream) stream = okse_verity_stream_new();
    OkseSha256 segments[4];
    unsigned count = 0;

    for (size_t at = 0; at < size; at += OKSE_VERITY_SEGMENT) {
        okse_verity_stream_update(stream, data + at, MIN(size - at, OKSE_VERITY_SEGMENT));
        segments[count++] = okse_verity_stream_end_segment(stream);
    }
    return okse_verity_from_segments(segments, count, size);
}

/* Expected values: `fsverity digest` of files of zeros (truncate -s SIZE). */
static void segments_make_the_same_tree(void)
{
    static const struct {
        size_t size;
        const char *expected;
    } known[] = {
        {OKSE_VERITY_SEGMENT + 1, "be5993679f703697692cc6ce69e480edc9721baff591795438ae8097275c0687"},
        {OKSE_VERITY_SEGMENT + 4096 * 128 + 4095, "9c7e6b99533b51d7e9175844246b49989c69f152e6d94ce05b44722c81d9381d"},
        {2 * (size_t)OKSE_VERITY_SEGMENT, "7791b1e35f04bbf991b5946f292aede23f44bc144a5dc96c7f8163d08590dd7e"},
        {2 * (size_t)OKSE_VERITY_SEGMENT + 4097, "887bb21444aa4f9d88fcad3eeb70c866c28a3d13887bcb660aafe0d00760085d"},
    };
    g_autofree char *zeros = g_malloc0(2 * (size_t)OKSE_VERITY_SEGMENT + 4097);
    char text[OKSE_SHA256_HEX];

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        OkseSha256 digest = digest_in_segments(zeros, known[i].size);

        g_assert_cmpstr(okse_sha256_hex(&digest, text), ==, known[i].expected);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/core/digest/known", known_digests);
    g_test_add_func("/core/digest/refuses-other-forms", refuses_other_forms);
    g_test_add_func("/core/verity/matches-fsverity", verity_matches_fsverity);
    g_test_add_func("/core/block-hash/same", blocks_together_are_the_same);
    g_test_add_func("/core/verity/segments", segments_make_the_same_tree);
    return g_test_run();
}
