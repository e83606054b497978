/* How the program ends if the agent does not start. */
#include "../../lib/c/system.h"
#include "wall.h"
#include <linux/poll.h>
#include <linux/time_types.h>
#include <stdarg.h>

enum { REFUSED = 125, DRAIN_MS = 5000 };

/*
 * Reads standard input to its end. If a container exits before its input was read, Podman's monitor resets the connection to the
 * client, which then loses the output that it has not read yet: the reason of the refusal.
 */
static void drain_input(void) {
  char content[4096];
  for (long deadline = now_ms() + DRAIN_MS, left; (left = deadline - now_ms()) > 0;) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    struct __kernel_timespec limit = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    long ready = sys(__NR_ppoll, &input, 1, &limit, NULL, 0);
    if (ready == -EINTR) continue;
    if (ready <= 0 || sys(__NR_read, 0, content, sizeof content) <= 0) return;
  }
}

_Noreturn void leave(int code) {
  drain_input();
  for (;;) sys(__NR_exit_group, code);
}

_Noreturn void refuse(const char *reason, ...) {
  const char *more[3] = {"", "", ""};
  va_list texts;
  va_start(texts, reason);
  for (size_t i = 0; i < 3; i += 1) {
    const char *text = va_arg(texts, const char *);
    if (text == NULL) break;
    more[i] = text;
  }
  va_end(texts);
  print("plan42-wall: refused: ", reason, more[0], more[1], more[2], "\n", NULL);
  leave(REFUSED);
}
