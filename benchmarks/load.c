/* Load for a chat server: many Socket.IO clients in one process, with one epoll loop.
 *
 *     load --port 5000 --clients 200 --senders 4 --pid 4711 --seconds 2
 *
 * All clients connect by WebSocket. Some of them send messages, and the server is expected to send each
 * message to all clients. A sender sends its next message when its own message comes back (a closed
 * loop), or at fixed times if there is a --rate (an open loop). Each message carries its sender, a number
 * and the time at which it should have been sent. Each client checks the numbers of each sender, and so
 * it notices each message that is lost, doubled or reordered.
 *
 * With --slow N, the program measures twice: the second time, N clients have stopped reading.
 * At the end, it waits for what has not arrived yet, for at most --patience seconds.
 * It prints one JSON object. Times are in seconds, latencies in microseconds, and memory is in KiB.
 * `benchmarks/generator.py` compiles and runs this program. It needs 64-bit Linux. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PIDS = 64, MOST_SENDERS = 256, MOST_LATENCIES = 1 << 24, EVENTS = 256 };
enum { BUFFER = 1 << 18, LONGEST = 4096, LEAST = 40, CONNECTING_AT_ONCE = 32 };
enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 }; /* opcodes of WebSocket */
static const double CONNECT_PATIENCE = 120, SETTLE = 0.5; /* seconds */
static const char MARK[] = "Load ";
enum { MARKED = sizeof MARK - 1 + 3 + 1 + 10 + 1 + 16 }; /* the mark, sender, number and time */

/* ---- what is measured */

static struct options {
    int port, clients, senders, slow, bytes, room;
    bool polls;
    double seconds, warm_up, rate, patience;
    const char *cookies;
} given = {.clients = 200, .senders = 4, .bytes = 100, .seconds = 2, .warm_up = 0.5,
           .patience = 20};

struct seen { /* which messages of one sender a client has seen */
    uint32_t last;
    unsigned long before; /* bit n: whether it has seen the message last - n */
};

enum state { NEW, CONNECTING, UPGRADING, OPENING, JOINED, GONE };

struct client {
    int socket, sender; /* -1: it sends nothing */
    enum state state;
    bool slow;
    const char *cookie;
    char *rest; /* the beginning of a frame whose end has not arrived yet */
    size_t rest_length;
    struct seen *seen; /* by sender */
};

struct sender {
    struct client *client;
    uint32_t sent;
};

struct sample { /* what has been used until now, in seconds */
    double time, server, own, idle, memory;
    unsigned long messages, bytes, reads;
};

static struct client *clients;
static struct sender senders[MOST_SENDERS];
static int pids[MOST_PIDS], pid_count, readers, joined, in_progress, next_client;
static int poller, clock_socket = -1;
static unsigned long interval, next_time; /* of the open loop, in nanoseconds */
static bool running, measuring, stopped_reading;
static unsigned long sent, arrived, acknowledged, doubled, reordered, refused, gone;
static unsigned long bytes_read, reads, idle;
static uint32_t latencies[MOST_LATENCIES]; /* of the deliveries of the current window */
static size_t latency_count;

