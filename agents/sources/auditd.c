/*
 * auditd: audit records of the Linux kernel -> one event a file that an event touches (SOURCES
 * §8.1), and what is done to auditing itself.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 * Holds: nothing of what was handed to a program as argument is kept.
 */
#include "agents/sources/auditd.h"
#include "agents/sources/host.h"

#include "core/event/line.h"
#include "core/event/secret_id.h"

#define TEXT_MAX        512u
#define PATH_LENGTH_MAX 4096u

#define O_ACCMODE_ 0x3u
#define O_CREAT_   0x40u
#define O_TRUNC_   0x200u
#define O_PATH_    0x200000u

/* ---- the verb ---- */

static enum kt_action opened(struct kt_str flags, unsigned base)
{
    unsigned f = 0;
    if (!kt_auditd_number(flags, base, &f))
        return KT_ACT_READ;
    if ((f & O_ACCMODE_) != 0 || (f & (O_CREAT_ | O_TRUNC_)) != 0)
        return KT_ACT_WRITE;
    return (f & O_PATH_) != 0 ? KT_ACT_READ_META : KT_ACT_READ;
}

static enum kt_action action_of(const struct auditd_event *x, const struct auditd_call *call,
                                const struct auditd_path *p)
{
    enum auditd_kind kind = call != NULL ? call->kind : AUDITD_READ;
    enum kt_action action = KT_ACT_READ;
    switch (kind) {
    case AUDITD_READ:
        action = KT_ACT_READ;
        break;
    case AUDITD_META:
        return KT_ACT_READ_META;
    case AUDITD_WRITE:
        return KT_ACT_WRITE;
    case AUDITD_DELETE:
        return KT_ACT_DELETE;
    case AUDITD_RENAME:
        return kt_str_is(p->role, "CREATE") ? KT_ACT_WRITE : KT_ACT_DELETE;
    case AUDITD_GRANT:
        return KT_ACT_GRANT;
    case AUDITD_OPEN:
        action = opened(kt_auditd_field(x, "a1"), 16);
        break;
    case AUDITD_OPENAT:
        action = opened(kt_auditd_field(x, "a2"), 16);
        break;
    case AUDITD_OPENAT2:
        action = opened(kt_json_str_at(kt_auditd_record(x->in->root, "OPENAT2"), "oflag"), 8);
        break;
    }
    if (kt_str_is(p->role, "CREATE"))
        return KT_ACT_WRITE;
    return action == KT_ACT_READ && p->folder ? KT_ACT_LIST : action;
}

/* ---- how it ended ---- */

static void outcome(const struct auditd_event *x, struct kt_event *ev)
{
    static const struct {
        const char *word;
        enum kt_outcome outcome;
    } words[] = {
        { "yes", KT_OUT_SUCCESS }, { "no", KT_OUT_FAILURE },     { "success", KT_OUT_SUCCESS },
        { "1", KT_OUT_SUCCESS },   { "failed", KT_OUT_FAILURE }, { "0", KT_OUT_FAILURE },
    };
    struct kt_str word = kt_auditd_field(x, "success");
    if (word.len == 0)
        word = kt_auditd_field(x, "res");
    if (word.len == 0)
        word = kt_auditd_field(x, "result");
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++)
        if (kt_str_is(word, words[i].word))
            ev->outcome = words[i].outcome;
    struct kt_str exit = kt_auditd_field(x, "exit");
    const struct auditd_error *error = kt_auditd_error(exit);
    if (ev->outcome != KT_OUT_FAILURE)
        return;
    ev->code = exit;
    if (error == NULL)
        return;
    ev->code = kt_str_of(error->name);
    ev->outcome = error->outcome;
}

/* ---- what is kept ---- */

static void keep(struct kt_buf *out, const char *name, struct kt_str text)
{
    if (text.len == 0)
        return;
    kt_buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    kt_json_quote(out, kt_utf8_cut(text, TEXT_MAX));
}

