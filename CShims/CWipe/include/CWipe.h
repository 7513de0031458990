// Forgetting secrets: the one thing that the grammar needs and that no compiler may leave out.
#ifndef CWIPE_H
#define CWIPE_H

#include <stddef.h>

/// Overwrites `count` bytes with zeros, also where nobody reads them again. The memory is the caller's to change,
/// whatever the `const` says: it lets an owner whose bytes never change hold them as such, and forget them at its end.
void wipe_bytes(const void *start, size_t count);

#endif
