/*
 * daemon_checkpoint: what checkpoints want of the one writer, what people are told of them, and
 * what people decide about the log: its keys, and a new id after a restore.
 *
 * Owns:  the blob "log-keys" (public keys in force, a line of hex each) and `<store>.vkey`.
 * Calls: checkpoint, daemon_notes, ingest (the transaction), core/store (renew).
 */
#include "collector/daemon.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include "core/sys/rng.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VKEY_MAX 4096u

enum kt_status kt_daemon_checkpoints_open(struct kt_daemon *d, struct kt_error *err)
{
    const struct kt_checkpoints_options o = { .conf = d->conf,
                                              .store = d->store,
                                              .clock = kt_clock_real };
    return kt_checkpoints_open(&o, &d->checkpoints, err);
}

/* ---- the keys ---- */

/* For auditors and agents: beside the store, whose readers may read it. */
static void write_vkeys(struct kt_daemon *d, struct kt_str vkeys)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, had = { 0 };
    struct kt_error err = { 0 };
    kt_buf_addf(&path, "%s.vkey", d->conf->store_path);
    if (kt_fs_read_all(kt_buf_z(&path), VKEY_MAX, &had, NULL) == KT_OK &&
        kt_str_eq(kt_buf_str(&had), vkeys))
        return;
    if (kt_fs_write_atomic(kt_buf_z(&path), vkeys, 0640, &err) != KT_OK)
        kt_log(KT_LOG_WARN, "collector: the log's public key is not written: %s", err.text);
}

static void list_keys(struct kt_str vkeys, struct kt_buf *hex, struct kt_buf *json)
{
    struct kt_str line;
    struct kt_note_key key;
    while (kt_str_split(&vkeys, '\n', &line) && line.len > 0) {
        if (kt_note_key_read(line, &key, NULL) != KT_OK)
            continue;
        kt_hex_add(hex, key.public_key, sizeof key.public_key);
        kt_buf_byte(hex, '\n');
        if (json->len > 0)
            kt_buf_byte(json, ',');
        kt_json_quote(json, line);
    }
}

/* Which keys sign, in the log: the first time, and whenever they are others. by: who exchanged
 * them; empty: somebody wrote the key file by hand. note: what the old key says of the new one. */
static enum kt_status record_keys(struct kt_daemon *d, struct kt_str by, struct kt_str note,
                                  struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done)
    struct kt_buf vkeys = { 0 }, vouches = { 0 }, hex = { 0 }, json = { 0 }, had = { 0 },
                  raw = { 0 };
    kt_checkpoints_keys(d->checkpoints, &vkeys);
    kt_checkpoints_vouches(d->checkpoints, &vouches);
    if (vkeys.len == 0)
        return KT_OK;
    list_keys(kt_buf_str(&vkeys), &hex, &json);
    enum kt_status st = kt_store_get(d->store, KT_LOG_KEYS_BLOB, &had, err);
    if (st != KT_OK && st != KT_E_AGAIN)
        return st;
    if (kt_str_eq(kt_buf_str(&had), kt_buf_str(&hex)))
        return KT_OK;
    if (had.len > 0 && by.len == 0)
        kt_daemon_note(
            d, "log.key", kt_str_of(d->conf->store_path),
            "is signed by other keys than before, and nobody exchanged them with keytrail "
            "store rotate-log-key: look who wrote the key file",
            NULL);
    kt_buf_addf(&raw, "{\"keys\":[%s],\"by\":", kt_buf_z(&json));
    kt_json_quote(&raw, by);
    kt_buf_addz(&raw, ",\"note\":");
    kt_json_quote(&raw, note);
    kt_buf_byte(&raw, '}');
    st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st =
            kt_daemon_record(d, KT_KIND_KEY, "log.key",
                             KT_STR("keys that sign the log's checkpoints"), kt_buf_str(&raw), err);
    if (st == KT_OK)
        st = kt_store_put(d->store, KT_LOG_KEYS_BLOB, kt_buf_str(&hex), err);
    if (st == KT_OK)
        st = kt_store_put(d->store, KT_LOG_VOUCHES_BLOB, kt_buf_str(&vouches), err);
    return st;
}

