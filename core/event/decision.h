/*
 * decision: what people decide about detection, as records of kind `decision` of the log
 * (docs/detection.md, "Verdicts and expectations"). The operation names the decision, raw holds it:
 *
 *   expect       {"id":…,"reason":…,"actor":…,"secret":…,"source":…,"address":…,"signature":…,
 *                 "ticket":…,"deploy":true,"from":ns,"until":ns,"by":…}
 *   break-glass  {"id":…,"reason":…,"actor":…,"ticket":…,"from":ns,"until":ns,"by":…}
 *   expect.rm    {"id":…,"reason":…,"by":…}
 *   verdict      {"id":…,"reason":…,"verdict":"true|false|expected","by":…}
 *
 * Absent members are empty. Other operations (trust-clock) are not read here.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/ip.h"
#include "core/base/time.h"
#include "core/event/json.h"

#define KT_EXPECT_LAST_MAX (30 * KT_NS_DAY) /* an expectation ends */
#define KT_DEPLOY_LAST_MAX (7 * KT_NS_DAY)  /* a window of deploys */
#define KT_EXPECT_OPEN_MAX 64u              /* open at the same time */

enum kt_decision_what {
    KT_DECIDE_EXPECT,
    KT_DECIDE_BREAK_GLASS,
    KT_DECIDE_EXPECT_RM,
    KT_DECIDE_VERDICT,
    KT_DECIDE_COUNT
};
enum kt_finding_verdict { KT_FOUND_TRUE, KT_FOUND_FALSE, KT_FOUND_EXPECTED, KT_FOUND_COUNT };

/* Saved as bytes by the engine: fixed, without pointers, zeroed before it is filled. */
struct kt_decision {
    uint32_t what;    /* enum kt_decision_what */
    uint32_t verdict; /* enum kt_finding_verdict */
    uint32_t deploy;  /* 1: a window of deploys */
    uint32_t pad;
    kt_time_ns from, until; /* event times [from, until] */
    char id[32];            /* of the alert (26 characters), else its own name */
    char reason[200], by[80], ticket[64];
    char actor[128], secret[200], source[64]; /* globs; empty = any */
    char address[KT_IP_TEXT_MAX]; /* CIDR, or one address; empty = says nothing of where */
    char signature[24];           /* that is expected, by its name; empty = none */
};

const char *kt_decision_word(enum kt_decision_what what); /* the operation */
const char *kt_finding_verdict_word(enum kt_finding_verdict v);
/* -1: another operation; no verdict. */
int kt_decision_of(struct kt_str operation);
int kt_finding_verdict_of(struct kt_str word);

/* raw of the record. */
void kt_decision_write(const struct kt_decision *d, struct kt_buf *out);
/* Takes the members that the decision may have from an object (a record's raw, or a request), and
 * checks them. A request for an expectation has no id yet. KT_E_INPUT says in a sentence what is
 * missing, too long, or may not be. */
KT_MUST_USE enum kt_status kt_decision_read(enum kt_decision_what what, struct kt_jval root,
                                            struct kt_decision *ret, struct kt_error *err);
/* May it be asked for? Narrower than what is read: records of before stay what they were. */
KT_MUST_USE enum kt_status kt_decision_check(const struct kt_decision *d, struct kt_error *err);
/* One line for people: `expected: rotate prod db, by alice, until 2026-11-30 18:00 UTC`. */
void kt_decision_say(const struct kt_decision *d, struct kt_buf *out);
