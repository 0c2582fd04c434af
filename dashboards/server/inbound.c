/*
 * inbound: signatures, senders' documents, and the memory of what was taken.
 *
 * Owns:  that memory.
 * Calls: core/base, request (forms), jansson.
 * Holds: not a byte of a body is parsed before its signature fits.
 */
#include "dashboards/server/inbound.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "dashboards/server/request.h"

#define MAC          32u
#define SIGNATURES   16u /* of one field; PagerDuty sends one a secret */
#define ENTRY_OF_MAC 32u /* hex digits of a signature that tell it from every other */
#define PUBLIC_KEY   32u
#define SIGNATURE    64u /* of a link */
#define NAME_MAX     60u /* that somebody gives himself */
#define SLACK_ID     24u /* they have 9 to 11 */
#define SECONDS_MAX  (INT64_MAX / KT_NS_S)

/* ---- signatures ---- */

static void mac_hex(struct kt_str secret, const struct kt_str *parts, size_t n,
                    char ret[2 * MAC + 1])
{
    uint8_t mac[MAC];
    kt_hmac_sha256(secret, parts, n, mac);
    kt_hex(ret, mac, sizeof mac);
}

static bool same_mac(struct kt_str given, const char want[2 * MAC + 1])
{
    uint8_t a[MAC], b[MAC]; /* hex in either case */
    return kt_hex_decode(given, a, MAC) &&
           kt_hex_decode(kt_str_from(want, 2 * (size_t)MAC), b, MAC) && kt_equal_secret(a, b, MAC);
}

bool kt_inbound_signed(struct kt_str secret, const char *version, struct kt_str list,
                       const struct kt_str *parts, size_t n)
{
    char want[2 * MAC + 1];
    struct kt_str one, name = kt_str_of(version);
    bool fits = false;
    if (secret.len == 0) /* anybody could sign with it */
        return false;
    mac_hex(secret, parts, n, want);
    for (unsigned i = 0; i < SIGNATURES && list.len > 0 && kt_str_split(&list, ',', &one); i++) {
        one = kt_str_trim(one);
        if (kt_str_starts(one, name) && one.len > name.len && one.at[name.len] == '=')
            fits |= same_mac(kt_str_from_index(one, name.len + 1), want);
    }
    kt_wipe(want, sizeof want);
    return fits;
}

static enum kt_status not_signed(struct kt_error *err)
{
    return kt_fail(err, KT_E_DENIED, "no signature fits: is the secret in our file the sender's?");
}

/* ---- reading ---- */

static struct kt_str text(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? kt_str_from(json_string_value(v), json_string_length(v))
                             : KT_STR_NONE;
}

/* An alert's id as we write it; false: a word of somebody else. */
static bool take_alert(struct kt_str s, char ret[KT_ID_TEXT])
{
    uint8_t id[16];
    if (!kt_id_parse(s, id))
        return false;
    (void)kt_id_format(id, ret);
    return true;
}

/* Whoever gave it to himself: nothing in it is hidden or turns the text around (THREATS O2). */
static void take_name(struct kt_str name, size_t max, char *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
    kt_name_add(&plain, kt_str_trim(name));
    name = kt_buf_str(&plain);
    kt_str_copyz(ret, max + 1, kt_str_trim(name).len > 0 ? kt_utf8_cut(name, max) : KT_STR_NONE);
}

/* ---- PagerDuty ---- */

static const struct {
    const char *type;
    bool resolved;
} events[] = { { "incident.acknowledged", false }, { "incident.resolved", true } };

static bool is_person(const json_t *agent)
{
    struct kt_str kind = text(agent, "type");
    return kt_str_is(kind, "user_reference") || kt_str_is(kind, "user");
}