static enum kt_status look_at_keys(struct kt_daemon *d, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf vkeys = { 0 };
    kt_checkpoints_keys(d->checkpoints, &vkeys);
    if (vkeys.len > 0)
        write_vkeys(d, kt_buf_str(&vkeys));
    return record_keys(d, KT_STR_NONE, KT_STR_NONE, err);
}

/* ---- a turn ---- */

static void log_once(struct kt_daemon *d, const char *why)
{
    if (strncmp(d->unsigned_why, why, sizeof d->unsigned_why - 1) == 0)
        return;
    (void)snprintf(d->unsigned_why, sizeof d->unsigned_why, "%s", why);
    if (why[0] != '\0')
        kt_log(KT_LOG_WARN, "collector: no checkpoint is signed: %s", why);
}

static void tell(struct kt_daemon *d, const struct kt_checkpoints_trouble *t)
{
    struct kt_str store = kt_str_of(d->conf->store_path);
    char text[240];
    if (t->signer_died)
        kt_daemon_note(d, "checkpoint.signer", store,
                       "had its signer end by itself: it is started again, and signs nothing until "
                       "then",
                       NULL);
    if (t->refused) {
        (void)snprintf(
            text, sizeof text,
            "is not signed any more (bring back the newer store, or keytrail store new-log): "
            "%.150s",
            t->why);
        kt_daemon_note(d, "checkpoint.refused", store, text, NULL);
    } else if (t->late) {
        (void)snprintf(text, sizeof text, "has had no signed checkpoint for 15 minutes: %.180s",
                       t->why[0] != '\0' ? t->why : "the signer is silent");
        kt_daemon_note(d, "checkpoint.late", store, text, NULL);
    }
    if (!t->refused)
        log_once(d, t->why);
}

static enum kt_status over(struct kt_daemon *d, struct kt_error *err)
{
    static const char *const codes[] = { "checkpoint.refused", "checkpoint.late",
                                         "checkpoint.signer" };
    enum kt_status st = KT_OK;
    for (size_t i = 0; st == KT_OK && i < KT_ARRAY_LEN(codes); i++)
        st = kt_daemon_over(d, codes[i], kt_str_of(d->conf->store_path), err);
    return st;
}

enum kt_status kt_daemon_checkpoints(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_checkpoints_trouble t;
    enum kt_status st = KT_OK;
    bool work = kt_checkpoints_turn(d->checkpoints);
    kt_checkpoints_trouble(d->checkpoints, &t);
    bool news = t.tries != d->checkpoint_tries;
    d->checkpoint_tries = t.tries;
    if (news || t.late)
        tell(d, &t);
    if (work)
        st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK && work)
        st = kt_checkpoints_put(d->checkpoints, err);
    if (st == KT_OK && work)
        st = look_at_keys(d, err);
    return st == KT_OK && news && t.works ? over(d, err) : st;
}

/* ---- what people decide ---- */

static enum kt_status words(struct kt_jval args, struct kt_str *by, struct kt_str *reason,
                            struct kt_error *err)
{
    *by = kt_json_str_at(args, "by");
    *reason = kt_json_str_at(args, "reason");
    if (by->len == 0 || reason->len == 0)
        return kt_fail(err, KT_E_INPUT,
                       "whose decision is it, and why? 'by' and 'reason' are needed");
    return KT_OK;
}

static void add_hex(struct kt_buf *b, const char *key, const void *at, size_t n)
{
    kt_buf_addf(b, "\"%s\":\"", key);
    kt_hex_add(b, at, n);
    kt_buf_addz(b, "\",");
}

