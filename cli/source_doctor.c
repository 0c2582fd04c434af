/*
 * source_doctor: `keytrail-agent source doctor`: runs each input for a moment, as the agent would,
 * with its credentials, but with no positions and nowhere to put lines.
 *
 * Owns:  the input and the pipeline of a look.
 * Calls: agents (inputs, sources, pipeline), core; stdout.
 * Holds: nothing outside changes: `kept` is never called, so nothing is acknowledged; no spool is
 *        opened. A listener's address is taken and released.
 */
#include "cli/source_doctor.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/source_open.h"
#include "cli/cli.h"
#include "cli/source_page.h"
#include "core/base/log.h"
#include "core/sys/clock.h"

#define NEWEST    3u
#define BUDGET    (256u << 10)
#define BYTES_MAX (64u << 20)      /* that are looked at */
#define WHOLE_MAX (20 * KT_NS_S)   /* of a look */
#define READ_MAX  (3 * KT_NS_S)    /* after the first record */
#define QUIET     (700 * KT_NS_MS) /* nothing more comes, or the problem stays */
#define NO_ANSWER (6 * KT_NS_S)    /* nothing has come, and nothing is wrong */
#define WAIT_MS   50

struct seen { /* one access, as a line for people */
    kt_time_ns time;
    struct kt_buf text;
};
struct look {
    const struct kt_conf_source *conf;
    struct kt_source_opened opened;
    struct kt_input_status status;
    struct kt_pipeline_counts counts;
    struct seen newest[NEWEST]; /* newest first */
    unsigned findings;
    bool in_full; /* it was read to its end */
};

/* ---- what an input asks for ---- */

static struct kt_str no_position(void *self, struct kt_str key)
{
    (void)self;
    (void)key;
    return KT_STR_NONE;
}

static void no_positions(void *self, void (*each)(void *to, struct kt_str key, struct kt_str value),
                         void *to)
{
    (void)self;
    (void)each;
    (void)to;
}

static struct kt_str or_missing(struct kt_str s)
{
    return s.len > 0 ? s : KT_STR("-");
}

/* when who what which secret where, and how it ended */
static void write_access(const struct kt_event *ev, struct kt_buf *out)
{
    char when[KT_TIME_TEXT_MAX], ip[KT_IP_TEXT_MAX];
    const struct kt_str parts[] = {
        or_missing(ev->actor),
        ev->action != KT_ACT_OTHER ? kt_str_of(kt_action_word(ev->action)) : ev->operation,
        or_missing(ev->secret.len > 0 ? ev->secret : ev->secret_native),
        or_missing(ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : ev->ip_raw),
        kt_str_of(kt_outcome_word(ev->outcome)),
    };
    kt_buf_addz(out, ev->time != 0 ? kt_time_format_short(ev->time, when) : "no time");
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        kt_buf_addz(out, "  ");
        kt_tty_add(out, parts[i]);
    }
}

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct look *k = self;
    const struct kt_event *ev = l->event;
    unsigned i = NEWEST;
    (void)err;
    if (ev->kind != KT_KIND_ACCESS && ev->kind != KT_KIND_AMEND && ev->kind != KT_KIND_INVENTORY)
        return KT_OK;
    while (i > 0 && (k->newest[i - 1].text.len == 0 || k->newest[i - 1].time <= ev->time))
        i--;
    if (i == NEWEST)
        return KT_OK;
    struct seen last = k->newest[NEWEST - 1];
    memmove(&k->newest[i + 1], &k->newest[i], (NEWEST - 1 - i) * sizeof k->newest[0]);
    kt_buf_reset(&last.text);
    last.time = ev->time;
    write_access(ev, &last.text);
    k->newest[i] = last;
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    struct look *k = self;
    printf("  missing   %s: %s\n", code, sentence);
    k->findings++;
}

/* What the input found out beside records: whether a trail's digests are good. */
static void on_report(void *self, const struct kt_input_report *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    (void)self;
    kt_tty_add(&b, r->message);
    printf("  found     %s\n", kt_buf_z(&b));
}

static struct kt_pipeline *make_pipeline(void *self)
{
    struct look *k = self;
    struct kt_pipeline_options o = kt_source_pipeline(&k->opened);
    o.line = on_line;
    o.finding = on_finding;
    o.self = k;
    return kt_pipeline_new(&o);
}

/* ---- the look ---- */

