/*
 * settings: a configuration as records of the log, and back.
 *
 * Owns:  the form of those records.
 * Calls: core/config (print, parse), core/event/json, core/store/read (the first one). No clock.
 * Holds: what is written reads back to the same effective values, on any host: no file and no
 *        environment is asked.
 */
#include "core/query/settings.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/limits.h"
#include "core/event/line.h"

/* The object of a record that holds the files of a sort. */
static const char *const files_of[KT_FILE_OF_END] = {
    [KT_FILE_IDENTITIES] = "files",
    [KT_FILE_RULES] = "rules",
};

/* ---- writing ---- */

#define NAME_COSTS 16u /* what stands around a name and its slice */

struct source { /* the text, then the files, of one sort after the other */
    enum kt_conf_file_of of;
    struct kt_str name, text;
};

struct writing {
    struct source *source;
    unsigned n, at;   /* at: source in work */
    size_t done;      /* of it */
    size_t all, told; /* bytes; told: in the parts so far */
};

/* The next slice of the source in work: whole characters, `room` bytes at most. */
static struct kt_str slice(struct writing *w, size_t room)
{
    struct kt_str rest = kt_str_from_index(w->source[w->at].text, w->done);
    struct kt_str cut = kt_utf8_cut(rest, room);
    w->done += cut.len;
    w->told += cut.len;
    return cut;
}

/* Goes on to the source that the part has room for; false: it is full, or nothing is left. */
static bool next_piece(struct writing *w, size_t room)
{
    bool whole = w->done == w->source[w->at].text.len;
    unsigned next = w->at + (whole ? 1 : 0);
    if (next == 0 || next == w->n || room < w->source[next].name.len + NAME_COSTS + 4)
        return false;
    w->done = whole ? 0 : w->done;
    w->at = next;
    return true;
}

static void write_part(struct writing *w, struct kt_buf *raw)
{
    size_t room = KT_SETTINGS_SLICE;
    const char *between = "";
    enum kt_conf_file_of of = KT_FILE_IDENTITIES;
    kt_buf_addz(raw, ",\"text\":");
    struct kt_str text = w->at == 0 ? slice(w, room) : KT_STR_NONE;
    kt_json_quote(raw, text);
    room -= text.len;
    kt_buf_addf(raw, ",\"%s\":{", files_of[of]);
    while (next_piece(w, room)) {
        const struct source *s = &w->source[w->at];
        if (s->of != of) {
            of = s->of;
            between = "";
            kt_buf_addf(raw, "},\"%s\":{", files_of[of]);
        }
        struct kt_str piece = slice(w, room - s->name.len - NAME_COSTS);
        kt_buf_addz(raw, between);
        kt_json_quote(raw, s->name);
        kt_buf_byte(raw, ':');
        kt_json_quote(raw, piece);
        room -= s->name.len + NAME_COSTS + piece.len;
        between = ",";
    }
    kt_buf_addz(raw, "}}");
}

static enum kt_status gather(struct writing *w, const struct kt_conf *c, struct kt_str text,
                             struct kt_error *err)
{
    w->source[w->n++] = (struct source){ KT_FILE_OF_END, KT_STR_NONE, text };
    w->all = text.len;
    for (int of = 0; of < KT_FILE_OF_END; of++) {
        for (unsigned i = 0; i < c->n_files; i++) {
            const struct kt_conf_file *f = &c->files[i];
            if ((int)f->of != of)
                continue;
            if (strlen(f->name) > KT_KEY_MAX)
                return kt_fail(err, KT_E_LIMIT, "the path '%.80s…' is longer than %u bytes",
                               f->name, KT_KEY_MAX);
            w->source[w->n++] = (struct source){ f->of, kt_str_of(f->name), f->text };
            w->all += f->text.len;
        }
    }
    if (w->all > KT_SETTINGS_MAX)
        return kt_fail(err, KT_E_LIMIT,
                       "the configuration and the files that it names are larger than %u MiB",
                       KT_SETTINGS_MAX >> 20);
    return KT_OK;
}

static bool is_told(const struct writing *w)
{
    return w->told == w->all && w->at + 1 == w->n;
}

/* How many parts there are: by writing them, for a slice ends where a character does. */
static unsigned count_parts(struct writing w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    unsigned parts = 0;
    do {
        kt_buf_reset(&raw);
        write_part(&w, &raw);
        parts++;
    } while (!is_told(&w));
    return parts;
}

