/*
 * targets_limits: every target, with texts of each limit -1, 0 and +1, and with the texts that
 * strangers write. The arena is the outbox's: what fits here fits there.
 */
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "exporters/alerts/ack.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the six above */
#include <cmocka.h>

#define ARENA (512u << 10)

struct made {
    struct kt_arena arena, keep;
    void *options;
    struct kt_target_request request;
};

static void make(struct made *m, const struct kt_target *t, struct kt_target_turn *turn)
{
    static const struct {
        const char *name, *value;
    } required[] = { { "from", "keytrail@example.com" },
                     { "to", "oncall@example.com" },
                     { "channel", "C0" },
                     { "server", "https://x.example" } };
    const struct kt_target_secrets secrets = { .url = KT_STR("https://x.example/v2/enqueue"),
                                               .key = KT_STR("0123456789abcdef") };
    struct kt_error err = { 0 };
    *m = (struct made){ .arena = kt_arena_new(ARENA), .keep = kt_arena_new(4096) };
    m->options = kt_alloc(t->options_size);
    kt_options_defaults(t->options, m->options);
    for (size_t i = 0; i < KT_ARRAY_LEN(required); i++)
        if (kt_options_set(t->options, m->options, &m->keep, kt_str_of(required[i].name),
                           kt_str_of(required[i].value), &err) != KT_OK)
            err = (struct kt_error){ 0 }; /* not one of this target's */
    if (turn->ack_url.len > 0 &&
        kt_options_set(t->options, m->options, &m->keep, KT_STR("acknowledge_link"), KT_STR("true"),
                       &err) != KT_OK)
        err = (struct kt_error){ 0 };
    if (turn->asks && turn->ack_url.len == 0 && /* where there is one, in the link's place */
        kt_options_set(t->options, m->options, &m->keep, KT_STR("button"), KT_STR("true"), &err) !=
            KT_OK)
        err = (struct kt_error){ 0 };
    turn->row = 7;
    turn->deployment = "acme";
    turn->now = INT64_C(1795377600) * KT_NS_S;
    if (t->render(m->options, &secrets, turn, &m->arena, &m->request, &err) != KT_OK)
        fail_msg("%s: %s: %s", t->name, kt_send_word(turn->send), err.text);
}

static void made_done(struct made *m)
{
    kt_buf_done(&m->request.body);
    kt_free(m->options);
    kt_arena_done(&m->keep);
    kt_arena_done(&m->arena);
}

static struct kt_alert alert_with(enum kt_severity severity)
{
    struct kt_alert a = { .severity = severity,
                          .detector = "unexpected_ip",
                          .state = "open",
                          .time = INT64_C(1795377000) * KT_NS_S,
                          .title = KT_STR("t") };
    kt_str_copyz(a.id, sizeof a.id, KT_STR("3NJ1RZ8VZ2G4K0YQ5T7W9XABCD"));
    return a;
}

/* ---- each limit -1, 0, +1 ---- */

static const struct {
    const char *target, *path; /* of the text, names and indices */
    size_t field;              /* of the alert that it holds */
    size_t limit;              /* bytes */
} limits[] = {
    { "pagerduty", "payload/summary", offsetof(struct kt_alert, title), 1024 },
    { "pagerduty", "payload/source", offsetof(struct kt_alert, instance), 255 },
    { "pagerduty", "payload/custom_details/Normal", offsetof(struct kt_alert, normal), 4096 },
    { "slack", "blocks/1/text/text", offsetof(struct kt_alert, title), 1200 },
    { "slack_bot", "blocks/1/text/text", offsetof(struct kt_alert, title), 1200 },
    { "teams", "attachments/0/content/body/1/text", offsetof(struct kt_alert, title), 1200 },
    { "alertmanager", "0/annotations/summary", offsetof(struct kt_alert, title), 4096 },
    { "alertmanager", "0/labels/source", offsetof(struct kt_alert, instance), 100 },
};

