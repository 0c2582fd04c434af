/* agents/pipeline: outer forms, refusals of the spool, folding, quarantine, what never comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/pipeline.h"
#include "agents/sources/cloudtrail.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "tests/support/planted.h"

#define NOW INT64_C(1772440000000000000)

struct world {
    struct kt_pipeline *p;
    struct kt_buf lines; /* one a row */
    unsigned n, refuse_every, calls, findings;
    uint64_t pos;
    kt_time_ns arrival;
};

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct world *w = self;
    if (w->refuse_every > 0 && ++w->calls % w->refuse_every != 0)
        return kt_fail(err, KT_E_AGAIN, "full");
    kt_buf_add(&w->lines, l->line);
    kt_buf_byte(&w->lines, '\n');
    w->arrival = l->arrival;
    w->n++;
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    (void)code;
    (void)sentence;
    ((struct world *)self)->findings++;
}

static void start_with(struct world *w, const struct kt_source *source)
{
    *w = (struct world){ .n = 0 };
    struct kt_pipeline_options o = { .source = source,
                                     .instance = KT_STR("test-1"),
                                     .cluster = KT_STR("prod"),
                                     .line = on_line,
                                     .finding = on_finding,
                                     .self = w };
    assert_non_null(o.source);
    w->p = kt_pipeline_new(&o);
}

static void start(struct world *w, const char *source)
{
    start_with(w, kt_source_find(kt_str_of(source)));
}

static void stop(struct world *w)
{
    kt_pipeline_free(w->p);
    kt_buf_done(&w->lines);
}

static bool gave(const struct world *w, const char *text)
{
    return kt_str_has(kt_buf_str(&w->lines), kt_str_of(text));
}

static unsigned times(const struct world *w, const char *text)
{
    unsigned n = 0;
    struct kt_str all = kt_buf_str(&w->lines);
    for (ptrdiff_t at = 0; (at = kt_str_find(all, kt_str_of(text), (size_t)at)) >= 0; at++)
        n++;
    return n;
}

/* Feeds until it is taken, as an input does when the spool is full. */
static void feed(struct world *w, struct kt_str bytes)
{
    struct kt_error err = { 0 };
    enum kt_status st = KT_E_AGAIN;
    for (unsigned i = 0; st == KT_E_AGAIN && i < 100000; i++)
        st = kt_pipeline_feed(w->p, bytes, w->pos, KT_STR("file"), NOW, &err);
    assert_int_equal(st, KT_OK);
    w->pos += bytes.len;
}

static void end(struct world *w)
{
    struct kt_error err = { 0 };
    enum kt_status st = KT_E_AGAIN;
    for (unsigned i = 0; st == KT_E_AGAIN && i < 1000; i++)
        st = kt_pipeline_end(w->p, NOW, &err);
    assert_int_equal(st, KT_OK);
    st = KT_E_AGAIN;
    for (unsigned i = 0; st == KT_E_AGAIN && i < 1000; i++)
        st = kt_pipeline_expire(w->p, NOW, true, &err);
    assert_int_equal(st, KT_OK);
    const struct kt_pipeline_counts *c = kt_pipeline_counts(w->p);
    assert_int_equal(c->records, c->yielded + c->folded + c->skipped + c->quarantined);
}

static void feed_in_pieces(struct world *w, struct kt_str all, size_t size)
{
    for (size_t at = 0; at < all.len; at += size)
        feed(w, kt_str_sub(all, at, size));
    end(w);
}

/* ---- outer forms ---- */

#define CT_ID(n) "00000000-0000-4000-8000-00000000000" n
#define CT(n)                                                                                      \
    "{\"eventVersion\":\"1.09\",\"userIdentity\":{\"type\":\"IAMUser\",\"userName\":\"al\","       \
    "\"accountId\":\"111122223333\"},\"eventTime\":\"2026-03-02T07:14:05Z\",\"eventSource\":"      \
    "\"secretsmanager.amazonaws.com\",\"eventName\":\"GetSecretValue\",\"awsRegion\":\"r\","       \
    "\"sourceIPAddress\":\"203.0.113.9\",\"requestParameters\":{\"secretId\":\"a}{][\\\"b\"},"     \
    "\"eventID\":\"" CT_ID(n) "\",\"recipientAccountId\":\"111122223333\"}"
