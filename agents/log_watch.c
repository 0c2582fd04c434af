/*
 * log_watch: what is kept of the collectors' logs, and what of a new checkpoint is believed.
 *
 * Owns:  the entries of the collectors that are configured.
 * Calls: core/proof, log_watch_file.c. No clock, no sockets.
 * Holds: a checkpoint is on the disk before it counts; a contradiction stays until it is accepted,
 *        also when what is shown afterwards fits again: the log has then been shown in two forms.
 */
#include "agents/log_watch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"

#define PEERS_MAX 2u

struct kt_log_watch {
    struct kt_fs fs;
    char *dir, *path;
    struct kt_watched at[PEERS_MAX];
    unsigned n;
};

/* ---- words ---- */

static const struct {
    const char *word, *what;
} faults[] = {
    [KT_WATCH_FINE] = { "fine", "" },
    [KT_WATCH_OTHER] = { "other-log", "it shows another log than the one that is kept here: the "
                                      "store was replaced or begun anew" },
    [KT_WATCH_KEY] = { "other-key", "its checkpoint is not signed with the log's key" },
    [KT_WATCH_SMALLER] = { "smaller", "it shows fewer records than it has shown: records were "
                                      "removed, or an older copy was restored" },
    [KT_WATCH_FORKED] = { "forked", "it shows other records under the same size: the log was "
                                    "rewritten, or is shown to others in another form" },
    [KT_WATCH_UNPROVEN] = { "unproven", "what it shows does not contain what it has shown: records "
                                        "were changed or removed" },
    [KT_WATCH_NO_PROOF] = { "no-proof", "it has no proof any more that what it shows contains what "
                                        "it has shown: this agent was away for longer than the log "
                                        "is kept, or records were removed" },
    [KT_WATCH_LOST] = { "lost", "what was kept of it could not be read: nothing can be compared" },
};

const char *kt_log_fault_word(enum kt_log_fault f)
{
    return faults[f].word;
}

const char *kt_watched_say(const struct kt_watched *w, char buf[KT_WATCH_SAY_MAX])
{
    char old_log[9], new_log[9];
    const struct kt_shown *k = &w->kept, *e = w->evidence.note != NULL ? &w->evidence : &w->against;

    buf[0] = '\0';
    if (w->fault == KT_WATCH_FINE)
        return buf;
    kt_hex(old_log, k->log_id, 4);
    kt_hex(new_log, e->log_id, 4);
    int n = snprintf(buf, KT_WATCH_SAY_MAX, "%s", faults[w->fault].what);
    if (k->note != NULL && e->note != NULL && n > 0 && (size_t)n < KT_WATCH_SAY_MAX)
        (void)snprintf(buf + n, KT_WATCH_SAY_MAX - (size_t)n,
                       " (kept: log %s…, %llu records; shown: log %s…, %llu records)", old_log,
                       (unsigned long long)k->head.size, new_log, (unsigned long long)e->head.size);
    return buf;
}

/* ---- what was shown ---- */

static void shown_done(struct kt_shown *s)
{
    kt_free(s->note);
    kt_free(s->keys);
    *s = (struct kt_shown){ 0 };
}

static struct kt_shown shown_copy(const struct kt_shown *s)
{
    struct kt_shown c = *s;
    c.note = s->note != NULL ? kt_strdup(s->note) : NULL;
    c.keys = s->keys != NULL ? kt_strdup(s->keys) : NULL;
    return c;
}

static void shown_set(struct kt_shown *to, const struct kt_shown *s)
{
    struct kt_shown c = shown_copy(s);
    shown_done(to);
    *to = c;
}

void kt_watched_done(struct kt_watched *w)
{
    shown_done(&w->kept);
    shown_done(&w->evidence);
    shown_done(&w->against);
}

void kt_log_order_done(struct kt_log_order *o)
{
    shown_done(&o->shown);
}

/* ---- the log's keys ---- */

struct keys {
    unsigned n;
    uint8_t key[KT_WATCH_KEYS][32];
};

static bool among(const struct keys *k, const uint8_t key[32])
{
    for (unsigned i = 0; i < k->n; i++)
        if (memcmp(k->key[i], key, 32) == 0)
            return true;
    return false;
}

