/*
 * daemon_decide: the control socket's requests about detection: expectations and break-glass. Each
 * becomes one record of kind decision, by the one writer, before it is answered.
 *
 * Owns:  nothing; what is open is read from the log each time.
 * Calls: core/event/decision (form), core/query/decisions and core/store/read (what there is),
 *        daemon_notes (the record), detectors (names of signatures).
 * Holds: the detectors act on the record alone, from its place in the log on (DETECTION §5).
 */
#include "collector/daemon.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/query/decisions.h"
#include "core/sys/clock.h"
#include "detectors/detector.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EARLIEST KT_NS_DAY        /* records of work that has begun may still be on their way */
#define LATEST   (30 * KT_NS_DAY) /* nobody knows what it was about when it begins later */

static enum kt_status load(const struct kt_daemon *d, struct kt_decisions *ret,
                           struct kt_error *err)
{
    struct kt_reader *r = NULL;
    enum kt_status st = kt_reader_open(d->conf->store_path, &r, err);
    if (st == KT_OK)
        st = kt_decisions_load(r, ret, err);
    kt_reader_close(r);
    return st;
}

/* The record is on the disk before anybody is told. */
static enum kt_status write_down(struct kt_daemon *d, const struct kt_decision *x,
                                 const char *sentence, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    kt_decision_write(x, &raw);
    char by[KT_LOG_VALUE];
    const char *word = kt_decision_word((enum kt_decision_what)x->what);
    enum kt_status st =
        kt_daemon_record(d, KT_KIND_DECISION, word, kt_str_of(sentence), kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st == KT_OK)
        kt_log(KT_LOG_INFO, "collector: %s id='%s' by='%s'", word, x->id, kt_log_value(x->by, by));
    return st;
}

/* ---- expectations and break-glass ---- */
static enum kt_status check_times(const struct kt_decision *x, struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    if (x->until <= now)
        return kt_fail(err, KT_E_INPUT, "'until' lies in the past");
    if (x->from < now - EARLIEST)
        return kt_fail(err, KT_E_INPUT,
                       "'from' lies more than a day back: what was raised since gets a verdict "
                       "(keytrail alerts close)");
    if (x->from > now + LATEST)
        return kt_fail(err, KT_E_INPUT, "'from' lies more than 30 days ahead");
    return KT_OK;
}

/* Gives it a name of its own; KT_E_LIMIT when as many as the detectors keep are open. */
static enum kt_status name_it(const struct kt_daemon *d, struct kt_decision *x,
                              struct kt_error *err)
{
    struct kt_decisions all = { 0 };
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    enum kt_status st = load(d, &all, err);
    unsigned open = 0, n = 0;
    if (st == KT_OK && all.damage.places > 0) /* its name may be one of theirs */
        st = kt_fail(err, KT_E_CORRUPT,
                     "decisions may be among %u damaged places of the log: restore a backup first "
                     "(keytrail verify)",
                     all.damage.places);
    for (unsigned i = 0; i < all.n; i++) /* the detectors keep one for a day after its end */
        open += kt_decided_open(&all.at[i], now - 2 * KT_NS_DAY);
    if (st == KT_OK && open >= KT_EXPECT_OPEN_MAX)
        st = kt_fail(err, KT_E_LIMIT,
                     "%u expectations are open or ended within two days; remove one "
                     "(keytrail expect list)",
                     open);
    do
        (void)snprintf(x->id, sizeof x->id, "%s-%u",
                       x->what == KT_DECIDE_BREAK_GLASS ? "glass" : "expect", ++n);
    while (st == KT_OK && kt_decisions_named(&all, kt_str_of(x->id)) != NULL);
    kt_decisions_done(&all);
    return st;
}

/* A request has no name for what it adds. */
static enum kt_status read_new(enum kt_decision_what what, struct kt_jval args,
                               struct kt_decision *x, struct kt_error *err)
{
    if (kt_json_str_at(args, "id").len > 0)
        return kt_fail(err, KT_E_INPUT, "'id' is given by the collector");
    return kt_decision_read(what, args, x, err);
}

static enum kt_status add(struct kt_daemon *d, enum kt_decision_what what, struct kt_jval args,
                          struct kt_buf *out, struct kt_error *err)
{
    struct kt_decision x;
    KT_CLEANUP(kt_buf_done) struct kt_buf sentence = { 0 };
    if (read_new(what, args, &x, err) != KT_OK || kt_decision_check(&x, err) != KT_OK ||
        check_times(&x, err) != KT_OK)
        return err->code;
    if (x.signature[0] != '\0' && !kt_sign_known(kt_str_of(x.signature)))
        return kt_fail(err, KT_E_INPUT,
                       "there is no signature '%s': keytrail detect explain signatures names them",
                       x.signature);
    enum kt_status st = name_it(d, &x, err);
    if (st != KT_OK)
        return st;
    kt_decision_say(&x, &sentence);
    st = write_down(d, &x, kt_buf_z(&sentence), err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"id\":\"%s\"}\n", x.id);
    return st;
}

enum kt_status kt_daemon_expect_add(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                    struct kt_error *err)
{
    return add(d, KT_DECIDE_EXPECT, args, out, err);
}

enum kt_status kt_daemon_break_glass(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                     struct kt_error *err)
{
    return add(d, KT_DECIDE_BREAK_GLASS, args, out, err);
}

enum kt_status kt_daemon_expect_rm(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                   struct kt_error *err)
{
    struct kt_decision x;
    struct kt_decisions all = { 0 };
    if (kt_decision_read(KT_DECIDE_EXPECT_RM, args, &x, err) != KT_OK)
        return err->code;
    enum kt_status st = load(d, &all, err);
    if (st != KT_OK)
        return st;
    const struct kt_decided *there = kt_decisions_named(&all, kt_str_of(x.id));
    /* what cannot be read may be the one that is meant: to end it does no harm */
    bool open = all.damage.places > 0 ||
                (there != NULL && kt_decided_open(there, kt_clock_real.wall(kt_clock_real.self)));
    kt_decisions_done(&all);
    if (!open)
        return kt_fail(err, KT_E_INPUT, "no expectation '%s' is open", x.id);
    st = write_down(d, &x, "what it kept quiet is told again from now on", err);
    if (st == KT_OK)
        kt_buf_addf(out, "{\"id\":\"%s\"}\n", x.id);
    return st;
}
