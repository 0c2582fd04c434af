/* answer_reads: what counts as a read. The function, the question and the columns say the same of
 * every sort of access; and what Secrets Manager decrypts for a read is no second one, nor a second
 * access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/blast.h"
#include "core/answer/dormant.h"
#include "core/answer/exposure.h"
#include "core/answer/leaver.h"
#include "core/answer/peers.h"
#include "core/answer/population.h"
#include "core/answer/profile.h"
#include "core/answer/rotation.h"
#include "core/answer/sheet.h"
#include "tests/support/store_make.h"

#define T0  MAKE_T0
#define NOW (T0 + KT_NS_DAY)
#define PAY "aws-sm://111122223333/eu-central-1/pay/db"

static struct world {
    char folder[64], path[96];
    struct kt_store *store;
    struct make *make;
    struct kt_ask ask;
    unsigned n;
} w;

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("%s", err->text);
}

static void begin(void)
{
    struct kt_error err = { 0 };
    w = (struct world){ .make = make_new() };
    make_folder(w.folder, w.path);
    const struct kt_store_options o = {
        .path = w.path, .create = true, .segment_events = 40, .seal_here = true
    };
    must(kt_store_open(&o, &w.store, &err), &err);
    make_reset(w.make);
}

static void access_is(struct kt_event ev, const char *actor)
{
    char id[16];
    (void)snprintf(id, sizeof id, "id-%u", w.n);
    ev.kind = KT_KIND_ACCESS;
    ev.outcome = KT_OUT_SUCCESS;
    ev.actor = kt_str_of(actor);
    ev.actor_kind = KT_ACTOR_SERVICE;
    ev.instance = ev.scope = KT_STR("aws-main");
    ev.native_id = kt_str_of(id);
    ev.operation = KT_STR("op");
    ev.time = ev.observed = T0 + w.n++ * KT_NS_S;
    make_event(w.make, &ev);
}

static void end(void)
{
    struct kt_error err = { 0 };
    struct kt_store_result r;
    const struct kt_store_batch b = make_import(w.make, NOW);
    must(kt_store_begin(w.store, &err), &err);
    must(kt_store_append(w.store, &b, &r, &err), &err);
    must(kt_store_commit(w.store, &err), &err);
    must(kt_store_housekeep(w.store, true, &err), &err);
    must(kt_ask_open(&w.ask, w.path, NULL, NOW, &err), &err);
    w.ask.since = T0;
    w.ask.until = NOW;
}

static void drop(void)
{
    kt_ask_done(&w.ask);
    kt_store_close(w.store);
    make_free(w.make);
    make_folder_drop(w.folder);
}

/* ---- one rule ---- */

struct said {
    bool lines[1000], shadow[1000], question[1000], columns[1000];
    unsigned n, asked, n_columns;
};

static enum kt_status by_line(void *self, const struct kt_record *r, const struct kt_fact *fact,
                              struct kt_error *err)
{
    struct said *s = self;
    (void)fact;
    (void)err;
    s->n++;
    s->lines[r->seq] = kt_event_is_read(&r->ev);
    s->shadow[r->seq] = kt_event_is_shadow(&r->ev);
    return KT_OK;
}

static enum kt_status by_question(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct said *s = self;
    (void)fact;
    (void)err;
    s->asked++;
    s->question[r->seq] = true;
    return KT_OK;
}

static enum kt_status by_column(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct said *s = self;
    (void)err;
    for (uint32_t i = 0; i < view->picks; i++, s->n_columns++)
        s->columns[(view->time[view->pick[i]] - T0) / KT_NS_S] =
            kt_column_is_read(view->columns, view->pick[i]);
    return KT_OK;
}

static void make_all_sorts(void)
{
    static const char *const sources[] = { "cloudtrail", "vault", "azure" };
    static const char *const secrets[] = { "",
                                           PAY,
                                           "aws-ssm://111122223333/eu-central-1/pay/db",
                                           "aws-kms://111122223333/eu-central-1/key-1",
                                           "az-kv://pay.vault.azure.net/keys/k",
                                           "az-kv://pay.vault.azure.net/secrets/s" };
    struct kt_ip ip;
    assert_true(kt_ip_parse(KT_STR("203.0.113.40"), &ip));
    for (int action = 0; action < KT_ACT_COUNT; action++)
        for (size_t i = 0; i < KT_ARRAY_LEN(sources) * KT_ARRAY_LEN(secrets) * 2; i++)
            access_is((struct kt_event){ .action = (enum kt_action)action,
                                         .source = kt_str_of(sources[i / 2 % 3]),
                                         .secret = kt_str_of(secrets[i / 6]),
                                         .has_ip = i % 2 == 1,
                                         .ip = ip },
                      "pay-api");
}