static void add(struct keys *k, const uint8_t key[32])
{
    if (k->n < KT_WATCH_KEYS && !among(k, key))
        memcpy(k->key[k->n++], key, 32);
}

/* A log's key bears the log's origin as its name. */
static bool signed_by(const struct kt_checkpoint *c, const uint8_t key[32])
{
    struct kt_note_key k = { .type = KT_NOTE_LOG };
    kt_str_copyz(k.name, sizeof k.name, c->origin);
    memcpy(k.public_key, key, 32);
    return kt_checkpoint_signed(c, &k, NULL);
}

/* Those of the keys that came with a checkpoint which have signed it. */
static struct keys signers(const struct kt_checkpoint *c, struct kt_str text)
{
    struct keys ret = { 0 };
    struct kt_str line;
    struct kt_note_key k;

    while (text.len > 0 && ret.n < KT_WATCH_KEYS && kt_str_split(&text, '\n', &line))
        if (line.len > 0 && kt_note_key_read(line, &k, NULL) == KT_OK && k.type == KT_NOTE_LOG &&
            kt_str_is(c->origin, k.name) && kt_checkpoint_signed(c, &k, NULL))
            add(&ret, k.public_key);
    return ret;
}

bool kt_shown_signed(const struct kt_shown *s)
{
    struct kt_checkpoint c;
    return s->note != NULL && kt_checkpoint_read(kt_str_of(s->note), &c, NULL) == KT_OK &&
           signers(&c, kt_str_of(s->keys)).n > 0;
}

static bool is_believed(const struct kt_watched *w, const struct kt_checkpoint *c)
{
    for (unsigned i = 0; i < w->n_keys; i++)
        if (signed_by(c, w->key[i]))
            return true;
    return false;
}

/* Those that sign this checkpoint and of which a believed key has said that they are the log's. */
static void add_vouched(const struct kt_watched *w, const struct kt_checkpoint *c,
                        struct kt_str text, struct keys *now)
{
    struct kt_checkpoint vouch;
    struct kt_note_key k;

    while (kt_vouch_next(&text, &k, &vouch))
        if (kt_str_eq(vouch.origin, c->origin) && is_believed(w, &vouch) &&
            signed_by(c, k.public_key))
            add(now, k.public_key);
}

/* While a log's key is changed, both sign: the new one is believed from a checkpoint on that it
 * signs, when a believed one vouches for it; the old one until it signs no more. Where a key is
 * configured, whoever has written it down says what comes behind it. */
static struct keys believed_now(const struct kt_watched *w, const struct kt_checkpoint *c,
                                struct kt_str text)
{
    struct keys now = { 0 };

    if (w->n_keys == 0)
        return signers(c, text); /* at first sight */
    if (w->has_configured)
        add(&now, w->configured.public_key);
    for (unsigned i = 0; i < w->n_keys; i++)
        if (signed_by(c, w->key[i]))
            add(&now, w->key[i]);
    if (!w->has_configured)
        add_vouched(w, c, text, &now);
    return now;
}

/* The vkeys of what came with a checkpoint; notes about new ones have done their work. */
static struct kt_str vkeys_of(struct kt_str keys)
{
    ptrdiff_t vouches = kt_str_find(keys, KT_STR(KT_VOUCH_HEAD), 0);
    return vouches < 0 ? keys : kt_str_from(keys.at, (size_t)vouches);
}

static bool same_keys(const struct kt_watched *w, const struct keys *k)
{
    return w->n_keys == k->n && memcmp(w->key, k->key, 32 * (size_t)k->n) == 0;
}

/* ---- judging ---- */

enum finding { FITS, ASK, BROKEN, CONTRADICTS };

static enum finding against(enum kt_log_fault what, enum kt_log_fault *ret)
{
    *ret = what;
    return CONTRADICTS;
}

/* The first of a log: of the configured key and name when there is one, else whatever it says it
 * is. */
static enum finding judge_first(const struct kt_watched *w, const struct kt_checkpoint *c,
                                struct kt_str keys, enum kt_log_fault *ret)
{
    if (w->has_configured && !kt_str_is(c->origin, w->configured.name))
        return against(KT_WATCH_OTHER, ret);
    if (w->n_keys > 0)
        return is_believed(w, c) ? FITS : against(KT_WATCH_KEY, ret);
    return signers(c, keys).n > 0 ? FITS : BROKEN;
}

