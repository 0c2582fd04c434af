/*
 * ai_agent: a coding agent that reads secrets of production, or files outside of the tree it works
 * in, and a person's identity that an agent uses there for the first time (DETECTION §4.7).
 *
 * Owns:  by actor and secret when it was read last; by actor when a search was told last, and the
 *        secrets of an hour that are new to its agents.
 * Calls: detector.h and core only. No clock, no I/O.
 */
#include "detectors/detector.h"
#include "detectors/programs.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/event/ai_agents.h"

#define SEED       UINT64_C(0x61696167656e7473)
#define DEPTH_MAX  64u
#define SEARCH     2u
#define NEW_WEIGHT 100u /* a whole new secret: no own work, no release's, none made today */

enum sign { S_PRODUCTION, S_OUTSIDE, S_FIRST, S_SEARCH, S_SWEEP, SIGNS };
struct options {
    double points[SIGNS];
    kt_time_ns again;
    uint64_t sweep_floor;
    struct kt_strings actors, allow, trees;
};
#define POINTS(sign, name, value, help)                                                            \
    {                                                                                              \
        name, KT_OPT_DOUBLE, value, offsetof(struct options, points) + (sign) * sizeof(double),    \
            help, .reloadable = true                                                               \
    }
static const struct kt_option options[] = {
    POINTS(S_PRODUCTION, "production", "6", "An AI agent's identity reads a secret of production."),
    POINTS(S_OUTSIDE, "outside", "4.6",
           "A coding agent on a host reads a file of secrets outside of the tree it works in."),
    POINTS(S_FIRST, "first", "3",
           "A person's identity reads a secret of production with an agent for the first time."),
    POINTS(S_SEARCH, "search", "4.6",
           "The same, two secrets of production within an hour which that person had never read."),
    POINTS(
        S_SWEEP, "sweep", "4.6",
        "The same, sweep_floor different secrets of production within an hour which no agent had "
        "read with that identity in `again`, whatever the person reads."),
    { "sweep_floor", KT_OPT_UINT, "8", offsetof(struct options, sweep_floor),
      "So many such secrets within an hour are a sweep; 32 at most.", .reloadable = true },
    { "again", KT_OPT_DURATION, "14d", offsetof(struct options, again),
      "The same agent and secret are told again after so long without; a search, so long after it "
      "was told.",
      .reloadable = true },
    { "actors", KT_OPT_LIST, "", offsetof(struct options, actors),
      "Actors and roles (glob) that are AI agents, whatever their records say.",
      .reloadable = true },
    { "allow", KT_OPT_LIST, "", offsetof(struct options, allow),
      "\"ACTORS SECRETS\": what agents may read (globs; SECRETS over the id or the path in it).",
      .reloadable = true },
    { "trees", KT_OPT_LIST, "", offsetof(struct options, trees),
      "Files (glob over the path) that belong to every agent's working tree.", .reloadable = true },
    KT_OPTIONS_END,
};

static enum kt_status check(void *opt, struct kt_error *err)
{
    const struct options *o = opt;
    if (o->sweep_floor > KT_DISTINCT_MAX)
        return kt_fail(err, KT_E_CONFIG, "sweep_floor: %u at most", KT_DISTINCT_MAX);
    for (unsigned i = 0; i < o->allow.n; i++) {
        struct kt_str rest = kt_str_trim(kt_str_of(o->allow.at[i])), actors;
        (void)kt_str_split(&rest, ' ', &actors);
        if (kt_str_trim(rest).len == 0)
            return kt_fail(err, KT_E_CONFIG, "allow '%s': write 'ACTORS SECRETS'", o->allow.at[i]);
    }
    return KT_OK;
}

struct told {
    uint32_t read_min, times; /* times: secrets that were new to a person, in an hour */
};
enum { T_TOLD, T_FIRST, T_READ, T_HOUR };

static bool is_hour(const void *state)
{
    return kt_distinct_is_sound(state);
}

