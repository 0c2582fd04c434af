/*
 * issued: see the header.
 *
 * Calls: core/query, core/event, core/answer/ask.
 */
#include "core/answer/issued.h"

#include "core/event/event.h"

/* Clocks of two sources differ, and a login is written when it is done. */
#define LATE (5 * KT_NS_MIN)

static void set(struct kt_buf *to, struct kt_str text)
{
    kt_buf_reset(to);
    kt_buf_add(to, text);
}

static enum kt_status take(void *self, const struct kt_record *r, const struct kt_fact *fact,
                           struct kt_error *err)
{
    struct kt_issued *i = self;
    const struct kt_event *ev = &r->ev;
    uint8_t id[16];
    char ip[KT_IP_TEXT_MAX];
    (void)err;
    kt_time_ns time = ev->time > 0 ? ev->time : r->arrival;
    if (time < i->time)
        return KT_OK;
    kt_event_id(ev, id);
    (void)kt_id_format(id, i->id);
    i->time = time;
    i->action = ev->action;
    i->outcome = ev->outcome;
    set(&i->actor, ev->actor);
    set(&i->operation, ev->operation);
    set(&i->instance, ev->instance);
    set(&i->ip, ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : KT_STR_NONE);
    set(&i->country, fact != NULL ? fact->country : KT_STR_NONE);
    return KT_OK;
}

enum kt_status kt_issued_find(struct kt_ask *a, struct kt_str id, kt_time_ns first,
                              struct kt_issued *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_time_ns since = a->since, until = a->until;
    *ret = (struct kt_issued){ 0 };
    kt_buf_addz(&query, "action:login,issue");
    kt_ask_text(&query, id);
    a->since = first - KT_ISSUED_SPAN;
    a->until = first + LATE;
    enum kt_status status = kt_ask_records(a, kt_buf_str(&query), take, ret, err);
    a->since = since;
    a->until = until;
    return status;
}

void kt_issued_done(struct kt_issued *i)
{
    struct kt_buf *const all[] = { &i->actor, &i->operation, &i->instance, &i->ip, &i->country };
    for (size_t k = 0; k < KT_ARRAY_LEN(all); k++)
        kt_buf_done(all[k]);
}
