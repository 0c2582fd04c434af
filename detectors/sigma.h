/*
 * sigma: rules in the form of the Sigma project (its specification, version 2), compiled once into
 * flat programs and asked of every event. Shared by detectors/sigma*.c, the command that imports
 * rules, and tests. Source: github.com/SigmaHQ/sigma-specification, folder specification.
 *
 * A set is made of files (kt_sigma_add), closed once (kt_sigma_close), and then only read. A rule
 * is taken whole or refused whole, with the place and the reason.
 */
#pragma once
#include "core/base/limits.h"
#include "core/base/regex.h"
#include "detectors/detector.h"

/* ---- what a rule is about ---- */
enum kt_sigma_log { KT_SIGMA_KEYTRAIL, KT_SIGMA_CLOUDTRAIL, KT_SIGMA_KUBERNETES, KT_SIGMA_LOGS };
#define KT_SIGMA_LEVELS(X)                                                                         \
    X(INFORMATIONAL, "informational")                                                              \
    X(LOW, "low") X(MEDIUM, "medium") X(HIGH, "high") X(CRITICAL, "critical")
enum kt_sigma_level {
#define X(n, w) KT_SIGMA_##n,
    KT_SIGMA_LEVELS(X)
#undef X
        KT_SIGMA_LEVEL_COUNT
};
extern const char *const kt_sigma_level_words[KT_SIGMA_LEVEL_COUNT];
extern const char
    *const kt_sigma_log_words[KT_SIGMA_LOGS]; /* "product: aws, service: cloudtrail" */

/* ---- fields (sigma_fields.c) ---- */
enum kt_sigma_from {
    KT_SIGMA_STRING,   /* at: offset of a string in struct kt_event */
    KT_SIGMA_WORD,     /* at: enum kt_sigma_word */
    KT_SIGMA_PART,     /* at: enum kt_sigma_part, of a Kubernetes request */
    KT_SIGMA_LIST,     /* at: offset of a list */
    KT_SIGMA_ADDRESS,  /* the address as text, or what stands for it */
    KT_SIGMA_ORIGINAL, /* path in the kept original; names divided by '|' */
    KT_SIGMA_ANYWHERE, /* every string of the event and of its original: keywords */
};
struct kt_sigma_field {
    const char *name; /* as rules write it */
    enum kt_sigma_from from;
    uint16_t at;
    const char *path;
};
/* The field of that name in records of the log. KT_E_INPUT says why it cannot be asked. */
KT_MUST_USE enum kt_status kt_sigma_field_find(enum kt_sigma_log log, struct kt_str name,
                                               const struct kt_yaml *keep,
                                               struct kt_sigma_field *ret, struct kt_error *err);
/* The fields of a log in the order of the page, NULL-ended by name. */
const struct kt_sigma_field *kt_sigma_fields(enum kt_sigma_log log);
/* Are the words of the source of events those of this log? Every event is keytrail's own. */
bool kt_sigma_log_has(enum kt_sigma_log log, struct kt_str source);

/* One record as rules see it. With `known` it is no record but a kind of record, of which only
 * these fields are certain. */
struct kt_sigma_known {
    const char *field, *value;
};
struct kt_sigma_view {
    const struct kt_event *ev; /* under the actor's canonical name */
    struct kt_str written;     /* the actor as the log calls it; empty: the same */
    struct kt_json *json; /* for the original, which is parsed when the first rule asks for it */
    bool parsed;
    struct kt_jval original;
    const struct kt_sigma_known *known;
    unsigned n_known;
};
/* Calls visit for each value of the field until it says true, which is then the answer. */
typedef bool (*kt_sigma_visit)(void *self, struct kt_str value);
bool kt_sigma_values(struct kt_sigma_view *v, const struct kt_sigma_field *f, kt_sigma_visit visit,
                     void *self);