static const struct kt_table_decl tables[] = {
    [T_TOLD] = { "agent_told", KT_KEY_PAIR, sizeof(struct told), 3, 10000, KT_EVICT_LRU, NULL },
    /* apart, so that no agent that reads much makes a person's next use of one the first again */
    [T_FIRST] = { "agent_first", KT_KEY_ACTOR, sizeof(struct told), 1, 8000, KT_EVICT_LRU, NULL },
    /* a row for each secret of production that is read with a person's identity: they are many, and
     * push out nothing that was told */
    [T_READ] = { "agent_read", KT_KEY_PAIR, sizeof(struct told), 1, 20000, KT_EVICT_LRU, NULL },
    [T_HOUR] = { "agent_hour", KT_KEY_ACTOR, sizeof(struct kt_distinct), 1, 2000, KT_EVICT_LRU,
                 is_hour },
};

/* ---- who is an agent ---- */
static bool in_list(const struct kt_strings *list, struct kt_str s)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (kt_str_glob(kt_str_of(list->at[i]), s))
            return true;
    }
    return false;
}

/* written: the actor's name in the log, where it is not the event's; empty: the same. */
static bool is_configured(const struct options *o, const struct kt_event *ev, struct kt_str written)
{
    return o->actors.n > 0 &&
           (in_list(&o->actors, ev->actor) || (ev->role.len > 0 && in_list(&o->actors, ev->role)) ||
            (written.len > 0 && in_list(&o->actors, written)));
}

static int kind(const struct kt_event *ev, const void *opt)
{
    return is_configured(opt, ev, KT_STR_NONE) ? KT_ACTOR_AI_AGENT : -1;
}

/* Its name; NULL: none. *ret_own: the identity is the agent's, not a person's that it borrows. */
static const char *agent_of(const struct kt_scene *s, const struct options *o, bool *ret_own)
{
    const struct kt_event *ev = s->ev;
    const char *by_client = kt_recall_agent(s->recall, ev->user_agent);
    *ret_own = true;
    if (is_configured(o, ev, s->written) || ev->actor_kind == KT_ACTOR_AI_AGENT)
        return by_client != NULL ? by_client : "";
    *ret_own = !kt_kind_is_person((uint8_t)ev->actor_kind);
    return by_client;
}

/* ---- the tree it works in ---- */
/* The folder that auditd kept; empty where none was told. Quotes inside other members stand behind
 * a backslash, so that nothing a program calls itself can look like this one. */
static struct kt_str working_folder(struct kt_str raw)
{
    static const struct kt_str member = KT_STR_INIT("\"cwd\":\"");
    ptrdiff_t at = kt_str_find(raw, member, 0);
    struct kt_str rest = kt_str_from_index(raw, at < 0 ? raw.len : (size_t)at + member.len), folder;
    bool whole = kt_str_split(&rest, '"', &folder) && kt_str_find_byte(folder, '\\', 0) < 0;
    return whole ? folder : KT_STR_NONE;
}

struct folders {
    struct kt_str at[DEPTH_MAX];
    unsigned n;
};

static void take_apart(struct kt_str path, struct folders *ret)
{
    struct kt_str part;
    ret->n = 0;
    while (ret->n < DEPTH_MAX && kt_str_split(&path, '/', &part)) {
        if (part.len > 0)
            ret->at[ret->n++] = part;
    }
}

/* How many of the first folders are a home, or what stands in for one. */
static unsigned home_depth(const struct folders *f)
{
    bool several = f->n > 0 && (kt_str_is(f->at[0], "home") || kt_str_is(f->at[0], "Users"));
    return several ? 2 : f->n > 0 && kt_str_is(f->at[0], "root");
}

/* What belongs to a person or a machine, not to a project: hidden folders of a home, the system. */
static bool is_private(const struct folders *file)
{
    static const char *const systems[] = { "etc", "run", "var" };
    unsigned home = home_depth(file);
    if (home > 0)
        return file->n > home && file->at[home].at[0] == '.';
    for (size_t i = 0; i < KT_ARRAY_LEN(systems); i++) {
        if (file->n > 0 && kt_str_is(file->at[0], systems[i]))
            return true;
    }
    return false;
}

