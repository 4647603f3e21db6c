#include "openpgp/data.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct jp_data jp_data_new(int fd, const struct jp_openpgp_request *request)
{
    struct jp_data data = {
        .fd = fd,
        .is_stream = request->is_stream,
        .head = request->head,
        .head_left = request->head_len,
        .at = request->offset,
        .left = request->size,
    };
    sha512_init(&data.hash);
    return data;
}

static ssize_t read_some(struct jp_data *data, void *buf, size_t len)
{
    ssize_t n;
    if (data->head_left > 0) {
        size_t part = len < data->head_left ? len : data->head_left;
        memcpy(buf, data->head, part);
        data->head += part;
        data->head_left -= part;
        return (ssize_t)part;
    }
    do {
        n = data->is_stream ? read(data->fd, buf, len) : pread(data->fd, buf, len, (off_t)data->at);
    } while (n < 0 && errno == EINTR);
    return n;
}

bool jp_data_read(void *context, void *buf, size_t len, size_t *ret_read)
{
    struct jp_data *data = context;
    *ret_read = 0;
    if (data->has_failed)
        return false;
    if (!data->is_stream && len > data->left)
        len = (size_t)data->left;
    if (len == 0 || data->has_ended)
        return true;
    ssize_t n = read_some(data, buf, len);
    data->has_ended = data->is_stream && n == 0;
    if (data->has_ended)
        return true;
    if (n <= 0 || (uint64_t)n > data->left) {
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
    if (data->is_stream)
        return !data->has_failed && data->has_ended;
    return !data->has_failed && data->left == 0 && pread(data->fd, &more, 1, (off_t)data->at) == 0;
}
