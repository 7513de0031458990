// What the shim's own files share.
#ifndef CURING_RING_H
#define CURING_RING_H

#include "CUring.h"

#include <liburing.h>

struct uring {
    struct io_uring ring;
    struct uring_sizes sizes;
};

#endif