static void fail(const char *why, ...) {
    va_list values;
    va_start(values, why);
    vfprintf(stderr, why, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

static unsigned long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (unsigned long)at.tv_sec * 1000000000u + (unsigned long)at.tv_nsec;
}

static double seconds_of(clockid_t clock) {
    struct timespec at;
    if (clock_gettime(clock, &at)) fail("a process of the server has ended");
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double memory_of(int pid) {
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("the server's process %d has ended", pid);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static struct sample sample(void) {
    struct sample found = {.messages = sent, .bytes = bytes_read, .reads = reads, .idle = (double)idle / 1e9,
                           .time = seconds_of(CLOCK_MONOTONIC), .own = seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
    for (int n = 0; n < pid_count; n++) {
        clockid_t clock; /* /proc counts in steps of 10 ms, and this one in nanoseconds */
        if (clock_getcpuclockid(pids[n], &clock)) fail("the server's process %d has ended", pids[n]);
        found.server += seconds_of(clock);
        found.memory += memory_of(pids[n]);
    }
    return found;
}

static int compare(const void *one, const void *two) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)two;
    return (a > b) - (a < b);
}

static uint32_t quantile(double share) { /* of what is sorted */
    return latency_count ? latencies[(size_t)(share * (double)(latency_count - 1))] : 0;
}

/* ---- sending */

static void leave(struct client *client) {
    if (client->state == JOINED) joined--;
    else in_progress--;
    gone++;
    client->state = GONE;
    close(client->socket);
}

/* Send a masked frame. The sockets of a client that sends are never full, so it goes in one piece. */
static void send_frame(struct client *client, int opcode, const char *data, size_t length) {
    static const unsigned char mask[4] = {0x1b, 0xc7, 0x35, 0xe2};
    unsigned char frame[LONGEST + 1024];
    size_t head = 2;
    frame[0] = (unsigned char)(0x80 | opcode);
    frame[1] = (unsigned char)(0x80 | (length < 126 ? length : 126));
    if (length >= 126) frame[head++] = (unsigned char)(length >> 8), frame[head++] = (unsigned char)length;
    memcpy(frame + head, mask, 4);
    head += 4;
    for (size_t n = 0; n < length; n++) frame[head + n] = (unsigned char)data[n] ^ mask[n & 3];
    ssize_t done = send(client->socket, frame, head + length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done < 0) leave(client);
    else if ((size_t)done != head + length) fail("a frame was sent only in part");
}

/* Send the sender's next message, which should have been sent at `due`. */
static void send_message(int number, unsigned long due) {
    static const char filler[] = "and so it goes on with plain words ";
    struct sender *sender = &senders[number];
    char text[LONGEST + 512] = "42[\"new_message\",\"";
    if (sender->client->state != JOINED) return;
    sender->sent++;
    sent++;
    if (given.room)
        sprintf(text, "42%u[\"new_message\",{\"room\":%d,\"client_id\":\"%08d-0000-4000-8000-%012u\","
                "\"text\":\"", sender->sent, given.room, number, sender->sent);
    size_t begin = strlen(text), length = begin;
    length += (size_t)sprintf(text + length, "%s%03d %010u %016lu ", MARK, number, sender->sent, due);
    for (size_t n = 0; length - begin < (size_t)given.bytes - 1; n++)
        text[length++] = filler[n % (sizeof filler - 1)];
    text[length++] = '.'; /* the chat removes spaces at the end */
    length += (size_t)sprintf(text + length, given.room ? "\"}]" : "\"]");
    send_frame(sender->client, TEXT, text, length);
}

/* ---- receiving */

static unsigned long digits(const char *text, int count) {
    unsigned long value = 0;
    while (count--) value = value * 10 + (unsigned long)(*text++ - '0');
    return value;
}

/* Note a message in what the client has seen. Return whether it is new. */
static bool is_new(struct seen *seen, uint32_t number) {
    if (number > seen->last) {
        uint32_t step = number - seen->last;
        seen->before = (step < 64 ? seen->before << step : 0) | 1;
        seen->last = number;
        return true;
    }
    uint32_t back = seen->last - number;
    bool again = back >= 64 || seen->before >> back & 1;
    if (again) doubled++;
    else reordered++, seen->before |= 1ul << back;
    return !again;
}

static const char *find_mark(const char *data, size_t length) {
    static size_t place; /* where it was last time, because most messages look alike */
    const size_t mark = sizeof MARK - 1;
    if (length < MARKED) return NULL;
    if (place + MARKED > length || memcmp(data + place, MARK, mark)) {
        const char *found = memmem(data, length, MARK, mark);
        if (!found || (size_t)(found - data) + MARKED > length) return NULL;
        place = (size_t)(found - data);
    }
    return data + place + mark;
}

static void on_event(struct client *client, const char *data, size_t length, unsigned long at) {
    static const char name[] = "42[\"new_message\",";
    const char *found = find_mark(data, length);
    if (!found || memcmp(data, name, sizeof name - 1)) return; /* such as who is online */
    int sender = (int)digits(found, 3);
    unsigned long due = digits(found + 15, 16);
    if (sender >= given.senders) fail("a message came from nobody: %.*s", (int)length, data);
    if (client->slow || !is_new(&client->seen[sender], (uint32_t)digits(found + 4, 10))) return;
    arrived++;
    if (measuring && latency_count == MOST_LATENCIES) fail("too many deliveries for one window");
    if (measuring) latencies[latency_count++] = at > due ? (uint32_t)((at - due) / 1000) : 0;
    if (client->sender == sender && running && !interval) send_message(sender, now());
}

static void on_acknowledgement(const char *data, size_t length) {
    if (memmem(data, length, "\"ok\":true", 9) || memmem(data, length, "\"ok\": true", 10)) acknowledged++;
    else if (!refused++) fprintf(stderr, "refused: %.*s\n", (int)length, data);
}

/* Act on a packet of Engine.IO, which is one digit, with one of Socket.IO, another digit, in it. */
static void on_packet(struct client *client, const char *data, size_t length, unsigned long at) {
    char kind = length ? data[0] : 0, inner = kind == '4' && length > 1 ? data[1] : 0;
    if (inner == '2') {
        on_event(client, data, length, at);
    } else if (inner == '3') {
        on_acknowledgement(data, length);
    } else if (inner == '0' && client->state == OPENING) {
        client->state = JOINED;
        joined++;
        in_progress--;
    } else if (kind == '0') {
        send_frame(client, TEXT, "40", 2);
    } else if (kind == '2') {
        send_frame(client, TEXT, "3", 1);
    } else if (inner == '4' || inner == '1' || kind == '1') {
        fprintf(stderr, "turned away: %.*s\n", (int)length, data);
        leave(client);
    }
}

/* Act on all complete frames. Return how many bytes they have. */
static size_t read_frames(struct client *client, char *data, size_t length, unsigned long at) {
    size_t done = 0;
    while (client->state != GONE && length - done >= 2) {
        const unsigned char *frame = (unsigned char *)data + done;
        size_t head = 2, size = frame[1];
        if (size > 127 || !(frame[0] & 0x80)) fail("the server sent a masked or fragmented frame");
        if (size == 126) head = 4;
        if (size == 127) head = 10;
        if (length - done < head) break;
        if (head > 2) size = 0;
        for (size_t n = 2; n < head; n++) size = size << 8 | frame[n];
        if (length - done < head + size) break;
        char *content = data + done + head;
        done += head + size;
        if ((frame[0] & 15) == TEXT) on_packet(client, content, size, at);
        else if ((frame[0] & 15) == PING) send_frame(client, PONG, content, size);
        else if ((frame[0] & 15) == CLOSE) leave(client);
    }
    return done;
}

static size_t read_answer(struct client *client, char *data, size_t length) {
    const char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (memcmp(data, "HTTP/1.1 101", 12)) fail("no WebSocket: %.*s", (int)length, data);
    client->state = OPENING;
    return (size_t)(end - data) + 4;
}

static void on_data(struct client *client) {
    static char data[BUFFER];
    size_t before = client->rest_length, done = 0;
    if (before) memcpy(data, client->rest, before);
    ssize_t got = recv(client->socket, data + before, BUFFER - before, MSG_DONTWAIT);
    unsigned long at = now();
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return leave(client);
    reads++, bytes_read += (unsigned long)got;
    size_t length = before + (size_t)got;
    if (client->state == UPGRADING) done = read_answer(client, data, length);
    if (client->state >= OPENING) done += read_frames(client, data + done, length - done, at);
    client->rest_length = length - done;
    if (client->state == GONE || !client->rest_length) return;
    if (client->rest_length == BUFFER) fail("a frame is too long");
    client->rest = realloc(client->rest, client->rest_length);
    if (!client->rest) fail("no memory for a frame");
    memcpy(client->rest, data + done, client->rest_length);
}

/* ---- connecting */

static void watch(int operation, int socket, uint32_t events, void *data) {
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(poller, operation, socket, &event)) fail("epoll: %s", strerror(errno));
}

static void begin(struct client *client) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)given.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->socket < 0) fail("socket: %s", strerror(errno));
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->state = CONNECTING;
    in_progress++;
    if (connect(client->socket, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    watch(EPOLL_CTL_ADD, client->socket, EPOLLOUT, client);
}

static void upgrade(struct client *client) {
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s\r\n", given.port,
                          client->cookie ? "Cookie: " : "", client->cookie ? client->cookie : "",
                          client->cookie ? "\r\n" : "");
    client->state = UPGRADING;
    watch(EPOLL_CTL_MOD, client->socket, EPOLLIN, client);
    if (send(client->socket, request, (size_t)length, MSG_NOSIGNAL) != length)
        fail("connect: %s", strerror(errno));
}

