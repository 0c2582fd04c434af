/* page_world: see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/event/line.h"
#include "core/query/newest.h"
#include "dashboards/api/kept.h"
#include "tests/support/page_world.h"

#define EVENTS 900u
#define BATCH  30u
#define LONG   3000u

static const char identities[] =
    "identities:\n"
    "  - { name: anna@acme.example, kind: human, aliases: [\"anna@main\", \"ann*@sso\"] }\n"
    "  - name: bot\n"
    "    kind: service\n"
    "    aliases: [\"build-bot\", { actor: deploy, source: vault }]\n";
static const char *const actors[] = { "anna@main",
                                      "anna@sso",
                                      "ANNA@main",
                                      "build-bot",
                                      "deploy",
                                      "<script>alert(1)</script>",
                                      "\"><img src=x onerror=alert(1)>",
                                      "javascript:alert(1)",
                                      "\xe2\x80\xaegnp.exe\xe2\x80\xac",
                                      "a\x01\x1b[31mred\x7f\n\r\tb",
                                      "comma, \"quote\" \\back\\ 'tick'",
                                      "=cmd|' /C calc'!A0",
                                      "Ελένη@acme.example",
                                      "李雷",
                                      "LONG",
                                      "" };
static const char *const secrets[] = { "vault://c/-/secret/prod/db",
                                       "vault://c/-/secret/prod/*",
                                       "vault://c/-/secret/</textarea><b>",
                                       "aws-sm://111122223333/eu-central-1/prod/db",
                                       "op://ACME/Тайна \"x\"",
                                       "javascript:alert(document.cookie)",
                                       "LONG",
                                       "" };
static const char *const agents[] = { "aws-cli/2.1 x", "aws-cli/2.2 x", "<b>curl</b>/8 \"q\"",
                                      "\xef\xbb\xbf\xe2\x80\x8b", "" };
static const struct {
    const char *source, *instance;
} sources[] = { { "vault", "vault-prod" },
                { "cloudtrail", "aws-main" },
                { "cloudtrail", "<i>aws</i>" } };
static const char *const addresses[] = { "203.0.113.7",  "203.0.113.8",   "198.51.100.20",
                                         "10.1.2.3",     "2001:db8:7::1", "2001:db8:7::2",
                                         "2001:db8:8::1" };
static const char *const countries[] = { "DE", "DE", "FR", "", "SE", "SE", "JP" };

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

unsigned page_draw(struct page_world *w, unsigned n)
{
    return (unsigned)kt_rng_below(&w->rng, n);
}

/* ---- making ---- */

static struct kt_str name_of(const char *from, struct kt_buf *own)
{
    if (strcmp(from, "LONG") != 0)
        return kt_str_of(from);
    kt_buf_reset(own);
    for (unsigned i = 0; i < LONG; i++)
        kt_buf_byte(own, "long<&>\"'"[i % 9]);
    return kt_buf_str(own);
}

static void add_event(struct page_world *w, kt_time_ns time)
{
    static const enum kt_action actions[] = { KT_ACT_READ,  KT_ACT_READ, KT_ACT_READ, KT_ACT_USE,
                                              KT_ACT_LOGIN, KT_ACT_LIST, KT_ACT_WRITE };
    KT_CLEANUP(kt_buf_done) struct kt_buf actor = { 0 }, secret = { 0 };
    char id[40];
    if (time == 0)
        time = PAGE_T0 + (kt_time_ns)page_draw(w, PAGE_DAYS * 86400) * KT_NS_S;
    bool late = time >= PAGE_NOW - 5 * KT_NS_DAY; /* some values turn up then, so they are new */
    unsigned source = page_draw(w, KT_ARRAY_LEN(sources)), ip = page_draw(w, late ? 7 : 5);
    (void)snprintf(id, sizeof id, "id-%u", w->ids_made++);
    struct kt_event ev = { .kind = page_draw(w, 40) == 0 ? KT_KIND_REPORT : KT_KIND_ACCESS,
                           .action = actions[page_draw(w, KT_ARRAY_LEN(actions))],
                           .outcome = page_draw(w, 5) == 0
                                          ? (enum kt_outcome)page_draw(w, KT_OUT_COUNT)
                                          : KT_OUT_SUCCESS,
                           .actor_kind = page_draw(w, 3) == 0 ? KT_ACTOR_UNKNOWN : KT_ACTOR_SERVICE,
                           .time = page_draw(w, 60) == 0 ? 0 : time,
                           .observed = time,
                           .source = kt_str_of(sources[source].source),
                           .instance = kt_str_of(sources[source].instance),
                           .scope = KT_STR("x"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR("op</td>"),
                           .message = page_draw(w, 4) == 0 ? KT_STR("<svg onload=alert(1)>\x02")
                                                           : KT_STR_NONE,
                           .code = page_draw(w, 4) == 0 ? KT_STR("E\"1") : KT_STR_NONE,
                           .actor = name_of(actors[page_draw(w, late ? 16 : 14)], &actor),
                           .secret = name_of(secrets[page_draw(w, late ? 8 : 6)], &secret),
                           .user_agent = kt_str_of(agents[page_draw(w, 5)]),
                           .session = page_draw(w, 2) == 0 ? KT_STR("s<>1") : KT_STR_NONE,
                           .credential = page_draw(w, 3) == 0 ? KT_STR("AKIA\"1") : KT_STR_NONE,
                           .raw = page_draw(w, 3) == 0 ? KT_STR("{\"a\":\"<x>\"}") : KT_STR_NONE,
                           .flags = page_draw(w, 9) == 0 ? KT_FLAG(REPAIRED) : 0 };
    ev.has_ip = page_draw(w, 10) != 0 && kt_ip_parse(kt_str_of(addresses[ip]), &ev.ip);
    must(kt_line_write(&ev, &w->make->lines, NULL), NULL);
    kt_buf_byte(&w->make->lines, '\n');
    w->make->n++;
}

static void add_fact(struct page_world *w, unsigned i)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    struct kt_error err = { 0 };
    uint64_t seq;
    kt_buf_addf(&raw, "{\"ip\":\"%s\",\"country\":\"%s\",\"asn\":%u,\"org\":\"<Org> %u\"}",
                addresses[i], countries[i], i < 2 ? 64500u : i, i);
    struct kt_event ev = {
        .kind = KT_KIND_FACT, .source = KT_STR("keytrail"), .time = PAGE_T0, .raw = kt_buf_str(&raw)
    };
    must(kt_store_control(w->store, &ev, PAGE_T0, PAGE_T0, &seq, &err), &err);
}