enum kt_status kt_settings_write(const struct kt_conf *c, const char *ip_data,
                                 enum kt_status (*each)(void *self, struct kt_str raw,
                                                        struct kt_error *err),
                                 void *self, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, raw = { 0 };
    if (c->n_files > KT_SETTINGS_FILES)
        return kt_fail(err, KT_E_LIMIT, "the configuration names more than %u files",
                       KT_SETTINGS_FILES);
    struct writing w = { .source = kt_alloc_array(1 + c->n_files, sizeof *w.source) };
    kt_conf_print(c, true, &text);
    enum kt_status st = gather(&w, c, kt_buf_str(&text), err);
    unsigned parts = st == KT_OK ? count_parts(w) : 0;
    for (unsigned part = 1; st == KT_OK && part <= parts; part++) {
        kt_buf_reset(&raw);
        kt_buf_addz(&raw, "{\"what\":\"config\",\"digest\":\"");
        kt_hex_add(&raw, c->digest, sizeof c->digest);
        kt_buf_addz(&raw, "\",\"ip_data\":");
        kt_json_quote(&raw, kt_str_of(ip_data));
        kt_buf_addf(&raw, ",\"part\":%u,\"parts\":%u", part, parts);
        write_part(&w, &raw);
        st = each(self, kt_buf_str(&raw), err);
    }
    kt_free(w.source);
    return st;
}

/* ---- reading ---- */

static void add_piece(struct kt_settings *s, enum kt_conf_file_of of, struct kt_str name,
                      struct kt_str text)
{
    kt_buf_u32(&s->pieces, (uint32_t)of);
    kt_buf_str32(&s->pieces, name);
    kt_buf_str32(&s->pieces, text);
}

static void forget(struct kt_settings *s)
{
    kt_buf_reset(&s->pieces);
    s->part = s->parts = 0;
    memset(s->digest, 0, sizeof s->digest);
}

void kt_settings_done(struct kt_settings *s)
{
    kt_buf_done(&s->pieces);
    *s = (struct kt_settings){ 0 };
}

bool kt_settings_take(struct kt_settings *s, struct kt_jval raw)
{
    int64_t part = 1, parts = 1;
    (void)kt_json_i64(kt_json_at(raw, "part"), &part);
    (void)kt_json_i64(kt_json_at(raw, "parts"), &parts);
    struct kt_str digest = kt_json_str_at(raw, "digest");
    bool follows = s->part > 0 && part == (int64_t)s->part + 1 && parts == (int64_t)s->parts &&
                   kt_str_is(digest, s->digest);
    if (part == 1 || !follows)
        forget(s);
    bool text = kt_json_type(kt_json_at(raw, "text")) == KT_JSON_STRING;
    if (!text || parts < 1 || parts > KT_SETTINGS_MAX / 1024 || (part != 1 && !follows)) {
        forget(s);
        return false;
    }
    s->part = (uint32_t)part;
    s->parts = (uint32_t)parts;
    kt_str_copyz(s->digest, sizeof s->digest, digest);
    add_piece(s, KT_FILE_OF_END, KT_STR_NONE, kt_json_str_at(raw, "text"));
    struct kt_jval piece;
    struct kt_str name;
    for (int of = 0; of < KT_FILE_OF_END; of++)
        for (struct kt_json_iter it = kt_json_iter(kt_json_at(raw, files_of[of]));
             kt_json_next(&it, &name, &piece);)
            add_piece(s, (enum kt_conf_file_of)of, name, kt_json_str(piece));
    if (s->pieces.len > KT_SETTINGS_MAX + KT_SETTINGS_MAX / 4)
        forget(s);
    return s->part > 0 && s->part == s->parts;
}

struct together { /* the text first, then the files */
    struct whole {
        uint32_t of;
        char *name;
        struct kt_buf text;
    } * all;
    unsigned n, cap;
};

static struct whole *begin(struct together *t, uint32_t of, struct kt_str name)
{
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 8 : 2 * t->cap;
        t->all = kt_realloc_array(t->all, t->cap, sizeof *t->all);
    }
    struct whole *w = &t->all[t->n++];
    *w = (struct whole){ of, kt_str_dup(name), { 0 } };
    return w;
}

/* The pieces of each file put together: they stand one after the other, with pieces of the text
 * between them. false: they are damaged, or of too many files. */
static bool put_together(const struct kt_settings *s, struct together *t)
{
    struct kt_rd in = kt_rd_of(kt_buf_str(&s->pieces));
    (void)begin(t, KT_FILE_OF_END, KT_STR_NONE);
    while (in.left > 0) {
        uint32_t of = kt_rd_u32(&in);
        struct kt_str name = kt_rd_str32(&in), piece = kt_rd_str32(&in);
        if (in.bad || of > KT_FILE_OF_END || name.len > KT_KEY_MAX)
            return false;
        struct whole *w = &t->all[of == KT_FILE_OF_END ? 0 : t->n - 1];
        if (w->of != of || !kt_str_is(name, w->name)) {
            if (of == KT_FILE_OF_END || t->n > KT_SETTINGS_FILES)
                return false;
            w = begin(t, of, name);
        }
        kt_buf_add(&w->text, piece);
    }
    return true;
}

