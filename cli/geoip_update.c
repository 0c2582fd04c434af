/*
 * geoip_update: fetches .mmdb files. A file takes the old one's place only when it was whole,
 * opens, knows what it is for, and is not older.
 *
 * Owns:  what is being fetched, in memory; the licence key while it runs, wiped at the end.
 * Calls: core/sys (http, geo, fs), core/base (zip, tar, hash).
 * Holds: https alone, with the rules of H1. MaxMind answers with one redirection to its storage,
 *        which is followed once, by the same rules and without the key (docs/decisions/0065).
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/geoip.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/base/tar.h"
#include "core/base/zip.h"
#include "core/sys/clock.h"
#include "core/sys/fs.h"
#include "core/sys/geo.h"
#include "core/sys/http.h"
#include "core/wire/control_client.h"

#define PACKED_MAX ((size_t)256 << 20)
#define TABLE_MAX  ((size_t)768 << 20)
#define PATIENCE   (15 * KT_NS_MIN)
#define KEY_MAX    256u

enum kind { COUNTRY, CITY, ASN, KINDS };
static const char *const kind_words[KINDS] = { "country", "city", "asn" };

struct update {
    const struct kt_geoip_args *a;
    struct kt_str authorization; /* header; empty: none */
    struct kt_http_answer answer;
    bool answered;
};

/* ---- one request ---- */

static void on_answer(void *self, struct kt_http_answer *a)
{
    struct update *u = self;
    kt_http_answer_done(&u->answer);
    u->answer = *a; /* taken */
    a->body = (struct kt_buf){ 0 };
    a->headers = (struct kt_buf){ 0 };
    u->answered = true;
}

/* KT_OK with u->answer, whatever its status is. */
static enum kt_status get(struct update *u, struct kt_str url, bool with_key, struct kt_error *err)
{
    const struct kt_http_request r = { .url = url,
                                       .method = KT_HTTP_GET,
                                       .headers = &u->authorization,
                                       .n_headers = with_key && u->authorization.len > 0,
                                       .ca_file = u->a->ca_file,
                                       .proxy = u->a->proxy,
                                       .allow_private = u->a->allow_private,
                                       .raw = true,
                                       .keep_headers = "location",
                                       .reply_max = PACKED_MAX,
                                       .total = PATIENCE };
    struct kt_http *http = kt_http_new();
    u->answered = false;
    enum kt_status st = kt_http_start(http, &r, err);
    while (st == KT_OK && !u->answered)
        kt_http_run(http, 1000, -1, on_answer, u);
    kt_http_free(http);
    if (st == KT_OK && u->answer.status == 0)
        return kt_fail(err, KT_E_IO, "no answer: %s", u->answer.error);
    return st;
}

/* The same, and one redirection further. */
static enum kt_status fetch(struct update *u, struct kt_str url, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf next = { 0 };
    if (get(u, url, true, err) != KT_OK)
        return err->code;
    if (u->answer.status < 300 || u->answer.status > 399)
        return KT_OK;
    kt_buf_add(&next, kt_http_header(&u->answer, "location"));
    if (kt_http_check_url(kt_buf_str(&next), u->a->allow_private, err) != KT_OK)
        return kt_wrap(err, "redirected");
    return get(u, kt_buf_str(&next), false, err);
}

/* ---- what came ---- */

static enum kt_status take_piece(void *self, struct kt_str piece, struct kt_error *err)
{
    struct kt_buf *to = self;
    if (to->len + piece.len > TABLE_MAX)
        return kt_fail(err, KT_E_LIMIT, "it unpacks to more than %zu MiB", TABLE_MAX >> 20);
    kt_buf_add(to, piece);
    return KT_OK;
}

static enum kt_status unpack(struct kt_str packed, struct kt_buf *ret, struct kt_error *err)
{
    struct kt_gunzip *g = kt_gunzip_new();
    enum kt_status st = kt_gunzip_feed(g, packed, take_piece, ret, err);
    if (st == KT_OK)
        st = kt_gunzip_end(g, err);
    kt_gunzip_free(g);
    return st;
}

