/* The gateway in a pod of its own, at an address of the cluster's network. */
#include "../init/gateway.h"
#include "../init/wall.h"
#include "pod.h"
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time_types.h>

/* Its container may be starting again. */
const int gateway_gone_ms = 30000;
const int gateway_retry_ms = 100;

/* Files beside the request. The runner writes them. */
static const char address_file[] = "/plan42/gateway-address";
static const char token_file[] = "/plan42/gateway-token";

enum { TOKEN = 32, GREETING = 1 + TOKEN, START_MS = 60000, ATTEMPT_MS = 2000, PAUSE_MS = 50 };

static struct target gateway = {.protocol = TCP};
static char token[TOKEN];

static long read_whole(const char *file, char *buffer, size_t room) {
  long fd = sys(__NR_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) refuse("cannot read where the egress gateway is: ", error_text(fd), NULL);
  size_t size = 0;
  for (long count; size < room && (count = sys(__NR_read, fd, buffer + size, room - size)) != 0;) {
    if (count == -EINTR) continue;
    if (count < 0) refuse("cannot read where the egress gateway is: ", error_text(count), NULL);
    size += (size_t)count;
  }
  sys(__NR_close, fd);
  return (long)size;
}

/* The address is its bytes in hexadecimal. */
void read_gateway(void) {
  char text[33];
  long size = read_whole(address_file, text, sizeof text);
  bool is_valid = size == 8 || size == 32;
  for (long i = 0; is_valid && i < size; i += 1) is_valid = hex_digit(text[i]) >= 0;
  if (!is_valid) refuse("the address of the egress gateway is invalid", NULL);
  gateway.family = size == 8 ? 4 : 6;
  gateway.port = network_order(PROXY_PORT);
  for (long i = 0; i < size / 2; i += 1)
    gateway.address[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
  if (read_whole(token_file, token, sizeof token) != sizeof token) refuse("the egress gateway’s token is invalid", NULL);
}

long open_gateway_socket(void) {
  int family = gateway.family == 4 ? AF_INET : AF_INET6;
  long fd = sys(__NR_socket, family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  /* A node that is gone says nothing. */
  const int options[][2] = {{TCP_KEEPIDLE, 30}, {TCP_KEEPINTVL, 10}, {TCP_USER_TIMEOUT, 60000}, {TCP_NODELAY, 1}};
  int on = 1;
  sys(__NR_setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  for (size_t i = 0; i < sizeof options / sizeof *options; i += 1)
    sys(__NR_setsockopt, fd, IPPROTO_TCP, options[i][0], &options[i][1], sizeof options[i][1]);
  return fd;
}

long connect_gateway_socket(int fd) {
  union socket_address address;
  size_t size = address_of(&gateway, &address);
  return sys(__NR_connect, fd, &address, size);
}

static size_t write_first(char *buffer, char kind) {
  *buffer = kind;
  memcpy(buffer + 1, token, sizeof token);
  return GREETING;
}

size_t write_greeting(char *buffer) {
  return write_first(buffer, FORWARD);
}

/* Waits until the socket is ready. Returns whether it is. */
static bool wait_for(int fd, int16_t events, long deadline) {
  for (;;) {
    long rest = deadline - now_ms();
    if (rest <= 0) return false;
    struct pollfd poll = {.fd = fd, .events = events};
    struct __kernel_timespec timeout = {rest / 1000, (rest % 1000) * 1000000};
    long count = sys(__NR_ppoll, &poll, 1, &timeout, NULL, 0);
    if (count > 0) return true;
    if (count == 0) return false;
  }
}

/* Returns a connection, or why there is none. */
static long try_to_connect(void) {
  long fd = open_gateway_socket();
  if (fd < 0) return fd;
  long result = connect_gateway_socket((int)fd);
  if (result == -EINPROGRESS) {
    int error = ETIMEDOUT;
    uint32_t size = sizeof error;
    if (wait_for((int)fd, POLLOUT, now_ms() + ATTEMPT_MS)) sys(__NR_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size);
    result = -error;
  }
  if (result == 0) return fd;
  sys(__NR_close, fd);
  return result;
}

bool receive(int fd, void *buffer, size_t size, long deadline) {
  for (size_t done = 0; done < size;) {
    if (!wait_for(fd, POLLIN, deadline)) return false;
    long count = sys(__NR_read, fd, (char *)buffer + done, size - done);
    if (count == -EINTR || count == -EAGAIN) continue;
    if (count <= 0) return false;
    done += (size_t)count;
  }
  return true;
}

long connect_for(char kind) {
  long fd = try_to_connect();
  if (fd < 0) return fd;
  char greeting[GREETING];
  long size = (long)write_first(greeting, kind);
  if (sys(__NR_sendto, fd, greeting, size, MSG_NOSIGNAL, NULL, 0) == size) return fd;
  sys(__NR_close, fd);
  return -ECONNRESET;
}

/* Returns how many there are; zero if the connection broke off. */
static size_t read_targets(int fd, struct target *targets, size_t room) {
  uint8_t count = 0;
  long deadline = now_ms() + 5000;
  if (!receive(fd, &count, 1, deadline) || count > room) return 0;
  return receive(fd, targets, count * sizeof *targets, deadline) ? count : 0;
}

size_t ask_gateway(struct target *targets, size_t room) {
  for (long deadline = now_ms() + START_MS;;) {
    long fd = connect_for(TARGETS);
    if (fd >= 0) {
      size_t count = read_targets((int)fd, targets, room);
      sys(__NR_close, fd);
      if (count > 0) return count;
      fd = -ECONNRESET;
    }
    if (now_ms() > deadline) refuse("cannot connect to the egress gateway: ", error_text(fd), NULL);
    sleep_ms(PAUSE_MS);
  }
}