static void drop_together(struct together *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        kt_free(t->all[i].name);
        kt_buf_done(&t->all[i].text);
    }
    kt_free(t->all);
}

enum kt_status kt_settings_parse(const struct kt_settings *s, struct kt_conf **ret,
                                 struct kt_error *err)
{
    struct together t = { 0 };
    struct kt_conf_file *files = NULL;
    enum kt_status st = KT_OK;
    if (!put_together(s, &t))
        st = kt_fail(err, KT_E_CONFIG, "the recorded configuration is damaged");
    files = kt_alloc_array(t.n, sizeof *files);
    for (unsigned i = 1; i < t.n; i++)
        files[i - 1] = (struct kt_conf_file){ (enum kt_conf_file_of)t.all[i].of, t.all[i].name,
                                              kt_buf_str(&t.all[i].text) };
    if (st == KT_OK)
        st = kt_conf_parse(kt_buf_str(&t.all[0].text), "the recorded configuration", files, t.n - 1,
                           ret, err);
    kt_free(files);
    drop_together(&t);
    return st;
}

void kt_settings_save(const struct kt_settings *s, struct kt_buf *out)
{
    kt_buf_u32(out, s->part);
    kt_buf_u32(out, s->parts);
    kt_buf_str32(out, kt_str_of(s->digest));
    kt_buf_str32(out, kt_buf_str(&s->pieces));
}

bool kt_settings_load(struct kt_settings *s, struct kt_rd *in)
{
    forget(s);
    s->part = kt_rd_u32(in);
    s->parts = kt_rd_u32(in);
    kt_str_copyz(s->digest, sizeof s->digest, kt_rd_str32(in));
    kt_buf_add(&s->pieces, kt_rd_str32(in));
    return !in->bad;
}

bool kt_settings_is(const struct kt_event *ev)
{
    return ev->kind == KT_KIND_CONFIG && kt_str_is(ev->operation, "config");
}

/* ---- those of a log ---- */

struct found {
    struct kt_settings coming;
    struct kt_conf *conf;
    char digest[72]; /* of conf */
    unsigned n;
};

/* One of another version is passed over, as the engine does. */
static void take_record(struct found *f, struct kt_json *json, const struct kt_event *ev)
{
    struct kt_jval root;
    unsigned repaired;
    struct kt_conf *conf = NULL;
    if (!kt_settings_is(ev) || kt_json_parse(json, ev->raw, &root, &repaired, NULL) != KT_OK ||
        !kt_settings_take(&f->coming, root) ||
        kt_settings_parse(&f->coming, &conf, &(struct kt_error){ 0 }) != KT_OK)
        return;
    f->n += f->n == 0 || strcmp(f->digest, f->coming.digest) != 0;
    memcpy(f->digest, f->coming.digest, sizeof f->digest);
    kt_conf_free(f->conf);
    f->conf = conf;
}

static enum kt_status find(struct kt_reader *r, bool newest, struct found *f, struct kt_error *err)
{
    struct kt_damage damage = { 0 };
    struct kt_scan scan = { .control = true, .control_kind = KT_KIND_CONFIG, .damage = &damage };
    struct kt_cursor *c = NULL;
    if (kt_cursor_open(r, &scan, &c, err) != KT_OK)
        return err->code;
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_record rec;
    enum kt_status st = KT_OK;
    while ((newest || f->conf == NULL) && (st = kt_cursor_next(c, &rec, err)) == KT_OK)
        take_record(f, json, &rec.ev);
    kt_json_free(json);
    kt_cursor_free(c);
    kt_settings_done(&f->coming);
    return st == KT_E_AGAIN ? KT_OK : st;
}

enum kt_status kt_settings_first(struct kt_reader *r, struct kt_conf **ret, struct kt_error *err)
{
    struct found f = { .n = 0 };
    enum kt_status st = find(r, false, &f, err);
    *ret = f.conf;
    return st;
}

enum kt_status kt_settings_newest(struct kt_reader *r, struct kt_conf **ret, unsigned *ret_n,
                                  struct kt_error *err)
{
    struct found f = { .n = 0 };
    enum kt_status st = find(r, true, &f, err);
    *ret = f.conf;
    *ret_n = f.n;
    return st;
}
