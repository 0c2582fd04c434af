/*
 * rotation: `rotation watch` follows one change-over until nobody uses the old value; `rotation
 * list` shows what is overdue, failed, half-done and done.
 *
 * Owns:  nothing.
 * Calls: core/answer (rotation, credential); stdout, stderr, a pause between looks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/asking.h"
#include "cli/commands.h"
#include "core/answer/credential_use.h"
#include "core/answer/rotation.h"
#include "core/base/log.h"
#include "core/sys/clock.h"

#define LOOK_EVERY     5 /* seconds, --follow */
#define FOLLOW_TIMEOUT "12h"
#define SETTLE         "1h"
#define KEY_SETTLE     "24h"
#define LIST_SPAN      (30 * KT_NS_DAY)

struct rotation {
    struct kt_asking asking;
    const char *settle;
    bool follow, fail, all;
    kt_time_ns since, at; /* that was asked for; since when the new value is current */
    bool done;            /* nobody uses the old one */
    char said[2048];      /* the last sentence, so that a log holds changes alone */
};

static void add_safe(struct kt_buf *out, struct kt_str s)
{
    kt_tty_add(out, s);
}

static struct kt_cell moment(const struct rotation *r, kt_time_ns t, char buf[KT_TIME_TEXT_MAX])
{
    if (t == 0 || r->asking.how != KT_OUT_TABLE)
        return kt_cell_time(t);
    return kt_cell_str(kt_str_of(kt_asking_when(&r->asking, t, buf)));
}

static struct kt_cell count_or_none(uint64_t n)
{
    const struct kt_cell none = { .type = KT_CELL_NULL };
    return n == 0 ? none : kt_cell_int((int64_t)n);
}

/* ---- a secret ---- */

static const struct kt_column readers[] = {
    { "state", "STATE", 0, false },
    { "actor", "ACTOR", 40, false },
    { "version", "VERSION", 20, false },
    { "last_old", "LAST OLD", 0, false },
    { "last_new", "LAST NEW", 0, false },
    { "first_new", NULL, 0, false },
    { "reads_old", "OLD", 0, true },
    { "reads_new", "NEW", 0, true },
    { "reads_before", "30 d BEFORE", 0, true },
    { "last_before", "LAST BEFORE", 0, false },
    { "days_before", NULL, 0, true },
};

static void print_readers(const struct rotation *r, const struct kt_rotation *x)
{
    struct kt_rows *rows =
        kt_rows_new(r->asking.how, readers, KT_ARRAY_LEN(readers), !r->asking.no_header);
    unsigned left = 0;
    for (unsigned i = 0; i < x->n; i++) {
        const struct kt_rotation_reader *p = &x->reader[i];
        char old[KT_TIME_TEXT_MAX], fresh[KT_TIME_TEXT_MAX], first[KT_TIME_TEXT_MAX],
            before[KT_TIME_TEXT_MAX];
        if (p->state == KT_ROTATION_GONE && !r->all && r->asking.how == KT_OUT_TABLE) {
            left++;
            continue;
        }
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(kt_rotation_state_word(p->state))),
            kt_cell_str(p->actor),
            kt_cell_str(p->version),
            moment(r, p->last_old, old),
            moment(r, p->last_new, fresh),
            moment(r, p->first_new, first),
            count_or_none(p->old),
            count_or_none(p->fresh),
            kt_cell_int((int64_t)p->before),
            moment(r, p->last_before, before),
            kt_cell_int(p->days),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (left > 0)
        fprintf(stderr, "%u more read it once or twice before, and not since (--all)\n", left);
}

static void say_head(const struct rotation *r, const struct kt_rotation *x, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX];
    kt_buf_addz(out, "SECRET ");
    add_safe(out, x->secret);
    if (x->at == 0)
        return;
    kt_buf_addf(out, "\n%s %s %s",
                strcmp(x->from, "asked") == 0 ? "as you say, replaced at" : "replaced at",
                kt_asking_when(&r->asking, x->at, when), kt_asking_zone(&r->asking));
    if (x->by.len > 0) {
        kt_buf_addz(out, " by ");
        add_safe(out, x->by);
    }
    if (strcmp(x->from, "inventory") == 0)
        kt_buf_addz(out, " (as its store lists it)");
    if (x->current.len == 0)
        return;
    kt_buf_addz(out, x->previous.len > 0 ? ", version " : "; current is version ");
    add_safe(out, x->previous);
    kt_buf_addz(out, x->previous.len > 0 ? " -> " : "");
    add_safe(out, x->current);
}