static enum kt_status read_event(const json_t *e, kt_time_ns now, struct kt_inbound *ret,
                                 struct kt_error *err)
{
    struct kt_str id = text(e, "id"), type = text(e, "event_type");
    const json_t *agent = json_object_get(e, "agent");
    size_t i = 0;
    if (id.len == 0 || id.len >= sizeof ret->answer.entry || type.len == 0)
        return kt_fail(err, KT_E_INPUT, "this is no event of PagerDuty's V3 webhooks");
    kt_str_copyz(ret->answer.entry, sizeof ret->answer.entry, id);
    while (i < KT_ARRAY_LEN(events) && !kt_str_is(type, events[i].type))
        i++;
    if (i == KT_ARRAY_LEN(events) || !is_person(agent))
        return KT_OK;
    if (kt_time_parse(text(e, "occurred_at"), &ret->answer.at, err) != KT_OK)
        return kt_wrap(err, "occurred_at");
    if (ret->answer.at < now - KT_INBOUND_EVENT_OLD)
        return kt_fail(err, KT_E_INPUT, "the event is older than three days");
    ret->until = ret->answer.at + KT_INBOUND_EVENT_OLD;
    if (ret->answer.at > now) /* their clock is ahead */
        ret->answer.at = now;
    ret->answer.resolved = events[i].resolved;
    take_name(text(agent, "summary"), sizeof ret->answer.by - 1, ret->answer.by);
    if (ret->answer.by[0] == '\0')
        take_name(text(agent, "id"), sizeof ret->answer.by - 1, ret->answer.by);
    if (ret->answer.by[0] != '\0')
        (void)take_alert(text(json_object_get(e, "data"), "incident_key"), ret->alert);
    return KT_OK;
}

