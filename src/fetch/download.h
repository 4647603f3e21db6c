/*
 * A whole file from the network, in a file that has no name any more and that only we can write to:
 * what is verified is what is unpacked (row 42).
 *
 * While it comes it is ROOT/tmp/fetch-DIGEST, of the URL, beside its validator and its size. What a
 * command that was interrupted left there is continued, when the server still vouches for the same
 * bytes by a strong validator (Range and If-Range; header.h, row 50); gc removes it.
 */
#ifndef JP_FETCH_DOWNLOAD_H
#define JP_FETCH_DOWNLOAD_H

#include <stdint.h>

#include "base/error.h"
#include "fetch/transfer.h"

struct jp_download {
    struct jp_transfer *transfer;
    int tmp_fd; /* ROOT/tmp */
    /* As in struct jp_image_watch; what is there already counts. May be NULL. */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/*
 * Asks and copies: 0 with *ret_fd, at its start, when the answer is a good one, else with *ret_fd
 * -1 and the answer in *ret. A connection that breaks is made anew, a few times.
 * request->limits.bytes is the most that the whole may have. Errors as jp_transfer_begin() and
 * jp_transfer_end().
 */
int jp_download(const struct jp_download *download, const struct jp_transfer_request *request,
                int *ret_fd, struct jp_transfer_response *ret, struct jp_error *err);

#endif
