/* query_incidents: acts as they are read, written and said; random sequences of them folded as they
 * come, and looked back at the plain way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/query/incidents.h"
#include "core/sys/rng.h"

#define SUM "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static bool read_act(struct kt_json *json, enum kt_incident_what what, const char *text,
                     struct kt_incident_act *ret, struct kt_error *err)
{
    struct kt_jval root;
    unsigned repaired;
    return kt_json_parse(json, kt_str_of(text), &root, &repaired, err) == KT_OK &&
           kt_incident_read(what, root, ret, err) == KT_OK;
}

static void acts_come_back_as_they_were_written(void **state)
{
    static const struct {
        enum kt_incident_what what;
        const char *raw, *said;
    } cases[] = {
        { KT_INCIDENT_OPEN,
          "{\"id\":\"incident-1\",\"subject\":\"AKIA\",\"as\":\"credential\",\"reason\":\"in a "
          "\\\"paste\\\"\",\"by\":\"al\",\"about\":\"credential\",\"since\":5,\"until\":9}",
          "opened about credential AKIA by al: in a \"paste\"" },
        { KT_INCIDENT_OPEN,
          "{\"id\":\"incident-2\",\"subject\":\"014D2PF2DBSQQG28T5CY4TQKFF\",\"reason\":\"x\","
          "\"by\":\"al\",\"about\":\"alert\"}",
          "opened about alert 014D2PF2DBSQQG28T5CY4TQKFF by al: x" },
        { KT_INCIDENT_NOTE, "{\"id\":\"incident-1\",\"reason\":\"x\",\"by\":\"al\"}",
          "note by al: x" },
        { KT_INCIDENT_STEP,
          "{\"id\":\"incident-1\",\"reason\":\"x\",\"by\":\"al\",\"where\":\"cli on "
          "ops\",\"step\":\"rotate\"}",
          "rotate done by al (cli on ops): x" },
        { KT_INCIDENT_STEP,
          "{\"id\":\"incident-1\",\"reason\":\"x\",\"by\":\"al\",\"step\":\"tell\",\"undone\":"
          "true}",
          "tell is open again by al: x" },
        { KT_INCIDENT_LIST,
          "{\"id\":\"incident-1\",\"by\":\"al\",\"part\":2,\"more\":true,\"secrets\":[{\"secret\":"
          "\"vault://"
          "a\",\"versions\":[\"6\",\"7\"],\"reads\":3,\"issued\":2,\"first\":1,\"last\":2,"
          "\"pending\":2},{"
          "\"secret\":\"op://b\",\"reads\":0}]}",
          "blast radius listed, continued by al" },
        { KT_INCIDENT_CLOSE,
          "{\"id\":\"incident-1\",\"reason\":\"x\",\"by\":\"al\",\"markdown\":\"" SUM
          "\",\"html\":\"" SUM "\",\"forced\":true,\"open\":[\"rotate\",\"tell\"]}",
          "closed by force by al: x" },
    };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_incident_act a;
        struct kt_error err = { 0 };
        struct kt_buf raw = { 0 }, said = { 0 };
        if (!read_act(json, cases[i].what, cases[i].raw, &a, &err))
            fail_msg("%s: %s", cases[i].raw, err.text);
        kt_incident_write(&a, &raw);
        kt_incident_say(&a, &said);
        assert_string_equal(kt_buf_z(&raw), cases[i].raw);
        assert_string_equal(kt_buf_z(&said), cases[i].said);
        assert_int_equal(kt_incident_of(kt_str_of(kt_incident_word(cases[i].what))), cases[i].what);
        kt_buf_done(&raw);
        kt_buf_done(&said);
    }
    assert_int_equal(kt_incident_of(KT_STR("expect")), -1);
    kt_json_free(json);
}

static void what_is_missing_or_has_no_meaning_is_said(void **state)
{
    static const struct {
        enum kt_incident_what what;
        const char *raw, *says;
    } cases[] = {
        { KT_INCIDENT_OPEN, "{\"by\":\"a\",\"reason\":\"x\",\"subject\":\"s\"}", "is about" },
        { KT_INCIDENT_OPEN, "{\"by\":\"a\",\"reason\":\"x\",\"about\":\"secret\"}",
          "'subject' is missing" },
        { KT_INCIDENT_OPEN,
          "{\"by\":\"a\",\"reason\":\"x\",\"about\":\"secret\",\"subject\":\"s\",\"since\":9,"
          "\"until\":5}",
          "does not lie after" },
        { KT_INCIDENT_OPEN,
          "{\"by\":\"a\",\"reason\":\"x\",\"about\":\"alert\",\"subject\":\"x;reboot;\"}",
          "is its id" },
        { KT_INCIDENT_NOTE, "{\"by\":\"a\",\"reason\":\" \"}", "'reason' is missing" },
        { KT_INCIDENT_NOTE, "{\"reason\":\"x\"}", "'by' is missing" },
        { KT_INCIDENT_NOTE, "{\"by\":\"a\",\"reason\":\"x\",\"subject\":\"s\"}", "no meaning" },
        { KT_INCIDENT_STEP, "{\"by\":\"a\",\"reason\":\"x\",\"step\":\"dance\"}", "a step is" },
        { KT_INCIDENT_LIST, "{\"by\":\"a\",\"part\":1}", "'secrets' is missing" },
        { KT_INCIDENT_LIST, "{\"by\":\"a\",\"part\":0,\"secrets\":[]}", "counts from 1" },
        { KT_INCIDENT_LIST, "{\"by\":\"a\",\"part\":1,\"secrets\":[{}]}", "number 1" },
        { KT_INCIDENT_LIST, "{\"by\":\"a\",\"part\":1,\"secrets\":[7]}", "number 1" },
        { KT_INCIDENT_CLOSE, "{\"by\":\"a\",\"reason\":\"x\",\"open\":[\"tell\"]}", "'forced'" },
        { KT_INCIDENT_CLOSE, "{\"by\":\"a\",\"reason\":\"x\",\"open\":[\"dance\"]}",
          "names steps" },
        { KT_INCIDENT_CLOSE, "{\"by\":\"a\",\"reason\":\"x\",\"markdown\":\"" SUM "\"}", "both" },
        { KT_INCIDENT_CLOSE,
          "{\"by\":\"a\",\"reason\":\"x\",\"markdown\":\"zz\",\"html\":\"" SUM "\"}", "SHA-256" },
    };
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    (void)state;
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct kt_incident_act a;
        struct kt_error err = { 0 };
        assert_false(read_act(json, cases[i].what, cases[i].raw, &a, &err));
        if (!kt_str_has(kt_str_of(err.text), kt_str_of(cases[i].says)))
            fail_msg("%s: %s", cases[i].raw, err.text);
    }
    kt_json_free(json);
}

/* ---- the fold ---- */