/* A project is a folder below a home: with the working folder inside the file's folder, or the
 * other way round, or with two folders of the way in common. */
static bool is_outside(struct kt_str path, struct kt_str cwd)
{
    struct folders file, work;
    take_apart(path, &file);
    take_apart(cwd, &work);
    unsigned home = home_depth(&work), common = 0, depth = file.n > 0 ? file.n - 1 : 0;
    if (work.n <= home) /* not told, or no tree of its own */
        return is_private(&file);
    while (common < depth && common < work.n && kt_str_eq(file.at[common], work.at[common]))
        common++;
    bool together = common == depth || common == work.n || common >= home + 2;
    return common <= home || !together;
}

static bool leaves_tree(const struct kt_event *ev, const struct options *o)
{
    static const bool sorts[KT_SORTS] = { [KT_SORT_ENV] = true,
                                          [KT_SORT_SSH] = true,
                                          [KT_SORT_HASHES] = true,
                                          [KT_SORT_CLOUD] = true,
                                          [KT_SORT_KEYS] = true };
    bool file = kt_str_starts(ev->secret, KT_STR("file://"));
    if (!file || ev->actor_kind != KT_ACTOR_AI_AGENT)
        return false;
    enum kt_sort sort = kt_sort_of(ev->secret_native);
    struct kt_program p = kt_program_of(ev->user_agent);
    return sorts[sort] && !kt_program_is_own(&p, sort) && !in_list(&o->trees, ev->secret_native) &&
           is_outside(ev->secret_native, working_folder(ev->raw));
}

/* ---- words ---- */
static void names(const struct kt_scene *s, char who[160], char what[160], char agent[80])
{
    const char *client = kt_recall_agent(s->recall, s->ev->user_agent);
    char via[160];
    kt_say_name(s->ev->actor, 80, who);
    kt_say_name(s->ev->secret_native.len > 0 ? s->ev->secret_native : s->ev->secret, 80, what);
    kt_say_name(s->ev->via, 40, via);
    bool host = s->ev->actor_kind == KT_ACTOR_AI_AGENT && s->ev->via.len > 0;
    const char *name = host ? via : client != NULL ? client : "";
    kt_say(agent, 80, "%s%s%s", "AI agent", name[0] != '\0' ? " " : "", name);
}

static void words_of_production(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], agent[80];
    names(s, who, what, agent);
    KT_SAY(f->title, "%s read the production secret %s as %s.", agent, what, who);
    KT_SAY(f->normal,
           "What an agent reads goes into its context, and from there to whoever runs the "
           "model and into what it writes. Agents work with secrets of development.");
    KT_SAY(f->part, "%s on production", agent);
    KT_SAY(f->quiet, "'%s %s' in ai_agent.allow.", who, what);
}

static void words_of_outside(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], agent[80], folder[160];
    names(s, who, what, agent);
    struct kt_str cwd = working_folder(s->ev->raw);
    kt_say_name(cwd.len > 0 ? cwd : KT_STR("a folder that was not told"), 60, folder);
    KT_SAY(f->title, "%s read %s on %s, outside of the tree it works in (%s).", agent, what, who,
           folder);
    KT_SAY(f->normal,
           "An agent needs files of its project; %s of others it has been talked into, by "
           "a page, a package or a person, or it searches.",
           kt_sort_words[kt_sort_of(s->ev->secret_native)]);
    KT_SAY(f->part, "%s outside of its tree", agent);
    KT_SAY(f->quiet, "'%s' in ai_agent.trees.", what);
}

