/*
 * detect_text: an incident in words, as the one document that everybody shows.
 *
 * Owns:  the buffer of the alert in work.
 * Calls: exporters/alerts (struct kt_alert), detectors (considered). No clock, no I/O.
 * Holds: every number in the text follows from stored events; names are cut here, escaped at
 * output.
 */
#include <assert.h>
#include <string.h>

#include "collector/detect_state.h"
#include "core/base/enc.h"
#include "core/event/secret_id.h"
#include "detectors/new_ground.h"

static bool plain(struct kt_str s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "@._:/+=-";
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\0' || strchr(allowed, s.at[i]) == NULL)
            return false;
    }
    return s.len > 0;
}

/* A value inside a query inside single quotes of a shell. */
static void add_value(struct kt_buf *b, struct kt_str s)
{
    if (plain(s)) {
        kt_buf_add(b, s);
        return;
    }
    kt_buf_byte(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            kt_buf_byte(b, '\\');
        if (s.at[i] == '\'')
            kt_buf_addz(b, "'\\''");
        else
            kt_buf_byte(b, s.at[i]);
    }
    kt_buf_byte(b, '"');
}

static bool has_family(const struct incident *in, enum kt_family f)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (in->part[i].set && in->part[i].family == f)
            return true;
    }
    return false;
}

/* A count over a window begins before the event that made it evidence: so much of it. */
static kt_time_ns counted_before(const struct incident *in)
{
    static const kt_time_ns window[KT_FAMILY_COUNT] = {
        [KT_FAMILY_VOLUME] = KT_NS_HOUR,   [KT_FAMILY_NEW_SECRETS] = KT_NS_DAY,
        [KT_FAMILY_TIME] = 6 * KT_NS_HOUR, [KT_FAMILY_FAILURES] = KT_NS_HOUR,
        [KT_FAMILY_SEQUENCE] = KT_NS_HOUR, [KT_FAMILY_SILENCE] = KT_NS_DAY,
    };
    kt_time_ns longest = 0;
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        kt_time_ns one = in->part[i].set ? window[in->part[i].family] : 0;
        longest = one > longest ? one : longest;
    }
    if (in->key_kind == KT_KEY_IDENTITY)
        return 6 * KT_NS_HOUR; /* names that failed scattered over networks */
    bool newcomers = in->key_kind == KT_KEY_NETWORK && has_family(in, KT_FAMILY_NETWORK);
    return newcomers ? KT_NS_DAY : longest; /* those of a day */
}

/* A field of the query, before its value. */
static void add_field(struct kt_buf *b, const char *field)
{
    kt_buf_addz(b, b->at[b->len - 1] == '\'' ? "" : " ");
    kt_buf_addz(b, field);
}

static void add_command(struct kt_buf *b, const struct incident *in)
{
    bool by_net = in->key_kind == KT_KEY_NETWORK, several = in->members_n > 1;
    bool by_address = in->key_kind == KT_KEY_ADDRESS;
    bool place = in->ip[0] != '\0' && (by_net || by_address || in->network != 0);
    char from[KT_TIME_TEXT_MAX], until[KT_TIME_TEXT_MAX], net[KT_IP_TEXT_MAX];
    kt_buf_addz(b, "keytrail search '");
    if (!by_net && !by_address && !several && in->key_kind != KT_KEY_INSTANCE &&
        in->actor[0] != '\0') {
        add_field(b, "actor:");
        add_value(b, kt_str_of(in->actor));
    } else if ((in->key_kind == KT_KEY_INSTANCE || has_family(in, KT_FAMILY_SILENCE)) &&
               in->instance[0] != '\0') {
        add_field(b, "instance:");
        add_value(b, kt_str_of(in->instance));
    }
    if (in->key_kind == KT_KEY_IDENTITY)
        add_field(b, "action:login outcome:denied,failure");
    bool program = in->key_kind == KT_KEY_HOST_EXE ||
                   (in->together == KT_ONE_CAUSE && has_family(in, KT_FAMILY_PROCESS));
    if (program && in->user_agent[0] != '\0') {
        add_field(b, "user_agent:");
        add_value(b, kt_str_of(in->user_agent));
    }
    struct kt_ip ip;
    if (place && kt_ip_parse(kt_str_of(in->ip), &ip)) {
        add_field(b, "ip:");
        kt_buf_addf(b, "%s", by_net ? kt_cidr_format(kt_ip_network(ip, 24, 48), net) : in->ip);
    }
    kt_time_ns first = (in->first - counted_before(in)) / KT_NS_S * KT_NS_S,
               newest = in->again_last > in->last ? in->again_last : in->last,
               last = newest + KT_NS_S;
    kt_time_format(first, from);
    kt_time_format(last / KT_NS_S * KT_NS_S, until);
    kt_buf_addf(b, "' --since %.19sZ --until %.19sZ", from, until);
}

