/*
 * agent_watch: the agent's side of checkpoints (THREATS T4, D6): asks to be shown the log, lets
 * log_watch judge it, signs what was kept, and raises its own alarm.
 *
 * Owns:  what was asked and said in this life, the order of accept-log.
 * Calls: log_watch, the spool. The wire, the clock and the way of the alarm come in as arguments.
 * Holds: what is signed is on the disk; while a collector's log contradicts what was kept, batches
 * go on to it and nothing that it acknowledges is given up.
 */
#include <stdio.h>
#include <string.h>

#include "agents/agent_int.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"

#define ASK_AGAIN   (5 * KT_NS_MIN) /* when nothing is shown */
#define PROVE_AGAIN (30 * KT_NS_S)  /* between two wishes for a proof from our own size */
#define SAY_AGAIN   KT_NS_HOUR
#define TURN_MOST                                                                                  \
    (5 * KT_NS_S)          /* of one turn that counts as connected: we may have been stopped       \
                            */
#define LOOK_EVERY KT_NS_S /* for an order */

static bool is_connected(const struct kt_agent *a)
{
    return a->link.state == KT_LINK_READY;
}

/* Only who has been shown a log, or was told its key, can miss it. */
static bool is_due(const struct kt_watched *w)
{
    return w->kept.note != NULL || w->has_configured;
}

static const char *stale_text(const struct kt_watched *w)
{
    return w->kept.note != NULL
               ? "the collector shows no newer checkpoint of its log for 15 minutes: what it "
                 "acknowledges is not proven to be kept"
               : "the collector does not show its log, though its key is configured: what it "
                 "acknowledges is not proven to be kept";
}

/* ---- saying so ---- */

static void log_head(struct kt_buf *b, const char *key, const struct kt_shown *s)
{
    if (s->note == NULL)
        return;
    kt_buf_addf(b, ",\"%s\":{\"log\":\"", key);
    kt_hex_add(b, s->log_id, sizeof s->log_id);
    kt_buf_addf(b, "\",\"size\":%llu,\"root\":\"", (unsigned long long)s->head.size);
    kt_hex_add(b, s->head.root, sizeof s->head.root);
    kt_buf_addz(b, "\"}");
}

static void member(struct kt_buf *b, const char *key, struct kt_str v)
{
    kt_buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", key);
    kt_json_quote(b, v);
}

static void about(const struct kt_agent *a, unsigned side, struct kt_buf *b)
{
    kt_buf_byte(b, '{');
    member(b, "agent", kt_str_of(a->o.conf->agent));
    member(b, "collector", kt_str_of(agent_collector_endpoint(a, side)));
}

/* A line in the log itself, as long as somebody reads it there. `at` makes it the same line when it
 * is given again after a restart. */
static void give_line(struct kt_agent *a, unsigned side, const char *operation, const char *text,
                      kt_time_ns at)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);

    about(a, side, &raw);
    if (w->fault != KT_WATCH_FINE)
        member(&raw, "fault", kt_str_of(kt_log_fault_word(w->fault)));
    log_head(&raw, "kept", &w->kept);
    log_head(&raw, "shown", &w->evidence);
    kt_buf_byte(&raw, '}');
    kt_buf_addf(&id, "%s/%s/%u/%lld", a->o.conf->agent, operation, side, (long long)at);
    agent_say(a, operation, kt_str_of(text), kt_buf_str(&id), kt_buf_str(&raw), at);
}

/* The agent's own way to tell somebody: the collector may be the one that is wrong. */
static void give_alarm(struct kt_agent *a, unsigned side, const char *code, const char *text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 }, sentence = { 0 };
    char when[KT_TIME_TEXT_MAX];
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);

    if (a->o.alarm.tell == NULL)
        return;
    kt_buf_addf(&sentence, "keytrail-agent %s: %s", a->o.conf->agent, text);
    about(a, side, &b);
    member(&b, "code", kt_str_of(code));
    member(&b, "text", kt_buf_str(&sentence));
    member(&b, "time", kt_str_of(kt_time_format(a->now, when)));
    log_head(&b, "kept", &w->kept);
    log_head(&b, "shown", &w->evidence);
    if (w->evidence.note != NULL) { /* both are signed: whoever reads this can check it */
        if (w->kept.note != NULL)
            member(&b, "kept_note", kt_str_of(w->kept.note));
        member(&b, "shown_note", kt_str_of(w->evidence.note));
    }
    kt_buf_addz(&b, "}\n");
    a->o.alarm.tell(a->o.alarm.self, kt_buf_str(&b));
}

