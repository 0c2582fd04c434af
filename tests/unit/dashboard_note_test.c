/* dashboard_note: what the page tells the collector of who looks at what, and what it does when it
 * cannot. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/event/json.h"
#include "core/wire/control_server.h"
#include "dashboards/server/note.h"

#define NOW (INT64_C(1796000000) * KT_NS_S)

/* ---- a collector ---- */

struct world {
    char dir[64], path[96];
    struct kt_control *control;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint asked;
    char last[20000];
    unsigned failed; /* logins that failed, of which it was told: one by one, and "N more" */
    bool refuses;
    const char *refuses_this; /* NULL or a word of what is refused for ever */
};

static enum kt_status request(void *self, bool guest, struct kt_str text, struct kt_buf *answer,
                              struct kt_error *err)
{
    struct world *w = self;
    (void)guest;
    kt_str_copyz(w->last, sizeof w->last, text);
    atomic_fetch_add(&w->asked, 1);
    if (w->refuses || (w->refuses_this != NULL && strstr(w->last, w->refuses_this) != NULL))
        return kt_fail(err, KT_E_IO, "the disk is full");
    const char *more = strstr(w->last, " more, not noted one by one");
    if (more != NULL) {
        while (more[-1] >= '0' && more[-1] <= '9')
            more--;
        w->failed += (unsigned)strtoul(more, NULL, 10);
    } else if (strstr(w->last, "\"what\":\"login.failed\"") != NULL) {
        w->failed++;
    }
    kt_buf_addz(answer, "{\"seq\":7}\n");
    return KT_OK;
}

