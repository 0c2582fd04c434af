/* answer_blast: in random worlds with a planted incident, the blast radius has exactly the secrets
 * that were read, says of each what is true, and counts to the row what a search finds. KT_SEEDS
 * sets how many worlds (12), KT_SEED the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/answer/blast.h"
#include "tests/support/accesses.h"
#include "tests/support/incident.h"

static uint64_t seed;

static void must(enum kt_status status, const struct kt_error *err)
{
    if (status != KT_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err->text);
}

static enum kt_status count_record(void *self, const struct kt_record *r,
                                   const struct kt_fact *fact, struct kt_error *err)
{
    (void)r;
    (void)fact;
    (void)err;
    ++*(uint64_t *)self;
    return KT_OK;
}

/* What `search` counts for the credential's query with more behind it. */
static uint64_t search(struct kt_ask *a, const struct kt_credential *c, const char *more,
                       const char *secret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    struct kt_error err = { 0 };
    uint64_t n = 0;
    kt_buf_add(&query, kt_buf_str(&c->query));
    kt_buf_addz(&query, more);
    if (secret != NULL)
        kt_ask_term(&query, "secret", kt_str_of(secret));
    must(kt_ask_records(a, kt_buf_str(&query), count_record, &n, &err), &err);
    return n;
}

#define READS " " KT_BLAST_READS

static const struct kt_secret_state *found(const struct kt_blast *b, const char *id)
{
    for (uint32_t i = 0; i < b->n_secrets; i++)
        if (kt_str_is(b->secret[i].state->secret, id))
            return b->secret[i].state;
    return NULL;
}

static void check_secret(const struct kt_blast *b, const struct incident_secret *s)
{
    const struct kt_secret_state *st = found(b, s->id);
    if ((st != NULL) != s->taken)
        fail_msg("seed %llu: %s (%s): %s", (unsigned long long)seed, s->id, s->story,
                 st != NULL ? "is there" : "is missing");
    if (st == NULL)
        return;
    if (st->exposure != s->want)
        fail_msg("seed %llu: %s (%s): %s, and %s is true", (unsigned long long)seed, s->id,
                 s->story, kt_exposure_word(st->exposure), kt_exposure_word(s->want));
    if (st->reads != s->reads || (s->by_name && st->n_readers != s->readers))
        fail_msg("seed %llu: %s (%s): %llu reads of %u, %u readers of %u", (unsigned long long)seed,
                 s->id, s->story, (unsigned long long)st->reads, s->reads, st->n_readers,
                 s->readers);
}

static void check_order(const struct kt_blast *b)
{
    for (uint32_t i = 0; i + 1 < b->n_secrets; i++) {
        bool here = kt_exposure_is_open(b->secret[i].state->exposure),
             next = kt_exposure_is_open(b->secret[i + 1].state->exposure);
        assert_true(here || !next);
        if (here == next && b->secret[i].production == b->secret[i + 1].production)
            assert_true(b->secret[i].state->n_readers <= b->secret[i + 1].state->n_readers);
    }
}

/* The same incident by each of its handles: one credential, its session, its actor, its address. */
static void check(struct incident *w, const char *handle, enum kt_credential_as as)
{
    struct kt_error err = { 0 };
    struct kt_ask a;
    struct kt_credential c = { 0 };
    struct kt_blast *b = NULL;
    const struct kt_blast_options options = { 0 };
    uint64_t reads = 0;
    must(kt_ask_open(&a, w->path, NULL, MAKE_T0, &err), &err);
    must(kt_credential_find(&a, kt_str_of(handle), NULL, &c, &err), &err);
    assert_int_equal(c.as, as);
    must(kt_blast_load(&a, &c, &options, &b, &err), &err);
    for (unsigned i = 0; i < w->n; i++)
        check_secret(b, &w->secret[i]);
    assert_null(found(b, "aws-sm://999988887777/eu-central-1/team/trap"));
    assert_int_equal(b->n_hops, 1);
    assert_non_null(found(b, w->hop));
    assert_int_equal(b->reads, w->reads + b->hop[0].reads);
    assert_int_equal(b->failed, w->failed);
    assert_int_equal(b->records, w->records + b->hop[0].records);
    assert_int_equal(w->records, search(&a, &c, "", NULL));
    assert_int_equal(w->reads, search(&a, &c, READS, NULL));
    assert_int_equal(b->failed, search(&a, &c, " -outcome:success,unknown", NULL));
    for (unsigned i = 0; i < w->n; i++) {
        reads += w->secret[i].by_name ? w->secret[i].reads : 0;
        if (w->secret[i].by_name && as == KT_AS_CREDENTIAL)
            assert_int_equal(w->secret[i].reads, search(&a, &c, READS, w->secret[i].id));
    }
    assert_int_equal(reads + b->list[KT_BLAST_SETS].at[0].n, w->reads);
    check_order(b);
    assert_int_equal(b->n_leaks, 1);
    kt_blast_free(b);
    kt_credential_done(&c);
    kt_ask_done(&a);
}