/* ---- values (sigma_value.c, sigma_match.c) ---- */
enum kt_sigma_how {
    KT_SIGMA_EQUALS,
    KT_SIGMA_CONTAINS,
    KT_SIGMA_STARTS,
    KT_SIGMA_ENDS,
    KT_SIGMA_GLOB, /* with the two bytes below */
    KT_SIGMA_REGEX,
    KT_SIGMA_CIDR,
    KT_SIGMA_GT,
    KT_SIGMA_GTE,
    KT_SIGMA_LT,
    KT_SIGMA_LTE,
    KT_SIGMA_EMPTY,  /* null and '' */
    KT_SIGMA_EXISTS, /* number: 1 there, 0 not */
    KT_SIGMA_FIELD,  /* another field: `field`, compared by `with` */
};
#define KT_SIGMA_ANY_BYTES '\1' /* what * and ? become; no text that is taken holds these bytes */
#define KT_SIGMA_ONE_CHAR  '\2'
struct kt_sigma_value {
    enum kt_sigma_how how, with;
    bool cased;
    struct kt_str text;
    struct kt_cidr net;
    int64_t number;
    struct kt_regex *regex;
    struct kt_sigma_field field;
};
struct kt_sigma_test { /* one entry of a selection */
    struct kt_sigma_field field;
    bool all; /* each value must be found, not one of them */
    uint32_t n;
    const struct kt_sigma_value *value;
};
enum kt_sigma_truth { KT_SIGMA_NO, KT_SIGMA_MAYBE, KT_SIGMA_YES };
enum kt_sigma_truth kt_sigma_test(struct kt_sigma_view *v, const struct kt_sigma_test *t);

/* ---- programs (sigma_condition.c) ---- */
enum kt_sigma_op { KT_SIGMA_ALL, KT_SIGMA_ANY, KT_SIGMA_NOT, KT_SIGMA_TEST };
struct kt_sigma_node { /* a tree in prefix order */
    enum kt_sigma_op op;
    uint32_t size; /* nodes of the subtree, this one included */
    uint32_t test;
};
struct kt_sigma_selection {
    struct kt_str name;
    const struct kt_sigma_node *node;
    uint32_t n;
};
/* A program of the condition over the selections; kept in y. */
KT_MUST_USE enum kt_status kt_sigma_condition(const struct kt_yaml *y, struct kt_str text,
                                              const struct kt_sigma_selection *selection,
                                              unsigned n, struct kt_sigma_selection *ret,
                                              struct kt_error *err);
enum kt_sigma_truth kt_sigma_eval(struct kt_sigma_view *v, const struct kt_sigma_node *node,
                                  const struct kt_sigma_test *tests);

/* ---- rules ---- */
#define KT_SIGMA_TOGETHER 16 /* rules of one correlation */
#define KT_SIGMA_GROUPS   4
enum kt_sigma_type {
    KT_SIGMA_EVENT_COUNT,
    KT_SIGMA_VALUE_COUNT,
    KT_SIGMA_TEMPORAL,
    KT_SIGMA_TEMPORAL_ORDERED,
    KT_SIGMA_TYPES
};
struct kt_sigma_correlation {
    enum kt_sigma_type type;
    unsigned n_rules, n_groups;
    struct kt_str ref[KT_SIGMA_TOGETHER]; /* as written */
    uint32_t rule[KT_SIGMA_TOGETHER];     /* number in the set */
    struct kt_str group[KT_SIGMA_GROUPS], counted;
    struct kt_sigma_field by[KT_SIGMA_TOGETHER][KT_SIGMA_GROUPS], what[KT_SIGMA_TOGETHER];
    const struct kt_node *aliases;
    kt_time_ns span;
    uint64_t at_least;
    bool generate; /* its rules tell on their own too */
    bool by_actor; /* its groups are actors */
    uint64_t key;  /* of what it says: another text begins anew */
};
struct kt_sigma_rule {
    const char *file;
    unsigned line;        /* where its document begins */
    size_t from, len;     /* its bytes in the file's text */
    struct kt_yaml *yaml; /* owner of everything below */
    struct kt_str title, id, name, description, benign, tags;
    enum kt_sigma_log log;
    enum kt_sigma_level level;
    const struct kt_sigma_test *test;
    struct kt_sigma_selection program;
    struct kt_sigma_correlation *correlation; /* of other rules; it has no program */
    bool silent;                              /* it only feeds correlations */
    bool refused;
    char why[400];   /* refused: with the place */
    char never[200]; /* it cannot fire here, and why; empty = it can */
};

