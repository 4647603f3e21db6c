/*
 * Users and groups of an image: see userdb.h.
 *
 * Every byte here was written by a stranger. The file is opened only when it is a regular one
 * inside the root (never a device, never a FIFO), its size, the number and the length of its lines
 * are limited, and an entry that is asked for but broken is an error: it never becomes uid 0
 * (CVE-2026-30892) nor the next entry of that name.
 */
#include "sys/userdb.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/parse.h"
#include "sys/fd.h"
#include "sys/path.h"

#define MAX_FILE   (4U << 20) /* /etc/passwd of a large site has some 100 KiB */
#define MAX_LINES  100000U
#define MAX_LINE   65536U      /* a group with thousands of members */
#define MAX_GROUPS 65536U      /* NGROUPS_MAX of Linux */
#define MAX_ID     4294967294U /* 4294967295 is (uid_t)-1: "leave as it is" to chown(2) */
#define MAX_FIELDS 7           /* passwd(5) has 7, group(5) 4 */

/* A line cut at its colons, inside the file's text. */
struct entry {
    char *field[MAX_FIELDS];
    size_t count;
};

struct lines {
    struct jp_buf text;
    char *next;
    const char *path;
};

static void lines_clear(struct lines *lines)
{
    jp_buf_clear(&lines->text);
}

/* Newlines become NULs; limits are checked for the whole file before anything is believed. */
static int cut_lines(struct lines *lines, struct jp_error *err)
{
    size_t count = 0, length = 0;
    for (size_t i = 0; i < lines->text.len; i++) {
        char c = lines->text.data[i];
        if (c == '\0')
            return jp_fail(err, JP_ECORRUPT, 0, "'%s' is not text", lines->path);
        length = c == '\n' ? 0 : length + 1;
        count += c == '\n';
        if (length > MAX_LINE || count > MAX_LINES)
            return jp_fail(err, JP_ELIMIT, 0, "'%s' has too many or too long lines", lines->path);
    }
    jp_buf_putc(&lines->text, '\n');
    if (jp_buf_failed(&lines->text))
        return jp_oom(err);
    lines->next = lines->text.data;
    return 0;
}

/* A missing file is an empty one. */
static int lines_read(struct lines *lines, int root_fd, const char *path, struct jp_error *err)
{
    lines->path = path;
    JP_AUTO(jp_error) why = JP_ERROR_INIT;
    JP_AUTO_FD int fd = jp_path_open_regular(root_fd, path, &why);
    if (fd < 0 && why.code != JP_ENOTFOUND) {
        if (err)
            jp_error_move(err, &why);
        return -1;
    }
    struct stat st = {.st_size = 0};
    if (fd >= 0 && fstat(fd, &st) < 0)
        return jp_fail_sys(err, "stat '%s'", path);
    if (st.st_size > MAX_FILE)
        return jp_fail(err, JP_ELIMIT, 0, "'%s' is larger than %u bytes", path, MAX_FILE);
    if (fd >= 0 && jp_fd_read_all(fd, MAX_FILE, path, &lines->text, err) < 0)
        return -1;
    return cut_lines(lines, err);
}

/* The next entry; false at the end. Comments and NIS lines ("+", "-") are passed over. */
static bool next_entry(struct lines *lines, struct entry *ret)
{
    char *end = lines->text.data + lines->text.len;
    while (lines->next < end) {
        char *p = lines->next;
        char *newline = memchr(p, '\n', (size_t)(end - p));
        *newline = '\0';
        lines->next = newline + 1;
        if (*p == '\0' || *p == ':' || *p == '#' || *p == '+' || *p == '-')
            continue;
        *ret = (struct entry){.count = 0};
        while (p && ret->count < MAX_FIELDS) {
            ret->field[ret->count++] = p;
            p = strchr(p, ':');
            if (p)
                *p++ = '\0';
        }
        return true;
    }
    return false;
}

/* Decimal, no sign, no blank, no leading zero (which some read as octal). */
static bool parse_id(const char *text, uint32_t *ret)
{
    uint64_t wide;
    if ((text[0] == '0' && text[1] != '\0') || !jp_parse_u64(text, 10, 0, MAX_ID, &wide))
        return false;
    *ret = (uint32_t)wide;
    return true;
}

