/* server, inside: what its files share. Nobody else includes this. */
#pragma once
#include <microhttpd.h>
#include <pthread.h>

#include "core/base/alloc.h"
#include "dashboards/server/assets.h"
#include "dashboards/server/metrics.h"
#include "dashboards/server/metrics_store.h"
#include "dashboards/server/note.h"
#include "dashboards/server/request.h"
#include "dashboards/server/routes.h"
#include "dashboards/server/server.h"
#include "exporters/alerts/view.h"

#define KT_WEB_CALL_NS     (10 * KT_NS_S)
#define KT_WEB_DOWNLOAD_NS (10 * KT_NS_MIN)
#define KT_WEB_ROOM        (256u << 10) /* of a download, between the store and the network */
#define KT_WEB_ANSWER_MAX  (32u << 20)  /* bytes of an answer that is kept whole */

enum kt_web_phase {              /* of a connection */
                    KT_WEB_IDLE, /* nothing of a request is here yet */
                    KT_WEB_HEAD, /* its first line is */
                    KT_WEB_BODY, /* its head is */
                    KT_WEB_SEND, /* a whole answer is on its way */
                    KT_WEB_BUSY, /* it is being answered; or live, or a download */
                    KT_WEB_CUT,  /* we have ended it: the daemon will see */
};
struct kt_web_conn {
    int fd; /* -1: free */
    bool is_unix;
    struct kt_ip ip;
    enum kt_web_phase phase;
    kt_time_ns since;  /* mono, of the phase */
    kt_time_ns looked; /* of SEND: when, and what the other end had taken then, bytes */
    uint64_t taken;
};
enum kt_web_state { KT_WEB_NEW, KT_WEB_ASKED, KT_WEB_STREAMS, KT_WEB_DONE };
struct kt_web_req {
    struct kt_web_server *s;
    struct MHD_Connection *c;
    struct kt_web_conn *conn;
    struct kt_buf target, body;
    struct kt_str path, query; /* of target */
    enum kt_web_method method;
    bool judged;                      /* the head was */
    unsigned refused;                 /* status that its judgement ended with; 0: fine */
    const struct kt_web_route *route; /* NULL: there is none */
    bool gzip;                        /* may be packed */
    struct kt_web_params params;
    struct kt_web_who who;
    struct kt_buf cookie, forwarded;          /* fields that may come in several lines */
    unsigned fields, hosts, lengths, proxies; /* of the head: all, and those that come once */
    struct kt_web_login login;
    bool logging_in; /* kt_web_login_end is due */

    /* of the worker, until the state is KT_WEB_DONE */
    struct kt_api api;
    kt_time_ns deadline; /* mono */
    enum kt_status result;
    struct kt_error err;
    bool packed;       /* api.out is gzip */
    kt_time_ns pushed; /* mono: into the pipe, last */
    enum kt_metrics_form form;
    struct kt_ip from;

    /* s->lock */
    unsigned refs;
    enum kt_web_state state;
    bool suspended, gone;
    struct kt_web_req *next; /* in the queue */
    struct kt_buf pipe;      /* of a download: what the network has not taken */
    size_t piped;            /* of it, taken */
    bool ended, broken;      /* nothing comes any more; it was not all */
    pthread_cond_t moved;
};

/* Threads that run calls, and what waits for them. */
struct kt_web_pool {
    struct kt_web_server *s;
    unsigned n, room; /* threads; requests that may wait */
    unsigned share;   /* of both, that one user may hold */
    struct kt_web_worker *worker;
    struct kt_web_req *first;
    unsigned waiting, running;
    pthread_cond_t work;
};
/* The last answer of /readyz or /metrics, for when too many ask. */
struct kt_web_said {
    kt_time_ns at; /* mono; 0: none */
    unsigned status;
    const char *type;
    struct kt_buf text;
};
#define KT_WEB_SAID 6u /* /readyz, both forms of /metrics; each plain and as gzip */
struct kt_web_server {
    struct kt_web_options o;
    struct MHD_Daemon *daemon;
    int epoll, woken; /* what is polled; an eventfd in it */
    bool is_unix;     /* the socket that is listened on */
    struct kt_web_conn conn[KT_WEB_CONNECTIONS];
    unsigned n_conn;
    kt_time_ns next_second;
    char log_id[33];
    bool unready;                  /* /readyz said so last; several threads */
    uint8_t secret[KT_API_SECRET]; /* of cursors */
    struct kt_assets *assets;
    struct kt_events *events;
    struct kt_api_kept *kept;
    struct kt_jobs *jobs; /* NULL: no folder for what they make */
    struct kt_page_notes *notes;
    struct kt_metrics_store *figures; /* figures_lock */
    pthread_mutex_t figures_lock;
    pthread_mutex_t lock;
    bool quit;
    struct kt_web_pool calls, downloads;
    struct kt_web_said said[KT_WEB_SAID]; /* lock */
};