static void say_fault(struct kt_agent *a, unsigned side)
{
    char text[KT_WATCH_SAY_MAX];
    struct log_state *l = &a->log[side];

    kt_log(KT_LOG_ERROR,
           "log: contradiction collector='%s': %s. Nothing that it acknowledges is given up until "
           "somebody accepts it: keytrail-agent accept-log",
           agent_collector_endpoint(a, side),
           kt_watched_say(kt_log_watch_at(a->watch, side), text));
    l->said = a->mono;
}

static void contradicted(struct kt_agent *a, unsigned side)
{
    char text[KT_WATCH_SAY_MAX];
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);

    kt_spool_hold(a->spool, true);
    say_fault(a, side);
    (void)kt_watched_say(w, text);
    give_line(a, side, "log.contradiction", text, w->fault_at);
    give_alarm(a, side, "log.contradiction", text);
}

static void went_stale(struct kt_agent *a, unsigned side)
{
    struct log_state *l = &a->log[side];
    const char *text = stale_text(kt_log_watch_at(a->watch, side));

    if (!l->stale) {
        l->stale = true;
        l->stale_at = a->now;
        give_line(a, side, "log.stale", text, a->now);
        give_alarm(a, side, "log.stale", text);
    }
    l->said = a->mono;
    kt_log(KT_LOG_ERROR, "log: %s collector='%s'", text, agent_collector_endpoint(a, side));
}

static void grown(struct kt_agent *a, unsigned side)
{
    struct log_state *l = &a->log[side];

    l->quiet = 0;
    l->unproven = false;
    if (l->stale)
        kt_log(KT_LOG_WARN, "log: the collector shows newer checkpoints again collector='%s'",
               agent_collector_endpoint(a, side));
    l->stale = false;
}

/* ---- what is shown ---- */

static void pinned(const struct kt_agent *a, unsigned side)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf keys = { 0 };
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);

    kt_tty_add(&keys, kt_str_trim(kt_str_of(w->kept.keys)));
    kt_log(KT_LOG_INFO, "log: %s collector='%s' key='%s' records=%llu",
           w->has_configured ? "the collector's log is the configured one"
                             : "first sight of the collector's log: its key is pinned",
           agent_collector_endpoint(a, side), kt_buf_z(&keys),
           (unsigned long long)w->kept.head.size);
}

static void sign_it(struct kt_agent *a, unsigned side)
{
    struct log_state *l = &a->log[side];
    const struct kt_head *h = &kt_log_watch_at(a->watch, side)->kept.head;

    l->sign = l->sign || l->signed_head.size != h->size ||
              memcmp(l->signed_head.root, h->root, sizeof h->root) != 0;
}

void agent_watch_heard(struct kt_agent *a, const struct kt_msg *m)
{
    unsigned side = a->pair.side;
    struct log_state *l = &a->log[side];
    const struct kt_log_message said = {
        .from = m->from,
        .awaited = l->unproven && l->quiet >= KT_WATCH_STALE,
        .keys = m->keys,
        .proof = m->proof,
        .note = m->note,
    };
    enum kt_log_verdict verdict = KT_WATCH_NOTHING;
    bool first = kt_log_watch_at(a->watch, side)->kept.note == NULL, more = false;
    struct kt_error err = { 0 };

    l->shown = a->mono;
    l->refused = false;
    if (kt_log_watch_judge(a->watch, side, &said, a->now, &verdict, &more, &err) != KT_OK) {
        kt_log(KT_LOG_WARN, "log: a checkpoint counts for nothing: %s", err.text);
        return;
    }
    if (more)
        grown(a, side);
    if (more && first)
        pinned(a, side);
    switch (verdict) {
    case KT_WATCH_NOTHING:
        break;
    case KT_WATCH_ASK:
        l->ask = l->ask || l->asked == 0 || a->mono - l->asked >= PROVE_AGAIN;
        l->unproven = l->unproven || m->from == 0;
        break;
    case KT_WATCH_KEPT:
        sign_it(a, side);
        break;
    case KT_WATCH_AGAINST:
        contradicted(a, side);
        break;
    }
}

