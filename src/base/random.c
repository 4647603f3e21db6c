#include "base/random.h"

#include <sys/random.h>

#include <string.h>

#include "base/parse.h"

int jp_random_bytes(void *bytes, size_t len, struct jp_error *err)
{
    char *p = bytes;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return jp_fail_sys(err, "get random bytes");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int jp_uuid_new(char out[JP_UUID_SIZE], struct jp_error *err)
{
    unsigned char b[16];
    if (jp_random_bytes(b, sizeof(b), err) < 0)
        return -1;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    static const struct {
        size_t first, count, at;
    } groups[] = {{0, 4, 0}, {4, 2, 9}, {6, 2, 14}, {8, 2, 19}, {10, 6, 24}};
    for (size_t i = 0; i < JP_LEN(groups); i++) {
        jp_hex_encode(b + groups[i].first, groups[i].count, out + groups[i].at);
        if (i + 1 < JP_LEN(groups))
            out[groups[i + 1].at - 1] = '-';
    }
    return 0;
}

bool jp_uuid_valid(const char *text)
{
    if (!text || strlen(text) != JP_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < JP_UUID_SIZE - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
            return false;
    }
    return true;
}