/* It came again, and nobody was told anew. */
static void add_again(struct kt_buf *b, const struct incident *in)
{
    char last[KT_TIME_TEXT_MAX];
    if (in->again_n == 0)
        return;
    kt_buf_addf(b, " The same came again %u time%s since, last at %.16sZ.", in->again_n,
                in->again_n == 1 ? "" : "s", kt_time_format(in->again_last, last));
}

/* Who is part of the alert of another is told by nothing else. */
static void add_members(struct kt_buf *b, const struct kt_detect *d, const struct incident *in)
{
    if (in->together != KT_SHIFT && in->together != KT_FIRST_RUNS)
        return;
    unsigned n = in->members_n < INCIDENT_MORE ? in->members_n : INCIDENT_MEMBERS, named = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct kt_actor *a = kt_table_peek(d->actors, in->member_key[i]);
        if (a != NULL && a->number == in->members[i])
            kt_buf_addf(b, "%s%s", named++ == 0 ? " It is of " : ", ", a->name);
    }
    if (named > 0)
        kt_buf_addz(b, in->members_n > n ? " and more." : ".");
}

static void add_why(struct kt_buf *b, const struct incident *in)
{
    if (in->environment) {
        kt_buf_addz(b, "One change explains many: look for the change before looking at people.");
        return;
    }
    if (in->secrets_n == 0 && has_family(in, KT_FAMILY_SILENCE)) {
        kt_buf_addz(b, "What happened there in that time is not in this log.");
        return;
    }
    if (in->secrets_n == 0) {
        kt_buf_addz(b, "No secret was read in this incident so far.");
        return;
    }
    if (in->together == KT_SHIFT)
        kt_buf_addz(b, "Colleagues who all begin to work at other hours were told to, as a rule: "
                       "ask one of them. ");
    else if (in->together == KT_FIRST_RUNS)
        kt_buf_addz(b, "Machines that are new and begin alike are one job that was set up, as a "
                       "rule: ask who did. ");
    else if (in->together == KT_TOGETHER && in->ground != 0)
        kt_buf_addz(b, "A team that takes up a new place within hours was given it, as a rule: ask "
                       "one of them by whom. ");
    else if (in->together == KT_TOGETHER)
        kt_buf_addz(b,
                    "Colleagues at one thing at one time work on an incident, as a rule: ask one "
                    "of them which. ");
    const char *who = in->members_n > 1 ? "they" : "it", *s = in->secrets_n == 1 ? "" : "s";
    unsigned long long n = in->secrets_n;
    if (in->read_n[READ_PRODUCTION] == in->secrets_n)
        kt_buf_addf(b, "Since then %s read %llu production secret%s, first %s.", who, n, s,
                    in->production);
    else if (in->read_n[READ_PRODUCTION] > 0)
        kt_buf_addf(b, "Since then %s read %llu secret%s, %u of production, first %s.", who, n, s,
                    in->read_n[READ_PRODUCTION], in->production);
    else if (in->read_n[READ_OTHER] == in->secrets_n)
        kt_buf_addf(b, "Since then %s read %llu secret%s, none of production, first %s.", who, n, s,
                    in->secret[0]);
    else
        kt_buf_addf(
            b, "Since then %s read %llu secret%s, first %s; whether it is production is not known.",
            who, n, s, in->secret[0]);
}

