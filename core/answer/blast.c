/*
 * blast: see the header. A walk over the records of the credential (by columns where these say all
 * and it is used everywhere, else by lines), one for each session that was opened with it, and the
 * states of the secrets.
 *
 * Owns:  the lists of a struct kt_blast and their texts.
 * Calls: core/answer (credential, secret_state, ask), core/event. No clock, no output.
 */
#include "core/answer/blast.h"

#include <stdlib.h>

#include "core/answer/deeds.h"
#include "core/base/alloc.h"
#include "core/base/known.h"
#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/pairs.h"
#include "core/event/json.h"
#include "core/event/line.h"
#include "core/event/secret_id.h"
#include "core/store/totals.h"

#define LINES_MAX       64u /* parts of the store with records of it up to which their lines are read */
#define ISSUES_MAX      2000u
#define LEAKS_MAX       1000u
#define KEYS_MAX        16u /* credentials whose leaks are looked for */
#define PLACES_TOGETHER 64u
#define NEWEST_MAX      200000u /* records that are read for their credentials alone */

struct blast {
    struct kt_blast out; /* first: kt_blast_free gets at the rest */
    struct kt_ask *ask;
    const struct kt_credential *of;
    const struct kt_blast_options *options;
    struct kt_states *states;
    struct kt_json *json;
    struct kt_arena arena; /* of a line */
    struct kt_map *texts;
    struct kt_counted *counts[KT_BLAST_LISTS];
    struct kt_blast_hop hop[KT_BLAST_HOPS_MAX];
    struct kt_blast_leak *leak;
    unsigned depth; /* of the walk that is on */
    struct kt_blast_hop *walked;
    bool followed[KT_BLAST_HOPS_MAX];
    struct kt_query *own;              /* once sessions are followed: what the first walk had */
    struct kt_pairs taken;             /* records that a session brought: halves of their numbers */
    struct kt_map *ips;                /* 16 bytes each, … */
    struct kt_known known_ip;          /* … found again, … */
    uint32_t ip_as[KT_BLAST_LIST_MAX]; /* … and their numbers among the addresses */
    struct kt_deeds deeds;             /* of a view, or a stretch */
    struct kt_error summed;            /* what went wrong with sums */
    uint32_t views;                    /* with records of it */
    uint64_t issues, issues_read, newest;
};

static struct kt_str kept(struct blast *b, struct kt_str text)
{
    return text.len == 0 ? KT_STR_NONE : kt_map_key(b->texts, kt_map_put(b->texts, text, NULL));
}

/* ---- one record ---- */

static void count(struct blast *b, enum kt_blast_list which, struct kt_str what,
                  const struct kt_times *times)
{
    if (what.len > 0)
        kt_counted_sum(b->counts[which], &(struct kt_counted_thing){ .what = what,
                                                                     .n = times->n,
                                                                     .first = times->first,
                                                                     .last = times->last });
}

static void count_deed(struct blast *b, struct kt_str what, const struct kt_event *ev,
                       const struct kt_times *times)
{
    kt_counted_sum(b->counts[KT_BLAST_DEEDS],
                   &(struct kt_counted_thing){ .what = what,
                                               .action = ev->action,
                                               .operation = ev->operation,
                                               .n = times->n,
                                               .first = times->first,
                                               .last = times->last });
}

static bool is_set(struct kt_str secret)
{
    return kt_str_ends(secret, KT_STR("/*"));
}

/* Of a request whose answer was never seen the value may have been kept. */
static bool is_taken_as(enum kt_outcome outcome)
{
    return outcome == KT_OUT_SUCCESS || outcome == KT_OUT_UNKNOWN;
}

static bool is_taken(const struct kt_event *ev)
{
    return is_taken_as(ev->outcome);
}

static bool is_deed(enum kt_action action)
{
    static const bool deeds[KT_ACT_COUNT] = {
        [KT_ACT_WRITE] = true,   [KT_ACT_ROTATE] = true,  [KT_ACT_DELETE] = true,
        [KT_ACT_DESTROY] = true, [KT_ACT_RESTORE] = true, [KT_ACT_GRANT] = true,
        [KT_ACT_REVOKE] = true,  [KT_ACT_ISSUE] = true,   [KT_ACT_CONFIG] = true,
    };
    return deeds[action];
}