/* The same as the inside of a JSON string. */
#define CT_STRING(n)                                                                               \
    "{\\\"eventVersion\\\":\\\"1.09\\\",\\\"eventTime\\\":\\\"2026-03-02T07:14:05Z\\\","           \
    "\\\"eventSource\\\":\\\"secretsmanager.amazonaws.com\\\",\\\"eventName\\\":"                  \
    "\\\"GetSecretValue\\\",\\\"userAgent\\\":\\\"\\u00e9\\ud83d\\ude00 \\\\\\\"q\\\\\\\"\\\","    \
    "\\\"eventID\\\":\\\"" CT_ID(n) "\\\",\\\"recipientAccountId\\\":\\\"111122223333\\\"}"

static const struct {
    const char *name, *text;
    unsigned events, skipped, quarantined;
} forms[] = {
    { "Records", "{\"Records\":[" CT("1") "," CT("2") "]}", 2, 0, 0 },
    { "Records between other members",
      "{\"version\":{\"a\":[1]},\"Records\" : [ " CT("1") " ,\n " CT("2") " ],\"more\":\"}\"}", 2,
      0, 0 },
    { "array", "[" CT("1") ",\n" CT("2") "]", 2, 0, 0 },
    { "one a line", CT("1") "\n" CT("2") "\n", 2, 0, 0 },
    { "one a line without a last newline", CT("1") "\r\n" CT("2"), 2, 0, 0 },
    { "text in front of each", "<13>Mar 2 host: " CT("1") "\n<13>Mar 2 host: " CT("2") "\n", 2, 0,
      0 },
    { "EventBridge",
      "{\"detail-type\":\"x\",\"detail\":" CT("1") ",\"id\":\"y\"}\n{\"detail\":" CT("2") "}", 2, 0,
      0 },
    { "list of EventBridge", "[{\"detail\":" CT("1") "},{\"detail\":\n" CT("2") "}]", 2, 0, 0 },
    { "CloudWatch Logs",
      "{\"logGroup\":\"g\",\"logEvents\":[{\"id\":\"1\",\"message\":\"" CT_STRING(
          "1") "\"},{\"id\":"
               "\"2\",\"message\":\"" CT_STRING("2") "\"}]}",
      2, 0, 0 },
    { "CloudWatch Logs control message",
      "{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[{\"message\":\"CWL CONTROL MESSAGE\"}]}",
      0, 1, 0 },
    { "LookupEvents",
      "{\"Events\":[{\"ReadOnly\":\"true\",\"CloudTrailEvent\":\"" CT_STRING(
          "1") "\",\"Username\":"
               "\"a\"},{\"CloudTrailEvent\":\"" CT_STRING("2") "\"}],\"NextToken\":\"t\"}",
      2, 0, 0 },
    { "empty", "{\"Records\":[]}", 0, 0, 0 },
    { "elements that are no objects", "{\"Records\":[1,\"{\"," CT("1") ",null]}", 1, 3, 0 },
    { "torn in a string", "{\"eventVersion\":\"1.09\",\"userAgent\":\"cu\n" CT("1") "\n" CT("2"), 2,
      0, 1 },
    { "torn behind a value", "{\"eventVersion\":\"1.09\"\n" CT("1") "\n" CT("2"), 2, 0, 1 },
    { "torn behind a comma", "{\"eventVersion\":\"1.09\",\n" CT("1") "\n" CT("2"), 2, 0, 1 },
    { "the tail of a torn line", "\"x\":1}}\n" CT("1") "\n" CT("2") "\n", 2, 0, 1 },
    { "cut at the end", "{\"Records\":[" CT("1") ",{\"eventVersion\":\"1.0", 1, 0, 1 },
    { "comment", "# of Monday\n" CT("1") "\n", 1, 0, 0 },
};

static void outer_forms_give_the_same_records(void **state)
{
    static const size_t sizes[] = { 1, 2, 7, 64, 100000 };
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(forms); i++) {
        for (size_t k = 0; k < KT_ARRAY_LEN(sizes); k++) {
            struct world w;
            start(&w, "cloudtrail");
            feed_in_pieces(&w, kt_str_of(forms[i].text), sizes[k]);
            const struct kt_pipeline_counts *c = kt_pipeline_counts(w.p);
            if (c->events != forms[i].events || c->skipped != forms[i].skipped ||
                c->quarantined != forms[i].quarantined)
                fail_msg("%s in pieces of %zu: %llu events, %llu skipped, %llu quarantined",
                         forms[i].name, sizes[k], (unsigned long long)c->events,
                         (unsigned long long)c->skipped, (unsigned long long)c->quarantined);
            assert_int_equal(times(&w, "\"native_id\":\"" CT_ID("1") "\""), forms[i].events > 0);
            assert_int_equal(times(&w, "\"native_id\":\"" CT_ID("2") "\""), forms[i].events > 1);
            stop(&w);
        }
    }
}

