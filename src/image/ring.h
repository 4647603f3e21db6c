/*
 * The pipe between the three threads of an import: one producer fills blocks, two consumers (hash
 * and unpack) each see every block, in order. The first failure of anybody stops all.
 */
#ifndef JP_IMAGE_RING_H
#define JP_IMAGE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define JP_RING_BLOCK     262144U /* bytes; a multiple of the tar's blocks */
#define JP_RING_BLOCKS    16U
#define JP_RING_CONSUMERS 2U

struct jp_ring;

struct jp_ring *jp_ring_new(void);
void jp_ring_free(struct jp_ring *ring);
JP_DEFINE_AUTO_PTR(jp_ring);

/* The next free block of JP_RING_BLOCK bytes, waiting for it; NULL when the ring was stopped. */
unsigned char *jp_ring_claim(struct jp_ring *ring);
/* Passes the claimed block on. `last`: nothing follows (len may be 0). */
void jp_ring_publish(struct jp_ring *ring, size_t len, bool last);

/*
 * Gives a consumer its next block, and takes the one before back. 1; 0 at the end; -1 when the ring
 * was stopped.
 */
int jp_ring_next(struct jp_ring *ring, unsigned consumer, const unsigned char **ret,
                 size_t *ret_len);

/* Stops everybody. The first error is kept, later ones are dropped; `err` is cleared. */
void jp_ring_stop(struct jp_ring *ring, struct jp_error *err);
/* Moves the error out. -1 when the ring was stopped, else 0. After all threads have ended. */
int jp_ring_result(struct jp_ring *ring, struct jp_error *err);

/* Bytes of any length put into blocks; after a stop they are dropped. One producer. */
struct jp_ring_writer {
    struct jp_ring *ring;
    unsigned char *block; /* being filled; NULL */
    size_t have;
    bool is_stopped;
};

void jp_ring_write(struct jp_ring_writer *writer, const void *bytes, size_t len);
/* Passes on what is left as the last block. */
void jp_ring_write_end(struct jp_ring_writer *writer);

#endif
