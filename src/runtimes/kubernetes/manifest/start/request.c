#include "request.h"
#include "chacha20.h"
#include <linux/fcntl.h>

/* Pods have few parts: each is almost as large as a Secret may be. */
enum { MAX_PARTS = 1000 };
enum { F_SETPIPE_SIZE = 1031, F_GETPIPE_SIZE = 1032 };

static const char key_variable[] = "PLAN42_REQUEST_KEY_";
static const char cannot_join[] = "cannot join the parts of the request";

static bool starts_with(const char *text, const char *start) {
  while (*start != 0) if (*text++ != *start++) return false;
  return true;
}

/* Finds `PLAN42_REQUEST_KEY_N=HEX`. */
static bool find_key(char *const *environment, long part, unsigned char *key) {
  char name[64];
  memcpy(name, key_variable, sizeof key_variable);
  decimal(part, name + sizeof key_variable - 1);
  for (; *environment != NULL; environment += 1) {
    if (!starts_with(*environment, name)) continue;
    const char *hex = *environment + length_of(name);
    if (*hex++ != '=') continue;
    for (size_t i = 0; i < KEY_BYTES; i += 1) {
      int high = hex_digit(hex[2 * i]), low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
      if (low < 0) return false;
      key[i] = (unsigned char)(high << 4 | low);
    }
    return true;
  }
  return false;
}

static void remove_keys(char **environment) {
  char **kept = environment;
  for (; *environment != NULL; environment += 1)
    if (!starts_with(*environment, key_variable)) *kept++ = *environment;
  *kept = NULL;
}

static void write_all(long file, const unsigned char *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    long written = sys(__NR_write, file, bytes + done, length - done);
    if (written == -EINTR) continue;
    if (written < 0) fail(UNUSABLE, cannot_join, "", written);
    done += (size_t)written;
  }
}

static size_t copy(long from, long to, struct chacha20 *cipher, const char *name) {
  static unsigned char buffer[65536];
  size_t total = 0;
  for (;;) {
    long size = sys(__NR_read, from, buffer, sizeof buffer);
    if (size == -EINTR) continue;
    if (size < 0) fail(UNUSABLE, "cannot read ", name, size);
    if (size == 0) return total;
    if (cipher != NULL) chacha20_next(cipher, buffer, (size_t)size);
    write_all(to, buffer, (size_t)size);
    total += (size_t)size;
  }
}

static long open_part(long number, char *path) {
  static const char prefix[] = "/plan42/request-";
  memcpy(path, prefix, sizeof prefix);
  decimal(number, path + sizeof prefix - 1);
  return sys(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

/* A Secret has limited space, so a large request has several parts. Returns its size. */
static size_t decrypt_parts(char *const *environment, long whole) {
  char path[64];
  size_t size = 0;
  for (long number = 0;; number += 1) {
    struct chacha20 cipher;
    unsigned char key[KEY_BYTES];
    long part = open_part(number, path);
    if (part == -ENOENT && number > 0) return size;
    if (part < 0 || number > MAX_PARTS) fail(UNUSABLE, "cannot open ", path, part < 0 ? part : -E2BIG);
    if (!find_key(environment, number, key)) fail(UNUSABLE, "no key for ", path, -EINVAL);
    chacha20_begin(&cipher, key);
    size += copy(part, whole, &cipher, path);
    sys(__NR_close, part);
  }
}

/* What was read from a pipe is gone. A file can be read again for as long as the agent has it open. Returns an error if it is too large. */
static long into_pipe(long whole, size_t size) {
  int ends[2];
  long result = sys(__NR_pipe2, ends, 0);
  if (result < 0) return result;
  long capacity = sys(__NR_fcntl, ends[1], F_GETPIPE_SIZE);
  if (capacity < 0 || (size_t)capacity < size) capacity = sys(__NR_fcntl, ends[1], F_SETPIPE_SIZE, size);
  bool fits = capacity >= 0 && (size_t)capacity >= size;
  if (fits) copy(whole, ends[1], NULL, "the request");
  sys(__NR_close, ends[1]);
  if (fits) return ends[0];
  sys(__NR_close, ends[0]);
  return -E2BIG;
}

long open_request(char **environment) {
  long whole = sys(__NR_memfd_create, "request", 0);
  if (whole < 0) fail(UNUSABLE, cannot_join, "", whole);
  size_t size = decrypt_parts(environment, whole);
  remove_keys(environment);
  sys(__NR_lseek, whole, 0, 0 /* SEEK_SET */);
  long pipe = into_pipe(whole, size);
  if (pipe < 0) return whole;
  sys(__NR_close, whole);
  return pipe;
}
