#define _DEFAULT_SOURCE

#include "CWipe.h"

#include <string.h>

void wipe_bytes(const void *start, size_t count) {
    if (count > 0) explicit_bzero((void *)start, count);
}
