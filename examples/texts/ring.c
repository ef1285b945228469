/* A ring buffer of bytes for one writer and one reader. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    uint8_t *data;
    size_t size;    /* a power of two */
    size_t head;    /* bytes ever written */
    size_t tail;    /* bytes ever read */
};

int ring_init(struct ring *ring, size_t size)
{
    if (size == 0 || (size & (size - 1)) != 0)
        return -1;
    ring->data = malloc(size);
    if (ring->data == NULL)
        return -1;
    ring->size = size;
    ring->head = 0;
    ring->tail = 0;
    return 0;
}

void ring_free(struct ring *ring)
{
    free(ring->data);
    ring->data = NULL;
    ring->size = 0;
}

size_t ring_used(const struct ring *ring)
{
    return ring->head - ring->tail;
}

size_t ring_write(struct ring *ring, const void *source, size_t count)
{
    size_t room = ring->size - ring_used(ring);
    size_t start = ring->head & (ring->size - 1);
    size_t first;

    if (count > room)
        count = room;
    first = ring->size - start;
    if (first > count)
        first = count;
    memcpy(ring->data + start, source, first);
    memcpy(ring->data, (const uint8_t *)source + first, count - first);
    ring->head += count;
    return count;
}

size_t ring_read(struct ring *ring, void *target, size_t count)
{
    size_t used = ring_used(ring);
    size_t start = ring->tail & (ring->size - 1);
    size_t first;

    if (count > used)
        count = used;
    first = ring->size - start;
    if (first > count)
        first = count;
    memcpy(target, ring->data + start, first);
    memcpy((uint8_t *)target + first, ring->data, count - first);
    ring->tail += count;
    return count;
}
