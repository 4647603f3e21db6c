/* Compressing an exported archive, to a descriptor. */
#ifndef JP_IMAGE_COMPRESS_H
#define JP_IMAGE_COMPRESS_H

#include <stddef.h>

#include "base/error.h"
#include "image/image.h"

struct jp_compressor;

/* fd stays the caller's. */
int jp_compressor_open(enum jp_compression kind, int fd, struct jp_compressor **ret,
                       struct jp_error *err);
void jp_compressor_free(struct jp_compressor *compressor);
JP_DEFINE_AUTO_PTR(jp_compressor);
int jp_compressor_add(struct jp_compressor *compressor, const void *bytes, size_t len,
                      struct jp_error *err);
/* Ends the stream; everything has then been written. */
int jp_compressor_finish(struct jp_compressor *compressor, struct jp_error *err);

#endif
