/*
 * leaks: one finding of a leak scanner -> one event of kind exposure: which kind of secret lies
 * open in which repository, file and commit. Never the value, no hash of it, no line of the file.
 *
 * Owns:  nothing.
 * Calls: core/base, core/event. No I/O, no clock.
 */
#include "agents/sources/leaks.h"

#include "agents/sources/actor.h"
#include "core/base/enc.h"
#include "core/base/hash.h"
#include "core/event/line.h"
#include "core/event/secret_id.h"

#define TAGS_MAX 16u

/* ---- addresses ---- */

/* May what stands behind the colon of "host:443" be the beginning of a password with a '/' in it? A
 * port is, where no '@' comes behind. */
static bool has_password(struct kt_str host, struct kt_str rest)
{
    ptrdiff_t colon = kt_str_find_byte(host, ':', 0);
    uint64_t port = 0;
    return colon >= 0 && host.at[0] != '[' &&
           (!kt_str_u64(kt_str_from_index(host, (size_t)colon + 1), &port) ||
            kt_str_find_byte(rest, '@', 0) >= 0);
}

/* "https://user:pass@host/path?query" -> "host/path"; also "git@host:path". What else may hold a
 * password is cut; empty where that cannot be told. */
static struct kt_str plain_address(struct kt_arena *a, struct kt_str url)
{
    ptrdiff_t scheme = kt_str_find(url, KT_STR("://"), 0);
    struct kt_str rest = kt_str_from_index(url, scheme < 0 ? 0 : (size_t)scheme + 3);
    struct kt_str tail = rest, host = KT_STR_NONE;
    (void)kt_str_split(&tail, '/', &host);
    ptrdiff_t user = kt_str_rfind_byte(host, '@');
    bool scp = scheme < 0 && user >= 0 && kt_str_find_byte(host, ':', (size_t)user) >= 0;
    if (user < 0 && scheme >= 0 && has_password(host, rest)) {
        user = kt_str_rfind_byte(rest, '@');
        if (user < 0)
            return KT_STR_NONE;
    }
    if (user >= 0)
        rest = kt_str_from_index(rest, (size_t)user + 1);
    for (const char *cut = "?#"; *cut != '\0'; cut++) {
        ptrdiff_t at = kt_str_find_byte(rest, *cut, 0);
        rest = at < 0 ? rest : kt_str_sub(rest, 0, (size_t)at);
    }
    if (!scp)
        return rest;
    ptrdiff_t colon = kt_str_find_byte(rest, ':', 0);
    return kt_arena_cat3(a, kt_str_sub(rest, 0, (size_t)colon), KT_STR("/"),
                         kt_str_from_index(rest, (size_t)colon + 1));
}

/* A repository by its address, without ".git"; or what a link to a place in it begins with. */
static struct kt_str repository_of(struct kt_arena *a, const struct leak *l)
{
    static const struct kt_str inside[] = { KT_STR_INIT("/-/"), KT_STR_INIT("/blob/"),
                                            KT_STR_INIT("/commit/"), KT_STR_INIT("/src/"),
                                            KT_STR_INIT("/raw/") };
    struct kt_str s = plain_address(a, l->repository);
    if (s.len == 0 && kt_str_has(l->link, KT_STR("://"))) {
        struct kt_str link = plain_address(a, l->link);
        for (size_t i = 0; i < KT_ARRAY_LEN(inside) && s.len == 0; i++) {
            ptrdiff_t at = kt_str_find(link, inside[i], 0);
            s = at > 0 ? kt_str_sub(link, 0, (size_t)at) : s;
        }
    }
    while (s.len > 0 && s.at[s.len - 1] == '/')
        s.len--;
    if (kt_str_ends(s, KT_STR(".git")))
        s.len -= 4;
    return s;
}

/* A link that a person may follow: http(s), no user, no query; of the fragment only a line. */
static struct kt_str safe_link(struct kt_arena *a, struct kt_str link)
{
    static const struct kt_str schemes[] = { KT_STR_INIT("https://"), KT_STR_INIT("http://") };
    ptrdiff_t mark = kt_str_find(link, KT_STR("#L"), 0);
    struct kt_str line = mark < 0 ? KT_STR_NONE : kt_str_from_index(link, (size_t)mark);
    for (size_t i = 2; i < line.len; i++)
        if (line.at[i] < '0' || line.at[i] > '9')
            line.len = i;
    struct kt_str address = plain_address(a, link);
    for (size_t i = 0; i < KT_ARRAY_LEN(schemes) && address.len > 0; i++)
        if (kt_str_starts(link, schemes[i]))
            return kt_arena_cat3(a, schemes[i], address, line);
    return KT_STR_NONE;
}

