/*
 * The registrations of running pods, as the directory ROOT/mds holds them. Nothing is kept longer
 * than the file is there: the directory is asked whether it changed since it was read, and the
 * pod's supervisor whether it lives, at the first lookup of a round. What was found in a round
 * holds for the rest of it; what was not found is always looked for anew.
 *
 * In memory are, for each pod, the digest of its token and its addresses, so that a thousand pods
 * take some hundred KiB; contents are read when they are asked for, and some of them are kept.
 */
#ifndef JP_MDS_REGISTRY_H
#define JP_MDS_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"
#include "plan/registration.h"

struct jp_registry;

/* dir_fd stays the caller's and must outlive it. -1 with JP_ENOMEM. */
int jp_registry_new(int dir_fd, struct jp_registry **ret, struct jp_error *err);
void jp_registry_free(struct jp_registry *registry);
JP_DEFINE_AUTO_PTR(jp_registry);

/* Begins a round: what was found before is looked at again. Once before what is answered at once.
 */
void jp_registry_round(struct jp_registry *registry);

/*
 * The pod whose token this is (len bytes) and that has this numeric address, NULL when there is
 * none, for whatever reason: one whose supervisor was killed is none. Valid until the next call.
 */
const struct jp_registration *jp_registry_find(struct jp_registry *registry, const char *token,
                                               size_t len, const char *address);

/* Changes whenever something that jp_registry_find() returned was let go. */
uint64_t jp_registry_generation(const struct jp_registry *registry);

/* How many pods are registered now, whatever the round. */
size_t jp_registry_count(struct jp_registry *registry);

#endif