static void the_question_and_columns_say_what_the_function_says(void **state)
{
    static struct said s, own;
    struct kt_error err = { 0 };
    (void)state;
    begin();
    make_all_sorts();
    end();
    must(kt_ask_records(&w.ask, KT_STR(""), by_line, &s, &err), &err);
    must(kt_ask_records(&w.ask, KT_STR(KT_ASK_READS), by_question, &s, &err), &err);
    must(kt_ask_records(&w.ask, KT_STR(KT_ASK_NO_SHADOWS), by_question, &own, &err), &err);
    must(kt_ask_columns(&w.ask, KT_STR(""), KT_ACCESS_COLUMNS, by_column, &s, &err), &err);
    assert_int_equal(s.n, w.n);
    assert_int_equal(s.n_columns, w.n);
    assert_in_range(s.asked, 1, w.n - 1);
    for (unsigned i = 0; i < w.n; i++) { /* records are numbered from 1 on */
        assert_int_equal(s.question[i + 1], s.lines[i + 1]);
        assert_int_equal(own.question[i + 1], !s.shadow[i + 1]);
        assert_int_equal(s.columns[i], s.lines[i + 1]);
    }
    drop();
}

/* ---- one read ---- */

/* Of each read two records: as the trail has them. */
static void make_reads(unsigned n)
{
    struct kt_event read = { .action = KT_ACT_READ,
                             .source = KT_STR("cloudtrail"),
                             .secret = KT_STR(PAY),
                             .credential = KT_STR("ASIAPAYEXAMPLE"),
                             .has_ip = true };
    struct kt_event shadow = { .action = KT_ACT_USE,
                               .flags = KT_FLAG(SHADOW),
                               .source = KT_STR("cloudtrail"),
                               .secret = KT_STR(PAY),
                               .credential = KT_STR("ASIAPAYEXAMPLE"),
                               .ip_raw = KT_STR("secretsmanager.amazonaws.com"),
                               .ip_trust = KT_TRUST_SERVICE };
    assert_true(kt_ip_parse(KT_STR("203.0.113.40"), &read.ip));
    for (unsigned i = 0; i < n; i++) {
        access_is(read, "pay-api");
        access_is(shadow, "pay-api");
    }
}

static void check_blast(unsigned reads)
{
    static const struct kt_blast_options options;
    struct kt_error err = { 0 };
    struct kt_credential c = { 0 };
    struct kt_blast *b = NULL;
    must(kt_credential_find(&w.ask, KT_STR("ASIAPAYEXAMPLE"), NULL, &c, &err), &err);
    must(kt_blast_load(&w.ask, &c, &options, &b, &err), &err);
    assert_int_equal(b->records, 2 * reads);
    assert_int_equal(b->reads, reads);
    assert_int_equal(b->n_secrets, 1);
    assert_int_equal(b->secret[0].state->reads, reads);
    assert_int_equal(b->secret[0].state->n_readers, 0); /* nobody besides */
    kt_blast_free(b);
    kt_credential_done(&c);
}

static void what_secrets_manager_decrypts_for_a_read_is_that_read(void **state)
{
    struct kt_error err = { 0 };
    struct kt_population *pop = NULL;
    struct kt_profile *p = NULL;
    struct kt_rotation *r = NULL;
    struct kt_peers peers;
    const struct kt_profile_ask who = { .kind = KT_PROFILE_SECRET,
                                        .value = KT_STR(PAY),
                                        .reads_only = true };
    const struct kt_rotation_ask rotation = { .secret = KT_STR(PAY), .since = T0 };
    (void)state;
    begin();
    make_reads(5);
    end();
    must(kt_population_load(&w.ask, &pop, &err), &err);
    assert_int_equal(pop->all.events, 10);
    assert_int_equal(pop->shadows, 5);
    assert_int_equal(pop->actor[0].t.events, 5);
    assert_int_equal(pop->secret[0].t.events, 5);
    assert_int_equal(pop->actor[0].reads, 5);
    assert_int_equal(pop->pair[0].reads, 5);
    kt_population_free(pop);
    must(kt_profile_load(&w.ask, &who, &p, &err), &err);
    assert_int_equal(p->reads, 5);
    kt_profile_free(p);
    must(kt_peers_load(&w.ask, KT_ACTOR_SERVICE, KT_STR_NONE, &peers, &err), &err);
    assert_int_equal((int)peers.median[KT_PEERS_READS], 5);
    must(kt_rotation_load(&w.ask, &rotation, &r, &err), &err);
    assert_int_equal(r->reader[0].old + r->reader[0].fresh + r->reader[0].before, 5);
    kt_rotation_free(r);
    check_blast(5);
    drop();
}

