/* wyoming_client.h - a Wyoming client over a blocking socket, written from the protocol page. */
#ifndef TEST_WYOMING_CLIENT_H
#define TEST_WYOMING_CLIENT_H

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A free loopback port. */
static inline int wy_free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0), port = 0;
    if (!bind(fd, (struct sockaddr *)&at, n) && !getsockname(fd, (struct sockaddr *)&at, &n))
        port = ntohs(at.sin_port);
    close(fd);
    return port;
}

/* A connection with a receive time-out of a minute; -1 when refused. */
static inline int wy_connect(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    struct timeval wait = {60, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (!connect(fd, (struct sockaddr *)&at, sizeof at)) return fd;
    close(fd);
    return -1;
}

static inline int wy_send_bytes(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
        if (k <= 0) return 0;
        at += k;
        n -= (size_t)k;
    }
    return 1;
}

/* Send an event; `data` is JSON text or NULL. */
static inline int wy_send(int fd, const char *type, const char *data)
{
    char header[256];
    int n = data ? snprintf(header, sizeof header,
                            "{\"type\": \"%s\", \"version\": \"1.9.0\", \"data_length\": %zu}\n",
                            type, strlen(data))
                 : snprintf(header, sizeof header, "{\"type\": \"%s\"}\n", type);
    return wy_send_bytes(fd, header, (size_t)n) && (!data || wy_send_bytes(fd, data, strlen(data)));
}

/* The next event as {"type", "data"}; NULL at the end of the stream. */
static inline json_t *wy_take(int fd)
{
    char header[65536];
    size_t n = 0;
    for (;;) {
        if (n == sizeof header - 1 || recv(fd, header + n, 1, 0) != 1) return NULL;
        if (header[n] == '\n') break;
        n++;
    }
    json_t *event = json_loadb(header, n, 0, NULL);
    json_int_t length = json_integer_value(json_object_get(event, "data_length"));
    json_int_t payload = json_integer_value(json_object_get(event, "payload_length"));
    char *block = malloc((size_t)(length + payload) + 1);
    for (json_int_t got = 0; got < length + payload;) {
        ssize_t k = recv(fd, block + got, (size_t)(length + payload - got), 0);
        if (k <= 0) {
            free(block);
            json_decref(event);
            return NULL;
        }
        got += k;
    }
    if (length) json_object_set_new(event, "data", json_loadb(block, (size_t)length, 0, NULL));
    free(block);
    return event;
}

#endif
