/* Proves from inside that the kernel gives the container nothing that opens networks. */
#include "sockets.h"
#include "wall.h"
#include <linux/capability.h>
#include <linux/sched.h>

/* With any other, root in the container can open a network of the machine, or the machine itself. */
static const uint8_t harmless[] = {
    CAP_CHOWN,     CAP_DAC_OVERRIDE,     CAP_FOWNER,  CAP_FSETID,    CAP_KILL,        CAP_SETGID,           CAP_SETUID,
    CAP_SETPCAP,   CAP_LINUX_IMMUTABLE,  CAP_NET_RAW, CAP_IPC_LOCK,  CAP_IPC_OWNER,   CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
    CAP_SYS_NICE,  CAP_NET_BROADCAST,    CAP_MKNOD,   CAP_LEASE,     CAP_AUDIT_WRITE, CAP_SETFCAP,          CAP_SYS_PTRACE,
    CAP_SYS_RESOURCE,
};

enum { PR_CAPBSET_READ = 23 };

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