/* Their versions are known where the line was read, which is one of one. */
static enum kt_status take_reads(struct blast *b, const struct kt_event *ev, struct kt_str actor,
                                 const struct kt_times *times, struct kt_error *err)
{
    uint32_t n;
    struct kt_str reader = ev->outcome == KT_OUT_SUCCESS ? actor : KT_STR_NONE;
    if (is_set(ev->secret)) {
        count(b, KT_BLAST_SETS, ev->secret, times);
        return KT_OK;
    }
    if (kt_states_put(b->states, ev->secret, &n, err) != KT_OK)
        return KT_E_LIMIT;
    const bool issued = ev->action == KT_ACT_ISSUE;
    if (times->n > 1)
        kt_states_reads(
            b->states, n,
            &(struct kt_state_reads){ times->n, times->first, times->last, reader, issued });
    else
        kt_states_read(b->states, n,
                       &(struct kt_state_read){ .time = times->first,
                                                .version = ev->version,
                                                .stage = ev->stage,
                                                .actor = reader,
                                                .issued = issued });
    return KT_OK;
}

static void take_who(struct blast *b, struct kt_str actor, struct kt_str instance,
                     const struct kt_times *times)
{
    b->out.records += times->n;
    if (b->out.first == 0 || times->first < b->out.first)
        b->out.first = times->first;
    if (times->last > b->out.last)
        b->out.last = times->last;
    count(b, KT_BLAST_ACTORS, actor, times);
    count(b, KT_BLAST_SOURCES, instance, times);
}

/* The number of an address that was not known yet among those in the list. */
static uint32_t new_address(struct blast *b, struct kt_ip ip)
{
    char text[KT_IP_TEXT_MAX];
    uint32_t number =
        kt_counted_number(b->counts[KT_BLAST_ADDRESSES],
                          &(struct kt_counted_thing){ .what = kt_str_of(kt_ip_format(ip, text)) });
    if (number == KT_MAP_NONE)
        return number;
    uint32_t at = kt_known_put(&b->known_ip, b->ips, kt_str_from(ip.at, sizeof ip.at));
    b->ip_as[at] = number;
    return number;
}

/* known: its number in ips, or KT_MAP_NONE. */
static void take_place(struct blast *b, uint32_t known, struct kt_ip ip,
                       const struct kt_times *times)
{
    kt_counted_sum_at(
        b->counts[KT_BLAST_ADDRESSES], known != KT_MAP_NONE ? b->ip_as[known] : new_address(b, ip),
        &(struct kt_counted_thing){ .n = times->n, .first = times->first, .last = times->last });
}

/* Most of a stretch's were those of others before it, too: they are looked up together, as their
 * number among addresses is most of what they cost. */
static void take_places(struct blast *b, const struct kt_deeds_place *place, uint32_t n)
{
    struct kt_str key[PLACES_TOGETHER];
    uint32_t at[PLACES_TOGETHER];
    for (uint32_t from = 0; from < n; from += PLACES_TOGETHER) {
        const uint32_t some = n - from < PLACES_TOGETHER ? n - from : PLACES_TOGETHER;
        for (uint32_t i = 0; i < some; i++)
            key[i] = kt_str_from(place[from + i].ip.at, sizeof place[from + i].ip.at);
        kt_known_get_all(&b->known_ip, b->ips, key, some, at);
        for (uint32_t i = 0; i < some; i++)
            take_place(b, at[i], place[from + i].ip, &place[from + i].times);
    }
}

/* So many accesses that differ in time and address alone. */
static enum kt_status take_deed(struct blast *b, const struct kt_event *ev, struct kt_str actor,
                                const struct kt_times *times, struct kt_error *err)
{
    struct kt_str target = ev->secret.len > 0 ? ev->secret : ev->secret_native;
    if (!is_taken(ev)) {
        b->out.failed += times->n;
        count(b, KT_BLAST_FAILED, target.len > 0 ? target : ev->operation, times);
        return KT_OK;
    }
    if (ev->action == KT_ACT_LIST)
        count(b, KT_BLAST_NAMES, target, times);
    if (is_deed(ev->action))
        count_deed(b, target, ev, times);
    if (!kt_event_is_read(ev))
        return KT_OK;
    b->out.reads += times->n;
    return take_reads(b, ev, actor, times, err);
}

