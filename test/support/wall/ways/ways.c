/*
 * Tries one way out of a container: ways NAME [ADDRESS PORT]. Exits with 0 if the way is open, with 1 if it is closed, and says
 * why on standard output. Addresses of IPv6 are 32 hexadecimal digits. Built like src/wall/init, whose headers it uses.
 */
#include "ask.h"
#include "sockets.h"
#include <linux/fcntl.h>
#include <linux/if_packet.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/sched.h>

_Noreturn static void leave(int code) {
  for (;;) sys(__NR_exit_group, code);
}

_Noreturn static void report(long result) {
  if (result >= 0) {
    sys(__NR_write, 1, "open\n", 5);
    leave(0);
  }
  print("closed: ", error_text(result), "\n", NULL);
  leave(1);
}

static int digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static long number(const char *text) {
  long value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + *text++ - '0';
  return value;
}

struct target {
  union {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address;
  size_t size;
  int family;
};

static struct target parse(const char *address, const char *port) {
  struct target target = {0};
  if (length_of(address) == 32) {
    target.family = AF_INET6, target.size = sizeof target.address.v6;
    target.address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = network_order((uint16_t)number(port))};
    uint8_t *bytes = (uint8_t *)&target.address.v6.sin6_addr;
    for (int i = 0; i < 16; i += 1) bytes[i] = (uint8_t)(digit(address[2 * i]) << 4 | digit(address[2 * i + 1]));
    return target;
  }
  uint8_t bytes[4];
  for (int i = 0; i < 4; i += 1) {
    bytes[i] = (uint8_t)number(address);
    while (*address >= '0' && *address <= '9') address += 1;
    if (*address == '.') address += 1;
  }
  target.family = AF_INET, target.size = sizeof target.address.v4;
  target.address.v4 = ipv4(bytes, (uint16_t)number(port));
  return target;
}

/* Connects, sends a byte, and waits for one. */
static long try_stream(struct target target) {
  long fd = sys(__NR_socket, target.family, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  long result = sys(__NR_connect, fd, &target.address, target.size);
  if (result == 0) sys(__NR_sendto, fd, "x", 1, MSG_NOSIGNAL, NULL, 0);
  return result;
}

static long try_datagram(struct target target) {
  long fd = sys(__NR_socket, target.family, SOCK_DGRAM, 0);
  int on = 1;
  if (fd < 0) return fd;
  sys(__NR_setsockopt, fd, SOL_SOCKET, 6 /* SO_BROADCAST */, &on, sizeof on);
  return sys(__NR_sendto, fd, "x", 1, 0, &target.address, target.size);
}

/* An echo request, by a socket of the kind that needs no capability, or by a raw one. */
static long try_echo(struct target target, int type) {
  uint8_t request[8] = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
  if (target.family == AF_INET6) request[0] = 128;
  long fd = sys(__NR_socket, target.family, type, target.family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  if (fd < 0) return fd;
  return sys(__NR_sendto, fd, request, sizeof request, 0, &target.address, target.size);
}

static const int allowed[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

/* Whether a socket of any family but the usual ones can be opened, by this system call. */
static long try_families(long (*open)(int family, int type, int protocol)) {
  for (int family = 0; family < 64; family += 1) {
    bool is_usual = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i += 1) is_usual = is_usual || allowed[i] == family;
    for (int type = 1; !is_usual && type < 7; type += 1)
      for (int protocol = 0; protocol < 8; protocol += 1) {
        long fd = open(family, type, protocol);
        if (fd >= 0) return family;
      }
  }
  return -EAFNOSUPPORT;
}

static long native_socket(int family, int type, int protocol) { return sys(__NR_socket, family, type, protocol); }
static long native_pair(int family, int type, int protocol) {
  static int fds[2];
  return sys(__NR_socketpair, family, type, protocol, fds);
}

#ifdef __x86_64__
static long x32_socket(int family, int type, int protocol) {
  return sys(0x40000000 | __NR_socket, family, type, protocol);
}

/* The system calls of 32-bit programs can be made from 64-bit ones too. */
static long compat(long call, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(call), "b"(a), "c"(b), "d"(c) : "r8", "r9", "r10", "r11", "memory");
  return (int)result;
}

static long compat_socket(int family, int type, int protocol) { return compat(359, family, type, protocol); }

static long compat_socketcall(int family, int type, int protocol) {
  static int *arguments;
  if (arguments == NULL)
    arguments = (int *)sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | 0x40, -1, 0);
  arguments[0] = family, arguments[1] = type, arguments[2] = protocol;
  return compat(102, 1, (long)arguments, 0);
}
#endif

/* An upcall of the kernel resolves a name on the machine. */
static long try_request_key(void) {
  return sys(__NR_request_key, "dns_resolver", "plan42.example", "", -1);
}

/* A keyring of the user, which all containers share. */
static long native_keyctl(void) { return sys(__NR_keyctl, 0, -4, 1, 0, 0); }
#ifdef __x86_64__
static long compat_keyctl(void) { return compat(288, 0, -4, 1); }
#endif

static long try_unix(const char *path, bool is_abstract) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = length_of(path);
  memcpy(address.sun_path + is_abstract, path, length);
  long fd = sys(__NR_socket, AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return fd;
  return sys(__NR_connect, fd, &address, sizeof address.sun_family + is_abstract + length + !is_abstract);
}

