/*
 * source_cmd: `keytrail-agent source`: list, test, add, doctor.
 *
 * Owns:  the pipeline of a test.
 * Calls: agents (sources, inputs, pipeline), core; stdout, stderr.
 */
#include "cli/source_cmd.h"

#include <stdio.h>
#include <string.h>

#include "agents/input.h"
#include "agents/pipeline.h"
#include "agents/source_file.h"
#include "cli/cli.h"
#include "cli/source_add.h"
#include "cli/source_doctor.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"

#define SAMPLE_MAX (64u << 20)

/* ---- list ---- */

static void add_row(struct kt_rows *rows, const char *kind, const char *name, const char *summary)
{
    const struct kt_cell cells[] = { kt_cell_str(kt_str_of(kind)), kt_cell_str(kt_str_of(name)),
                                     kt_cell_str(kt_str_of(summary)) };
    kt_rows_add(rows, cells);
}

static int list(const char *output)
{
    static const struct kt_column columns[] = {
        { "kind", "KIND", 0, false },
        { "name", "NAME", 0, false },
        { "summary", "WHAT IT READS", 0, false },
    };
    enum kt_output how;
    if (!kt_output_of(output, &how)) {
        fprintf(stderr, "keytrail-agent source: -o takes " KT_OUTPUT_WORDS "\n");
        return KT_EXIT_USAGE;
    }
    struct kt_rows *rows = kt_rows_new(how, columns, KT_ARRAY_LEN(columns), true);
    for (unsigned i = 0; kt_sources[i] != NULL; i++)
        add_row(rows, "source", kt_sources[i]->name, kt_sources[i]->summary);
    for (unsigned i = 0; kt_inputs[i] != NULL; i++)
        add_row(rows, "input", kt_inputs[i]->name, kt_inputs[i]->summary);
    kt_rows_end(rows);
    return KT_EXIT_OK;
}

/* ---- test ---- */

struct test {
    struct kt_pipeline *pipeline;
    struct kt_pipeline_counts before; /* of the line at hand */
    unsigned line;
};

/* "  who      alice@example.com (human)"; nothing when it is empty. Strangers' text is made safe
 * for the terminal. */
static void say(const char *name, struct kt_str text, struct kt_str more)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    if (text.len == 0)
        return;
    kt_tty_add(&b, text);
    if (more.len > 0) {
        kt_buf_addz(&b, "  ");
        kt_tty_add(&b, more);
    }
    printf("  %-8s %s\n", name, kt_buf_z(&b));
}

static struct kt_str or_missing(struct kt_str s)
{
    return s.len > 0 ? s : KT_STR("-");
}

static void say_access(const struct kt_event *ev)
{
    char when[KT_TIME_TEXT_MAX], ip[KT_IP_TEXT_MAX];
    bool named = ev->secret.len > 0;
    say("who", or_missing(ev->actor), kt_str_of(kt_actor_kind_word(ev->actor_kind)));
    say("what", or_missing(named ? ev->secret : ev->secret_native),
        named && ev->version.len > 0 ? ev->version : KT_STR_NONE);
    say("when", kt_str_of(ev->time != 0 ? kt_time_format(ev->time, when) : "-"), KT_STR_NONE);
    say("where", or_missing(ev->has_ip ? kt_str_of(kt_ip_format(ev->ip, ip)) : ev->ip_raw),
        ev->user_agent);
    say("outcome", kt_str_of(kt_outcome_word(ev->outcome)),
        ev->code.len > 0 ? ev->code : ev->message);
    say("why", ev->reason.len > 0 ? ev->reason : ev->ticket, KT_STR_NONE);
    if ((ev->flags & KT_FLAG(INCOMPLETE)) != 0)
        say("!", KT_STR("incomplete: time, actor or operation is missing"), KT_STR_NONE);
}

