#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/conf.h"
#include "tap.h"

static char path[] = "/tmp/jetpack-config-XXXXXX";

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        exit(1);
}

static struct jp_config *load(const char *text, const char *const *options, size_t count,
                              struct jp_error *err)
{
    struct jp_config *config = NULL;
    write_file(text);
    struct jp_config_source source = {.path = path, .options = options, .n_options = count};
    return jp_config_load(&source, &config, err) < 0 ? NULL : config;
}

static void test_values(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    static const char *const options[] = {"debug", "net.bridge=jpx", "logs.max-size=1Ki"};
    JP_AUTO_PTR(jp_config)
    c = load("# head\n\nroot.dir = /a b # why\nnet.bridge=first\n"
             "path.share = ${root.dir}/s/${net.bridge}\nace.dns-servers=\n"
             "root.zfs.atime=off\nstop.grace = 2m\nallow.http = YES",
             options, JP_LEN(options), &err);
    TAP_OK(c, "a file is read: %s", jp_error_text(&err));
    if (!c)
        return;
    TAP_STR(jp_config_get(c, "root.dir"), "/a b", "comment is cut, blanks are trimmed");
    TAP_STR(jp_config_get(c, "path.share"), "/a b/s/jpx", "expansion sees the options");
    TAP_STR(jp_config_get(c, "root.zfs.atime"), "off", "a member of a family");
    TAP_OK(!jp_config_get(c, "ace.dns-servers"), "an empty value is no value");
    TAP_OK(!jp_config_get(c, "no.such"), "an unknown key has no value");
    TAP_OK(jp_config_bool(c, "debug") && jp_config_bool(c, "allow.http"), "booleans");
    TAP_OK(!jp_config_bool(c, "allow.no-signature"), "default off");
    TAP_OK(jp_config_u64(c, "stop.grace") == 120, "times in seconds");
    TAP_OK(jp_config_u64(c, "logs.max-size") == 1024, "sizes in bytes");
    TAP_OK(jp_config_u64(c, "mds.port") == 1104, "defaults");
    TAP_OK(jp_config_warnings(c)->count == 0, "nothing odd");
}

static void test_warnings(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    JP_AUTO_PTR(jp_config)
    c = load("rot.dir = /x\nqqqqqqqqqq = 1\nmds.token-key = abcd\n", NULL, 0, &err);
    TAP_OK(c && jp_config_warnings(c)->count == 3, "two unknown keys and an open file");
    if (!c || jp_config_warnings(c)->count != 3)
        return;
    char *const *items = jp_config_warnings(c)->items;
    TAP_OK(strstr(items[0], "did you mean 'root.dir'?"), "the nearest key: %s", items[0]);
    TAP_OK(!strstr(items[1], "mean"), "no guess: %s", items[1]);
    TAP_OK(strstr(items[2], "chmod 600"), "secrets: %s", items[2]);
}

static void test_errors(void)
{
    static const struct {
        const char *text, *option, *expected;
    } table[] = {
        {"root.dir\n", NULL, "expected 'key = value'"},
        {"a b = c\n", NULL, "is not the name of a key"},
        {"debug = maybe\n", NULL, "must be on or off"},
        {"mds.port = 1x\n", NULL, "must be a number"},
        {"root.dir = rel\n", NULL, "must be an absolute path"},
        {"net.subnet = 1.2.3/16\n", NULL, "must be a subnet"},
        {"net.subnet = 1.2.3.4/99\n", NULL, "must be a subnet"},
        {"mds.token-key = xyz\n", NULL, "must be hexadecimal"},
        {"storage.driver = floppy\n", NULL, "must be one of auto|zfs"},
        {"stop.grace = 1d\n", NULL, "must be a time"},
        {"logs.max-size = 99999999999T\n", NULL, "must be a size"},
        {"mds.user = ${mds.user}\n", NULL, "leads back to itself"},
        {"mds.user = ${mds.logfile}\nmds.logfile = ${mds.user}\n", NULL, "leads back to itself"},
        {"mds.user = ${nobody}\n", NULL, "is not set"},
        {"mds.user = ${mds.port\n", NULL, "without '}'"},
        {"", "nonsense=1", "-o: unknown key 'nonsense'"},
        {"", "root.dri=/x", "did you mean 'root.dir'?"},
        {"", "debug=2", "-o: debug: '2' must be on or off"},
    };
    for (size_t i = 0; i < JP_LEN(table); i++) {
        JP_AUTO(jp_error) err = JP_ERROR_INIT;
        JP_AUTO_PTR(jp_config)
        c = load(table[i].text, &table[i].option, table[i].option != NULL, &err);
        TAP_OK(!c && strstr(jp_error_text(&err), table[i].expected), "refused: %s",
               jp_error_text(&err));
        TAP_OK(err.code == (table[i].option ? JP_EUSAGE : JP_EINVALID), "and its code");
    }
}

static void test_growth(void)
{
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_buf text = JP_BUF_INIT;
    jp_buf_puts(&text, "x0 = aaaaaaaaaa\n");
    for (int i = 1; i < 40; i++)
        jp_buf_printf(&text, "x%d = ${x%d}${x%d}\n", i, i - 1, i - 1);
    JP_AUTO_PTR(jp_config) c = load(jp_buf_text(&text), NULL, 0, &err);
    TAP_OK(!c && strstr(jp_error_text(&err), "longer than"), "doubling ends: %s",
           jp_error_text(&err));
    jp_buf_clear(&text);
}

static void test_table(void)
{
    bool sorted = true, documented = true;
    for (const struct jp_config_key *key = jp_config_keys; key->name; key++) {
        if (key[1].name && strcmp(key->name, key[1].name) >= 0)
            sorted = false;
        if (!key->doc || !strchr(key->doc, '.'))
            documented = false;
    }
    TAP_OK(sorted, "the table is sorted");
    TAP_OK(documented, "every key is explained");
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0 || fchmod(fd, 0644) < 0)
        return 1;
    close(fd);
    test_values();
    test_warnings();
    test_errors();
    test_growth();
    test_table();
    (void)unlink(path);
    JP_AUTO(jp_error) err = JP_ERROR_INIT;
    struct jp_config_source source = {.path = path};
    JP_AUTO_PTR(jp_config) c = NULL;
    TAP_OK(jp_config_load(&source, &c, &err) == 0 && jp_config_warnings(c)->count == 1,
           "a missing file that was named is a warning");
    return tap_done();
}
