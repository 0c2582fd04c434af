/*
 * signer_wire: orders to the signer and its answers as bytes, one message each, little endian.
 *
 * Owns:  nothing.
 * Calls: core/base.
 */
#include <string.h>

#include "collector/signer.h"
#include "core/base/hash.h"

void kt_sign_answer_done(struct kt_sign_answer *a)
{
    kt_buf_done(&a->text);
}

static void write_head(const struct kt_head *h, struct kt_buf *out)
{
    kt_buf_u64(out, h->size);
    kt_buf_add_bytes(out, h->root, sizeof h->root);
}

static void read_bytes(struct kt_rd *rd, void *ret, size_t n)
{
    struct kt_str bytes = kt_rd_bytes(rd, n);
    if (bytes.len == n)
        memcpy(ret, bytes.at, n);
}

static void read_head(struct kt_rd *rd, struct kt_head *ret)
{
    ret->size = kt_rd_u64(rd);
    read_bytes(rd, ret->root, sizeof ret->root);
}

void kt_sign_order_write(const struct kt_sign_order *o, struct kt_buf *out)
{
    kt_buf_u8(out, (uint8_t)o->what);
    kt_buf_add_bytes(out, o->log_id, sizeof o->log_id);
    if (o->what == KT_SIGN_NEW_LOG)
        kt_buf_add_bytes(out, o->before_id, sizeof o->before_id);
    if (o->what != KT_SIGN_HEAD)
        return;
    write_head(&o->head, out);
    kt_path_pack(&o->path, out);
}

bool kt_sign_order_read(struct kt_str bytes, struct kt_sign_order *ret)
{
    struct kt_rd rd = kt_rd_of(bytes);
    struct kt_sign_order o = { .what = (enum kt_sign_what)kt_rd_u8(&rd) };
    read_bytes(&rd, o.log_id, sizeof o.log_id);
    if (o.what < KT_SIGN_STATE || o.what > KT_SIGN_KEYS)
        return false;
    if (o.what == KT_SIGN_NEW_LOG)
        read_bytes(&rd, o.before_id, sizeof o.before_id);
    if (o.what == KT_SIGN_HEAD) {
        read_head(&rd, &o.head);
        if (rd.bad || !kt_path_read(kt_rd_bytes(&rd, rd.left), &o.path))
            return false;
    }
    if (rd.bad || rd.left != 0)
        return false;
    *ret = o;
    return true;
}

void kt_sign_answer_write(const struct kt_sign_answer *a, struct kt_buf *out)
{
    kt_buf_u8(out, (uint8_t)a->verdict);
    kt_buf_u8(out, a->known);
    kt_buf_add_bytes(out, a->log_id, sizeof a->log_id);
    write_head(&a->head, out);
    kt_buf_u8(out, (uint8_t)a->n_keys);
    kt_buf_add_bytes(out, a->public_key, 32 * (size_t)a->n_keys);
    kt_buf_str16(out, kt_str_of(a->why));
    kt_buf_str16(out, kt_buf_str(&a->text));
}

bool kt_sign_answer_read(struct kt_str bytes, struct kt_sign_answer *ret)
{
    struct kt_rd rd = kt_rd_of(bytes);
    struct kt_sign_answer a = { .verdict = (enum kt_sign_verdict)kt_rd_u8(&rd) };
    a.known = kt_rd_u8(&rd) != 0;
    read_bytes(&rd, a.log_id, sizeof a.log_id);
    read_head(&rd, &a.head);
    a.n_keys = kt_rd_u8(&rd);
    if (rd.bad || a.verdict > KT_SIGN_NONSENSE || a.n_keys > KT_LOG_SEEDS)
        return false;
    read_bytes(&rd, a.public_key, 32 * (size_t)a.n_keys);
    kt_str_copyz(a.why, sizeof a.why, kt_rd_str16(&rd));
    struct kt_str text = kt_rd_str16(&rd);
    if (rd.bad || rd.left != 0)
        return false;
    kt_buf_add(&a.text, text);
    *ret = a;
    return true;
}
