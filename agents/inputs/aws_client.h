/*
 * aws_client: questions to AWS, one at a time: signed, with keys that are looked for and renewed,
 * asked more slowly while answers are bad; and the sentence that says what is wrong. Shared by the
 * inputs that read from AWS.
 */
#pragma once
#include "agents/inputs/aws_creds.h"
#include "agents/inputs/fetch.h"
#include "core/base/aws.h"
#include "core/config/option.h"
#include "core/event/json.h"

struct aws_client_options { /* "" and NULL = not set */
    const char *credentials_file, *profile, *endpoint, *proxy, *ca_file;
    bool allow_private;
};
#define AWS_ROW(T, at, name, type, dflt, help)                                                     \
    {                                                                                              \
        name, type, dflt, offsetof(T, at), help, false, false                                      \
    }
/* Rows of the table of an input whose options T have them as `at`. */
#define AWS_CLIENT_OPTIONS(T, at)                                                                  \
    AWS_ROW(T, at.credentials_file, "credentials_file", KT_OPT_SECRET_FILE, "",                    \
            "AWS credentials file, mode 0600; default: as the AWS tools look for them"),           \
        AWS_ROW(T, at.profile, "profile", KT_OPT_STRING, "", "its section; default: default"),     \
        AWS_ROW(T, at.endpoint, "endpoint", KT_OPT_STRING, "",                                     \
                "another address than that of AWS"),                                               \
        AWS_ROW(T, at.proxy, "proxy", KT_OPT_STRING, "", "http://host:port"),                      \
        AWS_ROW(T, at.ca_file, "ca_file", KT_OPT_PATH, "",                                         \
                "certificates instead of the system's"),                                           \
        AWS_ROW(T, at.allow_private, "allow_private", KT_OPT_BOOL, "false",                        \
                "private addresses, and http to this host")

struct aws_pace {  /* of whoever is asked */
    kt_time_ns at; /* not before */
    unsigned failures;
};
struct aws_client {
    struct aws_client_options o;
    struct kt_fetch *fetch;
    struct aws_creds *creds;
    struct kt_json *json;
    struct kt_aws_keys keys; /* after aws_client_ready() */
    struct kt_buf url, body; /* of the next question, its asker's to fill */
    struct kt_buf headers;
    kt_time_ns now, began;          /* of this turn, and of the first */
    kt_time_ns keys_at, said_until; /* good keys are not renewed, the problem stays, until then */
    struct aws_pace pace;
    bool asking_keys;
    char problem[200]; /* empty = fine; else a sentence with the fix */
};

/* NULL for what is not set. */
static inline const char *aws_given(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}
/* Letters, digits and '-', up to 80: what goes into a header, or into a host's name, unchanged. */
bool aws_plain(struct kt_str s);

KT_MUST_USE enum kt_status aws_client_check(const struct aws_client_options *o,
                                            struct kt_error *err);
/* o's texts and region (of the token service) are kept by pointer. */
void aws_client_open(struct aws_client *c, const struct aws_client_options *o, const char *region);
void aws_client_done(struct aws_client *c);
/* Once a turn, before all else. */
void aws_client_turn(struct aws_client *c, kt_time_ns now);

enum aws_heard {
    AWS_NOTHING,  /* not yet, or it was about keys */
    AWS_ANSWERED, /* the service's own words, good or bad: a status below 500 */
    AWS_FAILED,   /* none, or one that says "later", or keys that are refused; it was said */
};
/* The answer is the caller's to free when it is not AWS_NOTHING. */
enum aws_heard aws_client_take(struct aws_client *c, struct kt_http_answer *ret);
/* Is nothing under way, and are there keys? Asks for them when they are due. */
bool aws_client_ready(struct aws_client *c);
/* Signs r and sends it to c->url (with the query, if any, as kt_aws_query() wrote it) with c->body;
 * host, path, body and time of r are filled in. http: method, raw, keep_headers, reply_max, total
 * are the caller's. */
void aws_client_send(struct aws_client *c, struct kt_aws_request *r, struct kt_http_request *http);
/* One call of a JSON protocol: c->url is the service (aws_client_base), c->body the question. */
void aws_client_call(struct aws_client *c, const char *service, const char *region,
                     const char *version, struct kt_str target, size_t reply_max);
/* c->url = the endpoint that is configured for a service, else where AWS has it in a region; no
 * slash at its end. */
void aws_client_base(struct aws_client *c, const char *endpoint, const char *service,
                     const char *region);
/* May that be a configured endpoint? name: its key. */
KT_MUST_USE enum kt_status aws_client_check_endpoint(const struct aws_client_options *o,
                                                     const char *name, const char *endpoint,
                                                     struct kt_error *err);
/* What an error says of whoever asks. The words are the same with every service of AWS. */
enum aws_wrong {
    AWS_WRONG_OTHER, /* it is the service's own, or not known */
    AWS_WRONG_KEYS,  /* there are none such, or no longer */
    AWS_WRONG_SIGN,  /* the signature */
    AWS_WRONG_RIGHT, /* one lacks */
    AWS_WRONG_BUSY,  /* it was asked too often */
};
/* *ret_help: what to do; NULL where the asker has to say it: a right of its own, an error of its
 * service. */
enum aws_wrong aws_client_wrong(struct kt_str code, const char **ret_help);
#define AWS_KEYS_REFUSED "the keys are refused: new ones are looked for"

/* The code of an error in XML or JSON, without what stands before '#'; lives until c->json is used
 * again, or as long as the answer. */
struct kt_str aws_client_code(struct aws_client *c, const struct kt_http_answer *a);

void aws_client_say(struct aws_client *c, const char *what); /* until the next good answer */
void aws_client_say_for_long(struct aws_client *c, const char *what);
void aws_client_good(struct aws_client *c); /* an answer was what it should be */
/* Twice as long each time, up to 5 minutes. */
void aws_pace_later(struct aws_pace *p, kt_time_ns now, kt_time_ns at_least);
