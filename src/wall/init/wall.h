/* The steps of the wall inside the container, see init.c. */
#pragma once
#include "../../lib/c/system.h"

/* refuse.c: ends the program, before the agent has begun. */
_Noreturn void leave(int code);
/* Prints why the wall does not stand, and exits. The runner looks for this line and this exit code. */
_Noreturn void refuse(const char *reason, ...);

/* filter.c: system calls that lead around the network namespace. */
void install_filter(void);

/* probe.c: what opens networks. Each of them refuses if the container has it. */
void check_capabilities(void);
void check_families(void);
uint64_t permitted_capabilities(void);

/* network.c here, or in pods that of ../pod-init: refuses if anything but the gateway can be reached. */
void check_network(char **environment);

/* mounts.c: sockets of programs outside, in what the container has mounted. */
void check_mounts(void);

/*
 * detach.c: starts a process beside the agent, which keeps one open file and nothing else of it. Returns that file in the new process,
 * and -1 in this one, which does not have it any more.
 */
int start_beside(int argc, char **argv, const char *name, int kept);

/* forward.c: passes connections from the proxy port to the gateway. */
void start_forwarder(int argc, char **argv);
/* unix-gateway.c: waits until the gateway accepts connections. */
void wait_for_gateway(void);

/* network.c here, or in pods that of ../pod-init: the last step before the agent. */
void complete_start(int argc, char **argv, char **environment);
