/* Requests to the gateway, of any bytes: what it passes on is the way out. */
#include "ask.h"
#include "sockets.h"
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/time_types.h>

enum { FIRST_BYTE_MS = 3000, NEXT_BYTE_MS = 500, BETWEEN_PARTS_MS = 3000 };

static int digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static size_t decode(const char *hex, uint8_t *bytes) {
  size_t count = 0;
  for (; hex[0] != 0 && hex[1] != 0; hex += 2) bytes[count++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
  return count;
}

static long open_to(const char *to) {
  struct sockaddr_un gateway = {.sun_family = AF_UNIX};
  struct sockaddr_in proxy = proxy_address();
  bool is_path = to[0] == '/';
  long fd = sys(__NR_socket, is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  memcpy(gateway.sun_path, to, length_of(to));
  long result = is_path ? sys(__NR_connect, fd, &gateway, sizeof gateway) : sys(__NR_connect, fd, &proxy, sizeof proxy);
  return result < 0 ? result : fd;
}

static void send_hex(long fd, const char *hex) {
  static uint8_t bytes[65536];
  size_t length = decode(hex, bytes);
  sys(__NR_sendto, fd, bytes, length, MSG_NOSIGNAL, NULL, 0);
}

/* Prints what arrives, until nothing has for this time. Returns whether there may be more. */
static bool show(long fd, long first_ms, long next_ms) {
  static uint8_t bytes[4096];
  for (long wait_ms = first_ms;; wait_ms = next_ms) {
    struct pollfd polled = {(int)fd, POLLIN, 0};
    struct __kernel_timespec timeout = {wait_ms / 1000, wait_ms % 1000 * 1000000};
    if (sys(__NR_ppoll, &polled, 1, &timeout, NULL, 0) <= 0) return true;
    long count = sys(__NR_recvfrom, fd, bytes, sizeof bytes, 0, NULL, NULL);
    if (count <= 0) return false;
    sys(__NR_write, 1, bytes, count);
  }
}

long ask(const char *to, char **parts) {
  long fd = open_to(to);
  if (fd < 0) return fd;
  for (; *parts != NULL; parts += 1) {
    send_hex(fd, **parts == '+' ? *parts + 1 : *parts);
    if (parts[1] != NULL && parts[1][0] == '+') continue;
    if (parts[1] != NULL) show(fd, BETWEEN_PARTS_MS, 0);
    else show(fd, FIRST_BYTE_MS, NEXT_BYTE_MS);
  }
  return 0;
}

long flood(const char *count, char **arguments) {
  struct rlimit64 limit;
  if (sys(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    sys(__NR_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
  }
  long wanted = 0, opened = 0;
  while (*count != 0) wanted = wanted * 10 + *count++ - '0';
  for (; opened < wanted; opened += 1) {
    long fd = open_to("proxy");
    if (fd < 0) break;
    send_hex(fd, arguments[0]);
  }
  char number[24];
  print("opened ", decimal(opened, number), "\n", NULL);
  return ask("proxy", arguments + 1);
}