/* Does it open, know what it is for, and is it no older than what is there? */
static enum kt_status judge(const char *fresh, const char *old, enum kind kind,
                            struct kt_error *err)
{
    struct kt_geo *g = NULL, *before = NULL;
    enum kt_status st = kt_geo_open(&fresh, 1, false, &g, err);
    if (st != KT_OK)
        return st;
    const char *has = kt_geo_describe(g), *wants = kind == ASN ? "asn" : "country";
    if (strstr(has, wants) == NULL)
        st = kt_fail(err, KT_E_INPUT, "it knows nothing of %s (%s)", wants, has);
    if (st == KT_OK && access(old, F_OK) == 0 &&
        kt_geo_open(&old, 1, false, &before, NULL) == KT_OK &&
        kt_geo_build(before) > kt_geo_build(g))
        st = kt_fail(err, KT_E_INPUT, "it is older than the one that is there (%s, %s)", has,
                     kt_geo_describe(before));
    kt_geo_free(before);
    kt_geo_free(g);
    return st;
}

/* Whoever has the old file mapped keeps it: the new one is another file under its name. */
static enum kt_status put(const struct kt_geoip_args *a, const char *name, enum kind kind,
                          struct kt_str table, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf path = { 0 }, fresh = { 0 };
    kt_buf_addf(&path, "%s/%s.mmdb", a->dir, name);
    kt_buf_addf(&fresh, "%s/.%s.new", a->dir, name);
    enum kt_status st = kt_fs_write_atomic(kt_buf_z(&fresh), table, 0644, err);
    if (st == KT_OK)
        st = judge(kt_buf_z(&fresh), kt_buf_z(&path), kind, err);
    if (st == KT_OK)
        st = kt_fs_real.rename(NULL, kt_buf_z(&fresh), kt_buf_z(&path), err);
    if (st == KT_OK)
        st = kt_fs_real.sync_dir(NULL, a->dir, err);
    if (st != KT_OK) {
        (void)unlink(kt_buf_z(&fresh));
        return st;
    }
    if (!a->quiet)
        printf("%-8s %s, %zu bytes\n", kind_words[kind], kt_buf_z(&path), table.len);
    return KT_OK;
}

static enum kt_status refused(const struct update *u, const char *what, struct kt_error *err)
{
    int status = u->answer.status;
    const char *why = status == 401 || status == 403 ? "the account or its key is not accepted"
                      : status == 404                ? "there is no such table"
                      : status == 429                ? "the day's downloads are used up"
                                                     : "try again later";
    return kt_fail(err, status == 401 || status == 403 ? KT_E_DENIED : KT_E_IO,
                   "%s: answer %d: %s; the old one stays", what, status, why);
}

/* ---- DB-IP ---- */

/* The table of a month appears in its first days: until then that of the month before is newest. */
static enum kt_status dbip(struct update *u, enum kind kind, struct kt_error *err)
{
    const char *base = u->a->url != NULL ? u->a->url : "https://download.db-ip.com";
    KT_CLEANUP(kt_buf_done) struct kt_buf table = { 0 };
    struct kt_civil c = kt_time_civil(u->a->now);
    char name[40];
    (void)snprintf(name, sizeof name, "dbip-%s-lite", kind_words[kind]);
    for (int back = 0; back < 2; back++) {
        KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 };
        int month = c.month - back;
        kt_buf_addf(&url, "%s/free/%s-%04d-%02d.mmdb.gz", base, name,
                    month > 0 ? c.year : c.year - 1, month > 0 ? month : 12);
        if (fetch(u, kt_buf_str(&url), err) != KT_OK)
            return err->code;
        if (u->answer.status != 404)
            break;
    }
    if (u->answer.status != 200)
        return refused(u, name, err);
    if (unpack(kt_buf_str(&u->answer.body), &table, err) != KT_OK)
        return kt_wrap(err, "%s; the old one stays", name);
    return put(u->a, name, kind, kt_buf_str(&table), err);
}