static enum kt_status take(struct blast *b, const struct kt_event *ev, struct kt_error *err)
{
    const struct kt_times once = { 1, ev->time, ev->time };
    struct kt_str actor = kt_ask_actor(b->ask, ev->actor, ev->source, ev->instance);
    take_who(b, actor, ev->instance, &once);
    count(b, KT_BLAST_CREDENTIALS, ev->credential, &once);
    if (ev->has_ip)
        take_places(b, &(struct kt_deeds_place){ ev->ip, once }, 1);
    return take_deed(b, ev, actor, &once, err);
}

/* ---- what was opened with it ---- */

/* AssumeRole and its kin: the session has the name that was asked for, in the role's account. */
static bool session_of(struct blast *b, const struct kt_event *ev, struct kt_buf *arn)
{
    struct kt_jval raw;
    unsigned repaired;
    struct kt_str role = ev->secret_native, iam = KT_STR(":iam::"), word = KT_STR(":role/");
    if (!kt_str_starts(ev->operation, KT_STR("AssumeRole")) ||
        kt_json_parse(b->json, ev->raw, &raw, &repaired, NULL) != KT_OK)
        return false;
    struct kt_str name = kt_json_str(kt_json_path(raw, "requestParameters.roleSessionName"));
    ptrdiff_t account = kt_str_find(role, iam, 0), at = kt_str_find(role, word, 0);
    if (name.len == 0 || account < 0 || at < account)
        return false;
    ptrdiff_t slash = kt_str_rfind_byte(role, '/');
    kt_buf_add(arn, kt_str_sub(role, 0, (size_t)account));
    kt_buf_addf(
        arn, ":sts::" KT_STR_FMT ":assumed-role/" KT_STR_FMT "/" KT_STR_FMT,
        KT_STR_ARG(kt_str_sub(role, (size_t)account + iam.len, (size_t)(at - account) - iam.len)),
        KT_STR_ARG(kt_str_from_index(role, (size_t)slash + 1)), KT_STR_ARG(name));
    return true;
}

/* A session that is opened again goes on: it is theirs since the earliest time, and logs bring
 * that in any order. */
static bool is_noted(struct blast *b, struct kt_str name, const struct kt_event *ev)
{
    for (unsigned i = 0; i < b->out.n_hops; i++) {
        struct kt_blast_hop *hop = &b->hop[i];
        if (!kt_str_eq(hop->name, name))
            continue;
        if (ev->time < hop->at) {
            hop->at = ev->time;
            hop->operation = kept(b, ev->operation);
        }
        hop->depth = b->depth + 1 < hop->depth ? b->depth + 1 : hop->depth;
        return true;
    }
    return false;
}

/* ev: with a time. */
static void note_hop(struct blast *b, const struct kt_event *ev)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf arn = { 0 }, query = { 0 };
    if (ev->action != KT_ACT_ISSUE || !is_taken(ev) || !session_of(b, ev, &arn) ||
        is_noted(b, kt_buf_str(&arn), ev))
        return;
    if (b->out.n_hops == KT_BLAST_HOPS_MAX || b->depth == KT_BLAST_DEPTH_MAX ||
        !kt_credential_session(kt_buf_str(&arn), &query)) {
        b->out.hops_left++;
        return;
    }
    b->hop[b->out.n_hops++] = (struct kt_blast_hop){ .name = kept(b, kt_buf_str(&arn)),
                                                     .query = kept(b, kt_buf_str(&query)),
                                                     .operation = kept(b, ev->operation),
                                                     .at = ev->time,
                                                     .depth = b->depth + 1 };
}

/* ---- walks ---- */

