/* The least that a chat server can do: it reads a message, builds one frame, and writes the same bytes to
 * each socket. How fast that goes shows what the generator and the kernel allow.
 *
 *     yardstick PORT
 *
 * It knows only what `load.c` sends, checks nothing, and waits for nobody who reads slowly. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MOST = 65536, ROOM = 8192, EVENTS = 256 };

struct client {
    int socket;
    bool upgraded;
    size_t length;
    char data[ROOM];
};

static struct client *clients[MOST]; /* by socket */
static int joined[MOST], joined_count, poller;

/* The answer to the only key that the generator uses, and Engine.IO's first packet as a frame. */
static const char WELCOME[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    "\x81\x43" "0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":60000,\"pingTimeout\":60000}";
static const char CONNECTED[] = "\x81\x0d" "40{\"sid\":\"x\"}";

static void put(int socket, const char *data, size_t length) {
    if (send(socket, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return; /* it left, or reads nothing */
}

static void on_message(struct client *client, const char *data, size_t length) {
    char frame[ROOM + 4] = {(char)0x81, 126, (char)(length >> 8), (char)length};
    size_t head = 4;
    if (length == 2) { /* CONNECT */
        put(client->socket, CONNECTED, sizeof CONNECTED - 1);
        joined[joined_count++] = client->socket;
    }
    if (length < 3) return;
    if (length < 126) frame[1] = (char)length, head = 2;
    memcpy(frame + head, data, length);
    for (int n = 0; n < joined_count; n++) put(joined[n], frame, head + length);
}

static void leave(struct client *client) {
    for (int n = 0; n < joined_count; n++)
        if (joined[n] == client->socket) joined[n] = joined[--joined_count];
    close(client->socket);
    free(client);
}

static void on_data(struct client *client) {
    size_t done = 0;
    ssize_t got = recv(client->socket, client->data + client->length, ROOM - client->length, 0);
    if (got <= 0) return leave(client);
    client->length += (size_t)got;
    if (!client->upgraded) { /* the generator waits for the answer, so nothing comes after the request */
        if (!memmem(client->data, client->length, "\r\n\r\n", 4)) return;
        client->upgraded = true;
        client->length = 0;
        return put(client->socket, WELCOME, sizeof WELCOME - 1);
    }
    while (client->length - done >= 2) {
        unsigned char *frame = (unsigned char *)client->data + done;
        size_t head = 6, size = frame[1] & 127;
        if (size == 126) head = 8, size = (size_t)frame[2] << 8 | frame[3];
        if (client->length - done < head + size) break;
        for (size_t n = 0; n < size; n++) frame[head + n] ^= frame[head - 4 + (n & 3)];
        on_message(client, (char *)frame + head, size);
        done += head + size;
    }
    client->length -= done;
    memmove(client->data, client->data + done, client->length);
}

static void on_client(int listener) {
    int on = 1, socket = accept(listener, NULL, NULL);
    if (socket < 0 || socket >= MOST) exit(1);
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients[socket] = calloc(1, sizeof(struct client));
    clients[socket]->socket = socket;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = socket};
    epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
}

int main(int count, char **words) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[count - 1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[EVENTS];
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1024)) return 1;
    poller = epoll_create1(0);
    events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int n = 0; n < ready; n++) {
            int socket = events[n].data.fd;
            if (socket == listener) on_client(listener);
            else on_data(clients[socket]);
        }
    }
}
