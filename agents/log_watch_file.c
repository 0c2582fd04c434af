/*
 * log_watch_file: what an agent keeps of its collectors' logs, and the order to accept a
 * contradiction, as JSON files that people can read, and that accept-log does.
 *
 * Owns:  the two forms.
 * Calls: core/event/json.h, core/proof, kt_fs.
 * Holds: a file is replaced whole and synced, or not at all; of one that is read, the kept note is
 *        checked against its keys.
 */
#include <string.h>

#include "agents/log_watch.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/json.h"
#include "core/event/line.h"

#define FORM 1

/* ---- writing ---- */

static void name(struct kt_buf *b, const char *key)
{
    if (b->at[b->len - 1] != '{')
        kt_buf_byte(b, ',');
    kt_json_quote(b, kt_str_of(key));
    kt_buf_byte(b, ':');
}

static void text(struct kt_buf *b, const char *key, struct kt_str v)
{
    name(b, key);
    kt_json_quote(b, v);
}

static void when(struct kt_buf *b, const char *key, kt_time_ns t)
{
    name(b, key);
    kt_buf_addf(b, "%lld", (long long)t);
}

static void hex(struct kt_buf *b, const char *key, const uint8_t *at, size_t n)
{
    name(b, key);
    kt_buf_byte(b, '"');
    kt_hex_add(b, at, n);
    kt_buf_byte(b, '"');
}

static void collector(struct kt_buf *b, const uint8_t key[32])
{
    char z85[KT_Z85_KEY];
    text(b, "collector", kt_str_of(kt_z85_encode(key, z85)));
}

static void shown(struct kt_buf *b, const char *key, const struct kt_shown *s)
{
    if (s->note == NULL)
        return;
    name(b, key);
    kt_buf_byte(b, '{');
    when(b, "at", s->at);
    text(b, "keys", kt_str_of(s->keys));
    text(b, "note", kt_str_of(s->note));
    kt_buf_byte(b, '}');
}

static void head(struct kt_buf *b, const char *key, const uint8_t log[16], const struct kt_head *h)
{
    name(b, key);
    kt_buf_byte(b, '{');
    hex(b, "log", log, 16);
    name(b, "size");
    kt_buf_u64_dec(b, h->size);
    hex(b, "root", h->root, 32);
    kt_buf_byte(b, '}');
}

static void accepted(struct kt_buf *b, const struct kt_accepted *a, bool whole)
{
    name(b, "accepted");
    kt_buf_byte(b, '{');
    when(b, "at", a->at);
    text(b, "by", kt_str_of(a->by));
    text(b, "reason", kt_str_of(a->reason));
    if (whole) {
        head(b, "old", a->old_log, &a->old_head);
        head(b, "new", a->new_log, &a->new_head);
    }
    kt_buf_byte(b, '}');
}

static void watched(struct kt_buf *b, const struct kt_watched *w)
{
    kt_buf_byte(b, '{');
    collector(b, w->collector);
    name(b, "believed");
    kt_buf_byte(b, '[');
    for (unsigned i = 0; i < w->n_keys; i++) {
        kt_buf_addz(b, i > 0 ? ",\"" : "\"");
        kt_hex_add(b, w->key[i], 32);
        kt_buf_byte(b, '"');
    }
    kt_buf_byte(b, ']');
    shown(b, "kept", &w->kept);
    if (w->fault != KT_WATCH_FINE) {
        text(b, "fault", kt_str_of(kt_log_fault_word(w->fault)));
        when(b, "since", w->fault_at);
    }
    shown(b, "evidence", &w->evidence);
    shown(b, "against", &w->against);
    if (w->accepted.at != 0)
        accepted(b, &w->accepted, true);
    kt_buf_byte(b, '}');
}

void kt_watched_write(const struct kt_watched *all, unsigned n, struct kt_buf *out)
{
    kt_buf_addf(out, "{\"form\":%d,\"logs\":[", FORM);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            kt_buf_addz(out, ",\n");
        watched(out, &all[i]);
    }
    kt_buf_addz(out, "]}\n");
}

void kt_log_order_write(const struct kt_log_order *o, struct kt_buf *out)
{
    kt_buf_addf(out, "{\"form\":%d", FORM);
    collector(out, o->collector);
    shown(out, "shown", &o->shown);
    accepted(out, &o->accepted, false);
    kt_buf_addz(out, "}\n");
}

