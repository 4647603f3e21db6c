/*
 * Labels of the kernel's security modules (ace.md "os/linux/selinux-context",
 * "os/linux/apparmor-profile"): for an app, for all of a pod, for one process.
 */
#ifndef JP_PLAN_LABEL_H
#define JP_PLAN_LABEL_H

#include "base/codec.h"

enum jp_label {
    JP_LABEL_SELINUX,  /* user:role:type:level */
    JP_LABEL_APPARMOR, /* the name of a profile that is loaded */
    JP_LABELS,         /* their number */
};

struct jp_plan_labels {
    char *items[JP_LABELS]; /* NULL: none asked for */
};

/* The isolator that asks for it: "os/linux/selinux-context". */
const char *jp_label_isolator(enum jp_label label);

void jp_plan_labels_code(struct jp_codec *c, struct jp_plan_labels *labels);
void jp_plan_labels_clear(struct jp_plan_labels *labels);

#endif