static void text_inside_a_string_is_unescaped_once(void **state)
{
    struct world w;
    (void)state;
    start(&w, "cloudtrail");
    feed_in_pieces(&w, KT_STR("{\"Events\":[{\"CloudTrailEvent\":\"" CT_STRING("1") "\"}]}"), 5);
    assert_true(gave(&w, "\"user_agent\":\"é😀 \\\"q\\\"\""));
    stop(&w);
}

static void records_in_base64_are_decoded(void **state)
{
    static const char *const arrays[] = { "receivedMessages", NULL };
    static const char *const members[] = { "message", NULL }, *const coded[] = { "data", NULL };
    static const size_t sizes[] = { 1, 7, 100000 };
    struct kt_source source = *kt_source_find(KT_STR("cloudtrail"));
    struct kt_buf all = { 0 };
    (void)state;
    source.wrap_arrays = arrays;
    source.wrap_members = members;
    source.wrap_base64 = coded;
    kt_buf_addz(&all, "{\"receivedMessages\":[{\"ackId\":\"a\",\"message\":{\"data\":\"");
    kt_base64_add(&all, KT_STR(CT("1")));
    kt_buf_addz(&all, "\",\"messageId\":\"1\"}},{\"message\":{\"data\":\"not base64\"}},"
                      "{\"message\":{\"data\":{\"x\":1}}},{\"message\":{\"data\":\"");
    kt_base64_add(&all, KT_STR("no JSON"));
    kt_buf_addz(&all, "\"}}]}\n");
    for (size_t i = 0; i < KT_ARRAY_LEN(sizes); i++) {
        struct world w;
        start_with(&w, &source);
        feed_in_pieces(&w, kt_buf_str(&all), sizes[i]);
        const struct kt_pipeline_counts *c = kt_pipeline_counts(w.p);
        assert_int_equal(c->records, 4);
        assert_int_equal(c->events, 1);
        assert_int_equal(c->skipped, 3);
        assert_true(gave(&w, CT_ID("1")));
        stop(&w);
    }
    kt_buf_done(&all);
}

#define LEAK(file)                                                                                 \
    "{\"type\":\"Secret Keyword\",\"filename\":\"" file                                            \
    "\",\"hashed_secret\":\"5\",\"line_number\":1}"

/* Arrays of records stand under names that nobody lists. */
static void records_in_a_map_of_arrays_are_found(void **state)
{
    static const size_t sizes[] = { 1, 7, 100000 };
    struct kt_buf all = { 0 };
    (void)state;
    kt_buf_addz(&all, "{\"plugins_used\":[{\"name\":\"x\"}],\n \"results\": {\n  \"a\":\n  [\n   ");
    kt_buf_addz(&all, LEAK("a1") "," LEAK("a2") "],\"n\":{\"y\":[{}]},\"");
    for (unsigned i = 0; i < 2000; i++)
        kt_buf_addz(&all, "long/");
    kt_buf_addz(&all, "\":[" LEAK("b1") "],\"results\":[],\"d\":[" LEAK("d1") "]\n },");
    kt_buf_addz(&all, "\"generated_at\":\"t\",\"other\":{\"a\":[" LEAK("no") "]}}\n" LEAK("e1"));
    for (size_t i = 0; i < KT_ARRAY_LEN(sizes); i++) {
        struct world w;
        start(&w, "leaks");
        feed_in_pieces(&w, kt_buf_str(&all), sizes[i]);
        assert_int_equal(kt_pipeline_counts(w.p)->records, 5);
        assert_int_equal(kt_pipeline_counts(w.p)->events, 5);
        assert_true(gave(&w, "/a1\"") && gave(&w, "/a2\"") && gave(&w, "/b1\""));
        assert_true(gave(&w, "/d1\"") && gave(&w, "/e1\"") && !gave(&w, "/no\""));
        stop(&w);
    }
    kt_buf_done(&all);
}

/* Text beside the records is not gathered, however long it goes on. */
static void an_endless_text_in_a_wrapper_is_passed_by(void **state)
{
    static char text[64 << 10];
    struct world w;
    (void)state;
    memset(text, 'x', sizeof text);
    start(&w, "cloudtrail");
    feed(&w, KT_STR("{\"Records\":[" CT("1") "],\"x\":\""));
    for (unsigned i = 0; i < 64; i++)
        feed(&w, kt_str_from(text, sizeof text));
    assert_true(kt_pipeline_low_water(w.p) + 2 * KT_RECORD_MAX > w.pos);
    feed(&w, KT_STR("\",\"Records\":[" CT("2") "]}"));
    end(&w);
    assert_true(gave(&w, CT_ID("1")) && gave(&w, CT_ID("2")));
    stop(&w);
}

