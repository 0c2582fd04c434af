/* identity suggest: what is one person, and what only looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/identity_names.h"
#include "cli/identity_suggest.h"
#include "core/base/hash.h"
#include "tests/sim/firm.h"

#define START (INT64_C(1788220800) * KT_NS_S)

struct use { /* an event an hour, from hour `from` on */
    const char *actor, *source, *ip, *agent, *name, *native;
    enum kt_actor_kind kind;
    unsigned from, hours;
};

static void use(struct kt_suggest *s, struct use u)
{
    for (unsigned i = 0; i < (u.hours > 0 ? u.hours : 1); i++) {
        struct kt_event ev = { .kind = KT_KIND_ACCESS,
                               .action = KT_ACT_READ,
                               .outcome = KT_OUT_SUCCESS,
                               .actor_kind = u.kind,
                               .time = START + (kt_time_ns)(u.from + i) * KT_NS_HOUR + KT_NS_MIN,
                               .source = kt_str_of(u.source ? u.source : "vault"),
                               .instance = kt_str_of(u.source ? u.source : "vault"),
                               .actor = kt_str_of(u.actor),
                               .actor_name = kt_str_of(u.name),
                               .actor_native = kt_str_of(u.native),
                               .user_agent = kt_str_of(u.agent) };
        ev.has_ip = u.ip != NULL && kt_ip_parse(kt_str_of(u.ip), &ev.ip);
        ev.ip_trust = KT_TRUST_EDGE;
        kt_suggest_add(s, &ev);
    }
}

#define HUMAN KT_ACTOR_HUMAN
struct world {
    struct kt_identities *ids;
    struct kt_suggest *s;
    const struct kt_suggestion *got;
    size_t n;
};

static struct world start(const char *identities)
{
    struct kt_error err = { 0 };
    struct world w = { .ids = kt_identities_new() };
    assert_int_equal(kt_identities_parse(w.ids, kt_str_of(identities), "ids", &err), KT_OK);
    w.s = kt_suggest_new(w.ids);
    return w;
}

static void make(struct world *w)
{
    w->got = kt_suggest_make(w->s, KT_CONFIDENT_MEDIUM, &w->n);
}

static void end(struct world *w)
{
    kt_suggest_free(w->s);
    kt_identities_free(w->ids);
}

static const struct kt_suggestion *find(const struct world *w, const char *alias)
{
    for (size_t i = 0; i < w->n; i++)
        if (kt_str_is(w->got[i].alias, alias))
            return &w->got[i];
    return NULL;
}

static void must(const struct world *w, const char *alias, const char *name, int least)
{
    const struct kt_suggestion *g = find(w, alias);
    if (g == NULL || !kt_str_is(g->name, name) || g->score < least)
        fail_msg("%s is not %s (%d)", alias, name, g != NULL ? g->score : -1);
}

static void one_person_with_four_names_is_seen(void **state)
{
    (void)state;
    struct world w = start("");
    use(w.s, (struct use){ .actor = "alice.smith@acme.example",
                           .source = "onepassword",
                           .kind = HUMAN,
                           .name = "Alice Smith",
                           .ip = "91.10.2.3",
                           .hours = 30 });
    use(w.s, (struct use){ .actor = "alice.smith@main",
                           .kind = HUMAN,
                           .ip = "91.10.2.3",
                           .from = 10,
                           .hours = 30 });
    use(w.s, (struct use){ .actor = "asmith@web1",
                           .source = "auditd",
                           .kind = HUMAN,
                           .ip = "91.10.2.3",
                           .from = 20,
                           .hours = 20 });
    use(w.s, (struct use){ .actor = "alice-gh@github",
                           .source = "github",
                           .kind = HUMAN,
                           .name = "alice.smith@acme.example" });
    use(w.s, (struct use){ .actor = "bob@main", .kind = HUMAN, .ip = "84.1.1.1", .hours = 50 });
    make(&w);
    assert_int_equal(w.n, 3);
    must(&w, "alice.smith@main", "alice.smith@acme.example", KT_CONFIDENT_HIGH);
    must(&w, "asmith@web1", "alice.smith@acme.example", KT_CONFIDENT_MEDIUM);
    must(&w, "alice-gh@github", "alice.smith@acme.example", KT_CONFIDENT_MEDIUM);
    const struct kt_suggestion *g = find(&w, "alice.smith@main");
    assert_int_equal(g->together_hours, 20); /* hours 10 to 29 */
    assert_int_equal(g->together_addresses, 1);
    assert_int_equal(g->address_users, 3);
    assert_int_equal(g->events, 30);
    assert_true(g->reasons & KT_REASON_ONLY && g->reasons & KT_REASON_TOGETHER);
    assert_string_equal(find(&w, "asmith@web1")->sources, "auditd");
    end(&w);
}

