/*
 * sources_cases: runs tests/cases/sources/<source>/<name>.case through a pipeline, with both JSON
 * bodies.
 *
 *   case NAME                 a fresh pipeline
 *   config cluster=prod       settings of it (cluster, instance, mapping: a file of
 *                             agents/sources/mappings, options: keys of the source's own)
 *   record TEXT               one line of the source's file
 *   elapse 91s                time passes
 *   end                       the stream ends; halves that wait are given out
 *   event k=v k="v w" k~part  the next line given out (also: amend, exposure, inventory,
 *                             quarantine, redacted)
 *   skip REASON               one record more was skipped for this reason
 *   finding CODE              the source said this about itself
 *   folded N                  so many first halves went into their partners
 *
 * Every line given out must be asked for; what a case does not name is not compared. What a case
 * calls PLANTED stands for a secret value: no line may hold it.
 *
 * What came of each case is kept beside the version of the decoder in tests/cases/sources/x/emitted
 * (tests/support/emitted.h): where it is something else, the version must have risen.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agents/pipeline.h"
#include "agents/source_file.h"
#include "core/base/alloc.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/event/line.h"
#include "tests/support/emitted.h"

#define LINES_MAX 64
#define NOW       INT64_C(1772440000000000000) /* 2026-03-02T08:26:40Z */

struct run {
    const struct kt_source *source;
    enum kt_json_body body;
    struct kt_pipeline *p;
    struct kt_source_file mapping;
    struct kt_yaml *yaml; /* of its options */
    struct kt_str cluster, instance;
    kt_time_ns now;
    uint64_t pos;
    struct kt_buf lines[LINES_MAX];
    unsigned n_lines, n_seen;
    uint64_t skips_seen[16];
    const char *findings[8];
    unsigned n_findings, n_findings_seen;
    struct kt_arena arena;
    struct kt_buf asked;    /* what the case gives to the pipeline */
    struct kt_buf *emitted; /* of the source; NULL: not noted */
    struct kt_str name;     /* of the case */
    unsigned line;
    char where[300];
};

#define EXPECT(run, ok, ...)                                                                       \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            print_error("%s: ", (run)->where);                                                     \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static enum kt_status on_line(void *self, const struct kt_line_out *l, struct kt_error *err)
{
    struct run *r = self;
    (void)err;
    EXPECT(r, r->n_lines < LINES_MAX, "too many lines in one case");
    EXPECT(r, !kt_str_has(l->line, KT_STR("PLANTED")), "a value that was planted: " KT_STR_FMT,
           KT_STR_ARG(l->line));
    kt_buf_reset(&r->lines[r->n_lines]);
    kt_buf_add(&r->lines[r->n_lines++], l->line);
    return KT_OK;
}

static void on_finding(void *self, const char *code, const char *sentence)
{
    struct run *r = self;
    (void)sentence;
    EXPECT(r, r->n_findings < 8, "too many findings");
    r->findings[r->n_findings++] = code;
}

static struct kt_pipeline *pipeline(struct run *r)
{
    if (r->p == NULL) {
        struct kt_pipeline_options o = { .source = r->mapping.source != NULL ? r->mapping.source
                                                                             : r->source,
                                         .instance = r->instance,
                                         .cluster = r->cluster,
                                         .body = r->body,
                                         .line = on_line,
                                         .finding = on_finding,
                                         .settings = r->mapping.settings,
                                         .self = r };
        memset(o.quarantine_key, 7, sizeof o.quarantine_key);
        r->p = kt_pipeline_new(&o);
    }
    return r->p;
}

/* records = yielded + folded + skipped + quarantined, once nothing waits. */
static void check_sum(struct run *r)
{
    const struct kt_pipeline_counts *c = kt_pipeline_counts(pipeline(r));
    EXPECT(r, c->records == c->yielded + c->folded + c->skipped + c->quarantined,
           "records %llu, yielded %llu, folded %llu, skipped %llu, quarantined %llu",
           (unsigned long long)c->records, (unsigned long long)c->yielded,
           (unsigned long long)c->folded, (unsigned long long)c->skipped,
           (unsigned long long)c->quarantined);
}