/* A record without a time of its own has that of its arrival, as windows have it. */
static void dated(const struct kt_record *r, struct kt_event *ret)
{
    kt_event_copy(ret, &r->ev);
    ret->time = ret->time != 0 ? ret->time : r->arrival;
}

/* Does the walk over its records find the leaks, too? They may lie before the window. */
static bool has_leaks(const struct blast *b)
{
    return b->of->as == KT_AS_CREDENTIAL && b->ask->since == 0 && b->ask->until == 0;
}

static void note_leak(struct blast *b, const struct kt_record *r)
{
    if (b->leak == NULL)
        b->leak = kt_alloc_array(LEAKS_MAX, sizeof *b->leak);
    if (b->out.n_leaks < LEAKS_MAX)
        b->leak[b->out.n_leaks++] = (struct kt_blast_leak){
            .at = r->ev.time != 0 ? r->ev.time : r->arrival,
            .where = kept(b, r->ev.secret),
            .state = kept(b, r->ev.code),
            .found_by = kept(b, r->ev.instance),
        };
}

static enum kt_status take_record(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct blast *b = self;
    struct kt_event ev;
    (void)fact;
    if (r->ev.kind == KT_KIND_EXPOSURE)
        note_leak(b, r);
    if (r->ev.kind != KT_KIND_ACCESS)
        return KT_OK;
    dated(r, &ev);
    note_hop(b, &ev);
    return take(b, &ev, err);
}

static enum kt_status take_issue(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                 struct kt_error *err)
{
    struct kt_event ev;
    (void)fact;
    (void)err;
    dated(r, &ev);
    note_hop(self, &ev);
    return KT_OK;
}

/* A credential has few records: what leaks of it were found comes with them. */
static enum kt_status walk_lines(struct blast *b, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_buf_add(&query, kt_buf_str(&b->of->query));
    if (has_leaks(b))
        kt_buf_addz(&query, " kind:access,exposure");
    return kt_ask_records(b->ask, kt_buf_str(&query), take_record, b, err);
}

static enum kt_status take_deeds(struct blast *b, struct kt_error *err)
{
    const struct kt_deeds *d = &b->deeds;
    enum kt_status status = KT_OK;
    struct kt_event ev;
    kt_event_clear(&ev);
    for (uint32_t i = 0; i < d->n_who; i++) {
        struct kt_deeds_who *who = &d->who[i];
        who->actor = kt_ask_actor(b->ask, who->actor, who->source, who->instance);
        take_who(b, who->actor, who->instance, &who->times);
    }
    take_places(b, d->place, d->n_places);
    for (uint32_t i = 0; i < d->n_deeds && status == KT_OK; i++) {
        const struct kt_deed *deed = &d->deed[i];
        ev.action = deed->action;
        ev.outcome = deed->outcome;
        ev.source = d->who[deed->who].source;
        ev.secret = deed->secret;
        ev.operation = deed->operation;
        ev.has_ip = !deed->shadow; /* all that is asked of an address here */
        b->issues += ev.action == KT_ACT_ISSUE ? deed->times.n : 0;
        status = take_deed(b, &ev, d->who[deed->who].actor, &deed->times, err);
    }
    return status;
}

static enum kt_status take_view(void *self, const struct kt_view *view, struct kt_error *err)
{
    struct blast *b = self;
    b->views += view->picks > 0;
    kt_deeds_of_view(&b->deeds, view);
    return take_deeds(b, err);
}

/* Of a list that is full which ones are in it is a matter of their order, which sums do not have.
 */
static bool has_room(const struct blast *b, const struct kt_deeds *d)
{
    uint32_t n[KT_BLAST_LISTS] = { [KT_BLAST_ACTORS] = d->n_who,
                                   [KT_BLAST_SOURCES] = d->n_who,
                                   [KT_BLAST_ADDRESSES] = d->n_places };
    for (uint32_t i = 0; i < d->n_deeds; i++) {
        const struct kt_deed *deed = &d->deed[i];
        n[KT_BLAST_FAILED] += !is_taken_as(deed->outcome);
        n[KT_BLAST_NAMES] += deed->action == KT_ACT_LIST;
        n[KT_BLAST_DEEDS] += is_deed(deed->action);
        n[KT_BLAST_SETS] += is_set(deed->secret);
    }
    bool room = true;
    for (unsigned k = 0; k < KT_BLAST_LISTS; k++)
        room = room && kt_counted_has_room(b->counts[k], n[k]);
    return room;
}

