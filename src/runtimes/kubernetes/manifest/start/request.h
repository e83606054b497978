#pragma once
#include "../../../../lib/c/system.h"

/*
 * Returns a file with the request, to its end, and removes the keys from the environment: it is encrypted in the files of the
 * pod, which stay as long as the pod does and which other processes and containers can read.
 */
long open_request(char **environment);

/* Reports an error, also to the kubelet, and exits. */
_Noreturn void fail(int code, const char *what, const char *name, long error);

enum { UNUSABLE = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };
