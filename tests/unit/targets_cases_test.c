/*
 * targets_cases: runs tests/cases/targets/<target>/<case>: an alert, what the target makes of it,
 * and how it judges answers. KT_GOLDEN=1 rewrites the bodies; the diff is read like code.
 *
 *   option NAME VALUE      of the target             action WORD   plain
 *   url URL  key KEY       contents of its key files
 *   alert FIELD VALUE      alert part DETECTOR POINTS TEXT   long FIELD COUNT TEXT
 *   life FIELD VALUE       what people did
 *   url-out URL            header NAME: VALUE        at-most BYTES
 *   judge STATUS VERDICT [plain] "WORD" BODY      learned HANDLE   of the judge before
 *   handle HANDLE   link URL   runbook URL        of the turn
 *   asks   ack URL                                somebody is asked for; the link that says so
 *   skips WHY              nothing is sent
 *   body … end             JSON, indented by one; "body none" looks at nothing
 */
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "exporters/alerts/alert.h"
#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#define CASES "tests/cases/targets"

struct run {
    const char *path;
    const struct kt_target *target;
    void *options;
    struct kt_target_secrets secrets;
    struct kt_alert alert;
    struct kt_arena arena, keep;
    struct kt_target_request request;
    struct kt_target_turn turn;
    bool rendered;
    char learned[KT_HANDLE_MAX]; /* by the last judge */
    struct kt_buf golden;        /* the case as it should read */
};

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
#define T(n)                                                                                       \
    {                                                                                              \
#n, offsetof(struct kt_alert, n)                                                           \
    }
    T(title),      T(normal),  T(why),      T(considered), T(quiet),      T(command),
    T(actor),      T(network), T(instance), T(source),     T(user_agent), T(merged_into),
    T(actor_kind), T(ip),      T(country),  T(secret),
#undef T
};
static const struct {
    const char *name;
    size_t offset;
} times[] = {
    { "time", offsetof(struct kt_alert, time) },
    { "first", offsetof(struct kt_alert, first) },
    { "last", offsetof(struct kt_alert, last) },
    { "raised", offsetof(struct kt_alert, raised) },
};

static struct kt_str word(struct kt_str *rest)
{
    struct kt_str w = KT_STR_NONE;
    *rest = kt_str_trim(*rest);
    (void)kt_str_split(rest, ' ', &w);
    *rest = kt_str_trim(*rest);
    return w;
}

