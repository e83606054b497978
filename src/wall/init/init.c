/*
 * The first program of a container behind the wall: /plan42-wall/init PROGRAM ARGUMENT…, and in a pod, after `start`:
 * /plan42/init PROGRAM ARGUMENT…
 *
 * It proves, before the first instruction of the agent, that only the gateway of the job can be reached, closes the ways that
 * network namespaces leave open, starts the forwarder to the gateway, and becomes PROGRAM: with the same process ID, standard
 * streams, signals and environment, so that images with an init of their own work as before.
 */
#include "../../lib/c/system.h"
#include "wall.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

__attribute__((used)) _Noreturn void start(long *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  if (argc < 2) refuse("no program to start", NULL);

  check_capabilities();
  install_filter();
  check_families();
  check_network(environment);
  check_mounts();
  start_forwarder(argc, argv);
  complete_start(argc, argv, environment);

  long result = sys(__NR_execve, argv[1], argv + 1, environment);
  print("plan42-wall: cannot start ", argv[1], ": ", error_text(result), "\n", NULL);
  leave(result == -ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}
