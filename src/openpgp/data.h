/*
 * The bytes that the question is about, hashed on the way (row 42). A file that was signed is read
 * by pread(2) at its place, so that the offset of whoever opened it stays, to the end that was
 * agreed; a stream as it comes, behind what was read of it before.
 */
#ifndef JP_OPENPGP_DATA_H
#define JP_OPENPGP_DATA_H

#include <nettle/sha2.h>
#include <rnp/rnp.h>
#include <stdbool.h>
#include <stdint.h>

#include "trust/message.h"

struct jp_data {
    int fd;
    bool is_stream;
    const unsigned char *head; /* of a stream; the request's */
    size_t head_left;
    uint64_t at;
    uint64_t left; /* of a stream: the most that may still come */
    uint64_t read_bytes;
    bool has_ended;  /* a stream's end was seen */
    bool has_failed; /* an error, or the file has become shorter, or the stream is too long */
    struct sha512_ctx hash;
};

struct jp_data jp_data_new(int fd, const struct jp_openpgp_request *request);

/* For librnp; context: struct jp_data. */
bool jp_data_read(void *context, void *buf, size_t len, size_t *ret_read);

/* True when all of it was read, and it has not grown; the digest of it. */
bool jp_data_finish(struct jp_data *data, unsigned char digest[JP_TRUST_DIGEST_SIZE]);

#endif