void agent_watch_welcomed(struct kt_agent *a)
{
    struct log_state *l = &a->log[a->pair.side];
    l->ask = true;
    l->refused = false;
    l->signed_head = (struct kt_head){ 0 };
}

bool agent_watch_refused(struct kt_agent *a)
{
    struct log_state *l = &a->log[a->pair.side];
    if (!is_connected(a) || l->asked == 0)
        return false;
    if (!l->refused)
        kt_log(KT_LOG_INFO, "log: the collector does not show its log: it is of an older version, "
                            "or has no log key");
    l->refused = true;
    return true;
}

/* ---- an order ---- */

static bool is_written(const struct kt_agent *a)
{
    return a->open_since == 0 && a->n_cuts == 0 && !a->unsynced;
}

static void say_accepted(struct kt_agent *a, unsigned side)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 }, id = { 0 };
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);
    const struct kt_accepted *k = &w->accepted;
    const struct kt_shown old = { .note = w->kept.note, .head = k->old_head };
    struct kt_shown was = old, is = old;
    char text[KT_WATCH_SAY_MAX];

    memcpy(was.log_id, k->old_log, 16);
    memcpy(is.log_id, k->new_log, 16);
    is.head = k->new_head;
    about(a, side, &raw);
    member(&raw, "by", kt_str_of(k->by));
    member(&raw, "reason", kt_str_of(k->reason));
    log_head(&raw, "old", &was);
    log_head(&raw, "new", &is);
    kt_buf_byte(&raw, '}');
    (void)snprintf(text, sizeof text, "accepted by %s: %s", k->by, k->reason);
    kt_buf_addf(&id, "%s/log.accepted/%u/%lld", a->o.conf->agent, side, (long long)k->at);
    agent_say(a, "log.accepted", kt_str_of(text), kt_buf_str(&id), kt_buf_str(&raw), k->at);
    kt_log(KT_LOG_WARN, "log: the contradiction is accepted by='%s' reason='%s' records=%llu",
           k->by, k->reason, (unsigned long long)k->new_head.size);
}

/* The order stays until its line is in the spool: after a kill in between it is told again, as the
 * same line. */
static void carry_out(struct kt_agent *a, const char *path, struct kt_log_order *o)
{
    struct kt_error err = { 0 };
    unsigned side = 0;

    if (a->order_at == o->accepted.at) {
        if (is_written(a) && a->o.fs.unlink(a->o.fs.self, path, &err) != KT_OK)
            kt_log(KT_LOG_WARN, "log: an order that was carried out stays: %s", err.text);
        return;
    }
    enum kt_status st = kt_log_watch_accept(a->watch, o, &side, &err);
    if (st == KT_OK || st == KT_E_AGAIN) {
        a->order_at = o->accepted.at;
        kt_spool_hold(a->spool, kt_log_watch_holds(a->watch));
        a->log[side].ask = true;
        grown(a, side);
        say_accepted(a, side);
        return;
    }
    kt_log(KT_LOG_ERROR, "log: what was to be accepted is not: %s", err.text);
    if (st == KT_E_INPUT && a->o.fs.unlink(a->o.fs.self, path, &err) != KT_OK)
        kt_log(KT_LOG_WARN, "log: an order that does not fit stays: %s", err.text);
}