/* ---- who, when ---- */

/* "Ana <ana@example.com>" into both parts. */
static void split_author(struct leak *l)
{
    ptrdiff_t open = kt_str_find_byte(l->email, '<', 0);
    if (open < 0)
        return;
    struct kt_str address = kt_str_from_index(l->email, (size_t)open + 1);
    ptrdiff_t close = kt_str_find_byte(address, '>', 0);
    if (l->author.len == 0)
        l->author = kt_str_trim(kt_str_sub(l->email, 0, (size_t)open));
    l->email = kt_str_trim(close < 0 ? address : kt_str_sub(address, 0, (size_t)close));
}

/* Who wrote the commit, as the commit claims. */
static void who(const struct kt_decode_in *in, struct leak *l, struct kt_event *ev)
{
    split_author(l);
    struct kt_str name = kt_actor_is_email(l->email) ? l->email
                         : l->author.len > 0         ? l->author
                                                     : l->email;
    ev->actor = kt_actor_at(in->arena, name, in->cluster);
    ev->actor_name = l->author;
    if (ev->actor.len > 0)
        ev->actor_kind = kt_str_has(l->author, KT_STR("[bot]")) ? KT_ACTOR_SERVICE : KT_ACTOR_HUMAN;
}

/* RFC 3339, or as git and Go print it: "2026-03-02 07:14:05 -0700", perhaps with " UTC" behind. */
static void when(const struct kt_decode_in *in, const struct leak *l, struct kt_event *ev)
{
    struct kt_str s = l->when;
    bool zone = s.len >= 25 && s.at[19] == ' ' && (s.at[20] == '+' || s.at[20] == '-');
    if (zone) {
        struct kt_str z = kt_str_sub(s, 20, 5);
        s = kt_arena_cat3(in->arena, kt_str_sub(s, 0, 19), kt_str_sub(z, 0, 3), KT_STR(":"));
        s = kt_arena_cat(in->arena, s, kt_str_sub(z, 3, 2));
    }
    if (kt_time_parse_loose(s, &ev->time, &ev->precision, NULL) != KT_OK)
        ev->time = 0;
}

/* ---- what ---- */

/* leak://repository/rule/file: the name of the secret is not known, only where it lies. */
static void what(const struct kt_decode_in *in, const struct leak *l, struct kt_str repository,
                 struct kt_event *ev)
{
    const struct kt_str fixed[] = { repository.len > 0 ? repository : in->cluster, l->rule };
    ev->secret = kt_secret_id(in->arena, "leak", fixed, 2, l->file, l->file.len == 0);
    ev->secret_guess = true;
    ev->secret_native =
        l->line.len > 0 ? kt_arena_cat3(in->arena, l->file, KT_STR(":"), l->line) : l->file;
    ev->version = l->commit;
    ev->credential = l->credential;
    if (l->incident.len > 0)
        ev->shared_id = kt_arena_cat3(in->arena, kt_str_of(l->scanner), KT_STR(":"), l->incident);
}

/* What the same scanner says of the same place again is the same event. The value would tell two
 * in one place apart, but a hash of it would let anyone test guesses. */
static void name_it(const struct kt_decode_in *in, const struct leak *l, struct kt_event *ev)
{
    uint8_t digest[16];
    char id[KT_ID_TEXT];
    const struct kt_str parts[] = {
        kt_str_of(l->scanner), kt_str_of(l->state), ev->secret,  ev->version, l->line, l->column,
        l->credential,         l->medium,           l->incident, l->native
    };
    uint8_t lengths[KT_ARRAY_LEN(parts)][8];
    struct kt_str all[2 * KT_ARRAY_LEN(parts)];
    for (size_t i = 0; i < KT_ARRAY_LEN(parts); i++) {
        for (unsigned b = 0; b < 8; b++)
            lengths[i][b] = (uint8_t)((uint64_t)parts[i].len >> (8 * b));
        all[2 * i] = kt_str_from(lengths[i], sizeof lengths[i]);
        all[2 * i + 1] = parts[i];
    }
    kt_blake2b(all, KT_ARRAY_LEN(all), digest, sizeof digest);
    ev->native_id = kt_arena_str(in->arena, kt_str_of(kt_id_format(digest, id)));
    ev->scope = in->cluster;
}

/* ---- what is kept of the record ---- */

static void put(struct kt_buf *out, const char *name, struct kt_str value)
{
    if (value.len == 0)
        return;
    kt_buf_addz(out, out->len > 0 && out->at[out->len - 1] == '{' ? "\"" : ",\"");
    kt_buf_addz(out, name);
    kt_buf_addz(out, "\":");
    kt_json_quote(out, kt_utf8_cut(value, 1024));
}

