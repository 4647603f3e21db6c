/*
 * Runs a fuzz target over files and folders named on the command line, where there is no libFuzzer:
 * the corpora are replayed as tests with every build. Prints TAP, one line a file.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64L << 20) /* bytes of a corpus file */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static unsigned count;

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    uint8_t *bytes = NULL;
    long len = -1;
    if (f && fseek(f, 0, SEEK_END) == 0)
        len = ftell(f);
    if (len >= 0 && len <= FILE_MAX && fseek(f, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)len + 1);
    int result = -1;
    if (bytes && fread(bytes, 1, (size_t)len, f) == (size_t)len) {
        /* A copy of the exact size: a sanitizer then sees a read beyond the end. */
        uint8_t *exact = malloc(len > 0 ? (size_t)len : 1);
        if (exact) {
            memcpy(exact, bytes, (size_t)len);
            result = LLVMFuzzerTestOneInput(exact, (size_t)len);
        }
        free(exact);
    }
    free(bytes);
    if (f)
        (void)fclose(f);
    printf("%sok %u - %s\n", result == 0 ? "" : "not ", ++count, path);
    return result;
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return replay_file(path);
    DIR *dir = opendir(path);
    int result = dir ? 0 : -1;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char file[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (replay_file(file) != 0)
            result = -1;
    }
    if (dir)
        (void)closedir(dir);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0)
            result = 1;
    }
    printf("1..%u\n", count);
    return result;
}
