/* The network interfaces of the container. */
#pragma once
#include "sockets.h"
#include <linux/rtnetlink.h>

/* Flags of interfaces. Their header needs a C library. */
enum { IFF_UP = 1, IFF_LOOPBACK = 8, IFF_RUNNING = 64 };

/* Calls `see` for each network interface of the namespace. */
void list_interfaces(void (*see)(const struct ifinfomsg *, const char *name));
