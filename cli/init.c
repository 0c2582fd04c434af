/*
 * init: writes a commented configuration and keys into a folder: a collector, and an agent on the
 * same host that it allows.
 *
 * Owns:  the files it makes; never overwrites one.
 * Calls: core/config (samples, keys, entries), core/sys/{fs,net}; stdout.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/log_keys.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/config/config.h"
#include "core/sys/fs.h"
#include "core/sys/net.h"

#define INIT_ENDPOINT "tcp://127.0.0.1:7420"
#define INIT_AGENT    "local"
#define SYSTEM        "/etc/keytrail"

static enum kt_status make_folder(const char *path, struct kt_error *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return kt_fail_errno(err, "mkdir '%s'", path);
    return KT_OK;
}

/* The files of this run, below dir. */
struct made {
    const char *dir, *names[7];
    unsigned n;
};

static enum kt_status write_file(struct made *m, const char *name, struct kt_buf *text,
                                 struct kt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    enum kt_status st = kt_fs_write_atomic(path, kt_buf_str(text), 0600, err);
    kt_buf_done(text);
    if (st != KT_OK)
        return st;
    m->names[m->n++] = name;
    printf("  %s\n", path);
    return KT_OK;
}

/* Beside the collector's keys, or, of an installation, where the agent's own user has its. */
static const char *agent_keys(const char *dir)
{
    return strcmp(dir, SYSTEM) == 0 ? "agent-keys" : "keys";
}

/* name: below dir. */
static enum kt_status make_key(struct made *m, const char *name, uint8_t ret_curve[32],
                               uint8_t ret_signing[32], struct kt_error *err)
{
    char path[4096];
    struct kt_net_keys keys;
    struct kt_key_file file;
    kt_net_keys_make(&keys);
    memcpy(file.curve_secret, keys.secret_key, 32);
    kt_random(file.signing_seed, 32);
    memcpy(ret_curve, keys.public_key, 32);
    kt_sign_public(file.signing_seed, ret_signing);
    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    enum kt_status st = kt_key_file_write(path, &file, err);
    kt_wipe(&keys, sizeof keys);
    kt_wipe(&file, sizeof file);
    if (st != KT_OK)
        return st;
    m->names[m->n++] = name;
    printf("  %s\n", path);
    return KT_OK;
}

static enum kt_status make_log_key(struct made *m, struct kt_error *err)
{
    char path[4096], print[KT_FINGERPRINT];
    uint8_t public_key[32];
    snprintf(path, sizeof path, "%s/keys/log.key", m->dir);
    enum kt_status st = kt_log_key_make(path, public_key, err);
    if (st != KT_OK)
        return st;
    m->names[m->n++] = "keys/log.key";
    printf("  %s   (%s)\n", path, kt_log_fingerprint(public_key, print));
    return KT_OK;
}

static const char *const names[] = { "keytrail.yaml",       "identities.yaml", "agent.yaml",
                                     "keys/collector.key",  "keys/log.key",    "keys/agent.key",
                                     "agent-keys/agent.key" };

/* Half of an installation would be in the way of the next run. What this one did not write is
 * somebody else's, who came meanwhile. */
static void take_back(const struct made *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", m->dir, m->names[i]);
        (void)unlink(path);
    }
    printf("removed again: it is not whole\n");
}

static enum kt_status nothing_there(const char *dir, struct kt_error *err)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(names); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (access(path, F_OK) == 0)
            return kt_fail(err, KT_E_CONFIG,
                           "%s is there already; init never overwrites. Give another folder", path);
    }
    return KT_OK;
}

static enum kt_status write_configuration(struct made *m, const uint8_t collector[32],
                                          const uint8_t curve[32], const uint8_t signing[32],
                                          struct kt_error *err)
{
    char z85[KT_Z85_KEY];
    struct kt_buf text = { 0 };
    kt_conf_sample_collector(m->dir, &text);
    if (write_file(m, "keytrail.yaml", &text, err) != KT_OK)
        return err->code;
    kt_conf_sample_identities(m->dir, &text);
    if (write_file(m, "identities.yaml", &text, err) != KT_OK)
        return err->code;
    kt_conf_sample_agent(m->dir, INIT_AGENT, INIT_ENDPOINT, kt_z85_encode(collector, z85), &text);
    if (write_file(m, "agent.yaml", &text, err) != KT_OK)
        return err->code;
    struct kt_agent_entry e = { .name = INIT_AGENT, .n_keys = 1 };
    memcpy(e.curve[0], curve, 32);
    memcpy(e.signing[0], signing, 32);
    kt_agent_entry_print(&e, &text);
    return write_file(m, "agents.d/" INIT_AGENT ".yaml", &text, err);
}

