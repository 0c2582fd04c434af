/* store_make: see the header. Aborts on what cannot happen: it is for tests only. */
#include "tests/support/store_make.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/limits.h"
#include "core/event/line.h"
#include "core/wire/batch.h"

struct make *make_new(void)
{
    kt_hash_init();
    struct make *m = kt_alloc(sizeof *m);
    m->arena = kt_arena_new(8u << 20);
    m->zip = kt_zip_new();
    m->events = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *m->events);
    m->line = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *m->line);
    m->hashes = kt_alloc_array(KT_BATCH_EVENTS_MAX, 32);
    m->arrival = kt_alloc_array(KT_BATCH_EVENTS_MAX, sizeof *m->arrival);
    memset(m->incarnation, 7, sizeof m->incarnation);
    const uint8_t seed[32] = { 42 };
    kt_sign_public(seed, m->public_key);
    kt_signer_init(&m->signer, seed);
    return m;
}

void make_free(struct make *m)
{
    if (m == NULL)
        return;
    kt_buf_done(&m->lines);
    kt_buf_done(&m->packed);
    kt_arena_done(&m->arena);
    kt_zip_free(m->zip);
    kt_free(m->events);
    kt_free(m->line);
    kt_free(m->hashes);
    kt_free(m->arrival);
    kt_free(m);
}

void make_reset(struct make *m)
{
    kt_buf_reset(&m->lines);
    m->n = 0;
}

void make_event(struct make *m, struct kt_event *ev)
{
    assert(m->n < KT_BATCH_EVENTS_MAX);
    enum kt_status status = kt_line_write(ev, &m->lines, NULL);
    assert(status == KT_OK);
    (void)status;
    kt_buf_byte(&m->lines, '\n');
    m->n++;
}

void make_access(struct make *m, const char *native_id, const char *actor, kt_time_ns time)
{
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = KT_OUT_SUCCESS,
                           .actor_kind = KT_ACTOR_HUMAN,
                           .time = time,
                           .observed = MAKE_T0,
                           .source = KT_STR("vault"),
                           .instance = KT_STR("vault-test"),
                           .native_id = kt_str_of(native_id),
                           .operation = KT_STR("read"),
                           .actor = kt_str_of(actor),
                           .secret = KT_STR("vault://test/-/secret/prod/db"),
                           .user_agent = KT_STR("curl/7.88 \"quoted\"") };
    ev.has_ip = kt_ip_parse(KT_STR("203.0.113.7"), &ev.ip);
    make_event(m, &ev);
}

void make_numbered(struct make *m, uint64_t n)
{
    char id[40], actor[40], secret[80], raw[900], agent[64];
    (void)snprintf(id, sizeof id, "%08llx-6f1d-4c2a-%012llx",
                   (unsigned long long)(n * 2654435761u & 0xffffffffu), (unsigned long long)n);
    (void)snprintf(actor, sizeof actor, "person-%llu@example.com", (unsigned long long)(n % 97));
    (void)snprintf(secret, sizeof secret, "vault://prod/-/secret/team-%llu/service-%llu",
                   (unsigned long long)(n % 13), (unsigned long long)(n * 7 % 311));
    (void)snprintf(agent, sizeof agent, "client/1.%llu.0 (linux; amd64)",
                   (unsigned long long)(n % 5));
    (void)snprintf(raw, sizeof raw,
                   "{\"auth\":{\"accessor\":\"hmac-sha256:%016llx%016llx%016llx%016llx\","
                   "\"display_name\":\"oidc-person-%llu\",\"entity_id\":\"%08llx-7777\","
                   "\"policies\":[\"default\",\"team-%llu-read\"],\"token_type\":\"service\"},"
                   "\"request\":{\"id\":\"%s\",\"mount_point\":\"secret/\",\"mount_type\":\"kv\","
                   "\"operation\":\"read\",\"path\":\"secret/data/team-%llu/service-%llu\","
                   "\"remote_address\":\"203.0.113.%llu\"},\"type\":\"response\"}",
                   (unsigned long long)(n * 0x9e3779b97f4a7c15u),
                   (unsigned long long)(n * 0xbf58476d1ce4e5b9u),
                   (unsigned long long)(n * 0x94d049bb133111ebu), (unsigned long long)n,
                   (unsigned long long)(n % 97), (unsigned long long)(n % 97),
                   (unsigned long long)(n % 13), id, (unsigned long long)(n % 13),
                   (unsigned long long)(n * 7 % 311), (unsigned long long)(n % 200));
    struct kt_event ev = { .kind = KT_KIND_ACCESS,
                           .action = KT_ACT_READ,
                           .outcome = n % 50 == 0 ? KT_OUT_DENIED : KT_OUT_SUCCESS,
                           .actor_kind = KT_ACTOR_HUMAN,
                           .decoder = 1,
                           .time = MAKE_T0 + (kt_time_ns)n * KT_NS_MS,
                           .observed = MAKE_T0 + (kt_time_ns)n * KT_NS_MS + 3 * KT_NS_MS,
                           .source = KT_STR("vault"),
                           .instance = KT_STR("vault-prod"),
                           .native_id = kt_str_of(id),
                           .operation = KT_STR("read"),
                           .actor = kt_str_of(actor),
                           .secret = kt_str_of(secret),
                           .user_agent = kt_str_of(agent),
                           .raw = kt_str_of(raw) };
    ev.ip = (struct kt_ip){ { [10] = 0xff, 0xff, 203, 0, 113, (uint8_t)(n % 200) } };
    ev.has_ip = true;
    make_event(m, &ev);
}

