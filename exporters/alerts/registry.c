/* registry: the alert targets that this program has. One line a target. */
#include "exporters/alerts/target.h"

#define KT_TARGETS(X)                                                                              \
    X(slack) X(slack_bot) X(teams) X(email) X(pagerduty) X(alertmanager) X(webhook)

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

static const char *const sends[KT_SEND_COUNT] = {
    [KT_SEND_TRIGGER] = "trigger",         [KT_SEND_UPDATE] = "update",
    [KT_SEND_REPEAT] = "repeat",           [KT_SEND_ESCALATE] = "escalate",
    [KT_SEND_ACKNOWLEDGE] = "acknowledge", [KT_SEND_RESOLVE] = "resolve",
    [KT_SEND_REMARK] = "remark",           [KT_SEND_RESEND] = "resend",
    [KT_SEND_CHANGE] = "change",           [KT_SEND_TEST] = "test",
};

const char *kt_send_word(enum kt_send send)
{
    return sends[send];
}

enum kt_send kt_send_of(struct kt_str action)
{
    struct kt_str word;
    (void)kt_str_split(&action, ':', &word);
    unsigned i = 0;
    while (i < KT_SEND_COUNT && !kt_str_is(word, sends[i]))
        i++;
    return (enum kt_send)i;
}
