// What Swift cannot see of the C library's allocator, for tests that measure memory.
#ifndef CTESTHEAP_H
#define CTESTHEAP_H

#include <stddef.h>

/// Bytes allocated and not freed, in all threads.
size_t ctestheap_bytes_in_use(void);

#endif