/* A signature about emergencies names it by itself; that of one member says nothing of another. */
static void add_ticket(struct kt_buf *b, const struct incident *in)
{
    char ticket[160];
    if (in->ticket[0] != '\0' && in->members_n <= 1 && !has_family(in, KT_FAMILY_SIGNATURE))
        kt_buf_addf(
            b,
            " The source names \"%s\" with it, which whoever asks may have chosen: keytrail "
            "does not know whether that is so.",
            kt_say_name(kt_str_of(in->ticket), 80, ticket));
}

void kt_detect_considered(struct kt_detect *d, const struct kt_scene *s, struct incident *in)
{
    d->text.len = 0;
    bool event = s->ev->kind == KT_KIND_ACCESS || s->ev->kind == KT_KIND_EXPOSURE;
    for (unsigned i = 0; event && i < d->n_detectors; i++) {
        bool spoke = false;
        for (unsigned k = 0; k < INCIDENT_PARTS; k++)
            spoke = spoke || (in->part[k].set && in->part[k].detector == i);
        if (spoke || kt_detectors[i]->considered == NULL)
            continue;
        struct kt_scene view = *s;
        view.detector = (uint8_t)i;
        view.tables = d->detector[i].table;
        size_t before = d->text.len;
        if (before > 0)
            kt_buf_addz(&d->text, "; ");
        size_t start = d->text.len;
        kt_detectors[i]->considered(&view, d->tuning.options[i], &d->text);
        if (d->text.len == start)
            d->text.len = before;
    }
    kt_str_copyz(in->considered, sizeof in->considered,
                 kt_utf8_cut(kt_buf_str(&d->text), sizeof in->considered - 1));
}

static void fill_lists(const struct incident *in, bool learning, struct kt_alert *a)
{
    for (unsigned i = 0; i < INCIDENT_PARTS; i++) {
        if (!in->part[i].set || !kt_detect_counts(in, &in->part[i], learning))
            continue;
        a->parts[a->n_parts++] =
            (struct kt_alert_part){ .detector = kt_detectors[in->part[i].detector]->name,
                                    .points = in->part[i].points,
                                    .text = kt_str_of(in->part[i].text) };
    }
    for (unsigned i = 0; i < INCIDENT_EVENTS && in->event[i][0] != '\0'; i++)
        a->events[a->n_events++] = kt_str_of(in->event[i]);
    for (unsigned i = 0; i < INCIDENT_SECRETS && in->secret[i][0] != '\0'; i++)
        a->secrets[a->n_secrets++] = kt_str_of(in->secret[i]);
}

static struct kt_str take(struct kt_buf *b, size_t from)
{
    return kt_str_from(b->at + from, b->len - from);
}

/* What stands before the last slash that all have in common; "": nothing below their store. */
static struct kt_str common_path(const struct incident *in)
{
    struct kt_str first = kt_str_of(in->secret[0]);
    size_t n = first.len;
    for (unsigned i = 1; i < INCIDENT_SECRETS && in->secret[i][0] != '\0'; i++) {
        size_t k = 0;
        while (k < n && in->secret[i][k] == first.at[k])
            k++;
        n = k;
    }
    while (n > 0 && first.at[n - 1] != '/')
        n--;
    return kt_str_from(first.at, n > kt_secret_store(first).len ? n : 0);
}

static struct kt_str ground_path(const struct incident *in)
{
    struct kt_str path = KT_STR_NONE;
    for (unsigned i = 0; i < INCIDENT_SECRETS && path.len == 0; i++)
        path = kt_ground_above(kt_str_of(in->secret[i]), in->ground);
    return path;
}

