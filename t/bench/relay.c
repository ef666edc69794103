/* Licensed under the Apache License, Version 2.0; see LICENSE. */

/* Stands between httpd and a database, over two sockets of the file system.
 *
 *   relay LISTEN CONNECT DELAY
 *
 * What comes from either side goes to the other DELAY (microseconds) later.
 * USR1: connections that are there fall silent; new ones are served. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SIDES_MAX 512

/* One direction: what was read from one socket, for the other. */
typedef struct side_t {
    int from, to;               /* to: of the other side */
    int silent;
    size_t have, sent;
    long long due;
    char bytes[16384];
} side_t;

static side_t sides[SIDES_MAX];         /* two of a pair stand together */
static int count;
static long long delay;
static volatile sig_atomic_t silence;

static void on_silence(int number)
{
    silence = number;
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { AF_UNIX, "" };

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static void add_pair(int client, const char *path)
{
    struct sockaddr_un address = address_of(path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);

    if (count + 2 > SIDES_MAX
        || connect(server, (struct sockaddr *)&address, sizeof(address))) {
        close(client);
        close(server);
        return;
    }
    memset(&sides[count], 0, 2 * sizeof(*sides));
    sides[count].from = sides[count + 1].to = client;
    sides[count].to = sides[count + 1].from = server;
    count += 2;
}

static void end_pair(int at)
{
    at -= at % 2;
    close(sides[at].from);
    close(sides[at].to);
    count -= 2;
    memmove(&sides[at], &sides[at + 2],
            (size_t)(count - at) * sizeof(*sides));
}

/* 0: the pair has ended. */
static int move(side_t *side, int readable)
{
    ssize_t got;

    if (!side->have && readable) {
        got = read(side->from, side->bytes, sizeof(side->bytes));
        if (got <= 0) {
            return 0;
        }
        side->have = (size_t)got;
        side->due = now() + delay;
    }
    if (side->have && now() >= side->due) {
        got = write(side->to, side->bytes + side->sent,
                    side->have - side->sent);
        if (got < 0) {
            return 0;
        }
        side->sent += (size_t)got;
        if (side->sent == side->have) {
            side->sent = side->have = 0;
        }
    }
    return 1;
}

/* Until the next chunk is due, at the longest. */
static void wait_for_all(struct pollfd *polled, int listener)
{
    long long soon = 1000000;
    struct timespec span;
    int i;

    for (i = 0; i < count; i++) {
        side_t *side = &sides[i];
        long long left = side->due - now();

        side->silent |= silence != 0;
        polled[i].fd = side->have || side->silent ? -1 : side->from;
        polled[i].events = POLLIN;
        polled[i].revents = 0;
        if (side->have && !side->silent && left < soon) {
            soon = left > 0 ? left : 0;
        }
    }
    silence = 0;
    polled[count].fd = listener;
    polled[count].events = POLLIN;
    span.tv_sec = soon / 1000000;
    span.tv_nsec = soon % 1000000 * 1000;
    if (ppoll(polled, (nfds_t)count + 1, &span, NULL) < 0) {
        memset(polled, 0, sizeof(*polled) * ((size_t)count + 1));
    }
}

int main(int argc, char **argv)
{
    static struct pollfd polled[SIDES_MAX + 1];
    struct sigaction action = { 0 };
    struct sockaddr_un address;
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int i;

    if (argc != 4) {
        return 2;
    }
    action.sa_handler = on_silence;
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    delay = atoll(argv[3]);
    address = address_of(argv[1]);
    unlink(argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address))
        || chmod(argv[1], 0777) || listen(listener, 128)) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        int before;

        wait_for_all(polled, listener);
        before = count;
        for (i = before - 1; i >= 0; i--) {
            if (!sides[i].silent && !move(&sides[i], polled[i].revents)) {
                i -= i % 2;
                end_pair(i);
            }
        }
        if (polled[before].revents & POLLIN) {
            add_pair(accept(listener, NULL, NULL), argv[2]);
        }
    }
}
