/*
 * vault_proxy: does an address belong to a load balancer? Then it says nothing about anybody, and
 * Vault has to be told to look behind it (SOURCES §2.4).
 *
 * Owns:  nothing; who came from an address is remembered by the engine.
 * Calls: core/base.
 * Holds: only identities that got in count: names that somebody makes up prove nothing.
 */
#include <string.h>

#include "agents/sources/vault.h"
#include "core/base/hash.h"

/* Identities: more than share a host, fewer than share a load balancer. */
#define MANY      12u
#define MANY_TEXT "12"
#define SEED      UINT64_C(0x70726f7879)
#define CODE      "vault.proxy"
#define BEHIND    "behind "

static bool is_inside(struct kt_ip ip)
{
    enum kt_ip_class c = kt_ip_class(ip);
    return c == KT_IP_PRIVATE || c == KT_IP_CGNAT || c == KT_IP_LOOPBACK;
}

void kt_vt_look_for_proxy(const struct kt_decode_in *in, const struct kt_event *ev,
                          struct kt_emit *to)
{
    uint64_t seen[MANY];
    char name[sizeof BEHIND - 1 + sizeof ev->ip.at] = BEHIND;
    char text[KT_IP_TEXT_MAX], sentence[200];
    if (!ev->has_ip || !is_inside(ev->ip) || ev->outcome != KT_OUT_SUCCESS ||
        ev->actor_kind == KT_ACTOR_ANONYMOUS || ev->actor.len == 0)
        return;
    memcpy(name + sizeof BEHIND - 1, ev->ip.at, sizeof ev->ip.at);
    const struct kt_str key = kt_str_from(name, sizeof name);
    struct kt_str was = kt_source_recall(in->memory, key);
    size_t n = was.len / sizeof seen[0];
    if (n > MANY)
        return;
    if (n > 0)
        memcpy(seen, was.at, n * sizeof seen[0]);
    if (n < MANY) {
        const uint64_t who = kt_hash64(ev->actor, SEED);
        for (size_t i = 0; i < n; i++)
            if (seen[i] == who)
                return;
        seen[n++] = who;
        kt_source_remember(in->memory, key, kt_str_from(seen, n * sizeof seen[0]));
    }
    if (n < MANY || !to->wants(to, CODE)) /* it is said of each access from there */
        return;
    struct kt_str address = kt_str_of(kt_ip_format(ev->ip, text));
    struct kt_str begin =
        kt_arena_cat3(in->arena, KT_STR(MANY_TEXT " identities and more come from "), address,
                      KT_STR(": a load balancer? Set x_forwarded_for_authorized_addrs = \""));
    kt_str_copyz(sentence, sizeof sentence,
                 kt_arena_cat3(in->arena, begin, address,
                               KT_STR("\" on Vault's listener, or no address is its client's")));
    to->finding(to, CODE, sentence);
}
