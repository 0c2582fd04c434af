/*
 * Rules against records as their sources write them: decoded, redacted, written and read as every
 * line is. Runs tests/cases/sigma/<name>.case:
 *
 *   rules FILE               rules, from the same folder
 *   record SOURCE TEXT       one record
 *   fires TITLE[; TITLE]     the rules that match it, in the order of the file
 *   quiet                    none does
 *
 * And what the fields and the kinds of records are held against: the sources' own tables.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agents/sources/cloudtrail.h"
#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/event/keep.h"
#include "core/event/line.h"
#include "core/sys/fs.h"
#include "detectors/sigma.h"
#include "tests/support/source_run.h"

static struct kt_sigma *set_of_file(const char *path)
{
    struct kt_buf text = { 0 };
    struct kt_error err = { 0 };
    if (kt_fs_read_all(path, 1 << 20, &text, &err) != KT_OK)
        fail_msg("%s", err.text);
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, path, kt_buf_str(&text));
    kt_sigma_close(set);
    if (kt_sigma_refused(set) != NULL)
        fail_msg("%s", kt_sigma_refused(set)->why);
    kt_buf_done(&text);
    return set;
}

/* Titles of the rules that the record matches. */
static void matched(const struct kt_sigma *set, struct kt_str source, struct kt_str record,
                    struct kt_buf *ret)
{
    char name[64];
    struct kt_buf in = { 0 }, lines = { 0 };
    kt_str_copyz(name, sizeof name, source);
    kt_buf_addf(&in, KT_STR_FMT "\n", KT_STR_ARG(record));
    const struct source_run run = { .source = name };
    source_run(&run, kt_buf_str(&in), &lines);
    struct kt_str rest = kt_buf_str(&lines), line;
    struct kt_arena arena = kt_arena_new(1 << 20);
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    kt_buf_reset(ret);
    while (kt_str_split(&rest, '\n', &line)) {
        struct kt_event ev;
        struct kt_error err = { 0 };
        if (line.len == 0)
            continue;
        if (kt_line_read(line, &arena, &ev, &err) != KT_OK)
            fail_msg("%s", err.text);
        struct kt_sigma_view v = { .ev = &ev, .json = json };
        uint32_t hit[32];
        unsigned n = ev.kind == KT_KIND_ACCESS ? kt_sigma_match(set, &v, hit, 32) : 0;
        for (unsigned i = 0; i < n; i++)
            kt_buf_addf(ret, "%s" KT_STR_FMT, ret->len > 0 ? "; " : "",
                        KT_STR_ARG(kt_sigma_rule(set, hit[i])->title));
    }
    kt_json_free(json);
    kt_arena_done(&arena);
    kt_buf_done(&in);
    kt_buf_done(&lines);
}

static void run_case(const char *path)
{
    struct kt_buf text = { 0 }, said = { 0 };
    struct kt_error err = { 0 };
    struct kt_sigma *set = NULL;
    char rules[300];
    assert_int_equal(kt_fs_read_all(path, 1 << 20, &text, &err), KT_OK);
    struct kt_str rest = kt_buf_str(&text), line, word;
    for (unsigned n = 1; kt_str_split(&rest, '\n', &line); n++) {
        struct kt_str whole = line;
        if (line.len == 0 || line.at[0] == '#')
            continue;
        (void)kt_str_split(&line, ' ', &word);
        if (kt_str_is(word, "rules")) {
            (void)snprintf(rules, sizeof rules, "tests/cases/sigma/" KT_STR_FMT, KT_STR_ARG(line));
            set = set_of_file(rules);
        } else if (kt_str_is(word, "record")) {
            (void)kt_str_split(&line, ' ', &word);
            matched(set, word, line, &said);
        } else if (!kt_str_eq(kt_str_is(word, "fires") ? line : KT_STR(""), kt_buf_str(&said))) {
            fail_msg("%s:%u: " KT_STR_FMT ", not: %s", path, n, KT_STR_ARG(whole), kt_buf_z(&said));
        }
    }
    kt_sigma_free(set);
    kt_buf_done(&text);
    kt_buf_done(&said);
}