/* ---- one document (sigma_parse.c, sigma_correlate.c) ---- */
struct kt_sigma_budget { /* of the whole set */
    uint32_t values, regexes;
};
/* Reads the document in r->yaml; KT_E_CONFIG with the place. */
KT_MUST_USE enum kt_status kt_sigma_parse(struct kt_sigma_rule *r, struct kt_sigma_budget *b,
                                          struct kt_error *err);
KT_MUST_USE enum kt_status kt_sigma_detection(struct kt_sigma_rule *r, const struct kt_node *n,
                                              struct kt_sigma_budget *b, struct kt_error *err);
/* One entry of a selection; key NULL: keywords. */
KT_MUST_USE enum kt_status kt_sigma_value_of(struct kt_sigma_rule *r, const struct kt_node *key,
                                             const struct kt_node *values,
                                             struct kt_sigma_budget *b, struct kt_sigma_test *ret,
                                             struct kt_error *err);
KT_MUST_USE enum kt_status kt_sigma_correlation(struct kt_sigma_rule *r, const struct kt_node *n,
                                                struct kt_error *err);
/* Why no record that is kept can match, into r->never (sigma_kept.c). */
void kt_sigma_judge_kept(struct kt_sigma_rule *r);

/* ---- a set (sigma_set.c) ---- */
struct kt_sigma;
struct kt_sigma *kt_sigma_new(void);
void kt_sigma_free(struct kt_sigma *set);
/* Every document of a file; those that are wrong are in the set as refused. name is copied. */
void kt_sigma_add(struct kt_sigma *set, const char *name, struct kt_str text);
/* Resolves names, refuses what is there twice, makes the index. Once, after the last file. */
void kt_sigma_close(struct kt_sigma *set);
/* The closed set of a configuration's files of rules; NULL: it has none. */
struct kt_sigma *kt_sigma_of(const struct kt_conf *conf);
unsigned kt_sigma_count(const struct kt_sigma *set);
const struct kt_sigma_rule *kt_sigma_rule(const struct kt_sigma *set, unsigned i);
/* The first rule that was refused, or NULL. */
const struct kt_sigma_rule *kt_sigma_refused(const struct kt_sigma *set);
/* Numbers of the rules that match, ascending, at most max; more are not looked for. Correlations
 * are not among them. */
unsigned kt_sigma_match(const struct kt_sigma *set, struct kt_sigma_view *v, uint32_t *ret,
                        unsigned max);
/* Numbers of the correlations, in order. */
unsigned kt_sigma_correlations(const struct kt_sigma *set, const uint32_t **ret);

/* ---- correlations at work (sigma_window.c) ---- */
struct kt_sigma_seen {
    kt_time_ns t;
    uint32_t value; /* hash of what is counted */
    uint32_t rule;  /* place in the correlation */
};
struct kt_sigma_window { /* state of one correlation and group; in order of t */
    uint32_t n, pad;
    struct kt_sigma_seen seen[KT_RULE_WINDOW_MAX];
};
/* Puts the event in; true when the correlation holds in a stretch of `span` that has it inside. The
 * window is empty then: each event serves once. *ret_n: what was counted. */
bool kt_sigma_window_add(struct kt_sigma_window *w, const struct kt_sigma_correlation *c,
                         struct kt_sigma_seen seen, unsigned *ret_n);
