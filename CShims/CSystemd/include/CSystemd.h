// What a service says to its manager, and gets from it (libsystemd), with fixed-width types only. Functions return a
// negative errno where they can fail. Without a manager they do nothing.
#ifndef CSYSTEMD_H
#define CSYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Takes the sockets that the manager hands over (sd_listen_fds_with_names(3)): calls `each` with every descriptor,
/// which is closed on exec by then, and its FileDescriptorName=. Takes the variables that tell of them out of the
/// environment: no other thread may be there. Returns how many there are.
int systemd_take_sockets(void (*each)(void *context, int32_t descriptor, const char *name), void *context);

/// Tells the manager lines of NAME=VALUE (sd_notify(3)). 1 where they are sent, 0 where there is nobody to tell.
int systemd_notify(const char *lines);

/// Microseconds within which the manager wants to hear WATCHDOG=1 again and again (sd_watchdog_enabled(3)); 0 where it
/// does not.
uint64_t systemd_watchdog_us(void);

/// The most fields that an entry of the journal can have.
enum { SYSTEMD_JOURNAL_FIELDS_MAX = 64 };

/// Sends an entry to the system's journal (sd_journal_sendv(3)). Waits where the journal is slow; one that is not there
/// is no error.
///
/// Fields are `NAME=value`. They stand one after the other in `text`; `lengths` has the bytes of each. -E2BIG for too
/// many.
int systemd_journal_send(const char *text, const size_t *lengths, size_t count);

#endif
