/*
 * What libzfs_core has no call for (properties read, several things in one transaction) is done by
 * channel programs: a few lines of Lua that the kernel runs, zfs-program(8).
 */
#include "store/driver/zfs_core.h"

#include <string.h>

#include "base/mem.h"

#define MAX_INSTRUCTIONS 1000000U    /* of a channel program: far from what ours need */
#define MAX_MEMORY       (10U << 20) /* bytes, likewise */

int jp_zfs_open(struct jp_error *err)
{
    static bool is_open;
    if (is_open)
        return 0;
    int failure = libzfs_core_init();
    if (failure)
        return jp_fail(err, JP_EUNSUPPORTED, failure, "the kernel has no ZFS (is it loaded?)");
    is_open = true;
    return 0;
}

bool jp_zfs_exists(const char *dataset)
{
    return lzc_exists(dataset) != 0;
}

bool jp_zfs_has_pool(const char *dataset)
{
    char pool[JP_ZFS_NAME_SIZE];
    size_t len = strcspn(dataset, "/@");
    if (len == 0 || len >= sizeof(pool))
        return false;
    memcpy(pool, dataset, len);
    pool[len] = '\0';
    return jp_zfs_exists(pool);
}

static void list_auto_free(nvlist_t **list)
{
    nvlist_free(*list);
}
#define AUTO_LIST __attribute__((__cleanup__(list_auto_free))) nvlist_t *

static int new_list(nvlist_t **ret, struct jp_error *err)
{
    return nvlist_alloc(ret, NV_UNIQUE_NAMES, 0) ? jp_oom(err) : 0;
}

int jp_zfs_make(const char *dataset, const char *origin, const struct jp_strv *properties,
                struct jp_error *err)
{
    AUTO_LIST list = NULL;
    if (new_list(&list, err) < 0)
        return -1;
    for (size_t i = 0; i < properties->count; i++) {
        if (jp_zfs_property_add(list, properties->items[i], err) < 0)
            return jp_wrap(err, "dataset '%s'", dataset);
    }
    int failure = origin ? lzc_clone(dataset, origin, list)
                         : lzc_create(dataset, LZC_DATASET_FILE_SYSTEM, list, NULL, 0);
    if (failure == EEXIST)
        return jp_fail(err, JP_EEXISTS, 0, "dataset '%s' is there already", dataset);
    return failure ? jp_fail(err, JP_ESYS, failure, "%s dataset '%s'", origin ? "clone" : "make",
                             dataset)
                   : 0;
}

int jp_zfs_snapshot(const char *snapshot, struct jp_error *err)
{
    AUTO_LIST list = NULL;
    AUTO_LIST errors = NULL;
    if (new_list(&list, err) < 0 || nvlist_add_boolean(list, snapshot))
        return jp_oom(err);
    int failure = lzc_snapshot(list, NULL, &errors);
    return failure ? jp_fail(err, JP_ESYS, failure, "make snapshot '%s'", snapshot) : 0;
}

/* Runs a program with one argument, args["dataset"]; *ret is what it returned, as a list. */
static int run_program(const char *program, const char *dataset, nvlist_t **ret,
                       struct jp_error *err)
{
    AUTO_LIST arguments = NULL;
    char pool[JP_ZFS_NAME_SIZE];
    size_t len = strcspn(dataset, "/@");
    if (len >= sizeof(pool))
        return jp_fail(err, JP_EINVALID, 0, "bad name of a dataset");
    memcpy(pool, dataset, len);
    pool[len] = '\0';
    if (new_list(&arguments, err) < 0 || nvlist_add_string(arguments, "dataset", dataset))
        return jp_oom(err);
    int failure = lzc_channel_program(pool, program, MAX_INSTRUCTIONS, MAX_MEMORY, arguments, ret);
    if (!failure)
        return 0;
    char *text = NULL;
    bool has_text = *ret && nvlist_lookup_string(*ret, "error", &text) == 0;
    return jp_fail(err, JP_ESYS, failure, "dataset '%s'%s%s", dataset, has_text ? ": " : "",
                   has_text ? text : "");
}