static void do_end(struct run *r)
{
    struct kt_error err = { 0 };
    EXPECT(r, kt_pipeline_end(pipeline(r), r->now, &err) == KT_OK, "end: %s", err.text);
    EXPECT(r, kt_pipeline_expire(pipeline(r), r->now, true, &err) == KT_OK, "%s", err.text);
    check_sum(r);
}

static void note(struct run *r)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf lines = { 0 };
    for (unsigned i = 0; i < r->n_lines; i++) {
        kt_buf_add(&lines, kt_buf_str(&r->lines[i]));
        kt_buf_byte(&lines, '\n');
    }
    if (r->emitted != NULL)
        kt_emitted_add(r->emitted, r->name, kt_buf_str(&r->asked), kt_buf_str(&lines));
}

static void case_end(struct run *r)
{
    if (r->p == NULL)
        return;
    do_end(r);
    if (r->n_seen < r->n_lines)
        EXPECT(r, false, "not asked for: " KT_STR_FMT,
               KT_STR_ARG(kt_buf_str(&r->lines[r->n_seen])));
    const struct kt_pipeline_counts *c = kt_pipeline_counts(r->p);
    for (unsigned i = 0; i < 16 && c->skip[i].reason != NULL; i++)
        EXPECT(r, c->skip[i].n == r->skips_seen[i], "skipped without being asked for: %s",
               c->skip[i].reason);
    EXPECT(r, r->n_findings == r->n_findings_seen, "a finding that was not asked for");
    note(r);
    kt_pipeline_free(r->p);
    kt_source_file_done(&r->mapping);
    kt_yaml_free(r->yaml);
    r->yaml = NULL;
    r->p = NULL;
}

static void case_start(struct run *r, struct kt_str name)
{
    case_end(r);
    kt_buf_reset(&r->asked);
    r->name = name;
    r->cluster = KT_STR("prod");
    r->instance = KT_STR("test-1");
    r->now = NOW;
    r->pos = 0;
    r->n_lines = r->n_seen = r->n_findings = r->n_findings_seen = 0;
    memset(r->skips_seen, 0, sizeof r->skips_seen);
}

static void do_record(struct run *r, struct kt_str text)
{
    struct kt_error err = { 0 };
    struct kt_buf line = { 0 };
    kt_buf_add(&line, text);
    kt_buf_byte(&line, '\n');
    enum kt_status st =
        kt_pipeline_feed(pipeline(r), kt_buf_str(&line), r->pos, KT_STR("case"), r->now, &err);
    r->pos += line.len;
    kt_buf_done(&line);
    EXPECT(r, st == KT_OK, "feed: %s", err.text);
}

static void join(const struct kt_list *l, struct kt_buf *out)
{
    for (unsigned i = 0; i < l->n; i++) {
        kt_buf_addz(out, i > 0 ? "," : "");
        kt_buf_add(out, l->at[i]);
    }
}

static void flags_of(const struct kt_event *ev, struct kt_buf *out)
{
    static const char *const words[] = {
#define X(n, w) w,
        KT_FLAGS(X)
#undef X
    };
    for (unsigned i = 0; i < KT_FLAG_COUNT; i++)
        if ((ev->flags >> i & 1) != 0)
            kt_buf_addf(out, "%s%s", out->len > 0 ? "," : "", words[i]);
}

