/* How the forwarder reaches the gateway: unix-gateway.c in containers of an engine, tcp-gateway.c in pods. */
#pragma once
#include "../../lib/c/system.h"

/* How long a connection waits for a gateway that is gone, and how often it tries again. */
extern const int gateway_gone_ms, gateway_retry_ms;

/* Opens a socket that does not block. Returns it, or an error. */
long open_gateway_socket(void);
/* Returns 0, -EINPROGRESS while the kernel connects, or why the gateway cannot be reached. */
long connect_gateway_socket(int fd);
/* Writes what a connection begins with into a buffer of at least 64 bytes. Returns how much, which may be nothing. */
size_t write_greeting(char *buffer);