/* Values may write \uXXXX, so that a case can be read. */
static struct kt_str value_of(struct run *r, struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    if (kt_str_find_byte(s, '\\', 0) < 0)
        return kt_arena_str(&r->keep, s);
    kt_buf_addf(&b, "[\"" KT_STR_FMT "\"]", KT_STR_ARG(s));
    json_auto_t *j = json_loadb(b.at, b.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(j);
    const json_t *v = json_array_get(j, 0);
    return kt_arena_str(&r->keep, kt_str_from(json_string_value(v), json_string_length(v)));
}

static const char *zero_ended(struct run *r, struct kt_str s)
{
    char *z = kt_arena_alloc(&r->keep, s.len + 1);
    assert_non_null(z);
    kt_str_copyz(z, s.len + 1, s);
    return z;
}

static void set_severity(struct run *r, struct kt_str s)
{
    for (int i = 0; i < KT_SEV_COUNT; i++)
        if (kt_str_is(s, kt_severity_words[i].word))
            r->alert.severity = (enum kt_severity)i;
}

static void set_alert(struct run *r, struct kt_str rest)
{
    struct kt_alert *a = &r->alert;
    struct kt_str field = word(&rest), v = value_of(r, rest);
    int64_t number = 0;
    (void)kt_str_i64(v, &number);
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        if (kt_str_is(field, texts[i].name))
            memcpy((char *)a + texts[i].offset, &v, sizeof v);
    for (size_t i = 0; i < KT_ARRAY_LEN(times); i++) {
        kt_time_ns t = 0;
        if (!kt_str_is(field, times[i].name))
            continue;
        assert_int_equal(kt_time_parse(v, &t, NULL), KT_OK);
        memcpy((char *)a + times[i].offset, &t, sizeof t);
    }
    if (kt_str_is(field, "id"))
        kt_str_copyz(a->id, sizeof a->id, v);
    else if (kt_str_is(field, "severity"))
        set_severity(r, v);
    else if (kt_str_is(field, "score"))
        a->score = (int)number;
    else if (kt_str_is(field, "detector"))
        a->detector = zero_ended(r, v);
    else if (kt_str_is(field, "state"))
        a->state = zero_ended(r, v);
    else if (kt_str_is(field, "test"))
        a->test = true;
    else if (kt_str_is(field, "event"))
        a->events[a->n_events++] = v;
    else if (kt_str_is(field, "events_count"))
        a->events_count = (uint64_t)number;
    else if (kt_str_is(field, "secrets"))
        a->secrets[a->n_secrets++] = v;
    else if (kt_str_is(field, "secrets_count"))
        a->secrets_count = (uint64_t)number;
    else if (kt_str_is(field, "part")) {
        struct kt_alert_part *p = &a->parts[a->n_parts++];
        struct kt_str name = word(&v), points = word(&v);
        p->detector = zero_ended(r, name);
        (void)kt_str_i64(points, &number);
        p->points = (int)number;
        p->text = v;
    }
}

/* What people did: "life FIELD VALUE". */
static void set_life(struct run *r, struct kt_str rest)
{
    struct kt_alert_life *l = &r->alert.life;
    const struct {
        const char *name;
        struct kt_str *text;
        kt_time_ns *time;
    } fields[] = {
        { "status", &l->status, NULL },
        { "acknowledged_by", &l->acknowledged_by, NULL },
        { "acknowledged_where", &l->acknowledged_where, NULL },
        { "acknowledged_at", NULL, &l->acknowledged_at },
        { "assignee", &l->assignee, NULL },
        { "closed_by", &l->closed_by, NULL },
        { "closed_where", &l->closed_where, NULL },
        { "closed_at", NULL, &l->closed_at },
        { "verdict", &l->verdict, NULL },
        { "note", &l->note, NULL },
        { "note_by", &l->note_by, NULL },
    };
    struct kt_str name = word(&rest), v = value_of(r, rest);
    size_t i = 0;
    while (i < KT_ARRAY_LEN(fields) && !kt_str_is(name, fields[i].name))
        i++;
    assert_true(i < KT_ARRAY_LEN(fields));
    if (fields[i].text != NULL)
        *fields[i].text = v;
    else
        assert_int_equal(kt_time_parse(v, fields[i].time, NULL), KT_OK);
}

/* "long FIELD COUNT TEXT": TEXT COUNT times. */
static void set_long(struct run *r, struct kt_str rest)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    struct kt_str field = word(&rest);
    uint64_t count = 0;
    assert_true(kt_str_u64(word(&rest), &count));
    kt_buf_add(&b, field);
    kt_buf_byte(&b, ' ');
    for (uint64_t i = 0; i < count; i++)
        kt_buf_add(&b, rest);
    set_alert(r, kt_buf_str(&b));
}

static void render(struct run *r)
{
    struct kt_error err = { 0 };
    if (r->rendered)
        return;
    r->turn.alert = &r->alert;
    enum kt_status st =
        r->target->render(r->options, &r->secrets, &r->turn, &r->arena, &r->request, &err);
    if (st != KT_OK)
        fail_msg("%s: %s", r->path, err.text);
    if (r->request.body.len > 0 && r->request.mail.from == NULL)
        assert_null(memchr(r->request.body.at, '\n', r->request.body.len));
    r->rendered = true;
}

static void check_header(struct run *r, struct kt_str want)
{
    render(r);
    for (unsigned i = 0; i < r->request.n_headers; i++)
        if (kt_str_eq(r->request.headers[i], want))
            return;
    fail_msg("%s: no header '" KT_STR_FMT "'", r->path, KT_STR_ARG(want));
}

