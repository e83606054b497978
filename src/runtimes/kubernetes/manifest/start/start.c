/*
 * The first program of a job's pod: /plan42/start PROGRAM ARGUMENT…
 *
 * It opens the request, which is in files beside it, as standard input, and becomes PROGRAM: with the same process ID, output,
 * signals and environment. So a request reaches agents in images without a shell, and the pod needs no other container.
 *
 * As PROGRAM, it is the agent of `doctor`: see probe.c.
 */
#include "probe.h"
#include <linux/fcntl.h>

enum { UNUSABLE = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

/* The first line of the log: the runner drops it, and knows without it that the node has dropped the beginning. */
static const char start_line[] = "[plan42: agent starts]\n";

/* The kubelet reports what is in it with the exit code. */
static const char termination_log[] = "/dev/termination-log";
/* Pods have few parts: each is almost as large as a Secret may be. */
enum { MAX_PARTS = 1000 };

static _Noreturn void fail(int code, const char *what, const char *name, long error) {
  const char *reason = error_text(error);
  print("plan42-start: ", what, name, ": ", reason, "\n", NULL);
  long file = sys(__NR_openat, AT_FDCWD, termination_log, O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (file >= 0) {
    const char *texts[] = {"plan42-start: ", what, name, ": ", reason};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i += 1) sys(__NR_write, file, texts[i], length_of(texts[i]));
  }
  for (;;) sys(__NR_exit_group, code);
}

static long open_part(long number, char *path) {
  static const char prefix[] = "/plan42/request-";
  memcpy(path, prefix, sizeof prefix);
  decimal(number, path + sizeof prefix - 1);
  return sys(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

static void copy(long from, long to, const char *name) {
  static char buffer[65536];
  for (;;) {
    long size = sys(__NR_read, from, buffer, sizeof buffer);
    if (size == -EINTR) continue;
    if (size < 0) fail(UNUSABLE, "cannot read ", name, size);
    if (size == 0) return;
    for (long done = 0; done < size;) {
      long written = sys(__NR_write, to, buffer + done, size - done);
      if (written == -EINTR) continue;
      if (written < 0) fail(UNUSABLE, "cannot join the parts of the request", "", written);
      done += written;
    }
  }
}

/* Returns a file with the whole request. A Secret has limited space, so a large request has several parts. */
static long open_request(void) {
  char path[64], next_path[64];
  long part = open_part(0, path);
  if (part < 0) fail(UNUSABLE, "cannot open ", path, part);
  long next = open_part(1, next_path);
  if (next == -ENOENT) return part;
  long whole = sys(__NR_memfd_create, "request", 0);
  if (whole < 0) fail(UNUSABLE, "cannot join the parts of the request", "", whole);
  copy(part, whole, path);
  for (long number = 1; next != -ENOENT; next = open_part(++number, next_path)) {
    if (next < 0 || number > MAX_PARTS) fail(UNUSABLE, "cannot open ", next_path, next < 0 ? next : -E2BIG);
    copy(next, whole, next_path);
    sys(__NR_close, next);
  }
  sys(__NR_lseek, whole, 0, 0 /* SEEK_SET */);
  return whole;
}

__attribute__((used)) _Noreturn void start(long *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  /* The arguments of an agent follow, and no program. */
  if (argc >= 2 && argv[1][0] == '-') probe();
  sys(__NR_write, 1, start_line, sizeof start_line - 1);
  if (argc < 2) fail(UNUSABLE, "no program to start", "", -EINVAL);
  long request = open_request();
  long input = sys(__NR_dup3, request, 0, 0);
  if (input < 0) fail(UNUSABLE, "cannot open the request as standard input", "", input);
  sys(__NR_close, request);
  long result = sys(__NR_execve, argv[1], argv + 1, environment);
  fail(result == -ENOENT ? NOT_FOUND : CANNOT_EXECUTE, "cannot start ", argv[1], result);
}
