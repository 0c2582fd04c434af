/* vault, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/source.h"

enum vt_op {
    VT_READ = 1,
    VT_LIST = 2,  /* list, scan */
    VT_WRITE = 4, /* create, update, patch */
    VT_DELETE = 8,
    VT_OTHER = 16, /* help, alias-lookahead, … and what comes after us */
};
enum vt_kv { VT_KV_UNKNOWN, VT_KV_V1, VT_KV_V2 };

/* What a request says about its path. */
struct vt_request {
    const struct kt_decode_in *in;
    enum vt_op op;
    struct kt_str path, ns, mount, type, accessor; /* mount: told by the record, no slash behind */
    struct kt_jval response;
    bool success; /* the answer has no error: what it shows about the mount is true */
};
struct vt_target {
    enum kt_action action;
    bool kv_plain; /* the answer's data are the secret's own fields (KV v1, cubbyhole) */
    bool kv;
    struct kt_str secret; /* empty: not about a secret */
    bool guess;
};
struct vt_target kt_vt_target_of(const struct vt_request *r);
enum vt_op kt_vt_op_of(struct kt_str word);
bool kt_vt_is_login(enum vt_op op, struct kt_str path);
/* The path with what may be a token cut out. */
struct kt_str kt_vt_safe_path(struct kt_arena *a, struct kt_str path);

/* ---- vault_actor.c ---- */
enum vt_login {
    VT_LOGIN_NO,
    VT_LOGIN_TRIED, /* auth, if any, is of a token that was sent along */
    VT_LOGIN_DONE,  /* auth is the answer's */
};
void kt_vt_who(const struct kt_decode_in *in, struct kt_jval auth, enum vt_login login,
               struct kt_str path, bool raw_device, struct kt_event *ev);

/* ---- vault_proxy.c ---- */
/* Finds when so many identities come from one private address that it is not theirs. */
void kt_vt_look_for_proxy(const struct kt_decode_in *in, const struct kt_event *ev,
                          struct kt_emit *to);