/* Of several people at one thing that comes first, then what is odd about one of them. */
static struct kt_str title_of(const struct incident *in, const struct part *main, char *buf,
                              size_t size)
{
    if (in->together != KT_TOGETHER && in->together < KT_SHIFT)
        return kt_str_of(main->title);
    struct kt_str path = in->ground != 0 ? ground_path(in) : common_path(in);
    char below[160] = "";
    unsigned n = in->members_n > INCIDENT_MEMBERS ? INCIDENT_MEMBERS : in->members_n;
    if (path.len > 0)
        kt_say_name(path, 80, below);
    const char *more = in->members_n > n ? "More than " : "",
               *in_it = path.len > 0 ? " below " : "";
    if (in->together == KT_SHIFT)
        kt_say(buf, size, "%s%u colleagues are at work at hours new to each. %s", more, n,
               main->title);
    else if (in->together == KT_FIRST_RUNS)
        kt_say(buf, size, "%s%u machines that are new here read mostly the same secrets. %s", more,
               n, main->title);
    else if (in->together == KT_HOSTS)
        kt_say(buf, size, "%s%u hosts, one name of an account. %s", more, n, main->title);
    else if (in->ground != 0)
        kt_say(buf, size, "%s%u people of one team took up secrets%s%s, where nobody had read. %s",
               more, n, in_it, below, main->title);
    else
        kt_say(buf, size, "%s%u people are at mostly the same secrets%s%s within 2 hours. %s", more,
               n, in_it, below, main->title);
    return kt_str_of(buf);
}

void kt_detect_emit(struct kt_detect *d, struct incident *in, const char *state, bool is_new,
                    const char *merged_into)
{
    if (d->o.alert == NULL)
        return;
    int weighted;
    (void)kt_detect_total(in, d->shared.learning, &weighted);
    struct part *main = kt_detect_main_part(in, d->shared.learning);
    char title[640];
    struct kt_alert a = { .severity = (enum kt_severity)in->severity,
                          .score = in->environment ? in->notified : weighted,
                          .detector = kt_detectors[main->detector]->name,
                          .state = state,
                          .time = in->first,
                          .first = in->first,
                          .last = in->last,
                          .raised = in->raised,
                          .title = title_of(in, main, title, sizeof title),
                          .normal = kt_str_of(main->normal),
                          .quiet = kt_str_of(main->quiet),
                          .considered = kt_str_of(in->considered),
                          .actor = kt_str_of(in->actor),
                          .ip = kt_str_of(in->ip),
                          .country = kt_str_of(in->country),
                          .network = kt_str_of(in->network_text),
                          .secret = kt_str_of(in->production[0] ? in->production : in->secret[0]),
                          .instance = kt_str_of(in->instance),
                          .source = kt_str_of(in->source),
                          .user_agent = kt_str_of(in->user_agent),
                          .events_count = in->events_n,
                          .secrets_count = in->secrets_n };
    kt_id_format(in->id, a.id);
    a.suppressed_by = kt_str_of(in->suppressed_by);
    fill_lists(in, d->shared.learning, &a);
    a.actor_kind = kt_str_of(kt_actor_kind_word((enum kt_actor_kind)in->actor_kind));
    struct kt_buf *b = &d->text;
    b->len = 0;
    (void)kt_buf_reserve(b, 8192); /* views below point into it: it must not move */
    add_why(b, in);
    add_ticket(b, in);
    add_members(b, d, in);
    add_again(b, in);
    size_t why = b->len;
    add_command(b, in);
    size_t command = b->len;
    char day[KT_TIME_TEXT_MAX];
    if (in->build != 0)
        kt_buf_addf(b, "%.10s", kt_time_format((kt_time_ns)in->build * KT_NS_S, day));
    a.why = kt_str_from(b->at, why);
    a.command = kt_str_from(b->at + why, command - why);
    a.geo_build = take(b, command);
    char written[INCIDENT_NAMES * 100] = "";
    for (unsigned i = 0, n = 0; i < INCIDENT_NAMES && in->written[i][0] != '\0'; i++) {
        kt_say(written + n, sizeof written - n, "%s%s", i > 0 ? ", " : "", in->written[i]);
        n += (unsigned)strlen(written + n);
    }
    a.actor_written = kt_str_of(written);
    if (merged_into != NULL)
        a.merged_into = kt_str_of(merged_into);
    d->o.alert(d->o.self, &a, is_new);
}
