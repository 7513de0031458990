// Counts the jobs that marked threads hand to the concurrency runtime's global pool.
#ifndef CTASKHOOK_H
#define CTASKHOOK_H

#include <stdbool.h>
#include <stdint.h>

/// Puts the hooks in place; once is enough, more does no harm.
void taskhook_install(void);
/// Marks the calling thread as one that must not use the pool, or lifts the mark.
void taskhook_mark_thread(bool marked);
/// Jobs, delayed ones too, that marked threads have handed to the pool so far.
int64_t taskhook_count(void);

#endif