static void a_planted_incident_is_told_exactly(void **state)
{
    (void)state;
    const char *n = getenv("KT_SEEDS"), *first = getenv("KT_SEED");
    seed = first != NULL ? strtoull(first, NULL, 10) : 1;
    for (unsigned i = 0; i < (n != NULL ? (unsigned)strtoul(n, NULL, 10) : 12); i++, seed++) {
        struct incident *w = incident_new(seed);
        check(w, w->credential, KT_AS_CREDENTIAL);
        check(w, w->arn, KT_AS_SESSION);
        check(w, w->actor, KT_AS_ACTOR);
        check(w, w->ip, KT_AS_IP);
        incident_free(w);
    }
}

/* ---- sessions ---- */

#define T0      (ACCESSES_NOW - 10 * KT_NS_DAY)
#define ACCOUNT "111122223333"
#define ATTACK  "198.51.100.7"
#define MINE    "AKIASTOLEN0000000001"

/* Whoever it is assumes a role under the name of a session. */
static void opens(struct accesses *w, kt_time_ns at, const char *credential, const char *session,
                  const char *ip)
{
    char raw[200];
    (void)snprintf(raw, sizeof raw, "{\"requestParameters\":{\"roleSessionName\":\"%s\"}}",
                   session);
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = "al@" ACCOUNT,
                                      .operation = "AssumeRole",
                                      .native = "arn:aws:iam::" ACCOUNT ":role/ops",
                                      .credential = credential,
                                      .raw = raw,
                                      .ip = ip,
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
}

