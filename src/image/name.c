#include "image/name.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "image/tar.h"

static const char *component_fault(const char *start, size_t len)
{
    if (len == 0)
        return "has an empty component";
    if (len == 1 && start[0] == '.')
        return "has a component '.'";
    if (len == 2 && start[0] == '.' && start[1] == '.')
        return "has a component '..'";
    if (len > JP_TAR_COMPONENT_MAX)
        return "has a component longer than 255 bytes";
    return NULL;
}

static const char *fault(const char *name, size_t len)
{
    if (len == 0)
        return "is empty";
    if (name[0] == '/')
        return "is absolute";
    if (len > JP_TAR_PATH_MAX)
        return "is longer than 4095 bytes";
    for (size_t at = 0; at <= len;) {
        const char *slash = memchr(name + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - name) : len;
        const char *wrong = component_fault(name + at, end - at);
        if (wrong)
            return wrong;
        at = end + 1;
    }
    return NULL;
}

int jp_image_name_normal(const char *name, bool is_dir, char **ret, struct jp_error *err)
{
    char shown[JP_IMAGE_SHOWN_SIZE];
    const char *start = name;
    size_t len = strlen(name);
    bool is_top =
        is_dir && (strcmp(name, "./") == 0 || strcmp(name, ".") == 0 || strcmp(name, "/") == 0);
    if (!is_top) {
        if (len > 2 && strncmp(name, "./", 2) == 0) {
            start += 2;
            len -= 2;
        }
        if (is_dir && len > 1 && start[len - 1] == '/')
            len--;
        const char *wrong = fault(start, len);
        if (wrong)
            return jp_fail(err, JP_EINVALID, 0, "the name '%s' %s", jp_image_name_show(name, shown),
                           wrong);
    }
    char *normal = jp_memdup0(start, is_top ? 0 : len);
    if (!normal)
        return jp_oom(err);
    *ret = normal;
    return 0;
}

const char *jp_image_name_show(const char *name, char out[JP_IMAGE_SHOWN_SIZE])
{
    size_t used = 0;
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (used + 4 + 3 >= JP_IMAGE_SHOWN_SIZE) {
            memcpy(out + used, "...", 4);
            return out;
        }
        if (c > ' ' && c < 0x7f && c != '\\')
            out[used++] = (char)c;
        else if (c == ' ')
            out[used++] = ' ';
        else
            used += (size_t)snprintf(out + used, 5, "\\%03o", c);
    }
    out[used] = '\0';
    return out;
}