void page_more(struct page_world *w, unsigned n, kt_time_ns time)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    make_reset(w->make);
    for (unsigned i = 0; i < n; i++)
        add_event(w, time);
    /* An import: every record arrives when its batch does. */
    const struct kt_store_batch b = make_import(w->make, PAGE_T0 + w->ids_made * KT_NS_MIN);
    must(kt_store_begin(w->store, &err), &err);
    for (unsigned i = 0; w->ids_made == n && i < KT_ARRAY_LEN(addresses); i++)
        add_fact(w, i);
    must(kt_store_append(w->store, &b, &r, &err), &err);
    must(kt_store_commit(w->store, &err), &err);
}

static void drop_all(struct page_world *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        kt_free((void *)(uintptr_t)w->all[i].line.at);
        kt_free((void *)(uintptr_t)w->all[i].agent.at);
    }
    kt_free(w->all);
    kt_arena_done(&w->arena);
    w->all = NULL;
    w->n = 0;
}

void page_read(struct page_world *w)
{
    struct kt_error err = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    uint32_t cap = 0;
    drop_all(w);
    w->arena = kt_arena_new((size_t)32 << 20);
    const struct kt_scan scan = { .records = true, .control = true };
    must(kt_cursor_open(w->ask.reader, &scan, &c, &err), &err);
    while (kt_cursor_next(c, &r, &err) == KT_OK) {
        if (w->n == cap) {
            cap = cap == 0 ? 256 : 2 * cap;
            w->all = kt_realloc_array(w->all, cap, sizeof *w->all);
        }
        r.line = kt_str_of(kt_str_dup(r.line));
        r.agent = kt_str_of(kt_str_dup(r.agent));
        must(kt_line_read(r.line, &w->arena, &r.ev, &err), &err);
        w->all[w->n++] = r;
    }
    kt_cursor_free(c);
}

int page_set_up(void **state)
{
    static struct page_world w;
    struct kt_error err = { 0 };
    const char *seed = getenv("KT_SEED");
    w = (struct page_world){ .make = make_new(), .kept = kt_api_kept_new() };
    w.state.state = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    w.rng = kt_rng_seeded(&w.state);
    make_folder(w.folder, w.path);
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 60, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
    for (unsigned i = 0; i < EVENTS; i += BATCH) {
        page_more(&w, BATCH, 0);
        if (i == EVENTS - 4 * BATCH) /* what comes behind stays in the tail */
            must(kt_store_housekeep(w.store, true, &err), &err);
    }
    w.ids = kt_identities_new();
    must(kt_identities_parse(w.ids, kt_str_of(identities), "ids", &err), &err);
    must(kt_ask_open(&w.ask, w.path, w.ids, PAGE_NOW, &err), &err);
    page_read(&w);
    *state = &w;
    return 0;
}

int page_tear_down(void **state)
{
    struct page_world *w = *state;
    drop_all(w);
    kt_alert_view_done(&w->view);
    kt_ask_done(&w->ask);
    kt_identities_free(w->ids);
    kt_api_kept_free(w->kept);
    kt_store_close(w->store);
    make_free(w->make);
    kt_buf_done(&w->sent);
    make_folder_drop(w->folder);
    return 0;
}