/* The value of a field as text; false when there is no such field. */
static bool field(const struct kt_event *ev, struct kt_str name, struct kt_buf *out)
{
    char text[64];
    kt_buf_reset(out);
#define X(n)                                                                                       \
    if (kt_str_is(name, #n)) {                                                                     \
        kt_buf_add(out, ev->n);                                                                    \
        return true;                                                                               \
    }
    KT_EVENT_STRINGS(X)
    X(raw)
#undef X
    if (kt_str_is(name, "action"))
        kt_buf_addz(out, kt_action_word(ev->action));
    else if (kt_str_is(name, "outcome"))
        kt_buf_addz(out, kt_outcome_word(ev->outcome));
    else if (kt_str_is(name, "actor_kind"))
        kt_buf_addz(out, kt_actor_kind_word(ev->actor_kind));
    else if (kt_str_is(name, "ip_trust"))
        kt_buf_addz(out, kt_ip_trust_word(ev->ip_trust));
    else if (kt_str_is(name, "ip"))
        kt_buf_addz(out, ev->has_ip ? kt_ip_format(ev->ip, text) : "");
    else if (kt_str_is(name, "time"))
        kt_buf_addz(out, ev->time != 0 ? kt_time_format(ev->time, text) : "");
    else if (kt_str_is(name, "duration"))
        kt_buf_i64_dec(out, ev->duration);
    else if (kt_str_is(name, "precision"))
        kt_buf_i64_dec(out, ev->precision);
    else if (kt_str_is(name, "count"))
        kt_buf_u64_dec(out, ev->count);
    else if (kt_str_is(name, "part"))
        kt_buf_u64_dec(out, ev->part);
    else if (kt_str_is(name, "mfa"))
        kt_buf_i64_dec(out, ev->mfa);
    else if (kt_str_is(name, "guess"))
        kt_buf_addz(out, ev->secret_guess ? "yes" : "no");
    else if (kt_str_is(name, "groups"))
        join(&ev->groups, out);
    else if (kt_str_is(name, "fields"))
        join(&ev->fields, out);
    else if (kt_str_is(name, "flags"))
        flags_of(ev, out);
    else
        return false;
    return true;
}

/* Takes `name=value`, `name~part` or `name="a b"` off *rest. */
static bool take_pair(struct kt_str *rest, struct kt_str *ret_name, char *ret_op,
                      struct kt_str *ret_value)
{
    *rest = kt_str_trim(*rest);
    if (rest->len == 0)
        return false;
    size_t i = 0;
    while (i < rest->len && rest->at[i] != '=' && rest->at[i] != '~')
        i++;
    *ret_name = kt_str_sub(*rest, 0, i);
    *ret_op = i < rest->len ? rest->at[i] : '?';
    *rest = kt_str_from_index(*rest, i + 1);
    char end = ' ';
    if (kt_str_starts(*rest, KT_STR("\""))) {
        *rest = kt_str_from_index(*rest, 1);
        end = '"';
    }
    if (!kt_str_split(rest, end, ret_value))
        *ret_value = KT_STR_NONE;
    return true;
}

/* Does ev amend the first line that the case gave out? */
static bool amends_first(struct run *r, const struct kt_event *ev)
{
    struct kt_event first;
    struct kt_error err = { 0 };
    uint8_t id[16];
    char text[KT_ID_TEXT];
    if (kt_line_read(kt_buf_str(&r->lines[0]), &r->arena, &first, &err) != KT_OK)
        return false;
    kt_event_id(&first, id);
    return kt_str_is(ev->amends, kt_id_format(id, text));
}

static void do_expect(struct run *r, const char *kind, struct kt_str rest)
{
    struct kt_event ev;
    struct kt_error err = { 0 };
    struct kt_str name, want;
    struct kt_buf got = { 0 };
    char op;
    EXPECT(r, r->n_seen < r->n_lines, "no more lines were given out");
    struct kt_str line = kt_buf_str(&r->lines[r->n_seen++]);
    kt_arena_reset(&r->arena);
    EXPECT(r, kt_line_read(line, &r->arena, &ev, &err) == KT_OK, "line: %s", err.text);
    EXPECT(r, strcmp(kt_kind_word(ev.kind), kind) == 0, "want %s: " KT_STR_FMT, kind,
           KT_STR_ARG(line));
    while (take_pair(&rest, &name, &op, &want)) {
        if (kt_str_is(name, "amends_first")) {
            EXPECT(r, amends_first(r, &ev), "amends another event: " KT_STR_FMT, KT_STR_ARG(line));
            continue;
        }
        EXPECT(r, field(&ev, name, &got), "no field '" KT_STR_FMT "'", KT_STR_ARG(name));
        bool ok =
            op == '=' ? kt_str_eq(kt_buf_str(&got), want) : kt_str_has(kt_buf_str(&got), want);
        EXPECT(r, ok, KT_STR_FMT ": want '" KT_STR_FMT "', got '" KT_STR_FMT "' in " KT_STR_FMT,
               KT_STR_ARG(name), KT_STR_ARG(want), KT_STR_ARG(kt_buf_str(&got)), KT_STR_ARG(line));
    }
    kt_buf_done(&got);
}

static void do_skip(struct run *r, struct kt_str reason)
{
    const struct kt_pipeline_counts *c = kt_pipeline_counts(pipeline(r));
    for (unsigned i = 0; i < 16 && c->skip[i].reason != NULL; i++)
        if (kt_str_is(reason, c->skip[i].reason) && c->skip[i].n > r->skips_seen[i]) {
            r->skips_seen[i]++;
            return;
        }
    EXPECT(r, false, "nothing was skipped as '" KT_STR_FMT "'", KT_STR_ARG(reason));
}

static void do_mapping(struct run *r, struct kt_str name)
{
    char path[200];
    struct kt_error err = { 0 };
    snprintf(path, sizeof path, "agents/sources/mappings/" KT_STR_FMT, KT_STR_ARG(name));
    EXPECT(r, kt_source_file_open(r->source->name, path, &r->mapping, &err) == KT_OK, "%s",
           err.text);
}

/* options="proxies: [10.0.0.0/8]": keys of the source's entry. */
static void do_options(struct run *r, struct kt_str text)
{
    struct kt_error err = { 0 };
    struct kt_buf map = { 0 };
    const struct kt_node *rest = NULL;
    kt_buf_addf(&map, "{ " KT_STR_FMT " }\n", KT_STR_ARG(text));
    EXPECT(r, kt_yaml_parse(kt_buf_str(&map), "case", &r->yaml, &err) == KT_OK, "%s", err.text);
    kt_buf_done(&map);
    r->mapping.source = r->source;
    EXPECT(r,
           kt_source_file_options(&r->mapping, r->yaml, kt_yaml_root(r->yaml), &rest, &err) ==
               KT_OK,
           "%s", err.text);
}

static void do_config(struct run *r, struct kt_str rest)
{
    struct kt_str name, value;
    char op;
    while (take_pair(&rest, &name, &op, &value)) {
        if (kt_str_is(name, "cluster"))
            r->cluster = value;
        else if (kt_str_is(name, "instance"))
            r->instance = value;
        else if (kt_str_is(name, "mapping"))
            do_mapping(r, value);
        else if (kt_str_is(name, "options"))
            do_options(r, value);
        else
            EXPECT(r, false, "unknown setting");
    }
}

static void do_finding(struct run *r, struct kt_str code)
{
    EXPECT(r, r->n_findings_seen < r->n_findings, "no finding was raised");
    const char *got = r->findings[r->n_findings_seen++];
    EXPECT(r, kt_str_is(code, got), "finding %s", got);
}

static void do_elapse(struct run *r, struct kt_str text)
{
    kt_time_ns d = 0;
    struct kt_error err = { 0 };
    EXPECT(r, kt_duration_parse(text, &d, &err) == KT_OK, "%s", err.text);
    r->now += d;
    EXPECT(r, kt_pipeline_expire(pipeline(r), r->now, false, &err) == KT_OK, "%s", err.text);
}

static void do_folded(struct run *r, struct kt_str text)
{
    uint64_t n = 0;
    EXPECT(r, kt_str_u64(text, &n), "a number");
    EXPECT(r, kt_pipeline_counts(pipeline(r))->folded == n, "folded");
}

/* What the case gives to the pipeline; false when word is none of that. */
static bool do_given(struct run *r, struct kt_str word, struct kt_str rest, struct kt_str line)
{
    if (kt_str_is(word, "config"))
        do_config(r, rest);
    else if (kt_str_is(word, "record"))
        do_record(r, rest);
    else if (kt_str_is(word, "elapse"))
        do_elapse(r, rest);
    else if (kt_str_is(word, "end"))
        do_end(r);
    else
        return false;
    kt_buf_add(&r->asked, line);
    kt_buf_byte(&r->asked, '\n');
    return true;
}

static void do_line(struct run *r, struct kt_str line)
{
    struct kt_str rest = line, word;
    if (!kt_str_split(&rest, ' ', &word))
        return;
    if (word.len == 0 || word.at[0] == '#' || do_given(r, word, rest, line))
        return;
    if (kt_str_is(word, "case"))
        case_start(r, rest);
    else if (kt_str_is(word, "event"))
        do_expect(r, "access", rest);
    else if (kt_str_is(word, "amend"))
        do_expect(r, "amend", rest);
    else if (kt_str_is(word, "exposure"))
        do_expect(r, "exposure", rest);
    else if (kt_str_is(word, "quarantine"))
        do_expect(r, "quarantine", rest);
    else if (kt_str_is(word, "inventory"))
        do_expect(r, "inventory", rest);
    else if (kt_str_is(word, "redacted"))
        do_expect(r, "redacted", rest);
    else if (kt_str_is(word, "skip"))
        do_skip(r, rest);
    else if (kt_str_is(word, "finding"))
        do_finding(r, rest);
    else if (kt_str_is(word, "folded"))
        do_folded(r, rest);
    else
        EXPECT(r, false, "unknown word '" KT_STR_FMT "'", KT_STR_ARG(word));
}

#define FOLDER "tests/cases/sources/"

struct file {
    char path[512], name[280];
    const struct kt_source *source;
    struct kt_buf *emitted;
};

static void run_file(void **state)
{
    const struct file *f = *state;
    static char text[1 << 20];
    FILE *in = fopen(f->path, "rb");
    assert_non_null(in);
    struct kt_str all = kt_str_from(text, fread(text, 1, sizeof text, in));
    fclose(in);
    assert_true(all.len < sizeof text);
    for (int body = 0; body < 2; body++) {
        struct run *r = kt_alloc(sizeof *r);
        struct kt_str rest = all, line;
        r->source = f->source;
        r->body = body == 0 ? KT_JSON_SIMDJSON : KT_JSON_JANSSON;
        r->emitted = body == 0 ? f->emitted : NULL;
        r->arena = kt_arena_new(1 << 20);
        snprintf(r->where, sizeof r->where, "%s", f->name);
        case_start(r, KT_STR_NONE);
        while (kt_str_split(&rest, '\n', &line)) {
            snprintf(r->where, sizeof r->where, "%s:%u", f->name, ++r->line);
            do_line(r, line);
        }
        case_end(r);
        kt_arena_done(&r->arena);
        kt_buf_done(&r->asked);
        for (unsigned i = 0; i < LINES_MAX; i++)
            kt_buf_done(&r->lines[i]);
        kt_free(r);
    }
}

/* Of a source, behind its files. */
static void what_is_emitted_is_of_this_version(void **state)
{
    const struct file *f = *state;
    static char text[1 << 20];
    struct kt_str now = kt_buf_str(f->emitted), name = KT_STR_NONE;
    FILE *in = fopen(f->path, "rb");
    struct kt_str kept = kt_str_from(text, in != NULL ? fread(text, 1, sizeof text, in) : 0);
    if (in != NULL)
        fclose(in);
    enum kt_emitted judged = kt_emitted_judge(kept, now, &name);
    if (judged == KT_EMITTED_MUST_RISE)
        fail_msg("the records of \"" KT_STR_FMT
                 "\" give other lines than before: raise .version in "
                 "agents/sources/%s.c, then make golden",
                 KT_STR_ARG(name), f->source->name);
    if (judged == KT_EMITTED_OTHER && getenv("KT_GOLDEN") == NULL)
        fail_msg("%s does not have these cases, or this version: make golden", f->path);
    if (judged == KT_EMITTED_OTHER) {
        FILE *out = fopen(f->path, "wb");
        assert_non_null(out);
        assert_int_equal(fwrite(now.at, 1, now.len, out), now.len);
        fclose(out);
    }
}

static void judged(const char *kept, const char *now, enum kt_emitted want)
{
    struct kt_str name;
    assert_int_equal(kt_emitted_judge(kt_str_of(kept), kt_str_of(now), &name), want);
}

static void a_decoder_that_says_something_else_must_rise(void **state)
{
    (void)state;
#define ONE  "1111111111111111 aaaaaaaaaaaaaaaa one\n"
#define ELSE "1111111111111111 bbbbbbbbbbbbbbbb one\n"
#define TWO  "2222222222222222 aaaaaaaaaaaaaaaa two\n"
    judged("version 1\n" ONE, "version 1\n" ONE, KT_EMITTED_SAME);
    judged("version 1\n" ONE, "version 1\n" ELSE, KT_EMITTED_MUST_RISE);
    judged("version 1\n" ONE, "version 1\n" TWO ELSE, KT_EMITTED_MUST_RISE);
    judged("version 2\n" ONE, "version 1\n" ELSE, KT_EMITTED_MUST_RISE);
    judged("version 1\n" ONE, "version 2\n" ELSE, KT_EMITTED_OTHER);
    judged("version 1\n" ONE, "version 2\n" ONE, KT_EMITTED_OTHER);
    judged("version 1\n" ONE, "version 1\n" ONE TWO, KT_EMITTED_OTHER);
    judged("version 1\n" ONE TWO, "version 1\n" TWO, KT_EMITTED_OTHER);
    judged("", "version 1\n" ONE, KT_EMITTED_OTHER);
}

static void the_number_of_the_decoder_is_not_looked_at(void **state)
{
    (void)state;
    struct kt_buf a = { 0 }, b = { 0 }, c = { 0 };
    kt_emitted_add(&a, KT_STR("x"), KT_STR("r"), KT_STR("{\"part\":0,\"decoder\":1,\"n\":1}\n"));
    kt_emitted_add(&b, KT_STR("x"), KT_STR("r"), KT_STR("{\"part\":0,\"decoder\":12,\"n\":1}\n"));
    kt_emitted_add(&c, KT_STR("x"), KT_STR("r"), KT_STR("{\"part\":0,\"decoder\":1,\"n\":2}\n"));
    assert_true(kt_str_eq(kt_buf_str(&a), kt_buf_str(&b)));
    assert_false(kt_str_eq(kt_buf_str(&a), kt_buf_str(&c)));
    kt_buf_done(&a);
    kt_buf_done(&b);
    kt_buf_done(&c);
}

#define FILES_MAX   200
#define SOURCES_MAX 32

/* The files of one source, and what they emitted, behind tests[n]; returns the new n. */
static size_t add_source(const struct kt_source *source, struct kt_buf *emitted,
                         struct CMUnitTest *tests, struct file *files, size_t n)
{
    char folder[200];
    struct dirent **entries = NULL;
    snprintf(folder, sizeof folder, FOLDER "%s", source->name);
    int found = scandir(folder, &entries, NULL, alphasort);
    size_t before = n;
    kt_emitted_start(emitted, source->version);
    for (int i = 0; i < found; i++) {
        struct file *f = &files[n];
        const char *name = entries[i]->d_name;
        if (kt_str_ends(kt_str_of(name), KT_STR(".case")) && n + 1 < FILES_MAX) {
            snprintf(f->path, sizeof f->path, "%s/%s", folder, name);
            snprintf(f->name, sizeof f->name, "%.20s/%s", source->name, name);
            f->source = source;
            f->emitted = emitted;
            tests[n++] = (struct CMUnitTest){ f->name, run_file, NULL, NULL, f };
        }
        free(entries[i]);
    }
    free(entries);
    if (n == before) {
        print_error("%s has no cases\n", source->name);
        exit(1);
    }
    struct file *f = &files[n];
    snprintf(f->path, sizeof f->path, "%s/emitted", folder);
    snprintf(f->name, sizeof f->name, "%s/what_is_emitted_is_of_this_version", source->name);
    f->source = source;
    f->emitted = emitted;
    tests[n++] = (struct CMUnitTest){ f->name, what_is_emitted_is_of_this_version, NULL, NULL, f };
    return n;
}

int main(void)
{
    static struct file files[FILES_MAX];
    static struct kt_buf emitted[SOURCES_MAX];
    static struct CMUnitTest tests[FILES_MAX + 2] = {
        cmocka_unit_test(a_decoder_that_says_something_else_must_rise),
        cmocka_unit_test(the_number_of_the_decoder_is_not_looked_at),
    };
    size_t n = 0;
    kt_hash_init();
    for (unsigned i = 0; kt_sources[i] != NULL && i < SOURCES_MAX; i++)
        n = add_source(kt_sources[i], &emitted[i], tests + 2, files, n);
    int failed = _cmocka_run_group_tests("sources_cases", tests, n + 2, NULL, NULL);
    for (unsigned i = 0; i < SOURCES_MAX; i++)
        kt_buf_done(&emitted[i]);
    return failed;
}
