/*
 * The first program of a job's pod: /plan42/start PROGRAM ARGUMENT…
 *
 * It decrypts the request, which is in files beside it, opens it as standard input, and becomes PROGRAM: with the same process
 * ID, output, signals and environment, less the keys. So a request reaches agents in images without a shell, and the pod needs no
 * other container.
 *
 * As PROGRAM, it is the agent of `doctor`: see probe.c.
 */
#include "probe.h"
#include "request.h"
#include <linux/fcntl.h>

/* The first line of the log: the runner drops it, and knows without it that the node has dropped the beginning. */
static const char start_line[] = "[plan42: agent starts]\n";

/* The kubelet reports what is in it with the exit code. */
static const char termination_log[] = "/dev/termination-log";

_Noreturn void fail(int code, const char *what, const char *name, long error) {
  const char *reason = error_text(error);
  print("plan42-start: ", what, name, ": ", reason, "\n", NULL);
  long file = sys(__NR_openat, AT_FDCWD, termination_log, O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (file >= 0) {
    const char *texts[] = {"plan42-start: ", what, name, ": ", reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i += 1) sys(__NR_write, file, texts[i], length_of(texts[i]));
  }
  for (;;) sys(__NR_exit_group, code);
}

__attribute__((used)) _Noreturn void start(long *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  /* The arguments of an agent follow, and no program. */
  if (argc >= 2 && argv[1][0] == '-') probe();
  sys(__NR_write, 1, start_line, sizeof start_line - 1);
  if (argc < 2) fail(UNUSABLE, "no program to start", "", -EINVAL);
  long request = open_request(environment);
  long input = sys(__NR_dup3, request, 0, 0);
  if (input < 0) fail(UNUSABLE, "cannot open the request as standard input", "", input);
  sys(__NR_close, request);
  long result = sys(__NR_execve, argv[1], argv + 1, environment);
  fail(result == -ENOENT ? NOT_FOUND : CANNOT_EXECUTE, "cannot start ", argv[1], result);
}
