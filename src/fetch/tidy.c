/* What was fetched long ago, or more than is worth remembering: found and removed. */
#include <sys/stat.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fetch/record.h"
#include "sys/calls.h"
#include "sys/fd.h"

#define MAX_AGE_S 7776000 /* 90 days: what was not fetched for so long is asked for anew */
#define MAX_BYTES (UINT64_C(16) << 20)
#define MAX_FILES 20000

struct file {
    char *name;
    int64_t time_s;
    uint64_t size;
};

struct files {
    struct file *items;
    size_t count;
    size_t capacity;
};

static void files_clear(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].name);
    free(files->items);
}

static int newest_first(const void *a, const void *b)
{
    const struct file *one = a, *two = b;
    return one->time_s > two->time_s ? -1 : one->time_s < two->time_s;
}

static int add(int dir_fd, const char *name, struct files *files, struct jp_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return 0; /* gone, or none of ours */
    if (jp_grow(&files->items, &files->capacity, files->count, sizeof(*files->items)) < 0)
        return jp_oom(err);
    struct file *to = &files->items[files->count];
    *to = (struct file){jp_strdup(name), (int64_t)st.st_mtime, (uint64_t)st.st_size};
    files->count += to->name != NULL;
    return to->name ? 0 : jp_oom(err);
}

static int list(int dir_fd, struct files *files, struct jp_error *err)
{
    int own_fd = jp_fd_open_dir(dir_fd, ".", err);
    DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
    int r = 0;
    if (!dir) {
        jp_fd_close(&own_fd);
        return jp_fail_sys(err, "list '%s'", JP_RECORD_DIR);
    }
    for (struct dirent *entry; r == 0 && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = add(dir_fd, entry->d_name, files, err);
    (void)closedir(dir);
    return r;
}

/* Nobody holds a record: whoever reads it has it whole, and does without the next time. */
static int drop(int dir_fd, const struct file *file, const struct jp_record_tidy *tidy,
                struct jp_error *err)
{
    if (!tidy->is_dry && jp_sys.unlinkat(dir_fd, file->name, 0) < 0 && errno != ENOENT)
        return jp_fail_sys(err, "remove '%s/%s'", JP_RECORD_DIR, file->name);
    tidy->say(tidy->context, file->name);
    return 0;
}

int jp_record_tidy(int root_fd, const struct jp_record_tidy *tidy, struct jp_error *err)
{
    struct files files = {.count = 0};
    uint64_t bytes = 0;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int dir_fd = jp_fd_open_dir(root_fd, JP_RECORD_DIR, &why);
    if (dir_fd < 0) {
        bool is_absent = why.sys == ENOENT;
        if (!is_absent)
            jp_error_move(err, &why);
        return is_absent ? 0 : -1;
    }
    int r = list(dir_fd, &files, err);
    if (files.count > 0)
        qsort(files.items, files.count, sizeof(*files.items), newest_first);
    for (size_t i = 0; r == 0 && i < files.count; i++) {
        const struct file *file = &files.items[i];
        bytes += file->size;
        if (i >= MAX_FILES || bytes > MAX_BYTES || file->time_s < tidy->now_s - MAX_AGE_S)
            r = drop(dir_fd, file, tidy, err);
    }
    files_clear(&files);
    return r;
}