/* ---- Vault records of this test ---- */

static void vault_half(struct kt_buf *b, unsigned i, bool response, const char *filler)
{
    kt_buf_addf(b,
                "{\"time\":\"2026-03-02T07:14:0%d.5Z\",\"type\":\"%s\",\"auth\":{\"display_name\":"
                "\"userpass-al\",\"metadata\":{\"username\":\"al\"}},\"request\":{\"id\":"
                "\"%08u-0000-4000-8000-000000000000\",\"operation\":\"read\",\"mount_point\":"
                "\"kv/\",\"mount_type\":\"kv\",\"path\":\"kv/data/s%u\",\"filler\":\"%s\"}",
                response ? 6 : 5, response ? "response" : "request", i, i, filler);
    if (response)
        kt_buf_addz(b, ",\"response\":{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}}");
    kt_buf_addz(b, "}\n");
}

static void a_refused_line_is_neither_lost_nor_repeated(void **state)
{
    (void)state;
    for (int source = 0; source < 2; source++) {
        struct kt_buf all = { 0 };
        for (unsigned i = 0; i < 40; i++) {
            if (source == 0) {
                kt_buf_addz(&all, i == 0 ? "{\"Records\":[" CT("1") : "," CT("2"));
            } else {
                vault_half(&all, i, false, "");
                vault_half(&all, i / 2, i % 2 == 0, "");
            }
        }
        kt_buf_addz(&all, source == 0 ? ",{\"eventName\":\"x\" \"y\"}]}" : "{\"torn\":\n");
        for (size_t size = 50; size < 5000; size *= 3) {
            struct world free_run, full_run;
            start(&free_run, source == 0 ? "cloudtrail" : "vault");
            start(&full_run, source == 0 ? "cloudtrail" : "vault");
            full_run.refuse_every = 3;
            feed_in_pieces(&free_run, kt_buf_str(&all), size);
            feed_in_pieces(&full_run, kt_buf_str(&all), size);
            assert_true(free_run.n > 20);
            assert_int_equal(free_run.n, full_run.n);
            assert_true(kt_str_eq(kt_buf_str(&free_run.lines), kt_buf_str(&full_run.lines)));
            assert_memory_equal(kt_pipeline_counts(free_run.p), kt_pipeline_counts(full_run.p),
                                offsetof(struct kt_pipeline_counts, skip));
            stop(&free_run);
            stop(&full_run);
        }
        kt_buf_done(&all);
    }
}

static void low_water_stays_below_what_waits(void **state)
{
    struct world w;
    struct kt_buf a = { 0 }, b = { 0 }, done = { 0 };
    (void)state;
    start(&w, "vault");
    vault_half(&a, 1, false, "");
    vault_half(&b, 2, false, "");
    vault_half(&done, 1, true, "");
    feed(&w, kt_buf_str(&a));
    assert_int_equal(kt_pipeline_low_water(w.p), 0);
    feed(&w, kt_buf_str(&b));
    feed(&w, kt_str_sub(kt_buf_str(&done), 0, 20));
    assert_int_equal(kt_pipeline_low_water(w.p), 0);
    feed(&w, kt_str_from_index(kt_buf_str(&done), 20));
    assert_int_equal(kt_pipeline_low_water(w.p), a.len); /* the second half still waits */
    kt_pipeline_restart(w.p, a.len);                     /* a crash: it is read again */
    w.pos = a.len;
    feed(&w, kt_buf_str(&b));
    feed(&w, KT_STR("{\"ti"));
    kt_pipeline_restart(w.p, 0);
    assert_int_equal(kt_pipeline_low_water(w.p), 0);
    assert_int_equal(w.n, 1);
    stop(&w);
    kt_buf_done(&a);
    kt_buf_done(&b);
    kt_buf_done(&done);
}

static void a_half_finds_its_partner_in_the_next_file(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_buf a = { 0 }, b = { 0 };
    (void)state;
    start(&w, "vault");
    vault_half(&a, 1, false, "");
    vault_half(&b, 1, true, "");
    feed(&w, kt_buf_str(&a));
    assert_int_equal(kt_pipeline_end(w.p, NOW, &err), KT_OK);
    kt_pipeline_restart(w.p, 0);
    w.pos = 0;
    feed(&w, kt_buf_str(&b));
    assert_int_equal(kt_pipeline_low_water(w.p), b.len);
    assert_int_equal(kt_pipeline_counts(w.p)->folded, 1);
    assert_int_equal(w.n, 1);
    stop(&w);
    kt_buf_done(&a);
    kt_buf_done(&b);
}