/* ---- MaxMind ---- */

static enum kt_status check_sum(struct update *u, struct kt_str url, struct kt_str packed,
                                struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf sum_url = { 0 };
    uint8_t said[32], is[32];
    kt_buf_addf(&sum_url, KT_STR_FMT ".sha256", KT_STR_ARG(url));
    kt_sha256_of(&packed, 1, is);
    if (fetch(u, kt_buf_str(&sum_url), err) != KT_OK)
        return err->code;
    struct kt_str hex = kt_str_sub(kt_buf_str(&u->answer.body), 0, 64);
    if (u->answer.status != 200 || !kt_hex_decode(hex, said, sizeof said))
        return kt_fail(err, KT_E_IO, "its SHA-256 could not be fetched (answer %d)",
                       u->answer.status);
    return memcmp(said, is, sizeof is) == 0
               ? KT_OK
               : kt_fail(err, KT_E_INPUT, "it is not what its SHA-256 says");
}

static enum kt_status maxmind(struct update *u, enum kind kind, struct kt_error *err)
{
    static const char *const editions[KINDS] = { "GeoLite2-Country", "GeoLite2-City",
                                                 "GeoLite2-ASN" };
    const char *base = u->a->url != NULL ? u->a->url : "https://download.maxmind.com";
    KT_CLEANUP(kt_buf_done) struct kt_buf url = { 0 }, packed = { 0 }, archive = { 0 };
    struct kt_str table;
    kt_buf_addf(&url, "%s/geoip/databases/%s/download?suffix=tar.gz", base, editions[kind]);
    if (fetch(u, kt_buf_str(&url), err) != KT_OK)
        return err->code;
    if (u->answer.status != 200)
        return refused(u, editions[kind], err);
    packed = u->answer.body;
    u->answer.body = (struct kt_buf){ 0 };
    if (check_sum(u, kt_buf_str(&url), kt_buf_str(&packed), err) != KT_OK ||
        unpack(kt_buf_str(&packed), &archive, err) != KT_OK ||
        kt_tar_find(kt_buf_str(&archive), KT_STR(".mmdb"), &table, err) != KT_OK)
        return kt_wrap(err, "%s; the old one stays", editions[kind]);
    return put(u->a, editions[kind], kind, table, err);
}

/* "Authorization: Basic …", of the account's number and the key in its file. */
static enum kt_status log_in(const struct kt_geoip_args *a, struct kt_buf *ret,
                             struct kt_error *err)
{
    struct kt_buf key = { 0 }, pair = { 0 };
    if (a->account == NULL || a->key_file == NULL)
        return kt_fail(err, KT_E_INPUT,
                       "maxmind asks for --account-id and --license-key-file: make a free account "
                       "at maxmind.com, and a key in it");
    enum kt_status st = kt_fs_read_secret(a->key_file, KEY_MAX, &key, err);
    if (st == KT_E_AGAIN)
        st = kt_fail(err, KT_E_CONFIG, "there is no '%s'", a->key_file);
    if (st == KT_OK) {
        kt_buf_addf(&pair, "%s:" KT_STR_FMT, a->account, KT_STR_ARG(kt_buf_str(&key)));
        kt_buf_reserve(ret, 64 + 2 * pair.len);
        kt_buf_addz(ret, "Authorization: Basic ");
        kt_base64_add(ret, kt_buf_str(&pair));
    }
    kt_wipe(key.at, key.len);
    kt_wipe(pair.at, pair.len);
    kt_buf_done(&key);
    kt_buf_done(&pair);
    return st;
}

/* ---- the providers ---- */

static const struct provider {
    const char *name;
    enum kt_status (*get)(struct update *u, enum kind kind, struct kt_error *err);
    bool account;
} providers[] = { { "dbip", dbip, false },
                  { "maxmind", maxmind, true },
                  { "iptoasn", NULL, false } };