static void *serve(void *self)
{
    struct world *w = self;
    while (!atomic_load(&w->stop)) {
        int fds[20];
        struct pollfd p[20];
        unsigned n = kt_control_fds(w->control, fds, 20);
        for (unsigned i = 0; i < n; i++)
            p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
        (void)poll(p, n, 5);
        kt_control_turn(w->control);
    }
    return NULL;
}

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const struct kt_control_handler h = { .request = request, .self = w };
    (void)snprintf(w->dir, sizeof w->dir, "/tmp/kt-note-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->path, sizeof w->path, "%s/sock", w->dir);
    assert_int_equal(kt_control_open(w->path, NULL, &h, &w->control, NULL), KT_OK);
    assert_int_equal(pthread_create(&w->thread, NULL, serve, w), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    atomic_store(&w->stop, true);
    (void)pthread_join(w->thread, NULL);
    kt_control_close(w->control);
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

static struct kt_page_view view(enum kt_page_what what, const struct kt_api_param *p, unsigned n)
{
    struct kt_page_view v = { .what = what,
                              .user = KT_STR("alice"),
                              .role = "viewer",
                              .call = "search",
                              .param = p,
                              .n_params = n,
                              .session = 3 };
    assert_true(kt_ip_parse(KT_STR("203.0.113.7"), &v.from));
    return v;
}

#define PARAM(n, v)                                                                                \
    {                                                                                              \
        KT_STR_INIT(n), KT_STR_INIT(v)                                                             \
    }

/* ---- tests ---- */

static void one_question_is_told_once_in_five_minutes(void **state)
{
    struct world *w = *state;
    const struct kt_api_param p[] = { PARAM("q", "actor:bob"), PARAM("since", "24h"),
                                      PARAM("limit", "10"), PARAM("form", "csv") };
    const struct kt_api_param page2[] = { PARAM("q", "actor:bob"), PARAM("since", "24h"),
                                          PARAM("cursor", "x"), PARAM("form", "csv") };
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    struct kt_page_view v = view(KT_PAGE_QUERY, p, 4), more = view(KT_PAGE_QUERY, page2, 4);
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    assert_string_equal(w->last,
                        "{\"do\":\"viewed\",\"what\":\"query\",\"user\":\"alice\",\"role\":"
                        "\"viewer\",\"call\":\"search\",\"query\":\"actor:bob form=csv\","
                        "\"since\":\"24h\",\"from\":\"203.0.113.7\"}");
    assert_int_equal(kt_page_note(n, &v, NOW + KT_NS_MIN, NULL), KT_OK);
    assert_int_equal(kt_page_note(n, &more, NOW + KT_NS_MIN, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 1);
    v.session = 4; /* somebody else, or anew */
    assert_int_equal(kt_page_note(n, &v, NOW + KT_NS_MIN, NULL), KT_OK);
    v.session = 3;
    assert_int_equal(kt_page_note(n, &v, NOW + 6 * KT_NS_MIN, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 3);
    v.what = KT_PAGE_NOTHING;
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 3);
    kt_page_notes_free(n);
}

/* Whatever stands beside it, which record was looked at is written, and another is another note. */
static void nothing_hides_what_was_looked_at(void **state)
{
    struct world *w = *state;
    char big[6000], seq[8];
    memset(big, 'x', sizeof big);
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    for (unsigned i = 1; i <= 3; i++) {
        (void)snprintf(seq, sizeof seq, "%u", i);
        const struct kt_api_param p[] = { { KT_STR("q"), { big, sizeof big } },
                                          { KT_STR("aa"), { big, sizeof big } },
                                          { KT_STR("seq"), kt_str_of(seq) } };
        struct kt_page_view v = view(KT_PAGE_RAW, p, 3);
        assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
        assert_int_equal(atomic_load(&w->asked), i);
        char want[32];
        (void)snprintf(want, sizeof want, "\"query\":\"seq=%u x", i);
        assert_non_null(strstr(w->last, want));
    }
    big[5000] = 'y'; /* behind all that is written */
    const struct kt_api_param p[] = { { KT_STR("value"), { big, sizeof big } } };
    struct kt_page_view v = view(KT_PAGE_QUERY, p, 1);
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    big[5000] = 'z';
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 5);
    kt_page_notes_free(n);
}

static void calls_of_one_question_are_one_note(void **state)
{
    struct world *w = *state;
    static const char *const calls[] = { "search", "histogram", "facets", "map" };
    const struct kt_api_param p[] = { PARAM("q", "actor:bob"), PARAM("since", "24h"),
                                      PARAM("field", "ip") };
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    for (unsigned i = 0; i < KT_ARRAY_LEN(calls); i++) {
        struct kt_page_view v = view(KT_PAGE_QUESTION, p, i % 2 == 0 ? 3 : 2);
        v.call = calls[i];
        assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
        assert_int_equal(atomic_load(&w->asked), 1);
    }
    struct kt_page_view v = view(KT_PAGE_QUESTION, p, 2);
    v.window = true; /* a cursor's is what counts */
    v.since = KT_STR("2026-01-01T00:00:00Z");
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 2);
    assert_non_null(strstr(w->last, "\"since\":\"2026-01-01T00:00:00Z\""));
    kt_page_notes_free(n);
}

/* Kept while the collector does not take it; of too many failed logins go first, and are counted.
 */
static void what_could_not_be_told_is_told_later(void **state)
{
    struct world *w = *state;
    const struct kt_api_param p[] = { PARAM("q", "actor:bob") };
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    struct kt_page_view v = view(KT_PAGE_QUERY, p, 1), in = view(KT_PAGE_LOGIN, NULL, 0),
                        bad = view(KT_PAGE_LOGIN_FAILED, NULL, 0);
    w->refuses = true;
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    for (unsigned i = 0; i < 20; i++) {
        bad.from.at[14] = (uint8_t)i;
        kt_page_note_later(n, &bad, NOW);
    }
    for (unsigned i = 0; i < 250; i++)
        kt_page_note_later(n, &in, NOW);
    unsigned before = atomic_load(&w->asked);
    w->refuses = false;
    kt_page_notes_free(n);
    /* of 257 one at most was tried before: the query, 250 logins, 5 that failed, how many more did
     */
    assert_true(atomic_load(&w->asked) - before >= 256);
    assert_int_equal(w->failed, 20);
}

/* One that the collector refuses for ever keeps nothing else from being told. */
static void what_is_refused_holds_up_nothing(void **state)
{
    struct world *w = *state;
    const struct kt_api_param p[] = { PARAM("q", "actor:bob") };
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    struct kt_page_view v = view(KT_PAGE_QUERY, p, 1), in = view(KT_PAGE_LOGIN, NULL, 0),
                        bad = view(KT_PAGE_LOGIN_FAILED, NULL, 0);
    w->refuses_this = "actor:bob";
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    for (unsigned i = 0; i < 20; i++) {
        bad.from.at[14] = (uint8_t)i;
        kt_page_note_later(n, &bad, NOW);
    }
    for (unsigned i = 0; i < 250; i++)
        kt_page_note_later(n, &in, NOW);
    kt_page_notes_free(n);
    assert_int_equal(w->failed, 20);
}

static void what_cannot_be_noted_is_not_shown(void **state)
{
    struct world *w = *state;
    const struct kt_api_param p[] = { PARAM("seq", "17") };
    static const struct {
        enum kt_page_what what;
        enum kt_status want;
    } table[] = { { KT_PAGE_RAW, KT_E_LIMIT },
                  { KT_PAGE_EXPORT, KT_E_LIMIT },
                  { KT_PAGE_QUERY, KT_OK } };
    struct kt_error err = { 0 };
    struct kt_page_notes *away = kt_page_notes_new("/tmp/kt-note-nobody-there");
    struct kt_page_notes *full = kt_page_notes_new(w->path), *none = kt_page_notes_new(NULL);
    w->refuses = true;
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_page_view v = view(table[i].what, p, 1);
        assert_int_equal(kt_page_note(away, &v, NOW, &err), table[i].want);
        assert_int_equal(kt_page_note(full, &v, NOW, &err), table[i].want);
        assert_int_equal(kt_page_note(full, &v, NOW, &err), table[i].want); /* not as if noted */
        assert_int_equal(kt_page_note(none, &v, NOW, &err), KT_OK);
    }
    kt_page_notes_free(away);
    kt_page_notes_free(full);
    kt_page_notes_free(none);
}