/* ---- reading ---- */

static bool has(struct kt_jval v, const char *key)
{
    return kt_json_type(kt_json_path(v, key)) != KT_JSON_NONE;
}

static bool read_form(struct kt_jval root)
{
    int64_t form = 0;
    return kt_json_i64(kt_json_path(root, "form"), &form) && form == FORM;
}

static bool read_when(struct kt_jval v, const char *key, kt_time_ns *ret)
{
    return kt_json_i64(kt_json_path(v, key), ret) && *ret >= 0;
}

/* A note without NUL: it is kept as a C string. */
static bool read_shown(struct kt_jval v, const char *key, struct kt_shown *ret)
{
    struct kt_jval s = kt_json_path(v, key);
    struct kt_str note = kt_json_str_at(s, "note"), keys = kt_json_str_at(s, "keys");
    struct kt_checkpoint c;
    kt_time_ns at;

    if (kt_json_type(s) == KT_JSON_NONE)
        return true;
    if (!read_when(s, "at", &at) || kt_checkpoint_read(note, &c, NULL) != KT_OK ||
        memchr(note.at, '\0', note.len) != NULL)
        return false;
    *ret = (struct kt_shown){
        .note = kt_str_dup(note), .keys = kt_str_dup(keys), .head = c.head, .at = at
    };
    memcpy(ret->log_id, c.log_id, 16);
    return true;
}

static bool read_head(struct kt_jval v, uint8_t log[16], struct kt_head *ret)
{
    int64_t size;
    if (!kt_hex_decode(kt_json_str_at(v, "log"), log, 16) ||
        !kt_hex_decode(kt_json_str_at(v, "root"), ret->root, 32) ||
        !kt_json_i64(kt_json_path(v, "size"), &size) || size < 0)
        return false;
    ret->size = (uint64_t)size;
    return true;
}

static bool read_accepted(struct kt_jval v, bool whole, struct kt_accepted *ret)
{
    struct kt_jval a = kt_json_path(v, "accepted");
    if (kt_json_type(a) == KT_JSON_NONE)
        return true;
    kt_str_copyz(ret->by, sizeof ret->by, kt_json_str_at(a, "by"));
    kt_str_copyz(ret->reason, sizeof ret->reason, kt_json_str_at(a, "reason"));
    return read_when(a, "at", &ret->at) && ret->at > 0 &&
           (!whole || (read_head(kt_json_path(a, "old"), ret->old_log, &ret->old_head) &&
                       read_head(kt_json_path(a, "new"), ret->new_log, &ret->new_head)));
}

static bool read_fault(struct kt_jval v, struct kt_watched *ret)
{
    struct kt_str word = kt_json_str_at(v, "fault");
    if (!has(v, "fault"))
        return true;
    for (int f = KT_WATCH_OTHER; f <= KT_WATCH_LOST; f++)
        if (kt_str_is(word, kt_log_fault_word((enum kt_log_fault)f)))
            ret->fault = (enum kt_log_fault)f;
    return ret->fault != KT_WATCH_FINE && read_when(v, "since", &ret->fault_at);
}

static bool read_believed(struct kt_jval v, struct kt_watched *ret)
{
    struct kt_jval all = kt_json_path(v, "believed"), item;
    struct kt_str none;
    for (struct kt_json_iter it = kt_json_iter(all); kt_json_next(&it, &none, &item);)
        if (ret->n_keys == KT_WATCH_KEYS ||
            !kt_hex_decode(kt_json_str(item), ret->key[ret->n_keys++], 32))
            return false;
    return true;
}

static bool read_watched(struct kt_jval v, struct kt_watched *ret)
{
    return kt_z85_decode(kt_json_str_at(v, "collector"), ret->collector) && read_believed(v, ret) &&
           read_shown(v, "kept", &ret->kept) && read_fault(v, ret) &&
           read_shown(v, "evidence", &ret->evidence) && read_shown(v, "against", &ret->against) &&
           read_accepted(v, true, &ret->accepted);
}

