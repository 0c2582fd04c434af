/*
 * accept_log: the collectors' logs in `keytrail-agent status`, and the order to accept one that
 * contradicts what was kept of it.
 *
 * Owns:  its command line. The order is a file in the spool's folder, which the agent carries out:
 *        at once when it runs, else at its next start.
 * Calls: agents/log_watch.h, core/config; stdout.
 */
#include "cli/accept_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "agents/log_watch.h"
#include "cli/agent_fail.h"
#include "cli/cli.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/config/config.h"
#include "core/sys/clock.h"

#define DEFAULT_CONFIG "/etc/keytrail/agent.yaml"
#define WAIT_MS        8000 /* for a running agent, which looks once a second */
#define LOG_ID_MIN     8u   /* digits that name a log */

/* ---- words for people ---- */

static void print_escaped(struct kt_str s)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_tty_add(&b, s);
    printf("%s", kt_buf_z(&b));
}

static bool in_colour(void)
{
    const char *none = getenv("NO_COLOR");
    return (none == NULL || none[0] == '\0') && isatty(STDOUT_FILENO);
}

static const char *ago(kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    return kt_duration_format(now > t ? now - t : 0, buf);
}

static void print_alarm(const char *text_before, struct kt_str problem, kt_time_ns since)
{
    char buf[KT_TIME_TEXT_MAX];
    bool colour = in_colour();
    printf("%-10s %s! %s for %s: ", "", colour ? "\033[31m" : "", text_before, ago(since, buf));
    print_escaped(problem);
    printf("%s\n", colour ? "\033[0m" : "");
}

static int64_t number(struct kt_jval v, const char *path)
{
    int64_t n = 0;
    (void)kt_json_i64(kt_json_path(v, path), &n);
    return n;
}

static void print_verified(struct kt_jval l)
{
    char buf[KT_TIME_TEXT_MAX];
    struct kt_str log = kt_json_str_at(l, "kept.log");
    printf("%.*s…, %lld records, verified and kept %s ago%s, key %s\n",
           (int)(log.len < 8 ? log.len : 8), log.at, (long long)number(l, "kept.size"),
           ago(number(l, "at"), buf), number(l, "signed") != 0 ? " and cosigned" : "",
           kt_str_is(kt_json_str_at(l, "pinned"), "configured") ? "as configured"
                                                                : "pinned at first use");
}

bool kt_print_logs(struct kt_jval logs)
{
    struct kt_jval l;
    struct kt_str none;
    bool fine = true;

    for (struct kt_json_iter it = kt_json_iter(logs); kt_json_next(&it, &none, &l);) {
        struct kt_str state = kt_json_str_at(l, "state"), problem = kt_json_str_at(l, "problem");
        printf("%-10s ", "log");
        if (kt_json_str_at(l, "kept.log").len == 32)
            print_verified(l);
        else
            printf("%s\n", kt_str_is(state, "not shown")
                               ? "the collector shows none: it is older, or has no log key"
                               : "none was shown yet");
        if (kt_str_is(state, "contradiction"))
            print_alarm("CONTRADICTION", problem, number(l, "since"));
        else if (kt_str_is(state, "stale"))
            print_alarm("STALE", problem, number(l, "since"));
        if (kt_str_is(state, "contradiction"))
            printf(
                "%-10s   nothing that the collector acknowledges is given up; when you know why: "
                "keytrail-agent accept-log\n",
                "");
        fine = fine && problem.len == 0;
    }
    return fine;
}

/* ---- which log ---- */

struct job {
    const char *config, *log, *reason, *by;
    struct kt_agent_conf *conf;
    struct kt_watched all[2];
    unsigned n;
    const struct kt_watched *chosen;
    unsigned faults; /* logs that contradict themselves */
    struct kt_buf watch_path, order_path;
};

static const char *endpoint_of(const struct job *j, const struct kt_watched *w)
{
    bool standby = j->conf->standby != NULL && memcmp(w->collector, j->conf->standby_key, 32) == 0;
    return standby ? j->conf->standby : j->conf->endpoint;
}