enum kt_status kt_inbound_pagerduty(struct kt_str secret, struct kt_str signature,
                                    struct kt_str body, kt_time_ns now, struct kt_inbound *ret,
                                    struct kt_error *err)
{
    *ret = (struct kt_inbound){ 0 };
    if (!kt_inbound_signed(secret, "v1", signature, &body, 1))
        return not_signed(err);
    json_auto_t *root =
        json_loadb(body.at != NULL ? body.at : "", body.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *event = json_object_get(root, "event");
    if (!json_is_object(event))
        return kt_fail(err, KT_E_INPUT, "the body is no JSON object with an event");
    return read_event(event, now, ret, err);
}

/* ---- Slack ---- */

static const json_t *our_action(const json_t *root)
{
    const json_t *actions = json_object_get(root, "actions");
    for (size_t i = 0; i < json_array_size(actions); i++)
        if (kt_str_is(text(json_array_get(actions, i), "action_id"), KT_ACK_ACTION))
            return json_array_get(actions, i);
    return NULL;
}

/* What our own buttons carry, or, at those of others, an alert's id. */
static bool take_value(struct kt_str value, struct kt_inbound *ret)
{
    ret->has_seen = kt_ack_seen_read(value, &ret->seen);
    if (ret->has_seen)
        kt_str_copyz(ret->alert, sizeof ret->alert, kt_str_of(ret->seen.alert));
    return ret->has_seen || take_alert(value, ret->alert);
}

/* U123, T456: letters and digits; false: none, or no id of Slack's. */
static bool take_id(struct kt_str id, char ret[SLACK_ID + 1])
{
    bool fits = id.len > 0 && id.len <= SLACK_ID;
    for (size_t i = 0; fits && i < id.len; i++)
        fits = (id.at[i] >= 'A' && id.at[i] <= 'Z') || (id.at[i] >= 'a' && id.at[i] <= 'z') ||
               (id.at[i] >= '0' && id.at[i] <= '9');
    kt_str_copyz(ret, SLACK_ID + 1, fits ? id : KT_STR_NONE);
    return fits;
}

/* "alice (U123@T456)"; without a name "U123@T456". The ids are never cut. */
static bool take_person(const json_t *user, const char *team, struct kt_answer *ret)
{
    static const char *const names[] = { "username", "name" };
    KT_CLEANUP(kt_buf_done) struct kt_buf by = { 0 };
    char id[SLACK_ID + 1], name[sizeof ret->by] = "";
    if (!take_id(text(user, "id"), id))
        return false;
    const char *at = team[0] != '\0' ? "@" : "";
    size_t room = sizeof ret->by - 1 - strlen(" ()") - strlen(id) - strlen(at) - strlen(team);
    for (size_t i = 0; i < KT_ARRAY_LEN(names) && name[0] == '\0'; i++)
        take_name(text(user, names[i]), room, name);
    kt_buf_addf(&by, name[0] != '\0' ? "%s (%s%s%s)" : "%s%s%s%s", name, id, at, team);
    kt_str_copyz(ret->by, sizeof ret->by, kt_buf_str(&by));
    return true;
}

/* In a shared channel the person's workspace is another one than the one the app is in. */
static enum kt_status judge_team(const json_t *root, const struct kt_strings *allowed,
                                 char ret_home[SLACK_ID + 1], struct kt_error *err)
{
    char app[SLACK_ID + 1];
    bool has_app = take_id(text(json_object_get(root, "team"), "id"), app);
    bool has_home = take_id(text(json_object_get(root, "user"), "team_id"), ret_home);
    bool app_fits = !has_app, home_fits = !has_home;
    for (unsigned i = 0; allowed != NULL && i < allowed->n; i++) {
        app_fits |= strcmp(app, allowed->at[i]) == 0;
        home_fits |= strcmp(ret_home, allowed->at[i]) == 0;
    }
    if (allowed != NULL && allowed->n > 0 && (!app_fits || !home_fits || (!has_app && !has_home)))
        return kt_fail(err, KT_E_DENIED, "the workspace %s is not one of slack_teams",
                       !home_fits ? ret_home
                       : has_app  ? app
                                  : "is not said, so it");
    if (!has_home)
        memcpy(ret_home, app, SLACK_ID + 1);
    return KT_OK;
}

static enum kt_status read_payload(struct kt_str json, const struct kt_strings *teams,
                                   struct kt_inbound *ret, struct kt_error *err)
{
    json_auto_t *root =
        json_loadb(json.at != NULL ? json.at : "", json.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *action = our_action(root);
    char team[SLACK_ID + 1];
    if (!json_is_object(root))
        return kt_fail(err, KT_E_INPUT, "the form's payload is no JSON object");
    if (!kt_str_is(text(root, "type"), "block_actions") || action == NULL)
        return KT_OK;
    if (judge_team(root, teams, team, err) != KT_OK)
        return KT_E_DENIED;
    if (!take_person(json_object_get(root, "user"), team, &ret->answer) ||
        !take_value(text(action, "value"), ret))
        return kt_fail(err, KT_E_INPUT, "the button names no alert, or nobody pressed it");
    return KT_OK;
}

static enum kt_status read_form(struct kt_str body, const struct kt_strings *teams,
                                struct kt_inbound *ret, struct kt_error *err)
{
    struct kt_web_params p;
    kt_web_params_init(&p);
    enum kt_status status = kt_web_query(&p, body, err);
    if (status == KT_OK && (p.n != 1 || !kt_str_is(p.at[0].name, "payload")))
        status = kt_fail(err, KT_E_INPUT, "the body is a form with the one field payload");
    if (status == KT_OK)
        status = read_payload(p.at[0].value, teams, ret, err);
    kt_web_params_done(&p);
    return status;
}

enum kt_status kt_inbound_slack(struct kt_str secret, const struct kt_strings *teams,
                                struct kt_str timestamp, struct kt_str signature,
                                struct kt_str body, kt_time_ns now, struct kt_inbound *ret,
                                struct kt_error *err)
{
    const struct kt_str parts[] = { KT_STR("v0:"), timestamp, KT_STR(":"), body };
    char mac[2 * MAC + 1];
    uint64_t at = 0;
    *ret = (struct kt_inbound){ 0 };
    if (!kt_inbound_signed(secret, "v0", signature, parts, KT_ARRAY_LEN(parts)))
        return not_signed(err);
    if (!kt_str_u64(timestamp, &at) || at > SECONDS_MAX)
        return kt_fail(err, KT_E_INPUT, "X-Slack-Request-Timestamp is seconds since 1970");
    ret->answer.at = (kt_time_ns)at * KT_NS_S;
    if (ret->answer.at < now - KT_INBOUND_SLACK_OLD || ret->answer.at > now + KT_INBOUND_SLACK_OLD)
        return kt_fail(err, KT_E_DENIED,
                       "it was signed more than 5 minutes from now: replayed, or a clock is wrong");
    ret->until = ret->answer.at + KT_INBOUND_SLACK_OLD;
    if (ret->answer.at > now)
        ret->answer.at = now;
    mac_hex(secret, parts, KT_ARRAY_LEN(parts), mac);
    kt_str_copyz(ret->answer.entry, ENTRY_OF_MAC + 1, kt_str_of(mac));
    return read_form(body, teams, ret, err);
}

/* ---- the link ---- */

static struct kt_str only(const struct kt_web_params *p, const char *name)
{
    struct kt_str found = KT_STR_NONE;
    unsigned n = 0;
    for (unsigned i = 0; i < p->n; i++)
        if (kt_str_is(p->at[i].name, name)) {
            found = p->at[i].value;
            n++;
        }
    return n == 1 ? found : KT_STR_NONE;
}

static bool is_ours(struct kt_str keys, struct kt_str text, struct kt_str sig)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf raw = { 0 };
    bool fits = false;
    if (!kt_base64url_decode(sig, &raw) || raw.len != SIGNATURE)
        return false;
    for (size_t i = 0; i + PUBLIC_KEY <= keys.len && !fits; i += PUBLIC_KEY)
        fits = kt_sign_ok((const uint8_t *)keys.at + i, text, (const uint8_t *)raw.at);
    return fits;
}

/* The same text is the same link, whoever signed it. */
static void name_entry(struct kt_str text, struct kt_answer *ret)
{
    uint8_t sum[MAC];
    char hex[2 * MAC + 1];
    kt_sha256_of(&text, 1, sum);
    kt_hex(hex, sum, sizeof sum);
    kt_str_copyz(ret->entry, ENTRY_OF_MAC + 1, kt_str_of(hex));
}

static enum kt_status judge_link(struct kt_str keys, const struct kt_web_params *p, kt_time_ns now,
                                 struct kt_inbound *ret, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_str seen = only(p, "seen"), to = only(p, "to"), until = only(p, "until"),
                  sig = only(p, "sig");
    uint64_t s = 0;
    if (p->n != 4 || seen.len == 0 || to.len == 0 || until.len == 0 || sig.len == 0)
        return kt_fail(err, KT_E_INPUT, "the link is not whole: copy all of it");
    kt_ack_link_signed(seen, until, to, &text);
    if (!is_ours(keys, kt_buf_str(&text), sig))
        return kt_fail(err, KT_E_DENIED, "this link is not one of ours, or was changed");
    if (!kt_str_u64(until, &s) || s > SECONDS_MAX || !kt_ack_seen_read(seen, &ret->seen) ||
        to.len >= sizeof ret->link_to)
        return kt_fail(err, KT_E_INPUT, "the link names no alert or no time");
    ret->until = (kt_time_ns)s * KT_NS_S;
    if (now >= ret->until)
        return kt_fail(err, KT_E_DENIED,
                       "this link was good for a day, which is over: the page and keytrail alerts "
                       "ack still do it");
    ret->has_seen = true;
    kt_str_copyz(ret->alert, sizeof ret->alert, kt_str_of(ret->seen.alert));
    take_name(to, sizeof ret->link_to - 1, ret->link_to);
    ret->answer.at = ret->until - KT_ACK_LINK_LIFE;
    name_entry(kt_buf_str(&text), &ret->answer);
    return KT_OK;
}

/* One line, and no longer than a name is. */
static enum kt_status read_name(struct kt_str form, struct kt_inbound *ret, struct kt_error *err)
{
    struct kt_web_params p;
    kt_web_params_init(&p);
    enum kt_status status = kt_web_query(&p, form, err);
    struct kt_str name = kt_str_trim(only(&p, "name"));
    if (status == KT_OK && p.n > 0 && (p.n != 1 || !kt_str_is(p.at[0].name, "name")))
        status = kt_fail(err, KT_E_INPUT, "the form has the one field name");
    if (status == KT_OK) {
        take_name(name, NAME_MAX, ret->claims_name);
    }
    kt_web_params_done(&p);
    return status;
}

/* Whose link it was is known, and comes first; who used it is not. */
static void say_whose(struct kt_inbound *ret)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf by = { 0 };
    kt_buf_addf(&by, KT_API_LINK_OF "%s", ret->link_to);
    if (ret->claims_name[0] != '\0')
        kt_buf_addf(&by, " (claims to be %s)", ret->claims_name);
    take_name(kt_buf_str(&by), sizeof ret->answer.by - 1, ret->answer.by);
}

