/*
 * Refuses what network namespaces do not separate, for the rest of the container's life.
 *
 * An allow-list of address families: AF_VSOCK reaches the machine's hypervisor, AF_BLUETOOTH its radio, AF_QIPCRTR its modem, and
 * the next family will be one of these too. Three more ways lead to the same: io_uring opens sockets without the system call
 * `socket`; the calls of the x32 and i386 ABIs have other numbers, and `socketcall` has arguments that a filter cannot read;
 * `request_key` makes the machine resolve names (dns_resolver). Keyrings belong to a user of the machine, so two jobs could
 * exchange text by `keyctl`. In a user namespace of its own, a process is root, and reaches far more of the kernel (nf_tables,
 * mounts): docker's own profile refuses that too, podman's does not. The C library uses `clone` if the kernel has no `clone3`,
 * whose flags a filter cannot read. The filter passes to all processes and cannot be removed.
 */
#include "wall.h"
#include "sockets.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Jumps to an instruction, or continues with the next. */
#define IF(test, value, at, target) BPF_JUMP(BPF_JMP | (test) | BPF_K, (value), (target) - (at) - 1, 0)
#define IF_EQUAL(value, at, target) IF(BPF_JEQ, value, at, target)
#define IF_AT_LEAST(value, at, target) IF(BPF_JGE, value, at, target)
#define IF_ANY_BIT(value, at, target) IF(BPF_JSET, value, at, target)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAIL(error) RETURN(SECCOMP_RET_ERRNO | (error))

/* All architectures have these numbers in common. */
enum { IO_URING_FIRST = 425, IO_URING_LAST = 427, CLONE3 = 435 };
#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#define COMPAT AUDIT_ARCH_I386
enum { COMPAT_SOCKET = 359, COMPAT_SOCKETPAIR = 360, COMPAT_SOCKETCALL = 102 };
enum { COMPAT_ADD_KEY = 286, COMPAT_REQUEST_KEY = 287, COMPAT_KEYCTL = 288 };
enum { COMPAT_CLONE = 120, COMPAT_UNSHARE = 310 };
enum { X32_BIT = 0x40000000 };
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define COMPAT AUDIT_ARCH_ARM
enum { COMPAT_SOCKET = 281, COMPAT_SOCKETPAIR = 288, COMPAT_SOCKETCALL = 102 };
enum { COMPAT_ADD_KEY = 309, COMPAT_REQUEST_KEY = 310, COMPAT_KEYCTL = 311 };
enum { COMPAT_CLONE = 120, COMPAT_UNSHARE = 337 };
/* No such ABI: a number that no call has. */
enum { X32_BIT = 0x40000000 };
#endif

/* Where instructions begin that others jump to. */
enum { CALLS = 4, COMPAT_CALLS = 17, FAMILY = 30, NAMESPACES = 37, ALLOW = 39, NO_CALL = 40, NOT_PERMITTED = 41 };

static struct sock_filter program[] = {
    [0] = LOAD(arch),
    [1] = IF_EQUAL(NATIVE, 1, CALLS),
    [2] = IF_EQUAL(COMPAT, 2, COMPAT_CALLS),
    [3] = RETURN(SECCOMP_RET_KILL_PROCESS),
    [CALLS] = LOAD(nr),
    [5] = IF_AT_LEAST(X32_BIT, 5, NO_CALL),
    [6] = IF_EQUAL(__NR_socket, 6, FAMILY),
    [7] = IF_EQUAL(__NR_socketpair, 7, FAMILY),
    [8] = IF_EQUAL(__NR_clone, 8, NAMESPACES),
    [9] = IF_EQUAL(__NR_unshare, 9, NAMESPACES),
    [10] = IF_EQUAL(CLONE3, 10, NO_CALL),
    [11] = IF_EQUAL(__NR_add_key, 11, NO_CALL),
    [12] = IF_EQUAL(__NR_request_key, 12, NO_CALL),
    [13] = IF_EQUAL(__NR_keyctl, 13, NO_CALL),
    [14] = IF_AT_LEAST(IO_URING_LAST + 1, 14, ALLOW),
    [15] = IF_AT_LEAST(IO_URING_FIRST, 15, NO_CALL),
    [16] = RETURN(SECCOMP_RET_ALLOW),
    [COMPAT_CALLS] = LOAD(nr),
    [18] = IF_EQUAL(COMPAT_SOCKET, 18, FAMILY),
    [19] = IF_EQUAL(COMPAT_SOCKETPAIR, 19, FAMILY),
    [20] = IF_EQUAL(COMPAT_CLONE, 20, NAMESPACES),
    [21] = IF_EQUAL(COMPAT_UNSHARE, 21, NAMESPACES),
    [22] = IF_EQUAL(CLONE3, 22, NO_CALL),
    [23] = IF_EQUAL(COMPAT_SOCKETCALL, 23, NO_CALL),
    [24] = IF_EQUAL(COMPAT_ADD_KEY, 24, NO_CALL),
    [25] = IF_EQUAL(COMPAT_REQUEST_KEY, 25, NO_CALL),
    [26] = IF_EQUAL(COMPAT_KEYCTL, 26, NO_CALL),
    [27] = IF_AT_LEAST(IO_URING_LAST + 1, 27, ALLOW),
    [28] = IF_AT_LEAST(IO_URING_FIRST, 28, NO_CALL),
    [29] = RETURN(SECCOMP_RET_ALLOW),
    [FAMILY] = LOAD(args[0]),
    [31] = IF_EQUAL(AF_UNIX, 31, ALLOW),
    [32] = IF_EQUAL(AF_INET, 32, ALLOW),
    [33] = IF_EQUAL(AF_INET6, 33, ALLOW),
    [34] = IF_EQUAL(AF_NETLINK, 34, ALLOW),
    [35] = IF_EQUAL(AF_PACKET, 35, ALLOW),
    [36] = FAIL(EAFNOSUPPORT),
    [NAMESPACES] = LOAD(args[0]),
    [38] = IF_ANY_BIT(CLONE_NEWUSER, 38, NOT_PERMITTED),
    [ALLOW] = RETURN(SECCOMP_RET_ALLOW),
    [NO_CALL] = FAIL(ENOSYS),
    [NOT_PERMITTED] = FAIL(EPERM),
};

void install_filter(void) {
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  if (sys(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
    refuse("processes of the container may gain privileges (no-new-privileges is off)", NULL);
  long result = sys(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
  if (result < 0) refuse("cannot filter system calls: ", error_text(result), NULL);
}
