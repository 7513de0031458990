#include "CTaskHook.h"

#include <stdatomic.h>

#define SWIFT __attribute__((swiftcall))

typedef struct job job;
typedef void (*original)(job *) SWIFT;
typedef void (*original_delay)(unsigned long long, job *) SWIFT;
typedef void (*original_deadline)(long long, long long, long long, long long, int, job *) SWIFT;

// Owned by the concurrency runtime, which calls them, where set, in place of its own functions.
extern void (*swift_task_enqueueGlobal_hook)(job *, original) SWIFT;
extern void (*swift_task_enqueueGlobalWithDelay_hook)(unsigned long long, job *, original_delay) SWIFT;
extern void (*swift_task_enqueueGlobalWithDeadline_hook)(long long, long long, long long, long long, int, job *,
                                                         original_deadline) SWIFT;

static _Thread_local bool marked_thread;
static atomic_llong count;

static void note(void) {
    if (marked_thread) atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

static SWIFT void enqueue(job *job, original proceed) {
    note();
    proceed(job);
}

static SWIFT void enqueue_after(unsigned long long delay, job *job, original_delay proceed) {
    note();
    proceed(delay, job);
}

static SWIFT void enqueue_at(long long seconds, long long nanoseconds, long long tolerance_seconds,
                             long long tolerance_nanoseconds, int clock, job *job, original_deadline proceed) {
    note();
    proceed(seconds, nanoseconds, tolerance_seconds, tolerance_nanoseconds, clock, job);
}

void taskhook_install(void) {
    swift_task_enqueueGlobal_hook = enqueue;
    swift_task_enqueueGlobalWithDelay_hook = enqueue_after;
    swift_task_enqueueGlobalWithDeadline_hook = enqueue_at;
}

void taskhook_mark_thread(bool marked) { marked_thread = marked; }

int64_t taskhook_count(void) { return atomic_load_explicit(&count, memory_order_relaxed); }
