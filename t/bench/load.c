/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Clients that ask a server on 127.0.0.1, each one request after the other
 * over a connection that is kept.
 *
 *   load PORT PATH KEY CLIENTS PAUSE SECONDS COUNT
 *
 * KEY may be empty; PAUSE (ms) is between an answer and the next request.  It
 * ends after SECONDS or, if that comes first, after COUNT answers, or with
 * TERM.  A line for each answer: when it was asked for (epoch, microseconds),
 * how long it took (microseconds), its status; 0 where none came.  What was
 * under way for less than three seconds at the end is not counted. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CLIENTS_MAX 512

typedef struct client_t {
    int fd;
    int asking;
    long long asked;
    long long next;
    size_t have;
    char got[8192];
} client_t;

static client_t clients[CLIENTS_MAX];
static struct sockaddr_in server;
static char question[1024];
static long long pause_us;
static volatile sig_atomic_t over;

static void stop(int signal)
{
    over = signal;
}

static long long now(void)
{
    struct timeval tv;

    gettimeofday(&tv, NULL);
    return tv.tv_sec * 1000000LL + tv.tv_usec;
}

static void answered(client_t *client, int status)
{
    printf("%lld %lld %d\n", client->asked, now() - client->asked, status);
    client->asking = 0;
    client->have = 0;
    client->next = now() + pause_us;
}

static void hang_up(client_t *client)
{
    if (client->asking) {
        answered(client, 0);
    }
    close(client->fd);
    client->fd = -1;
}

/* A connect to a listening socket of this machine does not wait. */
static void ask(client_t *client)
{
    int one = 1;

    client->asked = now();
    client->asking = 1;
    client->have = 0;
    if (client->fd < 0) {
        client->fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(client->fd, (struct sockaddr *)&server,
                    sizeof(server)) != 0) {
            hang_up(client);
            return;
        }
    }
    if (send(client->fd, question, strlen(question), MSG_NOSIGNAL) < 0) {
        hang_up(client);
    }
}

/* The whole answer is there: its status; else -1. */
static int status_of(client_t *client)
{
    char *end, *length;

    client->got[client->have] = '\0';
    end = strstr(client->got, "\r\n\r\n");
    if (!end) {
        return -1;
    }
    length = strstr(client->got, "\r\nContent-Length: ");
    if (length && length < end
        && client->have < (size_t)(end + 4 - client->got)
                          + strtoul(length + 18, NULL, 10)) {
        return -1;
    }
    return atoi(client->got + 9);
}

/* Whether there was an answer. */
static int hear(client_t *client)
{
    ssize_t got = recv(client->fd, client->got + client->have,
                       sizeof(client->got) - 1 - client->have, 0);
    int closing, status;

    if (got <= 0) {
        hang_up(client);
        return 0;
    }
    client->have += (size_t)got;
    status = status_of(client);
    if (status < 0) {
        return 0;
    }
    closing = strstr(client->got, "\r\nConnection: close\r\n") != NULL;
    answered(client, status);
    if (closing) {
        hang_up(client);
    }
    return 1;
}

/* Sends the requests that are due; returns when the next one is. */
static long long ask_all(int count)
{
    long long due = now() + 100000;
    int i;

    for (i = 0; i < count; i++) {
        if (!clients[i].asking) {
            if (clients[i].next <= now()) {
                ask(&clients[i]);
            }
            else if (clients[i].next < due) {
                due = clients[i].next;
            }
        }
    }
    return due;
}

static void run(int count, long long end, long answers)
{
    struct pollfd polls[CLIENTS_MAX];
    int i;

    while (answers > 0 && now() < end && !over) {
        long long due = ask_all(count);

        for (i = 0; i < count; i++) {
            polls[i].fd = clients[i].asking ? clients[i].fd : -1;
            polls[i].events = POLLIN;
            polls[i].revents = 0;
        }
        due = (due - now()) / 1000;
        poll(polls, (nfds_t)count, due > 0 ? (int)due + 1 : 0);
        for (i = 0; i < count; i++) {
            if (polls[i].revents) {
                answers -= hear(&clients[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    int i, count = argc == 8 ? atoi(argv[4]) : 0;

    if (count < 1 || count > CLIENTS_MAX) {
        fprintf(stderr, "usage: load PORT PATH KEY CLIENTS PAUSE SECONDS "
                "COUNT\n");
        return 2;
    }
    signal(SIGTERM, stop);
    server.sin_family = AF_INET;
    server.sin_port = htons((unsigned short)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(question, sizeof(question), "GET %s HTTP/1.1\r\nHost: a\r\n"
             "%s%s%s\r\n", argv[2], *argv[3] ? "X-API-Key: " : "", argv[3],
             *argv[3] ? "\r\n" : "");
    pause_us = atol(argv[5]) * 1000;
    for (i = 0; i < count; i++) {
        clients[i].fd = -1;
        clients[i].next = now() + pause_us * i / count;
    }
    run(count, now() + (long long)(atof(argv[6]) * 1e6), atol(argv[7]));
    for (i = 0; i < count; i++) {
        if (clients[i].asking && now() - clients[i].asked >= 3000000) {
            answered(&clients[i], 0);
        }
    }
    return 0;
}