/* Each of these looks like one person, and is not, or must not become one. */
static void look_alikes_stay_apart(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct use a, b;
    } cases[] = {
        { "two of one name",
          { .actor = "alice.smith@acme.example", .name = "Alice Smith", .kind = HUMAN },
          { .actor = "alice.smith2@main", .name = "Alice Smith", .kind = HUMAN } },
        { "an administrator's account",
          { .actor = "alice@acme.example", .name = "Alice Smith", .kind = HUMAN },
          { .actor = "alice-admin@main", .name = "Alice Smith", .kind = HUMAN } },
        { "an administrator's account whose directory says the e-mail",
          { .actor = "alice@acme.example", .kind = HUMAN },
          { .actor = "adm.alice@main", .name = "alice@acme.example", .kind = HUMAN } },
        { "a shared laptop",
          { .actor = "alice@acme.example", .agent = "Vault/1.15", .kind = HUMAN },
          { .actor = "bob@main", .agent = "Vault/1.15", .kind = HUMAN } },
        { "a machine",
          { .actor = "alice@acme.example", .kind = HUMAN },
          { .actor = "alice@main", .kind = KT_ACTOR_SERVICE } },
        { "root",
          { .actor = "alice@acme.example", .kind = HUMAN },
          { .actor = "alice@main", .kind = KT_ACTOR_ROOT } },
        { "an agent",
          { .actor = "alice@acme.example", .kind = HUMAN },
          { .actor = "alice@main", .kind = KT_ACTOR_AI_AGENT } },
        { "two of which nothing is known",
          { .actor = "alice@x1", .kind = KT_ACTOR_UNKNOWN },
          { .actor = "alice@x2", .kind = KT_ACTOR_UNKNOWN } },
        { "two e-mails of a domain",
          { .actor = "alice@acme.example", .name = "Alice Smith", .kind = HUMAN },
          { .actor = "alice.smith@acme.example", .name = "Alice Smith", .kind = HUMAN } },
        { "two logins of a host",
          { .actor = "alice@web1", .name = "Alice Smith", .kind = HUMAN },
          { .actor = "asmith@web1", .name = "Alice Smith", .kind = HUMAN } },
        { "a name that every host has",
          { .actor = "ubuntu@web1", .kind = HUMAN },
          { .actor = "ubuntu@acme.example", .kind = HUMAN } },
        { "an entity and a person without a common id",
          { .actor = "entity/e9@main", .native = "e9", .kind = KT_ACTOR_UNKNOWN },
          { .actor = "alice@acme.example", .native = "e8", .kind = HUMAN } },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++) {
        struct world w = start("");
        struct use a = cases[i].a, b = cases[i].b;
        a.ip = b.ip = "91.10.2.3"; /* always together at home */
        a.hours = b.hours = 40;
        use(w.s, a);
        use(w.s, b);
        make(&w);
        if (w.n != 0)
            fail_msg("%s: %.*s is %.*s, %d", cases[i].what, KT_STR_ARG(w.got[0].alias),
                     KT_STR_ARG(w.got[0].name), w.got[0].score);
        end(&w);
    }
}

