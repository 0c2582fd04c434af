/*
 * signer: the collector's side of the signer process.
 *
 * Owns:  the process and the socket to it.
 * Calls: core/sys/proc.
 * Holds: whoever asks waits for a bounded time; a signer that is silent is stopped by its owner.
 */
#include "collector/signer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/sys/proc.h"

#define WORD_MS  10000
#define GRACE_MS 200

struct kt_signer_child {
    int fd, pid;
    char in[KT_SIGN_MESSAGE];
};

static enum kt_status hear(struct kt_signer_child *s, struct kt_str *ret, struct kt_error *err)
{
    struct pollfd fd = { .fd = s->fd, .events = POLLIN };
    int ready;
    do
        ready = poll(&fd, 1, WORD_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return kt_fail(err, KT_E_IO, "the signer does not answer");
    ssize_t n = recv(s->fd, s->in, sizeof s->in, 0);
    if (n <= 0)
        return kt_fail(err, KT_E_IO, "the signer has ended");
    *ret = kt_str_from(s->in, (size_t)n);
    return KT_OK;
}

static enum kt_status first_word(struct kt_signer_child *s, struct kt_error *err)
{
    struct kt_str word;
    if (hear(s, &word, err) != KT_OK)
        return kt_wrap(err, "start of the signer");
    enum kt_status st = (enum kt_status)(unsigned char)word.at[0];
    if (st == KT_OK)
        return KT_OK;
    struct kt_str text = kt_str_from_index(word, 1);
    return kt_fail(err, st, KT_STR_FMT, KT_STR_ARG(text));
}

enum kt_status kt_signer_start(const struct kt_signer_options *o, struct kt_signer_child **ret,
                               struct kt_error *err)
{
    /* Also where the program's file was replaced by a newer one. */
    const char *const argv[] = { o->program != NULL ? o->program : "/proc/self/exe", "signer",
                                 o->key_file, o->folder, NULL };
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return kt_fail_errno(err, "socketpair");
    struct kt_signer_child *s = kt_alloc(sizeof *s);
    s->fd = pair[0];
    enum kt_status st = kt_spawn_with(argv, NULL, pair[1], &s->pid, err);
    (void)close(pair[1]);
    if (st == KT_OK)
        st = first_word(s, err);
    if (st == KT_OK)
        *ret = KT_TAKE(s);
    kt_signer_stop(s);
    return st;
}

void kt_signer_stop(struct kt_signer_child *s)
{
    if (s == NULL)
        return;
    (void)close(s->fd); /* it ends by itself on this */
    if (s->pid > 0) {
        for (int ms = 0; ms < GRACE_MS && kt_child_running(s->pid); ms += 5)
            (void)poll(NULL, 0, 5);
        kt_child_stop(s->pid, 0);
    }
    kt_free(s);
}

int kt_signer_pid(const struct kt_signer_child *s)
{
    return s->pid;
}

enum kt_status kt_signer_ask(struct kt_signer_child *s, const struct kt_sign_order *o,
                             struct kt_sign_answer *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf out = { 0 };
    struct kt_str word;
    kt_sign_order_write(o, &out);
    ssize_t n;
    do
        n = send(s->fd, out.at, out.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)out.len)
        return kt_fail(err, KT_E_IO, "the signer has ended");
    enum kt_status st = hear(s, &word, err);
    if (st != KT_OK)
        return st;
    if (!kt_sign_answer_read(word, ret))
        return kt_fail(err, KT_E_IO, "the signer's answer makes no sense");
    return KT_OK;
}
