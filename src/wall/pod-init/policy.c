/*
 * Proves that a NetworkPolicy keeps the pod from everything but its gateway. Addresses that the gateway reaches itself, from a pod
 * beside this one, are the evidence: without the policy, this pod would reach them too. One is a second port of the gateway. The
 * proof is repeated for a while, because networks apply policies some time after the start of a pod.
 */
#include "../init/wall.h"
#include "pod.h"
#include <linux/poll.h>
#include <linux/time_types.h>

enum { MAX_TARGETS = 64, MAX_PROBES = MAX_TARGETS + 16, ROUND_MS = 1200, PROOF_MS = 30000, PAUSE_MS = 250 };

/* Reached without the gateway's word: where clouds have secrets, and the internet. */
static const struct target others[] = {
    {TCP, 4, 0x5000, {169, 254, 169, 254}}, /* port 80 in network order */
    {TCP, 4, 0x5000, {100, 100, 100, 200}},
    {TCP, 4, 0xbb01, {1, 1, 1, 1}}, /* port 443 */
    {TCP, 6, 0x5000, {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}},
    {TCP, 6, 0xbb01, {0x26, 0x06, 0x47, 0x00, 0x47, 0x00, [14] = 0x11, [15] = 0x11}},
};

/* The node's kubelet, SSH and API servers. Some networks let each pod reach its node whatever policies say. */
static const uint16_t node_ports[] = {10250, 22, 443, 6443};
static const char node_variable[] = "PLAN42_NODE_ADDRESS=";

/* A question for the name servers of the root, which every resolver answers. The gateway's second port answers anything. */
static const uint8_t question[] = {0x70, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

static struct target targets[MAX_PROBES];
static struct pollfd polls[MAX_PROBES];

/* Reads an IPv4 address in decimal. */
static bool parse_ipv4(const char *text, uint8_t *address) {
  for (int part = 0; part < 4; part += 1) {
    int number = 0, digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 3; digits += 1) number = number * 10 + *text++ - '0';
    if (digits == 0 || number > 255 || *text != (part < 3 ? '.' : 0)) return false;
    address[part] = (uint8_t)number;
    text += 1;
  }
  return true;
}

/* Removes the variable, which is none of the agent's. Returns its value, or null. */
static const char *take_node(char **environment) {
  const char *value = NULL;
  char **to = environment;
  for (char **from = environment; *from != NULL; from += 1) {
    if (begins_with(*from, node_variable)) value = *from + sizeof node_variable - 1;
    else *to++ = *from;
  }
  *to = NULL;
  return value;
}

/* Returns whether the probe has begun, and may be answered. */
static bool begin(const struct target *target, struct pollfd *poll) {
  union socket_address address;
  size_t size = address_of(target, &address);
  int type = target->protocol == UDP ? SOCK_DGRAM : SOCK_STREAM;
  long fd = sys(__NR_socket, target->family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  *poll = (struct pollfd){.fd = -1};
  if (fd < 0) return false;
  long result = sys(__NR_connect, fd, &address, size);
  if (result == 0 && target->protocol == UDP) result = sys(__NR_sendto, fd, question, sizeof question, MSG_NOSIGNAL, NULL, 0);
  if (result < 0 && result != -EINPROGRESS) {
    sys(__NR_close, fd);
    return false;
  }
  *poll = (struct pollfd){.fd = (int)fd, .events = target->protocol == UDP ? POLLIN : POLLOUT};
  return true;
}

/* Whether an event of the socket is an answer. */
static bool is_reached(const struct target *target, int fd) {
  if (target->protocol == UDP) {
    char byte;
    return sys(__NR_recvfrom, fd, &byte, 1, 0, NULL, NULL) >= 0;
  }
  int error = 1;
  uint32_t size = sizeof error;
  return sys(__NR_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* Tries all at once. Returns one that was reached, or null. */
static const struct target *find_reached(size_t count) {
  const struct target *reached = NULL;
  size_t open = 0;
  for (size_t i = 0; i < count; i += 1) open += begin(&targets[i], &polls[i]);
  for (long deadline = now_ms() + ROUND_MS; open > 0 && reached == NULL;) {
    long rest = deadline - now_ms();
    if (rest <= 0) break;
    struct __kernel_timespec timeout = {rest / 1000, (rest % 1000) * 1000000};
    if (sys(__NR_ppoll, polls, count, &timeout, NULL, 0) <= 0) continue;
    for (size_t i = 0; i < count; i += 1) {
      if (polls[i].fd < 0 || polls[i].revents == 0) continue;
      if (is_reached(&targets[i], polls[i].fd) && reached == NULL) reached = &targets[i];
      sys(__NR_close, polls[i].fd);
      polls[i].fd = -1;
      open -= 1;
    }
  }
  for (size_t i = 0; i < count; i += 1)
    if (polls[i].fd >= 0) sys(__NR_close, polls[i].fd);
  return reached;
}

static char *append(char *to, const char *text) {
  size_t length = length_of(text);
  memcpy(to, text, length + 1);
  return to + length;
}

/* Writes an address for people. */
static const char *describe(const struct target *target) {
  static char text[80];
  static const char digits[] = "0123456789abcdef";
  char number[24], *at = text;
  for (int i = 0; target->family == 4 && i < 4; i += 1) {
    if (i > 0) at = append(at, ".");
    at = append(at, decimal(target->address[i], number));
  }
  if (target->family != 4) at = append(at, "[");
  for (int i = 0; target->family != 4 && i < 16; i += 1) {
    if (i > 0 && i % 2 == 0) *at++ = ':';
    *at++ = digits[target->address[i] >> 4];
    *at++ = digits[target->address[i] & 15];
  }
  if (target->family != 4) at = append(at, "]");
  at = append(at, ":");
  at = append(at, decimal(network_order(target->port), number));
  append(at, target->protocol == UDP ? " (UDP)" : " (TCP)");
  return text;
}

void check_policy(char **environment) {
  size_t count = ask_gateway(targets, MAX_TARGETS);
  for (size_t i = 0; i < sizeof others / sizeof *others; i += 1) targets[count++] = others[i];
  struct target node = {.protocol = TCP, .family = 4};
  const char *address = take_node(environment);
  for (size_t i = 0; address != NULL && parse_ipv4(address, node.address) && i < sizeof node_ports / sizeof *node_ports; i += 1) {
    node.port = network_order(node_ports[i]);
    targets[count++] = node;
  }
  for (long deadline = now_ms() + PROOF_MS;;) {
    const struct target *reached = find_reached(count);
    if (reached == NULL) break;
    if (now_ms() > deadline) refuse("the pod reaches ", describe(reached), ", which its NetworkPolicy forbids", NULL);
    sleep_ms(PAUSE_MS);
  }
  /* A network that was down for a moment reaches nothing, either. */
  struct target again[MAX_TARGETS];
  ask_gateway(again, MAX_TARGETS);
}