static void check_judge(struct run *r, struct kt_str rest)
{
    static const char *const verdicts[] = { "delivered", "retry", "refused", "disabled" };
    uint64_t status = 0;
    bool want_plain = false;
    struct kt_target_ruling ruling = { 0 };
    assert_true(kt_str_u64(word(&rest), &status));
    struct kt_str verdict = word(&rest), next = word(&rest);
    if (kt_str_is(next, "plain")) {
        want_plain = true;
        next = word(&rest);
    }
    struct kt_target_reply reply = { .status = (int)status, .body = rest };
    r->target->judge(&reply, &ruling);
    if (!kt_str_is(verdict, verdicts[ruling.verdict]) || ruling.plain != want_plain ||
        !kt_str_is(next, ruling.word))
        fail_msg("%s: %d gives %s%s '%s'", r->path, (int)status, verdicts[ruling.verdict],
                 ruling.plain ? " plain" : "", ruling.word);
    kt_str_copyz(r->learned, sizeof r->learned, kt_str_of(ruling.handle));
}

/* A message as a reader sees it: envelope, headers, parts without their base64. */
static void show_mail(const struct run *r, struct kt_buf *out)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf code = { 0 };
    struct kt_str rest = kt_buf_str(&r->request.body), line;
    bool coded = false, in_part = false;
    kt_buf_addf(out, "from <%s>", r->request.mail.from);
    for (unsigned i = 0; i < r->request.mail.n_to; i++)
        kt_buf_addf(out, " to <%s>", r->request.mail.to[i]);
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line)) {
        assert_true(line.len > 0 && line.len <= 999 && line.at[line.len - 1] == '\r');
        line.len--;
        for (size_t i = 0; i < line.len; i++)
            assert_in_range(line.at[i], ' ', '~');
        bool mark = kt_str_starts(line, KT_STR("--keytrail-"));
        if (mark && code.len > 0) {
            KT_CLEANUP(kt_buf_done) struct kt_buf words = { 0 };
            assert_true(kt_base64_decode(kt_buf_str(&code), &words));
            for (size_t i = 0; i < words.len; i++)
                if (words.at[i] != '\r')
                    kt_buf_byte(out, words.at[i]);
            kt_buf_reset(&code);
        }
        in_part = in_part || mark;
        coded = !mark && (coded || (in_part && line.len == 0));
        if (coded)
            kt_buf_add(&code, line);
        else
            kt_buf_addf(out, "\n" KT_STR_FMT, KT_STR_ARG(line));
        if (coded && code.len == 0)
            kt_buf_addz(out, "\n\n");
    }
}

static void check_mail(struct run *r, struct kt_str golden)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    show_mail(r, &text);
    kt_buf_addf(&r->golden, "body\n%s\nend\n", kt_buf_z(&text));
    if (getenv("KT_GOLDEN") == NULL && !kt_str_eq(golden, kt_buf_str(&text)))
        fail_msg("%s: the message is\n%s", r->path, kt_buf_z(&text));
}

static void check_body(struct run *r, struct kt_str golden)
{
    render(r);
    if (r->request.mail.from != NULL) {
        check_mail(r, golden);
        return;
    }
    json_error_t je;
    json_auto_t *root = json_loadb(r->request.body.at, r->request.body.len, 0, &je);
    if (root == NULL)
        fail_msg("%s: the body is no JSON: %s", r->path, je.text);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    kt_buf_addf(&r->golden, "body\n%s\nend\n", text);
    if (getenv("KT_GOLDEN") == NULL && !kt_str_is(golden, text))
        fail_msg("%s: the body is\n%s", r->path, text);
    free(text);
}

