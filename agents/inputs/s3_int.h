/* s3, inside: what the files of this input share. Nobody else includes this. */
#pragma once
#include "agents/input.h"
#include "agents/inputs/aws_trail.h"
#include "agents/inputs/files_done.h"
#include "agents/inputs/s3_list.h"
#include "agents/inputs/s3_take.h"
#include "core/base/circle.h"

#define ROOTS_MAX     4096u      /* accounts x regions */
#define BRANCH_MAX    8192u      /* prefixes still to be looked below */
#define PAGE_MAX      1000u      /* objects of one page, as many as S3 gives */
#define FULL_EVERY    KT_NS_HOUR /* yesterday and today from their beginnings */
#define BEHIND        (2 * KT_NS_HOUR)
#define DIGESTS_RARER 5   /* they come once an hour */
#define REFUSED_MAX   3u  /* objects in a row, before the place is left for a while */
#define GIVE_UP       24u /* full rounds that refused an object, and read others of its place */

struct options {
    const char *bucket, *prefix, *region, *cloudtrail_endpoint;
    struct kt_strings accounts, regions;
    kt_time_ns since, every;
    bool digests;
    struct aws_client_options aws;
};
/* Where one account's log files of one region lie, and how far they are listed. A round lists day
 * after day up to today: a full one from `day`, the others from two hours before the last. */
struct root {
    char *prefix; /* "…/ACCOUNT/CloudTrail/REGION/" */
    enum aws_trail_kind kind;
    struct kt_str account, region; /* in it */
    int64_t day;                   /* everything before it is read */
    bool changed;                  /* day, since it was told */
    kt_time_ns due;                /* of the next round */
    kt_time_ns round_at;           /* when the one under way began; 0 = none */
    kt_time_ns after;              /* of the round: keys before it are not listed; 0 = all */
    int64_t next_day;              /* of the round, to be listed */
    kt_time_ns listed_at,
        full_at;        /* when the last round, the last full one, that got all lists began */
    bool full;          /* of the round: from `day` */
    bool listed, whole; /* of the round: so far; whole: every object could be read */
    bool read, alive;   /* objects were: since the last full round began; before that */
};
struct branch { /* below which accounts and regions are looked for */
    char *prefix;
    bool regions; /* its children are regions, of logs or digests */
    enum aws_trail_kind kind;
};
enum asking { ASK_BRANCH, ASK_PAGE, ASK_OBJECT };
struct kt_input {
    struct kt_input_env env;
    struct options o;
    struct aws_client aws;
    struct s3_reader reader;
    struct s3_take take;
    struct kt_pipeline *pipeline;
    struct files_done *done;
    enum asking asking; /* what the answer is about */
    struct branch *branch;
    unsigned n_branches;
    kt_time_ns looked; /* for accounts and regions, last; 0 = never */
    struct root *root;
    unsigned n_roots, turn;  /* turn: whose day is listed */
    bool listing;            /* a day is, of the root whose turn it is */
    struct kt_buf token;     /* of its next page; empty: the first */
    struct kt_circle circle; /* of the pages of this list */
    bool more_pages;
    struct s3_object page[PAGE_MAX];
    struct files_print print[PAGE_MAX];
    unsigned n_page, next;  /* next: to be read */
    unsigned refused;       /* in a row */
    struct s3_tried *tried; /* objects that full rounds could not read */
    uint64_t waiting;       /* bytes of the page still to be read */
    uint64_t size[PAGE_MAX];
};

/* s3_roots.c: accounts, regions, and which day is listed next. */
void s3_roots_look(struct kt_input *in);               /* begins to look for accounts and regions */
void s3_roots_found(void *self, struct kt_str prefix); /* below the branch that was asked for */
void s3_roots_next(struct kt_input *in);               /* to the root whose turn is next */
/* The root whose next day is to be listed now; NULL: none is due. */
struct root *s3_roots_due(struct kt_input *in);
void s3_roots_day_end(struct kt_input *in, bool listed); /* of the root whose turn it is */
/* The object whose turn it is was refused. true: no more is hoped for it. */
bool s3_roots_refused(struct kt_input *in);
void s3_roots_positions(struct kt_input *in, bool changed_only,
                        void (*each)(void *self, struct kt_str key, struct kt_str value),
                        void *self);
void s3_roots_free(struct kt_input *in);

/* s3_ask.c: each starts one request and notes it in in->asking. */
void s3_ask_branch(struct kt_input *in);
void s3_ask_page(struct kt_input *in, const struct root *r);
