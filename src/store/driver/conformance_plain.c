/* The conformance suite where there are no mount namespaces. */
#include <stdio.h>
#include <unistd.h>

#include "store/driver/conformance.h"

const char *conformance_begin(void)
{
    return geteuid() == 0 ? NULL : "needs root";
}

const char *conformance_place(const char *top, const char *driver, char root[300])
{
    (void)snprintf(root, 300, "%s/%s/root", top, driver);
    return NULL;
}

void conformance_leave_place(const char *top, const char *driver)
{
    (void)top;
    (void)driver;
}

int conformance_enter(const char *top, const struct jp_plan_root *root, char path[300])
{
    (void)top;
    (void)snprintf(path, 300, "%s", root->dir);
    return 0;
}

void conformance_leave(const struct jp_plan_root *root, const char *path)
{
    (void)root;
    (void)path;
}
