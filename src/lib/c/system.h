/*
 * System calls and the few functions that every program needs, without a C library: so the program is static, a few kilobytes
 * large, runs in every image, and no library's licence applies to it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "only x86-64 and arm64"
#endif

#include <asm/unistd.h>
#include <linux/errno.h>

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
#ifdef __x86_64__
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

/* Like the C library's `syscall`, but returns the error as a negative number. */
#define CALL_(number, a, b, c, d, e, f, ...) \
  call6((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

void *memset(void *to, int byte, size_t length);
void *memcpy(void *to, const void *from, size_t length);
size_t length_of(const char *text);
bool is_equal(const char *a, const char *b);
bool begins_with(const char *text, const char *start);
/* The value of a digit in lower case, or -1. */
int hex_digit(char text);

/* Writes these texts to standard error, up to a null pointer. */
void print(const char *text, ...);
/* Writes a number in decimal into a buffer of at least 24 bytes, and returns it. */
char *decimal(long number, char *buffer);
/* A word for an error number, as strerror. */
const char *error_text(long error);

long now_ms(void);
void sleep_ms(long ms);
