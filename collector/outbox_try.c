/*
 * outbox_try: `notify test`: one marked alert to one target, in the caller's thread.
 *
 * Owns:  nothing that outlives the call.
 * Calls: courier, core/sys/http, exporters/alerts (alert, ack).
 */
#include "collector/courier.h"
#include "collector/outbox.h"
#include "exporters/alerts/ack.h"
#include <string.h>

#define ARENA      (512u << 10)
#define TEST_LIMIT (35 * KT_NS_S) /* longer than any request may take */

struct test_run {
    struct kt_courier courier;
    struct kt_outbox_test *ret;
    struct kt_clock clock;
    bool done;
};

static void test_answered(void *self, struct kt_http_answer *a)
{
    struct test_run *t = self;
    struct kt_target_ruling ruling;
    t->ret->status = a->status;
    t->ret->took = a->took;
    t->ret->verdict = kt_courier_answered(&t->courier, a, t->clock.mono(t->clock.self),
                                          t->clock.wall(t->clock.self), &ruling, t->ret->word);
    t->done = true;
}

static void test_alert(kt_time_ns now, struct kt_buf *json)
{
    struct kt_alert a = { .id = KT_ACK_TEST,
                          .severity = KT_SEV_INFO,
                          .detector = "test",
                          .state = "open",
                          .time = now,
                          .raised = now,
                          .title = KT_STR("Test of this target by `keytrail notify test`."),
                          .normal = KT_STR("Nothing happened: nobody has to do anything."),
                          .source = KT_STR("keytrail"),
                          .test = true };
    kt_alert_write(&a, json);
}

static enum kt_status test_send(struct test_run *t, struct kt_http *http, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf json = { 0 };
    KT_CLEANUP(kt_arena_done) struct kt_arena arena = kt_arena_new(ARENA);
    struct kt_target_request req = { 0 };
    struct kt_http_request r;
    struct kt_outbox_row row = { .row = 1, .alert = "test", .action = "test" };
    kt_time_ns now = t->clock.wall(t->clock.self);
    row.row = now / KT_NS_MS; /* each test is a message of its own */
    test_alert(now, &json);
    enum kt_status st =
        kt_courier_render(&t->courier, &row, kt_buf_str(&json), false, now, &arena, &req, err);
    if (st == KT_OK) {
        kt_courier_request(&t->courier, &req, 1, &r);
        st = kt_http_start(http, &r, err);
    }
    if (st == KT_OK)
        kt_courier_started(&t->courier, 0);
    kt_time_ns until = t->clock.mono(t->clock.self) + TEST_LIMIT;
    while (st == KT_OK && !t->done && t->clock.mono(t->clock.self) < until)
        kt_http_run(http, 1000, -1, test_answered, t);
    kt_buf_done(&req.body);
    if (st == KT_OK && !t->done)
        return kt_fail(err, KT_E_AGAIN, "no answer in time");
    return st;
}

static enum kt_status no_target(const struct kt_conf *conf, const char *target,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf names = { 0 };
    for (unsigned i = 0; i < conf->n_targets; i++)
        kt_buf_addf(&names, "%s%s", i > 0 ? ", " : "", conf->targets[i].name);
    return kt_fail(err, KT_E_CONFIG, "there is no target '%s' in alerts.targets; there %s%s",
                   target, conf->n_targets > 0 ? "are: " : "is none", kt_buf_z(&names));
}

enum kt_status kt_outbox_test(const struct kt_outbox_options *o, const char *target,
                              struct kt_outbox_test *ret, struct kt_error *err)
{
    struct test_run t = { .ret = ret, .clock = o->clock };
    const struct kt_conf_target *conf = NULL;
    for (unsigned i = 0; i < o->conf->n_targets; i++)
        if (strcmp(o->conf->targets[i].name, target) == 0)
            conf = &o->conf->targets[i];
    if (conf == NULL)
        return no_target(o->conf, target, err);
    enum kt_status st = kt_courier_open(o->conf, conf, &t.courier, err);
    if (st != KT_OK)
        return st;
    struct kt_http *http = kt_http_new();
    st = test_send(&t, http, err);
    kt_http_free(http);
    kt_courier_done(&t.courier);
    return st;
}