static enum finding judge(const struct kt_watched *w, const struct kt_checkpoint *c,
                          const struct kt_log_message *m, enum kt_log_fault *ret)
{
    const struct kt_shown *kept = &w->kept;
    struct kt_path path;

    if (w->fault == KT_WATCH_LOST)
        return against(KT_WATCH_LOST, ret);
    if (kept->note == NULL)
        return judge_first(w, c, m->keys, ret);
    if (memcmp(c->log_id, kept->log_id, 16) != 0)
        return against(KT_WATCH_OTHER, ret);
    if (!is_believed(w, c))
        return against(KT_WATCH_KEY, ret);
    if (c->head.size < kept->head.size)
        return against(KT_WATCH_SMALLER, ret);
    if (c->head.size == kept->head.size)
        return memcmp(c->head.root, kept->head.root, 32) == 0 ? FITS
                                                              : against(KT_WATCH_FORKED, ret);
    if (m->from == 0 && m->awaited)
        return against(KT_WATCH_NO_PROOF, ret);
    if (m->from != kept->head.size)
        return ASK;
    if (!kt_path_read(m->proof, &path) || !kt_merkle_extends(&kept->head, &c->head, &path))
        return against(KT_WATCH_UNPROVEN, ret);
    return FITS;
}

/* ---- keeping ---- */

static enum kt_status save(struct kt_log_watch *w, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_watched_write(w->at, w->n, &text);
    return kt_log_file_write(&w->fs, w->dir, w->path, kt_buf_str(&text), err);
}

/* Takes an entry over when it is on the disk; else the old one stays. */
static enum kt_status replace(struct kt_log_watch *w, unsigned peer, struct kt_watched *next,
                              struct kt_error *err)
{
    struct kt_watched old = w->at[peer];

    w->at[peer] = *next;
    if (save(w, err) == KT_OK) {
        kt_watched_done(&old);
        return KT_OK;
    }
    kt_watched_done(&w->at[peer]);
    w->at[peer] = old;
    return err != NULL ? err->code : KT_E_IO;
}

static struct kt_watched copy(const struct kt_watched *w)
{
    struct kt_watched c = *w;
    c.kept = shown_copy(&w->kept);
    c.evidence = shown_copy(&w->evidence);
    c.against = shown_copy(&w->against);
    return c;
}

/* A contradiction holds in memory even when the disk does not take it. */
static enum kt_log_verdict contradicted(struct kt_log_watch *w, unsigned peer,
                                        enum kt_log_fault fault, const struct kt_shown *s)
{
    struct kt_watched *e = &w->at[peer];
    bool first = e->fault == KT_WATCH_FINE;
    struct kt_error err = { 0 };

    if (first) {
        e->fault = fault;
        e->fault_at = s->at;
    }
    if (e->evidence.note == NULL)
        shown_set(&e->evidence, s);
    if (!first && e->against.note != NULL && strcmp(e->against.note, s->note) == 0)
        return KT_WATCH_NOTHING;
    shown_set(&e->against, s);
    if (save(w, &err) != KT_OK)
        kt_log(KT_LOG_ERROR, "log: a contradiction is not on the disk: %s", err.text);
    return first ? KT_WATCH_AGAINST : KT_WATCH_NOTHING;
}

static enum kt_status keep(struct kt_log_watch *w, unsigned peer, const struct keys *keys,
                           const struct kt_shown *s, struct kt_error *err)
{
    struct kt_watched next = copy(&w->at[peer]);

    shown_set(&next.kept, s);
    memcpy(next.key, keys->key, sizeof next.key);
    next.n_keys = keys->n;
    return replace(w, peer, &next, err);
}

enum kt_status kt_log_watch_judge(struct kt_log_watch *w, unsigned peer,
                                  const struct kt_log_message *m, kt_time_ns now,
                                  enum kt_log_verdict *ret, bool *ret_grown, struct kt_error *err)
{
    struct kt_watched *e = &w->at[peer];
    struct kt_checkpoint c;
    enum kt_log_fault fault = KT_WATCH_FINE;

