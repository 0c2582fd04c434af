/*
 * event: the words of the closed sets, the id of an event and the digest of its access.
 *
 * Owns:  nothing; pure functions over struct kt_event.
 * Calls: core/base (str, hash). No clock, no allocation.
 */
#include "core/event/event.h"

#include <endian.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/event/scan.h"
#include "core/event/secret_id.h"
#include "core/event/words.h"

#define X(n, w) KT_STR_INIT(w),
static const struct kt_str actions[] = { KT_ACTIONS(X) };
static const struct kt_str outcomes[] = { KT_OUTCOMES(X) };
static const struct kt_str actor_kinds[] = { KT_ACTOR_KINDS(X) };
static const struct kt_str ip_trusts[] = { KT_IP_TRUSTS(X) };
static const struct kt_str kinds[] = { KT_KINDS(X) };
static const struct kt_str flags[] = { KT_FLAGS(X) };
#undef X

const struct kt_words kt_words[KT_WORDS_SETS] = {
    [KT_WORDS_ACTION] = { actions, KT_ACT_COUNT },
    [KT_WORDS_OUTCOME] = { outcomes, KT_OUT_COUNT },
    [KT_WORDS_ACTOR_KIND] = { actor_kinds, KT_ACTOR_COUNT },
    [KT_WORDS_IP_TRUST] = { ip_trusts, KT_TRUST_COUNT },
    [KT_WORDS_KIND] = { kinds, KT_KIND_COUNT },
    [KT_WORDS_FLAG] = { flags, KT_FLAG_COUNT },
};

int kt_words_find(enum kt_words_set set, struct kt_str word)
{
    const struct kt_str *at = kt_words[set].at;
    for (unsigned i = 0; i < kt_words[set].n; i++)
        if (at[i].len == word.len && kt_scan_same(at[i].at, word.at, word.len))
            return (int)i;
    return -1;
}

static const char *word_of(enum kt_words_set set, unsigned i)
{
    return i < kt_words[set].n ? kt_words[set].at[i].at : "unknown";
}

const char *kt_action_word(enum kt_action a)
{
    return word_of(KT_WORDS_ACTION, a);
}

const char *kt_outcome_word(enum kt_outcome o)
{
    return word_of(KT_WORDS_OUTCOME, o);
}

const char *kt_actor_kind_word(enum kt_actor_kind k)
{
    return word_of(KT_WORDS_ACTOR_KIND, k);
}

const char *kt_ip_trust_word(enum kt_ip_trust t)
{
    return word_of(KT_WORDS_IP_TRUST, t);
}

const char *kt_kind_word(enum kt_kind k)
{
    return word_of(KT_WORDS_KIND, k);
}

int kt_action_of(struct kt_str word)
{
    return kt_words_find(KT_WORDS_ACTION, word);
}

int kt_outcome_of(struct kt_str word)
{
    return kt_words_find(KT_WORDS_OUTCOME, word);
}

int kt_actor_kind_of(struct kt_str word)
{
    return kt_words_find(KT_WORDS_ACTOR_KIND, word);
}

int kt_ip_trust_of(struct kt_str word)
{
    return kt_words_find(KT_WORDS_IP_TRUST, word);
}

int kt_kind_of(struct kt_str word)
{
    return kt_words_find(KT_WORDS_KIND, word);
}

/*
 * What is hashed: a head of fixed width with a tag, numbers and the length of every string, then
 * the strings. So no two different inputs give the same bytes.
 */
#define PARTS_MAX 16
struct input {
    unsigned char head[256];
    size_t head_len;
    struct kt_str parts[PARTS_MAX + 1]; /* [0] is the head */
    size_t n;
};

/* What is not used of it is not cleared: there is an id for each event. */
static void start(struct input *in)
{
    in->n = in->head_len = 0;
}

static void add_u64(struct input *in, uint64_t v)
{
    const uint64_t le = htole64(v);
    memcpy(in->head + in->head_len, &le, sizeof le);
    in->head_len += sizeof le;
}

static void add_str(struct input *in, struct kt_str s)
{
    add_u64(in, s.len);
    in->parts[++in->n] = s;
}

static void digest(struct input *in, uint8_t ret[16])
{
    in->parts[0] = kt_str_from(in->head, in->head_len);
    kt_blake2b(in->parts, in->n + 1, ret, 16);
}

void kt_event_id(const struct kt_event *ev, uint8_t ret[16])
{
    struct input in;
    start(&in);
    add_u64(&in, ev->part);
    add_u64(&in, ev->kind == KT_KIND_ACCESS ? 0 : (uint64_t)ev->kind + 1);
    add_str(&in, ev->source);
    add_str(&in, ev->scope);
    add_str(&in, ev->native_id);
    digest(&in, ret);
}

void kt_event_access_digest(const struct kt_event *ev, uint8_t ret[16])
{
    bool control = ev->kind != KT_KIND_ACCESS && ev->kind != KT_KIND_AMEND;
    struct input in;
    start(&in);
    add_u64(&in, (uint64_t)ev->time);
    add_u64(&in, (uint64_t)ev->kind);
    add_u64(&in, (uint64_t)ev->action);
    add_u64(&in, (uint64_t)ev->outcome);
    add_str(&in, ev->operation);
    add_str(&in, ev->actor);
    add_str(&in, ev->session);
    add_str(&in, ev->credential);
    add_str(&in, ev->secret);
    add_str(&in, ev->version);
    add_str(&in, ev->stage);
    add_str(&in, ev->has_ip ? kt_str_from(ev->ip.at, sizeof ev->ip.at) : ev->ip_raw);
    add_str(&in, ev->host);
    add_str(&in, ev->amends);
    add_str(&in, control ? ev->raw : KT_STR_NONE);
    digest(&in, ret);
}

/* The key itself, in a store whose calls do not say what it was used for. */
static bool is_bare_key(struct kt_str secret)
{
    struct kt_str scheme = kt_secret_scheme(secret);
    if (kt_str_is(scheme, "aws-kms"))
        return true;
    struct kt_str store = kt_secret_store(secret);
    return kt_str_is(scheme, "az-kv") &&
           kt_str_starts(kt_str_from_index(secret, store.len), KT_STR("/keys/"));
}

/* The call is the service's own, so it has no address; whoever decrypts himself has one. */
bool kt_access_is_shadow(const struct kt_access *a)
{
    return a->action == KT_ACT_USE && !a->has_ip && kt_str_is(a->source, "cloudtrail") &&
           kt_str_is(kt_secret_scheme(a->secret), "aws-sm");
}

bool kt_access_is_read(const struct kt_access *a)
{
    if (a->secret.len == 0)
        return false;
    if (a->action == KT_ACT_USE) /* of a key alone: no secret was named by the context */
        return !is_bare_key(a->secret) && !kt_access_is_shadow(a);
    return kt_action_is_read(a->action);
}

static struct kt_access access_of(const struct kt_event *ev)
{
    return (struct kt_access){ ev->action, ev->source, ev->secret, ev->has_ip };
}

bool kt_event_is_shadow(const struct kt_event *ev)
{
    const struct kt_access a = access_of(ev);
    return kt_access_is_shadow(&a);
}

bool kt_event_is_read(const struct kt_event *ev)
{
    const struct kt_access a = access_of(ev);
    return kt_access_is_read(&a);
}