/* No outcome, no address: something lies open. */
static void say_exposure(const struct kt_event *ev)
{
    char when[KT_TIME_TEXT_MAX];
    say("who", or_missing(ev->actor), kt_str_of(kt_actor_kind_word(ev->actor_kind)));
    say("what", or_missing(ev->secret), ev->version);
    say("when", kt_str_of(ev->time != 0 ? kt_time_format(ev->time, when) : "-"), KT_STR_NONE);
    say("where", or_missing(ev->secret_native), KT_STR_NONE);
    say("state", ev->code, KT_STR_NONE);
    say("key id", ev->credential, KT_STR_NONE);
}

static void say_head(const struct test *t, const struct kt_event *ev, const char *what)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf b = { 0 };
    kt_tty_add(&b, or_missing(ev->operation));
    printf("line %-4u %s  %s\n", t->line, what, kt_buf_z(&b));
}

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct test *t = self;
    const struct kt_event *ev = l->event;
    if (ev->kind == KT_KIND_ACCESS || ev->kind == KT_KIND_AMEND) {
        say_head(t, ev, kt_action_word(ev->action));
        say_access(ev);
    } else if (ev->kind == KT_KIND_EXPOSURE) {
        say_head(t, ev, kt_kind_word(ev->kind));
        say_exposure(ev);
    } else if (ev->kind == KT_KIND_QUARANTINE) {
        printf("line %-4u quarantined\n", t->line);
        say("reason", ev->reason, kt_str_of(err->text)); /* what the source or the parser said */
    } else if (ev->kind == KT_KIND_REDACTED) {
        say("redacted", ev->raw, KT_STR_NONE);
    }
    *err = (struct kt_error){ 0 };
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    (void)self;
    printf("  %-8s %s: %s\n", "finding", code, sentence);
}

/* What the line gave besides events. */
static void say_rest(struct test *t)
{
    const struct kt_pipeline_counts *now = kt_pipeline_counts(t->pipeline);
    for (unsigned i = 0; i < KT_ARRAY_LEN(now->skip) && now->skip[i].reason != NULL; i++)
        for (uint64_t n = t->before.skip[i].n; n < now->skip[i].n; n++)
            printf("line %-4u skipped: %s\n", t->line, now->skip[i].reason);
    t->before = *now;
}

static enum kt_status feed(struct test *t, struct kt_str text, const char *path,
                           struct kt_error *err)
{
    kt_time_ns now = kt_clock_real.wall(kt_clock_real.self);
    enum kt_status st = KT_OK;
    for (size_t at = 0; st == KT_OK && at < text.len;) {
        ptrdiff_t nl = kt_str_find_byte(text, '\n', at);
        size_t end = nl < 0 ? text.len : (size_t)nl + 1;
        t->line++;
        st = kt_pipeline_feed(t->pipeline, kt_str_sub(text, at, end - at), at, kt_str_of(path), now,
                              err);
        say_rest(t);
        at = end;
    }
    if (st == KT_OK)
        st = kt_pipeline_end(t->pipeline, now, err);
    if (st == KT_OK)
        st = kt_pipeline_expire(t->pipeline, now, true, err);
    say_rest(t);
    return st;
}

static int sum(const struct kt_pipeline_counts *c)
{
    fprintf(stderr,
            "%llu records: %llu events, %llu skipped, %llu first halves, %llu quarantined\n",
            (unsigned long long)c->records, (unsigned long long)c->events,
            (unsigned long long)c->skipped, (unsigned long long)c->folded,
            (unsigned long long)c->quarantined);
    return c->quarantined > 0 ? KT_EXIT_NO : KT_EXIT_OK;
}

static int fail(const struct kt_error *err)
{
    fprintf(stderr, "keytrail-agent source: %s\n", err->text);
    return err->code == KT_E_IO ? KT_EXIT_STORE : KT_EXIT_CONFIG;
}

