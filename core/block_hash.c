/* The multi-buffer library is set up when it pays: short work never loads it. A failure of either library is a bug and
 * aborts, as in core/digest.c: a digest that was not computed must never be compared. */
#include "core/block_hash.h"

#include <openssl/evp.h>

#ifdef OKSE_MULTIBUFFER
#include <intel-ipsec-mb.h>
#define WORTH_IT 256u /* blocks hashed before the manager is made: it costs as much as hashing these */
#define TOGETHER 8u   /* fewer leave so many lanes empty that one after another is quicker */
#endif

struct OkseBlockHash {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
#ifdef OKSE_MULTIBUFFER
    size_t received;
    IMB_MGR *manager; /* NULL until it pays, and where the library does not work */
#endif
};

OkseBlockHash *okse_block_hash_new(void)
{
    OkseBlockHash *hash = g_new0(OkseBlockHash, 1);

    hash->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    hash->context = EVP_MD_CTX_new();
    if (hash->algorithm == NULL || hash->context == NULL)
        g_error("SHA-256 is not available");
    return hash;
}

static void run_single(const OkseBlockHash *hash, const uint8_t *blocks, size_t count, OkseSha256 *digests)
{
    for (size_t i = 0; i < count; i++)
        if (EVP_DigestInit_ex2(hash->context, hash->algorithm, NULL) != 1 ||
            EVP_DigestUpdate(hash->context, blocks + i * OKSE_HASH_BLOCK, OKSE_HASH_BLOCK) != 1 ||
            EVP_DigestFinal_ex(hash->context, digests[i].bytes, NULL) != 1)
            g_error("SHA-256 failed");
}

#ifdef OKSE_MULTIBUFFER
/* A manager whose library did not pass its own test is not used. */
static void manager_make(OkseBlockHash *hash)
{
    IMB_MGR *manager = alloc_mb_mgr(0);

    if (manager == NULL)
        return;
    init_mb_mgr_auto(manager, NULL);
    if (imb_get_errno(manager) == 0 && (manager->features & IMB_FEATURE_SELF_TEST) != 0 &&
        (manager->features & IMB_FEATURE_SELF_TEST_PASS) != 0)
        hash->manager = manager;
    else
        free_mb_mgr(manager);
}

static void job_check(const IMB_JOB *job, size_t *done)
{
    if (job->status != IMB_STATUS_COMPLETED)
        g_error("multi-buffer SHA-256 failed");
    (*done)++;
}

static void run_together(const OkseBlockHash *hash, const uint8_t *blocks, size_t count, OkseSha256 *digests)
{
    const IMB_JOB *finished;
    size_t done = 0;

    for (size_t i = 0; i < count; i++) {
        IMB_JOB *job = IMB_GET_NEXT_JOB(hash->manager);

        job->cipher_mode = IMB_CIPHER_NULL;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        job->hash_alg = IMB_AUTH_SHA_256;
        job->src = blocks + i * OKSE_HASH_BLOCK;
        job->hash_start_src_offset_in_bytes = 0;
        job->msg_len_to_hash_in_bytes = OKSE_HASH_BLOCK;
        job->auth_tag_output = digests[i].bytes;
        job->auth_tag_output_len_in_bytes = OKSE_SHA256_LENGTH;
        finished = IMB_SUBMIT_JOB(hash->manager);
        if (finished != NULL)
            job_check(finished, &done);
    }
    while ((finished = IMB_FLUSH_JOB(hash->manager)) != NULL)
        job_check(finished, &done);
    if (done != count || imb_get_errno(hash->manager) != 0)
        g_error("multi-buffer SHA-256 failed");
}
#endif

void okse_block_hash_run(OkseBlockHash *hash, const void *blocks, size_t count, OkseSha256 *digests)
{
#ifdef OKSE_MULTIBUFFER
    bool reached = hash->received >= WORTH_IT;

    hash->received += count;
    if (!reached && hash->received >= WORTH_IT)
        manager_make(hash);
    if (hash->manager != NULL && count >= TOGETHER) {
        run_together(hash, blocks, count, digests);
        return;
    }
#endif
    run_single(hash, blocks, count, digests);
}

void okse_block_hash_free(OkseBlockHash *hash)
{
    if (hash == NULL)
        return;
#ifdef OKSE_MULTIBUFFER
    if (hash->manager != NULL)
        free_mb_mgr(hash->manager);
#endif
    EVP_MD_CTX_free(hash->context);
    EVP_MD_free(hash->algorithm);
    g_free(hash);
}