static enum kt_status open_look(struct look *k, const struct kt_yaml *yaml, struct kt_error *err)
{
    const struct kt_input_env env = {
        .fs = kt_fs_real,
        .position = no_position,
        .each_position = no_positions,
        .self = k,
        .yaml = yaml,
        .pipeline = make_pipeline,
        .report = on_report,
        .probe = true,
    };
    return kt_source_open(k->conf, &env, &k->opened, err);
}

static void close_look(struct look *k)
{
    kt_source_close(&k->opened);
    for (unsigned i = 0; i < NEWEST; i++)
        kt_buf_done(&k->newest[i].text);
}

/* Takes new numbers; true when something is different from before. */
static bool has_moved(struct look *k)
{
    struct kt_input_status before = k->status;
    uint64_t records = k->counts.records;
    k->status = (struct kt_input_status){ 0 };
    k->counts = (struct kt_pipeline_counts){ 0 };
    k->opened.type->status(k->opened.input, &k->status);
    k->opened.type->counts(k->opened.input, &k->counts);
    return k->status.bytes != before.bytes || k->counts.records != records ||
           strcmp(k->status.problem, before.problem) != 0 ||
           strcmp(k->status.position, before.position) != 0;
}

/* Reads until nothing more comes, or enough did. */
static enum kt_status read_for_a_while(struct look *k, struct kt_error *err)
{
    kt_time_ns started = kt_clock_real.mono(NULL), moved = started, first = 0;
    for (kt_time_ns mono = started; mono - started < WHOLE_MAX; mono = kt_clock_real.mono(NULL)) {
        bool more = false;
        if (k->opened.type->step(k->opened.input, kt_clock_real.wall(NULL), BUDGET, &more, err) !=
            KT_OK)
            return err->code;
        if (has_moved(k) || more)
            moved = mono;
        first = first == 0 && k->counts.records > 0 ? mono : first;
        if (k->status.bytes > BYTES_MAX || (first != 0 && mono - first > READ_MAX))
            return KT_OK;
        bool some = k->counts.records > 0 || k->status.problem[0] != '\0';
        if (mono - moved > (some ? QUIET : NO_ANSWER)) {
            k->in_full = true;
            return KT_OK;
        }
        struct pollfd p = { .fd = k->opened.type->fd(k->opened.input), .events = POLLIN };
        if (!more)
            (void)poll(&p, p.fd >= 0 ? 1 : 0, WAIT_MS);
    }
    return KT_OK;
}

/* ---- what is said ---- */

/* Texts of services and files are made safe for the terminal. */
static void say_line(const char *what, const char *text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_tty_add(&b, kt_str_of(text));
    printf("  %-9s %s\n", what, kt_buf_z(&b));
}

/* A page's text, set in. */
static void say_text(struct kt_str text)
{
    struct kt_str line;
    while (text.len > 0 && kt_str_split(&text, '\n', &line))
        printf("  %s" KT_STR_FMT "\n", line.len > 0 ? "  | " : "  |", KT_STR_ARG(line));
}

static const char *who_am_i(void)
{
    const struct passwd *p = getpwuid(geteuid());
    return p != NULL ? p->pw_name : "keytrail-agent";
}

/* The command that opens the first folder, or the file, that this user may not read. A pattern is
 * looked at up to its first star. */
static void say_access(const char *path)
{
    char part[4096];
    struct stat st;
    struct kt_str p = kt_str_of(path);
    ptrdiff_t star = kt_str_find_byte(p, '*', 0);
    p = star < 0 ? p : kt_str_sub(p, 0, (size_t)star);
    for (size_t i = 1; i <= p.len && i < sizeof part; i++) {
        if (i < p.len && p.at[i] != '/')
            continue;
        kt_str_copyz(part, sizeof part, kt_str_sub(p, 0, i));
        bool folder = stat(part, &st) == 0 && S_ISDIR(st.st_mode);
        if (access(part, folder ? R_OK | X_OK : R_OK) == 0 ||
            (folder && i < p.len && access(part, X_OK) == 0) || errno != EACCES)
            continue;
        printf("  needed    setfacl -m u:%s:%s %s%s\n", who_am_i(), folder ? "rx" : "r", part,
               !folder && (st.st_mode & S_IRGRP) != 0 ? "    (or the group of the file)" : "");
        return;
    }
}

static void say_permissions(const struct look *k)
{
    const char *page = kt_source_page(kt_str_of(k->conf->type));
    if (k->conf->path != NULL)
        say_access(k->conf->path);
    printf("  needed    what the page of %s says about permissions:\n", k->conf->type);
    say_text(kt_page_section(page, "Permissions"));
}

