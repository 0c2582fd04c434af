/* company: see company.h. */
#include "tests/support/company.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void company_show(const struct org *o)
{
    for (uint32_t i = 0; getenv("SHOW") != NULL && i < o->n_alert; i++)
        print_message("%s %d %d %s\n", o->alert[i].state, o->alert[i].severity, o->alert[i].score,
                      o->alert[i].json);
}

void company_learned_as(struct org *o, const char *new_secrets)
{
    org_start(o, 11);
    if (new_secrets != NULL)
        assert_int_equal(org_configure(o, "new_secrets", new_secrets, &(struct kt_error){ 0 }),
                         KT_OK);
    org_company(o, 12, 10, COMPANY_DAYS);
    org_run(o);
    company_show(o);
    assert_int_equal(org_alerts(o, 0, KT_SEV_MEDIUM), 0);
}

void company_learned(struct org *o)
{
    company_learned_as(o, NULL);
}

struct org_event company_svc_read(kt_time_ns t, const char *actor, const char *secret,
                                  const char *ip)
{
    return (struct org_event){ .t = t,
                               .actor = actor,
                               .kind = KT_ACTOR_SERVICE,
                               .secret = secret,
                               .ip = ip,
                               .user_agent = "Go-http-client/1.1" };
}

struct org_event company_login(kt_time_ns t, const char *actor, const char *ip, bool ok)
{
    return (struct org_event){ .t = t,
                               .actor = actor,
                               .kind = KT_ACTOR_HUMAN,
                               .action = KT_ACT_LOGIN,
                               .outcome = ok ? KT_OUT_SUCCESS : KT_OUT_DENIED,
                               .operation = "login",
                               .ip = ip,
                               .user_agent = "Vault/1.15 (darwin arm64)" };
}

struct org_event company_at_work(kt_time_ns t, const char *who, const char *ip)
{
    return (struct org_event){ .t = t,
                               .actor = who,
                               .kind = KT_ACTOR_HUMAN,
                               .user_agent = "Vault/1.15 (darwin arm64)",
                               .secret = "vault://main/-/secret/own/1",
                               .ip = ip };
}

struct org_event company_file_read(struct org *o, kt_time_ns t, unsigned host, const char *user,
                                   const char *exe)
{
    const char *name = org_text(o, "web-%u", host);
    return (struct org_event){ .t = t,
                               .actor = org_text(o, "%s@%s", user, name),
                               .kind = KT_ACTOR_SERVICE,
                               .host = name,
                               .source = "auditd",
                               .user_agent = exe,
                               .secret = org_text(o, "file://%s/srv/app/.env", name),
                               .native = "/srv/app/.env" };
}

void company_fleet(struct org *o, unsigned days)
{
    for (unsigned i = 0; i < days * 5; i++)
        org_add(o, company_file_read(o, ORG_START + i / 5 * KT_NS_DAY + i % 5 * KT_NS_MIN, i % 5,
                                     "app", "/srv/app/bin/app"));
}
