/*
 * streams_cases: runs tests/cases/streams/<type>/<case>: items, the body that the type makes of
 * them, its request, and how it judges answers. KT_GOLDEN=1 rewrites the bodies; the diff is read
 * like code.
 *
 *   option NAME VALUE      of the type              url URL   key KEY   contents of its key files
 *   now TIME               of the request and of the items behind it (else they are sent as they
 *                          are stored)
 *   conflict               the next item is one
 *   stored TIME            stamps of the next items; arrival is a second before
 *   fact COUNTRY ASN ORG   of the next items' addresses; "fact none"
 *   event LINE             an item: a canonical line
 *   alert JSON             an item: a document of kt_alert_write
 *   refuse WORDS           the next item cannot be written: the error starts so
 *   note NOTE              what the stage before left
 *   url-out URL            header NAME: VALUE       of request(stage)   stage N
 *   own-body TEXT          the stage sends a body of its own
 *   judge STATUS VERDICT "WORD" [fate=012…] [note=NOTE] BODY
 *   body … end             what begin, add and end made
 */
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "exporters/streams/stream.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#define CASES     "tests/cases/streams"
#define ITEMS_MAX 64u

struct run {
    const char *path;
    const struct kt_stream_type *type;
    void *options, *state;
    struct kt_stream_secrets secrets;
    struct kt_stream_batch batch;
    struct kt_fact fact;
    bool has_fact, conflict, began, ended;
    kt_time_ns stored, sent;
    struct kt_str refuse, note;
    unsigned stage;
    struct kt_arena arena, keep;
    struct kt_buf body, golden;
    struct kt_stream_request request;
};

static struct kt_str word(struct kt_str *rest)
{
    struct kt_str w = KT_STR_NONE;
    *rest = kt_str_trim(*rest);
    (void)kt_str_split(rest, ' ', &w);
    *rest = kt_str_trim(*rest);
    return w;
}

static kt_time_ns time_of(struct run *r, struct kt_str s)
{
    kt_time_ns t = 0;
    if (kt_time_parse(s, &t, NULL) != KT_OK)
        fail_msg("%s: '" KT_STR_FMT "' is no time", r->path, KT_STR_ARG(s));
    return t;
}

static void begin(struct run *r)
{
    if (r->began)
        return;
    r->began = true;
    if (r->type->head != NULL)
        r->type->head(r->options, &r->body);
    if (r->type->begin != NULL)
        r->type->begin(r->options, r->state, &r->body);
}