static void words_of_first(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], agent[80];
    names(s, who, what, agent);
    KT_SAY(f->title, "%s used the identity of %s on production for the first time: %s.", agent, who,
           what);
    KT_SAY(f->normal,
           "No earlier read of production by an agent as %s is remembered; agents are told by "
           "their clients.",
           who);
    KT_SAY(f->part, "first use by %s", agent);
    KT_SAY(f->quiet, "'%s %s' in ai_agent.allow.", who, what);
}

static void words_of_search(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], agent[80];
    names(s, who, what, agent);
    KT_SAY(f->title,
           "%s searches production with the identity of %s: %s and another were never read by it.",
           agent, who, what);
    KT_SAY(f->normal, "An agent that does a person's work reads what that person reads. One that "
                      "has been talked into it, or searches, reads what there is.");
    KT_SAY(f->part, "%s on production that is new to %s", agent, who);
    KT_SAY(f->quiet, "'%s %s' in ai_agent.allow.", who, what);
}

static void words_of_sweep(const struct kt_scene *s, struct kt_finding *f)
{
    char who[160], what[160], agent[80];
    names(s, who, what, agent);
    const char *least = f->number[0] >= KT_DISTINCT_MAX ? "at least " : "";
    KT_SAY(f->title, "%s read %s%.0f different secrets of production within an hour as %s.", agent,
           least, f->number[0], who);
    KT_SAY(f->normal,
           "A task needs a few. No agent had read these with this identity in %.0f days. What one "
           "reads goes into its context: that many are a collection, whoever asked for it.",
           f->number[1]);
    KT_SAY(f->part, "%s on %.0f secrets of production", agent, f->number[0]);
    KT_SAY(f->quiet, "'%s' and its secrets in ai_agent.allow.", who);
}

/* ---- the event ---- */
static bool is_allowed(const struct kt_scene *s, const struct options *o)
{
    const struct kt_event *ev = s->ev;
    ptrdiff_t at = kt_str_find(ev->secret, KT_STR("://"), 0);
    struct kt_str path = kt_str_from_index(ev->secret, at < 0 ? 0 : (size_t)at + 3);
    for (unsigned i = 0; i < o->allow.n; i++) {
        struct kt_str secrets = kt_str_trim(kt_str_of(o->allow.at[i])), actors;
        (void)kt_str_split(&secrets, ' ', &actors);
        secrets = kt_str_trim(secrets);
        if (kt_actor_fits(s, actors) &&
            (kt_str_glob(secrets, ev->secret) || kt_str_glob(secrets, path) ||
             kt_str_glob(secrets, ev->secret_native)))
            return true;
    }
    return false;
}

static struct told *told_of(struct kt_scene *s, enum sign sign, uint64_t what)
{
    static const unsigned table[SIGNS] = { [S_FIRST] = T_FIRST, [S_SWEEP] = T_READ };
    const struct kt_key key = { s->actor->number, (what ^ SEED) + sign };
    return kt_table_put(s->tables[table[sign]], key, NULL); /* T_TOLD for the others */
}

/* Is it news? A read keeps what was told told. */
static bool is_news(struct kt_scene *s, const struct options *o, enum sign sign, uint64_t what)
{
    struct told *t = told_of(s, sign, what);
    bool forgotten = s->minute > t->read_min + (uint64_t)(o->again / KT_NS_MIN);
    bool news = t->read_min == 0 || (forgotten && sign != S_FIRST);
    t->read_min = s->minute > t->read_min ? s->minute : t->read_min;
    return news;
}

/* One that is new is a task, two within an hour are a search. Told once in `again`, by when it was
 * told: while the installation learns nobody is, and whoever goes on is told of by and by. */
static bool is_search(struct kt_scene *s, const struct options *o)
{
    if (s->young || s->shared->learning || s->novelty.weight < NEW_WEIGHT)
        return false;
    struct told *t = told_of(s, S_SEARCH, SIGNS);
    uint32_t apart = s->minute > t->read_min ? s->minute - t->read_min : t->read_min - s->minute;
    t->times = t->read_min == 0 || apart > 60 ? 1 : t->times + 1;
    t->read_min = s->minute;
    if (t->times < SEARCH)
        return false;
    struct told *told = told_of(s, S_SEARCH, 0);
    if (told->read_min != 0 && s->minute < told->read_min + (uint64_t)(o->again / KT_NS_MIN))
        return false;
    told->read_min = s->minute;
    return true;
}

