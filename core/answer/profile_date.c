/*
 * profile_date: what is before is not counted, only dated: the least time of each code of a column
 * is taken first, then each value that occurs is looked up once.
 *
 * Owns:  nothing.
 * Calls: core/answer/ask, core/query (facts), core/base.
 */
#include <stdio.h>
#include <string.h>

#include "core/answer/profile_int.h"
#include "core/base/alloc.h"

static void date(struct kt_profiling *p, enum kt_profile_list list, uint32_t n, kt_time_ns t)
{
    struct kt_profile_value *v = n == KT_MAP_NONE ? NULL : &p->list[list].at[n];
    if (v != NULL && v->wanted && (v->e.first == 0 || t < v->e.first))
        v->e.first = t;
}

static void date_text(struct kt_profiling *p, enum kt_profile_list list, struct kt_str text,
                      kt_time_ns t)
{
    if (text.len > 0)
        date(p, list, kt_map_get(p->list[list].map, text), t);
}

/* An address, and what lies behind it, as far as it is asked for. */
static void date_address(struct kt_profiling *p, struct kt_str bytes, kt_time_ns t)
{
    struct kt_ip ip;
    char text[KT_IP_TEXT_MAX];
    const uint32_t places = 1u << KT_PROFILE_COUNTRIES | 1u << KT_PROFILE_ASNS;
    if (bytes.len != sizeof ip.at)
        return;
    memcpy(ip.at, bytes.at, sizeof ip.at);
    uint32_t n = kt_known_get(&p->ips_known, p->ips, bytes);
    if (n != KT_MAP_NONE)
        date(p, KT_PROFILE_ADDRESSES, p->ip_of[n], t);
    if ((p->dating >> KT_PROFILE_NETWORKS & 1) != 0)
        date_text(p, KT_PROFILE_NETWORKS,
                  kt_str_of(kt_cidr_format(kt_ip_network(ip, 24, 48), text)), t);
    const struct kt_fact *f =
        (p->dating & places) == 0 ? NULL : kt_facts_at(p->ask->facts, ip, UINT64_MAX);
    if (f == NULL)
        return;
    date_text(p, KT_PROFILE_COUNTRIES, f->country, t);
    (void)snprintf(text, sizeof text, "AS%u", f->asn);
    date_text(p, KT_PROFILE_ASNS, f->asn != 0 ? kt_str_of(text) : KT_STR_NONE, t);
}

#define NEVER INT64_MAX /* no pick has the code */
static const kt_time_ns *least_of(struct kt_profiling *p, const struct kt_text_column *t,
                                  const struct kt_view *v)
{
    if (p->cap_least < t->n_dict + 1) {
        p->cap_least = t->n_dict + 1;
        p->least = kt_realloc_array(p->least, p->cap_least, sizeof *p->least);
    }
    for (uint32_t i = 0; i <= t->n_dict; i++)
        p->least[i] = NEVER;
    for (uint32_t k = 0; k < v->picks; k++) {
        uint32_t row = v->pick[k];
        kt_time_ns *least = &p->least[t->code[row]];
        *least = v->time[row] < *least ? v->time[row] : *least;
    }
    return p->least;
}

static void date_column(struct kt_profiling *p, enum kt_profile_list list, enum kt_col column,
                        const struct kt_view *v)
{
    const struct kt_text_column *t = &v->columns->text[column - KT_COL_SMALL];
    const kt_time_ns *least = least_of(p, t, v);
    for (uint32_t i = 0; i < t->n_dict; i++) {
        if (least[i + 1] == NEVER)
            continue;
        if (list == KT_PROFILE_ADDRESSES)
            date_address(p, t->dict[i], least[i + 1]);
        else if (list == KT_PROFILE_ACTORS)
            date_text(p, list, kt_ask_actor(p->ask, t->dict[i], KT_STR_NONE, KT_STR_NONE),
                      least[i + 1]);
        else
            date_text(p, list, t->dict[i], least[i + 1]);
    }
}

bool kt_profile_date(struct kt_profiling *p, const struct kt_view *v)
{
    static const struct {
        enum kt_profile_list list;
        enum kt_col column;
        uint32_t asked_by;
    } of[] = { { KT_PROFILE_ACTORS, KT_COL_ACTOR, 1u << KT_PROFILE_ACTORS },
               { KT_PROFILE_SECRETS, KT_COL_SECRET, 1u << KT_PROFILE_SECRETS },
               { KT_PROFILE_ADDRESSES, KT_COL_IP,
                 1u << KT_PROFILE_ADDRESSES | 1u << KT_PROFILE_NETWORKS |
                     1u << KT_PROFILE_COUNTRIES | 1u << KT_PROFILE_ASNS },
               { KT_PROFILE_INSTANCES, KT_COL_INSTANCE, 1u << KT_PROFILE_INSTANCES },
               { KT_PROFILE_AGENTS, KT_COL_USER_AGENT, 1u << KT_PROFILE_AGENTS } };
    if (p->only != NULL || ((p->dating >> KT_PROFILE_ACTORS & 1) != 0 && p->limited))
        return false;
    for (uint32_t k = 0; k < v->picks; k++) {
        kt_time_ns t = v->time[v->pick[k]];
        p->out.first = p->out.first == 0 || t < p->out.first ? t : p->out.first;
    }
    for (size_t i = 0; i < KT_ARRAY_LEN(of); i++)
        if ((p->dating & of[i].asked_by) != 0)
            date_column(p, of[i].list, of[i].column, v);
    return true;
}
