/* How the program `init` proves the wall in a pod, see network.c. */
#pragma once
#include "../init/sockets.h"

enum { TCP = 6, UDP = 17 };

/* Begins a connection: what the pod wants. The token follows, which proves that it is the pod of the job. */
enum { FORWARD = 'F', TARGETS = 'T', LIMITS = 'L' };

/* An address that the pod must not reach. The gateway sends them in this form; the port has network order. */
struct target {
  uint8_t protocol, family;
  uint16_t port;
  uint8_t address[16];
};

union socket_address {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* Returns the size of the address. */
static inline size_t address_of(const struct target *target, union socket_address *address) {
  memset(address, 0, sizeof *address);
  if (target->family == 4) {
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = target->port;
    memcpy(&address->v4.sin_addr, target->address, 4);
    return sizeof address->v4;
  }
  address->v6.sin6_family = AF_INET6;
  address->v6.sin6_port = target->port;
  memcpy(&address->v6.sin6_addr, target->address, 16);
  return sizeof address->v6;
}

/* tcp-gateway.c: reads where the gateway is, and what it expects of its own pod. Refuses if that is not there. */
void read_gateway(void);
/* Asks the gateway what it reaches and this pod must not reach. Returns how many, or refuses if the gateway does not respond. */
size_t ask_gateway(struct target *targets, size_t room);
/* Connects, and sends what begins a connection of this kind. Returns the connection, or why there is none. */
long connect_for(char kind);
/* Reads all of it. Returns false if the connection ends before, or the time is over. */
bool receive(int fd, void *buffer, size_t size, long deadline);

/* policy.c: refuses if the pod reaches anything but its gateway. Removes the variable with the address of the node. */
void check_policy(char **environment);

/* limits.c: gets the limits that the gateway holds, if the job has some, and starts a process that carries out what it sends. */
void start_limits(int argc, char **argv, char **environment);