static void write_raw(const struct auditd_event *x, const struct auditd_path *p)
{
    static const char *const numbers[] = { "arch", "syscall", "exit", "ppid", "pid",        "auid",
                                           "uid",  "euid",    "list", "lost", "audit_lost", "old" };
    static const char *const of_path[] = { "nametype", "mode", "inode" };
    struct kt_buf *out = x->in->raw;
    kt_buf_reset(out);
    kt_buf_byte(out, '{');
    keep(out, "type", x->type);
    for (size_t i = 0; i < KT_ARRAY_LEN(numbers); i++)
        keep(out, numbers[i], kt_auditd_field(x, numbers[i]));
    keep(out, "op", kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("op"))));
    keep(out, "tty", kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("tty"))));
    keep(out, "comm", x->comm);
    keep(out, "cwd", x->cwd);
    for (size_t i = 0; p != NULL && i < KT_ARRAY_LEN(of_path); i++)
        keep(out, of_path[i], kt_json_str_at(p->record, of_path[i]));
    kt_buf_byte(out, '}');
}

/* ---- the events ---- */

static void complete(const struct auditd_event *x, struct kt_event *ev)
{
    struct kt_str id = kt_json_str_at(x->in->root, "id");
    if (kt_time_parse(kt_json_str_at(x->in->root, "when"), &ev->time, NULL) != KT_OK)
        ev->time = 0;
    ev->precision = KT_NS_MS;
    ev->kind = KT_KIND_ACCESS;
    ev->native_id = id;
    ev->scope = x->host;
    ev->reason = x->key;
    kt_auditd_who(x, ev);
    kt_auditd_where(x, ev);
    outcome(x, ev);
    ev->user_agent = kt_host_program_name(x->in->arena, x->exe, x->comm);
}

static struct kt_str operation_of(const struct auditd_event *x, const struct auditd_call *call)
{
    if (call != NULL)
        return kt_str_of(call->name);
    struct kt_str name = kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("SYSCALL")));
    bool uring = kt_str_is(x->type, "URINGOP");
    return name.len > 0
               ? name
               : kt_arena_cat(x->in->arena, uring ? KT_STR("io_uring ") : KT_STR("syscall "),
                              kt_auditd_field(x, uring ? "uring_op" : "syscall"));
}

static void give_file(const struct auditd_event *x, const struct auditd_call *call,
                      const struct auditd_path *p, unsigned part, struct kt_emit *to)
{
    struct kt_event ev = { .part = part, .operation = operation_of(x, call) };
    complete(x, &ev);
    ev.action = action_of(x, call, p);
    if (p->name.len > 0) {
        struct kt_str host = x->host;
        ev.secret_native = kt_str_sub(p->name, 0, PATH_LENGTH_MAX);
        ev.secret = kt_secret_id(x->in->arena, "file", &host, 1, ev.secret_native,
                                 ev.action == KT_ACT_LIST);
        ev.secret_guess = p->guess;
    }
    write_raw(x, p);
    ev.raw = kt_arena_str(x->in->arena, kt_buf_str(x->in->raw));
    to->event(to, &ev);
}

/* Rules whose key begins so were made for secrets, whatever the files are called. */
static bool is_own_rule(struct kt_str key)
{
    return kt_str_starts(key, KT_STR("keytrail")) || kt_str_has(key, KT_STR(",keytrail"));
}

/* A file that is put in the place of another is written: its old self is no deletion. */
static bool is_replaced(const struct auditd_path *paths, unsigned n, unsigned i)
{
    for (unsigned k = 0; kt_str_is(paths[i].role, "DELETE") && k < n; k++)
        if (kt_str_is(paths[k].role, "CREATE") && kt_str_eq(paths[k].name, paths[i].name))
            return true;
    return false;
}

/* An execve has the program, its loader and, for a script, its interpreter: only the first is what
 * the rule is about, if the rule is about a file at all. */
static bool is_of_program(const struct auditd_call *call, unsigned i)
{
    return call != NULL && kt_str_starts(kt_str_of(call->name), KT_STR("execve")) && i > 0;
}