#define INCIDENTS 3u
#define ACTS      200u

struct made { /* one act, and its JSON where it has a list */
    struct kt_incident_act a;
    struct kt_json *json;
    unsigned secrets;
    bool taken;
};

static void make(struct kt_rng *rng, unsigned n, struct made *m)
{
    struct kt_incident_act *a = &m->a;
    *m = (struct made){ .a.what = (enum kt_incident_what)kt_rng_below(rng, KT_INCIDENT_WHATS) };
    if (a->what == KT_INCIDENT_CLOSE && kt_rng_below(rng, 6) > 0)
        a->what = KT_INCIDENT_STEP;
    a->at = n + 1;
    (void)snprintf(a->id, sizeof a->id, "incident-%u", (unsigned)kt_rng_below(rng, INCIDENTS + 1));
    (void)snprintf(a->by, sizeof a->by, "by%u", n);
    (void)snprintf(a->reason, sizeof a->reason, "why%u", n);
    (void)snprintf(a->subject, sizeof a->subject, "%s", "s");
    a->about = KT_ABOUT_SECRET;
    a->step = (int)kt_rng_below(rng, KT_RUNBOOK_COUNT);
    a->undone = kt_rng_below(rng, 3) == 0;
    if (a->what != KT_INCIDENT_LIST)
        return;
    struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    m->secrets = (unsigned)kt_rng_below(rng, 4);
    kt_buf_addf(&text, "{\"by\":\"l\",\"part\":%u,\"more\":%s,\"secrets\":[",
                1 + (unsigned)kt_rng_below(rng, 3), kt_rng_below(rng, 2) == 0 ? "true" : "false");
    for (unsigned i = 0; i < m->secrets; i++)
        kt_buf_addf(&text, "%s{\"secret\":\"s%u-%u\",\"versions\":[\"1\"]}", i > 0 ? "," : "", n,
                    i);
    kt_buf_addz(&text, "]}");
    struct kt_incident_act list;
    m->json = kt_json_new(KT_JSON_SIMDJSON);
    assert_true(read_act(m->json, KT_INCIDENT_LIST, kt_buf_z(&text), &list, &err));
    memcpy(list.id, a->id, sizeof list.id);
    list.at = a->at;
    *a = list;
    kt_buf_done(&text);
}