static void obey(struct run *r, struct kt_str line)
{
    struct kt_str rest = line, verb = word(&rest);
    uint64_t most = 0;
    if (kt_str_is(verb, "option"))
        assert_int_equal(
            kt_options_set(r->target->options, r->options, &r->keep, word(&rest), rest, NULL),
            KT_OK);
    else if (kt_str_is(verb, "action"))
        r->turn.send = kt_send_of(rest);
    else if (kt_str_is(verb, "plain"))
        r->turn.plain = true;
    else if (kt_str_is(verb, "handle"))
        r->turn.handle = rest;
    else if (kt_str_is(verb, "link"))
        r->turn.alert_url = rest;
    else if (kt_str_is(verb, "runbook"))
        r->turn.runbook_url = rest;
    else if (kt_str_is(verb, "ack"))
        r->turn.ack_url = rest;
    else if (kt_str_is(verb, "asks"))
        r->turn.asks = true;
    else if (kt_str_is(verb, "url"))
        r->secrets.url = rest;
    else if (kt_str_is(verb, "key"))
        r->secrets.key = rest;
    else if (kt_str_is(verb, "alert"))
        set_alert(r, rest);
    else if (kt_str_is(verb, "life"))
        set_life(r, rest);
    else if (kt_str_is(verb, "long"))
        set_long(r, rest);
    else if (kt_str_is(verb, "header"))
        check_header(r, rest);
    else if (kt_str_is(verb, "judge"))
        check_judge(r, rest);
    else if (kt_str_is(verb, "at-most")) {
        render(r);
        assert_true(kt_str_u64(rest, &most) && r->request.body.len <= most);
    } else if (kt_str_is(verb, "learned")) {
        assert_true(kt_str_is(rest, r->learned));
    } else if (kt_str_is(verb, "skips")) {
        render(r);
        assert_true(r->request.skip != NULL && kt_str_is(rest, r->request.skip));
    } else if (kt_str_is(verb, "url-out")) {
        render(r);
        assert_true(kt_str_eq(r->request.url, rest));
    } else if (line.len > 0 && line.at[0] != '#') {
        fail_msg("%s: what is '" KT_STR_FMT "'", r->path, KT_STR_ARG(line));
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

static void run_lines(struct run *r, struct kt_str text)
{
    struct kt_str line;
    while (text.len > 0 && kt_str_split(&text, '\n', &line)) {
        if (kt_str_is(line, "body")) {
            ptrdiff_t end = kt_str_find(text, KT_STR("\nend\n"), 0);
            struct kt_str golden = end < 0 ? KT_STR_NONE : kt_str_sub(text, 0, (size_t)end);
            check_body(r, golden);
            text = end < 0 ? KT_STR_NONE : kt_str_from_index(text, (size_t)end + 5);
            continue;
        }
        kt_buf_add(&r->golden, line);
        kt_buf_byte(&r->golden, '\n');
        if (!kt_str_is(line, "body none"))
            obey(r, line);
        else
            render(r);
    }
}

static void run_case(const struct kt_target *target, const char *path)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct run r = { .path = path, .target = target };
    r.turn = (struct kt_target_turn){ .row = 7, .deployment = "acme" };
    assert_int_equal(kt_time_parse(KT_STR("2026-11-22T20:00:07Z"), &r.turn.now, NULL), KT_OK);
    r.arena = kt_arena_new(1u << 20);
    r.keep = kt_arena_new(1u << 20);
    r.options = kt_alloc(target->options_size);
    r.alert.detector = "unexpected_ip";
    r.alert.state = "open";
    kt_options_defaults(target->options, r.options);
    read_case(path, &text);
    run_lines(&r, kt_buf_str(&text));
    if (getenv("KT_GOLDEN") != NULL) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        (void)fwrite(r.golden.at, 1, r.golden.len, f);
        (void)fclose(f);
    }
    kt_free(r.options);
    kt_buf_done(&r.golden);
    kt_buf_done(&r.request.body);
    kt_arena_done(&r.arena);
    kt_arena_done(&r.keep);
}

static void run_folder(const char *name)
{
    char folder[256];
    struct dirent **entries = NULL;
    unsigned ran = 0;
    (void)snprintf(folder, sizeof folder, CASES "/%s", name);
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (kt_str_ends(kt_str_of(entries[i]->d_name), KT_STR(".case"))) {
            char path[600];
            (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            run_case(kt_target_find(kt_str_of(name)), path);
            ran++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(ran > 0);
}

static void has_its_cases(void **state)
{
    const struct kt_target *t = *state;
    run_folder(t->name);
}

int main(void)
{
    struct CMUnitTest tests[32];
    size_t n = 0;
    for (const struct kt_target *const *t = kt_targets; *t != NULL && n < KT_ARRAY_LEN(tests); t++)
        tests[n++] = (struct CMUnitTest){ .name = (*t)->name,
                                          .test_func = has_its_cases,
                                          .initial_state = (void *)(uintptr_t)*t };
    kt_hash_init();
    return _cmocka_run_group_tests("targets", tests, n, NULL, NULL);
}