static void files(const struct auditd_event *x, struct kt_emit *to)
{
    struct auditd_path paths[AUDITD_PATHS_MAX];
    bool uring = kt_str_is(x->type, "URINGOP");
    const struct auditd_call *call =
        uring ? kt_auditd_uring(kt_auditd_field(x, "uring_op"))
              : kt_auditd_call(kt_auditd_field(x, "arch"), kt_auditd_field(x, "syscall"),
                               kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("SYSCALL"))));
    unsigned n = kt_auditd_paths(x, call, paths), given = 0;
    for (unsigned i = 0; i < n; i++) {
        bool wanted = is_own_rule(x->key) || kt_host_is_secret_file(paths[i].name);
        if (wanted && !is_replaced(paths, n, i) && !is_of_program(call, i))
            give_file(x, call, &paths[i], given++, to);
    }
    if (given > 0)
        return;
    if (n == 0 && is_own_rule(x->key)) { /* a call on an open file has no path */
        const struct auditd_path none = { .guess = true };
        give_file(x, call, &none, 0, to);
        return;
    }
    to->skip(to, "not about secrets");
}

/* ---- auditing itself ---- */

static void give_config(const struct auditd_event *x, struct kt_str what, struct kt_emit *to)
{
    struct kt_event ev = { .action = KT_ACT_CONFIG };
    complete(x, &ev);
    ev.operation =
        what.len == 0 ? x->type : kt_arena_cat3(x->in->arena, x->type, KT_STR(" "), what);
    ev.secret_native = kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("path")));
    if (ev.secret_native.len == 0)
        ev.secret_native = kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("dir")));
    if (ev.actor.len == 0)
        ev.actor = kt_arena_cat(x->in->arena, KT_STR("auditd@"), x->host);
    write_raw(x, NULL);
    ev.raw = kt_buf_str(x->in->raw);
    to->event(to, &ev);
}

static void config_change(const struct auditd_event *x, struct kt_emit *to)
{
    static const char *const settings[] = { "audit_enabled",    "audit_pid",
                                            "audit_failure",    "audit_backlog_limit",
                                            "audit_rate_limit", "audit_backlog_wait_time",
                                            "actions" };
    struct kt_arena *a = x->in->arena;
    struct kt_str what = kt_auditd_text(x->in, kt_json_get(x->call, KT_STR("op")));
    if (kt_str_is(what, "updated_rules")) {
        to->skip(to, "a rule that follows its file");
        return;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(settings); i++) {
        struct kt_str value = kt_auditd_field(x, settings[i]);
        if (value.len == 0)
            continue;
        what = kt_arena_fmt(a, "%s=%.*s", settings[i], KT_STR_ARG(kt_str_sub(value, 0, TEXT_MAX)));
        break;
    }
    give_config(x, what, to);
}

static void daemon(const struct auditd_event *x, struct kt_emit *to)
{
    static const char *const kept[] = { "DAEMON_START", "DAEMON_END", "DAEMON_ABORT",
                                        "DAEMON_CONFIG", "DAEMON_ERR" };
    for (size_t i = 0; i < KT_ARRAY_LEN(kept); i++)
        if (kt_str_is(x->type, kept[i])) {
            give_config(x, KT_STR_NONE, to);
            return;
        }
    to->skip(to, "housekeeping of the audit daemon");
}

static void kernel(const struct auditd_event *x, struct kt_emit *to)
{
    if (kt_auditd_field(x, "lost").len == 0 && kt_auditd_field(x, "audit_lost").len == 0) {
        to->skip(to, "not about secrets");
        return;
    }
    to->finding(to, "auditd.lost",
                "the kernel lost audit records: accesses may be missing; raise the backlog "
                "(auditctl -b) or make the rules narrower");
    give_config(x, KT_STR("lost"), to);
}

/* ---- one event of the kernel or of the daemon ---- */

/* Several keys are joined by byte 0x01. */
static struct kt_str keys_of(const struct kt_decode_in *in, struct kt_jval call)
{
    struct kt_str key = kt_auditd_text(in, kt_json_get(call, KT_STR("key")));
    if (kt_str_find_byte(key, 1, 0) < 0)
        return key;
    char *to = kt_arena_alloc(in->arena, key.len);
    for (size_t i = 0; to != NULL && i < key.len; i++)
        to[i] = (char)(key.at[i] == 1 ? ',' : key.at[i]);
    return kt_str_from(to, to != NULL ? key.len : 0);
}

