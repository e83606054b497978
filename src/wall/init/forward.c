/*
 * The forwarder: passes each connection to the proxy port on to the gateway, byte for byte, with half-closes and back-pressure. One
 * process with one loop. It belongs to the agent: killing it only takes the agent offline.
 */
#include "gateway.h"
#include "sockets.h"
#include "wall.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/tcp.h>

enum { BLOCK = 65536, EVENTS = 256, READS_PER_TURN = 8, ACCEPTS_PER_TURN = 64, MAX_SPARE_BLOCKS = 64 };
enum { GATEWAY_BUSY_MS = 30000 };
enum { CLIENT = 0, GATEWAY = 1 };

struct side {
  int fd;
  /* The events that epoll reports; zero if it does not watch the socket. */
  uint32_t watched;
  /* Nothing more is read from it. */
  bool has_ended;
  /* What could not be written to it yet: a block, or null. Until that is gone, nothing is read from the other side. */
  char *kept;
  uint32_t from, to;
};

struct connection {
  struct side sides[2];
  struct connection *next;
  /* When to give up connecting to the gateway, in the order of its errors. */
  long gone_at, busy_at;
  bool is_connecting, is_closed;
};

static int poller, listener;
static bool is_listening;
static struct connection *pending, *closed, *spare;
static char *spare_blocks;
static int spare_block_count;
/* The block that is read into, or null. */
static char *buffer;

static void *allocate(size_t size) {
  long result = sys(__NR_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return result < 0 && result > -4096 ? NULL : (void *)result;
}

static char *take_block(void) {
  if (spare_blocks == NULL) return allocate(BLOCK);
  char *block = spare_blocks;
  spare_blocks = *(char **)(void *)block;
  spare_block_count -= 1;
  return block;
}

static void give_block(char *block) {
  if (spare_block_count >= MAX_SPARE_BLOCKS) {
    sys(__NR_munmap, block, BLOCK);
    return;
  }
  *(char **)(void *)block = spare_blocks;
  spare_blocks = block;
  spare_block_count += 1;
}

static struct connection *take_connection(void) {
  if (spare == NULL) {
    char *page = allocate(BLOCK);
    if (page == NULL) return NULL;
    for (size_t at = 0; at + sizeof *spare <= BLOCK; at += sizeof *spare) {
      struct connection *each = (void *)(page + at);
      each->next = spare;
      spare = each;
    }
  }
  struct connection *taken = spare;
  spare = taken->next;
  *taken = (struct connection){.sides = {{.fd = -1}, {.fd = -1}}};
  return taken;
}

static void watch_fd(int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data = data};
  sys(__NR_epoll_ctl, poller, operation, fd, &event);
}

static void set_listening(bool on) {
  if (on == is_listening) return;
  watch_fd(on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener, EPOLLIN, 0);
  is_listening = on;
}

/* Watches a socket for what can be done with it now. Without anything to do, epoll would report its errors again and again. */
static void watch(struct connection *connection, int index) {
  struct side *side = &connection->sides[index];
  uint32_t wanted = side->kept != NULL ? EPOLLOUT : 0;
  if (!side->has_ended && connection->sides[1 - index].kept == NULL) wanted |= EPOLLIN;
  if (wanted == side->watched) return;
  int operation = wanted == 0 ? EPOLL_CTL_DEL : side->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  watch_fd(operation, side->fd, wanted, (uint64_t)(uintptr_t)connection | (uint64_t)index);
  side->watched = wanted;
}