/* The plain way: each question is a look back over all acts. */
static const struct made *first_of(const struct made *acts, const char *id,
                                   enum kt_incident_what what)
{
    bool open = false;
    for (unsigned i = 0; i < ACTS; i++) {
        if (strcmp(acts[i].a.id, id) != 0)
            continue;
        open = open || acts[i].a.what == KT_INCIDENT_OPEN;
        if (open && acts[i].a.what == what)
            return &acts[i];
    }
    return NULL;
}

static bool counts(const struct made *acts, const struct made *m, const struct made *opened,
                   const struct made *closed)
{
    (void)acts;
    return strcmp(m->a.id, opened->a.id) == 0 && m > opened && (closed == NULL || m < closed);
}

static void compare_steps(const struct made *acts, const struct kt_incident *i,
                          const struct made *opened, const struct made *closed)
{
    for (int k = 0; k < (int)KT_RUNBOOK_COUNT; k++) {
        const struct made *last = NULL;
        for (const struct made *m = acts; m < acts + ACTS; m++)
            if (counts(acts, m, opened, closed) && m->a.what == KT_INCIDENT_STEP && m->a.step == k)
                last = m;
        bool ticked = last != NULL && !last->a.undone;
        assert_int_equal(i->step[k].at, ticked ? last->a.at : 0);
        if (ticked)
            assert_string_equal(i->step[k].by, last->a.by);
    }
}

static void compare_list(const struct made *acts, const struct kt_incident *i,
                         const struct made *opened, const struct made *closed)
{
    const struct made *begin = NULL, *whole = NULL;
    unsigned secrets = 0, part = 0;
    for (const struct made *m = acts; m < acts + ACTS; m++)
        if (counts(acts, m, opened, closed) && m->a.what == KT_INCIDENT_LIST && m->a.part == 1)
            begin = m;
    for (const struct made *m = begin; m != NULL && m < acts + ACTS && whole == NULL; m++) {
        if (!counts(acts, m, opened, closed) || m->a.what != KT_INCIDENT_LIST ||
            m->a.part != part + 1)
            continue;
        part++;
        secrets += m->secrets;
        whole = m->a.more ? NULL : m;
    }
    assert_int_equal(i->n_exposed, secrets);
    assert_int_equal(i->parts, part);
    assert_int_equal(i->listed.at, whole == NULL ? 0 : whole->a.at);
}

static void the_fold_is_what_looking_back_says(void **state)
{
    static struct made acts[ACTS];
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct kt_rng_seeded s = { .state = seed };
        struct kt_rng rng = kt_rng_seeded(&s);
        struct kt_incidents all = { 0 };
        for (unsigned i = 0; i < ACTS; i++) {
            make(&rng, i, &acts[i]);
            acts[i].taken = kt_incidents_take(&all, &acts[i].a);
        }
        for (unsigned k = 0; k <= INCIDENTS; k++) {
            char id[24];
            (void)snprintf(id, sizeof id, "incident-%u", k);
            const struct kt_incident *i = kt_incidents_named(&all, kt_str_of(id));
            const struct made *opened = first_of(acts, id, KT_INCIDENT_OPEN);
            const struct made *closed = first_of(acts, id, KT_INCIDENT_CLOSE);
            assert_int_equal(i != NULL, opened != NULL);
            if (i == NULL)
                continue;
            assert_ptr_equal(kt_incidents_named(&all, kt_str_from(id + 9, strlen(id) - 9)), i);
            assert_int_equal(i->opened.at, opened->a.at);
            assert_int_equal(i->closed.at, closed == NULL ? 0 : closed->a.at);
            compare_steps(acts, i, opened, closed);
            compare_list(acts, i, opened, closed);
            unsigned said = 0;
            for (unsigned m = 0; m < ACTS; m++)
                said += acts[m].taken && strcmp(acts[m].a.id, id) == 0;
            assert_int_equal(i->n_said, said);
        }
        kt_incidents_done(&all);
        for (unsigned i = 0; i < ACTS; i++)
            kt_json_free(acts[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acts_come_back_as_they_were_written),
        cmocka_unit_test(what_is_missing_or_has_no_meaning_is_said),
        cmocka_unit_test(the_fold_is_what_looking_back_says),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
