/*
 * profile_next: what one asks next about the subject of a profile.
 *
 * Owns:  a constant table.
 * Calls: core/answer/profile's structs.
 */
#include "core/answer/profile.h"

#define NEXTS  3u
#define ITSELF KT_PROFILE_LIST_COUNT

static const struct {
    enum kt_profile_list list; /* ITSELF: the subject */
    const char *verb;
} nexts[KT_PROFILE_KINDS][NEXTS] = {
    [KT_PROFILE_ACTOR] = { { ITSELF, "timeline" },
                           { KT_PROFILE_SECRETS, "who" },
                           { ITSELF, "blast" } },
    [KT_PROFILE_IP] = { { KT_PROFILE_ACTORS, "actor" },
                        { KT_PROFILE_SECRETS, "who" },
                        { ITSELF, "blast" } },
    [KT_PROFILE_SECRET] = { { KT_PROFILE_ACTORS, "actor" },
                            { KT_PROFILE_ADDRESSES, "ip" },
                            { ITSELF, "who" } },
    [KT_PROFILE_SESSION] = { { KT_PROFILE_ACTORS, "actor" },
                             { KT_PROFILE_SECRETS, "who" },
                             { ITSELF, "blast" } },
    [KT_PROFILE_INSTANCE] = { { KT_PROFILE_ACTORS, "actor" },
                              { KT_PROFILE_SECRETS, "who" },
                              { KT_PROFILE_ADDRESSES, "ip" } },
};

/* The value of the list that is new, else its first. */
static struct kt_str oddest(const struct kt_profile *p, enum kt_profile_list list)
{
    for (uint32_t i = 0; i < p->n[list]; i++)
        if (p->list[list][i].is_new)
            return p->list[list][i].value;
    return p->n[list] > 0 ? p->list[list][0].value : KT_STR_NONE;
}

bool kt_profile_next(const struct kt_profile *p, const struct kt_profile_ask *what, unsigned i,
                     const char **ret_verb, struct kt_str *ret_value)
{
    for (unsigned k = 0; k < NEXTS && p->first != 0; k++) {
        enum kt_profile_list list = nexts[what->kind][k].list;
        struct kt_str value = list == ITSELF ? what->value : oddest(p, list);
        if (value.len == 0 || i-- > 0)
            continue;
        *ret_verb = nexts[what->kind][k].verb;
        *ret_value = value;
        return true;
    }
    return false;
}
