/*
 * profile_cmd: `keytrail actor`, `ip`, `secret` and `session`: everything there is about one of
 * them on one page.
 *
 * Owns:  what the page is made of.
 * Calls: core/answer, cli/asking, cli/profile_show, cli/profile_rows; stderr.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/profile.h"

#define TOP 10u

static const struct page_kind {
    struct kt_command cmd;
    kt_time_ns span;    /* window without options; 0: the whole log */
    const char *wanted; /* of a call without it */
} kinds[KT_PROFILE_INSTANCE] = {
    [KT_PROFILE_ACTOR] = { { "actor", "ACTOR [options]",
                             "one actor: from where, since when, which secrets, what is new",
                             "keytrail actor alice@example.com --since 7d", NULL, NULL },
                           KT_NS_DAY,
                           "one actor: a name as search shows it, an alias, or a pattern" },
    [KT_PROFILE_IP] = { { "ip", "ADDRESS|CIDR [options]",
                          "one address or network: who came from there, for which secrets",
                          "keytrail ip 203.0.113.0/24 --since 30d", NULL, NULL },
                        KT_NS_DAY,
                        "one address or network" },
    [KT_PROFILE_SECRET] = { { "secret", "SECRET [options]",
                              "one secret: age, rotation, readers, from where, what is new",
                              "keytrail secret prod/db/main --since 7d", NULL, NULL },
                            KT_NS_DAY,
                            "one secret: its id, the end of it, or a pattern" },
    [KT_PROFILE_SESSION] = { { "session", "SESSION [options]",
                               "one session or credential: whose, from where, what it read",
                               "keytrail session ASIAEXAMPLE0123", NULL, NULL },
                             0,
                             "one session, access key, token accessor or token hash" },
};

static enum kt_status answer(struct kt_profile_page *g, struct kt_error *err)
{
    if (kt_asking_open(&g->a, kinds[g->what.kind].span, err) != KT_OK ||
        kt_profile_load(&g->a.ask, &g->what, &g->p, err) != KT_OK ||
        kt_beside_load(&g->a.ask, g->a.conf, &g->what, g->p, &g->beside, err) != KT_OK ||
        kt_alerted_load(&g->a.ask, &g->what, g->p, &g->alerts, err) != KT_OK)
        return err->code;
    if (kt_page_for_people(&g->a))
        kt_profile_show(g);
    else
        kt_profile_rows(g);
    return KT_OK;
}

static void done(struct kt_profile_page *g)
{
    kt_beside_done(&g->beside);
    kt_alerted_free(g->alerts);
    kt_profile_free(g->p);
}

static int run(enum kt_profile_kind kind, int argc, char **argv)
{
    const struct page_kind *k = &kinds[kind];
    struct kt_profile_page g = { .top = TOP, .what = { .kind = kind, .usual = KT_USUAL_SPAN } };
    bool all = false;
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(g.a),
        { "--top", 'n', KT_FLAG_UINT, "N", "rows of each list (10)", &g.top, NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "all rows of each list", &all, NULL },
        { 0 },
    };
    struct kt_error err = { 0 };
    int n;
    bool parsed;
    int code = kt_flags_parse(&k->cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    n = kt_window_take_slack(&g.a.window, argv, n);
    if (n != 1) {
        fprintf(stderr, "keytrail %s: %s\n", k->cmd.name, k->wanted);
        return KT_EXIT_USAGE;
    }
    g.what.value = kt_str_of(argv[1]);
    g.what.sessions = kind == KT_PROFILE_ACTOR;
    g.what.around = true;
    g.top = all ? 0 : g.top;
    (void)!answer(&g, &err);
    done(&g);
    return kt_asking_end(&g.a, k->cmd.name, &err);
}

int kt_cmd_actor(int argc, char **argv)
{
    return run(KT_PROFILE_ACTOR, argc, argv);
}

int kt_cmd_ip(int argc, char **argv)
{
    return run(KT_PROFILE_IP, argc, argv);
}

int kt_cmd_secret(int argc, char **argv)
{
    return run(KT_PROFILE_SECRET, argc, argv);
}

int kt_cmd_session(int argc, char **argv)
{
    return run(KT_PROFILE_SESSION, argc, argv);
}