enum kt_status kt_inbound_link(struct kt_str keys, struct kt_str query, struct kt_str form,
                               kt_time_ns now, struct kt_inbound *ret, struct kt_error *err)
{
    struct kt_web_params p;
    *ret = (struct kt_inbound){ 0 };
    kt_web_params_init(&p);
    enum kt_status status = kt_web_query(&p, query, err);
    if (status == KT_OK)
        status = judge_link(keys, &p, now, ret, err);
    kt_web_params_done(&p);
    if (status == KT_OK)
        status = read_name(form, ret, err);
    if (status == KT_OK)
        say_whose(ret);
    else
        ret->alert[0] = '\0';
    return status;
}

/* ---- what was taken ---- */

struct kt_inbound_heard {
    pthread_mutex_t lock;
    struct taken {
        uint8_t key[MAC];
        kt_time_ns until; /* not later than now: free */
    } at[KT_INBOUND_HEARD];
};

struct kt_inbound_heard *kt_inbound_heard_new(void)
{
    struct kt_inbound_heard *h = kt_alloc(sizeof *h);
    (void)pthread_mutex_init(&h->lock, NULL);
    for (unsigned i = 0; i < KT_INBOUND_HEARD; i++)
        h->at[i].until = INT64_MIN;
    return h;
}