/* What the table cannot say. */
static void say_notes(const struct rotation *r, const struct kt_rotation *x)
{
    char when[KT_TIME_TEXT_MAX];
    if (x->failed != 0)
        fprintf(stderr, "a rotation failed at %s: the value may still be the old one\n",
                kt_asking_when(&r->asking, x->failed, when));
    if (x->started != 0)
        fprintf(stderr, "a rotation that started at %s has not ended\n",
                kt_asking_when(&r->asking, x->started, when));
    if (x->pending > x->at)
        fprintf(stderr, "a value of %s waits and is not current yet\n",
                kt_asking_when(&r->asking, x->pending, when));
    if (x->at != 0 && x->by_time)
        fprintf(stderr, "its log shows no version of a read: a fetch after the rotation counts as "
                        "one of the new value\n");
    if (x->at == 0)
        fprintf(stderr, "no change of its value is in the log of 400 days, nor a date in an "
                        "inventory: give --since TIME of the rotation\n");
}

/* On a terminal the picture is drawn anew; elsewhere a line is a change. */
static void show_secret(struct rotation *r, const struct kt_rotation *x)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf head = { 0 }, plain = { 0 }, say = { 0 };
    bool terminal = isatty(STDOUT_FILENO) != 0;
    kt_rotation_say(x, r->asking.ask.now, &plain);
    add_safe(&say, kt_buf_str(&plain));
    if (r->follow && !terminal) {
        if (strcmp(r->said, kt_buf_z(&say)) != 0 || x->done)
            printf("%s\n", kt_buf_z(&say));
        (void)fflush(stdout);
        kt_str_copyz(r->said, sizeof r->said, kt_buf_str(&say));
        return;
    }
    if (r->follow)
        printf("\x1b[H\x1b[2J");
    if (r->asking.how == KT_OUT_TABLE && !r->asking.no_header) {
        say_head(r, x, &head);
        printf("%s\n%s\n", kt_buf_z(&head), kt_buf_z(&say));
    }
    print_readers(r, x);
    (void)fflush(stdout);
    if (!r->asking.quiet)
        say_notes(r, x);
}

static enum kt_status look_at_secret(struct rotation *r, const char *name, kt_time_ns settle,
                                     struct kt_error *err)
{
    struct kt_rotation *x = NULL;
    const struct kt_rotation_ask what = { .secret = kt_str_of(name),
                                          .since = r->since,
                                          .settle = settle };
    enum kt_status st = kt_rotation_load(&r->asking.ask, &what, &x, err);
    if (st != KT_OK)
        return st;
    r->done = x->done;
    r->at = x->at;
    show_secret(r, x);
    kt_rotation_free(x);
    return KT_OK;
}

/* ---- a key or a token ---- */

static const struct kt_column users[] = {
    { "actor", "ACTOR", 40, false },   { "instance", "INSTANCE", 24, false },
    { "ip", "ADDRESS", 0, false },     { "country", "COUNTRY", 0, false },
    { "events", "EVENTS", 0, true },   { "reads", "READS", 0, true },
    { "secrets", "SECRETS", 0, true }, { "refused", "REFUSED", 0, true },
    { "last", "LAST", 0, false },      { "first", NULL, 0, false },
};

