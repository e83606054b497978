/*
 * The first program of a pod behind the wall, after `start`: /plan42/init PROGRAM ARGUMENT…
 *
 * A pod has a network, which a NetworkPolicy limits to the gateway of the job. A policy that nothing enforces is accepted without a
 * word, so this program proves it before the first instruction of the agent. Then it closes what network namespaces leave
 * open, starts the forwarder to the gateway and the process that ends the agent at limits, and becomes PROGRAM, as the program `init`
 * of other containers does.
 */
#include "../init/system.h"
#include "../init/wall.h"
#include "pod.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

__attribute__((used)) _Noreturn void start(long *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  char **environment = argv + argc + 1;
  if (argc < 2) refuse("no program to start", NULL);

  check_capabilities();
  install_filter();
  check_families();
  check_only_network();
  read_gateway();
  check_policy(environment);
  check_mounts();
  start_forwarder(argc, argv);
  start_limits(argc, argv, environment);

  long result = sys(__NR_execve, argv[1], argv + 1, environment);
  print("plan42-wall: cannot start ", argv[1], ": ", error_text(result), "\n", NULL);
  leave(result == -ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}
