/*
 * signer_process: the signer as a process: its key, its folder, its socket.
 *
 * Owns:  the log key in memory, `<folder>/state` and `<folder>/lock`.
 * Calls: signing (what decides), core/sys (fs, proc, sandbox).
 * Holds: nothing is open but stdout, stderr and the socket; no network; gone when the collector is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/signer.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/sys/fs.h"
#include "core/sys/proc.h"
#include "core/sys/sandbox.h"

#define STATE_MAX  (32u << 10)
#define LOCK_TRIES 40 /* of 50 ms: the one before ends when its collector has */

struct process {
    struct kt_signing signing;
    const char *key_file;
    char state[4096], lock[4096];
};

static enum kt_status keep(void *self, struct kt_str state, struct kt_error *err)
{
    return kt_fs_write_atomic(((struct process *)self)->state, state, 0600, err);
}

static enum kt_status read_keys(void *self, struct kt_log_keys *ret, struct kt_error *err)
{
    const struct process *p = self;
    enum kt_status st = kt_log_keys_read(p->key_file, ret, err);
    return st != KT_E_AGAIN
               ? st
               : kt_fail(err, KT_E_AGAIN,
                         "there is no log key '%s': keytrail collector keygen makes one",
                         p->key_file);
}

/* Two signers of one folder would each sign what the other does not know of. */
static enum kt_status lock_folder(struct process *p, const char *folder, struct kt_error *err)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return kt_fail_errno(err, "mkdir '%s'", folder);
    int fd = open(p->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return kt_fail_errno(err, "open '%s'", p->lock);
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES)
            return kt_fail(err, KT_E_DENIED, "another signer works in '%s'", folder);
        (void)poll(NULL, 0, 50);
    }
    return KT_OK;
}

static enum kt_status open_state(struct process *p, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    enum kt_status st = kt_fs_read_secret(p->state, STATE_MAX, &text, err);
    if (st == KT_E_AGAIN)
        return KT_OK;
    if (st == KT_OK) /* kt_fs_read_secret cuts the last newline */
        kt_buf_byte(&text, '\n');
    if (st == KT_OK && kt_signing_read(kt_buf_str(&text), &p->signing, err) != KT_OK)
        return kt_fail(err, KT_E_CORRUPT,
                       "'%s' is damaged: bring it back from a backup of today; where it is lost, "
                       "move it away, and agents alone know what was signed",
                       p->state);
    return st == KT_OK ? st : kt_wrap(err, "signer");
}

static enum kt_status open_all(struct process *p, const char *folder, struct kt_error *err)
{
    (void)snprintf(p->state, sizeof p->state, "%s/state", folder);
    (void)snprintf(p->lock, sizeof p->lock, "%s/lock", folder);
    enum kt_status st = read_keys(p, &p->signing.keys, err);
    if (st == KT_OK)
        st = lock_folder(p, folder, err);
    if (st == KT_OK)
        st = open_state(p, err);
    p->signing.keep = keep;
    p->signing.read_keys = read_keys;
    p->signing.self = p;
    return st;
}

/* ---- the socket ---- */

static bool say(struct kt_buf *out)
{
    ssize_t n;
    do
        n = send(KT_SPAWN_FD, out->at, out->len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)out->len;
}

static bool answer(struct process *p, struct kt_str order)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_sign_answer a;
    kt_signing_take(&p->signing, order, &a);
    kt_sign_answer_write(&a, &out);
    kt_sign_answer_done(&a);
    return say(&out);
}

static void serve(struct process *p)
{
    static char order[KT_SIGN_MESSAGE];
    for (;;) {
        ssize_t n = recv(KT_SPAWN_FD, order, sizeof order, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !answer(p, kt_str_from(order, (size_t)n)))
            return; /* the collector is gone */
    }
}

/* The first word: fine, or what is wrong, with the status in place of a verdict. */
static bool greet(enum kt_status st, const char *text)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    kt_buf_u8(&out, (uint8_t)st);
    kt_buf_addz(&out, text);
    return say(&out);
}

int kt_signer_main(const char *key_file, const char *folder)
{
    static struct process p;
    struct kt_error err = { 0 }, why = { 0 };
    kt_hash_init();
    kt_harden();
    /* A terminal's ^C or systemd's SIGTERM reaches us too: we end behind the collector, not before.
     */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0); /* of a thread; the socket tells of the process */
    (void)mlock(&p.signing, sizeof p.signing);
    p.key_file = key_file;
    enum kt_status st = open_all(&p, folder, &err);
    if (st == KT_OK && kt_sandbox_files_only(&why) != KT_OK)
        kt_log(KT_LOG_WARN, "signer: it runs without a sandbox: %s", why.text);
    if (greet(st, err.text) && st == KT_OK)
        serve(&p);
    kt_signing_done(&p.signing);
    _exit(st == KT_OK ? 0 : 3);
}