/* A token in its path makes further lines. */
static void a_half_alone_gives_each_line_once(void **state)
{
    struct world w;
    (void)state;
    start(&w, "vault");
    w.refuse_every = 2;
    feed(&w,
         KT_STR("{\"type\":\"request\",\"request\":{\"id\":\"" CT_ID(
             "1") "\",\"operation\":\"read\",\"path\":\"kv/hvs.abcdefghijklmnopqrstuvwx\"}}\n"));
    end(&w);
    assert_true(w.n == 3 && times(&w, "\"kind\":\"redacted\"") == 2);
    stop(&w);
}

/* The answer names no path: what is in the line comes from the half that waited. */
static void halves_that_come_interleaved_find_their_own(void **state)
{
    static const unsigned order[] = { 2, 0, 3, 1 };
    struct world w;
    struct kt_buf b = { 0 };
    char text[128];
    (void)state;
    start(&w, "vault");
    for (unsigned i = 0; i < KT_ARRAY_LEN(order); i++)
        vault_half(&b, i, false, "");
    for (unsigned i = 0; i < KT_ARRAY_LEN(order); i++)
        kt_buf_addf(&b,
                    "{\"time\":\"2026-03-02T07:14:06.5Z\",\"type\":\"response\",\"request\":"
                    "{\"id\":\"%08u-0000-4000-8000-000000000000\"},\"response\":{}}\n",
                    order[i]);
    feed(&w, kt_buf_str(&b));
    assert_int_equal(w.n, KT_ARRAY_LEN(order));
    struct kt_str rest = kt_buf_str(&w.lines), line;
    for (unsigned i = 0; i < KT_ARRAY_LEN(order); i++) {
        assert_true(kt_str_split(&rest, '\n', &line));
        (void)snprintf(text, sizeof text, "\"%08u-0000-4000-8000-000000000000\"", order[i]);
        assert_true(kt_str_has(line, kt_str_of(text)));
        (void)snprintf(text, sizeof text, "\"secret_native\":\"kv/data/s%u\"", order[i]);
        assert_true(kt_str_has(line, kt_str_of(text)));
    }
    end(&w);
    stop(&w);
    kt_buf_done(&b);
}

static void waiting_halves_are_bounded(void **state)
{
    static char filler[100001];
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    start(&w, "vault");
    for (unsigned i = 0; i < 1000; i++) {
        kt_buf_reset(&b);
        vault_half(&b, i, false, filler);
        feed(&w, kt_buf_str(&b));
    }
    assert_true(w.n > 250 && w.n < 500); /* the oldest went out alone */
    assert_true(gave(&w, "kv/s0\"") && !gave(&w, "kv/s999\""));
    assert_int_equal(times(&w, "\"outcome\":\"unknown\""), w.n);
    end(&w);
    assert_int_equal(w.n, 1000);
    stop(&w);
    kt_buf_done(&b);
}

/* ---- records of several lines ---- */

/* Lines "KEY text"; a text that ends in '.' is the last of its key; a key '-' stands alone. */
static bool letters_gather(struct kt_str line, struct kt_arena *arena, struct kt_part *ret)
{
    struct kt_str rest = line, key;
    (void)arena;
    if (!kt_str_split(&rest, ' ', &key) || rest.len == 0)
        return false;
    if (!kt_str_is(key, "-"))
        ret->key = key;
    ret->last = kt_str_ends(line, KT_STR("."));
    return true;
}

static bool letters_json(struct kt_str record, struct kt_buf *out)
{
    kt_buf_addz(out, "{\"text\":");
    kt_json_quote(out, record);
    kt_buf_byte(out, '}');
    return !kt_str_has(record, KT_STR("broken"));
}

static enum kt_status letters_decode(const struct kt_decode_in *in, struct kt_jval first,
                                     struct kt_emit *to, struct kt_error *err)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS, .action = KT_ACT_READ, .time = NOW };
    (void)first;
    (void)err;
    ev.actor = ev.operation = KT_STR("x");
    ev.native_id = kt_json_str_at(in->root, "text");
    to->event(to, &ev);
    return KT_OK;
}

static const struct kt_source letters = {
    .name = "vault", /* any that a line may name */
    .summary = "lines of letters",
    .version = 1,
    .split = KT_SPLIT_LINES,
    .to_json = letters_json,
    .gather = letters_gather,
    .gather_timeout = 2 * KT_NS_S,
    .decode = letters_decode,
};

#define ID(text) "\"native_id\":\"" text "\""

