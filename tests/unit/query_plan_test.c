/* query_plan: whatever is asked, the planned way through filters, columns and needles gives what a
 * scan of everything gives. Random queries over a store of segments, merged ones and a tail;
 * KT_QUERIES sets how many (10,000), KT_SEED the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/event/line.h"
#include "core/query/group.h"
#include "core/store/merge.h"
#include "tests/support/store_make.h"
#include "tests/support/year.h"

#define EVENTS 1200u
#define BATCH  40u

static struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct kt_reader *reader;
    struct kt_arena arena;
    struct kt_record *all; /* every record there is, by number */
    uint32_t n;
    struct kt_rng_seeded state;
    struct kt_rng rng;
} w;

static unsigned draw(unsigned n)
{
    return (unsigned)kt_rng_below(&w.rng, n);
}

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void store_batch(struct year *y, uint64_t first, struct make *m)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    uint64_t seq;
    make_reset(m);
    for (uint32_t i = 0; i < BATCH; i++) {
        year_line(y, first + i, &m->lines);
        kt_buf_byte(&m->lines, '\n');
    }
    m->n = BATCH;
    const struct kt_store_batch b = make_import(m, YEAR_T0 + (kt_time_ns)first * KT_NS_S);
    must(kt_store_begin(w.store, &err), &err);
    must(kt_store_append(w.store, &b, &r, &err), &err);
    struct kt_event tick = { .kind = KT_KIND_TICK, .source = KT_STR("keytrail"), .time = YEAR_T0 };
    must(kt_store_control(w.store, &tick, b.stored, b.stored, &seq, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
    must(kt_store_housekeep(w.store, true, &err), &err);
}

/* A copy of every record, as a naive scan gives them. */
static void load_all(void)
{
    struct kt_error err = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    enum kt_status status;
    const struct kt_scan scan = { .records = true, .control = true };
    w.all = kt_alloc_array(2 * EVENTS, sizeof *w.all);
    must(kt_cursor_open(w.reader, &scan, &c, &err), &err);
    while ((status = kt_cursor_next(c, &r, &err)) == KT_OK) {
        r.line = kt_arena_str(&w.arena, r.line);
        r.agent = kt_arena_str(&w.arena, r.agent);
        must(kt_line_read(r.line, &w.arena, &r.ev, &err), &err);
        w.all[w.n++] = r;
    }
    assert_int_equal(status, KT_E_AGAIN);
    assert_false(w.arena.full);
    kt_cursor_free(c);
}

/* Of the newer half: the older stays as it was sealed. */
static void merge_some(void)
{
    struct kt_merge_how how = { .pieces = 3, .days = 400, .from_seq = EVENTS / 2 };
    struct kt_error err = { 0 };
    uint64_t merged;
    must(kt_merge_complete(w.store, &how, NULL, NULL, &merged, &err), &err);
    assert_true(merged >= 6);
}

static int setup(void **state)
{
    (void)state;
    const char *seed = getenv("KT_SEED");
    struct kt_error err = { 0 };
    w = (struct world){ .state = { .state = seed == NULL ? 20261122 : strtoull(seed, NULL, 10) } };
    w.rng = kt_rng_seeded(&w.state);
    w.arena = kt_arena_new(64u << 20);
    make_folder(w.folder, w.path);
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 40, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
    struct year *y = year_new(EVENTS, 7);
    struct make *m = make_new();
    for (uint64_t first = 0; first + BATCH <= EVENTS; first += BATCH)
        store_batch(y, first, m);
    make_free(m);
    year_free(y);
    merge_some();
    must(kt_reader_open(w.path, &w.reader, &err), &err);
    load_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_reader_close(w.reader);
    kt_store_close(w.store);
    kt_arena_done(&w.arena);
    kt_free(w.all);
    make_folder_drop(w.folder);
    return 0;
}

/* ---- making queries ---- */

static const struct kt_record *some_record(void)
{
    return &w.all[draw(w.n)];
}

static void quoted(struct kt_buf *q, struct kt_str s)
{
    kt_buf_byte(q, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            kt_buf_byte(q, '\\');
        kt_buf_byte(q, s.at[i]);
    }
    kt_buf_byte(q, '"');
}

/* A text that some record has, whole, as a pattern, or cut. */
static void text_value(struct kt_buf *q, struct kt_str s)
{
    if (s.len == 0 || draw(8) == 0) {
        kt_buf_addz(q, draw(2) ? "*" : "\"\"");
        return;
    }
    size_t at = draw((unsigned)s.len), n = 1 + draw((unsigned)(s.len - at));
    static const char *const frames[] = { "%s**", "**%s**", "%s*", "*%s" };
    switch (draw(4)) {
    case 0:
    case 1:
        quoted(q, s);
        return;
    case 2:
        quoted(q, kt_str_sub(s, at, n));
        return;
    default:
        break;
    }
    for (size_t i = 0; i < s.len; i++) /* blanks, commas and quotes need quotes: not in patterns */
        if (strchr(" ,\"()*\\", s.at[i]) != NULL) {
            quoted(q, s);
            return;
        }
    const char *frame = frames[draw(4)];
    struct kt_str part = frame[0] == '%' ? kt_str_sub(s, 0, n) : kt_str_sub(s, at, s.len - at);
    for (; *frame != 0; frame++) {
        if (frame[0] == '%') {
            kt_buf_add(q, part);
            frame++;
        } else {
            kt_buf_byte(q, *frame);
        }
    }
}

static void text_term(struct kt_buf *q)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
#define F(n) { #n, offsetof(struct kt_event, n) }
        F(actor),        F(actor), F(secret),     F(secret),  F(source),     F(instance),
        F(operation),    F(code),  F(user_agent), F(session), F(credential), F(host),
        F(actor_native), F(role),  F(native_id),  F(message), F(region),
#undef F
    };
    unsigned f = draw(KT_ARRAY_LEN(fields));
    kt_buf_addf(q, "%s:", fields[f].name);
    for (unsigned i = 0, n = 1 + draw(3); i < n; i++) {
        struct kt_str s;
        memcpy(&s, (const char *)&some_record()->ev + fields[f].offset, sizeof s);
        kt_buf_addz(q, i > 0 ? "," : "");
        text_value(q, s);
    }
}