/* A type, or a mapping file: what has a dot or a slash is one. */
static enum kt_status open_source(const char *what, struct kt_source_file *ret,
                                  struct kt_error *err)
{
    bool is_file = strpbrk(what, "./") != NULL;
    return kt_source_file_open(is_file ? "mapping" : what, is_file ? what : NULL, ret, err);
}

static int test(const char *what, const char *sample, const char *cluster)
{
    struct kt_error err = { 0 };
    struct kt_source_file file = { 0 };
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    if (open_source(what, &file, &err) != KT_OK)
        return fail(&err);
    enum kt_status st = kt_fs_read_all(sample, SAMPLE_MAX, &text, &err);
    if (st == KT_E_AGAIN)
        (void)!kt_fail(&err, KT_E_CONFIG, "there is no '%s'", sample);
    int code = KT_EXIT_OK;
    if (st == KT_OK) {
        struct test t = { 0 };
        const struct kt_pipeline_options o = { .source = file.source,
                                               .instance = kt_str_of(file.source->name),
                                               .cluster = kt_str_of(cluster),
                                               .line = on_line,
                                               .finding = on_finding,
                                               .self = &t };
        t.pipeline = kt_pipeline_new(&o);
        st = feed(&t, kt_buf_str(&text), sample, &err);
        code = sum(kt_pipeline_counts(t.pipeline));
        kt_pipeline_free(t.pipeline);
    }
    kt_source_file_done(&file);
    return st == KT_OK ? code : fail(&err);
}

int kt_cmd_source(int argc, char **argv)
{
    static const struct kt_verb verbs[] = {
        { "list", "", "sources and inputs that there are", NULL, NULL },
        { "add", "SOURCE", "a commented entry for the configuration", NULL, NULL },
        { "doctor", "[INSTANCE]", "does each source answer, and what is missing", NULL, NULL },
        { "test", "SOURCE|FILE FILE", "what each record of a sample becomes", NULL, NULL },
        { 0 },
    };
    static const struct kt_command cmd = {
        .program = "keytrail-agent",
        .name = "source",
        .verbs = verbs,
        .args = "VERB [options]",
        .summary = "list sources and inputs; make an entry for one; see whether it answers; show "
                   "what each record of a sample becomes",
        .example = "keytrail-agent source add vault --write && keytrail-agent source doctor",
    };
    const char *output = "table", *cluster = "test";
    struct kt_source_add a = { .config = "/etc/keytrail/agent.yaml" };
    const struct kt_flag flags[] = {
        { "--config", 'c', KT_FLAG_STRING, "FILE",
          "add, doctor: the agent's configuration (default /etc/keytrail/agent.yaml)", &a.config,
          NULL },
        { "--write", 0, KT_FLAG_BOOL, NULL, "add: append the entry to it", &a.write, NULL },
        { "--id", 0, KT_FLAG_STRING, "NAME", "add: of the instance", &a.id, NULL },
        { "--input", 0, KT_FLAG_STRING, "NAME", "add: another input than the recommended one",
          &a.input, NULL },
        { "--cluster", 0, KT_FLAG_STRING, "NAME", "test: label in secret ids (default: test)",
          &cluster, NULL },
        { "--output", 'o', KT_FLAG_STRING, "FORM", "list: " KT_OUTPUT_WORDS, &output, NULL },
        { 0 },
    };
    int n = 0;
    bool done = false;
    int code = kt_flags_parse(&cmd, flags, argc, argv, &n, &done);
    if (done)
        return code;
    const char *verb = n > 0 ? argv[1] : "";
    if (n == 1 && strcmp(verb, "list") == 0)
        return list(output);
    if (n == 3 && strcmp(verb, "test") == 0)
        return test(argv[2], argv[3], cluster);
    if ((n == 1 || n == 2) && strcmp(verb, "doctor") == 0)
        return kt_source_doctor(a.config, n == 2 ? argv[2] : NULL);
    if (n == 2 && strcmp(verb, "add") == 0) {
        a.type = argv[2];
        return kt_source_add(&a);
    }
    return kt_flags_usage(&cmd);
}