static void look_for_order(struct kt_agent *a)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, text = { 0 };
    struct kt_log_order o = { 0 };
    struct kt_error err = { 0 };

    if (a->order_looked != 0 && a->mono - a->order_looked < LOOK_EVERY)
        return;
    a->order_looked = a->mono;
    kt_buf_addf(&path, "%s/%s", a->o.conf->spool_path, KT_WATCH_ORDER);
    enum kt_status st = kt_log_file_read(&a->o.fs, kt_buf_z(&path), &text, &err);
    if (st == KT_E_AGAIN) {
        a->order_unread = false;
        return;
    }
    if (st == KT_OK)
        st = kt_log_order_read(kt_buf_str(&text), &o, &err);
    if (st == KT_OK) {
        a->order_unread = false;
        carry_out(a, path.at, &o);
        kt_log_order_done(&o);
        return;
    }
    if (st != KT_E_INPUT && st != KT_E_CORRUPT) { /* the system's no: it may be a good order */
        if (!a->order_unread)
            kt_log(KT_LOG_WARN, "log: an order cannot be read, it is tried again: %s", err.text);
        a->order_unread = true;
        return;
    }
    kt_log(KT_LOG_ERROR, "log: '%s' is put away: %s", path.at, err.text);
    if (a->o.fs.unlink(a->o.fs.self, path.at, &err) != KT_OK)
        kt_log(KT_LOG_WARN, "log: %s", err.text);
}

/* ---- the turn ---- */

static bool may_say(const struct kt_agent *a, const struct log_state *l)
{
    return l->said == 0 || a->mono - l->said >= SAY_AGAIN;
}

void agent_watch_turn(struct kt_agent *a)
{
    struct log_state *l = &a->log[a->pair.side];
    const struct kt_watched *w = kt_log_watch_at(a->watch, a->pair.side);
    kt_time_ns passed = a->watch_turned == 0 ? 0 : a->mono - a->watch_turned;

    a->watch_turned = a->mono;
    look_for_order(a);
    for (unsigned i = 0; i < a->n_logs; i++)
        if (kt_log_watch_at(a->watch, i)->fault != KT_WATCH_FINE && may_say(a, &a->log[i]))
            say_fault(a, i);
    if (!is_connected(a))
        return;
    l->quiet += passed > TURN_MOST ? TURN_MOST : passed;
    if (l->quiet >= KT_WATCH_STALE && is_due(w) && w->fault == KT_WATCH_FINE &&
        (!l->stale || may_say(a, l)))
        went_stale(a, a->pair.side);
    kt_time_ns waited = a->mono - (l->shown > l->asked ? l->shown : l->asked);
    if (!l->refused && l->asked != 0 && waited >= ASK_AGAIN)
        l->ask = true;
}

/* KT_OK: said, or there is nothing to say. */
enum kt_status agent_watch_talk(struct kt_agent *a)
{
    struct log_state *l = &a->log[a->pair.side];
    const struct kt_watched *w = kt_log_watch_at(a->watch, a->pair.side);
    KT_CLEANUP(kt_buf_done) struct kt_buf line = { 0 };
    struct kt_checkpoint c;

    if (!is_connected(a))
        return KT_OK;
    if (l->ask) {
        struct kt_msg m = { .type = KT_MSG_SINCE, .size = w->kept.head.size };
        memcpy(m.log_id, w->kept.log_id, sizeof m.log_id);
        if (agent_send(a, &m) != KT_OK)
            return KT_E_AGAIN;
        l->ask = false;
        l->asked = a->mono != 0 ? a->mono : 1;
    }
    if (!l->sign || w->fault != KT_WATCH_FINE || w->kept.note == NULL ||
        kt_checkpoint_read(kt_str_of(w->kept.note), &c, NULL) != KT_OK)
        return KT_OK;
    struct kt_msg m = { .type = KT_MSG_COSIGN, .size = w->kept.head.size };
    memcpy(m.log_id, w->kept.log_id, sizeof m.log_id);
    memcpy(m.root, w->kept.head.root, sizeof m.root);
    kt_note_cosign(c.text, a->o.conf->agent, a->o.signing_seed, a->now, &line);
    m.line = kt_buf_str(&line);
    if (agent_send(a, &m) != KT_OK)
        return KT_E_AGAIN;
    l->sign = false;
    l->signed_head = w->kept.head;
    return KT_OK;
}

/* ---- life ---- */

static enum kt_status read_log_key(const char *text, const char *which, struct kt_note_key *ret,
                                   struct kt_error *err)
{
    if (kt_note_key_read(kt_str_of(text), ret, err) != KT_OK)
        return kt_fail(err, KT_E_CONFIG, "%s: %.150s; the collector prints its own", which,
                       err->text);
    if (ret->type != KT_NOTE_LOG)
        return kt_fail(err, KT_E_CONFIG, "%s is the key of a cosigner, not of a log", which);
    return KT_OK;
}