static enum kt_status find_provider(const char *name, const struct provider **ret,
                                    struct kt_error *err)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(providers); i++)
        if (strcmp(providers[i].name, name) == 0)
            *ret = &providers[i];
    if (*ret == NULL)
        return kt_fail(err, KT_E_INPUT, "--provider is dbip, maxmind or iptoasn, not '%s'", name);
    if ((*ret)->get == NULL)
        return kt_fail(err, KT_E_INPUT,
                       "the table of iptoasn comes along with keytrail "
                       "(share/keytrail/ip-country.mmdb), newer with the next "
                       "version; dbip and maxmind are fetched");
    return KT_OK;
}

static enum kt_status find_kinds(const struct kt_geoip_args *a, bool ret[KINDS],
                                 struct kt_error *err)
{
    ret[CITY] = ret[ASN] = a->kinds.n == 0;
    for (unsigned i = 0; i < a->kinds.n; i++) {
        unsigned k = 0;
        while (k < KINDS && strcmp(kind_words[k], a->kinds.at[i]) != 0)
            k++;
        if (k == KINDS)
            return kt_fail(err, KT_E_INPUT, "--kind is city, country or asn, not '%s'",
                           a->kinds.at[i]);
        ret[k] = true;
    }
    return KT_OK;
}

/* The collector of the configuration, when it runs and hears whoever fetched them. That it refuses
 * them is an error: they are in their place, and not in use. */
static enum kt_status tell_collector(const char *control, bool quiet, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf answer = { 0 };
    enum kt_status st =
        control[0] == '\0'
            ? KT_E_AGAIN
            : kt_control_order(control, KT_STR("{\"do\":\"geoip.reload\"}"), &answer, err);
    if (st == KT_E_INPUT)
        return kt_wrap(err, "fetched, but the collector does not open them");
    if (!quiet)
        puts(st == KT_OK ? "the running collector has opened them"
                         : "a running collector opens them when it is told to: systemctl reload "
                           "keytrail-collector");
    return KT_OK;
}

/* Its control socket, "": this system has none. A configuration that was named has to be there. */
static enum kt_status find_collector(const char *config, char *ret, size_t n, struct kt_error *err)
{
    ret[0] = '\0';
    enum kt_status st = kt_cli_control_path(NULL, config, ret, n, config != NULL ? err : NULL);
    return config != NULL ? st : KT_OK;
}

static enum kt_status make_folder(const char *dir, struct kt_error *err)
{
    struct kt_error why = { 0 };
    if (kt_fs_real.mkdir(NULL, dir, 0755, &why) == KT_OK)
        return KT_OK;
    return kt_fail(err, why.code,
                   "%s: give --dir a folder that you may write to, or let root make this one "
                   "(mkdir -p '%s') and give it to whoever runs this",
                   why.text, dir);
}

enum kt_status kt_geoip_update(const struct kt_geoip_args *a, struct kt_error *err)
{
    const struct provider *p = NULL;
    KT_CLEANUP(kt_buf_done) struct kt_buf authorization = { 0 };
    struct update u = { .a = a };
    bool kinds[KINDS] = { false };
    char control[4096];
    if (find_collector(a->config, control, sizeof control, err) != KT_OK ||
        find_provider(a->provider, &p, err) != KT_OK || find_kinds(a, kinds, err) != KT_OK)
        return err->code;
    enum kt_status st = p->account ? log_in(a, &authorization, err) : KT_OK;
    u.authorization = kt_buf_str(&authorization);
    if (st == KT_OK)
        st = make_folder(a->dir, err);
    for (unsigned k = 0; st == KT_OK && k < KINDS; k++)
        st = kinds[k] ? p->get(&u, (enum kind)k, err) : KT_OK;
    kt_wipe(authorization.at, authorization.len);
    kt_http_answer_done(&u.answer);
    return st == KT_OK ? tell_collector(control, a->quiet, err) : st;
}
