/*
 * decided: a company that works for 90 days; what a test adds, and what people decide, happens
 * after day 60.
 */
#pragma once
#include "cli/fixture/org.h"

#define DECIDED_DAYS   90u
#define DECIDED_NOW    (ORG_START + 60 * KT_NS_DAY + 10 * KT_NS_HOUR)
#define DECIDED_TO_NS  (DECIDED_NOW + 4 * KT_NS_HOUR)
#define DECIDED_SECRET "vault://main/-/secret/prod/other/%u"

/* show prints the alerts when the environment has SHOW; an expectation is of [DECIDED_NOW,
 * DECIDED_TO_NS), its members as JSON; pages and quiet_ones count alerts that were told or kept
 * quiet. */
void decided_show(const struct org *o);
void decided_start(struct org *o);
void decided_reads_one(struct org *o, kt_time_ns t, const char *actor, unsigned number,
                       const char *ip);
void decided_reads(struct org *o, kt_time_ns t, const char *actor, unsigned n, const char *ip);
void decided_expectation(struct org *o, const char *members);
unsigned decided_pages(const struct org *o);
unsigned decided_quiet_ones(const struct org *o);