/* ---- one access ---- */

static void make_leak(void)
{
    const struct kt_event leak = { .kind = KT_KIND_EXPOSURE,
                                   .outcome = KT_OUT_SUCCESS,
                                   .source = KT_STR("leaks"),
                                   .instance = KT_STR("leaks-git"),
                                   .scope = KT_STR("x"),
                                   .native_id = KT_STR("leak-1"),
                                   .operation = KT_STR("aws-key"),
                                   .code = KT_STR("active"),
                                   .secret = KT_STR("git://acme/pay/main.tf"),
                                   .credential = KT_STR("ASIAPAYEXAMPLE"),
                                   .time = T0,
                                   .observed = T0 };
    struct kt_event ev = leak;
    make_event(w.make, &ev);
    w.n++;
}

static void check_leaver(unsigned accesses)
{
    static const struct kt_blast_options options;
    struct kt_error err = { 0 };
    struct kt_credential c = { 0 };
    struct kt_leaver *l = NULL;
    must(kt_credential_find(&w.ask, KT_STR("pay-api"), NULL, &c, &err), &err);
    must(kt_leaver_load(&w.ask, &c, T0, &options, &l, &err), &err);
    assert_int_equal(l->n_accesses, accesses);
    assert_int_equal(l->succeeded, accesses);
    kt_leaver_free(l);
    kt_credential_done(&c);
}

static void check_exposure(unsigned uses)
{
    struct kt_error err = { 0 };
    struct kt_exposures *x = NULL;
    must(kt_exposures_load(&w.ask, KT_STR_NONE, &x, &err), &err);
    assert_int_equal(x->n, 1);
    assert_int_equal(x->at[0].uses, uses);
    assert_int_equal(x->at[0].reads, uses);
    assert_int_equal(x->at[0].uses_before, 0);
    kt_exposures_free(x);
}

static void check_dormant(unsigned accesses)
{
    struct kt_error err = { 0 };
    struct kt_dormants *d = NULL;
    must(kt_dormants_load(&w.ask, KT_NS_HOUR, &d, &err), &err);
    assert_int_equal(d->n, 1);
    assert_int_equal(d->at[0].records, accesses);
    assert_int_equal(d->at[0].reads, accesses);
    kt_dormants_free(d);
}

/* A sheet's cell of accesses: of who is silent since noon, or who left at the beginning. */
static void check_sheet(enum kt_review_kind kind, unsigned cell, const char *accesses)
{
    const struct kt_sheet_leaver left = { .name = KT_STR("pay-api"), .left = T0 };
    const struct kt_sheet_wish wish = {
        .kind = kind, .scope = "", .leaver = &left, .n_leavers = 1
    };
    struct kt_error err = { 0 };
    struct kt_sheet *s = NULL;
    w.ask.since = T0 + KT_NS_DAY / 2;
    must(kt_sheet_make(&w.ask, &wish, "log", &s, &err), &err);
    w.ask.since = T0;
    assert_int_equal(s->n, 1);
    assert_true(kt_str_is(s->row[0].cell[cell], accesses));
    kt_sheet_free(s);
}

static void what_secrets_manager_decrypts_for_an_access_is_that_access(void **state)
{
    (void)state;
    begin();
    make_leak();
    make_reads(5);
    end();
    check_leaver(5);
    check_exposure(5);
    check_dormant(5);
    check_sheet(KT_REVIEW_LEAVERS, 2, "5");
    check_sheet(KT_REVIEW_DORMANT, 3, "5");
    drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_question_and_columns_say_what_the_function_says),
        cmocka_unit_test(what_secrets_manager_decrypts_for_a_read_is_that_read),
        cmocka_unit_test(what_secrets_manager_decrypts_for_an_access_is_that_access),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
