/* registry: the alert targets that this program has. One line a target. */
#include "exporters/alerts/target.h"

#define KT_TARGETS(X) X(slack) X(teams) X(pagerduty) X(webhook)

#define DECLARE(name) extern const struct kt_target kt_target_##name;
#define ENTRY(name)   &kt_target_##name,
KT_TARGETS(DECLARE)
const struct kt_target *const kt_targets[] = { KT_TARGETS(ENTRY) NULL };

const struct kt_target *kt_target_find(struct kt_str name)
{
    for (const struct kt_target *const *t = kt_targets; *t != NULL; t++)
        if (kt_str_is(name, (*t)->name))
            return *t;
    return NULL;
}
