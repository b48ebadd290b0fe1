/* A ring of buffers between two threads. The lock is a pthread mutex because ThreadSanitizer does not see GMutex. */
#include "packager/stream_hash.h"

#include "core/verity.h"

#include <pthread.h>

#define BUFFERS 4u

struct OkseStreamHash {
    uint8_t *buffers[BUFFERS];
    size_t lengths[BUFFERS];
    uint64_t filled, hashed;   /* buffers, ever; under lock */
    bool ended;                /* under lock */
    bool by_verity, by_sha256; /* changed only when all that was filled is hashed */
    OkseVerityStream *verity;
    OkseSha256Stream *sha256;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GThread *thread;
};

static void hash_buffer(OkseStreamHash *hash, uint64_t number)
{
    unsigned at = (unsigned)(number % BUFFERS);

    if (hash->by_verity)
        okse_verity_stream_update(hash->verity, hash->buffers[at], hash->lengths[at]);
    if (hash->by_sha256)
        okse_sha256_stream_update(hash->sha256, hash->buffers[at], hash->lengths[at]);
}

static gpointer work(gpointer data)
{
    OkseStreamHash *hash = data;

    pthread_mutex_lock(&hash->lock);
    while (!hash->ended || hash->hashed < hash->filled) {
        if (hash->hashed == hash->filled) {
            pthread_cond_wait(&hash->changed, &hash->lock);
            continue;
        }
        pthread_mutex_unlock(&hash->lock);
        hash_buffer(hash, hash->hashed); /* only this thread counts hashed */
        pthread_mutex_lock(&hash->lock);
        hash->hashed++;
        pthread_cond_broadcast(&hash->changed);
    }
    pthread_mutex_unlock(&hash->lock);
    return NULL;
}

OkseStreamHash *okse_stream_hash_new(void)
{
    OkseStreamHash *hash = g_new0(OkseStreamHash, 1);

    for (unsigned i = 0; i < BUFFERS; i++)
        hash->buffers[i] = g_malloc(OKSE_STREAM_BUFFER);
    hash->verity = okse_verity_stream_new();
    hash->sha256 = okse_sha256_stream_new();
    pthread_mutex_init(&hash->lock, NULL);
    pthread_cond_init(&hash->changed, NULL);
    hash->thread = g_thread_new("okse-hash", work, hash);
    return hash;
}

/* Wait until at most this many buffers are still to be hashed. */
static void wait_for(OkseStreamHash *hash, uint64_t most)
{
    pthread_mutex_lock(&hash->lock);
    while (hash->filled - hash->hashed > most)
        pthread_cond_wait(&hash->changed, &hash->lock);
    pthread_mutex_unlock(&hash->lock);
}

void okse_stream_hash_begin(OkseStreamHash *hash, bool verity, bool sha256)
{
    wait_for(hash, 0);
    hash->by_verity = verity;
    hash->by_sha256 = sha256;
}

void *okse_stream_hash_buffer(OkseStreamHash *hash)
{
    wait_for(hash, BUFFERS - 1);
    return hash->buffers[hash->filled % BUFFERS]; /* only this thread counts filled */
}

void okse_stream_hash_put(OkseStreamHash *hash, size_t length)
{
    hash->lengths[hash->filled % BUFFERS] = length;
    pthread_mutex_lock(&hash->lock);
    hash->filled++;
    pthread_cond_broadcast(&hash->changed);
    pthread_mutex_unlock(&hash->lock);
}

void okse_stream_hash_end(OkseStreamHash *hash, OkseSha256 *verity, OkseSha256 *sha256)
{
    wait_for(hash, 0);
    if (hash->by_verity)
        *verity = okse_verity_stream_end(hash->verity);
    if (hash->by_sha256)
        *sha256 = okse_sha256_stream_end(hash->sha256);
}

void okse_stream_hash_free(OkseStreamHash *hash)
{
    if (hash == NULL)
        return;
    pthread_mutex_lock(&hash->lock);
    hash->ended = true;
    pthread_cond_broadcast(&hash->changed);
    pthread_mutex_unlock(&hash->lock);
    g_thread_join(hash->thread);
    for (unsigned i = 0; i < BUFFERS; i++)
        g_free(hash->buffers[i]);
    okse_verity_stream_free(hash->verity);
    okse_sha256_stream_free(hash->sha256);
    pthread_mutex_destroy(&hash->lock);
    pthread_cond_destroy(&hash->changed);
    g_free(hash);
}