static void print_users(const struct rotation *r, const struct kt_credential_use *u)
{
    struct kt_rows *rows =
        kt_rows_new(r->asking.how, users, KT_ARRAY_LEN(users), !r->asking.no_header);
    for (unsigned i = 0; i < u->n; i++) {
        const struct kt_credential_user *p = &u->user[i];
        char ip[KT_IP_TEXT_MAX], last[KT_TIME_TEXT_MAX], first[KT_TIME_TEXT_MAX];
        const struct kt_cell cells[] = {
            kt_cell_str(p->actor),
            kt_cell_str(p->instance),
            kt_cell_str(p->has_ip ? kt_str_of(kt_ip_format(p->ip, ip)) : KT_STR_NONE),
            kt_cell_str(p->country),
            kt_cell_int((int64_t)p->events),
            kt_cell_int((int64_t)p->reads),
            kt_cell_int((int64_t)p->secrets),
            kt_cell_int((int64_t)p->refused),
            moment(r, p->last, last),
            moment(r, p->first, first),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
}

static void say_key(struct rotation *r, const struct kt_credential_use *u, kt_time_ns settle,
                    struct kt_buf *out)
{
    char ago[KT_TIME_TEXT_MAX], quiet[KT_TIME_TEXT_MAX];
    kt_time_ns now = r->asking.ask.now;
    r->done = u->last_success == 0 || now - u->last_success > settle;
    if (u->last_success == 0) {
        kt_buf_addz(out, "old credential: not used in this window");
    } else {
        kt_buf_addf(out, "old credential: last used %s ago by ",
                    kt_duration_format(now - u->last_success, ago));
        add_safe(out, u->last_actor);
    }
    if (!r->done)
        kt_buf_addf(out, "; unused is what nobody used for %s", kt_duration_format(settle, quiet));
}

static enum kt_status look_at_key(struct rotation *r, const char *key, kt_time_ns settle,
                                  struct kt_error *err)
{
    struct kt_credential_use *u = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf say = { 0 }, name = { 0 };
    enum kt_status st = kt_credential_use_load(&r->asking.ask, kt_str_of(key), &u, err);
    if (st != KT_OK)
        return st;
    say_key(r, u, settle, &say);
    bool terminal = isatty(STDOUT_FILENO) != 0;
    add_safe(&name, kt_str_of(key));
    if (r->follow && !terminal) {
        if (strcmp(r->said, kt_buf_z(&say)) != 0)
            printf("%s\n", kt_buf_z(&say));
        kt_str_copyz(r->said, sizeof r->said, kt_buf_str(&say));
    } else {
        if (r->follow)
            printf("\x1b[H\x1b[2J");
        if (r->asking.how == KT_OUT_TABLE && !r->asking.no_header)
            printf("CREDENTIAL %s\n%s\n", kt_buf_z(&name), kt_buf_z(&say));
        print_users(r, u);
    }
    (void)fflush(stdout);
    kt_credential_use_free(u);
    return KT_OK;
}

static bool is_key(const char *s)
{
    static const char *const begins[] = { "AKIA", "ASIA", "hmac-sha256:" };
    for (size_t i = 0; i < KT_ARRAY_LEN(begins); i++)
        if (kt_str_starts(kt_str_of(s), kt_str_of(begins[i])) && strchr(s, '/') == NULL)
            return true;
    return false;
}

/* ---- watch ---- */

static enum kt_status watch(struct rotation *r, const char *what, struct kt_error *err)
{
    bool key = is_key(what);
    kt_time_ns settle;
    if (r->follow && r->asking.how != KT_OUT_TABLE)
        return kt_fail(err, KT_E_INPUT, "--follow is for people: it has no -o");
    if (kt_duration_parse(kt_str_of(r->settle != NULL ? r->settle
                                    : key             ? KEY_SETTLE
                                                      : SETTLE),
                          &settle, err) != KT_OK)
        return kt_wrap(err, "--settle");
    if (r->follow && r->asking.timeout == NULL)
        r->asking.timeout = FOLLOW_TIMEOUT;
    if (kt_asking_open(&r->asking, key ? 30 * KT_NS_DAY : 0, err) != KT_OK)
        return err->code;
    r->since = r->asking.ask.since;
    for (;;) {
        enum kt_status st =
            key ? look_at_key(r, what, settle, err) : look_at_secret(r, what, settle, err);
        if (st != KT_OK || !r->follow || r->done)
            return st;
        if (!key && r->at == 0)
            return kt_fail(err, KT_E_INPUT, "no rotation of it is known: give --since TIME of it");
        if (kt_clock_real.mono(kt_clock_real.self) + LOOK_EVERY * KT_NS_S > r->asking.deadline)
            return KT_OK; /* the caller says that it is not over */
        (void)nanosleep(&(struct timespec){ .tv_sec = LOOK_EVERY }, NULL);
        r->asking.ask.now = kt_clock_real.wall(kt_clock_real.self);
    }
}

static int run_watch(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "rotation watch",
        "SECRET|KEY [options]",
        "who still uses the old value of a secret, or an old key, until nobody does. KEY is an "
        "access key id or the hash of a token",
        "keytrail rotation watch prod/db/main --follow",
        NULL,
        NULL
    };
    struct rotation r = { 0 };
    const struct kt_flag flags[] = {
        { "--follow", 'f', KT_FLAG_BOOL, NULL,
          "look again every 5 s until nobody uses the old one, or for --timeout (12h); exit 1 then",
          &r.follow, NULL },
        { "--settle", 0, KT_FLAG_STRING, "TIME",
          "a reader of both has the new one after so long without the old one (1h); a key is "
          "unused "
          "after (24h)",
          &r.settle, NULL },
        { "--fail", 0, KT_FLAG_BOOL, NULL, "exit 1 while somebody uses the old one", &r.fail,
          NULL },
        { "--all", 0, KT_FLAG_BOOL, NULL, "those too who read it once before", &r.all, NULL },
        KT_ASKING_FLAGS(r.asking),
        { 0 },
    };
    struct kt_error err = { 0 };
    bool parsed;
    int n, code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    if (n != 1) {
        fprintf(stderr, "keytrail rotation watch: name one secret or key\n");
        return KT_EXIT_USAGE;
    }
    enum kt_status st = watch(&r, argv[1], &err);
    if (st == KT_OK && r.follow && !r.done)
        fprintf(stderr, "not over after %s: somebody may still use the old one\n",
                r.asking.timeout);
    if (r.at != 0)
        r.asking.ask.since = r.at; /* what the answer is about */
    code = kt_asking_end(&r.asking, "rotation", &err);
    return code == KT_EXIT_OK && (r.follow || r.fail) && !r.done ? KT_EXIT_NO : code;
}

/* ---- list ---- */

static const struct kt_column columns[] = {
    { "state", "STATE", 0, false },  { "secret", "SECRET", 70, false },
    { "at", "AT", 0, false },        { "what", "WHAT", 28, false },
    { "by", "BY", 36, false },       { "last_rotated", "LAST ROTATED", 0, false },
    { "due", "DUE", 0, false },      { "rotations", "TIMES", 0, true },
    { "owner", "OWNER", 24, false },
};

static void print_list(const struct rotation *r, const struct kt_rotations *all)
{
    struct kt_rows *rows =
        kt_rows_new(r->asking.how, columns, KT_ARRAY_LEN(columns), !r->asking.no_header);
    for (unsigned i = 0; i < all->n; i++) {
        const struct kt_rotation_row *x = &all->row[i];
        char at[KT_TIME_TEXT_MAX], rotated[KT_TIME_TEXT_MAX], due[KT_TIME_TEXT_MAX];
        const struct kt_cell cells[] = {
            kt_cell_str(kt_str_of(kt_rotation_fate_word(x->fate))),
            kt_cell_str(x->secret),
            moment(r, x->at, at),
            kt_cell_str(x->what),
            kt_cell_str(x->by),
            moment(r, x->rotated, rotated),
            moment(r, x->due, due),
            count_or_none(x->rotations),
            kt_cell_str(x->owner),
        };
        kt_rows_add(rows, cells);
    }
    kt_rows_end(rows);
    if (r->asking.quiet)
        return;
    for (unsigned f = 0; f < KT_ROTATION_FATE_COUNT; f++)
        fprintf(stderr, "%s%u %s", f > 0 ? ", " : "", all->count[f],
                kt_rotation_fate_word((enum kt_rotation_fate)f));
    fprintf(stderr, "; times in %s\n", kt_asking_zone(&r->asking));
    if (all->snapshots == 0)
        fprintf(stderr, "no complete snapshot of a store: nobody says what is due "
                        "(keytrail-agent source add inventory)\n");
}

static int run_list(int argc, char **argv)
{
    static const struct kt_command cmd = {
        "rotation list",
        "[PATTERN] [options]",
        "secrets whose rotation failed, is half-done or overdue, and those rotated in the window",
        "keytrail rotation list --since 90d -o csv",
        NULL,
        NULL
    };
    struct rotation r = { 0 };
    const struct kt_flag flags[] = {
        KT_ASKING_FLAGS(r.asking),
        { 0 },
    };
    struct kt_error err = { 0 };
    struct kt_rotations *all = NULL;
    bool parsed;
    int n, code = kt_flags_parse(&cmd, flags, argc, argv, &n, &parsed);
    if (parsed)
        return code;
    n = kt_window_take_slack(&r.asking.window, argv, n);
    if (n > 1) {
        fprintf(stderr, "keytrail rotation list: one pattern at most\n");
        return KT_EXIT_USAGE;
    }
    if (kt_asking_open(&r.asking, LIST_SPAN, &err) == KT_OK &&
        kt_rotations_load(&r.asking.ask, n == 1 ? kt_str_of(argv[1]) : KT_STR_NONE, &all, &err) ==
            KT_OK)
        print_list(&r, all);
    kt_rotations_free(all);
    return kt_asking_end(&r.asking, "rotation", &err);
}

int kt_cmd_rotation(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "watch", "SECRET|KEY", "who still uses the old value", run_watch, NULL },
        { "list", "[PATTERN]", "failed, half-done, overdue, done", run_list, NULL },
        { 0 },
    };
    static const struct kt_command cmd = { "rotation",
                                           "VERB [options]",
                                           "rotations: whether they are over, and what is due",
                                           "keytrail rotation watch prod/db/main --follow",
                                           NULL,
                                           verbs };
    return kt_verbs_main(&cmd, argc, argv);
}
