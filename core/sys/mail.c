/*
 * mail: one message by SMTP (RFC 5321), as a transfer of http's.
 *
 * Owns:  nothing; the transfer is http.c's.
 * Calls: curl, core/base.
 * Holds: TLS from the first byte on (smtps) or by STARTTLS that is required, verified as https is;
 *        nothing is encrypted only where http.c found a loopback address.
 */
#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/sys/http_int.h"

static size_t give_message(char *at, size_t size, size_t n, void *self)
{
    struct kt_http_transfer *t = self;
    size_t left = t->message.len - t->sent, take = size * n < left ? size * n : left;
    if (take > 0)
        memcpy(at, t->message.at + t->sent, take);
    t->sent += take;
    return take;
}

static void add_recipient(struct kt_http_transfer *t, const char *address)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf bracketed = { 0 };
    kt_buf_addf(&bracketed, "<%s>", address);
    struct curl_slist *more = curl_slist_append(t->headers, kt_buf_z(&bracketed));
    assert(more != NULL);
    t->headers = more;
}

/* curl tells only of the last reply; which one is about a recipient is told by the command before.
 */
static int watch(CURL *e, curl_infotype type, char *at, size_t n, void *self)
{
    struct kt_http_transfer *t = self;
    struct kt_str text = kt_str_from(at, n);
    uint64_t code = 0;
    (void)e;
    if (type == CURLINFO_HEADER_OUT)
        t->rcpt.asked = kt_str_starts(text, KT_STR("RCPT TO:"));
    if (type != CURLINFO_HEADER_IN || !t->rcpt.asked || n < 4 || at[3] == '-' ||
        !kt_str_u64(kt_str_sub(text, 0, 3), &code))
        return 0;
    t->rcpt.n++;
    t->rcpt.refused += code >= 500;
    if (code >= 400 && code < 500)
        t->rcpt.later = (int)code;
    return 0;
}

CURLcode kt_mail_set_up(struct kt_http_transfer *t, const struct kt_mail *m, struct kt_str message)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf from = { 0 };
    KT_CLEANUP(kt_free_ptr) char *user = kt_str_dup(m->user);
    KT_CLEANUP(kt_free_ptr) char *password = kt_str_dup(m->password);
    CURL *e = t->easy;
    CURLcode rc;
    kt_buf_addf(&from, "<%s>", m->from);
    for (unsigned i = 0; i < m->n_to; i++)
        add_recipient(t, m->to[i]);
    kt_buf_add(&t->message, message);
    /* One mailbox that is gone must not keep the message from the others. */
    if ((rc = curl_easy_setopt(e, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, watch)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_DEBUGDATA, t)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_VERBOSE, 1L)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_USE_SSL,
                               (long)(t->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL))) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps")) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_MAIL_FROM, kt_buf_z(&from))) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_MAIL_RCPT, t->headers)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_UPLOAD, 1L)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_READFUNCTION, give_message)) != CURLE_OK ||
        (rc = curl_easy_setopt(e, CURLOPT_READDATA, t)) != CURLE_OK)
        return rc;
    if (m->user.len == 0)
        return CURLE_OK;
    rc = curl_easy_setopt(e, CURLOPT_USERNAME, user);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(e, CURLOPT_PASSWORD, password);
    kt_wipe(password, strlen(password));
    return rc;
}

int kt_mail_status(struct kt_http_transfer *t, CURLcode rc)
{
    long said = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &said);
    if (t->rcpt.later != 0) /* who has it already gets it twice: better than somebody never */
        return t->rcpt.later;
    if (rc == CURLE_OK && t->rcpt.refused > 0)
        kt_buf_addf(&t->body, "%u_of_%u_refused", t->rcpt.refused, t->rcpt.n);
    if (rc == CURLE_OK)
        return 250;
    return said >= 400 && said <= 599 ? (int)said : 0;
}