/* Two firms with an Alice each; one more name. Addresses decide, or nobody does. */
static void a_name_of_two_people_is_given_by_what_they_did(void **state)
{
    (void)state;
    for (int together = 0; together < 2; together++) {
        struct world w = start("");
        use(w.s,
            (struct use){
                .actor = "alice@acme.example", .kind = HUMAN, .ip = "91.10.2.3", .hours = 30 });
        use(w.s,
            (struct use){
                .actor = "alice@partner.example", .kind = HUMAN, .ip = "84.9.9.9", .hours = 30 });
        use(w.s, (struct use){ .actor = "alice@main",
                               .kind = HUMAN,
                               .hours = 30,
                               .ip = together ? "91.10.2.3" : NULL });
        use(w.s, (struct use){ .actor = "alice@web1",
                               .kind = HUMAN,
                               .hours = 30,
                               .ip = together ? "84.9.9.9" : NULL });
        make(&w);
        if (together) {
            must(&w, "alice@main", "alice@acme.example", KT_CONFIDENT_MEDIUM);
            must(&w, "alice@web1", "alice@partner.example", KT_CONFIDENT_MEDIUM);
        } else {
            assert_null(find(&w, "alice@partner.example"));
            for (size_t i = 0; i < w.n; i++)
                assert_false(kt_name_of(w.got[i].name).email);
        }
        end(&w);
    }
}

/* 10.0.0.5 is another machine at every site. */
static void private_addresses_of_two_sites_are_two_places(void **state)
{
    (void)state;
    for (int public = 0; public < 2; public ++) {
        struct world w = start("");
        const char *ip = public ? "91.10.2.3" : "10.0.0.5";
        use(w.s,
            (struct use){ .actor = "alice@acme.example", .kind = HUMAN, .ip = ip, .hours = 30 });
        use(w.s,
            (struct use){
                .actor = "alice@main", .source = "auditd", .kind = HUMAN, .ip = ip, .hours = 30 });
        make(&w);
        const struct kt_suggestion *g = find(&w, "alice@main");
        assert_int_equal(g != NULL ? g->together_hours : 0, public ? 30 : 0);
        end(&w);
    }
}

/* Behind one address of an office everybody is together all day. */
static void an_office_of_fifty_merges_nobody_by_its_address(void **state)
{
    (void)state;
    struct world w = start("");
    char name[64], short_name[64];
    static const char *const firsts[] = { "anna", "arne", "alex", "axel", "aldo" };
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "%s.fam%c%c@acme.example", firsts[i % 5],
                       (char)('a' + i / 10), (char)('a' + i / 5 % 2));
        (void)snprintf(short_name, sizeof short_name, "afam%c%c@main", (char)('a' + i / 10),
                       (char)('a' + i / 5 % 2));
        use(w.s,
            (struct use){
                .actor = name, .kind = HUMAN, .ip = "198.51.100.7", .hours = 100, .agent = "x" });
        use(w.s, (struct use){ .actor = short_name,
                               .kind = HUMAN,
                               .ip = "198.51.100.7",
                               .hours = 100,
                               .agent = "x" });
    }
    make(&w);
    assert_int_equal(w.n, 0);
    end(&w);
}

static void the_id_of_a_source_joins_what_names_do_not(void **state)
{
    (void)state;
    struct world w = start("");
    use(w.s, (struct use){ .actor = "alice@acme.example",
                           .kind = HUMAN,
                           .name = "oidc-alice",
                           .native = "5d1f-77",
                           .hours = 2 });
    use(w.s,
        (struct use){ .actor = "entity/5d1f-77@main", .name = "token-x", .native = "5d1f-77" });
    use(w.s, (struct use){ .actor = "role@1",
                           .source = "cloudtrail",
                           .kind = HUMAN,
                           .native = "AROA1" }); /* of everybody who takes the role */
    use(w.s, (struct use){
                 .actor = "carl@sso", .source = "cloudtrail", .kind = HUMAN, .native = "AROA1" });
    make(&w);
    assert_int_equal(w.n, 1);
    must(&w, "entity/5d1f-77@main", "alice@acme.example", 60);
    end(&w);
}

static void what_is_known_is_added_to_and_never_joined(void **state)
{
    (void)state;
    struct world w =
        start("identities: [{ name: alice, kind: human, aliases: [alice@acme.example] },"
              " { name: bob, aliases: [bob@acme.example, bob@main] },"
              " { name: robot, kind: service, aliases: [carl@main] }]\n");
    static const char *const names[] = { "alice@acme.example", "alice@main",
                                         "bob@acme.example",   "bob@main",
                                         "carl@acme.example",  "carl@main" };
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++)
        use(w.s, (struct use){ .actor = names[i], .kind = HUMAN });
    make(&w);
    assert_int_equal(w.n, 1);
    must(&w, "alice@main", "alice", KT_CONFIDENT_MEDIUM);
    assert_true(w.got[0].known);
    end(&w);
}