static void texts_of_strangers_are_one_line_of_json(void **state)
{
    struct world *w = *state;
    char big[20000];
    memset(big, 'x', sizeof big);
    memcpy(big, "\"\\\n\x01</script>", 13);
    const struct kt_api_param p[] = { { KT_STR("q"), { big, sizeof big } } };
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    struct kt_page_view v = view(KT_PAGE_RAW, p, 1);
    v.user = kt_str_from(big, 3);
    assert_int_equal(kt_page_note(n, &v, NOW, NULL), KT_OK);
    struct kt_json *json = kt_json_new(KT_JSON_JANSSON);
    struct kt_jval root;
    unsigned repaired;
    assert_int_equal(kt_json_parse(json, kt_str_of(w->last), &root, &repaired, NULL), KT_OK);
    struct kt_str query = kt_json_str_at(root, "query");
    assert_true(query.len <= 4096 + 3 && kt_str_starts(query, kt_str_from(big, 13)));
    assert_true(kt_str_eq(kt_json_str_at(root, "user"), kt_str_from(big, 3)));
    kt_json_free(json);
    kt_page_notes_free(n);
}

static void logins_are_told_later_and_failed_ones_are_bounded(void **state)
{
    struct world *w = *state;
    struct kt_page_notes *n = kt_page_notes_new(w->path);
    struct kt_page_view in = view(KT_PAGE_LOGIN, NULL, 0),
                        bad = view(KT_PAGE_LOGIN_FAILED, NULL, 0);
    kt_page_note_later(n, &in, NOW);
    kt_page_note_later(n, &in, NOW);  /* each login is one */
    for (unsigned i = 0; i < 30; i++) /* the same name from one address */
        kt_page_note_later(n, &bad, NOW);
    kt_page_notes_free(n); /* what waits is told before */
    assert_int_equal(atomic_load(&w->asked), 3);
    n = kt_page_notes_new(w->path);
    for (unsigned i = 0; i < 500; i++) {
        struct kt_error err = { 0 };
        bad.from.at[15] = (uint8_t)i;
        bad.from.at[14] = (uint8_t)(i >> 8);
        assert_int_equal(kt_page_note(n, &bad, NOW, &err), KT_OK);
    }
    assert_int_equal(atomic_load(&w->asked), 3 + 60);
    bad.from.at[13] = 9;
    assert_int_equal(kt_page_note(n, &bad, NOW + KT_NS_MIN, NULL), KT_OK);
    assert_int_equal(atomic_load(&w->asked), 3 + 61);
    kt_page_notes_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_question_is_told_once_in_five_minutes, begin, end),
        cmocka_unit_test_setup_teardown(nothing_hides_what_was_looked_at, begin, end),
        cmocka_unit_test_setup_teardown(calls_of_one_question_are_one_note, begin, end),
        cmocka_unit_test_setup_teardown(what_could_not_be_told_is_told_later, begin, end),
        cmocka_unit_test_setup_teardown(what_is_refused_holds_up_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_noted_is_not_shown, begin, end),
        cmocka_unit_test_setup_teardown(texts_of_strangers_are_one_line_of_json, begin, end),
        cmocka_unit_test_setup_teardown(logins_are_told_later_and_failed_ones_are_bounded, begin,
                                        end),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
