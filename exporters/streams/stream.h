/*
 * stream: a place that gets every event, and what a plugin says about it. A stream type turns items
 * into the bytes of one request and judges the answer; reading the log, positions, retries, files
 * and connections belong to the engine (collector/stream.h). Pure: no I/O, no clock, no state but
 * what the engine lends.
 *
 * One batch goes this way:
 *   begin, add once an item, end          items -> body; again with fewer items after TOO_LARGE
 *   request(stage 0)                      body -> URL and headers
 *   judge(stage 0)                        answer -> verdict; NEXT goes on with request(stage 1) …
 * The same batch is made and sent again, with the same digest, until it is confirmed: whatever the
 * target can tell copies by (event ids, the digest) makes them one.
 */
#pragma once
#include "core/base/arena.h"
#include "core/base/enc.h"
#include "core/config/option.h"
#include "core/query/query.h"
#include "core/sys/http.h"
#include "exporters/alerts/alert.h"

/* ---- what is streamed ---- */

enum kt_stream_what {
    KT_STREAM_EVENT, /* a record of a source: kind access, or what the stream's match asks for */
    KT_STREAM_ALERT, /* one state of an alert: each state is a document of its own */
};
struct kt_stream_item { /* borrowed for the length of one call */
    enum kt_stream_what what;
    const char *deployment;     /* of the configuration */
    const char *log;            /* id of the log, 26 characters: with seq a name for ever */
    uint64_t seq;               /* place in the log; never given twice */
    kt_time_ns arrival, stored; /* DESIGN §4: two stamps */
    kt_time_ns now;             /* wall clock when the batch is made: how late the item is */
    /* What a target tells copies by; stable. The event's id; of a conflict, one of its own, so that
     * it does not take the other's place; of an alert, one for each of its states. */
    char id[KT_ID_TEXT];
    char about[KT_ID_TEXT]; /* the event's id, the alert's id: the same for all that share it */
    struct kt_str line; /* the canonical line, without newline: of an alert, its JSON document */
    /* EVENT */
    const struct kt_event *event; /* what the line says; NULL in an alert */
    const struct kt_fact *fact;   /* of its address, in force at its arrival; NULL: none is known */
    bool conflict;                /* same id as an earlier event, other content */
    /* ALERT */
    const struct kt_alert *alert; /* NULL in an event */
};

/* ---- one request ---- */

struct kt_stream_batch { /* the same on every try, but for `now` */
    const char *stream;  /* the configured name */
    const char *deployment;
    const char *log;              /* id of the log, 26 characters */
    uint64_t first_seq, last_seq; /* of its items */
    unsigned n;                   /* items in the body */
    kt_time_ns stored;            /* stamp of the first of them */
    char digest[65];              /* hex: over the log's id and every item's seq and id */
    bool test;                    /* of `stream test`: nobody has to keep it */
    kt_time_ns now;               /* wall clock of this try, for signatures that carry a time */
    struct kt_str body;      /* as it will be sent, packed; empty in stages that send another */
    uint8_t body_sha256[32]; /* of it; zeroes unless the type says hash_body */
};
struct kt_stream_request {
    enum kt_http_method method; /* POST */
    struct kt_str url;
    struct kt_str headers[16]; /* "Name: value", in arena; no line ends inside */
    unsigned n_headers;
    /* Set by stages that send a body of their own (an acknowledgement's question, a manifest);
     * otherwise the batch's goes, and with it the Content-Encoding. */
    bool own_body;
    struct kt_buf body;
};
/* What the engine read from the stream's key files before; trimmed. */
struct kt_stream_secrets {
    struct kt_str url; /* without a '/' at its end */
    struct kt_str key; /* token, password, key pair … */
};
/* First member of every type's options: files that the engine reads, NULL when absent. */
struct kt_stream_files {
    const char *url_file, *key_file;
};

enum kt_stream_verdict {
    KT_STREAM_TAKEN,     /* all of it, but for what fate[] says */
    KT_STREAM_RETRY,     /* nothing, or not known: the same again later */
    KT_STREAM_REFUSED,   /* its content: the engine halves it until the item at fault is alone */
    KT_STREAM_TOO_LARGE, /* halve it */
    KT_STREAM_DENIED,    /* key, URL, rights: nothing helps until a person looks; kept, probed */
    KT_STREAM_NEXT,      /* go on with the next stage */
    KT_STREAM_AGAIN,     /* ask the same stage again in wait_ms (not taken yet) */
};
enum kt_stream_fate { KT_STREAM_FATE_TAKEN, KT_STREAM_FATE_RETRY, KT_STREAM_FATE_REFUSED };
#define KT_STREAM_NOTE_MAX 192u
struct kt_stream_judgement {
    enum kt_stream_verdict verdict;
    uint8_t *fate;    /* n of the batch, zeroed: enum kt_stream_fate of single items */
    unsigned wait_ms; /* before AGAIN; 0 = a second */
    char word[160];   /* a short reason for people, of the first thing that was not taken */
    /* Kept from one stage to the next, and empty at stage 0: an acknowledgement's number. */
    char note[KT_STREAM_NOTE_MAX];
};

