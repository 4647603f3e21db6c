/*
 * What pods ask the metadata service: a byte (odd: POST), a path up to a zero byte, a body.
 * Whatever they are: no crash, no read past the end, and an answer that is one.
 *
 * Built as fuzz/mds: with -Dfuzz=true (clang) a libFuzzer program, else a replayer of files.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/promise.h"
#include "mds/answer.h"

#define UUID "6ba7b810-9dad-41d1-80b4-00c04fd430c8"

static char uuid[] = UUID, json[] = "[]", manifest[] = "{}", name[] = "app", note[] = "a/b",
            value[] = "slashed", id[] = "sha512-00";
static struct jp_registered_note notes[] = {{note, value}};
static struct jp_registered_app apps[] = {{name, id, manifest, {json, notes, 1}}};
static const struct jp_registration pod = {
    .version = JP_REGISTRATION_VERSION,
    .uuid = uuid,
    .manifest = manifest,
    .notes = {json, notes, 1},
    .apps = apps,
    .n_apps = 1,
};

static bool is_known(unsigned status)
{
    static const unsigned known[] = {200, 400, 403, 404, 405, 415};
    for (size_t i = 0; i < JP_LEN(known); i++) {
        if (known[i] == status)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct jp_token_key key = {"key", 3};
    struct jp_answer answer = {.status = 0};
    if (len == 0)
        return 0;
    JP_AUTO_FREE char *path = jp_memdup0(bytes + 1, len - 1);
    if (!path)
        return 0;
    size_t path_len = strlen(path);
    size_t body_len = path_len < len - 1 ? len - 1 - path_len - 1 : 0;
    JP_AUTO_FREE char *body = jp_memdup0(path + path_len + (body_len > 0), body_len);
    struct jp_question question = {path, (bytes[0] & 1) != 0, (bytes[0] & 2) == 0, body, body_len};
    jp_answer(&pod, key, &question, &answer);
    require(is_known(answer.status), "a status that the manual knows");
    require(answer.body && answer.type, "with body and type");
    require(answer.status != 405 || answer.allow, "what is not allowed says what is");
    require(strnlen(answer.body, answer.len) == answer.len, "of the length that it says");
    require(answer.status == 200 || !question.is_post || jp_answer_takes_posts(path) ||
                answer.status == 404 || answer.status == 405,
            "a POST to nowhere is not read");
    return 0;
}
