/*
 * notify: `notify test TARGET` sends one marked test alert and says what came back; the other verbs
 * are in notify_*.c.
 *
 * Owns:  nothing.
 * Calls: collector/outbox; stdout.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/notify.h"
#include "collector/outbox.h"

static const char *const verdicts[] = {
    [KT_DELIVERED] = "delivered",
    [KT_RETRY] = "not now: would be tried again",
    [KT_REFUSED] = "refused: would not be tried again",
    [KT_DISABLED] = "gone (410): the target would be disabled",
};

static int test(const char *config, const char *target)
{
    struct kt_error err = { 0 };
    struct kt_conf *conf = NULL;
    struct kt_outbox_test t = { 0 };
    enum kt_status st = kt_conf_load(config, &conf, &err);
    if (st == KT_OK) {
        struct kt_outbox_options o = { .conf = conf, .clock = kt_clock_real, .rng = kt_rng_real };
        st = kt_outbox_test(&o, target, &t, &err);
    }
    kt_conf_free(conf);
    if (st != KT_OK)
        return kt_cli_fail("notify", &err);
    char answer[16] = "none"; /* nothing came back that has a number */
    if (t.status != 0)
        (void)snprintf(answer, sizeof answer, "%d", t.status);
    printf("target   %s\nanswer   %s\ntook     %lld ms\nverdict  %s\n", target, answer,
           (long long)(t.took / KT_NS_MS), verdicts[t.verdict]);
    if (t.word[0] != 0)
        printf("word     %s\n", t.word);
    return t.verdict == KT_DELIVERED ? KT_EXIT_OK : KT_EXIT_UNREACHABLE;
}

/* `notify route` has flags of its own: what an alert may be. */
static int route(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "notify route",
        "[--explain ALERT | --severity WORD …] -c CONFIG",
        "who is told of an alert, when, and why",
        "keytrail notify route --severity high --secret 'prod/db' --at 23:00 -c keytrail.yaml",
        NULL,
        NULL
    };
    const char *output = "table";
    struct kt_notify_route_flags f = { 0 };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that has the routes", &f.config,
          NULL },
        { "--explain", 0, KT_FLAG_STRING, "ALERT", "an alert of the store, by id", &f.explain,
          NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "explain: the store", &f.db, NULL },
        { "--at", 0, KT_FLAG_STRING, "TIME", "as if it were then (UTC)", &f.at, NULL },
        { "--severity", 0, KT_FLAG_STRING, "SEVERITY", "an alert that might be: high unless said",
          &f.severity, NULL },
        { "--detector", 0, KT_FLAG_STRING, "DETECTOR", "its detector", &f.detector, NULL },
        { "--actor", 0, KT_FLAG_STRING, "ACTOR", "its actor", &f.actor, NULL },
        { "--secret", 0, KT_FLAG_STRING, "SECRET", "its secret", &f.secret, NULL },
        { "--ip", 0, KT_FLAG_STRING, "ADDRESS", "its address", &f.ip, NULL },
        { "--country", 0, KT_FLAG_STRING, "CODE", "its country", &f.country, NULL },
        { "--source", 0, KT_FLAG_STRING, "SOURCE", "its source", &f.source, NULL },
        { "--instance", 0, KT_FLAG_STRING, "INSTANCE", "its instance", &f.instance, NULL },
        { "--score", 0, KT_FLAG_UINT, "POINTS", "its score", &f.score, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n == 0 && kt_output_of(output, &f.how))
        return kt_notify_route(&f);
    fprintf(stderr, "usage: keytrail notify route [--explain ALERT | --severity WORD …] "
                    "(-o " KT_OUTPUT_WORDS ")\n");
    return KT_EXIT_USAGE;
}

int kt_cmd_notify(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "test", "TARGET", "sends one marked alert, and says what came back", NULL, NULL },
        { "route", NULL, "who is told of an alert, when, and why", route, NULL },
        { "queue", "", "what waits", NULL, NULL },
        { "dead", "", "what was given up", NULL, NULL },
        { "retry", "[ROW|ALERT]", "tries again: a row, an alert, --target or --all", NULL, NULL },
        { "keygen", "", "a secret that signs messages of a webhook", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        "notify",
        "VERB [options]",
        "alert targets: test, routes, what waits, what was given up, keys",
        "keytrail notify test slack-sec -c /etc/keytrail/keytrail.yaml",
        NULL,
        verbs
    };
    const char *output = "table";
    struct kt_notify_flags f = { 0 };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "configuration that has the target, the store and the collector", &f.config, NULL },
        { "--db", 0, KT_FLAG_STRING, "FILE", "queue, dead: the store", &f.db, NULL },
        { "--server", 0, KT_FLAG_STRING, "unix:PATH", "retry: the collector's control socket",
          &f.server, NULL },
        { "--target", 0, KT_FLAG_STRING, "TARGET",
          "queue, dead: of this target; retry: all of it, and the target is tried again", &f.target,
          NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "retry: every dead letter", &f.all, NULL },
        { "--by", 0, KT_FLAG_STRING, "NAME", "retry: who says so (default: the user)", &f.by,
          NULL },
        { "--limit", 'n', KT_FLAG_UINT, "N", "queue, dead: so many rows", &f.limit, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int n;
    bool done;
    int code;
    if (kt_verb_run(&cmd, argc, argv, &code))
        return code;
    code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    struct kt_str verb = n > 0 ? kt_str_of(argv[1]) : KT_STR_NONE;
    if (kt_output_of(output, &f.how)) {
        if (kt_str_is(verb, "test") && n == 2)
            return test(f.config != NULL ? f.config : "/etc/keytrail/keytrail.yaml", argv[2]);
        if (kt_str_is(verb, "queue") && n == 1)
            return kt_notify_queue(&f);
        if (kt_str_is(verb, "dead") && n == 1)
            return kt_notify_dead(&f);
        if (kt_str_is(verb, "retry") && n <= 2)
            return kt_notify_retry(&f, n == 2 ? argv[2] : NULL);
        if (kt_str_is(verb, "keygen") && n == 1)
            return kt_notify_keygen();
    }
    return kt_flags_usage(&cmd);
}
