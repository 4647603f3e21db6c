#include "hostile/archive.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 512U

const char *raw_canary = "/nonexistent";

static void text_field(unsigned char *block, size_t at, size_t len, const char *value)
{
    size_t n = strlen(value);
    memcpy(block + at, value, n < len ? n : len);
}

static void checksum(unsigned char *block, const struct raw *raw)
{
    long sum = 0;
    char digits[8];
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += raw->signed_sum ? (signed char)block[i] : block[i];
    (void)snprintf(digits, sizeof(digits), "%06lo", (unsigned long)(sum + raw->bad_sum) & 0777777);
    memcpy(block + 148, digits, 7);
}

void raw_header(struct jp_buf *out, const struct raw *raw, size_t len)
{
    unsigned char block[BLOCK] = {0};
    char size[16];
    (void)snprintf(size, sizeof(size), "%011zo", len);
    text_field(block, 0, 100, raw->name ? raw->name : "");
    text_field(block, 100, 8, raw->mode ? raw->mode : raw->type == '5' ? "0000755" : "0000644");
    text_field(block, 108, 8, raw->uid ? raw->uid : "0000000");
    text_field(block, 116, 8, raw->gid ? raw->gid : "0000000");
    text_field(block, 124, 12, raw->size ? raw->size : size);
    text_field(block, 136, 12, raw->mtime ? raw->mtime : "13000000000");
    block[156] = (unsigned char)(raw->type ? raw->type : '0');
    char link[256] = "";
    if (raw->link && raw->link[0] == '@')
        (void)snprintf(link, sizeof(link), "%s%s", raw_canary, raw->link + 1);
    text_field(block, 157, 100, link[0] || !raw->link ? link : raw->link);
    if (raw->magic)
        text_field(block, 257, 8, raw->magic);
    else
        memcpy(block + 257, "ustar\00000", 8);
    text_field(block, 329, 8, raw->major ? raw->major : "0000000");
    text_field(block, 337, 8, raw->minor ? raw->minor : "0000000");
    text_field(block, 345, 155, raw->prefix ? raw->prefix : "");
    if (raw->magic && raw->magic[0] == '\0')
        memset(block + 257, 0, BLOCK - 257);
    checksum(block, raw);
    jp_buf_add(out, block, BLOCK);
}

void raw_content(struct jp_buf *out, const void *bytes, size_t len)
{
    static const char zeros[BLOCK];
    jp_buf_add(out, bytes, len);
    jp_buf_add(out, zeros, (size_t)(-len % BLOCK));
}

void raw_pax(struct jp_buf *out, char type, const void *text, size_t len)
{
    raw_header(out, &(struct raw){.name = "pax", .type = type}, len);
    raw_content(out, text, len);
}

void raw_record(struct jp_buf *text, const char *key, const void *value, size_t len)
{
    size_t total = strlen(key) + len + 3;
    char digits[24];
    size_t n = 1;
    while ((size_t)snprintf(digits, sizeof(digits), "%zu", total + n) != n)
        n++;
    jp_buf_printf(text, "%s %s=", digits, key);
    jp_buf_add(text, value, len);
    jp_buf_putc(text, '\n');
}

static void records(struct jp_buf *out, char type, const char *list)
{
    struct jp_buf text = JP_BUF_INIT;
    while (list && *list) {
        char key[256] = "";
        size_t len = strcspn(list, "\1");
        const char *equals = memchr(list, '=', len);
        (void)snprintf(key, sizeof(key), "%.*s", (int)(equals - list), list);
        raw_record(&text, key, equals + 1, len - (size_t)(equals + 1 - list));
        list += len + (list[len] == '\1');
    }
    raw_pax(out, type, jp_buf_text(&text), text.len);
    jp_buf_clear(&text);
}

static void gnu_name(struct jp_buf *out, char type, const char *name)
{
    raw_header(out, &(struct raw){.name = "././@LongLink", .type = type, .magic = "ustar  "},
               strlen(name) + 1);
    raw_content(out, name, strlen(name) + 1);
}

void raw_add(struct jp_buf *out, const struct raw *raw)
{
    size_t len = raw->data ? strlen(raw->data) : 0;
    if (raw->global)
        records(out, 'g', raw->global);
    if (raw->long_name)
        gnu_name(out, 'L', raw->long_name);
    if (raw->long_link)
        gnu_name(out, 'K', raw->long_link);
    if (raw->pax)
        records(out, 'x', raw->pax);
    raw_header(out, raw, len);
    raw_content(out, raw->data ? raw->data : "", len);
}

void raw_end(struct jp_buf *out)
{
    static const char zeros[2 * BLOCK];
    jp_buf_add(out, zeros, sizeof(zeros));
}