static struct kt_store_batch finish(struct make *m, kt_time_ns arrival)
{
    struct kt_str rest = kt_buf_str(&m->lines), line;
    kt_arena_reset(&m->arena);
    rest.len--;
    for (uint32_t i = 0; i < m->n; i++) {
        bool more = kt_str_split(&rest, '\n', &line);
        assert(more);
        enum kt_status status = kt_line_read(line, &m->arena, &m->events[i], NULL);
        assert(status == KT_OK);
        (void)more;
        (void)status;
        m->line[i] = line;
        m->arrival[i] = arrival;
        kt_line_hash(line, m->hashes[i]);
    }
    return (struct kt_store_batch){ .stored = arrival,
                                    .arrival = m->arrival,
                                    .lines = kt_buf_str(&m->lines),
                                    .events = m->events,
                                    .line = m->line,
                                    .hashes = (const uint8_t(*)[32])m->hashes,
                                    .n = m->n };
}

struct kt_store_batch make_batch(struct make *m, const char *agent, uint64_t batch_seq,
                                 kt_time_ns arrival)
{
    struct kt_store_batch b = finish(m, arrival);
    struct kt_buf text = { 0 };
    kt_batch_digest(b.hashes, b.n, m->digest);
    kt_batch_signed_text(m->incarnation, batch_seq, b.n, m->digest, &text);
    kt_signer_sign(&m->signer, kt_buf_str(&text), m->signature);
    kt_buf_done(&text);
    kt_buf_reset(&m->packed);
    kt_zip_pack(m->zip, b.lines, 1, &m->packed);
    b.agent = kt_str_of(agent);
    b.incarnation = m->incarnation;
    b.batch_seq = batch_seq;
    b.digest = m->digest;
    b.signature = m->signature;
    b.origin = KT_ORIGIN_LIVE;
    b.packed = kt_buf_str(&m->packed);
    return b;
}

struct kt_store_batch make_import(struct make *m, kt_time_ns arrival)
{
    struct kt_store_batch b = finish(m, arrival);
    b.agent = KT_STR("import");
    b.origin = KT_ORIGIN_IMPORT;
    return b;
}

void make_claims(struct kt_store *store, const struct kt_store_batch *b)
{
    char name[2 * KT_NAME_MAX + 2];
    for (uint32_t i = 0; b->origin == KT_ORIGIN_LIVE && i < b->n; i++) {
        if (i > 0 && kt_str_eq(b->events[i].instance, b->events[i - 1].instance))
            continue; /* of thousands in a row, the first */
        int n = snprintf(name, sizeof name, KT_STR_FMT "/" KT_STR_FMT,
                         KT_STR_ARG(b->events[i].source), KT_STR_ARG(b->events[i].instance));
        enum kt_status status = kt_store_claim(store, kt_str_from(name, (size_t)n), b->agent, NULL);
        assert(status == KT_OK);
        (void)status;
    }
}

void make_folder(char ret_folder[64], char ret_path[96])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(ret_folder, 64, "%.40s/keytrail-XXXXXX", base == NULL ? "/tmp" : base);
    char *made = mkdtemp(ret_folder);
    assert(made != NULL);
    (void)made;
    (void)snprintf(ret_path, 96, "%s/keytrail.db", ret_folder);
}

void make_folder_drop(const char *folder)
{
    DIR *dir = opendir(folder);
    assert(dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[400];
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.')
            (void)unlink(path);
    }
    (void)closedir(dir);
    (void)rmdir(folder);
}
