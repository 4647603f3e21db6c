/*
 * What a supervisor leaves in the pod's directory (pods/UUID) for others to read.
 *
 *   lock       held by flock(2) as long as the pod is alive; given up before ENDED is sent
 *   control    socket of the control protocol (plan/control.h), there while the pod is alive
 *   logs/      APP.log, APP.log.1 (the one before), ...: lines "RFC3339nano stdout|stderr P|F
 * TEXT", P: the line goes on in the next entry of the same stream state      the record: JSON text
 * of this shape, replaced as a whole at each change, not synced
 *
 * Members of the record; what is not known (yet) is absent. Times are RFC 3339 in UTC.
 *
 *   "version"     1
 *   "uuid"
 *   "state"       "starting", "running", "stopping", "exited", "failed"
 *   "supervisor"  {"pid": number, "start": number}: as struct jp_process (sys/process.h)
 *   "undoing"     true: nothing is left to be asked; what the pod had of the system is given back,
 *                 which takes the time that it takes
 *   "started"     when the supervisor began
 *   "running"     when every app had been started
 *   "ended"       when nothing was left running and everything was undone
 *   "error"       why the state is "failed" (or how the world of a pod that ran came to an end)
 *   "status"      with "exited": wait status (waitpid(2)) of the pod: the first non-zero one of its
 *                 apps in manifest order. With "failed": of the app that could not be run, shifted
 *                 as an exit status: 125, 126 or 127
 *   "destroy"     true: what is left of the pod once it has ended is garbage (`run -destroy`)
 *   "isolators"   [{"resource": of resource/NAME its NAME, of other isolators all of it,
 *                 "app": name (absent: the pod), "verdict": "enforced" | "modified" |
 *                 "ignored", "reason": text (absent: enforced)}, ...]
 *   "ports"       while they are published: [{"name", "protocol": "tcp" | "udp", "hostIP" (absent:
 *                 every address), "hostPort", "podPort", "count", "from": [network, ...]}, ...]
 *   "warnings"    [text, ...]: what the user should know though nothing failed
 *   "apps"        in the plan's order: [{
 *       "name", "state": "waiting" (not started), "starting" (its root is made anew, or its
 * pre-start handler runs), "running", "stopping" (its post-stop handler runs), "exited", "failed",
 * "restarting" (it ended, and will be started again after a pause) "pid"     host's view of the
 * main process, while it runs "status"  wait status of the main process, once it has ended; of one
 * that could not be started again: 125, 126 or 127, shifted as an exit status "oom"     true:
 * killed because of its memory limit "started", "ended"  of the main process "restarts" how often
 * it was started again in this run of the pod "uid", "gid"  of the main process
 *       "sockets" ports that it finds listened on: [{"name", "protocol", "port"}, ...] "error" why
 * the app or one of its handlers failed "lost"    bytes of output that could not be written to the
 * log (disk full), when not 0
 *   }, ...]
 *
 * A record that says "starting", "running" or "stopping" while nobody holds the lock is that of a
 * supervisor that was killed.
 *
 *   sessions   instead of `state`, the record of a pod without its apps (`exec` in a pod that does
 *              not run), while there is one: how the last run ended stays known
 */
#ifndef JP_PLAN_STATE_H
#define JP_PLAN_STATE_H

#define JP_STATE_VERSION   1
#define JP_STATE_FILE      "state"
#define JP_STATE_SESSIONS  "sessions"
#define JP_STATE_CONTROL   "control"
#define JP_STATE_LOGS      "logs"
#define JP_STATE_APPS      "apps"     /* what lies below the apps' roots, a directory each */
#define JP_STATE_MAX_BYTES (4U << 20) /* no record of 256 apps comes near */

/* Descriptors with which stage 1 is started (its program sees nothing else but 0, 1 and 2). */
#define JP_STAGE1_FD_PLAN   3 /* the plan, read from its beginning; or the socket for it */
#define JP_STAGE1_FD_POD    4 /* directory pods/UUID */
#define JP_STAGE1_FD_LOCK   5 /* the pod's lock, held */
#define JP_STAGE1_FD_OWNER  6 /* SOCK_SEQPACKET to the owner */
#define JP_STAGE1_FD_STAGE2 7 /* executable of stage 2, safe from being overwritten */
#define JP_STAGE1_FD_FORWARD                                                                       \
    8 /* the forwarder's mailbox (plan/forward.h) if the plan names one; in the host's network of  \
       * sockets that the plan calls given, one a message                                          \
       */

/*
 * Started before there is a pod, stage 1 finds a SOCK_SEQPACKET instead of the plan, and POD and
 * LOCK closed: one packet brings plan, POD and LOCK, in this order, and FORWARD if there is one;
 * the end of file says that there will be no pod. With the argument "net" it expects a pod with a
 * network of its own.
 */
#define JP_STAGE1_HANDOVER     3
#define JP_STAGE1_HANDOVER_MAX 4
#define JP_STAGE1_NET          "net"

#endif