/* Whoever comes first decides nothing, and hours apart lower the score. */
static void order_decides_nothing_and_distance_speaks_against(void **state)
{
    (void)state;
    int score[3];
    for (int run = 0; run < 3; run++) {
        struct world w = start("");
        const struct use mail = {
            .actor = "dana@acme.example", .kind = HUMAN, .ip = "91.1.1.1", .hours = 20
        };
        const struct use name = { .actor = "dana@main",
                                  .kind = HUMAN,
                                  .hours = 20,
                                  .ip = run == 2 ? "84.2.2.2" : "91.1.1.1" };
        use(w.s, run == 1 ? name : mail);
        use(w.s, run == 1 ? mail : name);
        w.got = kt_suggest_make(w.s, 0, &w.n);
        assert_int_equal(w.n, 1);
        assert_true(kt_str_is(w.got[0].name, "dana@acme.example"));
        score[run] = w.got[0].score;
        end(&w);
    }
    assert_int_equal(score[0], score[1]);
    assert_true(score[2] < KT_CONFIDENT_MEDIUM && score[0] >= KT_CONFIDENT_HIGH);
}

/* ---- an organisation ---- */
#define PEOPLE_MAX FIRM_PEOPLE_MAX
struct staff { /* names of a directory: first name, surname; some initials are those of several */
    char mail[64], user[64], login[64];
};
static struct staff staff[PEOPLE_MAX];

static void name_staff(void)
{
    static const char *const first[] = { "anna", "arne",  "bela",  "carla", "david",
                                         "emil", "fritz", "gerda", "hans",  "ines" };
    static const char *const last[] = { "adler",   "becker", "conrad", "dietz", "ebert", "fuchs",
                                        "graf",    "huber",  "iffert", "jung",  "kraus", "lang",
                                        "meister", "noll",   "otto",   "peters" };
    for (unsigned i = 0; i < PEOPLE_MAX; i++) {
        const char *f = first[i % 10], *l = last[i / 10];
        (void)snprintf(staff[i].mail, sizeof staff[i].mail, "%s.%s@acme.example", f, l);
        (void)snprintf(staff[i].user, sizeof staff[i].user, "%s.%s@main", f, l);
        (void)snprintf(staff[i].login, sizeof staff[i].login, "%c%s@sso", f[0], l);
    }
}

/* The same people, who are called something else in Vault and in AWS. */
static void rename_and_add(struct kt_suggest *to, const struct firm_event *e)
{
    char ip[KT_IP_TEXT_MAX];
    struct kt_str rest = kt_str_of(e->actor), digits;
    struct kt_event ev = { .kind = (enum kt_kind)e->record,
                           .action = (enum kt_action)e->action,
                           .outcome = (enum kt_outcome)e->outcome,
                           .actor_kind = (enum kt_actor_kind)e->kind,
                           .time = e->t,
                           .source = kt_str_of(firm_sources[e->source].source),
                           .instance = kt_str_of(firm_sources[e->source].instance),
                           .actor = kt_str_of(e->actor),
                           .user_agent = kt_str_of(e->agent),
                           .ip_trust = KT_TRUST_EDGE };
    uint64_t i;
    (void)snprintf(ip, sizeof ip, "%u.%u.%u.%u", e->ip >> 24, e->ip >> 16 & 255, e->ip >> 8 & 255,
                   e->ip & 255);
    ev.has_ip = e->ip != 0 && kt_ip_parse(kt_str_of(ip), &ev.ip);
    if (kt_str_starts(rest, KT_STR("person"))) {
        rest = kt_str_from_index(rest, 6);
        (void)kt_str_split(&rest, '@', &digits);
        assert_true(kt_str_u64(digits, &i) && i < PEOPLE_MAX);
        ev.actor = kt_str_of(e->source == FIRM_VAULT ? staff[i].user
                             : e->source == FIRM_AWS ? staff[i].login
                                                     : staff[i].mail);
    }
    kt_suggest_add(to, &ev);
}

static bool is_right(const struct kt_suggestion *g)
{
    for (unsigned i = 0; i < PEOPLE_MAX; i++)
        if (kt_str_is(g->name, staff[i].mail))
            return kt_str_is(g->alias, staff[i].user) || kt_str_is(g->alias, staff[i].login);
    return false;
}

