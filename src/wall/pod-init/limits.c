/*
 * The limits that the gateway of the job holds: a file for the agent, a signal when most of a limit is used, and the end at the limit.
 * The gateway sends messages, and gets a byte for each one. The first one comes before the agent starts. A
 * process of its own waits for the others. It belongs to the agent: killing it does not raise a limit, because the gateway refuses
 * further calls and the runner ends the pod.
 */
#include "../init/wall.h"
#include "pod.h"
#include <linux/fcntl.h>
#include <linux/signal.h>

/* A message is its kind, the milliseconds until SIGKILL, the size of the file, and the file. Numbers are big-endian. */
enum { STATE = 'S', NOTICE = 'N', END = 'E', HEADER = 9, MAX_FILE = 4096 };
enum { START_MS = 60000, MESSAGE_MS = 5000, RETRY_MS = 1000, FOREVER_MS = 3600000, PAUSE_MS = 50 };

/* The volume of the pod. The agent knows the file by this variable. */
static const char variable[] = "PLAN42_LIMITS=";
static const char file[] = "/plan42-limits/limits.json";
static const char new_file[] = "/plan42-limits/limits.json.new";

/* The process that becomes the agent. */
static long agent;
/* Zero until the job must end. */
static long kill_at;

static bool has_limits(char **environment) {
  for (; *environment != NULL; environment += 1)
    if (begins_with(*environment, variable)) return true;
  return false;
}

/* Replaces the file as a whole. Returns 0, or an error. */
static long write_file(const char *content, size_t size) {
  long fd = sys(__NR_openat, AT_FDCWD, new_file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return fd;
  long result = 0;
  for (size_t done = 0; done < size && result >= 0;) {
    result = sys(__NR_write, fd, content + done, size - done);
    if (result == -EINTR) result = 0;
    if (result > 0) done += (size_t)result;
  }
  /* Whatever the umask is. */
  sys(__NR_fchmod, fd, 0644);
  sys(__NR_close, fd);
  return result < 0 ? result : sys(__NR_renameat2, AT_FDCWD, new_file, AT_FDCWD, file, 0);
}

/* Whether the agent handles the signal. It would end another one. */
static bool is_handled(int signal) {
  static const char field[] = "\nSigCgt:\t";
  char path[48] = "/proc/", text[4096];
  size_t length = length_of(path);
  decimal(agent, path + length);
  memcpy(path + length_of(path), "/status", sizeof "/status");
  long fd = sys(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  long size = sys(__NR_read, fd, text, sizeof text - 1);
  sys(__NR_close, fd);
  if (size < 0) return false;
  text[size] = 0;
  for (const char *at = text; *at != 0; at += 1) {
    if (!begins_with(at, field)) continue;
    uint64_t handled = 0;
    for (at += sizeof field - 1; hex_digit(*at) >= 0; at += 1) handled = handled << 4 | (uint64_t)hex_digit(*at);
    return (handled >> (signal - 1) & 1) != 0;
  }
  return false;
}

static uint32_t number_at(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Waits for a message, and carries it out. Returns 0, or an error: -EAGAIN if there was none in time. */
static long take_message(int fd, long deadline) {
  uint8_t header[HEADER];
  char content[MAX_FILE];
  if (!receive(fd, header, 1, deadline)) return now_ms() < deadline ? -ECONNRESET : -EAGAIN;
  if (!receive(fd, header + 1, sizeof header - 1, now_ms() + MESSAGE_MS)) return -ECONNRESET;
  uint32_t size = number_at(header + 5);
  if (size > sizeof content || !receive(fd, content, size, now_ms() + MESSAGE_MS)) return -ECONNRESET;
  long result = write_file(content, size);
  /* Before the signal: process 1 can exit at once, and this process with it. */
  if (sys(__NR_sendto, fd, header, 1, MSG_NOSIGNAL, NULL, 0) != 1) return -ECONNRESET;
  if (header[0] == NOTICE && is_handled(SIGUSR2)) sys(__NR_kill, agent, SIGUSR2);
  if (header[0] == END && kill_at == 0) {
    kill_at = now_ms() + number_at(header + 1);
    sys(__NR_kill, agent, SIGTERM);
  }
  return result;
}

/* The kernel keeps process 1 from signals of its own container. Without the others it does little, and the runner ends it. */
static void kill_agent(void) {
  sys(__NR_kill, agent == 1 ? -1 : agent, SIGKILL);
}

_Noreturn static void follow(int fd) {
  for (;;) {
    if (fd < 0) fd = (int)connect_for(LIMITS);
    long now = now_ms();
    bool is_over = kill_at != 0 && now >= kill_at;
    if (is_over) kill_agent();
    long deadline = now + (is_over ? RETRY_MS : kill_at != 0 ? kill_at - now : FOREVER_MS);
    if (fd < 0) sleep_ms(RETRY_MS);
    else if (take_message(fd, deadline) == -ECONNRESET) {
      sys(__NR_close, fd);
      fd = -1;
      sleep_ms(PAUSE_MS);
    }
  }
}

void start_limits(int argc, char **argv, char **environment) {
  if (!has_limits(environment)) return;
  agent = sys(__NR_getpid);
  long fd, result;
  for (long deadline = now_ms() + START_MS;;) {
    fd = connect_for(LIMITS);
    result = fd < 0 ? fd : take_message((int)fd, now_ms() + MESSAGE_MS);
    if (result == 0) break;
    if (fd >= 0) sys(__NR_close, fd);
    if (now_ms() > deadline) refuse("cannot get the limits of the job: ", error_text(result), NULL);
    sleep_ms(PAUSE_MS);
  }
  int kept = start_beside(argc, argv, "plan42-limits", (int)fd);
  if (kept >= 0) follow(kept);
}