/* What went wrong (too many secrets) is told when the walk is over. */
static bool take_sums(void *self, struct kt_totals *sums)
{
    struct blast *b = self;
    if (b->summed.code != KT_OK)
        return true;
    if (!kt_deeds_of_sums(&b->deeds, sums) || !has_room(b, &b->deeds))
        return false;
    b->views += kt_totals_views(sums, b->ask->reader);
    (void)take_deeds(b, &b->summed);
    return true;
}

static enum kt_status new_states(struct blast *b, struct kt_error *err)
{
    kt_states_free(b->states);
    b->states = NULL;
    return kt_states_new(b->ask, b->out.readers_until, &b->states, err);
}

/* Forgets what was counted, to read it again with the lines. */
static enum kt_status start_anew(struct blast *b, struct kt_error *err)
{
    for (unsigned i = 0; i < KT_BLAST_LISTS; i++)
        kt_counted_reset(b->counts[i]);
    kt_map_reset(b->ips);
    kt_known_done(&b->known_ip);
    b->out.records = b->out.reads = b->out.failed = 0;
    b->out.first = b->out.last = 0;
    return new_states(b, err);
}

static enum kt_status walk_columns(struct blast *b, struct kt_error *err)
{
    const struct kt_ask_totals sums = { .with = KT_DEEDS_TOTALS, .whom = true, .take = take_sums };
    b->deeds.apart =
        (struct kt_span){ b->out.readers_until - KT_READERS_SPAN, b->out.readers_until };
    enum kt_status status = kt_ask_summed(b->ask, &sums, kt_buf_str(&b->of->query),
                                          KT_DEEDS_COLUMNS, take_view, b, err);
    return status == KT_OK && b->summed.code != KT_OK
               ? kt_fail(err, b->summed.code, "%s", b->summed.text)
               : status;
}

static enum kt_status walk_issues(struct blast *b, struct kt_error *err)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf issues = { 0 };
    b->issues_read = b->issues;
    kt_buf_add(&issues, kt_buf_str(&b->of->query));
    kt_buf_addz(&issues, " action:issue");
    return kt_ask_records(b->ask, kt_buf_str(&issues), take_issue, b, err);
}

static enum kt_status count_newest(struct blast *b, struct kt_str credential, kt_time_ns time)
{
    if (b->newest == NEWEST_MAX)
        return KT_E_AGAIN;
    b->newest++;
    count(b, KT_BLAST_CREDENTIALS, credential, &(struct kt_times){ 1, time, time });
    return KT_OK;
}

static enum kt_status take_newest(void *self, const struct kt_record *r, const struct kt_fact *fact,
                                  struct kt_error *err)
{
    struct blast *b = self;
    struct kt_event ev;
    (void)fact;
    (void)err;
    dated(r, &ev);
    enum kt_status status = count_newest(b, ev.credential, ev.time);
    if (status == KT_OK && ev.action == KT_ACT_ISSUE) {
        b->issues_read++;
        note_hop(b, &ev);
    }
    return status;
}

/* The credential is all that is asked of these lines: to read the rest would be half of the work.
 */
static enum kt_status take_newest_line(void *self, const struct kt_record *r,
                                       const struct kt_fact *fact, struct kt_error *err)
{
    struct blast *b = self;
    const kt_time_ns time = r->ev.time != 0 ? r->ev.time : r->arrival;
    struct kt_str credential;
    struct kt_event ev;
    (void)fact;
    if (kt_line_credential(r->line, &credential))
        return count_newest(b, credential, time);
    kt_arena_reset(&b->arena);
    if (kt_line_read(r->line, &b->arena, &ev, err) != KT_OK)
        return kt_wrap(err, "record %llu", (unsigned long long)r->seq);
    return count_newest(b, ev.credential, time);
}