kt_time_ns kt_web_mono(const struct kt_web_server *s);
kt_time_ns kt_web_wall(const struct kt_web_server *s);
/* Takes up a suspended connection again; any thread. */
void kt_web_resume(struct kt_web_server *s, struct MHD_Connection *c);

/* ---- conns.c ---- */
enum MHD_Result kt_web_may_connect(void *self, const struct sockaddr *from, socklen_t size);
void kt_web_connected(void *self, struct MHD_Connection *c, void **of_conn,
                      enum MHD_ConnectionNotificationCode what);
void kt_web_conn_phase(struct kt_web_server *s, struct kt_web_conn *conn, enum kt_web_phase phase);
void kt_web_conn_cut(struct kt_web_server *s); /* those that are too slow */

/* ---- handle.c ---- */
void *kt_web_first_line(void *self, const char *target, struct MHD_Connection *c);
enum MHD_Result kt_web_handle(void *self, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *piece,
                              size_t *size, void **of_req);
void kt_web_completed(void *self, struct MHD_Connection *c, void **of_req,
                      enum MHD_RequestTerminationCode why);
void kt_web_req_drop(struct kt_web_req *r); /* with the lock */
/* What the request says about who asks. */
struct kt_web_request kt_web_request_of(const struct kt_web_req *r);

/* ---- login.c ---- */
enum MHD_Result kt_web_answer_me(struct kt_web_req *r);
enum MHD_Result kt_web_login_first(struct kt_web_req *r);
enum MHD_Result kt_web_login_second(struct kt_web_req *r); /* a worker has checked the password */
enum MHD_Result kt_web_log_out(struct kt_web_req *r);
/* A login that nobody waits for any more, or that there is no room for. */
void kt_web_login_forget(struct kt_web_req *r);

/* ---- run.c: what a worker does ---- */
struct kt_web_worker {
    struct kt_web_pool *pool;
    pthread_t thread;
    bool started;
    struct kt_web_req *now;    /* s->lock */
    struct kt_ask ask;         /* kept open over many calls; reader NULL: not open */
    struct kt_conf *conf;      /* of the log, where the server has none */
    struct kt_alert_view view; /* of its reader */
};
/* Leaves the answer in r: result, err, api. */
void kt_web_run(struct kt_web_worker *w, struct kt_web_req *r);
void kt_web_worker_close(struct kt_web_worker *w);

/* ---- worker.c ---- */
KT_MUST_USE enum kt_status kt_web_pool_open(struct kt_web_pool *p, struct kt_web_server *s,
                                            unsigned threads, unsigned room, unsigned share,
                                            struct kt_error *err);
void kt_web_pool_stop(struct kt_web_pool *p); /* s->quit is set: joins the threads */
struct kt_web_reply;
/* Of /readyz and /metrics: adds what was said within the last ten seconds; false: nothing was. */
bool kt_web_said(const struct kt_web_req *r, struct kt_web_reply *ret_how, struct kt_buf *out);
/* Gives the request to a worker and suspends its connection. false: no room, or the user has its
 * share of it already. */
bool kt_web_pool_put(struct kt_web_pool *p, struct kt_web_req *r);

/* ---- pipe.c: downloads ---- */
enum kt_status kt_web_send(struct kt_api *a, struct kt_error *err); /* struct kt_api's send */
enum MHD_Result kt_web_pipe(struct kt_web_req *r);                  /* answers with what is sent */
void kt_web_pipe_end(struct kt_web_req *r); /* with the lock: the call is done */
void kt_web_wake(struct kt_web_req *r);     /* with the lock: its connection goes on */

/* ---- reply.c ---- */
struct kt_web_reply {
    unsigned status;
    const char *type, *policy; /* NULL: JSON; the page's */
    const char *cache;         /* NULL: no-store */
    const char *etag, *allow, *cookie, *encoding, *file;
    unsigned retry_s;
};
/* Takes body, which is empty afterwards. */
enum MHD_Result kt_web_reply(struct kt_web_req *r, const struct kt_web_reply *how,
                             struct kt_buf *body);
/* The same of bytes that live as long as the server. */
enum MHD_Result kt_web_reply_static(struct kt_web_req *r, const struct kt_web_reply *how,
                                    struct kt_str body);
enum MHD_Result kt_web_reply_with(struct kt_web_req *r, const struct kt_web_reply *how,
                                  struct MHD_Response *m); /* destroys m */
/* {"error":"…"}; kt_web_status_of says which status. */
enum MHD_Result kt_web_refuse(struct kt_web_req *r, unsigned status, const char *sentence);
unsigned kt_web_status_of(enum kt_status code);
void kt_web_error(struct kt_buf *out, const char *sentence);
struct kt_str kt_web_header(const struct kt_web_req *r, const char *name);
