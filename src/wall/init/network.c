/* Proves from inside that the container of an engine has no network but its loopback. No probe sends a packet. */
#include "interfaces.h"
#include "wall.h"
#include <linux/sockios.h>

static bool is_loopback_up;

/* Kernels put tunnel devices into every namespace; these are down, and only CAP_NET_ADMIN can change that. */
static void check_interface(const struct ifinfomsg *info, const char *name) {
  bool is_up = (info->ifi_flags & IFF_UP) != 0;
  if ((info->ifi_flags & IFF_LOOPBACK) != 0) is_loopback_up = is_up;
  else if (is_up) refuse("the container has the network interface ", name, NULL);
}

static void bring_loopback_up(void) {
  struct {
    char name[16];
    int16_t flags;
    char unused[32];
  } request = {.name = "lo", .flags = IFF_UP | IFF_RUNNING};
  long fd = sys(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  long result = fd < 0 ? fd : sys(__NR_ioctl, fd, SIOCSIFFLAGS, &request);
  if (result < 0) refuse("the container’s loopback is down: ", error_text(result), NULL);
  sys(__NR_close, fd);
}

static void check_interfaces(void) {
  list_interfaces(check_interface);
  if (!is_loopback_up) bring_loopback_up();
}

static const uint8_t outside4[][4] = {
    {1, 1, 1, 1},    {8, 8, 8, 8},     {10, 0, 0, 1},   {10, 88, 0, 1},   {100, 100, 100, 200}, {169, 254, 169, 254},
    {172, 17, 0, 1}, {192, 168, 0, 1}, {192, 0, 2, 1},  {203, 0, 113, 1}, {224, 0, 0, 1},       {255, 255, 255, 254},
};
static const uint8_t outside6[][16] = {
    {0x20, 0x01, 0x48, 0x60, 0x48, 0x60, [15] = 0x88}, /* a public one */
    {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
    {0xfd, 0x00, [15] = 1},                            /* private */
    {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, /* metadata of a cloud */
    {0x00, 0x64, 0xff, 0x9b, [12] = 1, 1, 1, 1},       /* NAT64 */
};

/* Whether the kernel knows a way to the address: of a datagram it looks for one without sending anything. */
static bool has_route(int family, int type, const void *address, size_t size) {
  long fd = sys(__NR_socket, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  long result = sys(__NR_connect, fd, address, size);
  sys(__NR_close, fd);
  return result == 0 || result == -EINPROGRESS || result == -EAGAIN;
}

static void check_route(int family, const void *address, size_t size) {
  /* The second kind only after the first: it would send. */
  if (has_route(family, SOCK_DGRAM, address, size) || has_route(family, SOCK_STREAM, address, size))
    refuse("a network beyond the container’s loopback can be reached", NULL);
}

static void check_routes(void) {
  for (size_t i = 0; i < sizeof outside4 / sizeof *outside4; i += 1) {
    struct sockaddr_in address = ipv4(outside4[i], 443);
    check_route(AF_INET, &address, sizeof address);
  }
  for (size_t i = 0; i < sizeof outside6 / sizeof *outside6; i += 1) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = network_order(443)};
    memcpy(&address.sin6_addr, outside6[i], 16);
    check_route(AF_INET6, &address, sizeof address);
  }
}

void check_network(char **environment) {
  (void)environment;
  check_interfaces();
  check_routes();
}

void complete_start(int argc, char **argv, char **environment) {
  (void)argc, (void)argv, (void)environment;
  wait_for_gateway();
}