static enum kt_status read_watch(struct job *j, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };

    for (unsigned i = 0; i < j->n; i++)
        kt_watched_done(&j->all[i]);
    j->n = 0;
    enum kt_status st = kt_fs_read_all(kt_buf_z(&j->watch_path), KT_WATCH_FILE_MAX, &text, err);
    if (st == KT_E_AGAIN)
        return KT_OK; /* no log was shown yet */
    if (st == KT_OK)
        st = kt_watched_read(kt_buf_str(&text), j->all, KT_ARRAY_LEN(j->all), &j->n, err);
    return st == KT_OK ? KT_OK : kt_wrap(err, "'%s'", j->watch_path.at);
}

static bool names(const char *prefix, const uint8_t log_id[16])
{
    char hex[33];
    kt_hex(hex, log_id, 16);
    return prefix == NULL || (strlen(prefix) >= LOG_ID_MIN && strlen(prefix) <= 32 &&
                              strncmp(prefix, hex, strlen(prefix)) == 0);
}

static void say_which(const struct job *j)
{
    char log[33];
    fprintf(stderr, "keytrail-agent accept-log: two logs contradict themselves: name one\n");
    for (unsigned i = 0; i < j->n; i++) {
        const struct kt_watched *w = &j->all[i];
        kt_hex(log, w->against.log_id, 16);
        if (w->fault != KT_WATCH_FINE && w->against.note != NULL)
            fprintf(stderr, "  --log %s   %s\n", log, endpoint_of(j, w));
    }
}

/* false: nothing is accepted, and it has been said why. */
static bool choose(struct job *j)
{
    unsigned fitting = 0;

    for (unsigned i = 0; i < j->n; i++) {
        const struct kt_watched *w = &j->all[i];
        if (w->fault == KT_WATCH_FINE)
            continue;
        j->faults++;
        if (w->against.note == NULL) {
            fprintf(stderr,
                    "keytrail-agent accept-log: %s has not shown its log since: nothing can be "
                    "accepted yet. Let the agent run and be connected for a minute, then say it "
                    "again\n",
                    endpoint_of(j, w));
        } else if (names(j->log, w->against.log_id)) {
            fitting++;
            j->chosen = w;
        }
    }
    if (fitting > 1) {
        say_which(j);
        j->chosen = NULL;
    }
    if (fitting == 0 && j->faults > 0 && j->log != NULL)
        fprintf(stderr,
                "keytrail-agent accept-log: no log that contradicts itself begins with "
                "'%s' (%u digits at least)\n",
                j->log, LOG_ID_MIN);
    if (j->faults == 0)
        printf("nothing to accept: what the collector shows fits what is kept\n");
    return j->chosen != NULL;
}

/* ---- the order ---- */

static void print_head(const char *name, const struct kt_shown *s)
{
    char log[33], root[65], when[KT_TIME_TEXT_MAX];
    if (s->note == NULL) {
        printf("%-10s nothing\n", name);
        return;
    }
    kt_hex(log, s->log_id, 16);
    kt_hex(root, s->head.root, 32);
    printf("%-10s log %s, %llu records, root %s, shown %s UTC\n", name, log,
           (unsigned long long)s->head.size, root, kt_time_format_short(s->at, when));
}

static void print_choice(const struct job *j)
{
    char text[KT_WATCH_SAY_MAX];
    printf("%-10s %s\n%-10s %s\n", "collector", endpoint_of(j, j->chosen), "because",
           kt_watched_say(j->chosen, text));
    print_head("kept", &j->chosen->kept);
    print_head("accepted", &j->chosen->against);
    printf("%-10s ", "by");
    print_escaped(kt_str_of(j->by));
    printf(": ");
    print_escaped(kt_str_of(j->reason));
    printf("\n");
    if (j->conf->log_key != NULL || j->conf->standby_log_key != NULL)
        printf("%-10s the configuration names a log key: change it when this log has another\n",
               "note");
}

static enum kt_status write_order(const struct job *j, kt_time_ns at, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_log_order o = { .shown = j->chosen->against, .accepted = { .at = at } };

    memcpy(o.collector, j->chosen->collector, 32);
    kt_str_copyz(o.accepted.by, sizeof o.accepted.by, kt_str_of(j->by));
    kt_str_copyz(o.accepted.reason, sizeof o.accepted.reason, kt_str_of(j->reason));
    kt_log_order_write(&o, &text);
    /* Whoever gives the order may be another user than the agent; the folder is 0700. */
    return kt_fs_write_atomic(j->order_path.at, kt_buf_str(&text), 0644, err);
}