/* Columns know no credentials: whoever is asked about those wants a look at some lines. */
static enum kt_status walk_newest(struct blast *b, struct kt_error *err)
{
    const bool was = b->ask->newest_first;
    const struct kt_str query = kt_buf_str(&b->of->query);
    b->ask->newest_first = true;
    enum kt_status status = b->issues > ISSUES_MAX
                                ? kt_ask_records(b->ask, query, take_newest, b, err)
                                : kt_ask_lines(b->ask, query, take_newest_line, b, err);
    b->ask->newest_first = was;
    return status;
}

/* What columns do not say. */
static enum kt_status walk_some_lines(struct blast *b, struct kt_error *err)
{
    enum kt_status status = KT_OK;
    if (b->issues > 0 && b->issues <= ISSUES_MAX)
        status = walk_issues(b, err);
    if (status == KT_OK && b->options->keys)
        status = walk_newest(b, err);
    b->out.unkeyed = b->out.records > b->newest ? b->out.records - b->newest : 0;
    b->out.hops_left += b->issues > b->issues_read ? (unsigned)(b->issues - b->issues_read) : 0;
    return status;
}

/* By columns; where it is used in few parts of the store, or columns do not say all, by lines. */
static enum kt_status walk(struct blast *b, struct kt_error *err)
{
    enum kt_status status = b->of->exact ? walk_columns(b, err) : KT_OK;
    if (status != KT_OK)
        return status;
    b->out.lines = !b->of->exact || b->views <= LINES_MAX;
    if (!b->out.lines)
        return walk_some_lines(b, err);
    status = b->of->exact ? start_anew(b, err) : KT_OK;
    return status != KT_OK ? status : walk_lines(b, err);
}

/* A record comes once, however many ways lead to it: the session may have come from the address
 * that is asked about, its role may be an alias, two sessions may be one identity's. A window of a
 * session lies in that of the first walk, which had all that its query finds. */
static bool is_taken_already(struct blast *b, const struct kt_record *r, const struct kt_fact *fact)
{
    bool is_new;
    if (kt_query_matches(b->own, r, fact))
        return true;
    (void)kt_pairs_put(&b->taken, (uint32_t)(r->seq >> 32), (uint32_t)r->seq, &is_new);
    return !is_new;
}

static enum kt_status take_hop(void *self, const struct kt_record *r, const struct kt_fact *fact,
                               struct kt_error *err)
{
    struct blast *b = self;
    b->walked->records++;
    b->walked->reads += is_taken(&r->ev) && kt_event_is_read(&r->ev);
    return is_taken_already(b, r, fact) ? KT_OK : take_record(b, r, fact, err);
}

/* The earliest that is left: what it opened is later than itself, so that none that was followed
 * turns out to have begun before. */
static struct kt_blast_hop *next_hop(struct blast *b)
{
    struct kt_blast_hop *next = NULL;
    for (unsigned i = 0; i < b->out.n_hops; i++)
        if (!b->followed[i] && (next == NULL || b->hop[i].at < next->at))
            next = &b->hop[i];
    return next;
}

static enum kt_status follow_hops(struct blast *b, struct kt_error *err)
{
    kt_time_ns since = b->ask->since;
    enum kt_status status = kt_ask_query(b->ask, kt_buf_str(&b->of->query), &b->own, err);
    for (struct kt_blast_hop *hop; status == KT_OK && (hop = next_hop(b)) != NULL;) {
        b->followed[hop - b->hop] = true;
        b->walked = hop;
        b->depth = hop->depth;
        b->ask->since = hop->at;
        status = kt_ask_records(b->ask, hop->query, take_hop, b, err);
    }
    b->ask->since = since;
    b->walked = NULL;
    b->depth = 0;
    return status;
}

/* ---- sets, leaks ---- */