static const char *text_at(const json_t *j, const char *path)
{
    struct kt_str rest = kt_str_of(path), step;
    while (rest.len > 0) {
        char name[64];
        (void)kt_str_split(&rest, '/', &step);
        kt_str_copyz(name, sizeof name, step);
        j = json_is_array(j) ? json_array_get(j, strtoul(name, NULL, 10))
                             : json_object_get(j, name);
    }
    return json_string_value(j);
}

static struct kt_str repeated(struct kt_buf *out, const char *what, size_t bytes)
{
    size_t n = strlen(what);
    while (n > 0 && out->len + n <= bytes)
        kt_buf_addz(out, what);
    while (out->len < bytes)
        kt_buf_byte(out, 'x');
    return kt_buf_str(out);
}

static void check_limit(size_t i, const char *letter, size_t bytes)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_alert a = alert_with(KT_SEV_HIGH);
    struct kt_target_turn turn = { .alert = &a };
    struct kt_str value = repeated(&text, letter, bytes);
    struct made m;
    memcpy((char *)&a + limits[i].field, &value, sizeof value);
    make(&m, kt_target_find(kt_str_of(limits[i].target)), &turn);
    json_auto_t *root = json_loadb(m.request.body.at, m.request.body.len, 0, NULL);
    struct kt_str shown = kt_str_of(text_at(root, limits[i].path));
    bool whole = kt_str_eq(shown, value);
    bool cut = shown.len <= limits[i].limit && shown.len + 8 > limits[i].limit &&
               kt_str_ends(shown, KT_STR("…")) && kt_utf8_valid(shown);
    if (bytes <= limits[i].limit ? !whole : !cut)
        fail_msg("%s %s: %zu bytes of '%s' became %zu", limits[i].target, limits[i].path, bytes,
                 letter, shown.len);
    made_done(&m);
}

static void each_limit_holds_and_is_used(void **state)
{
    static const char *const letters[] = { "x", "é", "א", "😀" };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(limits); i++)
        for (size_t l = 0; l < KT_ARRAY_LEN(letters); l++)
            for (size_t around = 0; around < 3; around++)
                check_limit(i, letters[l], limits[i].limit - 1 + around);
}

/* ---- what strangers write ---- */

static const struct {
    const char *target;
    size_t bytes; /* of a body */
    bool people;  /* nothing unseen may be in it */
} bodies[] = {
    { "slack", 10000, true },    { "slack_bot", 10400, true },  { "teams", 20000, true },
    { "email", 131072, true },   { "pagerduty", 524288, true }, { "alertmanager", 131072, true },
    { "webhook", 20480, false },
};

static void check_body(const struct kt_target *t, const struct kt_target_turn *turn,
                       const struct made *m)
{
    static const char *const unseen[] = { "\xE2\x80\xAE", "\\u202E", "\\u202e", "\\u000d", "\\r" };
    struct kt_str body = kt_buf_str(&m->request.body);
    size_t i = 0;
    while (i < KT_ARRAY_LEN(bodies) && strcmp(bodies[i].target, t->name) != 0)
        i++;
    if (i == KT_ARRAY_LEN(bodies))
        fail_msg("%s has no line in bodies", t->name);
    if (m->request.skip != NULL)
        return;
    if (body.len == 0 || body.len > bodies[i].bytes)
        fail_msg("%s: %s: %zu bytes", t->name, kt_send_word(turn->send), body.len);
    assert_true(kt_utf8_valid(body));
    for (size_t k = 0; bodies[i].people && k < KT_ARRAY_LEN(unseen); k++)
        if (kt_str_has(body, kt_str_of(unseen[k])))
            fail_msg("%s: %s holds %s", t->name, kt_send_word(turn->send), unseen[k]);
    if (kt_str_starts(kt_str_of(t->name), KT_STR("slack")))
        assert_false(kt_str_has(body, KT_STR("<!channel>")));
    if (m->request.mail.from == NULL) {
        json_auto_t *root = json_loadb(body.at, body.len, 0, NULL);
        assert_non_null(root);
    }
}