static enum kt_status init(const char *dir, struct kt_error *err)
{
    char keys[4096], agents[4096], own[4096], agent_key[64];
    uint8_t collector[32], curve[32], signing[32], unused[32];
    struct made m = { .dir = dir };
    snprintf(keys, sizeof keys, "%s/keys", dir);
    snprintf(agents, sizeof agents, "%s/agents.d", dir);
    snprintf(own, sizeof own, "%s/%s", dir, agent_keys(dir));
    snprintf(agent_key, sizeof agent_key, "%s/agent.key", agent_keys(dir));
    if (nothing_there(dir, err) != KT_OK || make_folder(dir, err) != KT_OK ||
        make_folder(keys, err) != KT_OK || make_folder(agents, err) != KT_OK ||
        make_folder(own, err) != KT_OK)
        return err->code;
    printf("written:\n");
    if (make_key(&m, "keys/collector.key", collector, unused, err) != KT_OK ||
        make_log_key(&m, err) != KT_OK || make_key(&m, agent_key, curve, signing, err) != KT_OK ||
        write_configuration(&m, collector, curve, signing, err) != KT_OK) {
        take_back(&m);
        return err->code;
    }
    return KT_OK;
}

/* ---- whose they are ---- */

/* The page's user reads the configuration, which holds no secrets, by this group. */
#define READERS "keytrail-read"
#define AGENT   "keytrail-agent"

enum whose { COLLECTOR, SHARED, THE_AGENT };
static const struct written {
    const char *path; /* below the folder */
    enum whose whose;
} written[] = {
    { "keys", COLLECTOR },
    { "keys/collector.key", COLLECTOR },
    { "keys/log.key", COLLECTOR },
    { "keys/agent.key", COLLECTOR },
    { "agents.d", COLLECTOR },
    { "agents.d/" INIT_AGENT ".yaml", COLLECTOR },
    { "keytrail.yaml", SHARED },
    { "identities.yaml", SHARED },
    { "agent.yaml", THE_AGENT },
    { "agent-keys", THE_AGENT },
    { "agent-keys/agent.key", THE_AGENT },
};

static enum kt_status give(const char *dir, const struct written *w, uid_t user, gid_t group,
                           struct kt_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, w->path);
    if (lchown(path, user, group) != 0 && errno != ENOENT)
        return kt_fail_errno(err, "chown '%s'", path);
    if (w->whose == SHARED && chmod(path, 0640) != 0)
        return kt_fail_errno(err, "chmod '%s'", path);
    return KT_OK;
}

static enum kt_status give_all(const char *dir, const char *owner, struct kt_error *err)
{
    uid_t user[3];
    gid_t group[3];
    const struct passwd *p = getpwnam(owner);
    if (p == NULL)
        return kt_fail(err, KT_E_CONFIG, "--owner: there is no user '%s'", owner);
    for (int w = COLLECTOR; w <= THE_AGENT; w++) {
        user[w] = p->pw_uid;
        group[w] = p->pw_gid;
    }
    const struct group *g = getgrnam(READERS);
    if (g != NULL)
        group[SHARED] = g->gr_gid;
    p = getpwnam(AGENT);
    if (p != NULL) {
        user[THE_AGENT] = p->pw_uid;
        group[THE_AGENT] = p->pw_gid;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(written); i++)
        if (give(dir, &written[i], user[written[i].whose], group[written[i].whose], err) != KT_OK)
            return err->code;
    return KT_OK;
}

/* By hand they would run as root, and what they write would be nobody's who runs as a service. */
static void say_next(const char *dir, const char *owner)
{
    /* the units read this folder alone */
    if (owner != NULL && strcmp(dir, "/etc/keytrail") == 0)
        printf("\nnext:\n  systemctl enable --now keytrail-collector keytrail-dashboard\n"
               "  systemctl enable --now keytrail-agent      # after a look at %s/agent.yaml: the "
               "sources in it are examples\n",
               dir);
    else if (owner != NULL)
        printf("\nnext:\n  sudo -u %s keytrail collector -c %s/keytrail.yaml\n  keytrail-agent -c "
               "%s/agent.yaml      # the sources in it are examples\n",
               owner, dir, dir);
    else
        printf("\nnext:\n  keytrail collector -c %s/keytrail.yaml\n  keytrail-agent -c "
               "%s/agent.yaml      # the sources in it are examples\n",
               dir, dir);
    printf("another host: keytrail-agent keygen there, then here\n  keytrail agent add NAME TOKEN "
           "-c %s/keytrail.yaml\n",
           dir);
}

int kt_cmd_init(int argc, char **argv)
{
    static const struct kt_command cmd = { "init",
                                           "DIR [--owner USER]",
                                           "write a commented configuration and keys into a folder",
                                           "keytrail init /etc/keytrail --owner keytrail",
                                           NULL,
                                           NULL };
    const char *owner = NULL;
    const struct kt_flag flags[] = {
        { "--owner", 0, KT_FLAG_STRING, "USER",
          "whose they are: the user that the collector runs as; the configuration can then be read "
          "by the group " READERS,
          &owner, NULL },
        { 0 },
    };
    int code;
    if (!kt_flags_just(&cmd, flags, argc, argv, 1, &code))
        return code;
    struct kt_error err = { 0 };
    if (owner != NULL && getpwnam(owner) == NULL) {
        fprintf(stderr, "keytrail init: --owner: there is no user '%s'\n", owner);
        return KT_EXIT_USAGE;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* what was written stands above what failed */
    if (init(argv[1], &err) != KT_OK || (owner != NULL && give_all(argv[1], owner, &err) != KT_OK))
        return kt_cli_fail("init", &err);
    say_next(argv[1], owner);
    return KT_EXIT_OK;
}
