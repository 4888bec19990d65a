#define _GNU_SOURCE
#include "CHTTPLoop.h"

#if defined(__linux__)
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
    int descriptor;
    int received;
    double sent_at;
    char buffer[4096];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int connect_to(int port) {
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) return -1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return descriptor;
}

static int send_request(struct connection *connection, const char *path, long key) {
    static const char body[] = "{\"order\":\"8e03978e-40d5-43e8-bc93-6894a57f9324\",\"amount\":1250}";
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: alice\r\nContent-Type: application/json\r\n"
                          "Idempotency-Key: \"8e03978e-40d5-43e8-bc93-%012ld\"\r\nContent-Length: %zu\r\n\r\n%s",
                          path, key, sizeof body - 1, body);
    connection->received = 0;
    connection->sent_at = now();
    return send(connection->descriptor, request, (size_t)length, MSG_NOSIGNAL) == length;
}

/// Reads what there is. Returns 1 if a response is whole, 0 if not yet, and -1 if it is not the one that was expected.
static int receive(struct connection *connection, const char *status, const char *text) {
    int room = (int)sizeof connection->buffer - 1 - connection->received;
    ssize_t count = recv(connection->descriptor, connection->buffer + connection->received, (size_t)room, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN ? 0 : -1;
    if (count == 0) return -1;
    connection->received += (int)count;
    connection->buffer[connection->received] = 0;
    char *body = strstr(connection->buffer, "\r\n\r\n");
    if (!body) return 0;
    char *field = strcasestr(connection->buffer, "\r\ncontent-length:");
    if (!field || field > body) return -1;
    if (connection->received < body + 4 - connection->buffer + atoi(field + 17)) return 0;
    return strncmp(connection->buffer, status, strlen(status)) == 0 && strstr(connection->buffer, text) ? 1 : -1;
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

struct http_load http_loop(int port, const char *path, int requests, int connections, long first_key, long keys, int status,
                           const char *text) {
    struct http_load load = {-1, -1};
    struct connection *all = calloc((size_t)connections, sizeof *all);
    double *times = calloc((size_t)requests, sizeof *times);
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d", status);
    int queue = epoll_create1(0), opened = 0, sent = 0, done = 0;
    for (; opened < connections; opened++) {
        all[opened].descriptor = connect_to(port);
        if (all[opened].descriptor < 0) goto end;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[opened]};
        epoll_ctl(queue, EPOLL_CTL_ADD, all[opened].descriptor, &event);
    }
    double start = now();
    for (int index = 0; index < connections && sent < requests; index++, sent++) {
        if (!send_request(&all[index], path, first_key + sent % keys)) goto end;
    }
    while (done < requests) {
        struct epoll_event events[64];
        int count = epoll_wait(queue, events, 64, 10000);
        if (count <= 0) goto end;
        for (int index = 0; index < count; index++) {
            struct connection *connection = events[index].data.ptr;
            int answer = receive(connection, line, text);
            if (answer < 0) goto end;
            if (answer == 0) continue;
            times[done++] = now() - connection->sent_at;
            if (sent >= requests) continue;
            if (!send_request(connection, path, first_key + sent % keys)) goto end;
            sent++;
        }
    }
    load.rate = requests / (now() - start);
    qsort(times, (size_t)requests, sizeof *times, compare);
    load.p99 = times[requests - 1 - requests / 100];
end:
    for (int index = 0; index < opened; index++) close(all[index].descriptor);
    close(queue);
    free(all);
    free(times);
    return load;
}
#else
struct http_load http_loop(int port, const char *path, int requests, int connections, long first_key, long keys, int status,
                           const char *text) {
    return (struct http_load){-1, -1};
}
#endif
