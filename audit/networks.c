/* A thread a namespace: a network namespace belongs to a thread, and the libraries that ask the kernel open their
 * sockets when they like, which must then be there. */
#include "audit/networks.h"

#include "audit/firewall_legacy.h"
#include "core/fd.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#define STACK (1u << 20)

typedef struct {
    guint64 netns;
    int fd, error;
    pthread_t thread;
    GMutex lock;
    GCond changed;
    void (*task)(void *data); /* what is to be done; NULL: nothing */
    void *data;
    GPtrArray *legacy; /* OkseLegacyTable: needs a socket that nobody has later */
    bool ready, ended;
} Network;

struct OkseNetworks {
    GPtrArray *all;    /* Network, in the order in which processes were seen */
    GPtrArray *legacy; /* of our own */
    bool more;
};

static void *live_there(void *data)
{
    Network *network = data;

    g_mutex_lock(&network->lock);
    network->error = setns(network->fd, CLONE_NEWNET) == 0 ? 0 : errno;
    if (network->error == 0)
        network->legacy = okse_legacy_fetch();
    network->ready = true;
    g_cond_broadcast(&network->changed);
    while (!network->ended) {
        if (network->task != NULL) {
            network->task(network->data);
            network->task = NULL;
            g_cond_broadcast(&network->changed);
        }
        g_cond_wait(&network->changed, &network->lock);
    }
    g_mutex_unlock(&network->lock);
    return NULL;
}

static bool start(Network *network)
{
    pthread_attr_t attributes;
    int status = pthread_attr_init(&attributes);

    if (status == 0)
        status = pthread_attr_setstacksize(&attributes, STACK);
    if (status == 0)
        status = pthread_create(&network->thread, &attributes, live_there, network);
    pthread_attr_destroy(&attributes);
    network->error = status;
    return status == 0;
}

static void network_free(gpointer data)
{
    Network *network = data;

    if (network->ready) {
        g_mutex_lock(&network->lock);
        network->ended = true;
        g_cond_broadcast(&network->changed);
        g_mutex_unlock(&network->lock);
        pthread_join(network->thread, NULL);
    }
    g_clear_pointer(&network->legacy, g_ptr_array_unref);
    g_mutex_clear(&network->lock);
    g_cond_clear(&network->changed);
    g_free(network);
}

static Network *find(const OkseNetworks *networks, guint64 netns)
{
    for (guint i = 0; i < networks->all->len; i++)
        if (((Network *)g_ptr_array_index(networks->all, i))->netns == netns)
            return g_ptr_array_index(networks->all, i);
    return NULL;
}

static void enter(OkseNetworks *networks, int fd, guint64 netns)
{
    Network *network;

    if (networks->all->len >= OKSE_LIMIT_NETWORKS) {
        networks->more = true;
        return;
    }
    network = g_new0(Network, 1);
    network->netns = netns;
    network->fd = fd;
    g_mutex_init(&network->lock);
    g_cond_init(&network->changed);
    g_ptr_array_add(networks->all, network);
    if (!start(network))
        return;
    g_mutex_lock(&network->lock);
    while (!network->ready)
        g_cond_wait(&network->changed, &network->lock);
    g_mutex_unlock(&network->lock);
}

OkseNetworks *okse_networks_enter(void)
{
    OkseNetworks *networks = g_new0(OkseNetworks, 1);
    DIR *directory = opendir("/proc");
    const struct dirent *entry = NULL;
    struct stat own, other;

    networks->all = g_ptr_array_new_with_free_func(network_free);
    networks->legacy = okse_legacy_fetch();
    while (directory != NULL && stat("/proc/self/ns/net", &own) == 0 &&
           okse_directory_next(directory, &entry, "/proc", NULL) && entry != NULL) {
        g_autofree char *path = g_strconcat(entry->d_name, "/ns/net", NULL);
        okse_autofd fd = g_ascii_isdigit(*entry->d_name) ? openat(dirfd(directory), path, O_RDONLY | O_CLOEXEC) : -1;

        if (fd >= 0 && fstat(fd, &other) == 0 && other.st_ino != own.st_ino && find(networks, other.st_ino) == NULL)
            enter(networks, fd, other.st_ino);
    }
    if (directory != NULL)
        closedir(directory);
    return networks;
}

void okse_networks_leave(OkseNetworks *networks)
{
    if (networks == NULL)
        return;
    g_ptr_array_unref(networks->all);
    g_ptr_array_unref(networks->legacy);
    g_free(networks);
}

const GPtrArray *okse_networks_legacy(const OkseNetworks *networks, guint64 netns)
{
    const Network *network = netns == 0 ? NULL : find(networks, netns);

    return netns == 0 ? networks->legacy : network != NULL ? network->legacy : NULL;
}

bool okse_networks_more(const OkseNetworks *networks)
{
    return networks->more;
}

int okse_networks_do(OkseNetworks *networks, guint64 netns, void (*task)(void *data), void *data)
{
    Network *network = find(networks, netns);

    if (network == NULL || network->error != 0)
        return network == NULL ? ENOENT : network->error;
    g_mutex_lock(&network->lock);
    network->task = task;
    network->data = data;
    g_cond_broadcast(&network->changed);
    while (network->task != NULL)
        g_cond_wait(&network->changed, &network->lock);
    g_mutex_unlock(&network->lock);
    return 0;
}
