/*
 * tries: how often an address may try to log in (THREATS W2): five times in a minute, then it
 * waits: 1, 2, 4, 8, 16 minutes, doubling each time five more have failed, until it was quiet for
 * an hour. IPv6 counts by /64, the least that one customer has.
 */
#pragma once
#include "core/base/ip.h"
#include "core/base/time.h"

#define KT_WEB_TRIES_MAX 4096u /* addresses; of more, the one longest quiet is forgotten */

struct kt_web_tries;
struct kt_web_tries *kt_web_tries_new(void);
void kt_web_tries_free(struct kt_web_tries *t);
/* Counts a try. False: not yet; *ret_wait says how long until. */
bool kt_web_tries_take(struct kt_web_tries *t, struct kt_ip peer, kt_time_ns now,
                       kt_time_ns *ret_wait);
/* That try was right and does not count; failed ones before it do. */
void kt_web_tries_right(struct kt_web_tries *t, struct kt_ip peer);