static struct auditd_event take_apart(const struct kt_decode_in *in)
{
    static const char *const first[] = { "SYSCALL", "URINGOP", "CONFIG_CHANGE" };
    struct auditd_event x = { .in = in, .host = kt_json_str_at(in->root, "node") };
    for (size_t i = 0; x.call.node == NULL && i < KT_ARRAY_LEN(first); i++)
        x.call = kt_auditd_record(in->root, first[i]);
    if (x.call.node == NULL) {
        struct kt_json_iter it = kt_json_iter(kt_json_get(in->root, KT_STR("records")));
        struct kt_str unused;
        (void)kt_json_next(&it, &unused, &x.call);
    }
    if (x.host.len == 0)
        x.host = in->cluster;
    x.type = kt_json_str_at(x.call, "type");
    x.exe = kt_auditd_text(in, kt_json_get(x.call, KT_STR("exe")));
    x.comm = kt_auditd_text(in, kt_json_get(x.call, KT_STR("comm")));
    x.ses = kt_json_str_at(x.call, "ses");
    x.key = keys_of(in, x.call);
    x.cwd = kt_auditd_text(in, kt_json_get(kt_auditd_record(in->root, "CWD"), KT_STR("cwd")));
    return x;
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    static const char *const rests[] = { "EOE", "PROCTITLE", "PATH", "CWD", "EXECVE", "OPENAT2" };
    (void)first;
    (void)err;
    struct auditd_event x = take_apart(in);
    int64_t unknown = 0;
    if (kt_json_i64(kt_json_get(in->root, KT_STR("unknown")), &unknown))
        *in->unknown_fields += (uint64_t)unknown;
    kt_auditd_look_at_serial(&x, to);
    for (size_t i = 0; i < KT_ARRAY_LEN(rests); i++)
        if (kt_str_is(x.type, rests[i])) {
            to->skip(to, "the rest of an event");
            return KT_OK;
        }
    if (kt_str_is(x.type, "SYSCALL") || kt_str_is(x.type, "URINGOP")) {
        x.agent = kt_auditd_learn_agent(&x);
        struct kt_jval change = kt_auditd_record(in->root, "CONFIG_CHANGE");
        struct kt_str op = kt_auditd_text(in, kt_json_get(change, KT_STR("op")));
        if (change.node == NULL || kt_str_is(op, "updated_rules")) {
            files(&x, to);
            return KT_OK;
        }
        /* the call carries the rules to the kernel; that record says which */
        x.call = change;
        x.type = KT_STR("CONFIG_CHANGE");
    }
    if (kt_str_is(x.type, "CONFIG_CHANGE"))
        config_change(&x, to);
    else if (kt_str_starts(x.type, KT_STR("DAEMON_")))
        daemon(&x, to);
    else if (kt_str_is(x.type, "KERNEL"))
        kernel(&x, to);
    else
        to->skip(to, kt_auditd_learn_login(&x) ? "where a session came from" : "not about secrets");
    return KT_OK;
}

static const char *const known_keys[] = {
    "id",   "node", "when", "records", "type", "arch", "syscall", "success",   "exit", "ppid",
    "pid",  "auid", "uid",  "ses",     "comm", "exe",  "key",     "cwd",       "name", "nametype",
    "mode", "op",   "res",  "argc",    "addr", "old",  "list",    "proctitle", NULL,
};

static const char *const limits[] = {
    "what is read through a file that was open before is not seen; one open may be many reads",
    NULL,
};

const struct kt_source kt_source_auditd = {
    .name = "auditd",
    .summary = "Linux audit log: reads of .env and key files",
    .version = 2,
    .split = KT_SPLIT_LINES,
    .to_json = kt_auditd_json,
    .gather = kt_auditd_gather,
    .gather_timeout = 2 * KT_NS_S,
    .decode = decode,
    .salvage_id = "id",
    .salvage_action = "type",
    .salvage_time = "when",
    .known_keys = known_keys,
    .lateness = KT_NS_MIN,
    .limits = limits,
    .no_reads = "no read of a secret file has come: are the rules loaded? `auditctl -l` lists "
                "them, `keytrail-agent watch init` writes them",
};