static bool entry_id(const struct entry *e, size_t field, uint32_t *ret)
{
    return e->count > field && parse_id(e->field[field], ret);
}

/* Fills a user from its passwd entry. */
static int take_user(const struct entry *e, struct jp_user *ret, struct jp_error *err)
{
    uint32_t uid, gid;
    if (!entry_id(e, 2, &uid) || !entry_id(e, 3, &gid))
        return jp_fail(err, JP_ECORRUPT, 0, "the entry of user '%s' in /etc/passwd is broken",
                       e->field[0]);
    const char *home = e->count > 5 && e->field[5][0] == '/' ? e->field[5] : "/";
    const char *shell = e->count > 6 && e->field[6][0] ? e->field[6] : "/bin/sh";
    struct jp_user user = {.uid = uid,
                           .gid = gid,
                           .name = jp_strdup(e->field[0]),
                           .home = jp_strdup(home),
                           .shell = jp_strdup(shell)};
    if (!user.name || !user.home || !user.shell) {
        jp_user_clear(&user);
        return jp_oom(err);
    }
    *ret = user;
    return 0;
}

/* A uid without an entry. */
static int take_number(uint32_t uid, struct jp_user *ret, struct jp_error *err)
{
    struct jp_user user = {
        .uid = uid, .gid = 0, .home = jp_strdup("/"), .shell = jp_strdup("/bin/sh")};
    if (!user.home || !user.shell) {
        jp_user_clear(&user);
        return jp_oom(err);
    }
    *ret = user;
    return 0;
}

/* The first entry of a name, or of a uid when `name` is NULL: 1 found, 0 none, -1 error. */
static int find_user(int root_fd, const char *name, uint32_t uid, struct jp_user *ret,
                     struct jp_error *err)
{
    __attribute__((__cleanup__(lines_clear))) struct lines lines = {.text = JP_BUF_INIT};
    if (lines_read(&lines, root_fd, "/etc/passwd", err) < 0)
        return -1;
    struct entry e;
    while (next_entry(&lines, &e)) {
        uint32_t id;
        if (name ? strcmp(e.field[0], name) == 0 : entry_id(&e, 2, &id) && id == uid)
            return take_user(&e, ret, err) < 0 ? -1 : 1;
    }
    return 0;
}

/* Owner of a file of the image; devices and FIFOs are not opened where the system can avoid it. */
static int stat_inside(int root_fd, const char *path, struct stat *ret, struct jp_error *err)
{
#ifdef O_PATH
    int flags = O_PATH;
#else
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
#endif
    JP_AUTO_FD int fd = jp_path_open(root_fd, path, flags, err);
    if (fd < 0)
        return -1;
    return fstat(fd, ret) < 0 ? jp_fail_sys(err, "stat '%s'", path) : 0;
}

int jp_userdb_user(int root_fd, const char *user, struct jp_user *ret, struct jp_error *err)
{
    uint32_t uid = 0;
    if (user[0] == '\0')
        return jp_fail(err, JP_EINVALID, 0, "the user is empty");
    if (user[0] == '/') {
        struct stat st;
        if (stat_inside(root_fd, user, &st, err) < 0)
            return jp_wrap(err, "owner of '%s'", user);
        uid = st.st_uid;
    } else {
        int r = find_user(root_fd, user, 0, ret, err);
        if (r != 0)
            return r < 0 ? -1 : 0;
        if (!parse_id(user, &uid))
            return jp_fail(err, JP_ENOTFOUND, 0, "no user '%s' in the image", user);
    }
    int r = find_user(root_fd, NULL, uid, ret, err);
    if (r != 0)
        return r < 0 ? -1 : 0;
    return take_number(uid, ret, err);
}

