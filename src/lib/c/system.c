#include "system.h"
#include <linux/time.h>
#include <linux/time_types.h>
#include <stdarg.h>

/* The compiler may call these two. */
void *memset(void *to, int byte, size_t length) {
  for (unsigned char *at = to; length > 0; length -= 1) *at++ = (unsigned char)byte;
  return to;
}

void *memcpy(void *to, const void *from, size_t length) {
  const unsigned char *source = from;
  for (unsigned char *at = to; length > 0; length -= 1) *at++ = *source++;
  return to;
}

size_t length_of(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length += 1;
  return length;
}

bool is_equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a += 1, b += 1;
  return *a == *b;
}

bool begins_with(const char *text, const char *start) {
  while (*start != 0)
    if (*text++ != *start++) return false;
  return true;
}

int hex_digit(char text) {
  if (text >= '0' && text <= '9') return text - '0';
  return text >= 'a' && text <= 'f' ? text - 'a' + 10 : -1;
}

void print(const char *text, ...) {
  char line[512];
  size_t size = 0;
  va_list texts;
  va_start(texts, text);
  for (const char *next = text; next != NULL; next = va_arg(texts, const char *)) {
    for (; *next != 0 && size < sizeof line; next += 1) line[size++] = *next;
  }
  va_end(texts);
  /* One write, so that lines of other processes do not mix with it. */
  sys(__NR_write, 2, line, size);
}

char *decimal(long number, char *buffer) {
  char digits[24];
  size_t count = 0, size = 0;
  unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
  do digits[count++] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (number < 0) buffer[size++] = '-';
  while (count > 0) buffer[size++] = digits[--count];
  buffer[size] = 0;
  return buffer;
}

const char *error_text(long error) {
  switch (error < 0 ? -error : error) {
    case EPERM: return "operation not permitted";
    case ENOENT: return "no such file or directory";
    case EIO: return "input/output error";
    case E2BIG: return "argument list too long";
    case ENOEXEC: return "exec format error";
    case EAGAIN: return "resource temporarily unavailable";
    case ENOMEM: return "out of memory";
    case EACCES: return "permission denied";
    case ENOTDIR: return "not a directory";
    case EISDIR: return "is a directory";
    case EINVAL: return "invalid argument";
    case ENFILE:
    case EMFILE: return "too many open files";
    case ETXTBSY: return "text file busy";
    case ELOOP: return "too many symbolic links";
    case ENOSYS: return "function not implemented";
    case EAFNOSUPPORT: return "address family not supported";
    case EADDRINUSE: return "address already in use";
    case ENETUNREACH: return "network unreachable";
    case ECONNRESET: return "connection reset";
    case ECONNREFUSED: return "connection refused";
    case ETIMEDOUT: return "timed out";
    default: {
      static char text[40] = "error ";
      decimal(error < 0 ? -error : error, text + 6);
      return text;
    }
  }
}

long now_ms(void) {
  struct __kernel_timespec time = {0};
  sys(__NR_clock_gettime, CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void sleep_ms(long ms) {
  struct __kernel_timespec time = {ms / 1000, (ms % 1000) * 1000000};
  sys(__NR_nanosleep, &time, NULL);
}

/* The kernel starts the program here, with the arguments on the stack. Each program has a function `start`, which gets their address. */
__asm__(".globl _start\n"
        "_start:\n"
#ifdef __x86_64__
        "  xor %ebp, %ebp\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call start\n"
#else
        "  mov x29, #0\n"
        "  mov x30, #0\n"
        "  mov x0, sp\n"
        "  and sp, x0, #-16\n"
        "  bl start\n"
#endif
);
