/*
 * programs: what is told of a process that opened a file of secrets.
 *
 * Owns:  the tables of sorts of files and of the programs that are made to read them.
 * Calls: core/base. No clock, no I/O.
 */
#include "detectors/programs.h"

#include "core/base/err.h"

const char *const kt_sort_words[KT_SORTS] = {
    [KT_SORT_ENV] = ".env files",         [KT_SORT_SSH] = "SSH keys",
    [KT_SORT_HASHES] = "password hashes", [KT_SORT_CLOUD] = "credentials of cloud tools",
    [KT_SORT_LOGINS] = "stored logins",   [KT_SORT_KEYS] = "keys and certificates",
    [KT_SORT_OTHER] = "files of secrets",
};
static const struct {
    const char *globs[8], *own[20];
} sorts[KT_SORTS] = {
    [KT_SORT_ENV] = { { "**/.env", "**/.env.*", "**/*.env", "**/.envrc" }, { NULL } },
    [KT_SORT_SSH] = { { "**/.ssh/**", "**/ssh_host_*" },
                      { "ssh", "sshd", "sshd-session", "sshd-auth", "ssh-add", "ssh-agent",
                        "ssh-keygen", "ssh-keysign", "scp", "sftp" } },
    [KT_SORT_HASHES] = { { "**/etc/shadow", "**/etc/gshadow" },
                         { "sudo", "su", "login", "passwd", "sshd", "sshd-session", "sshd-auth",
                           "cron", "crond", "atd", "unix_chkpwd", "chage", "chpasswd", "useradd",
                           "usermod", "userdel", "groupadd", "pwck", "vipw" } },
    [KT_SORT_CLOUD] = { { "**/.aws/**", "**/.kube/**", "**/.config/gcloud/**", "**/.azure/**",
                          "**/.docker/**", "**/.vault-token", "**/.config/gh/**" },
                        { "aws", "kubectl", "helm", "docker", "vault", "gh", "terraform" } },
    [KT_SORT_LOGINS] = { { "**/.netrc", "**/.pgpass", "**/.my.cnf", "**/.git-credentials",
                           "**/.npmrc", "**/.pypirc" },
                         { "git", "psql", "pg_dump", "pg_restore", "mysql", "mysqldump",
                           "mariadb" } },
    [KT_SORT_KEYS] = { { "**/*.key", "**/*.pem", "**/*.p12", "**/*.pfx", "**/*.jks",
                         "**/*.keystore" },
                       { "nginx", "apache2", "httpd", "haproxy", "postgres", "mysqld", "mariadbd",
                         "openvpn", "dovecot", "smtpd", "named" } },
    [KT_SORT_OTHER] = { { "**" }, { NULL } },
};

bool kt_any_glob(struct kt_str text, const char *const *globs, size_t n)
{
    for (size_t i = 0; i < n && globs[i] != NULL; i++) {
        if (kt_str_glob(kt_str_of(globs[i]), text))
            return true;
    }
    return false;
}

enum kt_sort kt_sort_of(struct kt_str path)
{
    unsigned i = 0;
    while (i < KT_SORT_OTHER && !kt_any_glob(path, sorts[i].globs, KT_ARRAY_LEN(sorts[i].globs)))
        i++;
    return (enum kt_sort)i;
}

/* Takes one " (…)" from the end: the name of the process, or that its file is gone. */
static struct kt_str unwrap(struct kt_str s, struct kt_str *ret_inner)
{
    *ret_inner = KT_STR_NONE;
    for (size_t i = kt_str_ends(s, KT_STR(")")) ? s.len - 1 : 0; i > 1; i--) {
        if (s.at[i] != '(' || s.at[i - 1] != ' ')
            continue;
        *ret_inner = kt_str_sub(s, i + 1, s.len - i - 2);
        return kt_str_sub(s, 0, i - 1);
    }
    return s;
}

struct kt_program kt_program_of(struct kt_str user_agent)
{
    struct kt_str inner, exe = unwrap(user_agent, &inner);
    struct kt_program p = { .deleted = kt_str_is(inner, "deleted") };
    if (inner.len > 0 && !p.deleted) {
        struct kt_str rest = unwrap(exe, &inner);
        p.deleted = kt_str_is(inner, "deleted");
        exe = p.deleted ? rest : exe;
    }
    p.exe = exe;
    p.name = kt_str_from_index(exe, (size_t)(kt_str_rfind_byte(exe, '/') + 1));
    return p;
}

bool kt_program_is_systems(const struct kt_program *p)
{
    static const char *const places[] = { "/usr/**", "/bin/**", "/sbin/**" };
    return kt_any_glob(p->exe, places, KT_ARRAY_LEN(places));
}

bool kt_program_is_own(const struct kt_program *p, enum kt_sort sort)
{
    bool own = false;
    for (size_t i = 0; i < KT_ARRAY_LEN(sorts[sort].own) && sorts[sort].own[i] != NULL; i++)
        own = own || kt_str_is(p->name, sorts[sort].own[i]);
    return own && kt_program_is_systems(p);
}