/* The signer's last head, the log it was of, the store's records when it was renewed. */
static enum kt_status renew(struct kt_daemon *d, const uint8_t signed_id[16],
                            const struct kt_head *head, const uint8_t id[16], struct kt_str by,
                            struct kt_str reason, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    uint8_t had[16];
    kt_store_log_id(d->store, had);
    kt_buf_byte(&raw, '{');
    add_hex(&raw, "signed_log", signed_id, 16);
    add_hex(&raw, "store_log", had, 16);
    add_hex(&raw, "log", id, 16);
    add_hex(&raw, "signed_root", head->root, 32);
    kt_buf_addf(&raw, "\"signed_size\":%" PRIu64 ",\"size\":%" PRIu64 "", head->size,
                kt_store_last_seq(d->store));
    kt_buf_addz(&raw, ",\"by\":");
    kt_json_quote(&raw, by);
    kt_buf_addz(&raw, ",\"reason\":");
    kt_json_quote(&raw, reason);
    kt_buf_byte(&raw, '}');
    enum kt_status st = kt_ingest_begin(d->ingest, err);
    if (st == KT_OK)
        st = kt_store_renew(d->store, id, err);
    if (st == KT_OK)
        st =
            kt_daemon_record(d, KT_KIND_AUDIT, KT_RENEWED_OPERATION,
                             KT_STR("the log goes on under a new id: the old one was signed beyond "
                                    "what is stored"),
                             kt_buf_str(&raw), err);
    if (st == KT_OK)
        return kt_daemon_commit(d, err);
    if (st != KT_E_INPUT) /* an id without its record must not be committed */
        d->fatal = *err;
    return st;
}

/* Where the store and the signer agree there is nothing to leave. */
static enum kt_status needs_new_log(struct kt_daemon *d, struct kt_error *err)
{
    struct kt_checkpoints_trouble t;
    kt_checkpoints_trouble(d->checkpoints, &t);
    if (t.refused)
        return KT_OK;
    return kt_fail(err, KT_E_INPUT,
                   t.works ? "this log is signed as it is: there is nothing to renew"
                           : "the signer has not refused this log%s%.150s",
                   t.why[0] != '\0' ? ": " : "", t.why);
}

enum kt_status kt_daemon_new_log(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                 struct kt_error *err)
{
    struct kt_conf *fresh = NULL;
    struct kt_str by, reason;
    struct kt_head head = { 0 };
    uint8_t before[16], id[16];
    char text[33];
    enum kt_status st = words(args, &by, &reason, err);
    if (st == KT_OK)
        st = needs_new_log(d, err);
    if (st == KT_OK)
        st = kt_checkpoints_last(d->checkpoints, before, &head, err);
    if (st == KT_OK && kt_conf_load(d->conf->path, &fresh, err) != KT_OK)
        st = kt_wrap(err, "the collector begins anew with it, so mend the configuration first");
    kt_rng_real.fill(kt_rng_real.self, id, sizeof id);
    if (st == KT_OK)
        st = renew(d, before, &head, id, by, reason, err);
    if (st != KT_OK) {
        kt_conf_free(fresh);
        return st;
    }
    if (kt_checkpoints_new_log(d->checkpoints, before, id, err) != KT_OK)
        st = kt_wrap(err, "the log has its new id, but the signer does not go along: once more");
    kt_hex(text, id, sizeof id);
    if (st == KT_OK) {
        kt_log(KT_LOG_WARN, "collector: new log id='%s' by='" KT_STR_FMT "'", text, KT_STR_ARG(by));
        kt_buf_addf(out, "{\"log\":\"%s\",\"records\":%" PRIu64 ",\"signed\":%" PRIu64 "}\n", text,
                    kt_store_last_seq(d->store), head.size);
    }
    kt_conf_free(d->next); /* all parts take up the new id */
    d->next = fresh;
    return st;
}

enum kt_status kt_daemon_log_key(struct kt_daemon *d, struct kt_jval args, struct kt_buf *out,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf note = { 0 }, vkeys = { 0 };
    struct kt_str by, reason, rest, line;
    enum kt_status st = words(args, &by, &reason, err);
    if (st == KT_OK)
        st = kt_checkpoints_new_keys(d->checkpoints, &note, err);
    if (st == KT_OK)
        st = record_keys(d, by, kt_buf_str(&note), err);
    if (st == KT_OK)
        st = kt_daemon_commit(d, err);
    if (st != KT_OK)
        return st;
    kt_checkpoints_keys(d->checkpoints, &vkeys);
    write_vkeys(d, kt_buf_str(&vkeys));
    kt_buf_addz(out, "{\"keys\":[");
    rest = kt_buf_str(&vkeys);
    for (const char *between = ""; kt_str_split(&rest, '\n', &line) && line.len > 0;
         between = ",") {
        kt_buf_addz(out, between);
        kt_json_quote(out, line);
    }
    kt_buf_addz(out, "]}\n");
    return KT_OK;
}
