/*
 * The agent of `doctor`, in any image: it reads its request from standard input and prints one line about its pod.
 *
 * The request has lines: `nonce HEX`, `entrypoint PATH`, `connect HEX` with a socket address, `wait` to exit at SIGTERM only.
 */
#include "probe.h"
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/time_types.h>

enum { MAX_TEXT = 4096, CONNECT_SECONDS = 5, MAX_WAIT_SECONDS = 120 };
enum { SOCK_STREAM = 1, SOCK_CLOEXEC = 02000000, SOL_SOCKET = 1, SO_SNDTIMEO = 21 };
enum { MAX_ADDRESS = 28, X_OK_MODE = 1 };

/* The arguments that follow in the request, without the name. */
struct request {
  char text[MAX_TEXT];
  const char *nonce, *entrypoint, *connect;
  bool waits;
};

static char line[MAX_TEXT];
static size_t line_size;

static void put(const char *text) {
  for (; *text != 0 && line_size < sizeof line; text += 1) line[line_size++] = *text;
}

/* Between quotation marks, without what JSON would escape. */
static void put_text(const char *name, const char *text) {
  put(",\"");
  put(name);
  put("\":\"");
  for (; *text != 0 && *text != '\n'; text += 1) {
    char printed[] = {*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? ' ' : *text, 0};
    put(printed);
  }
  put("\"");
}

/* Reads up to the end of the buffer, and ends the text. Returns its length, or an error. */
static long read_text(long file, char *text, size_t size) {
  size_t length = 0;
  while (length < size - 1) {
    long got = sys(__NR_read, file, text + length, size - 1 - length);
    if (got == -EINTR) continue;
    if (got < 0) return got;
    if (got == 0) break;
    length += (size_t)got;
  }
  text[length] = 0;
  return (long)length;
}

/* Puts the first line of a file. Nothing if there is none. */
static void put_file(const char *name, const char *path) {
  static char text[MAX_TEXT];
  long file = sys(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  if (read_text(file, text, sizeof text) > 0) put_text(name, text);
  sys(__NR_close, file);
}

/* The rest of the line that begins with these words. */
static const char *find_line(const char *text, const char *start) {
  size_t length = length_of(start);
  while (*text != 0) {
    size_t same = 0;
    while (same < length && text[same] == start[same]) same += 1;
    if (same == length) return text + length;
    while (*text != 0 && *text != '\n') text += 1;
    if (*text == '\n') text += 1;
  }
  return NULL;
}

static void put_status(void) {
  static char text[MAX_TEXT];
  static const char *const fields[][2] = {
    {"noNewPrivs", "NoNewPrivs:\t"}, {"seccomp", "Seccomp:\t"}, {"capabilities", "CapBnd:\t"}};
  long file = sys(__NR_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  read_text(file, text, sizeof text);
  sys(__NR_close, file);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i += 1) {
    const char *value = find_line(text, fields[i][1]);
    if (value != NULL) put_text(fields[i][0], value);
  }
}

/* Ends each line of the request, and finds its values. */
static bool read_request(struct request *request) {
  if (read_text(0, request->text, sizeof request->text) < 0) return false;
  request->nonce = find_line(request->text, "nonce ");
  request->entrypoint = find_line(request->text, "entrypoint ");
  request->connect = find_line(request->text, "connect ");
  request->waits = find_line(request->text, "wait") != NULL;
  for (char *at = request->text; *at != 0; at += 1) if (*at == '\n') *at = 0;
  return true;
}

/* Returns zero, or an error. */
static long try_connect(const char *hex) {
  unsigned char address[MAX_ADDRESS];
  size_t size = 0;
  for (; size < sizeof address && hex_digit(hex[2 * size]) >= 0 && hex_digit(hex[2 * size + 1]) >= 0; size += 1)
    address[size] = (unsigned char)(hex_digit(hex[2 * size]) << 4 | hex_digit(hex[2 * size + 1]));
  if (size < 2) return -EINVAL;
  long socket = sys(__NR_socket, address[0], SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket;
  struct { long seconds, microseconds; } limit = {CONNECT_SECONDS, 0};
  sys(__NR_setsockopt, socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  long result = sys(__NR_connect, socket, address, size);
  sys(__NR_close, socket);
  return result == -EINPROGRESS || result == -EAGAIN ? -ETIMEDOUT : result;
}

/* Blocked, a signal waits also for a process with the ID 1, which otherwise does not get those without a handler. */
static void wait_for_end(void) {
  uint64_t ends = 1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1);
  struct __kernel_timespec limit = {MAX_WAIT_SECONDS, 0};
  sys(__NR_rt_sigprocmask, SIG_BLOCK, &ends, NULL, sizeof ends);
  sys(__NR_rt_sigtimedwait, &ends, NULL, &limit, sizeof ends);
}

static const char *outcome(long result) { return result < 0 ? error_text(result) : "ok"; }

_Noreturn void probe(void) {
  static struct request request;
  bool isRead = read_request(&request);
  put("plan42-check {\"probe\":1");
  if (isRead && request.nonce != NULL) put_text("nonce", request.nonce);
  put_text("token", outcome(sys(__NR_faccessat, AT_FDCWD, "/var/run/secrets/kubernetes.io/serviceaccount/token", 0)));
  if (request.entrypoint != NULL)
    put_text("entrypoint", outcome(sys(__NR_faccessat, AT_FDCWD, request.entrypoint, X_OK_MODE)));
  put_status();
  /* The second version of cgroups, then the first. */
  put_file("memoryMax", "/sys/fs/cgroup/memory.max");
  put_file("cpuMax", "/sys/fs/cgroup/cpu.max");
  put_file("memoryLimit", "/sys/fs/cgroup/memory/memory.limit_in_bytes");
  put_file("cpuQuota", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  put_file("cpuPeriod", "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (request.connect != NULL) put_text("connect", outcome(try_connect(request.connect)));
  put("}\n");
  sys(__NR_write, 1, line, line_size);
  if (request.waits) wait_for_end();
  for (;;) sys(__NR_exit_group, 0);
}