static enum kt_status read_all(struct kt_jval root, struct kt_watched *ret, unsigned max,
                               unsigned *ret_n, struct kt_error *err)
{
    struct kt_jval item;
    struct kt_str none;

    if (!read_form(root))
        return kt_fail(err, KT_E_CORRUPT, "its form is not known here");
    for (struct kt_json_iter it = kt_json_iter(kt_json_path(root, "logs"));
         kt_json_next(&it, &none, &item);) {
        if (*ret_n == max)
            return kt_fail(err, KT_E_CORRUPT, "it has more than %u logs", max);
        if (!read_watched(item, &ret[(*ret_n)++]))
            return kt_fail(err, KT_E_CORRUPT, "log %u of it is damaged", *ret_n);
        const struct kt_shown *kept = &ret[*ret_n - 1].kept;
        if (kept->note != NULL && !kt_shown_signed(kept))
            return kt_fail(err, KT_E_CORRUPT, "the note of log %u is not signed with its keys",
                           *ret_n);
    }
    return KT_OK;
}

enum kt_status kt_watched_read(struct kt_str bytes, struct kt_watched *ret, unsigned max,
                               unsigned *ret_n, struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired = 0, n = 0;

    memset(ret, 0, max * sizeof *ret);
    enum kt_status st = kt_json_parse(json, bytes, &root, &repaired, err);
    if (st != KT_OK || repaired != 0)
        st = kt_fail(err, KT_E_CORRUPT, "it is no JSON as the agent writes it");
    else
        st = read_all(root, ret, max, &n, err);
    kt_json_free(json);
    if (st == KT_OK) {
        *ret_n = n;
        return KT_OK;
    }
    for (unsigned i = 0; i < n; i++)
        kt_watched_done(&ret[i]);
    memset(ret, 0, max * sizeof *ret);
    return st;
}

enum kt_status kt_log_order_read(struct kt_str bytes, struct kt_log_order *ret,
                                 struct kt_error *err)
{
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_log_order o = { 0 };
    struct kt_jval root;
    unsigned repaired = 0;

    bool fine = kt_json_parse(json, bytes, &root, &repaired, NULL) == KT_OK && repaired == 0 &&
                read_form(root) && kt_z85_decode(kt_json_str_at(root, "collector"), o.collector) &&
                read_shown(root, "shown", &o.shown) && o.shown.note != NULL &&
                read_accepted(root, false, &o.accepted) && o.accepted.at > 0 &&
                o.accepted.reason[0] != '\0';
    kt_json_free(json);
    if (!fine) {
        kt_log_order_done(&o);
        return kt_fail(err, KT_E_INPUT, "it is no order of keytrail-agent accept-log");
    }
    *ret = o;
    return KT_OK;
}

/* ---- files ---- */

enum kt_status kt_log_file_read(const struct kt_fs *fs, const char *path, struct kt_buf *ret,
                                struct kt_error *err)
{
    struct kt_file *f = NULL;
    size_t n = 1;

    enum kt_status st = fs->open(fs->self, path, KT_OPEN_READ, &f, err);
    while (st == KT_OK && n > 0 && ret->len <= KT_WATCH_FILE_MAX) {
        char *at = kt_buf_reserve(ret, 4096);
        st = fs->read_at(f, ret->len, at, 4096, &n, err);
        ret->len += st == KT_OK ? n : 0;
    }
    if (f != NULL)
        fs->close(f);
    if (st == KT_OK && ret->len > KT_WATCH_FILE_MAX)
        return kt_fail(err, KT_E_CORRUPT, "'%s' has more than %u bytes", path, KT_WATCH_FILE_MAX);
    return st;
}

enum kt_status kt_log_file_write(const struct kt_fs *fs, const char *dir, const char *path,
                                 struct kt_str bytes, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf tmp = { 0 };
    struct kt_file *f = NULL;

    kt_buf_addf(&tmp, "%s.tmp", path);
    enum kt_status st = fs->unlink(fs->self, kt_buf_z(&tmp), NULL); /* of a write cut short */
    st = fs->open(fs->self, tmp.at, KT_OPEN_NEW, &f, err);
    if (st == KT_OK)
        st = fs->append(f, bytes, err);
    if (st == KT_OK)
        st = fs->sync(f, err);
    if (f != NULL)
        fs->close(f);
    if (st == KT_OK)
        st = fs->rename(fs->self, tmp.at, path, err);
    if (st == KT_OK)
        st = fs->sync_dir(fs->self, dir, err);
    return st == KT_OK ? KT_OK : kt_wrap(err, "write '%s'", path);
}