static int find_group(int root_fd, const char *name, uint32_t *ret, struct jp_error *err)
{
    __attribute__((__cleanup__(lines_clear))) struct lines lines = {.text = JP_BUF_INIT};
    if (lines_read(&lines, root_fd, "/etc/group", err) < 0)
        return -1;
    struct entry e;
    while (next_entry(&lines, &e)) {
        if (strcmp(e.field[0], name) != 0)
            continue;
        if (!entry_id(&e, 2, ret))
            return jp_fail(err, JP_ECORRUPT, 0, "the entry of group '%s' in /etc/group is broken",
                           name);
        return 1;
    }
    return 0;
}

int jp_userdb_group(int root_fd, const char *group, uint32_t *ret_gid, struct jp_error *err)
{
    uint32_t gid = 0;
    if (group[0] == '\0')
        return jp_fail(err, JP_EINVALID, 0, "the group is empty");
    if (group[0] == '/') {
        struct stat st;
        if (stat_inside(root_fd, group, &st, err) < 0)
            return jp_wrap(err, "group of '%s'", group);
        gid = st.st_gid;
    } else {
        int r = find_group(root_fd, group, &gid, err);
        if (r < 0)
            return -1;
        if (r == 0 && !parse_id(group, &gid))
            return jp_fail(err, JP_ENOTFOUND, 0, "no group '%s' in the image", group);
    }
    *ret_gid = gid;
    return 0;
}

/* True when the comma-separated list names the user. */
static bool lists(const char *members, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = members; *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && memcmp(p, name, len) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

struct ids {
    uint32_t *items;
    size_t count, capacity;
};

static int add_id(struct ids *ids, uint32_t id, struct jp_error *err)
{
    if (jp_grow(&ids->items, &ids->capacity, ids->count, sizeof(*ids->items)) < 0)
        return jp_oom(err);
    ids->items[ids->count++] = id;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorts and drops what is there twice. */
static int settle_ids(struct ids *ids, struct jp_error *err)
{
    size_t kept = 0;
    if (ids->count > 1)
        qsort(ids->items, ids->count, sizeof(*ids->items), compare_ids);
    for (size_t i = 0; i < ids->count; i++) {
        if (kept == 0 || ids->items[i] != ids->items[kept - 1])
            ids->items[kept++] = ids->items[i];
    }
    ids->count = kept;
    return kept <= MAX_GROUPS ? 0 : jp_fail(err, JP_ELIMIT, 0, "more than %u groups", MAX_GROUPS);
}

int jp_userdb_group_name(int root_fd, uint32_t gid, char **ret, struct jp_error *err)
{
    __attribute__((__cleanup__(lines_clear))) struct lines lines = {.text = JP_BUF_INIT};
    struct entry e;
    uint32_t found;
    if (lines_read(&lines, root_fd, "/etc/group", err) < 0)
        return -1;
    while (next_entry(&lines, &e)) {
        if (!entry_id(&e, 2, &found) || found != gid)
            continue;
        *ret = jp_strdup(e.field[0]);
        return *ret ? 0 : jp_oom(err);
    }
    return jp_fail(err, JP_ENOTFOUND, 0, "no group has the number %u", gid);
}

int jp_userdb_groups_of(int root_fd, const char *user_name, uint32_t **ret, size_t *ret_count,
                        struct jp_error *err)
{
    __attribute__((__cleanup__(lines_clear))) struct lines lines = {.text = JP_BUF_INIT};
    struct ids ids = {NULL, 0, 0};
    if (user_name && lines_read(&lines, root_fd, "/etc/group", err) < 0)
        return -1;
    struct entry e;
    int r = 0;
    while (r == 0 && user_name && next_entry(&lines, &e)) {
        uint32_t gid;
        if (e.count < 4 || !lists(e.field[3], user_name))
            continue;
        if (entry_id(&e, 2, &gid))
            r = add_id(&ids, gid, err);
        else
            r = jp_fail(err, JP_ECORRUPT, 0, "the entry of group '%s' in /etc/group is broken",
                        e.field[0]);
    }
    if (r < 0 || settle_ids(&ids, err) < 0) {
        free(ids.items);
        return -1;
    }
    *ret = ids.items;
    *ret_count = ids.count;
    return 0;
}

void jp_user_clear(struct jp_user *user)
{
    free(user->name);
    free(user->home);
    free(user->shell);
    *user = (struct jp_user){.uid = 0};
}
