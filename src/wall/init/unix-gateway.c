/* The gateway as a Unix socket in the folder of the wall. */
#include "gateway.h"
#include "sockets.h"
#include "wall.h"
#include <linux/fcntl.h>

const int gateway_gone_ms = 5000;
const int gateway_retry_ms = 5;

static struct sockaddr_un gateway_address(void) {
  return (struct sockaddr_un){AF_UNIX, GATEWAY_SOCKET};
}

long open_gateway_socket(void) {
  return sys(__NR_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

long connect_gateway_socket(int fd) {
  struct sockaddr_un address = gateway_address();
  return sys(__NR_connect, fd, &address, sizeof address);
}

/* Only the container has the socket. */
size_t write_greeting(char *buffer) {
  (void)buffer;
  return 0;
}

/* The runner puts this file beside the socket when the gateway cannot work. */
static const char failure_file[] = WALL_FOLDER "/failed";
enum { GATEWAY_START_MS = 30000 };

static void refuse_if_failed(void) {
  static char reason[300];
  long fd = sys(__NR_openat, AT_FDCWD, failure_file, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  long size = sys(__NR_read, fd, reason, sizeof reason - 1);
  for (long i = 0; i < size; i += 1)
    if (reason[i] == '\n') reason[i] = 0;
  refuse("the egress gateway cannot work: ", reason, NULL);
}

void wait_for_gateway(void) {
  struct sockaddr_un address = gateway_address();
  long fd = sys(__NR_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refuse("cannot open a socket: ", error_text(fd), NULL);
  for (long deadline = now_ms() + GATEWAY_START_MS;;) {
    long result = sys(__NR_connect, fd, &address, sizeof address);
    if (result == 0) break;
    refuse_if_failed();
    bool may_come = result == -ENOENT || result == -ECONNREFUSED || result == -EINTR;
    if (!may_come || now_ms() > deadline) refuse("cannot connect to the egress gateway: ", error_text(result), NULL);
    sleep_ms(2);
  }
  sys(__NR_close, fd);
}
