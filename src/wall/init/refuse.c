/* How the program ends if the agent does not start. */
#include "../../lib/c/system.h"
#include "wall.h"
#include <stdarg.h>

enum { REFUSED = 125 };

_Noreturn void leave(int code) {
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
