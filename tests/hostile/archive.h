/* Archives made byte by byte, so that they can say what no tar program would write. */
#ifndef JP_TESTS_HOSTILE_ARCHIVE_H
#define JP_TESTS_HOSTILE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* One member. What is NULL or 0 gets an ordinary value. Numbers are the text of their field. */
struct raw {
    const char *name;
    char type; /* 0: '0' */
    const char *link;
    const char *data;
    const char *mode, *uid, *gid, *size, *mtime, *major, *minor;
    const char *magic;  /* eight bytes; "" for none (v7); NULL: ustar */
    const char *prefix; /* ustar's */
    /* Records of a pax header before it, "key=value" separated by \1; of a global one; GNU names.
     */
    const char *pax, *global, *long_name, *long_link;
    bool signed_sum; /* the checksum summed as signed bytes */
    bool bad_sum;
};

/* What a leading "@" of a link stands for. */
extern const char *raw_canary;

void raw_add(struct jp_buf *out, const struct raw *raw);
/* A header and its content by themselves, `len` bytes of it. */
void raw_header(struct jp_buf *out, const struct raw *raw, size_t len);
void raw_content(struct jp_buf *out, const void *bytes, size_t len);
/* One pax header (type 'x' or 'g') with this text, as it is. */
void raw_pax(struct jp_buf *out, char type, const void *text, size_t len);
/* Appends "LEN key=value\n". */
void raw_record(struct jp_buf *text, const char *key, const void *value, size_t len);
/* Two blocks of zeros. */
void raw_end(struct jp_buf *out);

#define RAW_MANIFEST                                                                               \
    "{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"example.com/t\"}"

#endif
