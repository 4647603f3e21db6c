/* Capability mode: nothing can be opened or reached by a name. */
#include "config.h"

#include <sys/capsicum.h>

#include "openpgp/confine.h"
#include "openpgp/limits.h"
#include "sys/drop.h"

int jp_openpgp_confine(const struct jp_openpgp_head *head, struct jp_error *err)
{
    const struct jp_drop drop = {.uid = head->uid, .gid = head->gid};
    if (jp_openpgp_limit(head->data_bytes, err) < 0 || jp_drop_rights(&drop, err) < 0)
        return -1;
    /* ENOSYS: a kernel without. */
    if (cap_enter() < 0 && errno != ENOSYS)
        return jp_fail_sys(err, "enter capability mode");
    return 0;
}