static void list_term(struct kt_buf *q)
{
    const struct kt_record *r = some_record();
    const bool groups = draw(2) != 0;
    const struct kt_list *list = groups ? &r->ev.groups : &r->ev.fields;
    kt_buf_addz(q, groups ? "groups:" : "fields:");
    text_value(q, list->n == 0 ? KT_STR_NONE : list->at[draw(list->n)]);
}

static void ip_term(struct kt_buf *q)
{
    char text[KT_IP_TEXT_MAX];
    const struct kt_record *r = some_record();
    static const unsigned bits[] = { 8, 16, 20, 24, 27, 32 };
    unsigned b = bits[draw(KT_ARRAY_LEN(bits))];
    if (!r->ev.has_ip || draw(10) == 0)
        kt_buf_addz(q, "ip:*");
    else if (b == 32)
        kt_buf_addf(q, "ip:%s", kt_ip_format(r->ev.ip, text));
    else
        kt_buf_addf(q, "ip:%s/%u", kt_ip_format(kt_ip_network(r->ev.ip, b, 48).ip, text), b);
}

static void time_term(struct kt_buf *q)
{
    static const char *const signs[] = { "", ">", "<", ">=", "<=" };
    char text[KT_TIME_TEXT_MAX];
    const struct kt_record *r = some_record();
    static const char *const names[] = { "time", "arrival", "observed" };
    const char *name = names[draw(3)];
    kt_time_ns t = r->ev.time > 0 ? r->ev.time : r->arrival;
    kt_buf_addf(q, "%s:%s%s", name, signs[draw(5)], kt_time_format(t, text));
}

static void word_term(struct kt_buf *q)
{
    const struct kt_record *r = some_record();
    const char *const both[][2] = {
        { "action", kt_action_word(r->ev.action) },
        { "outcome", kt_outcome_word(r->ev.outcome) },
        { "actor_kind", kt_actor_kind_word(r->ev.actor_kind) },
        { "kind", kt_kind_word(r->ev.kind) },
    };
    unsigned k = draw(10);
    k = k >= 9 ? 3 : k % 3;
    kt_buf_addf(q, "%s:%s", both[k][0], both[k][1]);
    if (k < 2 && draw(3) == 0)
        kt_buf_addz(q, k == 0 ? ",read" : ",denied");
}

