/*
 * checkpoint_say: what is known of checkpoints, for alerts and status, and what people order.
 *
 * Owns:  nothing.
 * Calls: checkpoint_thread, core/proof.
 */
#include <inttypes.h>
#include <string.h>

#include "collector/checkpoint_int.h"
#include "core/event/line.h"

/* ---- what is known of it ---- */

void kt_checkpoints_trouble(const struct kt_checkpoints *c, struct kt_checkpoints_trouble *ret)
{
    *ret = (struct kt_checkpoints_trouble){
        .tries = c->tries,
        .refused = c->last.what == KT_MADE_REFUSED,
        .late = c->o.clock.mono(c->o.clock.self) - c->signed_mono > KT_CHECKPOINT_LATE,
        .signer_died = c->last.signer_died,
        .works = c->last.what == KT_MADE_SIGNED,
        .why = c->last.why,
        .signed_size = c->last.last.size,
    };
}

void kt_checkpoints_keys(const struct kt_checkpoints *c, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf origin = { 0 };
    kt_note_origin(c->log_id, &origin);
    for (unsigned i = 0; i < c->n_keys; i++) {
        struct kt_note_key key = { .type = KT_NOTE_LOG };
        kt_str_copyz(key.name, sizeof key.name, kt_buf_str(&origin));
        memcpy(key.public_key, c->public_key[i], 32);
        kt_note_key_write(&key, out);
        kt_buf_byte(out, '\n');
    }
}

void kt_checkpoints_vouches(const struct kt_checkpoints *c, struct kt_buf *out)
{
    if (c->n_keys > 1)
        kt_buf_add(out, kt_buf_str(&c->vouches));
}

static void add_cosigners(const struct kt_held *h, struct kt_buf *out)
{
    struct kt_checkpoint cp;
    const char *between = "";
    if (kt_checkpoint_read(kt_buf_str(&h->note), &cp, NULL) != KT_OK)
        return;
    for (unsigned i = 0; i < cp.n; i++) {
        if (kt_str_eq(cp.signature[i].name, cp.origin))
            continue;
        kt_buf_addz(out, between);
        kt_json_quote(out, cp.signature[i].name);
        between = ",";
    }
}

void kt_checkpoints_status(const struct kt_checkpoints *c, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf keys = { 0 };
    struct kt_str rest, line;
    kt_time_ns now = c->o.clock.wall(c->o.clock.self);
    kt_buf_addf(out,
                "{\"size\":%" PRIu64 ",\"at\":%" PRId64 ",\"age_s\":%" PRId64 ",\"refused\":%s,",
                c->newest.head.size, c->newest.at,
                c->newest.head.size > 0 ? (now - c->newest.at) / KT_NS_S : 0,
                c->last.what == KT_MADE_REFUSED ? "true" : "false");
    kt_buf_addf(out,
                "\"signed_size\":%" PRIu64 ",\"published\":%" PRIu64 ",\"why\":", c->last.last.size,
                c->number);
    kt_json_quote(out, kt_str_of(c->last.why));
    kt_buf_addz(out, ",\"cosigners\":[");
    if (c->newest.head.size > 0)
        add_cosigners(&c->newest, out);
    kt_buf_addz(out, "],\"keys\":[");
    kt_checkpoints_keys(c, &keys);
    rest = kt_buf_str(&keys);
    for (const char *between = ""; kt_str_split(&rest, '\n', &line) && line.len > 0;
         between = ",") {
        kt_buf_addz(out, between);
        kt_json_quote(out, line);
    }
    kt_buf_addz(out, "]}");
}

/* ---- people's orders ---- */

enum kt_status kt_checkpoints_new_keys(struct kt_checkpoints *c, struct kt_buf *ret_note,
                                       struct kt_error *err)
{
    const struct kt_sign_order o = { .what = KT_SIGN_KEYS };
    struct kt_sign_answer a = { 0 };
    enum kt_status st = kt_maker_order(c->maker, &o, &a, err);
    if (st != KT_OK)
        return st;
    if (a.verdict != KT_SIGN_DONE)
        st = kt_fail(err, KT_E_CONFIG, "%s", a.why);
    if (st == KT_OK) {
        kt_buf_add(ret_note, kt_buf_str(&a.text));
        if (a.text.len > 0) {
            kt_buf_reset(&c->vouches);
            kt_buf_add(&c->vouches, kt_buf_str(&a.text));
        }
        c->n_keys = a.n_keys;
        memcpy(c->public_key, a.public_key, sizeof c->public_key);
        kt_maker_hurry(c->maker);
    }
    kt_sign_answer_done(&a);
    return st;
}

enum kt_status kt_checkpoints_last(struct kt_checkpoints *c, uint8_t ret_log_id[16],
                                   struct kt_head *ret, struct kt_error *err)
{
    const struct kt_sign_order o = { .what = KT_SIGN_STATE };
    struct kt_sign_answer a = { 0 };
    enum kt_status st = kt_maker_order(c->maker, &o, &a, err);
    if (st != KT_OK)
        return st;
    if (a.known) {
        memcpy(ret_log_id, a.log_id, 16);
        *ret = a.head;
    } else {
        st = kt_fail(err, KT_E_AGAIN, "nothing has been signed yet");
    }
    kt_sign_answer_done(&a);
    return st;
}

enum kt_status kt_checkpoints_new_log(struct kt_checkpoints *c, const uint8_t before[16],
                                      const uint8_t log_id[16], struct kt_error *err)
{
    struct kt_sign_order o = { .what = KT_SIGN_NEW_LOG };
    struct kt_sign_answer a = { 0 };
    memcpy(o.before_id, before, 16);
    memcpy(o.log_id, log_id, 16);
    enum kt_status st = kt_maker_order(c->maker, &o, &a, err);
    if (st != KT_OK)
        return st;
    if (a.verdict != KT_SIGN_DONE)
        st = kt_fail(err, KT_E_CONFIG, "%s", a.why);
    kt_sign_answer_done(&a);
    return st;
}