static enum kt_status read_log_keys(const struct kt_agent_conf *c,
                                    struct kt_note_key ret[KT_PAIR_SIDES], struct kt_error *err)
{
    if (c->log_key != NULL &&
        read_log_key(c->log_key, "collector.log_key", &ret[KT_PAIR_FIRST], err) != KT_OK)
        return KT_E_CONFIG;
    if (c->standby_log_key != NULL && read_log_key(c->standby_log_key, "collector.standby.log_key",
                                                   &ret[KT_PAIR_STANDBY], err) != KT_OK)
        return KT_E_CONFIG;
    return KT_OK;
}

enum kt_status kt_agent_check_log_keys(const struct kt_agent_conf *conf, struct kt_error *err)
{
    struct kt_note_key keys[KT_PAIR_SIDES];
    return read_log_keys(conf, keys, err);
}

enum kt_status agent_watch_open(struct kt_agent *a, struct kt_error *err)
{
    const struct kt_agent_conf *conf = a->o.conf;
    const struct kt_log_watch_options o = {
        .fs = a->o.fs,
        .dir = conf->spool_path,
        .n = conf->standby != NULL ? 2 : 1,
        .peer = { { conf->server_key, conf->log_key != NULL ? &a->log_key[KT_PAIR_FIRST] : NULL },
                  { conf->standby_key,
                    conf->standby_log_key != NULL ? &a->log_key[KT_PAIR_STANDBY] : NULL } },
        .now = a->now,
    };

    if (read_log_keys(conf, a->log_key, err) != KT_OK)
        return KT_E_CONFIG;
    a->n_logs = o.n;
    if (kt_log_watch_open(&o, &a->watch, err) != KT_OK)
        return err->code;
    for (unsigned i = 0; i < a->n_logs; i++)
        if (kt_log_watch_at(a->watch, i)->fault != KT_WATCH_FINE)
            contradicted(a, i);
    return KT_OK;
}

/* ---- status ---- */

static const char *state_word(const struct log_state *l, const struct kt_watched *w)
{
    if (w->fault != KT_WATCH_FINE)
        return "contradiction";
    if (l->stale)
        return "stale";
    if (w->kept.note == NULL)
        return l->refused ? "not shown" : "not seen yet";
    return "verified";
}

static void status_of(const struct kt_agent *a, unsigned side, struct kt_buf *out)
{
    const struct log_state *l = &a->log[side];
    const struct kt_watched *w = kt_log_watch_at(a->watch, side);
    char text[KT_WATCH_SAY_MAX];

    about(a, side, out);
    member(out, "state", kt_str_of(state_word(l, w)));
    (void)kt_watched_say(w, text);
    member(out, "problem", kt_str_of(l->stale && text[0] == '\0' ? stale_text(w) : text));
    kt_buf_addf(out, ",\"since\":%lld,\"at\":%lld,\"signed\":%d,\"accepted\":%lld",
                (long long)(w->fault != KT_WATCH_FINE ? w->fault_at
                            : l->stale                ? l->stale_at
                                                      : 0),
                (long long)w->kept.at,
                w->kept.note != NULL && l->signed_head.size == w->kept.head.size,
                (long long)w->accepted.at);
    member(out, "pinned", w->has_configured ? KT_STR("configured") : KT_STR("first use"));
    member(out, "keys", kt_str_of(w->kept.keys));
    log_head(out, "kept", &w->kept);
    log_head(out, "shown", &w->against);
    kt_buf_byte(out, '}');
}

void agent_watch_status(const struct kt_agent *a, struct kt_buf *out)
{
    kt_buf_byte(out, '[');
    for (unsigned i = 0; i < a->n_logs; i++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf one = { 0 };
        status_of(a, i, &one);
        if (i > 0)
            kt_buf_byte(out, ',');
        kt_buf_add(out, kt_buf_str(&one));
    }
    kt_buf_byte(out, ']');
}