/* Members that a store lists stand as secrets of their own; where it lists none, the set does. */
static enum kt_status open_set(struct blast *b, const struct kt_counted_thing *set,
                               struct kt_error *err)
{
    const struct kt_inventory *v = kt_states_inventory(b->states);
    struct kt_state_read read = { .time = set->last, .by_set = true };
    uint32_t n, found = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        if (!v->item[i].listed || !kt_secret_is_below(v->item[i].secret, set->what) ||
            v->item[i].created > set->last)
            continue;
        if (kt_states_put(b->states, v->item[i].secret, &n, err) != KT_OK)
            return KT_E_LIMIT;
        kt_states_read(b->states, n, &read);
        found++;
    }
    if (found > 0)
        return KT_OK;
    if (kt_states_put(b->states, set->what, &n, err) != KT_OK)
        return KT_E_LIMIT;
    for (uint64_t i = 0; i < set->n; i++)
        kt_states_read(b->states, n, &read);
    return KT_OK;
}

/* A key lies open whenever that was: before the window, too. */
static enum kt_status find_leaks(struct blast *b, struct kt_error *err)
{
    struct kt_counted_list keys = kt_counted_sorted(b->counts[KT_BLAST_CREDENTIALS]);
    KT_CLEANUP(kt_buf_done) struct kt_buf query = { 0 };
    kt_time_ns since = b->ask->since, until = b->ask->until;
    kt_buf_addz(&query, "kind:exposure");
    if (has_leaks(b) || (keys.n == 0 && b->of->as != KT_AS_CREDENTIAL))
        return KT_OK;
    if (b->of->as == KT_AS_CREDENTIAL)
        kt_ask_term(&query, "credential", kt_buf_str(&b->of->name));
    for (uint32_t i = 0; b->of->as != KT_AS_CREDENTIAL && i < keys.n && i < KEYS_MAX; i++)
        if (i == 0)
            kt_ask_term(&query, "credential", keys.at[i].what);
        else
            kt_ask_value(&query, keys.at[i].what);
    b->ask->since = b->ask->until = 0;
    enum kt_status status = kt_ask_records(b->ask, kt_buf_str(&query), take_record, b, err);
    b->ask->since = since;
    b->ask->until = until;
    return status;
}

/* ---- the order to rotate ---- */

static int to_rotate(const void *x, const void *y)
{
    const struct kt_blast_secret *a = x, *b = y;
    const struct kt_secret_state *s = a->state, *t = b->state;
    if (kt_exposure_is_open(s->exposure) != kt_exposure_is_open(t->exposure))
        return kt_exposure_is_open(s->exposure) ? -1 : 1;
    if (a->production != b->production)
        return (a->production == 1) != (b->production == 1)
                   ? (a->production == 1 ? -1 : 1)
                   : (a->production > b->production ? 1 : -1);
    if (s->n_readers != t->n_readers)
        return s->n_readers < t->n_readers ? -1 : 1;
    if (s->reads != t->reads)
        return s->reads > t->reads ? -1 : 1;
    return kt_str_cmp(s->secret, t->secret);
}

static void order(struct blast *b)
{
    uint32_t n = kt_states_count(b->states);
    b->out.secret = kt_alloc_array(n + 1, sizeof *b->out.secret);
    b->out.n_secrets = n;
    for (uint32_t i = 0; i < n; i++) {
        const struct kt_secret_state *st = kt_states_at(b->states, i);
        int production = b->options->production != NULL
                             ? b->options->production(b->options->production_self, st->secret)
                             : kt_secret_production(st->secret);
        b->out.secret[i] = (struct kt_blast_secret){ st, production };
        b->out.by_exposure[st->exposure]++;
        b->out.open += kt_exposure_is_open(st->exposure);
        b->out.open_production += kt_exposure_is_open(st->exposure) && production == 1;
    }
    if (n > 0)
        qsort(b->out.secret, n, sizeof *b->out.secret, to_rotate);
}

/* ---- the answer ---- */

static struct blast *start(struct kt_ask *a, const struct kt_credential *of,
                           const struct kt_blast_options *options)
{
    struct blast *b = kt_alloc(sizeof *b);
    *b = (struct blast){ .ask = a,
                         .of = of,
                         .options = options,
                         .json = kt_json_new(KT_JSON_SIMDJSON),
                         .arena = kt_arena_new(2 * KT_LINE_MAX),
                         .texts = kt_map_new((uint64_t)a->now),
                         .ips = kt_map_new((uint64_t)a->now) };
    const uint32_t most = options->list_max > 0 ? options->list_max : KT_BLAST_LIST_MAX;
    for (unsigned i = 0; i < KT_BLAST_LISTS; i++)
        b->counts[i] = kt_counted_new(most, (uint64_t)a->now);
    b->out.since = a->since;
    b->out.until = a->until;
    b->out.hop = b->hop;
    return b;
}

