/*
 * Refuses what network namespaces do not separate, for the rest of the container's life.
 *
 * An allow-list of address families: AF_VSOCK reaches the machine's hypervisor, AF_BLUETOOTH its radio, AF_QIPCRTR its modem, and
 * the next family will be one of these too. Three more ways lead to the same: io_uring opens sockets without the system call
 * `socket`; the calls of the x32 and i386 ABIs have other numbers, and `socketcall` has arguments that a filter cannot read;
 * `request_key` makes the machine resolve names (dns_resolver). Keyrings belong to a user of the machine, so two jobs could
 * exchange text by `keyctl`. The filter passes to all processes and cannot be removed.
 */
#include "wall.h"
#include "sockets.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_AT_LEAST(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), (yes), (no))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL(error) RETURN(SECCOMP_RET_ERRNO | (error))

/* Both architectures of a machine have the numbers of io_uring in common. */
enum { IO_URING_FIRST = 425, IO_URING_LAST = 427 };
#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#define COMPAT AUDIT_ARCH_I386
enum { COMPAT_SOCKET = 359, COMPAT_SOCKETPAIR = 360, COMPAT_SOCKETCALL = 102 };
enum { COMPAT_ADD_KEY = 286, COMPAT_REQUEST_KEY = 287, COMPAT_KEYCTL = 288 };
enum { X32_BIT = 0x40000000 };
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define COMPAT AUDIT_ARCH_ARM
enum { COMPAT_SOCKET = 281, COMPAT_SOCKETPAIR = 288, COMPAT_SOCKETCALL = 102 };
enum { COMPAT_ADD_KEY = 309, COMPAT_REQUEST_KEY = 310, COMPAT_KEYCTL = 311 };
/* No such ABI: a number that no call has. */
enum { X32_BIT = 0x40000000 };
#endif

/* Jumps count the instructions that they skip. */
static struct sock_filter program[] = {
    /*  0 */ LOAD(arch),
    /*  1 */ IF_EQUAL(NATIVE, 2, 0),
    /*  2 */ IF_EQUAL(COMPAT, 11, 0),
    /*  3 */ RETURN(SECCOMP_RET_KILL_PROCESS),
    /*  4 */ LOAD(nr),
    /*  5 */ IF_AT_LEAST(X32_BIT, 25, 0),
    /*  6 */ IF_EQUAL(__NR_socket, 16, 0),
    /*  7 */ IF_EQUAL(__NR_socketpair, 15, 0),
    /*  8 */ IF_EQUAL(__NR_add_key, 22, 0),
    /*  9 */ IF_EQUAL(__NR_request_key, 21, 0),
    /* 10 */ IF_EQUAL(__NR_keyctl, 20, 0),
    /* 11 */ IF_AT_LEAST(IO_URING_LAST + 1, 1, 0),
    /* 12 */ IF_AT_LEAST(IO_URING_FIRST, 18, 0),
    /* 13 */ RETURN(SECCOMP_RET_ALLOW),
    /* 14 */ LOAD(nr),
    /* 15 */ IF_EQUAL(COMPAT_SOCKETCALL, 15, 0),
    /* 16 */ IF_EQUAL(COMPAT_ADD_KEY, 14, 0),
    /* 17 */ IF_EQUAL(COMPAT_REQUEST_KEY, 13, 0),
    /* 18 */ IF_EQUAL(COMPAT_KEYCTL, 12, 0),
    /* 19 */ IF_EQUAL(COMPAT_SOCKET, 3, 0),
    /* 20 */ IF_EQUAL(COMPAT_SOCKETPAIR, 2, 0),
    /* 21 */ IF_AT_LEAST(IO_URING_LAST + 1, 8, 0),
    /* 22 */ IF_AT_LEAST(IO_URING_FIRST, 8, 7),
    /* 23 */ LOAD(args[0]),
    /* 24 */ IF_EQUAL(AF_UNIX, 5, 0),
    /* 25 */ IF_EQUAL(AF_INET, 4, 0),
    /* 26 */ IF_EQUAL(AF_INET6, 3, 0),
    /* 27 */ IF_EQUAL(AF_NETLINK, 2, 0),
    /* 28 */ IF_EQUAL(AF_PACKET, 1, 0),
    /* 29 */ FAIL(EAFNOSUPPORT),
    /* 30 */ RETURN(SECCOMP_RET_ALLOW),
    /* 31 */ FAIL(ENOSYS),
};

void install_filter(void) {
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  if (sys(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
    refuse("processes of the container may gain privileges (no-new-privileges is off)", NULL);
  long result = sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
  if (result < 0) refuse("cannot filter system calls: ", error_text(result), NULL);
}
