#include "openpgp/data.h"

#include <errno.h>
#include <unistd.h>

struct jp_data jp_data_new(int fd, const struct jp_openpgp_request *request)
{
    struct jp_data data = {.fd = fd, .at = request->offset, .left = request->size};
    sha512_init(&data.hash);
    return data;
}

bool jp_data_read(void *context, void *buf, size_t len, size_t *ret_read)
{
    struct jp_data *data = context;
    ssize_t n = 0;
    *ret_read = 0;
    if (data->has_failed)
        return false;
    if (len > data->left)
        len = (size_t)data->left;
    if (len == 0)
        return true;
    do {
        n = pread(data->fd, buf, len, (off_t)data->at);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        data->has_failed = true;
        return false;
    }
    sha512_update(&data->hash, (size_t)n, buf);
    data->at += (uint64_t)n;
    data->left -= (uint64_t)n;
    data->read_bytes += (uint64_t)n;
    *ret_read = (size_t)n;
    return true;
}

bool jp_data_finish(struct jp_data *data, unsigned char digest[JP_TRUST_DIGEST_SIZE])
{
    char more;
    sha512_digest(&data->hash, JP_TRUST_DIGEST_SIZE, digest);
    return !data->has_failed && data->left == 0 && pread(data->fd, &more, 1, (off_t)data->at) == 0;
}