/* How many secrets of this hour no agent had read with the identity in `again`; 0: this one is none
 * of them. What another sweep took does not count in the next: that is another collection. */
static unsigned sweep_of(struct kt_scene *s, const struct options *o)
{
    if (!is_news(s, o, S_SWEEP, s->secret.a))
        return 0;
    struct kt_distinct *d = kt_table_put(s->tables[T_HOUR], s->who, NULL);
    (void)kt_distinct_add(d, s->secret.a, s->minute, 60); /* full: the text says at least */
    return kt_distinct_count(d, s->minute, 60);
}

static void tell(struct kt_scene *s, const struct options *o, enum sign sign, double number)
{
    static void (*const words[SIGNS])(const struct kt_scene *s, struct kt_finding *f) = {
        [S_PRODUCTION] = words_of_production, [S_OUTSIDE] = words_of_outside,
        [S_FIRST] = words_of_first,           [S_SEARCH] = words_of_search,
        [S_SWEEP] = words_of_sweep,
    };
    /* the same process may be odd to env_file, too: one family, so that it counts once */
    enum kt_family family = sign == S_OUTSIDE ? KT_FAMILY_PROCESS : KT_FAMILY_SIGNATURE;
    bool person = sign == S_FIRST || sign == S_SEARCH || sign == S_SWEEP;
    struct kt_finding *f =
        kt_find(s, family, kt_points(o->points[sign]), person ? 0 : KT_FIND_LEARNING, words[sign]);
    if (f == NULL)
        return;
    f->number[0] = number;
    f->number[1] = (double)(o->again / KT_NS_DAY);
}

static void on_event(struct kt_scene *s, const void *opt)
{
    const struct options *o = opt;
    bool own;
    if (!s->read || s->actor == NULL || agent_of(s, o, &own) == NULL || is_allowed(s, o))
        return;
    if (leaves_tree(s->ev, o) && is_news(s, o, S_OUTSIDE, s->secret.a))
        tell(s, o, S_OUTSIDE, 0);
    if (kt_production(s->shared->conf, s->ev->secret) != 1)
        return;
    if (own && is_news(s, o, S_PRODUCTION, s->secret.a))
        tell(s, o, S_PRODUCTION, 0);
    if (!own && is_news(s, o, S_FIRST, 0))
        tell(s, o, S_FIRST, 0);
    if (own)
        return;
    if (is_search(s, o))
        tell(s, o, S_SEARCH, 0);
    unsigned swept = sweep_of(s, o);
    if (swept > 0 && swept >= o->sweep_floor)
        tell(s, o, S_SWEEP, swept);
}

static void considered(const struct kt_scene *s, const void *opt, struct kt_buf *out)
{
    bool own;
    if (s->read && agent_of(s, opt, &own) == NULL)
        kt_buf_addz(out, "AI agents (none known by its client)");
}

static const struct kt_part_needs needs[] = {
    { NULL, KT_NEED(READ) }, /* `actors` are known by their names */
    { "an agent known by its client", KT_NEED(READ) | KT_NEED(CLIENT) },
    { "outside its tree", KT_NEED(READ) | KT_NEED(CLIENT) | KT_NEED(FOLDER) },
    { NULL, 0 },
};

const struct kt_detector kt_detector_ai_agent = {
    .name = "ai_agent",
    .summary = "A coding agent on secrets of production, or outside of the tree it works in",
    .options = options,
    .options_size = sizeof(struct options),
    .needs = needs,
    .check = check,
    .kind = kind,
    .tables = tables,
    .n_tables = KT_ARRAY_LEN(tables),
    .on_event = on_event,
    .considered = considered,
};