static void fill(struct kt_alert *a, struct kt_str s, struct kt_str agent)
{
    struct kt_str *const fields[] = { &a->title,   &a->normal,  &a->why,      &a->considered,
                                      &a->quiet,   &a->command, &a->actor,    &a->actor_written,
                                      &a->network, &a->secret,  &a->instance, &a->source };
    for (size_t i = 0; i < KT_ARRAY_LEN(fields); i++)
        *fields[i] = s;
    a->user_agent = agent;
    for (a->n_secrets = 0; a->n_secrets < KT_ARRAY_LEN(a->secrets); a->n_secrets++)
        a->secrets[a->n_secrets] = s;
    for (a->n_events = 0; a->n_events < KT_ALERT_EVENTS_MAX; a->n_events++)
        a->events[a->n_events] = kt_str_sub(s, 0, s.len < 64 ? s.len : 64);
    a->secrets_count = 41;
    a->events_count = UINT64_C(1000000);
}

/* The longest links that a configuration may have. */
struct links {
    struct kt_buf page, ack;
};

static void make_links(struct links *l)
{
    static const uint8_t seed[32] = { 7 };
    char to[64];
    struct kt_alert a = alert_with(KT_SEV_CRITICAL);
    kt_buf_addz(&l->page, "https://");
    (void)repeated(&l->page, "x/", 1000);
    memset(to, '<', sizeof to - 1); /* three bytes of a URL each */
    to[sizeof to - 1] = '\0';
    a.life.reopened = INT64_MAX;
    kt_ack_link_write(kt_buf_z(&l->page), seed, &a, to, INT64_MAX / 2, &l->ack);
}

/* Without links, with them, with a button in the place of one. */
static void set_look(struct kt_target_turn *turn, const struct links *l, unsigned look)
{
    if (look == 0)
        return;
    turn->asks = true;
    turn->alert_url = turn->runbook_url = kt_buf_str(&l->page);
    turn->ack_url = look == 1 ? kt_buf_str(&l->ack) : KT_STR_NONE;
}

/* Every target, severity, reason and form with this text in every field. */
static void check_text(const char *what, size_t bytes)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 }, agent = { 0 };
    struct links links = { 0 };
    struct kt_str s = repeated(&text, what, bytes);
    make_links(&links);
    (void)repeated(&agent, what, 100u << 10);
    for (const struct kt_target *const *t = kt_targets; *t != NULL; t++)
        for (unsigned n = 0; n < KT_SEND_COUNT * 2; n++) {
            struct kt_alert a = alert_with((enum kt_severity)(n % KT_SEV_COUNT));
            struct kt_target_turn turn = { .alert = &a,
                                           .send = (enum kt_send)(n / 2),
                                           .plain = n % 2 == 1 };
            struct made m;
            set_look(&turn, &links, n % 3);
            fill(&a, s, kt_buf_str(&agent));
            make(&m, *t, &turn);
            check_body(*t, &turn, &m);
            made_done(&m);
        }
    kt_buf_done(&links.page);
    kt_buf_done(&links.ack);
}

static void any_text_fits_every_target(void **state)
{
    static const char *const texts[] = {
        "<!channel> & <@U1> `x` *b* _i_ ~s~ [l](https://evil.example) ",
        "ana\r\nBcc: eve@evil.example\r\n\r\n",
        "=cmd|' /C calc'!A0",
        "\xE2\x80\xAE evil \xE2\x80\xAC \xD7\x90\xD7\x91",
        "😀👩‍👩‍👧",
        "\"\\\"\\",
        "\x01\x1b[31m\x7f\xc2\x9b",
        "\xff\xfe\xc0\xaf",
    };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(texts); i++)
        check_text(texts[i], 2000);
}

static void an_alert_of_nothing_is_rendered_too(void **state)
{
    (void)state;
    check_text("", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_holds_and_is_used),
        cmocka_unit_test(any_text_fits_every_target),
        cmocka_unit_test(an_alert_of_nothing_is_rendered_too),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("targets_limits", tests, NULL, NULL);
}