static bool agent_runs(const struct job *j)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 };
    kt_buf_addf(&path, "%s/lock", j->conf->spool_path);
    int fd = open(kt_buf_z(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool runs = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        (void)close(fd);
    return runs;
}

/* Until the agent has taken the file away. */
static bool taken(const struct job *j)
{
    const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    for (int ms = 0; ms < WAIT_MS; ms += 100) {
        if (access(j->order_path.at, F_OK) != 0)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static int carry_out(struct job *j, struct kt_error *err)
{
    kt_time_ns at = kt_clock_real.wall(kt_clock_real.self);
    bool done = false;

    if (!agent_runs(j)) {
        if (write_order(j, at, err) != KT_OK)
            return kt_agent_fail("accept-log", err);
        printf("the agent is not running: it goes on with this log from its next start on\n");
        return KT_EXIT_OK;
    }
    if (write_order(j, at, err) != KT_OK)
        return kt_agent_fail("accept-log", err);
    if (!taken(j)) {
        printf("the agent has not taken the order yet: see keytrail-agent status\n");
        return KT_EXIT_PARTIAL;
    }
    if (read_watch(j, err) != KT_OK)
        return kt_agent_fail("accept-log", err);
    for (unsigned i = 0; i < j->n; i++)
        done = done || j->all[i].accepted.at == at;
    printf("%s\n", done ? "accepted: the agent goes on with this log"
                        : "the agent did not accept it: its own log says why");
    return done ? KT_EXIT_OK : KT_EXIT_NO;
}

static int accept(struct job *j)
{
    struct kt_error err = { 0 };

    if (kt_agent_conf_load(j->config, &j->conf, &err) != KT_OK)
        return kt_agent_fail("accept-log", &err);
    kt_buf_addf(&j->watch_path, "%s/%s", j->conf->spool_path, KT_WATCH_FILE);
    kt_buf_addf(&j->order_path, "%s/%s", j->conf->spool_path, KT_WATCH_ORDER);
    (void)kt_buf_z(&j->order_path);
    if (read_watch(j, &err) != KT_OK)
        return kt_agent_fail("accept-log", &err);
    if (!choose(j))
        return j->faults > 0 || j->log != NULL ? KT_EXIT_NO : KT_EXIT_OK;
    print_choice(j);
    return carry_out(j, &err);
}

int kt_cmd_accept_log(int argc, char **argv)
{
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "accept-log",
        .args = "--reason TEXT [--log ID] [--by WHO] [-c FILE]",
        .summary = "go on with a collector's log that contradicts what the agent has kept of it",
        .example = "keytrail-agent accept-log --reason 'restored from the backup of Sunday'",
    };
    struct job j = { .config = DEFAULT_CONFIG };
    const struct kt_flag flags[] = {
        { "--reason", 0, KT_FLAG_STRING, "TEXT", "why it may be; goes into the log", &j.reason,
          NULL },
        { "--log", 0, KT_FLAG_STRING, "ID", "the log that is shown now, 8 digits at least", &j.log,
          NULL },
        { "--by", 0, KT_FLAG_STRING, "WHO", "who accepts it (the user)", &j.by, NULL },
        { "--config", 'c', KT_FLAG_STRING, "FILE", "the agent's configuration", &j.config, NULL },
        { 0 },
    };
    int n = 0;
    bool done = false;

    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    if (j.reason == NULL || j.reason[0] == '\0' || n > 0) {
        fprintf(stderr, "keytrail-agent accept-log: --reason says why; it is asked for later\n");
        return KT_EXIT_USAGE;
    }
    j.by = kt_cli_who(j.by);
    code = accept(&j);
    for (unsigned i = 0; i < j.n; i++)
        kt_watched_done(&j.all[i]);
    kt_agent_conf_free(j.conf);
    kt_buf_done(&j.watch_path);
    kt_buf_done(&j.order_path);
    return code;
}