/* A device for packets, whose other end would be this process. */
static long try_tunnel(void) {
  long fd = sys(__NR_openat, AT_FDCWD, "/dev/net/tun", O_RDWR, 0);
  if (fd >= 0) return fd;
  fd = sys(__NR_mknodat, AT_FDCWD, "/tmp/tun", 0020666, 10 << 8 | 200);
  return fd < 0 ? fd : sys(__NR_openat, AT_FDCWD, "/tmp/tun", O_RDWR, 0);
}

/* Namespaces in which this process has all rights, and with them more of the kernel. */
static long ended(long child) {
  if (child == 0) leave(0);
  return child;
}
static long try_unshare(void) { return sys(__NR_unshare, CLONE_NEWUSER); }
static long try_clone(void) { return ended(sys(__NR_clone, CLONE_NEWUSER | 17 /* SIGCHLD */, 0, 0, 0, 0)); }
static long try_clone3(void) {
  struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = 17};
  return ended(sys(435, &arguments, sizeof arguments));
}
#ifdef __x86_64__
static long compat_unshare(void) { return compat(310, CLONE_NEWUSER, 0, 0); }
static long compat_clone(void) { return ended(compat(120, CLONE_NEWUSER | 17, 0, 0)); }
static long compat_clone3(void) {
  struct clone_args *arguments =
      (void *)sys(__NR_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | 0x40, -1, 0);
  *arguments = (struct clone_args){.flags = CLONE_NEWUSER, .exit_signal = 17};
  return ended(compat(435, (long)arguments, sizeof *arguments, 0));
}
#endif

static long try_setns(const char *path) {
  long fd = sys(__NR_openat, AT_FDCWD, path, O_RDONLY, 0);
  return fd < 0 ? fd : sys(__NR_setns, fd, CLONE_NEWNET);
}

static long try_remount(void) {
  return sys(__NR_mount, NULL, WALL_FOLDER, NULL, MS_REMOUNT | MS_BIND, NULL);
}

/* A frame on the loopback leaves the namespace as little as anything else there. */
static long try_frame(void) {
  long fd = sys(__NR_socket, AF_PACKET, SOCK_RAW, network_order(0x0800));
  if (fd < 0) return fd;
  /* Interface 2 is the first after the loopback. */
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = 2, .sll_halen = 6};
  return sys(__NR_sendto, fd, "0123456789abcdef", 16, 0, &address, sizeof address);
}

static long run(const char *name, const char *a, const char *b) {
  struct target target = {0};
  if (b != NULL) target = parse(a, b);
  if (is_equal(name, "tcp")) return try_stream(target);
  if (is_equal(name, "udp")) return try_datagram(target);
  if (is_equal(name, "echo")) return try_echo(target, SOCK_DGRAM);
  if (is_equal(name, "raw-echo")) return try_echo(target, SOCK_RAW);
  if (is_equal(name, "families")) return try_families(native_socket);
  if (is_equal(name, "pairs")) return try_families(native_pair);
#ifdef __x86_64__
  if (is_equal(name, "x32")) return try_families(x32_socket);
  if (is_equal(name, "compat")) return try_families(compat_socket);
  if (is_equal(name, "socketcall")) return try_families(compat_socketcall);
#else
  if (is_equal(name, "x32") || is_equal(name, "compat") || is_equal(name, "socketcall")) return -ENOSYS;
#endif
  if (is_equal(name, "io-uring")) {
    static char parameters[120];
    return sys(__NR_io_uring_setup, 8, parameters);
  }
  if (is_equal(name, "request-key")) {
    long result = try_request_key();
    /* With any other error the kernel looked for the key, on the machine. */
    return result == -ENOSYS || result == -EPERM ? result : 0;
  }
  if (is_equal(name, "keyring")) return native_keyctl();
#ifdef __x86_64__
  if (is_equal(name, "compat-keyring")) return compat_keyctl();
#else
  if (is_equal(name, "compat-keyring")) return -ENOSYS;
#endif
  if (is_equal(name, "unix")) return try_unix(a, false);
  if (is_equal(name, "abstract")) return try_unix(a, true);
  if (is_equal(name, "tunnel")) return try_tunnel();
  if (is_equal(name, "unshare")) return try_unshare();
  if (is_equal(name, "clone")) return try_clone();
  if (is_equal(name, "clone3")) return try_clone3();
#ifdef __x86_64__
  if (is_equal(name, "compat-unshare")) return compat_unshare();
  if (is_equal(name, "compat-clone")) return compat_clone();
  if (is_equal(name, "compat-clone3")) return compat_clone3();
#else
  if (is_equal(name, "compat-unshare") || is_equal(name, "compat-clone") || is_equal(name, "compat-clone3")) return -ENOSYS;
#endif
  if (is_equal(name, "setns")) return try_setns(a);
  if (is_equal(name, "remount")) return try_remount();
  if (is_equal(name, "frame")) return try_frame();
  return -EINVAL;
}

__attribute__((used)) _Noreturn void start(long *stack) {
  char **argv = (char **)(stack + 1);
  if (is_equal(argv[1], "ask")) leave(ask(argv[2], argv + 3) < 0);
  if (is_equal(argv[1], "flood")) leave(flood(argv[2], argv + 3) < 0);
  report(run(argv[1], argv[2], argv[2] == NULL ? NULL : argv[3]));
}
