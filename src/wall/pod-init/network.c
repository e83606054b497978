/*
 * Proves from inside that a pod reaches nothing but the gateway of its job.
 *
 * A pod has a network, which a NetworkPolicy limits to the gateway. A policy that nothing enforces is accepted without a word.
 */
#include "../init/interfaces.h"
#include "../init/wall.h"
#include "pod.h"

static bool has_network;

static void check_only_interface(const struct ifinfomsg *info, const char *name) {
  if ((info->ifi_flags & IFF_LOOPBACK) != 0 || (info->ifi_flags & IFF_UP) == 0) return;
  if (has_network) refuse("the pod has more than one network, and policies may not hold for ", name, NULL);
  has_network = true;
}

static void check_only_network(void) {
  list_interfaces(check_only_interface);
}

void check_network(char **environment) {
  check_only_network();
  read_gateway();
  check_policy(environment);
}

/* The gateway has responded to the check of the policy. */
void complete_start(int argc, char **argv, char **environment) {
  start_limits(argc, argv, environment);
}
