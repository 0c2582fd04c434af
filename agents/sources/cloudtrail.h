/* cloudtrail, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"
#include "core/event/keep.h"

enum ct_service {
    CT_OTHER,
    CT_SECRETS, /* secretsmanager */
    CT_SSM,
    CT_KMS,
    CT_STS,
    CT_IAM,
    CT_SIGNIN,
    CT_TRAIL,
    CT_EC2,
    CT_S3,    /* the bucket of a trail */
    CT_WATCH, /* what else watches an account: GuardDuty, Config, DNS query logs, the organisation
               */
};
/* Where a record names what it is about. */
enum ct_what {
    WHAT_NONE,
    WHAT_SECRET,  /* requestParameters.secretId, or an ARN of the answer */
    WHAT_CREATED, /* requestParameters.name */
    WHAT_ALL,     /* every secret of the account and region */
    WHAT_BATCH,   /* secretIdList[] or filters */
    WHAT_PARAM,   /* name */
    WHAT_PARAMS,  /* names[] */
    WHAT_PATH,    /* path */
    WHAT_TAGGED,  /* resourceId when resourceType is Parameter */
    WHAT_ALL_PARAMS,
    WHAT_KEY,  /* resources[].ARN, keyId, encryption context */
    WHAT_ROLE, /* roleArn: native only */
    WHAT_USER, /* userName: native only */
    WHAT_TRAIL,
    WHAT_INSTANCE, /* instanceId: the administrator's password of an EC2 machine */
    WHAT_BUCKET,   /* bucketName, when it is a trail's by its name: native only */
    WHAT_DETECTOR, /* detectorId, when it is switched off: native only */
    WHAT_SHARED,   /* resourceArn of a parameter */
};
struct ct_verb {
    enum ct_service service;
    const char *name;
    enum kt_action action;
    enum ct_what what;
};
/* NULL when the table does not have it. */
const struct ct_verb *kt_ct_verb_find(enum ct_service service, struct kt_str name);
extern const struct ct_verb kt_ct_verbs[];
extern const unsigned kt_ct_n_verbs;
enum ct_service kt_ct_service_of(struct kt_str event_source);
enum kt_outcome kt_ct_outcome_of(struct kt_str error_code);
extern const char *const kt_ct_needles[];
extern const char *const kt_ct_known_keys[];
extern const struct kt_keep kt_ct_keep_root[];

/* One record, taken apart once. */
struct ct_record {
    const struct kt_decode_in *in;
    struct kt_jval identity, session, request, response, extra;
    struct kt_str source, name, account, region, error;
    struct kt_str home; /* account of who acts */
    enum ct_service service;
};
void kt_ct_who(const struct ct_record *r, struct kt_event *ev);

/* ---- cloudtrail_grant.c ---- */
/* Adds to the kept original whom a policy or grant of the request lets in:
 * `,"grantees":["*","arn:…"],"foreign_accounts":["999988887777"],"grantees_cut":1`; nothing when
 * the request has neither. */
void kt_ct_grant(const struct ct_record *r, struct kt_event *ev);

/* ---- cloudtrail_ids.c ---- */
struct ct_id {
    struct kt_str id, native, version, stage;
    bool guess;
};
/* arn: of SecretId as people give it (name, partial ARN, full ARN). full: the field always has the
 * full ARN. */
struct ct_id kt_ct_secret_id(const struct ct_record *r, struct kt_str name, bool full);
struct ct_id kt_ct_param_id(const struct ct_record *r, struct kt_str name);
struct ct_id kt_ct_param_path(const struct ct_record *r, struct kt_str path);
struct ct_id kt_ct_key_id(const struct ct_record *r, struct kt_str name);
/* An EC2 machine, whose administrator's password GetPasswordData gives out. */
struct ct_id kt_ct_instance_id(const struct ct_record *r, struct kt_str instance);
struct ct_id kt_ct_all(const struct ct_record *r, const char *scheme);