static void rules_match_the_records_of_their_sources(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/cases/sigma/*.case", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        run_case(found.gl_pathv[i]);
    globfree(&found);
}

/* ---- fields against what redaction keeps ---- */

static bool is_field(const char *name)
{
    for (const struct kt_sigma_field *f = kt_sigma_fields(KT_SIGMA_CLOUDTRAIL); f->name != NULL;
         f++)
        if (strcmp(f->name, name) == 0)
            return true;
    return false;
}

static void every_kept(const struct kt_keep *table, const char *path, struct kt_buf *out)
{
    char name[300];
    for (const struct kt_keep *k = table; k->name.at != NULL; k++) {
        (void)snprintf(name, sizeof name, "%s%s" KT_STR_FMT, path, path[0] != '\0' ? "." : "",
                       KT_STR_ARG(k->name));
        if (k->below != NULL)
            every_kept(k->below, name, out);
        else if (!k->drop)
            kt_buf_addf(out, "%s\n", name);
    }
}

static void fields_of_cloudtrail_are_what_redaction_keeps(void **state)
{
    (void)state;
    /* times have their own field in the event; what amends is no record of its own */
    static const char *const others[] = { "eventTime", "addendum." };
    struct kt_buf kept = { 0 };
    every_kept(kt_ct_keep_root, "", &kept);
    struct kt_str rest = kt_buf_str(&kept), line;
    while (kt_str_split(&rest, '\n', &line) && line.len > 0) {
        char name[300];
        kt_str_copyz(name, sizeof name, line);
        bool other =
            kt_str_starts(line, kt_str_of(others[0])) || kt_str_starts(line, kt_str_of(others[1]));
        if (!other && !is_field(name))
            fail_msg("%s is kept and is no field", name);
    }
    for (const struct kt_sigma_field *f = kt_sigma_fields(KT_SIGMA_CLOUDTRAIL); f->name != NULL;
         f++) {
        char line_of[300];
        (void)snprintf(line_of, sizeof line_of, "%s\n", f->name);
        bool granted = kt_str_is(kt_str_of(f->name), "grantees") || /* cloudtrail_grant.c adds */
                       kt_str_is(kt_str_of(f->name), "foreign_accounts");
        if (f->from == KT_SIGMA_ORIGINAL && !granted && strstr(kt_buf_z(&kept), line_of) == NULL)
            fail_msg("%s is a field and not kept", f->name);
    }
    kt_buf_done(&kept);
}

/* The page names each field; those of an object stand behind its name with a dot. */
static void page_names_every_field(void **state)
{
    (void)state;
    static const struct kt_str heads[] = { KT_STR_INIT("userIdentity."),
                                           KT_STR_INIT("requestParameters."),
                                           KT_STR_INIT("additionalEventData."),
                                           KT_STR_INIT("resources.") };
    struct kt_buf page = { 0 };
    struct kt_error err = { 0 };
    assert_int_equal(kt_fs_read_all("docs/sigma.md", 1 << 20, &page, &err), KT_OK);
    for (unsigned log = 0; log < KT_SIGMA_LOGS; log++) {
        const struct kt_sigma_field *f = kt_sigma_fields((enum kt_sigma_log)log);
        for (; f->name != NULL; f++) {
            struct kt_str name = kt_str_of(f->name);
            for (size_t i = 0; i < KT_ARRAY_LEN(heads); i++)
                if (kt_str_starts(name, heads[i]))
                    name = kt_str_from_index(name, heads[i].len);
            if (!kt_str_has(kt_buf_str(&page), name))
                fail_msg("docs/sigma.md does not name %s", f->name);
        }
    }
    kt_buf_done(&page);
}

/* ---- kinds of records against the verb tables ---- */

static bool never(const char *product, const char *selection)
{
    char text[600];
    (void)snprintf(text, sizeof text,
                   "title: t\nlogsource: {%s}\ndetection: {s: {%s}, condition: s}", product,
                   selection);
    struct kt_sigma *set = kt_sigma_new();
    kt_sigma_add(set, "r.yml", kt_str_of(text));
    kt_sigma_close(set);
    if (kt_sigma_refused(set) != NULL)
        fail_msg("%s", kt_sigma_refused(set)->why);
    bool is = kt_sigma_rule(set, 0)->never[0] != '\0';
    kt_sigma_free(set);
    return is;
}

static void no_record_that_is_kept_is_said_to_be_lost(void **state)
{
    (void)state;
    static const char *const services[] = { [CT_SECRETS] = "secretsmanager",
                                            [CT_SSM] = "ssm",
                                            [CT_KMS] = "kms",
                                            [CT_STS] = "sts",
                                            [CT_IAM] = "iam",
                                            [CT_SIGNIN] = "signin",
                                            [CT_TRAIL] = "cloudtrail",
                                            [CT_EC2] = "ec2",
                                            [CT_S3] = "s3" };
    static const char *const watches[] = { "guardduty", "config", "organizations",
                                           "route53resolver" };
    for (unsigned i = 0; i < kt_ct_n_verbs; i++) {
        bool watch = kt_ct_verbs[i].service == CT_WATCH, lost = true;
        for (unsigned k = 0; k < (watch ? KT_ARRAY_LEN(watches) : 1); k++) {
            char s[200];
            (void)snprintf(s, sizeof s, "eventSource: %s.amazonaws.com, eventName: %s",
                           watch ? watches[k] : services[kt_ct_verbs[i].service],
                           kt_ct_verbs[i].name);
            lost = lost && never("product: aws, service: cloudtrail", s);
        }
        if (lost)
            fail_msg("never: %s", kt_ct_verbs[i].name);
    }
}

static void what_is_not_kept_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *product, *selection;
        bool never;
    } cases[] = {
        { "product: aws, service: cloudtrail", "eventName: ConsoleLogin", false },
        { "product: aws, service: cloudtrail", "eventName: PutBucketAcl", false },
        { "product: aws, service: cloudtrail",
          "eventSource: s3.amazonaws.com, eventName: PutBucketAcl", true },
        { "product: aws, service: cloudtrail", "eventSource: s3.amazonaws.com", false },
        { "product: aws, service: cloudtrail", "eventSource: rds.amazonaws.com", true },
        { "product: aws, service: cloudtrail",
          "eventSource: iam.amazonaws.com, eventName: CreateUser", true },
        { "product: aws, service: cloudtrail",
          "eventSource: iam.amazonaws.com, eventName|startswith: Create", false },
        { "product: aws, service: cloudtrail", "eventSource: kms.amazonaws.com, eventName: NewVerb",
          false },
        { "product: aws, service: cloudtrail", "userIdentity.type: Root", false },
        { "product: kubernetes, service: audit", "objectRef.resource: secrets", false },
        { "product: kubernetes, service: audit", "objectRef.resource: configmaps, verb: get",
          true },
        { "product: kubernetes, service: audit",
          "objectRef.resource: pods, objectRef.subresource: portforward", true },
        { "product: kubernetes, service: audit", "objectRef.resource: roles, verb: get", true },
        { "product: kubernetes, service: audit", "objectRef.resource: roles, verb: create", false },
        { "product: keytrail", "source: nothing", false },
    };
    for (size_t i = 0; i < KT_ARRAY_LEN(cases); i++)
        if (never(cases[i].product, cases[i].selection) != cases[i].never)
            fail_msg("%s: %s", cases[i].selection,
                     cases[i].never ? "should never fire" : "may fire");
}

int main(void)
{
    kt_hash_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match_the_records_of_their_sources),
        cmocka_unit_test(fields_of_cloudtrail_are_what_redaction_keeps),
        cmocka_unit_test(page_names_every_field),
        cmocka_unit_test(no_record_that_is_kept_is_said_to_be_lost),
        cmocka_unit_test(what_is_not_kept_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