/* Offices, homes, trains, a VPN, services, pipelines: eighty people for a month. Whoever has the
 * initial and surname of a colleague is given to nobody. */
static void merge_firm(uint64_t seed)
{
    unsigned right = 0, users = 0;
    struct world w = start("");
    struct firm *f = firm_new(seed, 30, false, false);
    for (uint32_t i = 0; i < f->n; i++)
        if (!f->ev[i].dropped)
            rename_and_add(w.s, &f->ev[i]);
    make(&w);
    for (size_t i = 0; i < w.n; i++) {
        right += is_right(&w.got[i]);
        users += kt_str_ends(w.got[i].alias, KT_STR("@main"));
        if (!is_right(&w.got[i]))
            fail_msg("%.*s is not %.*s (%d)", KT_STR_ARG(w.got[i].alias), KT_STR_ARG(w.got[i].name),
                     w.got[i].score);
    }
    print_message("%u people: %u names right, %u of them by user name\n", f->n_person, right,
                  users);
    assert_true(users >= 50);
    firm_free(f);
    end(&w);
}

static void a_firm_is_merged_without_a_mistake(void **state)
{
    (void)state;
    name_staff();
    for (uint64_t seed = 7; seed < 10; seed++)
        merge_firm(seed);
}

static void a_large_firm_takes_a_moment(void **state)
{
    (void)state;
    struct world w = start("");
    char name[64];
    for (unsigned i = 0; i < 20000; i++) {
        static const char *const where[] = { "acme.example", "main", "web1", "sso" };
        (void)snprintf(name, sizeof name, "p%u.q%u@%s", i / 4, i / 4, where[i % 4]);
        use(w.s, (struct use){ .actor = name, .kind = HUMAN, .hours = 3 });
    }
    make(&w);
    assert_int_equal(w.n, 15000);
    assert_int_equal(kt_suggest_lost(w.s), 0);
    end(&w);
}

static void names_are_taken_apart(void **state)
{
    (void)state;
    char full[KT_NAME_KEY_MAX], initial[KT_NAME_KEY_MAX];
    struct kt_name n = kt_name_of(KT_STR("Alice.Smith@acme.example"));
    assert_string_equal(n.key, "alicesmith");
    assert_true(n.email);
    assert_false(kt_name_of(KT_STR("alice@main")).email);
    assert_false(kt_name_of(KT_STR("alice@10.0.0.1")).email);
    assert_false(kt_name_of(KT_STR("ns/alice@k8s.example")).email);
    assert_string_equal(kt_name_of(KT_STR("entity/e9@main")).key, "");
    kt_name_initial(KT_STR("alice.smith"), initial);
    assert_string_equal(initial, "asmith");
    kt_name_initial(KT_STR("alice"), initial);
    assert_string_equal(initial, "");
    kt_name_of_display(KT_STR("Alice B. Smith"), full, initial);
    assert_string_equal(full, "alicebsmith");
    assert_string_equal(initial, "asmith");
    kt_name_of_display(KT_STR("External Secrets Operator of 2026"), full, initial);
    assert_string_equal(full, "");
    assert_true(kt_name_is_second(KT_STR("alice"), KT_STR("alice-admin")));
    assert_true(kt_name_is_second(KT_STR("alice.smith"), KT_STR("alice.smith2")));
    assert_false(kt_name_is_second(KT_STR("alice.smith"), KT_STR("asmith")));
    assert_true(kt_name_is_generic("ec2user") && kt_name_is_generic("al"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_person_with_four_names_is_seen),
        cmocka_unit_test(look_alikes_stay_apart),
        cmocka_unit_test(a_name_of_two_people_is_given_by_what_they_did),
        cmocka_unit_test(private_addresses_of_two_sites_are_two_places),
        cmocka_unit_test(an_office_of_fifty_merges_nobody_by_its_address),
        cmocka_unit_test(the_id_of_a_source_joins_what_names_do_not),
        cmocka_unit_test(what_is_known_is_added_to_and_never_joined),
        cmocka_unit_test(order_decides_nothing_and_distance_speaks_against),
        cmocka_unit_test(a_firm_is_merged_without_a_mistake),
        cmocka_unit_test(a_large_firm_takes_a_moment),
        cmocka_unit_test(names_are_taken_apart),
    };
    kt_hash_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
