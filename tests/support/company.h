/*
 * company: the company of detect's tests after 60 days of work, and the events that they add to it.
 */
#pragma once
#include "cli/fixture/org.h"

#define COMPANY_DAYS 60u
#define COMPANY_NOW  (ORG_START + 60 * KT_NS_DAY + 10 * KT_NS_HOUR) /* a Saturday, 10:00 */
/* For tests of what the others say of reads that new_secrets would tell first. */
#define COMPANY_NO_NEW_SECRETS                                                                     \
    "{floor_24h: 100000, floor_7d: 100000, floor_young: 100000, floor_elsewhere: 100000}"

/* Prints the alerts when the environment has SHOW. The company of learned is started here and has
 * worked for COMPANY_DAYS, in which nothing may have paged; new_secrets: its options, or NULL. */
void company_show(const struct org *o);
void company_learned_as(struct org *o, const char *new_secrets);
void company_learned(struct org *o);
struct org_event company_svc_read(kt_time_ns t, const char *actor, const char *secret,
                                  const char *ip);
struct org_event company_login(kt_time_ns t, const char *actor, const char *ip, bool ok);
struct org_event company_at_work(kt_time_ns t, const char *who, const char *ip);
struct org_event company_file_read(struct org *o, kt_time_ns t, unsigned host, const char *user,
                                   const char *exe);
void company_fleet(struct org *o, unsigned days);
