/* Marks: see internal.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appc/id.h"
#include "base/random.h"
#include "store/internal.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define PREFIX "changing-"

struct name {
    char text[sizeof(PREFIX) + JP_IMAGE_ID_LEN];
};

static struct name name_of(const char *key)
{
    struct name name;
    (void)snprintf(name.text, sizeof(name.text), PREFIX "%s", key);
    return name;
}

const char *jp_mark_key(const char *name)
{
    const char *key = name + strlen(PREFIX);
    bool is_mark = strncmp(name, PREFIX, strlen(PREFIX)) == 0;
    return is_mark && (jp_uuid_valid(key) || jp_image_id_valid(key)) ? key : NULL;
}

bool jp_mark_is(const char *name)
{
    return jp_mark_key(name) != NULL;
}

int jp_mark_set(struct jp_store *store, const char *key, struct jp_error *err)
{
    JP_AUTO_FD int fd = jp_fd_open(store->tmp_fd, name_of(key).text, O_WRONLY | O_CREAT, 0600, err);
    return fd < 0 ? -1 : 0;
}

void jp_mark_drop(struct jp_store *store, const char *key)
{
    (void)jp_sys.unlinkat(store->tmp_fd, name_of(key).text, 0);
}
