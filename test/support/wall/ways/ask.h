/* Requests to the gateway, see ask.c. */
#pragma once

/*
 * Connects to the socket at a path, or else to the forwarder, sends parts given in hexadecimal digits, each after the response
 * to the one before, unless it begins with a plus, and prints what comes back.
 */
long ask(const char *to, char **parts);
/* Keeps connections open that have sent the first argument, reports their number, and asks for the others. */
long flood(const char *count, char **arguments);
