/*
 * detect_total: which parts an incident keeps, what they add up to and weigh (DETECTION §5).
 *
 * Owns:  nothing.
 * Calls: detect_state.h only.
 */
#include <limits.h>
#include <string.h>

#include "collector/detect_state.h"

/* While the installation learns, evidence that raises nothing gives way to what does; what is told
 * whatever the sum never does. */
static int rank_of(int points, unsigned flags, bool learning)
{
    if (flags & (KT_FIND_CRITICAL | KT_FIND_SUCCESS))
        return INT_MAX;
    return learning && !(flags & KT_FIND_LEARNING) ? points - INT_MAX / 2 : points;
}

/* What has more points stays, and is as grave as what it hides: that it is critical, whatever the
 * sum, is no smaller for few points. That somebody got in is what is to be read: its words come in
 * the place of failures, whose points stay. */
static bool gives_way(struct part *p, const struct kt_finding *f)
{
    if (p->points <= f->points || (f->flags & ~p->flags & KT_FIND_SUCCESS))
        return true;
    p->flags |= f->flags & KT_FIND_CRITICAL;
    return false;
}

struct part *kt_detect_slot(struct incident *in, const struct kt_finding *f, bool learning)
{
    const unsigned roles = KT_FIND_ADDS | KT_FIND_BESIDE;
    struct part *weakest = NULL;
    int least = rank_of(f->points, f->flags, learning);
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        struct part *p = &in->part[i];
        if (!p->set)
            return p;
        if (p->family == f->family && (p->flags & roles) == (f->flags & roles))
            return gives_way(p, f) ? p : NULL;
        int rank = rank_of(p->points, p->flags, learning);
        if (rank < least) {
            weakest = p;
            least = rank;
        }
    }
    if (weakest != NULL)
        memset(weakest, 0, sizeof *weakest); /* its flags are not those of what comes */
    return weakest;
}

static bool is_taken(const struct part *p, bool learning)
{
    return p->set && (!learning || (p->flags & KT_FIND_LEARNING) != 0);
}

/* What stands alone and what leans on another family (KT_FIND_BESIDE) are two parts of a family:
 * the larger counts, and the second only where another family has evidence that stands alone. */
static void family_points(const struct incident *in, bool learning, int ret[KT_FAMILY_COUNT])
{
    int leaning[KT_FAMILY_COUNT] = { 0 }, alone[KT_FAMILY_COUNT] = { 0 };
    unsigned standing = 0; /* families with evidence that stands alone, a bit each */
    memset(ret, 0, KT_FAMILY_COUNT * sizeof *ret);
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *p = &in->part[i];
        if (!is_taken(p, learning))
            continue;
        int *to = p->flags & KT_FIND_BESIDE ? leaning : p->flags & KT_FIND_ADDS ? ret : alone;
        to[p->family] += p->points;
        standing |= p->flags & KT_FIND_BESIDE ? 0 : 1u << p->family;
    }
    for (unsigned f = 0; f < KT_FAMILY_COUNT; f++) {
        bool leans = (standing & ~(1u << f)) != 0 && leaning[f] > alone[f];
        ret[f] += leans ? leaning[f] : alone[f];
    }
}

/* Is the weight of what was read out of place (docs/decisions/0096)? Signatures are exempt, and so
 * is what says that accounts are in other hands: what else they open is not known from what they
 * read first, and an incident has not seen what came before its first evidence. */
static bool is_unweighed(const struct incident *in, const int points[KT_FAMILY_COUNT])
{
    const unsigned exempt = KT_FIND_PRODUCTION | KT_FIND_ACCOUNT;
    bool says = false;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++)
        says = says || (in->part[i].flags & exempt) != 0;
    return says || points[KT_FAMILY_SIGNATURE] > 0 || points[KT_FAMILY_DORMANT] > 0 ||
           in->key_kind == KT_KEY_NETWORK || in->members_n >= INCIDENT_CROWD;
}

int kt_detect_total(const struct incident *in, bool learning, int *ret_weighted)
{
    int points[KT_FAMILY_COUNT], left[KT_FAMILY_COUNT], total = 0;
    family_points(in, learning, points);
    memcpy(left, points, sizeof left);
    for (unsigned round = 0; round < 4; round++) {
        unsigned best = 0;
        for (unsigned f = 1; f < KT_FAMILY_COUNT; f++)
            best = left[f] > left[best] ? f : best;
        total += left[best];
        left[best] = 0;
    }
    int weighted = total;
    if (in->read_n[READ_PRODUCTION] > 0 && total >= KT_ALERT_RAISE)
        weighted += 50;
    else if (in->secrets_n > 0 && in->read_n[READ_OTHER] == in->secrets_n &&
             !is_unweighed(in, points))
        weighted -= 100;
    *ret_weighted = weighted;
    return total;
}

bool kt_detect_counts(const struct incident *in, const struct part *p, bool learning)
{
    bool beside = p->flags & KT_FIND_BESIDE, stands = false, taken = is_taken(p, learning);
    const struct part *other = NULL;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        const struct part *q = &in->part[i];
        if (!q->set || q == p || (taken && !is_taken(q, learning)))
            continue;
        if (q->family != p->family)
            stands = stands || !(q->flags & KT_FIND_BESIDE);
        else if (!(q->flags & KT_FIND_ADDS))
            other = q;
    }
    if (other == NULL || p->flags & KT_FIND_ADDS)
        return true;
    if (!taken && is_taken(other, learning))
        return false;
    bool leans = stands && (beside ? p->points > other->points : other->points > p->points);
    return leans == beside;
}

struct part *kt_detect_main_part(struct incident *in, bool learning)
{
    struct part *best = &in->part[0];
    bool counted =
        false; /* while the installation learns, evidence that raises nothing is no title */
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        struct part *p = &in->part[i];
        bool counts = is_taken(p, learning);
        bool larger =
            p->points > best->points || (p->points == best->points && p->family < best->family);
        if (!p->set || (counted && !counts) || (counted == counts && !larger) ||
            !kt_detect_counts(in, p, learning))
            continue;
        best = p;
        counted = counts;
    }
    /* a success after failures is the news, whatever it adds */
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].flags & KT_FIND_SUCCESS)
            return &in->part[i];
    }
    return best;
}
