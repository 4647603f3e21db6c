#include "image/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct block {
    unsigned char *bytes;
    size_t len;
};

struct jp_ring {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct block blocks[JP_RING_BLOCKS];
    size_t published;
    size_t taken[JP_RING_CONSUMERS]; /* blocks that a consumer has been given */
    size_t done[JP_RING_CONSUMERS];  /* blocks that it has given back */
    bool has_last;
    bool is_stopped;
    struct jp_error error;
    unsigned char *memory;
};

struct jp_ring *jp_ring_new(void)
{
    struct jp_ring *ring = jp_calloc(1, sizeof(*ring));
    if (!ring)
        return NULL;
    ring->memory = jp_alloc((size_t)JP_RING_BLOCKS * JP_RING_BLOCK);
    if (!ring->memory) {
        free(ring);
        return NULL;
    }
    for (size_t i = 0; i < JP_RING_BLOCKS; i++)
        ring->blocks[i].bytes = ring->memory + i * JP_RING_BLOCK;
    (void)pthread_mutex_init(&ring->mutex, NULL);
    (void)pthread_cond_init(&ring->changed, NULL);
    return ring;
}

void jp_ring_free(struct jp_ring *ring)
{
    if (!ring)
        return;
    (void)pthread_cond_destroy(&ring->changed);
    (void)pthread_mutex_destroy(&ring->mutex);
    jp_error_clear(&ring->error);
    free(ring->memory);
    free(ring);
}

static size_t slowest(const struct jp_ring *ring)
{
    size_t least = ring->done[0];
    for (size_t i = 1; i < JP_RING_CONSUMERS; i++)
        least = ring->done[i] < least ? ring->done[i] : least;
    return least;
}

unsigned char *jp_ring_claim(struct jp_ring *ring)
{
    unsigned char *bytes = NULL;
    (void)pthread_mutex_lock(&ring->mutex);
    while (!ring->is_stopped && ring->published - slowest(ring) == JP_RING_BLOCKS)
        (void)pthread_cond_wait(&ring->changed, &ring->mutex);
    if (!ring->is_stopped)
        bytes = ring->blocks[ring->published % JP_RING_BLOCKS].bytes;
    (void)pthread_mutex_unlock(&ring->mutex);
    return bytes;
}

void jp_ring_publish(struct jp_ring *ring, size_t len, bool last)
{
    (void)pthread_mutex_lock(&ring->mutex);
    ring->blocks[ring->published % JP_RING_BLOCKS].len = len;
    ring->published++;
    ring->has_last = last;
    (void)pthread_cond_broadcast(&ring->changed);
    (void)pthread_mutex_unlock(&ring->mutex);
}

int jp_ring_next(struct jp_ring *ring, unsigned consumer, const unsigned char **ret,
                 size_t *ret_len)
{
    int r = -1;
    size_t *taken = &ring->taken[consumer];
    (void)pthread_mutex_lock(&ring->mutex);
    if (ring->done[consumer] != *taken) {
        ring->done[consumer] = *taken;
        (void)pthread_cond_broadcast(&ring->changed);
    }
    while (!ring->is_stopped && *taken == ring->published && !ring->has_last)
        (void)pthread_cond_wait(&ring->changed, &ring->mutex);
    if (!ring->is_stopped && *taken == ring->published)
        r = 0;
    if (!ring->is_stopped && *taken < ring->published) {
        const struct block *block = &ring->blocks[(*taken)++ % JP_RING_BLOCKS];
        *ret = block->bytes;
        *ret_len = block->len;
        r = 1;
    }
    (void)pthread_mutex_unlock(&ring->mutex);
    return r;
}

void jp_ring_stop(struct jp_ring *ring, struct jp_error *err)
{
    (void)pthread_mutex_lock(&ring->mutex);
    if (!ring->is_stopped)
        jp_error_move(&ring->error, err);
    else
        jp_error_clear(err);
    ring->is_stopped = true;
    (void)pthread_cond_broadcast(&ring->changed);
    (void)pthread_mutex_unlock(&ring->mutex);
}

int jp_ring_result(struct jp_ring *ring, struct jp_error *err)
{
    if (!ring->is_stopped)
        return 0;
    if (err)
        jp_error_move(err, &ring->error);
    return -1;
}

void jp_ring_write(struct jp_ring_writer *w, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    while (len > 0 && !w->is_stopped) {
        if (!w->block)
            w->block = jp_ring_claim(w->ring);
        if (!w->block) {
            w->is_stopped = true;
            return;
        }
        size_t room = JP_RING_BLOCK - w->have;
        size_t n = len < room ? len : room;
        memcpy(w->block + w->have, from, n);
        w->have += n;
        from += n;
        len -= n;
        if (w->have == JP_RING_BLOCK) {
            jp_ring_publish(w->ring, w->have, false);
            w->block = NULL;
            w->have = 0;
        }
    }
}

void jp_ring_write_end(struct jp_ring_writer *w)
{
    if (!w->block && !w->is_stopped)
        w->block = jp_ring_claim(w->ring);
    if (w->block)
        jp_ring_publish(w->ring, w->have, true);
}
