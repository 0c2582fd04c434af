/* dashboards/server/events_alerts: each alert that is new or other is told once, and no other one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "core/base/enc.h"
#include "dashboards/server/events.h"
#include "exporters/alerts/alert.h"
#include "tests/support/stock.h"

#define NOW   (STOCK_T0 + STOCK_NS + KT_NS_DAY)
#define MANY  60u
#define TURNS 200u

struct world {
    struct stock *s;
    struct kt_reader *reader;
    struct kt_alert_watch *watch;
    struct kt_clock_memory hands;
    struct kt_clock clock;
    char id[MANY][KT_ID_TEXT];
    unsigned n;
    bool expected[MANY], acked[MANY];
    bool due[MANY];      /* the oracle: something happened to it since the last look */
    unsigned told[MANY]; /* in this look */
};

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

/* A record of the log says that something happened, as the collector writes one. */
static void put(struct world *w, unsigned i, unsigned secrets)
{
    struct kt_error err = { 0 };
    struct kt_buf json = { 0 };
    uint8_t id[16] = { (uint8_t)(i * 37), 7, (uint8_t)i };
    struct kt_alert a = { .severity = (enum kt_severity)(i % KT_SEV_COUNT),
                          .score = 475,
                          .detector = "volume_spike",
                          .state = "open",
                          .title = KT_STR("<script>x</script>"),
                          .actor = KT_STR("bob"),
                          .secrets_count = secrets,
                          .raised = STOCK_T0 + i,
                          .time = STOCK_T0 + i,
                          .suppressed_by = w->expected[i] ? KT_STR("expect-1") : KT_STR_NONE };
    (void)kt_id_format(id, w->id[i]);
    memcpy(a.id, w->id[i], sizeof a.id);
    kt_alert_write(&a, &json);
    must(kt_store_begin(w->s->store, &err), &err);
    must(kt_store_alert_put(w->s->store, a.id, a.raised, a.raised, (int)a.severity,
                            kt_buf_str(&json), &err),
         &err);
    must(kt_store_commit(w->s->store, &err), &err);
    kt_buf_done(&json);
    stock_control(w->s, KT_KIND_AUDIT, "something", "{}", NOW);
}

static void ack(struct world *w, unsigned i)
{
    char raw[200];
    (void)snprintf(raw, sizeof raw,
                   "{\"id\":\"%s\",\"by\":\"bob\",\"where\":\"page\",\"reason\":\"\"}", w->id[i]);
    stock_control(w->s, KT_KIND_DECISION, "ack", raw, NOW);
}

static void hear(void *self, struct kt_str row)
{
    struct world *w = self;
    json_error_t why;
    json_t *o = json_loadb(row.at, row.len, 0, &why);
    assert_non_null(o);
    const char *id = json_string_value(json_object_get(o, "id"));
    unsigned i = 0;
    while (i < w->n && strcmp(w->id[i], id) != 0)
        i++;
    assert_true(i < w->n);
    assert_string_equal(json_string_value(json_object_get(o, "status")),
                        w->acked[i] ? "acknowledged" : "open");
    w->told[i]++;
    json_decref(o);
}

static void look(struct world *w)
{
    struct kt_store_stats stats;
    struct kt_error err = { 0 };
    memset(w->told, 0, sizeof w->told);
    must(kt_reader_stats(w->reader, &stats, &err), &err);
    must(kt_alert_watch_look(w->watch, w->reader, stats.control, NOW, &w->clock, hear, w, &err),
         &err);
    for (unsigned i = 0; i < w->n; i++)
        assert_int_equal(w->told[i], w->due[i] ? 1 : 0);
    memset(w->due, 0, sizeof w->due);
}

static void check_open(struct world *w)
{
    struct kt_buf out = { 0 };
    json_error_t why;
    uint64_t want[KT_SEV_COUNT] = { 0 };
    kt_alert_watch_open(w->watch, &out);
    json_t *o = json_loadb(out.at, out.len, 0, &why);
    assert_non_null(o);
    for (unsigned i = 0; i < w->n; i++)
        want[i % KT_SEV_COUNT] += !w->expected[i] && !w->acked[i];
    for (unsigned s = 0; s < KT_SEV_COUNT; s++)
        assert_int_equal(json_integer_value(json_object_get(o, kt_severity_words[s].word)),
                         want[s]);
    json_decref(o);
    kt_buf_done(&out);
}

static void turn(struct world *w, unsigned t)
{
    unsigned i = (unsigned)kt_rng_below(&w->s->rng, w->n);
    switch (kt_rng_below(&w->s->rng, 4)) {
    case 0:
        if (w->n == MANY)
            break;
        w->expected[w->n] = kt_rng_below(&w->s->rng, 5) == 0;
        w->due[w->n] = !w->expected[w->n];
        put(w, w->n++, 3);
        break;
    case 1:
        put(w, i, 1000 + t);
        w->due[i] = w->due[i] || !w->expected[i];
        break;
    case 2:
        if (w->acked[i])
            break;
        ack(w, i);
        w->acked[i] = true;
        w->due[i] = w->due[i] || !w->expected[i];
        break;
    default: /* the same again is no change */
        stock_control(w->s, KT_KIND_AUDIT, "something", "{}", NOW);
        break;
    }
}

static void what_changes_is_told_once(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct kt_error err = { 0 };
    (void)state;
    w->s = stock_new(11, 40);
    w->clock = kt_clock_memory(&w->hands);
    w->watch = kt_alert_watch_new();
    w->n = 5;
    for (unsigned i = 0; i < w->n; i++)
        put(w, i, 3);
    must(kt_reader_open(w->s->path, &w->reader, &err), &err);
    look(w); /* what is there already is no news */
    check_open(w);
    for (unsigned t = 0; t < TURNS; t++) {
        turn(w, t);
        if (kt_rng_below(&w->s->rng, 3) == 0) {
            look(w);
            check_open(w);
        }
    }
    look(w);
    look(w); /* nothing happened */
    kt_reader_close(w->reader);
    kt_alert_watch_free(w->watch);
    stock_free(w->s);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
