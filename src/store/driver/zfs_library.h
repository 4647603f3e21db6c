/*
 * What we call of libzfs_core and libnvpair, the two libraries of ZFS with a stable interface.
 *
 * Declared here, because FreeBSD's base system has the libraries without their headers, and because
 * lzc_create() got two parameters more in OpenZFS: older ones take the first three and look at no
 * others, which every calling convention that we build for allows. doc/decisions/0004.
 */
#ifndef JP_STORE_DRIVER_ZFS_LIBRARY_H
#define JP_STORE_DRIVER_ZFS_LIBRARY_H

#include <stdint.h>

typedef struct nvlist nvlist_t;

#define LZC_DATASET_FILE_SYSTEM 2
#define NV_UNIQUE_NAMES         1U

int nvlist_alloc(nvlist_t **list, unsigned flags, int kmflag);
void nvlist_free(nvlist_t *list);
int nvlist_add_boolean(nvlist_t *list, const char *name);
int nvlist_add_string(nvlist_t *list, const char *name, const char *value);
int nvlist_add_uint64(nvlist_t *list, const char *name, uint64_t value);
int nvlist_lookup_string(nvlist_t *list, const char *name, char **ret);
int nvlist_lookup_int64(nvlist_t *list, const char *name, int64_t *ret);

int libzfs_core_init(void);
int lzc_exists(const char *dataset);
int lzc_create(const char *dataset, int type, nvlist_t *properties, uint8_t *key, unsigned key_len);
int lzc_clone(const char *dataset, const char *origin, nvlist_t *properties);
int lzc_snapshot(nvlist_t *snapshots, nvlist_t *properties, nvlist_t **ret_errors);
int lzc_channel_program(const char *pool, const char *program, uint64_t instructions,
                        uint64_t memory, nvlist_t *arguments, nvlist_t **ret);

#endif
