/* decided: see decided.h. */
#include "tests/support/decided.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void decided_show(const struct org *o)
{
    for (uint32_t i = 0; getenv("SHOW") != NULL && i < o->n_alert; i++)
        print_message("%s %d %d %s\n", o->alert[i].state, o->alert[i].severity, o->alert[i].score,
                      o->alert[i].title);
}

void decided_start(struct org *o)
{
    org_start(o, 9);
    org_company(o, 6, 6, DECIDED_DAYS);
    org_fact(o, "65.108.3.3", "FI", 24940, "Hetzner", true);
}

void decided_reads_one(struct org *o, kt_time_ns t, const char *actor, unsigned number,
                       const char *ip)
{
    org_add(o, (struct org_event){ .t = t,
                                   .actor = actor,
                                   .kind = KT_ACTOR_SERVICE,
                                   .secret = org_text(o, DECIDED_SECRET, number),
                                   .ip = ip,
                                   .user_agent = "Go-http-client/1.1" });
}

void decided_reads(struct org *o, kt_time_ns t, const char *actor, unsigned n, const char *ip)
{
    for (unsigned i = 0; i < n; i++)
        decided_reads_one(o, t + i * KT_NS_S, actor, i, ip);
}

void decided_expectation(struct org *o, const char *members)
{
    org_decide(o, DECIDED_NOW - KT_NS_MIN, "expect",
               org_text(o,
                        "{\"id\":\"expect-1\",\"reason\":\"rotate\",\"by\":\"alice\",%s,"
                        "\"from\":%lld,\"until\":%lld}",
                        members, (long long)DECIDED_NOW, (long long)DECIDED_TO_NS));
}

unsigned decided_pages(const struct org *o)
{
    return org_alerts(o, 0, KT_SEV_MEDIUM);
}

unsigned decided_quiet_ones(const struct org *o)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < o->n_alert; i++)
        n += o->alert[i].is_new && o->alert[i].suppressed_by[0] != '\0';
    return n;
}