static void put_tags(struct kt_buf *out, struct kt_jval tags)
{
    struct kt_json_iter it = kt_json_iter(tags);
    struct kt_str name;
    struct kt_jval tag;
    unsigned n = 0;
    while (n < TAGS_MAX && kt_json_next(&it, &name, &tag)) {
        struct kt_str s = kt_json_str(tag);
        if (s.len == 0)
            continue;
        kt_buf_addz(out, n++ == 0 ? ",\"tags\":[" : ",");
        kt_json_quote(out, kt_utf8_cut(s, 256));
    }
    if (n > 0)
        kt_buf_byte(out, ']');
}

static void keep(const struct kt_decode_in *in, const struct leak *l, struct kt_str repository,
                 struct kt_buf *out)
{
    const struct {
        const char *name;
        struct kt_str value;
    } members[] = {
        { "scanner", kt_str_of(l->scanner) },
        { "rule", l->rule },
        { "description", l->description },
        { "state", kt_str_of(l->state) },
        { "medium", l->medium },
        { "repository", repository },
        { "file", l->file },
        { "line", l->line },
        { "column", l->column },
        { "commit", l->commit },
        { "author", l->author },
        { "email", l->email },
        { "date", l->when },
        { "visibility", l->visibility },
        { "severity", l->severity },
        { "incident", l->incident },
        { "link", safe_link(in->arena, l->link) },
    };
    kt_buf_byte(out, '{');
    for (size_t i = 0; i < KT_ARRAY_LEN(members); i++)
        put(out, members[i].name, members[i].value);
    for (const char *const *name = kt_leaks_extra; *name != NULL; name++)
        put(out, *name, kt_json_str(kt_json_get(l->extra, kt_str_of(*name))));
    put_tags(out, l->tags);
    kt_buf_byte(out, '}');
}

static void count_unknown(const struct kt_decode_in *in)
{
    struct kt_json_iter it = kt_json_iter(in->root);
    struct kt_str name;
    struct kt_jval v;
    while (kt_json_next(&it, &name, &v)) {
        const char *const *k = kt_leaks_known_keys;
        while (*k != NULL && !kt_str_is(name, *k))
            k++;
        *in->unknown_fields += *k == NULL;
    }
}

/* ---- the event ---- */

static const struct kt_leaks_format *format_of(struct kt_jval root)
{
    const struct kt_leaks_format *f = kt_leaks_formats;
    while (f->scanner != NULL &&
           (kt_json_type(kt_json_get(root, kt_str_of(f->signs[0]))) == KT_JSON_NONE ||
            kt_json_type(kt_json_get(root, kt_str_of(f->signs[1]))) == KT_JSON_NONE))
        f++;
    return f->scanner != NULL ? f : NULL;
}

static enum kt_status decode(const struct kt_decode_in *in, struct kt_jval first,
                             struct kt_emit *to, struct kt_error *err)
{
    struct kt_event ev = { .kind = KT_KIND_EXPOSURE };
    struct leak l = { .state = NULL };
    const struct kt_leaks_format *f = format_of(in->root);
    (void)first;
    (void)err;
    const char *none = f == NULL ? "no finding of a scanner that is known" : f->read(in, &l);
    if (none != NULL) {
        to->skip(to, none);
        return KT_OK;
    }
    l.scanner = f->scanner;
    count_unknown(in);
    when(in, &l, &ev);
    who(in, &l, &ev);
    struct kt_str repository = repository_of(in->arena, &l);
    what(in, &l, repository, &ev);
    ev.operation = l.rule;
    ev.code = kt_str_of(l.state);
    ev.message = l.description;
    name_it(in, &l, &ev);
    keep(in, &l, repository, in->raw);
    ev.raw = kt_buf_str(in->raw);
    to->event(to, &ev);
    return KT_OK;
}

/* detect-secrets' baseline: {"results": {"file": [ … ]}}. */
static const char *const wrap_maps[] = { "results", NULL };

const struct kt_source kt_source_leaks = {
    .name = "leaks",
    .summary = "Findings of leak scanners: gitleaks, trufflehog, detect-secrets, GitGuardian",
    .version = 2,
    .split = KT_SPLIT_OBJECTS,
    .wrap_maps = wrap_maps,
    .decode = decode,
    .salvage_id = "Fingerprint",
    .salvage_action = "RuleID",
    .salvage_time = "Date",
    .known_keys = kt_leaks_known_keys,
    .lateness = 25 * KT_NS_HOUR,
};
