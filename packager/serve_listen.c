/* Where to listen. No name is looked up. */
#include "packager/serve_listen.h"

#include "core/fd.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

void okse_listener_clear(OkseListener *listener)
{
    okse_fd_clear(&listener->fd);
    g_clear_pointer(&listener->text, g_free);
}

static struct addrinfo *address_read(const char *text)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    const char *colon = strrchr(text, ':');
    g_autofree char *host = colon == NULL ? NULL : g_strndup(text, (gsize)(colon - text));
    struct addrinfo *found = NULL;
    const char *name = host;
    guint64 port;

    if (host == NULL || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
        return NULL;
    if (*host == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = '\0';
        name = host + 1;
    } else if (strchr(host, ':') != NULL) {
        return NULL;
    } else if (strcmp(host, "localhost") == 0) {
        name = "127.0.0.1";
    }
    return *name != '\0' && getaddrinfo(name, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static bool is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

static bool name_it(OkseListener *listener, GError **error)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getsockname(listener->fd, (struct sockaddr *)&bound, &length) < 0)
        return okse_fail_errno(error, "--listen: the port cannot be asked for");
    if (getnameinfo((struct sockaddr *)&bound, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return okse_fail(error, OKSE_ERROR_SYSTEM, "--listen: the address cannot be written");
    listener->text = g_strdup_printf(bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

bool okse_listener_open(const char *text, OkseListener *listener, GError **error)
{
    struct addrinfo *address = address_read(text);
    const int on = 1;
    bool bound;

    *listener = (OkseListener)OKSE_LISTENER_INIT;
    if (address == NULL)
        return okse_fail(error, OKSE_ERROR_INVALID,
                         "--listen '%s' is no address and port (such as 127.0.0.1:5000, [::1]:5000 or 0.0.0.0:5000)",
                         text);
    listener->local = is_local(address->ai_addr);
    listener->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd >= 0)
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* the port may be used again at once */
    if (listener->fd >= 0 && address->ai_family == AF_INET6)
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); /* [::] is not 0.0.0.0, too */
    bound = listener->fd >= 0 && bind(listener->fd, address->ai_addr, address->ai_addrlen) == 0;
    if (!bound)
        okse_fail_errno(error, "--listen %s", text);
    freeaddrinfo(address);
    return bound && name_it(listener, error);
}
