/* Addresses and constants of sockets that the kernel's headers leave to the C library. */
#pragma once
#include "../../lib/c/system.h"
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_VSOCK = 40 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000 };
enum { SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_ERROR = 4, SO_KEEPALIVE = 9, SO_LINGER = 13 };
enum { TCP_NODELAY = 1, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_USER_TIMEOUT = 18 };
enum { SHUT_WR = 1, MSG_NOSIGNAL = 0x4000 };

/* Where the container finds the folder of the wall, and the port at which programs find the gateway. */
#define WALL_FOLDER "/plan42-wall"
#define GATEWAY_SOCKET WALL_FOLDER "/gateway.sock"
enum { PROXY_PORT = 7043 };

static inline uint16_t network_order(uint16_t number) { return (uint16_t)(number << 8 | number >> 8); }

static inline struct sockaddr_in ipv4(const uint8_t address[4], uint16_t port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = network_order(port)};
  memcpy(&result.sin_addr, address, 4);
  return result;
}

static inline struct sockaddr_in proxy_address(void) {
  return ipv4((const uint8_t[]){127, 0, 0, 1}, PROXY_PORT);
}