/* ---- the loop */

static void on_clock(void) {
    unsigned long times;
    if (read(clock_socket, &times, sizeof times) != sizeof times) return;
    for (; times && running; times--, next_time += interval)
        send_message((int)(sent % (unsigned long)given.senders), next_time);
}

static bool all_joined(void) {
    while (next_client < given.clients && in_progress < CONNECTING_AT_ONCE) begin(&clients[next_client++]);
    return joined + (int)gone == given.clients;
}

static bool all_arrived(void) {
    return arrived == sent * (unsigned long)readers && (!given.room || acknowledged + refused == sent);
}

/* Handle events for so many seconds, or until `is_over` says so. */
static void loop(double seconds, bool (*is_over)(void)) {
    struct epoll_event events[EVENTS];
    const unsigned long end = now() + (unsigned long)(seconds * 1e9);
    for (unsigned long before = now(); before < end && !(is_over && is_over()); before = now()) {
        bool waits = !(given.polls && running);
        unsigned long left = (end - before) / 1000000 + 1;
        int count = epoll_wait(poller, events, EVENTS, waits ? left < 20 ? (int)left : 20 : 0);
        if (waits || count == 0) idle += now() - before;
        for (int n = 0; n < count; n++) {
            struct client *client = events[n].data.ptr;
            if (!client) on_clock();
            else if (client->state == CONNECTING) upgrade(client);
            else if (client->state != GONE && !(client->slow && stopped_reading)) on_data(client);
        }
    }
}

static void start_sending(void) {
    running = true;
    if (given.rate > 0) {
        interval = (unsigned long)(1e9 / given.rate);
        next_time = now() + interval;
        struct timespec every = {(time_t)(interval / 1000000000u), (long)(interval % 1000000000u)};
        clock_socket = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        timerfd_settime(clock_socket, 0, &(struct itimerspec){every, every}, NULL);
        watch(EPOLL_CTL_ADD, clock_socket, EPOLLIN, NULL);
    } else {
        for (int n = 0; n < given.senders; n++) send_message(n, now());
    }
}

/* Let the slow clients stop: the kernel keeps little for them, and nobody reads that. */
static void stop_reading(void) {
    int least = 4096;
    stopped_reading = true;
    for (int n = 0; n < given.clients; n++)
        if (clients[n].slow && clients[n].state == JOINED) {
            watch(EPOLL_CTL_DEL, clients[n].socket, 0, NULL);
            setsockopt(clients[n].socket, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
        }
}

static void print_window(const char *before) {
    loop(given.warm_up, NULL);
    latency_count = 0;
    measuring = true;
    struct sample a = sample();
    loop(given.seconds, NULL);
    struct sample b = sample();
    measuring = false;
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf("%s{\"wall\":%.6f,\"cpu\":%.6f,\"own\":%.6f,\"idle\":%.6f,", before, b.time - a.time,
           b.server - a.server, b.own - a.own, b.idle - a.idle);
    printf("\"messages\":%lu,\"deliveries\":%zu,\"bytes\":%lu,\"reads\":%lu,\"p50\":%u,\"p99\":%u}",
           b.messages - a.messages, latency_count, b.bytes - a.bytes, b.reads - a.reads, quantile(0.5),
           quantile(0.99));
}

/* ---- the command */

static void read_cookies(void) {
    char line[512];
    int count = 0;
    FILE *file = fopen(given.cookies, "r");
    while (file && count < given.clients && fscanf(file, " %511[^\n]", line) == 1)
        clients[count++].cookie = strdup(line);
    if (!count) fail("%s contains no cookies", given.cookies);
    for (int n = count; n < given.clients; n++) clients[n].cookie = clients[n % count].cookie;
    fclose(file);
}

/* Senders are spread evenly among the clients, and the slow ones are the last that do not send. */
static void prepare(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    clients = calloc((size_t)given.clients, sizeof *clients);
    for (int n = 0; n < given.clients; n++) {
        clients[n].sender = -1;
        clients[n].seen = malloc((size_t)given.senders * sizeof *clients[n].seen);
        for (int k = 0; k < given.senders; k++) clients[n].seen[k] = (struct seen){0, ULONG_MAX};
    }
    for (int k = 0; k < given.senders; k++) {
        senders[k].client = &clients[(long)k * given.clients / given.senders];
        senders[k].client->sender = k;
    }
    for (int n = given.clients - 1, left = given.slow; n >= 0 && left; n--)
        if (clients[n].sender < 0) left--, clients[n].slow = true;
    readers = given.clients - given.slow;
    if (given.cookies) read_cookies();
}

static void set_option(const char *name, const char *value) {
    const struct { const char *name; int *whole; double *real; } numbers[] = {
        {"--port", &given.port, 0}, {"--clients", &given.clients, 0}, {"--senders", &given.senders, 0},
        {"--slow", &given.slow, 0}, {"--bytes", &given.bytes, 0}, {"--room", &given.room, 0},
        {"--seconds", 0, &given.seconds}, {"--warm-up", 0, &given.warm_up}, {"--rate", 0, &given.rate},
        {"--patience", 0, &given.patience}};
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        if (strcmp(name, numbers[n].name)) continue;
        if (numbers[n].whole) *numbers[n].whole = atoi(value);
        else *numbers[n].real = atof(value);
        return;
    }
    if (!strcmp(name, "--cookies")) given.cookies = value;
    else if (!strcmp(name, "--pid") && pid_count < MOST_PIDS) pids[pid_count++] = atoi(value);
    else fail("unknown option %s", name);
}