static void other_term(struct kt_buf *q)
{
    const struct kt_record *r = some_record();
    uint8_t id[16];
    char text[KT_ID_TEXT];
    static const char *const signs[] = { "", ">", "<", ">=", "<=" };
    switch (draw(3)) {
    case 0:
        kt_buf_addf(q, "seq:%s%llu", signs[draw(5)], (unsigned long long)r->seq);
        break;
    case 1:
        kt_event_id(&r->ev, id);
        kt_buf_addf(q, "id:%.*s%s", draw(2) ? 26 : 3, kt_id_format(id, text), draw(3) ? "" : "*");
        break;
    default: {
        size_t at = draw((unsigned)r->line.len);
        struct kt_str part = kt_str_sub(r->line, at, 1 + draw(12));
        if (kt_str_find_byte(part, '"', 0) >= 0 || kt_str_find_byte(part, '\\', 0) >= 0)
            part = KT_STR("GetSecretValue");
        quoted(q, part);
    }
    }
}

static void make_query(struct kt_buf *q, unsigned depth)
{
    static void (*const terms[])(struct kt_buf *) = { text_term, text_term, text_term,
                                                      list_term, ip_term,   time_term,
                                                      word_term, word_term, other_term };
    unsigned n = 1 + draw(depth == 0 ? 3 : 2);
    for (unsigned i = 0; i < n; i++) {
        kt_buf_addz(q, i == 0 ? "" : draw(3) == 0 ? " OR " : draw(8) == 0 ? " AND " : " ");
        kt_buf_addz(q, draw(5) > 0 ? "" : draw(2) ? "-" : "NOT ");
        if (depth < 3 && draw(4) == 0) {
            kt_buf_addz(q, "(");
            make_query(q, depth + 1);
            kt_buf_addz(q, ")");
        } else {
            terms[draw(KT_ARRAY_LEN(terms))](q);
        }
    }
}

/* ---- both ways ---- */

static bool belongs(const struct kt_query *q, const struct kt_record *r)
{
    return (kt_query_names_kind(q) || r->ev.kind == KT_KIND_ACCESS) && kt_query_matches(q, r, NULL);
}

static void compare(struct kt_query *q, const char *text, bool newest_first)
{
    struct kt_error err = { 0 };
    struct kt_cursor *c = NULL;
    struct kt_record r;
    enum kt_status status;
    struct kt_scan scan = { .records = true,
                            .control = kt_query_names_kind(q),
                            .newest_first = newest_first };
    kt_query_plan(q, &scan);
    must(kt_cursor_open(w.reader, &scan, &c, &err), &err);
    uint32_t at = newest_first ? w.n : 0;
    while ((status = kt_cursor_next(c, &r, &err)) == KT_OK) {
        if (!belongs(q, &r))
            continue;
        const struct kt_record *due = NULL;
        while (due == NULL && (newest_first ? at > 0 : at < w.n)) {
            const struct kt_record *at_hand = &w.all[newest_first ? --at : at++];
            due = belongs(q, at_hand) ? at_hand : NULL;
        }
        if (due == NULL || due->seq != r.seq || !kt_str_eq(due->line, r.line))
            fail_msg("%s: found %llu instead of %llu", text, (unsigned long long)r.seq,
                     due == NULL ? 0 : (unsigned long long)due->seq);
    }
    if (status != KT_E_AGAIN)
        fail_msg("%s: %s", text, err.text);
    while (newest_first ? at > 0 : at < w.n) {
        const struct kt_record *left = &w.all[newest_first ? --at : at++];
        if (belongs(q, left))
            fail_msg("%s: %llu is not found", text, (unsigned long long)left->seq);
    }
    kt_cursor_free(c);
}

