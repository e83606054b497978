/* Proves from inside what the kernel gives the container, above all no network but its loopback. No probe sends a packet. */
#include "sockets.h"
#include "wall.h"
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>

/* With any other, root in the container can open a network of the machine, or the machine itself. */
static const uint8_t harmless[] = {
    CAP_CHOWN,     CAP_DAC_OVERRIDE,     CAP_FOWNER,  CAP_FSETID,    CAP_KILL,        CAP_SETGID,           CAP_SETUID,
    CAP_SETPCAP,   CAP_LINUX_IMMUTABLE,  CAP_NET_RAW, CAP_IPC_LOCK,  CAP_IPC_OWNER,   CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
    CAP_SYS_NICE,  CAP_NET_BROADCAST,    CAP_MKNOD,   CAP_LEASE,     CAP_AUDIT_WRITE, CAP_SETFCAP,          CAP_SYS_PTRACE,
    CAP_SYS_RESOURCE,
};

enum { PR_CAPBSET_READ = 23 };
/* Flags of interfaces. Their header needs a C library. */
enum { IFF_UP = 1, IFF_LOOPBACK = 8, IFF_RUNNING = 64 };

static bool is_harmless(uint8_t capability) {
  for (size_t i = 0; i < sizeof harmless; i += 1)
    if (harmless[i] == capability) return true;
  return false;
}

uint64_t permitted_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{0}};
  if (sys(__NR_capget, &header, sets) < 0) refuse("cannot read the capabilities", NULL);
  return (uint64_t)sets[1].permitted << 32 | sets[0].permitted;
}

void check_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{0}};
  if (sys(__NR_capget, &header, sets) < 0) refuse("cannot read the capabilities", NULL);
  for (uint8_t capability = 0; capability < 64; capability += 1) {
    if (is_harmless(capability)) continue;
    uint32_t bit = 1u << (capability % 32);
    bool has = ((sets[capability / 32].permitted | sets[capability / 32].inheritable) & bit) != 0;
    /* An error for numbers that this kernel does not know. */
    if (!has && sys(__NR_prctl, PR_CAPBSET_READ, capability, 0, 0, 0) != 1) continue;
    char number[24];
    refuse("the container has a capability that opens networks, number ", decimal(capability, number), NULL);
  }
}

void check_families(void) {
  if (sys(__NR_socket, AF_VSOCK, SOCK_STREAM, 0) != -EAFNOSUPPORT)
    refuse("sockets of the hypervisor (AF_VSOCK) can be opened", NULL);
  long result = sys(__NR_io_uring_setup, 1, NULL);
  if (result != -ENOSYS && result != -EPERM) refuse("io_uring, which opens sockets unseen, can be used", NULL);
  if (sys(__NR_unshare, CLONE_NEWUSER) != -EPERM)
    refuse("processes can become root in user namespaces of their own", NULL);
}

/* Calls `see` for each network interface of the namespace. */
static void list_interfaces(void (*see)(const struct ifinfomsg *, const char *name)) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
  } request = {
      .header = {sizeof request, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
  };
  static _Alignas(NLMSG_ALIGNTO) char answer[32768];
  long fd = sys(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) refuse("cannot list network interfaces: ", error_text(fd), NULL);
  long sent = sys(__NR_sendto, fd, &request, sizeof request, 0, NULL, 0);
  if (sent < 0) refuse("cannot list network interfaces: ", error_text(sent), NULL);
  for (bool done = false; !done;) {
    long left = sys(__NR_recvfrom, fd, answer, sizeof answer, 0, NULL, NULL);
    if (left == -EINTR) continue;
    if (left <= 0) refuse("cannot list network interfaces: ", error_text(left), NULL);
    for (struct nlmsghdr *message = (void *)answer; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_ERROR) refuse("cannot list network interfaces", NULL);
      if (message->nlmsg_type == NLMSG_DONE) done = true;
      if (message->nlmsg_type != RTM_NEWLINK) continue;
      struct ifinfomsg *info = NLMSG_DATA(message);
      const char *name = "";
      long size = (long)message->nlmsg_len - (long)NLMSG_LENGTH(sizeof *info);
      struct rtattr *attribute = (void *)((char *)info + NLMSG_ALIGN(sizeof *info));
      for (; RTA_OK(attribute, size); attribute = RTA_NEXT(attribute, size))
        if (attribute->rta_type == IFLA_IFNAME) name = RTA_DATA(attribute);
      see(info, name);
    }
  }
  sys(__NR_close, fd);
}

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

void check_interfaces(void) {
  list_interfaces(check_interface);
  if (!is_loopback_up) bring_loopback_up();
}

static bool has_network;

static void check_only_interface(const struct ifinfomsg *info, const char *name) {
  if ((info->ifi_flags & IFF_LOOPBACK) != 0 || (info->ifi_flags & IFF_UP) == 0) return;
  if (has_network) refuse("the pod has more than one network, and policies may not hold for ", name, NULL);
  has_network = true;
}

void check_only_network(void) {
  list_interfaces(check_only_interface);
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

void check_routes(void) {
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
