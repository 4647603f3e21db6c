/* The caller's view of what is mounted. */
#ifndef JP_SYS_MOUNTS_H
#define JP_SYS_MOUNTS_H

/*
 * Of the mount namespace that the caller is in, nothing shows in another one any more, nor the
 * other way round: for callers that have just made it, by unshare(2) or clone(2). Root and working
 * directory stay what they were, in a chroot too. Only system calls: fit for a child of fork(2).
 * 0, or -1 with errno; ENOSYS where there are no mount namespaces.
 */
int jp_mounts_make_private(void);

#endif
