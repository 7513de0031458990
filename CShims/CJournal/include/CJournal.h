#ifndef CJOURNAL_H
#define CJOURNAL_H

#include <stddef.h>

/// The most fields an entry can have.
enum { CJOURNAL_FIELDS_MAX = 64 };

/// Sends an entry to the system's journal (sd_journal_sendv(3)).
///
/// Fields are `NAME=value`. They stand one after the other in `text`; `lengths` has the bytes of each. Waits where the
/// journal is slow.
///
/// @return 0, or a negative errno: -E2BIG for too many fields. A journal that is not there is no error.
int cjournal_send(const char *text, const size_t *lengths, size_t count);

#endif
