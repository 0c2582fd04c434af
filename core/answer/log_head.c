/*
 * log_head: see the header.
 *
 * Owns:  nothing.
 * Calls: core/store/read (blobs), core/proof (the note).
 */
#include "core/answer/log_head.h"

#include <inttypes.h>

#include "core/event/line.h"
#include "core/proof/note.h"

static enum kt_status get(struct kt_reader *r, const char *name, struct kt_buf *ret,
                          struct kt_error *err)
{
    enum kt_status st = kt_reader_get(r, name, ret, err);
    return st == KT_E_AGAIN ? KT_OK : st;
}

enum kt_status kt_log_head_read(struct kt_reader *r, struct kt_log_head *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf at = { 0 };
    enum kt_status st = get(r, KT_CHECKPOINT_BLOB, &ret->note, err);
    if (st == KT_OK)
        st = get(r, KT_CHECKPOINT_AT, &at, err);
    if (st == KT_OK)
        st = get(r, KT_LOG_KEYS_BLOB, &ret->keys, err);
    (void)kt_str_i64(kt_buf_str(&at), &ret->at);
    return st;
}

void kt_log_head_done(struct kt_log_head *l)
{
    kt_buf_done(&l->note);
    kt_buf_done(&l->keys);
}

void kt_log_head_json(const struct kt_log_head *l, struct kt_buf *out)
{
    struct kt_checkpoint cp;
    const char *between = "";
    if (l->note.len == 0 || kt_checkpoint_read(kt_buf_str(&l->note), &cp, NULL) != KT_OK) {
        kt_buf_addz(out, "null");
        return;
    }
    kt_buf_addf(out, "{\"size\":%" PRIu64 ",\"at\":%" PRId64 ",\"note\":", cp.head.size, l->at);
    kt_json_quote(out, kt_buf_str(&l->note));
    kt_buf_addz(out, ",\"cosigners\":[");
    for (unsigned i = 0; i < cp.n; i++) {
        if (kt_str_eq(cp.signature[i].name, cp.origin))
            continue;
        kt_buf_addz(out, between);
        kt_json_quote(out, cp.signature[i].name);
        between = ",";
    }
    kt_buf_addz(out, "]}");
}
