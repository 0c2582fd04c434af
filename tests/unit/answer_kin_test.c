/* answer_kin: leaver, exposure, dormant, unused and canary in the worlds of tests/support/incident:
 * each against what the world knows, or a naive loop over its events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/canary.h"
#include "core/answer/dormant.h"
#include "core/answer/exposure.h"
#include "core/answer/leaver.h"
#include "core/answer/unused.h"
#include "core/base/alloc.h"
#include "tests/support/incident.h"

#define SEEDS 10u

static struct kt_error err;
static void must(enum kt_status status)
{
    if (status != KT_OK)
        fail_msg("%s", err.text);
}

static struct kt_ask asked(struct incident *w, const struct kt_identities *ids)
{
    struct kt_ask a;
    must(kt_ask_open(&a, w->path, ids, MAKE_T0, &err));
    return a;
}

static struct kt_identities *person(const struct incident *w)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_identities *ids = kt_identities_new();
    kt_buf_addf(&text,
                "identities:\n  - { name: al@acme.example, kind: human, aliases: [\"%s\", "
                "{ actor: \"%s\", source: cloudtrail }] }\n",
                w->actor, w->alias);
    /* the actor of the incident is in several sources, the alias in one */
    must(kt_identities_parse(ids, kt_buf_str(&text), "identities", &err));
    return ids;
}

/* ---- leaver ---- */

static bool is_open(const struct kt_blast *b, const char *id)
{
    for (uint32_t i = 0; i < b->open; i++)
        if (kt_str_is(b->secret[i].state->secret, id))
            return true;
    return false;
}

static void check_leaver(struct incident *w, const char *name)
{
    struct kt_identities *ids = person(w);
    struct kt_ask a = asked(w, ids);
    struct kt_credential c = { 0 };
    struct kt_leaver *l = NULL;
    const struct kt_blast_options options = { 0 };
    unsigned open = 2; /* the alias's secret, and what the session that was opened read */
    must(kt_credential_find(&a, kt_str_of(name), NULL, &c, &err));
    must(kt_leaver_load(&a, &c, INCIDENT_LEFT, &options, &l, &err));
    assert_int_equal(l->n_accesses, w->after + 3);
    assert_int_equal(l->succeeded, w->after + 2);
    for (uint32_t i = 0; i < l->n_accesses; i++) {
        assert_true(l->access[i].time >= INCIDENT_LEFT);
        assert_int_equal(l->access[i].by_key, i > w->after);
        assert_true(kt_str_is(l->access[i].target, w->alias_secret));
    }
    assert_int_equal(l->key.n, 1);
    assert_true(is_open(l->before, w->alias_secret) && is_open(l->before, w->hop));
    for (unsigned i = 0; i < w->n; i++) {
        const struct incident_secret *s = &w->secret[i];
        bool want = s->taken && kt_exposure_is_open(s->want);
        open += want;
        if (is_open(l->before, s->id) != want)
            fail_msg("%s (%s)", s->id, s->story);
    }
    assert_int_equal(l->before->open, open);
    kt_leaver_free(l);
    kt_credential_done(&c);
    kt_ask_done(&a);
    kt_identities_free(ids);
}

static void a_planted_leaver_is_told_exactly(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct incident *w = incident_new(seed);
        check_leaver(w, "al@acme.example");
        check_leaver(w, w->alias);
        incident_free(w);
    }
}

/* ---- exposure ---- */

static void uses_after_a_leak_are_counted(void **state)
{
    (void)state;
    struct incident *w = incident_new(3);
    struct kt_ask a = asked(w, NULL);
    struct kt_exposures *x = NULL;
    unsigned secrets = 0, open = 0;
    must(kt_exposures_load(&a, KT_STR_NONE, &x, &err));
    assert_int_equal(x->n, 1);
    assert_true(kt_str_is(x->at[0].credential, w->credential));
    assert_int_equal(x->at[0].uses, w->records);
    assert_int_equal(x->at[0].failed, w->failed);
    assert_int_equal(x->at[0].reads, w->reads);
    for (unsigned i = 0; i < w->n; i++) {
        secrets += w->secret[i].by_name && w->secret[i].taken;
        open +=
            w->secret[i].by_name && w->secret[i].taken && kt_exposure_is_open(w->secret[i].want);
    }
    assert_int_equal(x->at[0].secrets, secrets + 1); /* and the set */
    assert_int_equal(x->at[0].open, open + 1);
    kt_exposures_free(x);
    must(kt_exposures_load(&a, KT_STR("gitlab**"), &x, &err));
    assert_int_equal(x->n, 0);
    kt_exposures_free(x);
    kt_ask_done(&a);
    incident_free(w);
}

/* ---- dormant ---- */