/* Counted over columns or lines, whichever the query allows: as many as there are. */
static void count(struct kt_query *q, const char *text)
{
    static const char *const bys[] = { "source,outcome", "month,actor_kind,action",
                                       "day,actor",      "hour,ip",
                                       "secret",         "instance,operation,code" };
    struct kt_group_spec spec;
    struct kt_error err = { 0 };
    struct kt_groups *g = NULL;
    struct kt_scan scan = { .records = true, .control = kt_query_names_kind(q) };
    uint64_t counted = 0, there = 0;
    size_t n;
    must(kt_group_parse(kt_str_of(bys[draw(KT_ARRAY_LEN(bys))]), &spec, &err), &err);
    kt_query_plan(q, &scan);
    if (kt_group_run(w.reader, &scan, q, NULL, &spec, &g, NULL, &err) != KT_OK)
        fail_msg("%s: %s", text, err.text);
    const struct kt_group *list = kt_groups_list(g, 0, &n);
    for (size_t i = 0; i < n; i++)
        counted += list[i].count;
    for (uint32_t i = 0; i < w.n; i++)
        there += belongs(q, &w.all[i]);
    if (counted != there)
        fail_msg("%s: %llu counted, %llu there", text, (unsigned long long)counted,
                 (unsigned long long)there);
    kt_groups_free(g);
}

static void planned_and_naive_agree(void **state)
{
    (void)state;
    const char *times = getenv("KT_QUERIES");
    unsigned n = times == NULL ? 2000 : (unsigned)strtoul(times, NULL, 10), exact = 0;
    struct kt_buf text = { 0 };
    for (unsigned i = 0; i < n; i++) {
        struct kt_query *q = NULL;
        struct kt_error err = { 0 };
        kt_buf_reset(&text);
        make_query(&text, 0);
        if (kt_query_parse(kt_buf_str(&text), &q, &err) != KT_OK)
            fail_msg("%s: %s", kt_buf_z(&text), err.text);
        compare(q, kt_buf_z(&text), draw(2) == 0);
        if (i % 4 == 0)
            count(q, kt_buf_z(&text));
        exact += kt_query_exact(q);
        kt_query_free(q);
    }
    kt_buf_done(&text);
    assert_true(exact > n / 20 && exact < n); /* both ways were gone */
}

/* What a filter or a bound knows must not be opened. */
static void plans_open_little(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        uint32_t most; /* segments opened */
    } table[] = {
        { "id:%s", 2 },
        { "native_id:x id:%s seq:>1", 2 },
        { "actor:nobody@example.com", 1 },
        { "-actor:* -source:*", 0 },
        { "(session:nothing OR credential:nothing) outcome:denied", 3 },
        { "request_id:a1e5i9-a9i5e1-nobody-has-this-a1e5i9-as-its-value-a5e9i1", 1 },
        { "(issuer:a1e5i9-a9i5e1-nobody-has-this OR role:a1e5i9-a9i5e1-nobody-has-this)", 3 },
    };
    uint8_t id[16];
    char id_text[KT_ID_TEXT];
    const struct kt_record *r = &w.all[500];
    while (r->ev.kind != KT_KIND_ACCESS)
        r++;
    kt_event_id(&r->ev, id);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_buf text = { 0 };
        struct kt_query *q = NULL;
        struct kt_error err = { 0 };
        struct kt_scan scan = { .records = true };
        struct kt_scan_cost cost;
        struct kt_cursor *c = NULL;
        struct kt_record found;
        const char *slot = strstr(table[i].query, "%s");
        kt_buf_add(&text,
                   kt_str_from(table[i].query, slot == NULL ? strlen(table[i].query)
                                                            : (size_t)(slot - table[i].query)));
        if (slot != NULL)
            kt_buf_addz(&text, kt_id_format(id, id_text));
        must(kt_query_parse(kt_buf_str(&text), &q, &err), &err);
        kt_query_plan(q, &scan);
        must(kt_cursor_open(w.reader, &scan, &c, &err), &err);
        while (kt_cursor_next(c, &found, &err) == KT_OK) {
        }
        kt_cursor_cost(c, &cost);
        if (cost.opened > table[i].most)
            fail_msg("%s: %u of %u segments opened", table[i].query, cost.opened, cost.segments);
        assert_true(cost.segments > 8);
        kt_cursor_free(c);
        kt_query_free(q);
        kt_buf_done(&text);
    }
}