    assert(peer < w->n);
    if (kt_checkpoint_read(m->note, &c, err) != KT_OK)
        return KT_E_INPUT;
    enum finding f = judge(e, &c, m, &fault);
    if (f == BROKEN)
        return kt_fail(err, KT_E_INPUT, "a checkpoint that none of its own keys has signed");
    *ret_grown = false;
    *ret = f == ASK ? KT_WATCH_ASK : KT_WATCH_NOTHING;
    if (f == ASK)
        return KT_OK;
    struct kt_shown s = { .note = kt_str_dup(m->note),
                          .keys = kt_str_dup(vkeys_of(m->keys)),
                          .head = c.head,
                          .at = now };
    memcpy(s.log_id, c.log_id, sizeof s.log_id);
    enum kt_status st = KT_OK;
    if (f == CONTRADICTS || e->fault != KT_WATCH_FINE) {
        *ret = contradicted(w, peer, fault, &s);
    } else {
        bool grown = e->kept.note == NULL || c.head.size > e->kept.head.size;
        const struct keys now_believed = believed_now(e, &c, m->keys);
        if (grown || !same_keys(e, &now_believed))
            st = keep(w, peer, &now_believed, &s, err);
        if (st == KT_OK) {
            *ret = KT_WATCH_KEPT;
            *ret_grown = grown;
        }
    }
    shown_done(&s);
    return st;
}

/* ---- accepting ---- */

static enum kt_status find_fault(const struct kt_log_watch *w, const struct kt_log_order *o,
                                 unsigned *ret_peer, struct kt_error *err)
{
    unsigned i = 0;
    while (i < w->n && memcmp(w->at[i].collector, o->collector, 32) != 0)
        i++;
    if (i == w->n)
        return kt_fail(err, KT_E_INPUT, "no collector of this agent has that key");
    const struct kt_watched *e = &w->at[i];
    *ret_peer = i;
    if (e->fault == KT_WATCH_FINE && e->kept.note != NULL && e->accepted.at == o->accepted.at)
        return kt_fail(err, KT_E_AGAIN, "it was accepted before");
    if (e->fault == KT_WATCH_FINE)
        return kt_fail(err, KT_E_INPUT, "its log contradicts nothing: there is nothing to accept");
    if (e->against.note == NULL || memcmp(e->against.log_id, o->shown.log_id, 16) != 0)
        return kt_fail(err, KT_E_INPUT, "it has not shown this log to the agent");
    return KT_OK;
}

/* Whoever accepts a log has its key in mind: where a believed one has signed it, none that stands
 * beside it is believed for that. Else it is as at first sight. */
static struct keys accepted_keys(const struct kt_watched *w, const struct kt_checkpoint *c,
                                 struct kt_str text)
{
    struct keys known = { 0 };
    for (unsigned i = 0; i < w->n_keys; i++)
        if (signed_by(c, w->key[i]))
            add(&known, w->key[i]);
    return known.n > 0 ? known : signers(c, text);
}

enum kt_status kt_log_watch_accept(struct kt_log_watch *w, struct kt_log_order *o,
                                   unsigned *ret_peer, struct kt_error *err)
{
    struct kt_checkpoint c;
    enum kt_status st = find_fault(w, o, ret_peer, err);
    if (st != KT_OK)
        return st;
    if (kt_checkpoint_read(kt_str_of(o->shown.note), &c, err) != KT_OK)
        return KT_E_INPUT;
    struct keys k = accepted_keys(&w->at[*ret_peer], &c, kt_str_of(o->shown.keys));
    if (k.n == 0)
        return kt_fail(err, KT_E_INPUT,
                       "what it shows is signed by none of the keys that came with it");
    struct kt_watched next = copy(&w->at[*ret_peer]);
    o->accepted.new_head = c.head;
    memcpy(o->accepted.new_log, c.log_id, 16);
    o->accepted.old_head = next.kept.head;
    memcpy(o->accepted.old_log, next.kept.log_id, 16);
    next.accepted = o->accepted;
    next.fault = KT_WATCH_FINE;
    next.fault_at = 0;
    shown_set(&next.kept, &o->shown);
    shown_done(&next.evidence);
    shown_done(&next.against);
    memcpy(next.key, k.key, sizeof next.key);
    next.n_keys = k.n;
    return replace(w, *ret_peer, &next, err);
}