/* Regular readers are those of the newest days that the store has, which need not end now. */
static enum kt_status load(struct blast *b, struct kt_error *err)
{
    enum kt_status status = kt_reader_stats(b->ask->reader, &b->out.head, err);
    if (status != KT_OK)
        return status;
    kt_time_ns newest = b->out.head.last_time + 1;
    b->out.readers_until = newest < b->ask->now ? newest : b->ask->now;
    status = new_states(b, err);
    if (status == KT_OK)
        status = walk(b, err);
    if (status == KT_OK)
        status = follow_hops(b, err);
    return status != KT_OK ? status : find_leaks(b, err);
}

enum kt_status kt_blast_walk(struct kt_ask *a, const struct kt_credential *of,
                             const struct kt_blast_options *options, struct kt_blast **ret,
                             struct kt_error *err)
{
    struct blast *b = start(a, of, options);
    enum kt_status status = load(b, err);
    if (status != KT_OK) {
        kt_blast_free(&b->out);
        return status;
    }
    for (unsigned i = 0; i < KT_BLAST_LISTS; i++)
        b->out.list[i] = kt_counted_sorted(b->counts[i]);
    b->out.leak = b->leak;
    *ret = &b->out;
    return KT_OK;
}

enum kt_status kt_blast_later(struct kt_blast *out, const struct kt_record *r, struct kt_error *err)
{
    struct blast *b = (struct blast *)out;
    struct kt_event ev;
    dated(r, &ev);
    if (!is_taken(&ev) || !kt_event_is_read(&ev))
        return KT_OK;
    return take_reads(b, &ev, kt_ask_actor(b->ask, ev.actor, ev.source, ev.instance),
                      &(struct kt_times){ 1, ev.time, ev.time }, err);
}

enum kt_status kt_blast_judge(struct kt_blast *out, struct kt_error *err)
{
    struct blast *b = (struct blast *)out;
    enum kt_status status = KT_OK;
    struct kt_counted_list sets = kt_counted_sorted(b->counts[KT_BLAST_SETS]);
    for (uint32_t i = 0; status == KT_OK && i < sets.n; i++)
        status = open_set(b, &sets.at[i], err);
    if (status == KT_OK)
        status = kt_states_judge(b->states, err);
    if (status != KT_OK)
        return status;
    order(b);
    out->list[KT_BLAST_SETS] = sets;
    out->inventory = kt_states_inventory(b->states);
    return KT_OK;
}

enum kt_status kt_blast_load(struct kt_ask *a, const struct kt_credential *of,
                             const struct kt_blast_options *options, struct kt_blast **ret,
                             struct kt_error *err)
{
    struct kt_blast *b = NULL;
    enum kt_status status = kt_blast_walk(a, of, options, &b, err);
    if (status == KT_OK)
        status = kt_blast_judge(b, err);
    if (status != KT_OK) {
        kt_blast_free(b);
        return status;
    }
    *ret = b;
    return KT_OK;
}

void kt_blast_free(struct kt_blast *out)
{
    struct blast *b = (struct blast *)out;
    if (b == NULL)
        return;
    for (unsigned i = 0; i < KT_BLAST_LISTS; i++)
        kt_counted_free(b->counts[i]);
    kt_query_free(b->own);
    kt_pairs_done(&b->taken);
    kt_deeds_done(&b->deeds);
    kt_map_free(b->texts);
    kt_map_free(b->ips);
    kt_known_done(&b->known_ip);
    kt_json_free(b->json);
    kt_arena_done(&b->arena);
    kt_states_free(b->states);
    kt_free(b->leak);
    kt_free(b->out.secret);
    kt_free(b);
}