/* ---- the plain account ---- */

const struct kt_fact *page_fact(struct page_world *w, const struct kt_record *r)
{
    return r->ev.has_ip ? kt_facts_at(w->ask.facts, r->ev.ip, r->seq) : NULL;
}

static const struct page_world *sorting;

static int newest_first(const void *pa, const void *pb)
{
    const struct kt_record *a = &sorting->all[*(const uint32_t *)pa];
    const struct kt_record *b = &sorting->all[*(const uint32_t *)pb];
    kt_time_ns x = kt_record_time(a), y = kt_record_time(b);
    if (x != y)
        return x > y ? -1 : 1;
    return a->seq > b->seq ? -1 : 1;
}

uint32_t *page_matches(struct page_world *w, const char *q, kt_time_ns since, kt_time_ns until,
                       uint32_t *ret_n)
{
    struct kt_query *query = NULL;
    struct kt_error err = { 0 };
    uint32_t *at = kt_alloc_array(w->n + 1, sizeof *at), n = 0;
    must(kt_query_parse_as(kt_str_of(q), PAGE_NOW, 0, w->ids, &query, &err), &err);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct kt_record *r = &w->all[i];
        kt_time_ns t = kt_record_time(r);
        if ((since != 0 && t < since) || (until != 0 && t >= until) ||
            (!kt_query_names_kind(query) && r->ev.kind != KT_KIND_ACCESS) ||
            !kt_query_matches(query, r, page_fact(w, r)))
            continue;
        at[n++] = i;
    }
    kt_query_free(query);
    sorting = w;
    if (n > 1)
        qsort(at, n, sizeof *at, newest_first);
    *ret_n = n;
    return at;
}

/* ---- asking ---- */

static enum kt_status to_sent(struct kt_api *a, struct kt_error *err)
{
    struct page_world *w = a->server;
    (void)err;
    kt_buf_add(&w->sent, kt_buf_str(&a->out));
    kt_buf_reset(&a->out);
    return KT_OK;
}

/* Into w->sent: the answer, or the error's body. */
static enum kt_status ask(struct page_world *w, kt_api_call *call, va_list args)
{
    struct kt_api_param param[KT_API_PARAMS_MAX];
    struct kt_error err = { 0 };
    static const uint8_t secret[KT_API_SECRET] = { 7 };
    struct kt_api a = { .ask = &w->ask,
                        .secret = secret,
                        .store = w->path,
                        .kept = w->kept,
                        .view = &w->view,
                        .now = PAGE_NOW,
                        .user = w->user != NULL ? w->user : "tester",
                        .param = param,
                        .send = to_sent,
                        .server = w };
    const char *name;
    while ((name = va_arg(args, const char *)) != NULL)
        param[a.n_params++] =
            (struct kt_api_param){ kt_str_of(name), kt_str_of(va_arg(args, const char *)) };
    kt_buf_reset(&w->sent);
    w->ask.damage = (struct kt_damage){ 0 };
    enum kt_status status = call(&a, &err);
    if (status != KT_OK) {
        kt_buf_reset(&a.out);
        kt_api_error(&a, &err, &a.out);
    }
    must(to_sent(&a, NULL), NULL);
    kt_buf_done(&a.out);
    return status;
}

static json_t *parsed(struct page_world *w)
{
    json_error_t why;
    json_t *root = json_loadb(w->sent.at, w->sent.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        fail_msg("no JSON: %s at byte %d: %.*s", why.text, why.position,
                 (int)(w->sent.len < 300 ? w->sent.len : 300), w->sent.at);
    for (size_t i = 0; i < w->sent.len; i++)
        if ((unsigned char)w->sent.at[i] < ' ')
            fail_msg("a control character at byte %zu", i);
    return root;
}

json_t *page_call(struct page_world *w, kt_api_call *call, ...)
{
    va_list args;
    va_start(args, call);
    enum kt_status status = ask(w, call, args);
    va_end(args);
    if (status != KT_OK)
        fail_msg("refused: " KT_STR_FMT, KT_STR_ARG(kt_buf_str(&w->sent)));
    return parsed(w);
}

json_t *page_refused(struct page_world *w, kt_api_call *call, enum kt_status status, ...)
{
    va_list args;
    va_start(args, status);
    enum kt_status got = ask(w, call, args);
    va_end(args);
    assert_int_equal(got, status);
    return parsed(w);
}

struct kt_str page_download(struct page_world *w, kt_api_call *call, ...)
{
    va_list args;
    va_start(args, call);
    enum kt_status status = ask(w, call, args);
    va_end(args);
    if (status != KT_OK)
        fail_msg("refused: " KT_STR_FMT, KT_STR_ARG(kt_buf_str(&w->sent)));
    return kt_buf_str(&w->sent);
}

const char *page_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL ? s : "";
}
