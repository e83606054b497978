#pragma once
#include "../../../../lib/c/system.h"

/* Reports what an agent in this pod has, and exits. */
_Noreturn void probe(void);