static void close_connection(struct connection *connection, bool reset) {
  if (connection->is_closed) return;
  connection->is_closed = true;
  struct { int on, seconds; } linger = {1, 0};
  if (reset) sys(__NR_setsockopt, connection->sides[CLIENT].fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  for (int index = 0; index < 2; index += 1) {
    struct side *side = &connection->sides[index];
    if (side->fd >= 0) sys(__NR_close, side->fd);
    if (side->kept != NULL) give_block(side->kept);
    side->kept = NULL;
  }
  /* Events of the same turn may still name it. */
  connection->next = closed;
  closed = connection;
  set_listening(true);
}

/* Writes all that the socket takes. Returns how much, or an error. */
static long write_some(int fd, const char *bytes, uint32_t length) {
  uint32_t done = 0;
  while (done < length) {
    long count = sys(__NR_sendto, fd, bytes + done, length - done, MSG_NOSIGNAL, NULL, 0);
    if (count == -EINTR) continue;
    if (count == -EAGAIN) break;
    if (count < 0) return count;
    done += (uint32_t)count;
  }
  return done;
}

/* The socket takes nothing more: what was meant for it is dropped, the other direction continues. */
static void stop_writing(struct connection *connection, int index) {
  struct side *side = &connection->sides[index];
  if (side->kept != NULL) give_block(side->kept);
  side->kept = NULL;
  connection->sides[1 - index].has_ended = true;
}

static void end_writing(struct connection *connection, int index) {
  sys(__NR_shutdown, connection->sides[index].fd, SHUT_WR);
}

static void flush(struct connection *connection, int index) {
  struct side *side = &connection->sides[index];
  long count = write_some(side->fd, side->kept + side->from, side->to - side->from);
  if (count < 0) {
    stop_writing(connection, index);
    return;
  }
  side->from += (uint32_t)count;
  if (side->from < side->to) return;
  give_block(side->kept);
  side->kept = NULL;
  if (connection->sides[1 - index].has_ended) end_writing(connection, index);
}

/* Passes on what can be read. Returns false if the connection is broken. */
static bool pass(struct connection *connection, int index) {
  struct side *source = &connection->sides[index], *target = &connection->sides[1 - index];
  for (int reads = 0; reads < READS_PER_TURN && !source->has_ended && target->kept == NULL; reads += 1) {
    if (buffer == NULL) buffer = take_block();
    if (buffer == NULL) return false;
    long count = sys(__NR_read, source->fd, buffer, BLOCK);
    if (count == -EINTR) continue;
    if (count == -EAGAIN) break;
    if (count < 0) return false;
    if (count == 0) {
      source->has_ended = true;
      end_writing(connection, 1 - index);
      break;
    }
    long written = write_some(target->fd, buffer, (uint32_t)count);
    if (written < 0) {
      stop_writing(connection, 1 - index);
      break;
    }
    if (written == count) continue;
    target->kept = buffer;
    target->from = (uint32_t)written;
    target->to = (uint32_t)count;
    buffer = NULL;
  }
  return true;
}

static void settle(struct connection *connection) {
  struct side *sides = connection->sides;
  if (sides[0].has_ended && sides[1].has_ended && sides[0].kept == NULL && sides[1].kept == NULL) {
    close_connection(connection, false);
    return;
  }
  watch(connection, CLIENT);
  watch(connection, GATEWAY);
}

/* The gateway has accepted the connection. */
static void begin(struct connection *connection) {
  char greeting[64];
  size_t size = write_greeting(greeting);
  if (size > 0) {
    struct side *side = &connection->sides[GATEWAY];
    side->kept = take_block();
    if (side->kept == NULL) {
      close_connection(connection, true);
      return;
    }
    memcpy(side->kept, greeting, size);
    side->from = 0;
    side->to = (uint32_t)size;
    flush(connection, GATEWAY);
  }
  settle(connection);
}

static bool is_temporary(const struct connection *connection, long error) {
  long now = now_ms();
  switch (error) {
    case -EAGAIN:
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -EADDRNOTAVAIL: return now < connection->busy_at;
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -ETIMEDOUT:
    case -ENOENT: return now < connection->gone_at;
    default: return false;
  }
}

static void wait_or_close(struct connection *connection, long error) {
  if (!is_temporary(connection, error)) {
    close_connection(connection, true);
    return;
  }
  connection->next = pending;
  pending = connection;
}

/* The kernel has finished to connect, or has failed to. */
static void finish_connecting(struct connection *connection) {
  struct side *side = &connection->sides[GATEWAY];
  int error = 0;
  uint32_t size = sizeof error;
  sys(__NR_getsockopt, side->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  connection->is_connecting = false;
  watch_fd(EPOLL_CTL_DEL, side->fd, 0, 0);
  side->watched = 0;
  if (error == 0) {
    begin(connection);
    return;
  }
  sys(__NR_close, side->fd);
  side->fd = -1;
  wait_or_close(connection, -error);
}

static void handle(struct connection *connection, int index, uint32_t events) {
  if (connection->is_closed) return;
  if (connection->is_connecting) {
    finish_connecting(connection);
    return;
  }
  if ((events & EPOLLOUT) != 0 && connection->sides[index].kept != NULL) flush(connection, index);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !pass(connection, index)) {
    close_connection(connection, index == GATEWAY);
    return;
  }
  settle(connection);
}

/* Returns 0, -EINPROGRESS, or why the gateway cannot be reached at the moment. */
static long connect_to_gateway(struct connection *connection) {
  struct side *side = &connection->sides[GATEWAY];
  if (side->fd < 0) {
    long fd = open_gateway_socket();
    if (fd < 0) return fd;
    side->fd = (int)fd;
  }
  return connect_gateway_socket(side->fd);
}

/* Connects what waits for the gateway. */
static void retry_pending(void) {
  struct connection *waiting = pending;
  pending = NULL;
  bool is_busy = false;
  while (waiting != NULL) {
    struct connection *connection = waiting;
    waiting = waiting->next;
    long result = is_busy ? -EAGAIN : connect_to_gateway(connection);
    if (result == -EAGAIN) is_busy = true;
    if (result == 0) begin(connection);
    else if (result == -EINPROGRESS) {
      connection->is_connecting = true;
      connection->sides[GATEWAY].watched = EPOLLOUT;
      watch_fd(EPOLL_CTL_ADD, connection->sides[GATEWAY].fd, EPOLLOUT, (uint64_t)(uintptr_t)connection | GATEWAY);
    } else wait_or_close(connection, result);
  }
}

static void accept_clients(void) {
  for (int count = 0; count < ACCEPTS_PER_TURN; count += 1) {
    long fd = sys(__NR_accept4, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
      /* Until a connection is closed. Without one of ours, in a moment. */
      set_listening(false);
      return;
    }
    if (fd < 0) return;
    struct connection *connection = take_connection();
    if (connection == NULL) {
      sys(__NR_close, fd);
      return;
    }
    int on = 1;
    sys(__NR_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->sides[CLIENT].fd = (int)fd;
    connection->gone_at = now_ms() + gateway_gone_ms;
    connection->busy_at = now_ms() + GATEWAY_BUSY_MS;
    connection->next = pending;
    pending = connection;
  }
}

_Noreturn static void forward(void) {
  static struct epoll_event events[EVENTS];
  poller = (int)sys(__NR_epoll_create1, EPOLL_CLOEXEC);
  set_listening(true);
  for (;;) {
    int wait = pending != NULL ? gateway_retry_ms : is_listening ? -1 : 100;
    long count = sys(__NR_epoll_pwait, poller, events, EVENTS, wait, NULL, 0);
    for (long i = 0; i < count; i += 1) {
      uint64_t data = events[i].data;
      if (data == 0) accept_clients();
      else handle((struct connection *)(uintptr_t)(data & ~(uint64_t)1), (int)(data & 1), events[i].events);
    }
    if (count == 0) set_listening(true);
    if (pending != NULL) retry_pending();
    while (closed != NULL) {
      struct connection *each = closed;
      closed = each->next;
      each->next = spare;
      spare = each;
    }
  }
}

static void listen_at_proxy_port(void) {
  struct sockaddr_in address = proxy_address();
  int on = 1;
  long fd = sys(__NR_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) refuse("cannot listen on the container’s loopback: ", error_text(fd), NULL);
  sys(__NR_setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  long result = sys(__NR_bind, fd, &address, sizeof address);
  if (result == 0) result = sys(__NR_listen, fd, 4096);
  if (result < 0) refuse("cannot listen on the container’s loopback: ", error_text(result), NULL);
  listener = (int)fd;
}

void start_forwarder(int argc, char **argv) {
  listen_at_proxy_port();
  listener = start_beside(argc, argv, "plan42-forward", listener);
  if (listener >= 0) forward();
}