static void lines_that_come_interleaved_find_their_own(void **state)
{
    struct world w;
    (void)state;
    for (unsigned size = 1; size < 40; size++) {
        start_with(&w, &letters);
        w.refuse_every = size % 4;
        feed_in_pieces(&w, KT_STR("a 1\nb 1\n- alone\na 2\nb 2.\na 3.\nb late.\nbroken\nc 1\n"),
                       size);
        assert_int_equal(w.n, 6);
        assert_true(gave(&w, ID("a 1\\na 2\\na 3.\\n")) && gave(&w, ID("b 1\\nb 2.\\n")));
        assert_true(gave(&w, ID("- alone")) && gave(&w, ID("b late.")) && gave(&w, ID("c 1\\n")));
        assert_int_equal(kt_pipeline_counts(w.p)->records, 9);
        assert_int_equal(kt_pipeline_counts(w.p)->folded, 3);
        assert_int_equal(kt_pipeline_counts(w.p)->quarantined, 1);
        stop(&w);
    }
}

static void a_group_that_never_ends_goes_out_after_its_time(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    (void)state;
    start_with(&w, &letters);
    feed(&w, KT_STR("a 1\na 2\n"));
    assert_int_equal(kt_pipeline_expire(w.p, NOW + KT_NS_S, false, &err), KT_OK);
    assert_int_equal(w.n, 0);
    w.refuse_every = 2; /* refused once, then taken, once */
    assert_int_equal(kt_pipeline_expire(w.p, NOW + 2 * KT_NS_S, false, &err), KT_E_AGAIN);
    assert_int_equal(kt_pipeline_low_water(w.p), 0);
    assert_int_equal(kt_pipeline_expire(w.p, NOW + 2 * KT_NS_S, false, &err), KT_OK);
    assert_int_equal(w.n, 1);
    assert_true(gave(&w, ID("a 1\\na 2\\n")));
    assert_int_equal(kt_pipeline_low_water(w.p), 8);
    stop(&w);
}

static void a_waiting_group_holds_the_low_water(void **state)
{
    struct world w;
    (void)state;
    start_with(&w, &letters);
    feed(&w, KT_STR("a 1\nb 1\na 2.\n"));
    assert_int_equal(kt_pipeline_low_water(w.p), 4); /* b is not whole */
    kt_pipeline_restart(w.p, 4);                     /* a crash: it is read again */
    w.pos = 4;
    feed(&w, KT_STR("b 1\na 2.\nb 2.\n"));
    assert_int_equal(kt_pipeline_low_water(w.p), 18);
    assert_true(gave(&w, ID("b 1\\nb 2.\\n")));
    stop(&w);
}

static void a_group_goes_on_in_the_next_file(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    (void)state;
    start_with(&w, &letters);
    feed(&w, KT_STR("a 1\n"));
    assert_int_equal(kt_pipeline_end(w.p, NOW, &err), KT_OK);
    kt_pipeline_restart(w.p, 0);
    w.pos = 0;
    feed(&w, KT_STR("a 2.\n"));
    assert_int_equal(kt_pipeline_low_water(w.p), 5);
    assert_true(gave(&w, ID("a 1\\na 2.\\n")));
    stop(&w);
}

static void waiting_groups_are_bounded(void **state)
{
    static char filler[10001];
    struct world w;
    struct kt_buf b = { 0 };
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    start_with(&w, &letters);
    for (unsigned i = 0; i < KT_GROUPS_MAX + 10; i++)
        kt_buf_addf(&b, "k%u 1\n", i);
    feed(&w, kt_buf_str(&b));
    assert_int_equal(w.n, 10); /* the oldest went out as they were */
    assert_true(gave(&w, ID("k9 1\\n")) && !gave(&w, ID("k10 1\\n")));
    end(&w);
    stop(&w);
    start_with(&w, &letters);
    for (unsigned i = 0; i < 3000; i++) {
        kt_buf_reset(&b);
        kt_buf_addf(&b, "k%u %s\n", i, filler);
        feed(&w, kt_buf_str(&b));
    }
    assert_true(w.n > 1000 && w.n < 2000);
    end(&w);
    stop(&w);
    start_with(&w, &letters); /* one that grows without end */
    for (unsigned i = 0; i < 200; i++) {
        kt_buf_reset(&b);
        kt_buf_addf(&b, "k %s\n", filler);
        feed(&w, kt_buf_str(&b));
    }
    feed(&w, KT_STR("k end.\n"));
    assert_true(gave(&w, "longer than 1 MiB") && w.lines.len < 1000);
    assert_int_equal(kt_pipeline_counts(w.p)->folded, 200);
    end(&w);
    stop(&w);
    kt_buf_done(&b);
}

