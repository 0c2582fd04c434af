/*
 * http_url: which URLs and addresses may be spoken to (THREATS H1).
 *
 * Owns:  nothing.
 * Calls: curl's URL parser, core/base.
 * Holds: what a name resolves to is judged again on the socket (http.c).
 */
#include "core/sys/http_int.h"

#include <assert.h>
#include <string.h>

#include "core/base/alloc.h"

enum { HOST_MAX = 256 };

/* ---- addresses ---- */

/* NAT64 and DNS64 wrap any IPv4 address: what counts is the one inside. */
static struct kt_ip unwrap_nat64(struct kt_ip ip)
{
    static const uint8_t prefix[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(ip.at, prefix, sizeof prefix) != 0)
        return ip;
    struct kt_ip inner = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
    memcpy(inner.at + 12, ip.at + 12, 4);
    return inner;
}

static bool is_metadata(struct kt_ip ip)
{
    static const struct kt_ip aws_v6 = { { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 } };
    return kt_ip_eq(ip, aws_v6); /* 169.254.169.254 is link-local already */
}

bool kt_http_gives_credentials(struct kt_ip ip)
{
    static const char *const addresses[] = { "169.254.169.254", "169.254.170.2", "169.254.170.23",
                                             "fd00:ec2::254", "fd00:ec2::23" };
    struct kt_ip known;
    for (size_t i = 0; i < KT_ARRAY_LEN(addresses); i++)
        if (kt_ip_parse(kt_str_of(addresses[i]), &known) && kt_ip_eq(ip, known))
            return true;
    return false;
}

const char *kt_http_judge_ip(struct kt_ip wrapped, bool allow_private, bool plain)
{
    struct kt_ip ip = unwrap_nat64(wrapped);
    enum kt_ip_class class = kt_ip_class(ip);

    if (plain && (class != KT_IP_LOOPBACK || !allow_private))
        return "not loopback, and plain http";
    switch (class) {
    case KT_IP_PUBLIC:
    case KT_IP_DOCUMENTATION:
        return NULL;
    case KT_IP_PRIVATE:
        if (is_metadata(ip))
            return "cloud metadata";
        return allow_private ? NULL : kt_ip_class_word(class);
    case KT_IP_CGNAT:
    case KT_IP_LOOPBACK:
        return allow_private ? NULL : kt_ip_class_word(class);
    case KT_IP_LINK_LOCAL:
    case KT_IP_MULTICAST:
    case KT_IP_RESERVED:
    case KT_IP_TUNNEL:
        break;
    }
    return kt_ip_class_word(class);
}

/* ---- URLs ---- */

static void url_free(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void text_free(char **text)
{
    curl_free(*text);
}

/* "[::1]" as "::1" */
static struct kt_str bare_host(const char *host)
{
    struct kt_str s = kt_str_of(host);
    if (s.len >= 2 && s.at[0] == '[')
        s = kt_str_sub(s, 1, s.len - 2);
    return s;
}

static enum kt_status judge_host(const char *host, bool plain, bool allow_private, bool metadata,
                                 struct kt_error *err)
{
    struct kt_ip ip;

    if (kt_ip_parse(bare_host(host), &ip)) {
        if (metadata && kt_http_gives_credentials(ip))
            return KT_OK;
        const char *bad = kt_http_judge_ip(ip, allow_private, plain);
        if (bad == NULL)
            return KT_OK;
        return kt_fail(err, KT_E_CONFIG, "URL: address %s is %s%s", host, bad,
                       allow_private ? "" : " (allow_private is not set)");
    }
    if (plain && !kt_str_eq_nocase(kt_str_of(host), KT_STR("localhost")))
        return kt_fail(err, KT_E_CONFIG,
                       "URL: '%s' is no loopback address, and nothing would be encrypted", host);
    return KT_OK; /* a name: judged when it is resolved */
}

/* http and https, or smtp and smtps: the second of each is TLS from the first byte on. */
static const struct {
    const char *plain, *tls, *only, *plain_needs;
} schemes[] = {
    { "http", "https", "URL: only https is sent to",
      "URL: plain http needs a loopback address and allow_private: use https" },
    { "smtp", "smtps", "URL: mail goes to smtps:// or smtp://",
      "URL: mail without TLS needs a loopback address and allow_private" },
};

static enum kt_status check_parts(CURLU *u, const struct kt_http_rules *r, bool *ret_plain,
                                  struct kt_error *err)
{
    KT_CLEANUP(text_free) char *scheme = NULL;
    KT_CLEANUP(text_free) char *host = NULL;
    KT_CLEANUP(text_free) char *user = NULL;
    KT_CLEANUP(text_free) char *password = NULL;
    size_t which = r->mail ? 1 : 0;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || strlen(host) >= HOST_MAX)
        return kt_fail(err, KT_E_CONFIG, "URL: it needs a scheme and a host");
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        curl_url_get(u, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        return kt_fail(err, KT_E_CONFIG, "URL: user and password do not belong into it");
    bool plain = strcmp(scheme, schemes[which].plain) == 0;
    if (!plain && strcmp(scheme, schemes[which].tls) != 0)
        return kt_fail(err, KT_E_CONFIG, "%s", schemes[which].only);
    if (r->mail && !plain && r->no_tls)
        return kt_fail(err, KT_E_CONFIG, "URL: smtps is TLS: take smtp:// for mail without it");
    plain = plain && (!r->mail || r->no_tls); /* smtp becomes TLS by STARTTLS */
    if (plain && !r->allow_private && !r->metadata)
        return kt_fail(err, KT_E_CONFIG, "%s", schemes[which].plain_needs);
    *ret_plain = plain;
    return judge_host(host, plain, r->allow_private, r->metadata, err);
}

enum kt_status kt_http_check(const char *url, const struct kt_http_rules *r, bool *ret_plain,
                             struct kt_error *err)
{
    KT_CLEANUP(url_free) CURLU *u = curl_url();
    assert(u != NULL);
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (rc != CURLUE_OK)
        return kt_fail(err, KT_E_CONFIG, "URL: %s", curl_url_strerror(rc));
    return check_parts(u, r, ret_plain, err);
}

enum kt_status kt_http_check_url(struct kt_str url, bool allow_private, struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *z = kt_str_dup(url);
    const struct kt_http_rules rules = { .allow_private = allow_private };
    bool plain;
    return kt_http_check(z, &rules, &plain, err);
}

enum kt_status kt_mail_check_url(struct kt_str url, bool allow_private, bool no_tls,
                                 struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *z = kt_str_dup(url);
    const struct kt_http_rules rules = { .allow_private = allow_private,
                                         .mail = true,
                                         .no_tls = no_tls };
    bool plain;
    return kt_http_check(z, &rules, &plain, err);
}

enum kt_status kt_http_check_proxy(struct kt_str proxy, struct kt_error *err)
{
    KT_CLEANUP(kt_free_ptr) char *z = kt_str_dup(proxy);
    KT_CLEANUP(url_free) CURLU *u = curl_url();
    KT_CLEANUP(text_free) char *scheme = NULL;
    KT_CLEANUP(text_free) char *port = NULL;
    KT_CLEANUP(text_free) char *user = NULL;
    KT_CLEANUP(text_free) char *path = NULL;
    assert(u != NULL);
    if (curl_url_set(u, CURLUPART_URL, z, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        return kt_fail(err, KT_E_CONFIG, "proxy: write http://host:port or https://host:port");
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK ||
        (curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") != 0))
        return kt_fail(err, KT_E_CONFIG, "proxy: it takes no user, no password and no path");
    return KT_OK;
}