static const char used_program[] = "args = ...\n"
                                   "return (zfs.get_prop(args['dataset'], 'used'))\n";

int jp_zfs_used(const char *dataset, uint64_t *ret_bytes, struct jp_error *err)
{
    AUTO_LIST answer = NULL;
    int64_t used = 0;
    if (run_program(used_program, dataset, &answer, err) < 0)
        return -1;
    if (!answer || nvlist_lookup_int64(answer, "return", &used) || used < 0)
        return jp_fail(err, JP_ESYS, 0, "dataset '%s' does not tell what it uses", dataset);
    *ret_bytes = (uint64_t)used;
    return 0;
}

static const char mount_point_program[] = "args = ...\n"
                                          "return (zfs.get_prop(args['dataset'], 'mountpoint'))\n";

int jp_zfs_mount_point(const char *dataset, char *ret, size_t size, struct jp_error *err)
{
    AUTO_LIST answer = NULL;
    char *text = NULL;
    if (run_program(mount_point_program, dataset, &answer, err) < 0)
        return -1;
    if (!answer || nvlist_lookup_string(answer, "return", &text) || strlen(text) >= size)
        return jp_fail(err, JP_ESYS, 0, "dataset '%s' does not tell its mount point", dataset);
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

/*
 * Answers "", or a word and what it is about. Looks at everything before it destroys anything; the
 * kernel itself refuses what is mounted, held, or has got a child meanwhile.
 */
static const char destroy_program[] =
    "args = ...\n"
    "name = args['dataset']\n"
    "seal = name .. '@seal'\n"
    "if not zfs.exists(name) then return '' end\n"
    "leaf, source = zfs.get_prop(name, 'jetpack:leaf')\n"
    "if leaf == nil or source ~= name or string.sub(name, -#leaf - 1) ~= '/' .. leaf then\n"
    "    return 'foreign ' .. name\n"
    "end\n"
    "for child in zfs.list.children(name) do return 'child ' .. child end\n"
    "for snapshot in zfs.list.snapshots(name) do\n"
    "    for clone in zfs.list.clones(snapshot) do return 'clone ' .. clone end\n"
    "    if snapshot ~= seal then return 'snapshot ' .. snapshot end\n"
    "end\n"
    "if zfs.exists(seal) then\n"
    "    failure = zfs.sync.destroy(seal)\n"
    "    if failure ~= 0 then return 'failure ' .. failure end\n"
    "end\n"
    "failure = zfs.sync.destroy(name)\n"
    "if failure ~= 0 then return 'failure ' .. failure end\n"
    "return ''\n";

static int tell_refusal(const char *dataset, const char *answer, struct jp_error *err)
{
    static const struct {
        const char *word, *text;
    } kinds[] = {
        {"child ", "has a child"},
        {"clone ", "has a clone"},
        {"snapshot ", "has a snapshot of somebody else's"},
    };
    for (size_t i = 0; i < JP_LEN(kinds); i++) {
        size_t len = strlen(kinds[i].word);
        if (strncmp(answer, kinds[i].word, len) == 0)
            return jp_fail(err, JP_EBUSY, 0, "dataset '%s' %s: '%s'", dataset, kinds[i].text,
                           answer + len);
    }
    if (strncmp(answer, "foreign ", strlen("foreign ")) == 0)
        return jp_fail(err, JP_EUNTRUSTED, 0, "dataset '%s' was not made by Jetpack", dataset);
    return jp_fail(err, JP_EBUSY, 0, "dataset '%s' is in use (%s)", dataset, answer);
}

int jp_zfs_destroy(const char *dataset, struct jp_error *err)
{
    AUTO_LIST answer = NULL;
    char *text = NULL;
    if (!jp_zfs_exists(dataset))
        return 0;
    if (run_program(destroy_program, dataset, &answer, err) < 0)
        return -1;
    if (!answer || nvlist_lookup_string(answer, "return", &text))
        return jp_fail(err, JP_ESYS, 0, "destroy dataset '%s': no answer", dataset);
    return *text == '\0' ? 0 : tell_refusal(dataset, text, err);
}
