// Counts what a program asks of the heap, and the bytes that it copies, for Benchmarks/thresholds: built as a library
// and loaded before all others (LD_PRELOAD). The figures lie in a file that COUNTERS_FILE names and that both sides
// have mapped, so that they can be read at any moment. Copies that the compiler made instructions of are not seen.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

// Read by counting/process.py: a number of 64 bits each.
struct counters {
    _Atomic uint64_t allocations;
    // What is allocated and not freed, as malloc_usable_size tells it.
    _Atomic int64_t live_bytes;
    _Atomic uint64_t copied_bytes;
};

// What comes before the file is open is counted nowhere.
static struct counters before_opening;
static struct counters *counters = &before_opening;

__attribute__((constructor)) static void open_counters(void) {
    const char *name = getenv("COUNTERS_FILE");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *place = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (place != MAP_FAILED) counters = place;
}

static void add_live(int64_t bytes) { atomic_fetch_add_explicit(&counters->live_bytes, bytes, memory_order_relaxed); }

static void *allocated(void *memory) {
    if (!memory) return NULL;
    atomic_fetch_add_explicit(&counters->allocations, 1, memory_order_relaxed);
    add_live((int64_t)malloc_usable_size(memory));
    return memory;
}

// glibc's own, under the names that nothing stands before.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t size) { return allocated(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return allocated(__libc_calloc(count, size)); }
void *memalign(size_t alignment, size_t size) { return allocated(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    void *found = memalign(alignment, size);
    if (!found) return ENOMEM;
    *memory = found;
    return 0;
}

void *realloc(void *memory, size_t size) {
    int64_t before = memory ? (int64_t)malloc_usable_size(memory) : 0;
    void *moved = __libc_realloc(memory, size);
    if (moved || size == 0) add_live(-before);
    return allocated(moved);
}

void free(void *memory) {
    if (!memory) return;
    add_live(-(int64_t)malloc_usable_size(memory));
    __libc_free(memory);
}

// bcopy is the one copying function that nobody calls: it stays glibc's.
static void *copied(void *to, const void *from, size_t count) {
    atomic_fetch_add_explicit(&counters->copied_bytes, count, memory_order_relaxed);
    bcopy(from, to, count);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) { return copied(to, from, count); }
void *memmove(void *to, const void *from, size_t count) { return copied(to, from, count); }
void *mempcpy(void *restrict to, const void *restrict from, size_t count) {
    return (char *)copied(to, from, count) + count;
}
void *__memcpy_chk(void *restrict to, const void *restrict from, size_t count, size_t room) {
    if (count > room) abort();
    return copied(to, from, count);
}
void *__memmove_chk(void *to, const void *from, size_t count, size_t room) {
    if (count > room) abort();
    return copied(to, from, count);
}
