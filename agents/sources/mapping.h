/* mapping, inside: a mapping file, read. Nobody else includes this. */
#pragma once
#include "agents/source.h"
#include "core/config/config.h"
#include "core/event/keep.h"

/* Strings of an event that a mapping fills as they are; the keys of the file bear the same names.
 */
/* clang-format off */
#define MAP_STRINGS(X)                                                                             \
    X(native_id, "id that the source gave to the record; without one: a hash of what is kept")     \
    X(scope, "within what the native_id is unique; default: the instance")                         \
    X(operation, "the source's own name of what was done")                                         \
    X(actor_native, "the source's own id of the actor")                                            \
    X(actor_name, "name of the actor, for people")                                                 \
    X(session, "session of the actor")                                                             \
    X(credential, "id of the token or key that was used")                                          \
    X(issuer, "who vouched for the actor")                                                         \
    X(via, "what the actor came through")                                                          \
    X(role, "role that the actor took")                                                            \
    X(secret_native, "the source's own name of the secret, or of what else it is about")           \
    X(version, "version of the secret")                                                            \
    X(stage, "stage of the version")                                                               \
    X(user_agent, "program of the client")                                                         \
    X(region, "region of the store")                                                               \
    X(host, "host of the record")                                                                  \
    X(country_claimed, "country of the address, as the source says")                               \
    X(reason, "why, as the actor said")                                                            \
    X(ticket, "ticket or approval that goes with it")                                              \
    X(request_id, "id of the request")                                                             \
    X(shared_id, "id that several records of one act share")                                       \
    X(code, "error code")                                                                          \
    X(message, "error text")
/* clang-format on */
enum map_string {
#define X(n, help) MAP_##n,
    MAP_STRINGS(X)
#undef X
        MAP_STRING_COUNT
};

#define MAP_FIXED_MAX   8u  /* parts of a secret id before its name */
#define MAP_TAIL_MAX    8u  /* segments of its name */
#define MAP_EXTRACT_MAX 16u /* fields that patterns take out of others */

struct map_piece {
    struct kt_str text; /* as it stands; or paths, "a.b|c" */
    bool is_field;
};
struct map_text { /* pieces in a row; empty when a field in it is */
    struct map_piece *at;
    unsigned n;
};
struct map_value { /* the first text that is not empty */
    struct map_text *at;
    unsigned n;
};
struct map_secret {
    const char *scheme;
    struct map_text fixed[MAP_FIXED_MAX], tail[MAP_TAIL_MAX];
    unsigned n_fixed, n_tail;
};
struct map_test {       /* is a field like one of the globs? */
    struct kt_str path; /* empty: the field that the table is about */
    bool is_not;
    struct kt_str *glob; /* at least one; "" is like a field without a value */
    unsigned n;
};
struct map_rule { /* all tests hold: word */
    struct map_test *at;
    unsigned n;
    int word;
};
struct map_rules { /* the first rule that holds */
    struct map_rule *at;
    unsigned n;
    int otherwise;
};
struct map_name {
    struct kt_str native, name;
};
struct map_extract {
    struct kt_str path;
    struct map_text pattern;
};
enum map_time { MAP_TIME_RFC3339, MAP_TIME_EPOCH_S, MAP_TIME_EPOCH_MS };

struct mapping {
    struct kt_source source; /* of the instance */
    struct kt_str name;
    struct map_value string[MAP_STRING_COUNT];
    struct map_value actor, actor_kind, outcome, time, ip, count, mfa;
    struct kt_strings groups, fields; /* paths of lists */
    enum map_time time_format;
    enum kt_ip_trust ip_trust;
    struct map_secret *secret; /* the first that can be made */
    unsigned n_secret;
    struct map_rules actions, outcomes, actor_kinds, skip;
    struct map_name *names;
    unsigned n_names;
    struct map_extract *extract;
    unsigned n_extract;
    const struct kt_keep *keep;
};

/* ---- mapping_file.c ---- */
extern const struct kt_source kt_source_mapping;
/* kt_source.describe */
KT_MUST_USE enum kt_status kt_mapping_describe(const struct kt_yaml *y,
                                               const struct kt_source **ret, struct kt_error *err);

/* ---- mapping_text.c: the small languages in the values of the file; all live in y ---- */
/* "a.b", "=constant" or "text {a.b|c} text". */
KT_MUST_USE enum kt_status kt_map_text(const struct kt_yaml *y, const struct kt_node *at,
                                       struct kt_str s, struct map_text *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_map_secret(const struct kt_yaml *y, const struct kt_node *at,
                                         struct kt_str s, struct map_secret *ret,
                                         struct kt_error *err);
/* "glob|glob and path=glob and path!=glob" */
KT_MUST_USE enum kt_status kt_map_rule(const struct kt_yaml *y, const struct kt_node *at,
                                       struct kt_str s, struct map_rule *ret, struct kt_error *err);
KT_MUST_USE enum kt_status kt_map_path_ok(const struct kt_yaml *y, const struct kt_node *at,
                                          struct kt_str path, struct kt_error *err);

/* ---- mapping_keep.c ---- */
/* The allow-list of m: the fields that it names, and `more`. */
void kt_map_keep(const struct kt_yaml *y, struct mapping *m, struct kt_strings more);

/* ---- mapping_read.c: what a mapping finds in one record ---- */
struct map_record {
    const struct kt_decode_in *in;
    const struct mapping *m;
    struct {
        struct kt_str name, value;
    } got[MAP_EXTRACT_MAX];
    unsigned n_got;
};
struct map_record kt_map_record(const struct kt_decode_in *in);
struct kt_jval kt_map_find(const struct map_record *r, struct kt_str path);
struct kt_str kt_map_field(const struct map_record *r, struct kt_str paths);
struct kt_str kt_map_read(const struct map_record *r, const struct map_value *v);
int kt_map_judge(const struct map_record *r, const struct map_rules *rules, struct kt_str subject);
bool kt_map_make_secret(const struct map_record *r, struct kt_event *ev);