/* A read by a session of the role; session NULL: by the credential itself. */
static void reads(struct accesses *w, kt_time_ns at, const char *session, const char *secret,
                  const char *ip)
{
    accesses_add(w, &(struct access){ .at = at,
                                      .actor = session != NULL ? "ops@" ACCOUNT : "al@" ACCOUNT,
                                      .role = session != NULL ? "ops" : NULL,
                                      .session = session,
                                      .credential = session != NULL ? "ASIAOFSESSION0000001" : MINE,
                                      .secret = secret,
                                      .operation = "GetSecretValue",
                                      .ip = ip,
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
}

#define SECRET(n) "aws-sm://" ACCOUNT "/eu-central-1/" n

static struct kt_blast *blast_of(struct kt_ask *a, const char *handle)
{
    struct kt_error err = { 0 };
    struct kt_credential c = { 0 };
    struct kt_blast *b = NULL;
    static const struct kt_blast_options options;
    must(kt_credential_find(a, kt_str_of(handle), NULL, &c, &err), &err);
    must(kt_blast_load(a, &c, &options, &b, &err), &err);
    kt_credential_done(&c);
    return b;
}

static void a_session_is_theirs_since_it_was_first_opened(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    /* the log brings the second opening before the first, as CloudTrail may */
    opens(w, T0 + 2 * KT_NS_HOUR, MINE, "pivot", NULL);
    reads(w, T0 + KT_NS_HOUR, "pivot", SECRET("between"), NULL);
    opens(w, T0, MINE, "pivot", NULL);
    reads(w, T0 - KT_NS_HOUR, "pivot", SECRET("before"), NULL);
    reads(w, T0 + 3 * KT_NS_HOUR, "pivot", SECRET("after"), NULL);
    /* which opens one that it had opened itself, and that one the first again */
    opens(w, T0 + 5 * KT_NS_HOUR, MINE, "second", NULL);
    accesses_add(w, &(struct access){ .at = T0 + 30 * KT_NS_MIN,
                                      .actor = "ops@" ACCOUNT,
                                      .role = "ops",
                                      .session = "pivot",
                                      .operation = "AssumeRole",
                                      .native = "arn:aws:iam::" ACCOUNT ":role/ops",
                                      .raw = "{\"requestParameters\":{\"roleSessionName\":"
                                             "\"second\"}}",
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
    reads(w, T0 + 4 * KT_NS_HOUR, "second", SECRET("chained"), NULL);
    accesses_ask(w, &a);
    struct kt_blast *b = blast_of(&a, MINE);
    assert_int_equal(b->n_hops, 2);
    assert_int_equal(b->hop[0].at, T0);
    assert_int_equal(b->hop[1].at, T0 + 30 * KT_NS_MIN);
    assert_int_equal(b->hop[1].depth, 1);
    assert_non_null(found(b, SECRET("between")));
    assert_non_null(found(b, SECRET("after")));
    assert_non_null(found(b, SECRET("chained")));
    assert_null(found(b, SECRET("before")));
    assert_int_equal(b->reads, 3);
    kt_blast_free(b);
    kt_ask_done(&a);
}

static void a_session_without_a_time_is_theirs_since_its_arrival(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    /* in use in more parts of the store than lines are read of */
    for (unsigned i = 0; i < 4800; i++) {
        reads(w, T0 + i * KT_NS_S, NULL, SECRET("mine"), NULL);
        if (i % 60 == 59)
            accesses_flush(w);
    }
    opens(w, 0, MINE, "pivot", NULL);
    reads(w, T0, "pivot", SECRET("long before"), NULL);
    reads(w, ACCESSES_NOW + 1, "pivot", SECRET("after"), NULL);
    accesses_ask(w, &a);
    struct kt_blast *b = blast_of(&a, "al@" ACCOUNT);
    assert_false(b->lines);
    assert_int_equal(b->n_hops, 1);
    assert_int_equal(b->hop[0].at, ACCESSES_NOW);
    assert_null(found(b, SECRET("long before")));
    assert_int_equal(b->reads, 4801);
    kt_blast_free(b);
    kt_ask_done(&a);
}

static void a_read_counts_once(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    struct kt_error err = { 0 };
    struct kt_identities *ids = kt_identities_new();
    const char *handles[] = { ATTACK, "al@acme.example" };
    must(kt_identities_parse(ids,
                             KT_STR("identities:\n  - { name: al@acme.example, kind: human, "
                                    "aliases: [al@" ACCOUNT ", ops@" ACCOUNT "] }\n"),
                             "identities", &err),
         &err);
    opens(w, T0, MINE, "pivot", ATTACK);
    for (unsigned i = 1; i <= 3; i++)
        reads(w, T0 + i * KT_NS_MIN, "pivot", SECRET("db"), ATTACK);
    for (unsigned i = 0; i < 3; i++) /* al reads it in his own name, too */
        reads(w, ACCESSES_NOW - (i + 1) * KT_NS_DAY, NULL, SECRET("db"), ATTACK);
    accesses_add(w, &(struct access){ .at = ACCESSES_NOW - KT_NS_DAY,
                                      .actor = "svc",
                                      .secret = SECRET("db"),
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    a.ids = ids;
    for (size_t i = 0; i < KT_ARRAY_LEN(handles); i++) {
        struct kt_blast *b = blast_of(&a, handles[i]);
        struct kt_credential c = { 0 };
        must(kt_credential_find(&a, kt_str_of(handles[i]), NULL, &c, &err), &err);
        assert_int_equal(b->n_hops, 1);
        assert_int_equal(b->hop[0].reads, 3);
        assert_int_equal(b->reads, 6);
        assert_int_equal(b->reads, search(&a, &c, READS, NULL));
        assert_int_equal(b->records, 7);
        assert_int_equal(b->secret[0].state->reads, 6);
        assert_int_equal(b->secret[0].state->n_readers, 1);
        kt_credential_done(&c);
        kt_blast_free(b);
    }
    kt_ask_done(&a);
    kt_identities_free(ids);
}

/* A session that two ways lead to, and two sessions whose roles are one identity's. */
static void sessions_that_overlap_count_once(void **state)
{
    struct accesses *w = *state;
    struct kt_ask a;
    opens(w, T0, MINE, "pivot", NULL);
    accesses_add(w, &(struct access){ .at = T0 + KT_NS_MIN,
                                      .actor = "ops@" ACCOUNT,
                                      .role = "ops",
                                      .session = "pivot",
                                      .operation = "AssumeRole",
                                      .native = "arn:aws:iam::" ACCOUNT ":role/deploy",
                                      .raw = "{\"requestParameters\":{\"roleSessionName\":"
                                             "\"pivot\"}}",
                                      .action = KT_ACT_ISSUE,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_add(w, &(struct access){ .at = T0 + 2 * KT_NS_MIN,
                                      .actor = "deploy@" ACCOUNT,
                                      .role = "deploy",
                                      .session = "pivot",
                                      .secret = SECRET("db"),
                                      .operation = "GetSecretValue",
                                      .action = KT_ACT_READ,
                                      .outcome = KT_OUT_SUCCESS });
    accesses_ask(w, &a);
    struct kt_identities *ids = kt_identities_new();
    struct kt_error err = { 0 };
    must(kt_identities_parse(ids,
                             KT_STR("identities:\n  - { name: ops@" ACCOUNT ", kind: service, "
                                    "aliases: [deploy@" ACCOUNT "] }\n"),
                             "identities", &err),
         &err);
    a.ids = ids;
    struct kt_blast *b = blast_of(&a, MINE);
    assert_int_equal(b->n_hops, 2);
    assert_int_equal(b->hop[1].records, 1);
    assert_int_equal(b->reads, 1);
    assert_int_equal(b->records, 3);
    kt_blast_free(b);
    kt_ask_done(&a);
    kt_identities_free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_incident_is_told_exactly),
        cmocka_unit_test_setup_teardown(a_session_is_theirs_since_it_was_first_opened,
                                        accesses_set_up, accesses_tear_down),
        cmocka_unit_test_setup_teardown(a_read_counts_once, accesses_set_up, accesses_tear_down),
        cmocka_unit_test_setup_teardown(sessions_that_overlap_count_once, accesses_set_up,
                                        accesses_tear_down),
        cmocka_unit_test_setup_teardown(a_session_without_a_time_is_theirs_since_its_arrival,
                                        accesses_set_up, accesses_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