/* By a loop over the events, in the order of time. */
static enum kt_dormant_state naive(const struct incident *w, struct kt_str actor, kt_time_ns span,
                                   kt_time_ns as_of)
{
    kt_time_ns last = 0, back = 0;
    for (unsigned i = 0; i < w->n_events; i++) {
        const struct kt_event *ev = &w->event[i];
        if (ev->kind != KT_KIND_ACCESS || !kt_str_eq(ev->actor, actor))
            continue;
        if (last != 0 && ev->time - last >= span)
            back = ev->time;
        last = ev->time;
    }
    return last < as_of - span                 ? KT_DORMANT_SILENT
           : back != 0 && back >= as_of - span ? KT_DORMANT_BACK
                                               : KT_DORMANT_COUNT;
}

static void silence_is_that_of_a_loop(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct incident *w = incident_new(seed);
        struct kt_ask a = asked(w, NULL);
        for (unsigned days = 1; days <= 40; days += 13) {
            struct kt_dormants *d = NULL;
            unsigned found = 0;
            must(kt_dormants_load(&a, days * KT_NS_DAY, &d, &err));
            for (uint32_t i = 0; i < d->n; i++)
                assert_int_equal(naive(w, d->at[i].actor, days * KT_NS_DAY, d->as_of),
                                 d->at[i].state);
            for (unsigned i = 0; i < w->n_events; i++) { /* each actor at its last event */
                bool last = w->event[i].kind == KT_KIND_ACCESS && w->event[i].actor.len > 0;
                for (unsigned k = i + 1; k < w->n_events && last; k++)
                    last = !(w->event[k].kind == KT_KIND_ACCESS &&
                             kt_str_eq(w->event[k].actor, w->event[i].actor));
                found += last && naive(w, w->event[i].actor, days * KT_NS_DAY, d->as_of) !=
                                     KT_DORMANT_COUNT;
            }
            assert_int_equal(d->n, found);
            kt_dormants_free(d);
        }
        kt_ask_done(&a);
        incident_free(w);
    }
}

/* ---- unused ---- */

static bool was_read(const struct incident *w, struct kt_str secret, kt_time_ns since)
{
    for (unsigned i = 0; i < w->n_events; i++) {
        const struct kt_event *ev = &w->event[i];
        struct kt_str prefix = kt_str_sub(ev->secret, 0, ev->secret.len - 1);
        bool set = kt_str_ends(ev->secret, KT_STR("/*"));
        if (ev->kind == KT_KIND_ACCESS && kt_event_is_read(ev) && ev->outcome == KT_OUT_SUCCESS &&
            ev->time >= since &&
            (set ? kt_str_starts(secret, prefix) : kt_str_eq(secret, ev->secret)))
            return true;
    }
    return false;
}

static void unused_is_what_no_read_names(void **state)
{
    (void)state;
    struct incident *w = incident_new(5);
    struct kt_ask a = asked(w, NULL);
    for (unsigned days = 1; days <= 61; days += 10) {
        struct kt_unused *u = NULL;
        unsigned n = 0;
        must(kt_unused_load(&a, days * KT_NS_DAY, &u, &err));
        for (unsigned i = 0; i < w->n_events; i++)
            n +=
                w->event[i].kind == KT_KIND_INVENTORY && !was_read(w, w->event[i].secret, u->since);
        assert_int_equal(u->n, n);
        for (uint32_t i = 0; i < u->n; i++)
            assert_false(was_read(w, u->item[i]->secret, u->since));
        kt_unused_free(u);
    }
    kt_ask_done(&a);
    incident_free(w);
}

/* ---- canary ---- */

static void canaries_tell_touches_from_tests(void **state)
{
    (void)state;
    struct incident *w = incident_new(7);
    struct kt_ask a = asked(w, NULL);
    struct kt_conf *conf = NULL;
    struct kt_canaries *c = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    kt_buf_addf(&text,
                "canaries:\n  - { secret: \"%s\", allow: [\"al@laptop\"] }\n"
                "  - { secret: \"team/trap\" }\n  - { secret: \"nobody/knows\" }\n",
                w->alias_secret);
    must(kt_conf_parse(kt_buf_str(&text), "conf", NULL, 0, &conf, &err));
    must(kt_canaries_load(&a, conf, &c, &err));
    assert_int_equal(c->n, 3);
    assert_int_equal(c->at[0].tests, w->after + 2);
    assert_int_equal(c->at[0].touches, 3);
    assert_true(kt_str_is(c->at[0].by, "al@laptop2"));
    assert_int_equal(c->at[1].touches, 3);
    assert_int_equal(c->at[1].tests, 0);
    assert_int_equal(c->at[2].touches + c->at[2].tests, 0);
    kt_canaries_free(c);
    kt_conf_free(conf);
    kt_ask_done(&a);
    incident_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_leaver_is_told_exactly),
        cmocka_unit_test(uses_after_a_leak_are_counted),
        cmocka_unit_test(silence_is_that_of_a_loop),
        cmocka_unit_test(unused_is_what_no_read_names),
        cmocka_unit_test(canaries_tell_touches_from_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