void kt_inbound_heard_free(struct kt_inbound_heard *h)
{
    if (h == NULL)
        return;
    (void)pthread_mutex_destroy(&h->lock);
    kt_free(h);
}

static void key_of(const char *way, const struct kt_inbound *in, uint8_t ret[MAC])
{
    const struct kt_str parts[] = { kt_str_of(way), KT_STR(":"), kt_str_of(in->answer.entry) };
    kt_sha256_of(parts, KT_ARRAY_LEN(parts), ret);
}

static bool is_there(const struct kt_inbound_heard *h, const uint8_t key[MAC], kt_time_ns now)
{
    bool found = false;
    for (unsigned i = 0; i < KT_INBOUND_HEARD && !found; i++)
        found = h->at[i].until > now && memcmp(h->at[i].key, key, MAC) == 0;
    return found;
}

bool kt_inbound_was_heard(struct kt_inbound_heard *h, const char *way, const struct kt_inbound *in,
                          kt_time_ns now)
{
    uint8_t key[MAC];
    key_of(way, in, key);
    (void)pthread_mutex_lock(&h->lock);
    bool found = is_there(h, key, now);
    (void)pthread_mutex_unlock(&h->lock);
    return found;
}

void kt_inbound_keep(struct kt_inbound_heard *h, const char *way, const struct kt_inbound *in,
                     kt_time_ns now)
{
    uint8_t key[MAC];
    key_of(way, in, key);
    (void)pthread_mutex_lock(&h->lock);
    struct taken *to = &h->at[0];
    for (unsigned i = 1; i < KT_INBOUND_HEARD; i++)
        if (h->at[i].until < to->until)
            to = &h->at[i];
    if (!is_there(h, key, now)) {
        memcpy(to->key, key, MAC);
        to->until = in->until;
    }
    (void)pthread_mutex_unlock(&h->lock);
}