/* ---- life ---- */

const struct kt_watched *kt_log_watch_at(const struct kt_log_watch *w, unsigned peer)
{
    assert(peer < w->n);
    return &w->at[peer];
}

bool kt_log_watch_holds(const struct kt_log_watch *w)
{
    bool any = false;
    for (unsigned i = 0; i < w->n; i++)
        any = any || w->at[i].fault != KT_WATCH_FINE;
    return any;
}

/* What is configured is believed, and nothing beside it that was kept. */
static void configure(struct kt_watched *e, const struct kt_note_key *key)
{
    e->has_configured = key != NULL;
    if (key == NULL)
        return;
    e->configured = *key;
    memcpy(e->key[0], key->public_key, 32);
    e->n_keys = 1;
}

/* The entries of those that are configured now, by their keys; others are forgotten. */
static void take_over(struct kt_log_watch *w, struct kt_watched *all, unsigned n)
{
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned k = 0; k < n; k++)
            if (memcmp(all[k].collector, w->at[i].collector, 32) == 0) {
                kt_watched_done(&w->at[i]);
                w->at[i] = all[k];
                all[k] = (struct kt_watched){ 0 };
                break;
            }
    for (unsigned k = 0; k < n; k++)
        kt_watched_done(&all[k]);
}

/* Somebody may still want to look at it. The damaged file stays under its name until the fault is
 * written over it: an agent that is killed in between finds it again, and never an empty place that
 * looks like a first start. */
static enum kt_status set_aside(struct kt_log_watch *w, kt_time_ns now, struct kt_str damaged,
                                const char *why, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf to = { 0 };

    kt_buf_addf(&to, "%s/log-watch.damaged", w->dir);
    kt_log(KT_LOG_ERROR, "log: what was kept of the collector's log is put aside as '%s': %s",
           kt_buf_z(&to), why);
    for (unsigned i = 0; i < w->n; i++) {
        w->at[i].fault = KT_WATCH_LOST;
        w->at[i].fault_at = now;
    }
    enum kt_status st = kt_log_file_write(&w->fs, w->dir, to.at, damaged, err);
    return st == KT_OK ? save(w, err) : st;
}

enum kt_status kt_log_watch_open(const struct kt_log_watch_options *o, struct kt_log_watch **ret,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, path = { 0 };
    struct kt_watched all[PEERS_MAX] = { 0 };
    struct kt_error why = { 0 };
    unsigned n = 0;

    assert(o->n <= PEERS_MAX);
    kt_buf_addf(&path, "%s/%s", o->dir, KT_WATCH_FILE);
    struct kt_log_watch *w = kt_alloc(sizeof *w);
    w->fs = o->fs;
    w->n = o->n;
    w->dir = kt_strdup(o->dir);
    w->path = kt_str_dup(kt_buf_str(&path));
    for (unsigned i = 0; i < w->n; i++)
        memcpy(w->at[i].collector, o->peer[i].collector, 32);
    enum kt_status st = kt_log_file_read(&w->fs, w->path, &text, &why);
    if (st == KT_OK)
        st = kt_watched_read(kt_buf_str(&text), all, PEERS_MAX, &n, &why);
    if (st == KT_OK)
        take_over(w, all, n);
    else if (st == KT_E_CORRUPT)
        st = set_aside(w, o->now, kt_buf_str(&text), why.text, &why);
    for (unsigned i = 0; i < w->n; i++)
        configure(&w->at[i], o->peer[i].configured);
    if (st != KT_OK && st != KT_E_AGAIN) {
        kt_log_watch_free(w);
        return kt_fail(err, st, "log: %s", why.text);
    }
    *ret = w;
    return KT_OK;
}

void kt_log_watch_free(struct kt_log_watch *w)
{
    if (w == NULL)
        return;
    for (unsigned i = 0; i < w->n; i++)
        kt_watched_done(&w->at[i]);
    kt_free(w->dir);
    kt_free(w->path);
    kt_free(w);
}
