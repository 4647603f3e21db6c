/*
 * Human names of pods: what a person can say over a telephone. Made of two short lists of our own,
 * 64 by 64 words, and a number once those are used up; whether a name is free is the store's to
 * say.
 */
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "pod/internal.h"

static const char *const adjectives[] = {
    "amber",  "bold",   "brave",  "brief", "bright", "brisk",  "calm",    "clear",
    "clever", "cosy",   "crisp",  "curly", "daily",  "deep",   "dusty",   "eager",
    "early",  "fair",   "fancy",  "fast",  "fine",   "fluffy", "fresh",   "gentle",
    "glad",   "golden", "grand",  "green", "happy",  "hasty",  "humble",  "icy",
    "jolly",  "keen",   "kind",   "late",  "light",  "lively", "loyal",   "lucky",
    "mellow", "merry",  "mighty", "neat",  "nimble", "noble",  "patient", "plain",
    "polite", "proud",  "quick",  "quiet", "rapid",  "royal",  "shiny",   "silent",
    "silver", "smooth", "snowy",  "sunny", "swift",  "tidy",   "warm",    "wise",
};

static const char *const nouns[] = {
    "acorn",  "anchor",  "badger", "beacon",  "beaver", "birch",  "bison",  "breeze",
    "bridge", "brook",   "candle", "canoe",   "castle", "cedar",  "cloud",  "comet",
    "copper", "coral",   "crane",  "delta",   "ember",  "falcon", "fern",   "finch",
    "forest", "fox",     "garden", "glider",  "harbor", "hawk",   "hazel",  "heron",
    "island", "kettle",  "lake",   "lantern", "lemon",  "lynx",   "maple",  "meadow",
    "melon",  "moth",    "orchid", "otter",   "owl",    "pebble", "pepper", "pilot",
    "pine",   "plum",    "quartz", "raven",   "reef",   "river",  "robin",  "rocket",
    "saddle", "sparrow", "spruce", "stork",   "summit", "tulip",  "violin", "willow",
};

_Static_assert(JP_LEN(adjectives) == 64 && JP_LEN(nouns) == 64, "drawn by six bits each");

char *jp_pod_name_make_up(struct jp_error *err)
{
    unsigned char dice[3];
    if (jp_random_bytes(dice, sizeof(dice), err) < 0)
        return NULL;
    const char *adjective = adjectives[dice[0] % JP_LEN(adjectives)];
    const char *noun = nouns[dice[1] % JP_LEN(nouns)];
    char *name = jp_format("%s-%s", adjective, noun);
    if (!name)
        jp_oom(err);
    return name;
}

int jp_pod_name_check(const char *name, struct jp_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(name);
    bool is_good = len > 0 && len <= 63 && strchr(letters, name[0]);
    for (size_t i = 1; i < len && is_good; i++)
        is_good = strchr(letters, name[i]) || strchr("_.-", name[i]);
    if (!is_good)
        return jp_fail(err, JP_EINVALID, 0,
                       "'%s' cannot name a pod: 1 to 63 letters, digits, '_', '.' or '-', a letter "
                       "or digit first",
                       name);
    if (jp_uuid_valid(name))
        return jp_fail(err, JP_EINVALID, 0, "'%s' cannot name a pod: it looks like a UUID", name);
    return 0;
}