static void a_record_that_is_too_long_is_passed_by(void **state)
{
    static char filler[3 << 20];
    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    for (int form = 0; form < 3; form++) {
        struct world w;
        struct kt_buf all = { 0 };
        start(&w, form == 2 ? "vault" : "cloudtrail");
        if (form == 2) {
            vault_half(&all, 1, true, filler);
            vault_half(&all, 2, true, "");
        } else {
            kt_buf_addf(&all,
                        "%s{\"eventID\":\"00000000-0000-4000-8000-0000000000ff\",\"eventName\":"
                        "\"GetSecretValue\",\"eventTime\":\"2026-03-02T07:14:05Z\",\"x\":[\"%s\"]}",
                        form == 0 ? "{\"Records\":[" : "", filler);
            kt_buf_addz(&all, form == 0 ? "," CT("1") "]}" : "\n" CT("1") "\n");
        }
        feed_in_pieces(&w, kt_buf_str(&all), 100000);
        assert_int_equal(kt_pipeline_counts(w.p)->quarantined, 1);
        assert_int_equal(kt_pipeline_counts(w.p)->events, 1);
        assert_true(gave(&w, "longer than 1 MiB"));
        assert_true(gave(&w, form == 2 ? "\"time\":17724356465" : "\"time\":17724356450"));
        assert_true(form == 2 || gave(&w, "0000000000ff"));
        assert_true(w.lines.len < 10000);
        stop(&w);
        kt_buf_done(&all);
    }
}

static void a_feed_has_its_own_time(void **state)
{
    struct world w;
    struct kt_error err = { 0 };
    struct kt_buf a = { 0 }, b = { 0 };
    (void)state;
    start(&w, "vault");
    vault_half(&a, 1, false, "");
    vault_half(&b, 2, true, "");
    kt_time_ns t = NOW - 100 * KT_NS_DAY;
    assert_int_equal(kt_pipeline_record(w.p, kt_buf_str(&a), t, KT_STR("feed"), NOW, &err), KT_OK);
    assert_int_equal(w.n, 0);
    assert_int_equal(
        kt_pipeline_record(w.p, kt_buf_str(&b), t + 91 * KT_NS_S, KT_STR("feed"), NOW, &err),
        KT_OK);
    assert_int_equal(w.n, 2);
    assert_true(w.arrival == t + 91 * KT_NS_S);
    assert_int_equal(kt_pipeline_record(w.p, KT_STR("{\"x\""), t, KT_STR("feed"), NOW, &err),
                     KT_OK);
    assert_true(gave(&w, "broken JSON"));
    stop(&w);
    kt_buf_done(&a);
    kt_buf_done(&b);
}

static void a_finding_is_raised_once_an_hour(void **state)
{
    static const char clear[] =
        "{\"type\":\"response\",\"auth\":{\"client_token\":\"x\"},\"request\":{\"operation\":"
        "\"read\",\"path\":\"kv/a\"},\"response\":{}}\n";
    struct world w;
    struct kt_error err = { 0 };
    (void)state;
    start(&w, "vault");
    for (int i = 0; i < 130; i++) {
        assert_int_equal(
            kt_pipeline_feed(w.p, kt_str_of(clear), w.pos, KT_STR("f"), NOW + i * KT_NS_MIN, &err),
            KT_OK);
        w.pos += sizeof clear - 1;
    }
    assert_int_equal(w.findings, 3);
    stop(&w);
}

static void without_a_key_a_quarantined_record_has_no_hash(void **state)
{
    struct world w;
    (void)state;
    start(&w, "vault");
    feed_in_pieces(&w, KT_STR("{\"time\":\"2026-03-02T07:14:05Z\",\"broken\n"), 100);
    assert_int_equal(w.n, 1);
    assert_false(gave(&w, "hash"));
    assert_true(gave(&w, "\"shape\":{\"time\":\"string 20\"}"));
    stop(&w);
}