/* Whatever JSON makes of a value, and wherever an address stands. */
static void lines_that_fit_have_the_needles(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        unsigned needles;
    } table[] = {
        { "request_id:\"a\\\"b\\\\c\"", 1 },
        { "reason:\"tab\there \xc3\xa9\"", 1 },
        { "groups:\"ops \\\"on call\\\"\" role:*", 1 },
        { "(session:x1 OR credential:x1)", 1 },
        { "(session:x1 OR credential:x3)", 0 },
        { "(session:x1 role:r OR ticket:x1)", 1 },
        { "role:r,s ticket:\"\" -stage:old version:v*", 0 },
        { "actor_name:ALICE country_claimed:de ip_raw:203.0.113.9", 0 },
        { "actor_native:\"e1A0-42\\\"\" -actor_name:a1-2b", 1 },
    };
    struct kt_record r = { .ev = { .kind = KT_KIND_ACCESS,
                                   .source = KT_STR("vault"),
                                   .time = YEAR_T0,
                                   .actor_name = KT_STR("Alice"),
                                   .actor_native = KT_STR("E1a0-42\""),
                                   .country_claimed = KT_STR("DE"),
                                   .session = KT_STR("x1"),
                                   .credential = KT_STR("x2"),
                                   .role = KT_STR("r"),
                                   .version = KT_STR("v3"),
                                   .request_id = KT_STR("a\"b\\c"),
                                   .reason = KT_STR("tab\there \xc3\xa9"),
                                   .groups = { 1, { KT_STR("ops \"on call\"") } },
                                   .has_ip = true,
                                   .ip_raw = KT_STR("203.0.113.9") } };
    struct kt_buf line = { 0 };
    struct kt_error err = { 0 };
    assert_true(kt_ip_parse(r.ev.ip_raw, &r.ev.ip));
    must(kt_line_write(&r.ev, &line, &err), &err);
    r.line = kt_buf_str(&line);
    for (size_t i = 0; i < KT_ARRAY_LEN(table); i++) {
        struct kt_query *q = NULL;
        struct kt_scan scan = { 0 };
        must(kt_query_parse(kt_str_of(table[i].query), &q, &err), &err);
        kt_query_plan(q, &scan);
        if (scan.n_needles != table[i].needles || !kt_query_matches(q, &r, NULL) ||
            !kt_str_has_all(r.line, scan.needle, scan.n_needles))
            fail_msg("%s: %u needles in " KT_STR_FMT, table[i].query, scan.n_needles,
                     KT_STR_ARG(r.line));
        kt_query_free(q);
    }
    kt_buf_done(&line);
}

struct said {
    char text[1000];
};

static void note(void *self, struct kt_str part, const char *use)
{
    struct said *s = self;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof s->text - n, KT_STR_FMT " = %s; ", KT_STR_ARG(part), use);
}

static void plans_say_what_they_do(void **state)
{
    (void)state;
    struct kt_query *q = NULL;
    struct said said = { "" };
    struct kt_scan scan = { 0 };
    must(kt_query_parse(KT_STR("actor:a -(secret:b OR secret:c) (outcome:denied session:\"x\") "
                               "\"text\" time:>2026-11-22 (a OR -b) reason:z"),
                        &q, NULL),
         NULL);
    kt_query_plan(q, &scan);
    kt_query_describe(q, note, &said);
    assert_string_equal(said.text, "actor:a = filter of the segment and column; "
                                   "-(secret:b OR secret:c) = column; "
                                   "outcome:denied = column; "
                                   "session:\"x\" = filter of the segment, then each line; "
                                   "\"text\" = looked for in each line; "
                                   "time:>2026-11-22 = bound of the walk; "
                                   "(a OR -b) = judged on each line; "
                                   "reason:z = looked for in each line; ");
    assert_false(kt_query_exact(q));
    kt_query_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planned_and_naive_agree),
        cmocka_unit_test(plans_open_little),
        cmocka_unit_test(lines_that_fit_have_the_needles),
        cmocka_unit_test(plans_say_what_they_do),
    };
    return cmocka_run_group_tests_name("query_plan", tests, setup, teardown);
}
