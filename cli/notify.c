/*
 * notify: `notify test TARGET` sends one marked test alert and says what came back.
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
    printf("target   %s\nanswer   %d\ntook     %lld ms\nverdict  %s\n", target, t.status,
           (long long)(t.took / KT_NS_MS), verdicts[t.verdict]);
    if (t.word[0] != 0)
        printf("word     %s\n", t.word);
    return t.verdict == KT_DELIVERED ? KT_EXIT_OK : KT_EXIT_UNREACHABLE;
}

int kt_cmd_notify(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "notify", "test TARGET -c CONFIG | keygen", "alert targets: test, keys for webhooks",
        "keytrail notify test slack-sec -c /etc/keytrail/keytrail.yaml", NULL
    };
    const char *config = "/etc/keytrail/keytrail.yaml";
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE", "configuration that has the target", &config,
          NULL },
        { 0 },
    };
    int n;
    bool done;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (n == 1 && strcmp(argv[1], "keygen") == 0)
        return kt_notify_keygen();
    if (n != 2 || strcmp(argv[1], "test") != 0) {
        fprintf(stderr, "usage: keytrail notify test TARGET [-c CONFIG] | keygen\n");
        return KT_EXIT_USAGE;
    }
    return test(config, argv[2]);
}
