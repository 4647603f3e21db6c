#include "plan/label.h"

#include <stdlib.h>

const char *jp_label_isolator(enum jp_label label)
{
    static const char *const names[JP_LABELS] = {
        [JP_LABEL_SELINUX] = "os/linux/selinux-context",
        [JP_LABEL_APPARMOR] = "os/linux/apparmor-profile",
    };
    return names[label];
}

void jp_plan_labels_code(struct jp_codec *c, struct jp_plan_labels *labels)
{
    for (size_t i = 0; i < JP_LABELS; i++)
        jp_codec_str(c, &labels->items[i]);
}

void jp_plan_labels_clear(struct jp_plan_labels *labels)
{
    for (size_t i = 0; i < JP_LABELS; i++)
        free(labels->items[i]);
    *labels = (struct jp_plan_labels){0};
}
