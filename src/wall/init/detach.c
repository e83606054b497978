/* Processes beside the agent, which notices nothing of them. */
#include "../../lib/c/system.h"
#include "wall.h"
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>

static long fork(void) {
  return sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
}

static void close_from(unsigned int first) {
  if (sys(__NR_close_range, first, ~0u, 0) == 0) return;
  struct rlimit64 limit = {0};
  sys(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
  /* Kernels before 5.9. No engine gives a container more open files than a few. */
  for (unsigned int fd = first; fd < limit.rlim_cur && fd < 65536; fd += 1) sys(__NR_close, fd);
}

/* Leaves everything that the agent has: streams, folder, session, signals. Returns where the file is now. */
static int leave_agent(int argc, char **argv, const char *name, int kept) {
  uint64_t all = ~(uint64_t)0;
  sys(__NR_rt_sigprocmask, SIG_BLOCK, &all, NULL, sizeof all);
  sys(__NR_chdir, "/");
  for (int fd = 0; fd < 3; fd += 1) {
    long null = sys(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (null < 0) sys(__NR_close, fd);
    else {
      sys(__NR_dup3, null, fd, 0);
      sys(__NR_close, null);
    }
  }
  if (kept != 3) sys(__NR_dup3, kept, 3, O_CLOEXEC);
  close_from(4);
  struct rlimit64 limit = {0};
  sys(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
  limit.rlim_cur = limit.rlim_max;
  sys(__NR_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
  /* Otherwise `pkill -f AGENT` would match this process. */
  for (int index = 0; index < argc; index += 1) memset(argv[index], 0, length_of(argv[index]));
  memcpy(argv[0], name, length_of(name) + 1);
  sys(__NR_prctl, PR_SET_NAME, name, 0, 0, 0);
  return 3;
}

int start_beside(int argc, char **argv, const char *name, int kept) {
  long child = fork();
  if (child < 0) refuse("cannot start ", name, ": ", error_text(child), NULL);
  if (child == 0) {
    sys(__NR_setsid);
    /* A child of no living process belongs to the agent, which is process 1. */
    if (fork() != 0)
      for (;;) sys(__NR_exit_group, 0);
    return leave_agent(argc, argv, name, kept);
  }
  while (sys(__NR_wait4, child, NULL, 0, NULL) == -EINTR) continue;
  sys(__NR_close, kept);
  return -1;
}
