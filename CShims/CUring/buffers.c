#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

struct uring_buffers {
    struct io_uring_buf_ring *ring;
    char *memory;
    size_t bytes;  // of the mapping that holds both
    uint32_t count, size;
};

struct uring_buffers *uring_buffers_open(struct uring *ring, uint32_t count, uint32_t size, uint16_t group, int32_t *error) {
    struct uring_buffers *buffers = calloc(1, sizeof *buffers);
    if (!buffers) {
        *error = -ENOMEM;
        return NULL;
    }
    size_t page = 4096, head = (count * sizeof(struct io_uring_buf) + page - 1) & ~(page - 1);
    *buffers = (struct uring_buffers){.bytes = head + (size_t)count * size, .count = count, .size = size};
    void *mapping = mmap(NULL, buffers->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
        *error = -errno;
        free(buffers);
        return NULL;
    }
    buffers->ring = mapping;
    buffers->memory = (char *)mapping + head;
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)mapping, .ring_entries = count, .bgid = group};
    *error = io_uring_register_buf_ring(&ring->ring, &registration, 0);
    if (*error < 0) {
        munmap(mapping, buffers->bytes);
        free(buffers);
        return NULL;
    }
    io_uring_buf_ring_init(buffers->ring);
    for (uint32_t id = 0; id < count; id++) uring_buffers_return(buffers, (uint16_t)id);
    return buffers;
}

void uring_buffers_close(struct uring_buffers *buffers) {
    munmap(buffers->ring, buffers->bytes);
    free(buffers);
}

void *uring_buffers_at(const struct uring_buffers *buffers, uint16_t id) { return buffers->memory + (size_t)id * buffers->size; }

void uring_buffers_return(struct uring_buffers *buffers, uint16_t id) {
    io_uring_buf_ring_add(buffers->ring, uring_buffers_at(buffers, id), buffers->size, id,
                          io_uring_buf_ring_mask(buffers->count), 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}