static void every_verb_gets_past_the_byte_search(void **state)
{
    static const char *const sources[] = {
        [CT_OTHER] = "",          [CT_SECRETS] = "secretsmanager",
        [CT_SSM] = "ssm",         [CT_KMS] = "kms",
        [CT_STS] = "sts",         [CT_IAM] = "iam",
        [CT_SIGNIN] = "signin",   [CT_TRAIL] = "cloudtrail",
        [CT_EC2] = "ec2",         [CT_S3] = "s3",
        [CT_WATCH] = "guardduty",
    };
    (void)state;
    for (unsigned i = 0; i < kt_ct_n_verbs; i++) {
        struct world w;
        struct kt_buf b = { 0 };
        start(&w, "cloudtrail");
        kt_buf_addf(&b,
                    "{\"eventName\":\"%s\",\"eventSource\":\"%s.amazonaws.com\","
                    "\"requestParameters\":{\"resourceType\":\"Parameter\",\"resourceId\":\"x\","
                    "\"bucketName\":\"a-trail\",\"enable\":false}}",
                    kt_ct_verbs[i].name, sources[kt_ct_verbs[i].service]);
        feed_in_pieces(&w, kt_buf_str(&b), 1000);
        if (w.n != 1)
            fail_msg("%s is skipped", kt_ct_verbs[i].name);
        assert_ptr_equal(kt_ct_verb_find(kt_ct_verbs[i].service, kt_str_of(kt_ct_verbs[i].name)),
                         &kt_ct_verbs[i]);
        stop(&w);
        kt_buf_done(&b);
    }
}

static void memory_forgets_what_was_unused_longest(void **state)
{
    struct kt_source_memory *m = kt_source_memory_new();
    char key[32];
    (void)state;
    kt_source_remember(m, KT_STR("a"), KT_STR("1"));
    kt_source_remember(m, KT_STR("b"), KT_STR("1"));
    for (int i = 0; i < 65535; i++) {
        snprintf(key, sizeof key, "k%d", i);
        kt_source_remember(m, kt_str_of(key), KT_STR("x"));
        if (i == 100)
            assert_true(kt_str_is(kt_source_recall(m, KT_STR("a")), "1"));
    }
    assert_int_equal(kt_source_recall(m, KT_STR("b")).len, 0);
    kt_source_remember(m, KT_STR("a"), KT_STR("2"));
    assert_true(kt_str_is(kt_source_recall(m, KT_STR("a")), "2"));
    kt_source_memory_free(m);
}

/* ---- what never comes out ---- */

static void check_planted(const char *source, struct kt_str record)
{
    struct world w;
    start(&w, source);
    feed(&w, record);
    assert_true(w.n >= 2);
    assert_true(gave(&w, "\"kind\":\"redacted\""));
    for (size_t cut = 100; cut < record.len; cut += 7) { /* torn and broken ones too */
        feed(&w, kt_str_sub(record, 0, cut));
        feed(&w, KT_STR("\n"));
    }
    end(&w);
    assert_true(kt_pipeline_counts(w.p)->quarantined > 50);
    if (gave(&w, PLANTED) || gave(&w, "planted_"))
        fail_msg(KT_STR_FMT, KT_STR_ARG(kt_buf_str(&w.lines)));
    stop(&w);
}

static void planted_values_never_come_out(void **state)
{
    (void)state;
    for (const struct planted *p = planted_records; p->source != NULL; p++)
        check_planted(p->source, kt_str_of(p->record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outer_forms_give_the_same_records),
        cmocka_unit_test(text_inside_a_string_is_unescaped_once),
        cmocka_unit_test(records_in_base64_are_decoded),
        cmocka_unit_test(records_in_a_map_of_arrays_are_found),
        cmocka_unit_test(an_endless_text_in_a_wrapper_is_passed_by),
        cmocka_unit_test(a_refused_line_is_neither_lost_nor_repeated),
        cmocka_unit_test(low_water_stays_below_what_waits),
        cmocka_unit_test(a_half_finds_its_partner_in_the_next_file),
        cmocka_unit_test(a_half_alone_gives_each_line_once),
        cmocka_unit_test(halves_that_come_interleaved_find_their_own),
        cmocka_unit_test(waiting_halves_are_bounded),
        cmocka_unit_test(lines_that_come_interleaved_find_their_own),
        cmocka_unit_test(a_group_that_never_ends_goes_out_after_its_time),
        cmocka_unit_test(a_waiting_group_holds_the_low_water),
        cmocka_unit_test(a_group_goes_on_in_the_next_file),
        cmocka_unit_test(waiting_groups_are_bounded),
        cmocka_unit_test(a_record_that_is_too_long_is_passed_by),
        cmocka_unit_test(a_feed_has_its_own_time),
        cmocka_unit_test(a_finding_is_raised_once_an_hour),
        cmocka_unit_test(without_a_key_a_quarantined_record_has_no_hash),
        cmocka_unit_test(every_verb_gets_past_the_byte_search),
        cmocka_unit_test(memory_forgets_what_was_unused_longest),
        cmocka_unit_test(planted_values_never_come_out),
    };
    kt_hash_init();
    return cmocka_run_group_tests_name("agents_pipeline", tests, NULL, NULL);
}