/* ---- a type ---- */

enum kt_stream_sink {                      /* who carries the body */
                      KT_STREAM_SINK_HTTP, /* request and judge */
                      KT_STREAM_SINK_FILE, /* appended to a file that rotates; no request, no judge
                                            */
                      KT_STREAM_SINK_SYSLOG,   /* a TLS or loopback connection; the body holds the
                                                  frames */
                      KT_STREAM_SINK_POSTGRES, /* COPY of the body, then the statements of `sql` */
};
enum kt_stream_pack { KT_STREAM_PLAIN, KT_STREAM_GZIP, KT_STREAM_ZSTD };
struct kt_stream_file_options {
    const char *folder, *format, *compress; /* compress: none, gzip, zstd */
    uint64_t rotate_size;
    kt_time_ns rotate_every;
};
struct kt_stream_type {
    const char *name, *summary;
    const struct kt_option *options; /* first member: struct kt_stream_files */
    size_t options_size;
    enum kt_stream_sink sink;
    /* What add appends is one line, with its end, and needs no begin or end: a file of them is well
     * formed. `type: files` takes such a type's name as format. */
    bool lines;
    struct {
        unsigned items;   /* of one body */
        size_t bytes;     /* of one body, before packing; a single item may be longer */
        unsigned wait_ms; /* how long a batch that is not full waits for more */
    } limits;
    enum kt_stream_pack pack; /* GZIP: the engine says so in Content-Encoding */
    bool hash_body;
    const char *url_default;  /* NULL: url_file is required (FILE: not asked for) */
    const char *keep_headers; /* struct kt_http_request's; NULL: none */
    size_t state_size;        /* lent to begin, add, end; zeroed before begin */

    /* All three append to body. add: KT_E_INPUT or KT_E_LIMIT says that this item cannot be written
     * (it becomes a dead letter; what was appended is taken back). begin, end: NULL = nothing. */
    void (*begin)(const void *options, void *state, struct kt_buf *body);
    enum kt_status (*add)(const void *options, void *state, const struct kt_stream_item *item,
                          struct kt_arena *arena, struct kt_buf *body, struct kt_error *err);
    void (*end)(const void *options, void *state, struct kt_buf *body);

    /* note: what judge of the stage before left. */
    enum kt_status (*request)(const void *options, const struct kt_stream_secrets *secrets,
                              const struct kt_stream_batch *batch, unsigned stage, const char *note,
                              struct kt_arena *arena, struct kt_stream_request *ret,
                              struct kt_error *err);
    /* status is never 0: without an answer the engine tries again. */
    void (*judge)(const void *options, const struct kt_stream_batch *batch, unsigned stage,
                  int status, struct kt_str body, const struct kt_http_answer *headers,
                  struct kt_stream_judgement *ret);
    /* Why these options cannot work together; NULL = nothing to say. Asked by `config check`. */
    enum kt_status (*check)(const void *options, struct kt_error *err);
    /* FILE: how it is written, and what stands at the beginning of each file (NULL: nothing). */
    const struct kt_stream_file_options *(*file)(const void *options);
    void (*head)(const void *options, struct kt_buf *out);
    /* POSTGRES: what `stream schema` prints is schema; the others run in one transaction. */
    const char *schema; /* NULL: there is none to print */
    /* The schema with the names that the options say; NULL: they say none. */
    void (*write_schema)(const void *options, struct kt_buf *out);
    const struct kt_stream_sql {
        const char *before, *copy, *after;
    } * sql;
};
extern const struct kt_stream_type *const kt_stream_types[]; /* registry.c; NULL-ended */
const struct kt_stream_type *kt_stream_type_find(struct kt_str name);

/* The judgement that most targets share: 2xx TAKEN; 413 TOO_LARGE; 400, 422 REFUSED; 401, 402, 403,
 * 404, 405, 407, 410, 3xx DENIED; 408, 425, 429, 5xx and all else RETRY. Sets word to
 * "status_500". */
void kt_stream_judge_status(int status, struct kt_stream_judgement *ret);