static void add(struct run *r, struct kt_stream_item *item)
{
    struct kt_error err = { 0 };
    begin(r);
    item->deployment = r->batch.deployment;
    item->log = r->batch.log;
    item->seq = r->batch.first_seq + r->batch.n;
    item->stored = r->stored;
    item->arrival = r->stored - KT_NS_S;
    item->now = r->sent != 0 ? r->sent : r->stored;
    size_t before = r->body.len;
    enum kt_status st = r->type->add(r->options, r->state, item, &r->arena, &r->body, &err);
    if (r->refuse.len > 0) {
        if (st == KT_OK || !kt_str_starts(kt_str_of(err.text), r->refuse))
            fail_msg("%s: it is taken, or refused with '%s'", r->path, err.text);
        r->refuse = KT_STR_NONE;
        r->body.len = before;
        return;
    }
    if (st != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
    if (r->batch.n == 0)
        r->batch.stored = item->stored;
    r->batch.last_seq = item->seq;
    r->batch.n++;
}

static void add_event(struct run *r, struct kt_str line)
{
    struct kt_error err = { 0 };
    struct kt_event ev;
    uint8_t id[16], access[16];
    if (kt_line_read(line, &r->keep, &ev, &err) != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
    kt_event_id(&ev, id);
    struct kt_stream_item item = { .what = KT_STREAM_EVENT,
                                   .line = line,
                                   .event = &ev,
                                   .fact = r->has_fact && ev.has_ip ? &r->fact : NULL,
                                   .conflict = r->conflict };
    (void)kt_id_format(id, item.about);
    if (r->conflict) { /* as the engine does it */
        kt_event_access_digest(&ev, access);
        const struct kt_str parts[] = { kt_str_from(id, 16), kt_str_from(access, 16) };
        kt_blake2b(parts, 2, id, 16);
    }
    (void)kt_id_format(id, item.id);
    r->conflict = false;
    add(r, &item);
}

static void add_alert(struct run *r, struct kt_str json)
{
    struct kt_error err = { 0 };
    struct kt_alert a;
    uint8_t id[16];
    if (kt_alert_read(json, &r->keep, &a, &err) != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
    struct kt_stream_item item = { .what = KT_STREAM_ALERT, .line = json, .alert = &a };
    kt_str_copyz(item.about, sizeof item.about, kt_str_of(a.id));
    kt_blake2b(&json, 1, id, 16);
    (void)kt_id_format(id, item.id);
    add(r, &item);
}

static void finish(struct run *r)
{
    begin(r);
    if (r->ended)
        return;
    r->ended = true;
    if (r->type->end != NULL)
        r->type->end(r->options, r->state, &r->body);
    r->batch.body = kt_buf_str(&r->body);
    kt_sha256_of(&r->batch.body, 1, r->batch.body_sha256);
}

static void request(struct run *r)
{
    struct kt_error err = { 0 };
    char note[KT_STREAM_NOTE_MAX];
    finish(r);
    kt_str_copyz(note, sizeof note, r->note);
    kt_buf_done(&r->request.body);
    r->request = (struct kt_stream_request){ 0 };
    if (r->type->request(r->options, &r->secrets, &r->batch, r->stage, note, &r->arena, &r->request,
                         &err) != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
}

static void check_header(struct run *r, struct kt_str want)
{
    request(r);
    for (unsigned i = 0; i < r->request.n_headers; i++)
        if (kt_str_eq(r->request.headers[i], want))
            return;
    for (unsigned i = 0; i < r->request.n_headers; i++)
        print_error("  " KT_STR_FMT "\n", KT_STR_ARG(r->request.headers[i]));
    fail_msg("%s: no header '" KT_STR_FMT "'", r->path, KT_STR_ARG(want));
}

/* name=VALUE at the head of rest; empty when it is not there. */
static struct kt_str named(struct kt_str *rest, const char *name)
{
    struct kt_str look = *rest, first = word(&look), key;
    if (!kt_str_starts(first, kt_str_of(name)) || !kt_str_split(&first, '=', &key) ||
        !kt_str_is(key, name))
        return KT_STR_NONE;
    *rest = look;
    return first;
}

static void check_judge(struct run *r, struct kt_str rest)
{
    static const char *const verdicts[] = { "taken",  "retry", "refused", "too_large",
                                            "denied", "next",  "again" };
    uint64_t status = 0;
    uint8_t fate[ITEMS_MAX + 1] = { 0 };
    struct kt_stream_judgement j = { .fate = fate };
    const struct kt_http_answer none = { 0 };
    finish(r);
    assert_true(kt_str_u64(word(&rest), &status));
    struct kt_str verdict = word(&rest), said = KT_STR_NONE;
    if (rest.len > 0 && rest.at[0] == '"') {
        rest = kt_str_from_index(rest, 1);
        (void)kt_str_split(&rest, '"', &said);
        rest = kt_str_trim(rest);
    }
    struct kt_str want_fate = named(&rest, "fate"), want_note = named(&rest, "note");
    kt_str_copyz(j.note, sizeof j.note, r->note);
    r->type->judge(r->options, &r->batch, r->stage, (int)status, rest, &none, &j);
    if (!kt_str_is(verdict, verdicts[j.verdict]) || !kt_str_is(said, j.word))
        fail_msg("%s: %d gives %s \"%s\"", r->path, (int)status, verdicts[j.verdict], j.word);
    for (unsigned i = 0; i < r->batch.n; i++)
        if (fate[i] != (i < want_fate.len ? want_fate.at[i] - '0' : 0))
            fail_msg("%s: %d: the fate of item %u is %u", r->path, (int)status, i, fate[i]);
    if (want_note.len > 0 && !kt_str_is(want_note, j.note))
        fail_msg("%s: %d leaves the note '%s'", r->path, (int)status, j.note);
}

/* Golden text has no CR: it is written \r. */
static void check_body(struct run *r, struct kt_str golden)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    finish(r);
    for (size_t i = 0; i < r->body.len; i++) {
        if (r->body.at[i] == '\r')
            kt_buf_addz(&text, "\\r");
        else
            kt_buf_byte(&text, r->body.at[i]);
    }
    if (text.len == 0 || text.at[text.len - 1] != '\n')
        kt_buf_addz(&text, "\\\n"); /* no line end at the end */
    kt_buf_addf(&r->golden, "body\n" KT_STR_FMT "end\n", KT_STR_ARG(kt_buf_str(&text)));
    if (getenv("KT_GOLDEN") == NULL && !kt_str_eq(golden, kt_buf_str(&text)))
        fail_msg("%s: the body is\n" KT_STR_FMT, r->path, KT_STR_ARG(kt_buf_str(&text)));
}

static void set_fact(struct run *r, struct kt_str rest)
{
    uint64_t asn = 0;
    r->fact.country = word(&rest);
    r->has_fact = !kt_str_is(r->fact.country, "none");
    (void)kt_str_u64(word(&rest), &asn);
    r->fact.asn = (uint32_t)asn;
    r->fact.org = rest;
}

static void check_own_body(struct run *r, struct kt_str rest)
{
    request(r);
    assert_true(r->request.own_body);
    if (!kt_str_eq(kt_buf_str(&r->request.body), rest))
        fail_msg("%s: the stage's body is " KT_STR_FMT, r->path,
                 KT_STR_ARG(kt_buf_str(&r->request.body)));
}

static void check_url(struct run *r, struct kt_str rest)
{
    request(r);
    if (!kt_str_eq(r->request.url, rest))
        fail_msg("%s: the URL is " KT_STR_FMT, r->path, KT_STR_ARG(r->request.url));
}

static void set_stage(struct run *r, struct kt_str rest)
{
    uint64_t stage = 0;
    assert_true(kt_str_u64(rest, &stage));
    r->stage = (unsigned)stage;
}

static void set_option(struct run *r, struct kt_str rest)
{
    struct kt_error err = { 0 };
    if (kt_options_set(r->type->options, r->options, &r->keep, word(&rest), rest, &err) != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
}

static void set_url(struct run *r, struct kt_str rest)
{
    r->secrets.url = rest;
}

static void set_key(struct run *r, struct kt_str rest)
{
    r->secrets.key = rest;
}

static void set_now(struct run *r, struct kt_str rest)
{
    r->batch.now = r->sent = time_of(r, rest);
}

static void set_stored(struct run *r, struct kt_str rest)
{
    r->stored = time_of(r, rest);
}

static void set_conflict(struct run *r, struct kt_str rest)
{
    (void)rest;
    r->conflict = true;
}

static void set_refuse(struct run *r, struct kt_str rest)
{
    r->refuse = rest;
}

static void set_note(struct run *r, struct kt_str rest)
{
    r->note = rest;
}

static const struct {
    const char *verb;
    void (*obey)(struct run *r, struct kt_str rest);
} verbs[] = {
    { "option", set_option }, { "url", set_url },         { "key", set_key },
    { "now", set_now },       { "stored", set_stored },   { "conflict", set_conflict },
    { "fact", set_fact },     { "event", add_event },     { "alert", add_alert },
    { "refuse", set_refuse }, { "note", set_note },       { "stage", set_stage },
    { "url-out", check_url }, { "header", check_header }, { "own-body", check_own_body },
    { "judge", check_judge },
};

static void obey(struct run *r, struct kt_str line)
{
    struct kt_str rest = line, verb = word(&rest);
    if (line.len == 0 || line.at[0] == '#')
        return;
    for (size_t i = 0; i < KT_ARRAY_LEN(verbs); i++) {
        if (kt_str_is(verb, verbs[i].verb)) {
            verbs[i].obey(r, rest);
            return;
        }
    }
    fail_msg("%s: what is '" KT_STR_FMT "'", r->path, KT_STR_ARG(line));
}

static void run_lines(struct run *r, struct kt_str text)
{
    struct kt_str line;
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        if (kt_str_is(line, "body")) {
            ptrdiff_t end = kt_str_starts(text, KT_STR("end\n"))
                                ? 0
                                : kt_str_find(text, KT_STR("\nend\n"), 0) + 1;
            assert_true(end >= 0);
            check_body(r, kt_str_sub(text, 0, (size_t)end));
            text = kt_str_from_index(text, (size_t)end + 4);
            continue;
        }
        kt_buf_add(&r->golden, line);
        kt_buf_byte(&r->golden, '\n');
        obey(r, line);
    }
}

static void read_case(const char *path, struct kt_buf *ret)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n;
    while ((n = fread(kt_buf_reserve(ret, 4096), 1, 4096, f)) > 0)
        ret->len += n;
    (void)fclose(f);
}

static void run_case(const struct kt_stream_type *type, const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct run r = { .path = path,
                     .type = type,
                     .stored = 1795377601 * KT_NS_S,
                     .batch = { .stream = "test",
                                .deployment = "keytrail",
                                .log = "00000000000000000000000000",
                                .first_seq = 1,
                                .now = 1795377602 * KT_NS_S } };
    memset(r.batch.digest, 'd', sizeof r.batch.digest - 1);
    r.arena = kt_arena_new(1u << 20);
    r.keep = kt_arena_new(1u << 20);
    r.options = kt_alloc(type->options_size);
    r.state = kt_alloc(type->state_size + 1);
    kt_options_defaults(type->options, r.options);
    read_case(path, &text);
    run_lines(&r, kt_buf_str(&text));
    if (getenv("KT_GOLDEN") != NULL) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fwrite(r.golden.at, 1, r.golden.len, f);
        (void)fclose(f);
    }
    kt_free(r.options);
    kt_free(r.state);
    kt_buf_done(&r.body);
    kt_buf_done(&r.golden);
    kt_buf_done(&r.request.body);
    kt_arena_done(&r.arena);
    kt_arena_done(&r.keep);
}

static void has_its_cases(void **state)
{
    const struct kt_stream_type *t = *state;
    char folder[256];
    struct dirent **entries = NULL;
    unsigned ran = 0;
    (void)snprintf(folder, sizeof folder, CASES "/%s", t->name);
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (kt_str_ends(kt_str_of(entries[i]->d_name), KT_STR(".case"))) {
            char path[600];
            (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            run_case(t, path);
            ran++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(ran > 0);
}

int main(void)
{
    struct CMUnitTest tests[32];
    size_t n = 0;
    for (const struct kt_stream_type *const *t = kt_stream_types;
         *t != NULL && n < KT_ARRAY_LEN(tests); t++)
        tests[n++] = (struct CMUnitTest){ .name = (*t)->name,
                                          .test_func = has_its_cases,
                                          .initial_state = (void *)(uintptr_t)*t };
    kt_hash_init();
    return _cmocka_run_group_tests("streams", tests, n, NULL, NULL);
}