int main(int count, char **words) {
    for (int n = 1; n < count; n++) {
        if (!strcmp(words[n], "--polls")) given.polls = true;
        else if (n + 1 < count) set_option(words[n], words[n + 1]), n++;
        else fail("expected a value after %s", words[n]);
    }
    if (given.senders < 1 || given.senders > MOST_SENDERS || given.senders + given.slow > given.clients)
        fail("expected 1 to %d senders, and clients for the senders and the slow", MOST_SENDERS);
    if (given.bytes < LEAST || given.bytes > LONGEST) fail("expected %d to %d bytes", LEAST, LONGEST);
    prepare();
    struct sample empty = sample();
    loop(CONNECT_PATIENCE, all_joined);
    struct sample full = sample();
    if (joined < given.clients) fail("only %d of %d clients could connect", joined, given.clients);
    loop(SETTLE, NULL);
    printf("{\"connect_cpu\":%.6f,\"memory\":%.0f,\"windows\":[", full.server - empty.server,
           sample().memory - empty.memory);
    start_sending();
    print_window("");
    if (given.slow) stop_reading(), print_window(",");
    running = false;
    loop(given.patience, all_arrived);
    printf("],\"lost\":%lu,\"doubled\":%lu,\"reordered\":%lu,\"refused\":%lu,\"unanswered\":%lu,"
           "\"gone\":%lu,\"messages\":%lu}\n", sent * (unsigned long)readers - arrived, doubled, reordered, refused,
           given.room ? sent - acknowledged - refused : 0, gone, sent);
}
