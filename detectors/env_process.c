/*
 * env_process: of an event of a host, who opened a file of secrets with which program, and under
 * which keys env_file remembers that.
 *
 * Owns:  what counts as the same program, the same user, the same class of hosts.
 * Calls: programs.h, core. Pure.
 */
#include "detectors/env_process.h"

#include "core/base/hash.h"

#define SEED UINT64_C(0x656e7666696c6573)

/* ---- what is told of a process ---- */
/* What a service has little use for beside its own program, and what a person reads nothing with
 * that is to stay. */
static const char *const shells[] = { "sh", "bash", "dash", "zsh", "ash", "ksh", "busybox" };
static const char *const carriers[] = { "curl",   "wget", "nc", "ncat", "netcat", "socat",
                                        "base64", "xxd",  "od", "nc.*", "base32", "basenc" };
/* The same in a person's hands; services have their own use for them. */
static const char *const movers[] = { "scp",  "sftp",   "rsync",   "ssh",     "ftp",
                                      "tftp", "telnet", "openssl", "hexdump", "uuencode" };
static const char *const interpreters[] = { "python*", "perl*",  "ruby*", "php*", "node*",
                                            "lua*",    "tclsh*", "deno",  "bun" };
static const char *const odd_places[] = { "/tmp/**", "/var/tmp/**", "/dev/shm/**", "/memfd:**" };

#define ANY(text, list) kt_any_glob(text, list, KT_ARRAY_LEN(list))

static void set_user(struct kt_env_process *p, struct kt_str actor)
{
    size_t host = p->host.len + 1; /* "alice@web1": the same alice on web2 */
    p->user = actor;
    if (actor.len > host && kt_str_ends(actor, p->host) && actor.at[actor.len - host] == '@')
        p->user = kt_str_sub(actor, 0, actor.len - host);
    p->who = (uint32_t)kt_hash64(p->user, SEED) | 1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Is the word a hash, of a release or of a build? */
static bool is_hash(struct kt_str word)
{
    size_t digits = 0, hex = 0;
    for (size_t i = 0; i < word.len; i++) {
        digits += is_digit(word.at[i]);
        hex += is_digit(word.at[i]) || (word.at[i] >= 'a' && word.at[i] <= 'f');
    }
    return digits > 0 && (word.len >= 16 || (word.len >= 8 && hex == word.len));
}

/* Versions, build numbers and hashes in a path become '#': a release is no new program. */
static struct kt_str without_versions(struct kt_str exe, char *dst, size_t size)
{
    size_t n = 0, end;
    for (size_t i = 0; i < exe.len && n + 1 < size; i = end) {
        for (end = i; end < exe.len && is_word(exe.at[end]);)
            end++;
        struct kt_str word = kt_str_sub(exe, i, end - i);
        bool hash = is_hash(word);
        for (size_t k = 0; k < word.len && n + 1 < size; k++) {
            char c = hash || is_digit(word.at[k]) ? '#' : word.at[k];
            if (c != '#' || n == 0 || dst[n - 1] != '#')
                dst[n++] = c;
        }
        if (word.len == 0)
            dst[n++] = exe.at[end++];
    }
    return kt_str_from(dst, n);
}

/* "web" of web-12, and of web-12.prod.example with what follows: the number is no work. */
static uint64_t class_of(const struct kt_env_class *classes, unsigned n_classes, struct kt_str host)
{
    for (unsigned i = 0; i < n_classes; i++) {
        if (kt_str_glob(classes[i].hosts, host))
            return kt_hash64(classes[i].name, ~SEED) | 1;
    }
    ptrdiff_t dot = kt_str_find_byte(host, '.', 0);
    size_t end = dot < 0 ? host.len : (size_t)dot, n = end;
    while (n > 0 && (is_digit(host.at[n - 1]) || host.at[n - 1] == '-' || host.at[n - 1] == '_'))
        n--;
    return kt_hash64(kt_str_sub(host, 0, n), kt_hash64(kt_str_from_index(host, end), SEED)) | 1;
}

/* Whether a person looks with less or with vim is no difference. */
static bool is_viewer(const struct kt_env_process *p)
{
    return p->person && kt_program_is_systems(&p->program) && !ANY(p->program.name, carriers) &&
           !ANY(p->program.name, movers) && !ANY(p->program.name, interpreters);
}

/* What an application connects with, in one file or the other. */
static bool is_configuration(enum kt_sort sort)
{
    return sort == KT_SORT_ENV || sort == KT_SORT_LOGINS;
}

static bool is_odd(const struct kt_env_process *p)
{
    return p->program.deleted || p->in_odd_place || ANY(p->program.name, shells) ||
           ANY(p->program.name, carriers);
}

static bool is_at_home(const struct kt_env_process *p, const struct kt_event *ev)
{
    struct kt_str path = ev->secret_native, part;
    (void)kt_str_split(&path, '/', &part);
    bool home = part.len == 0 && kt_str_split(&path, '/', &part) && kt_str_is(part, "home") &&
                kt_str_split(&path, '/', &part) && kt_str_eq(part, p->user) && path.len > 0;
    return home && p->person && p->sort == KT_SORT_ENV && ev->role.len == 0;
}

struct kt_env_process kt_env_process_of(const struct kt_event *ev)
{
    struct kt_env_process p = { .program = kt_program_of(ev->user_agent),
                                .sort = kt_sort_of(ev->secret_native),
                                .host = ev->host };
    set_user(&p, ev->actor);
    p.person = ev->actor_kind != KT_ACTOR_SERVICE && ev->actor_kind != KT_ACTOR_CI;
    p.in_odd_place = ANY(p.program.exe, odd_places);
    p.odd = is_odd(&p);
    p.at_home = is_at_home(&p, ev);
    p.viewer = is_viewer(&p);
    p.look = p.viewer && is_configuration(p.sort);
    return p;
}

void kt_env_process_keys(struct kt_env_process *p, const struct kt_env_class *classes, unsigned n)
{
    char program[320];
    p->host_key = kt_hash64(p->host, SEED) | 1;
    p->host32 = (uint32_t)p->host_key;
    p->class_key = class_of(classes, n, p->host);
    struct kt_str name = without_versions(p->program.exe, program, sizeof program);
    uint64_t what =
        kt_hash64(p->viewer ? KT_STR("viewer") : name, SEED + 2 * (uint64_t)p->sort + p->person);
    p->key[KT_ENV_ON_HOST] = what ^ p->host_key * UINT64_C(0x9e3779b97f4a7c15);
    p->key[KT_ENV_IN_CLASS] = what ^ p->class_key * UINT64_C(0x9e3779b97f4a7c15);
    p->key[KT_ENV_ANYWHERE] = what;
}