/* What follows the example on the page: how the service is made to write something. */
static void say_set_up(const struct look *k)
{
    const char *page = kt_source_page(kt_str_of(k->conf->type));
    struct kt_str rest = KT_STR_NONE;
    (void)kt_page_yaml(kt_page_section(page, "Configuration"), &rest);
    if (rest.len == 0)
        return;
    printf("  set up    so that there is something to read:\n");
    say_text(rest);
}

static void say_numbers(const struct look *k)
{
    const struct kt_pipeline_counts *c = &k->counts;
    say_line("position", k->status.position);
    printf("  read      %llu records%s: %llu events, %llu skipped, %llu quarantined\n",
           (unsigned long long)c->records, k->in_full ? "" : " (it goes on)",
           (unsigned long long)c->events, (unsigned long long)c->skipped,
           (unsigned long long)c->quarantined);
    for (unsigned i = 0; i < KT_ARRAY_LEN(c->skip) && c->skip[i].reason != NULL; i++)
        printf("  skipped   %llu: %s\n", (unsigned long long)c->skip[i].n, c->skip[i].reason);
    for (unsigned i = 0; i < NEWEST && k->newest[i].text.len > 0; i++)
        printf("  %-9s " KT_STR_FMT "\n", i == 0 ? "newest" : "",
               KT_STR_ARG(kt_buf_str(&k->newest[i].text)));
}

/* Says what was found; true: nothing is missing. */
static bool say(const struct look *k)
{
    const struct kt_pipeline_counts *c = &k->counts;
    say_numbers(k);
    if (k->status.problem[0] != '\0') {
        say_line("missing", k->status.problem);
        say_permissions(k);
        if (c->records == 0)
            say_set_up(k);
        return false;
    }
    if (c->quarantined > 0 && c->events == 0) {
        printf("  missing   no record could be read: is '%s' the right type?\n", k->conf->type);
        return false;
    }
    if (k->findings > 0)
        return false;
    if (c->events > 0) {
        printf("  ok\n");
        return true;
    }
    printf("  ok        it can be read; %s\n",
           c->records > 0 ? "no record yet is about a secret" : "there is nothing in it yet");
    say_set_up(k);
    return true;
}

/* An address that is taken already is what a running agent of this configuration would do. */
static int say_closed(const struct look *k, const struct kt_error *err)
{
    bool listens = k->opened.type != NULL && k->opened.type->listens;
    say_line("missing", err->text);
    if (listens)
        printf("  needed    when the agent runs it is the one who listens there: "
               "keytrail-agent status\n");
    return err->code == KT_E_CONFIG && !listens ? KT_EXIT_CONFIG : KT_EXIT_NO;
}

static int look_at(const struct kt_agent_conf *conf, const struct kt_conf_source *s)
{
    struct look k = { .conf = s };
    struct kt_error err = { 0 };
    int code = KT_EXIT_OK;
    printf("%s: %s through %s\n", s->id, s->type, s->input);
    (void)fflush(stdout);
    enum kt_status st = open_look(&k, conf->yaml, &err);
    if (st == KT_OK && k.opened.type->listens)
        printf("  ok        the address is free and can be taken; what is posted to it only the "
               "agent reads\n");
    else if (st == KT_OK && (st = read_for_a_while(&k, &err)) == KT_OK)
        code = say(&k) ? KT_EXIT_OK : KT_EXIT_NO;
    if (st != KT_OK)
        code = say_closed(&k, &err);
    close_look(&k);
    return code;
}

int kt_source_doctor(const char *config, const char *id)
{
    struct kt_agent_conf *conf = NULL;
    struct kt_error err = { 0 };
    int worst = KT_EXIT_OK;
    unsigned n = 0;
    if (kt_agent_conf_load(config, &conf, &err) != KT_OK) {
        fprintf(stderr, "keytrail-agent source: %s\n", err.text);
        return KT_EXIT_CONFIG;
    }
    for (unsigned i = 0; i < conf->n_sources; i++) {
        if (id != NULL && strcmp(conf->sources[i].id, id) != 0)
            continue;
        int code = look_at(conf, &conf->sources[i]);
        worst = code > worst ? code : worst;
        n++;
    }
    kt_agent_conf_free(conf);
    if (n > 0 && geteuid() == 0)
        fprintf(stderr, "looked at as root: the agent's own user may read less (sudo -u USER …)\n");
    if (n > 0)
        return worst;
    if (id != NULL)
        fprintf(stderr, "keytrail-agent source: %s has no source '%s'\n", config, id);
    else
        fprintf(stderr, "keytrail-agent source: %s has no sources: keytrail-agent source add\n",
                config);
    return KT_EXIT_CONFIG;
}
