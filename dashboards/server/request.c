/*
 * request: strangers' bytes into parameters.
 *
 * Owns:  the arena of a request's parameters.
 * Calls: core/base, jansson.
 */
#include "dashboards/server/request.h"

#include <jansson.h>
#include <stdio.h>

#define NAME_MAX_BYTES 64u
#define ARENA_BYTES    (2u * (KT_API_BODY_MAX + KT_WEB_URL_MAX))

void kt_web_params_init(struct kt_web_params *p)
{
    p->n = 0;
    p->arena = kt_arena_new(ARENA_BYTES);
}

void kt_web_params_done(struct kt_web_params *p)
{
    p->n = 0;
    kt_arena_done(&p->arena);
}

enum kt_status kt_web_target(struct kt_str target, struct kt_str *ret_path,
                             struct kt_str *ret_query, struct kt_error *err)
{
    static const struct kt_str schemes[] = { KT_STR_INIT("http://"), KT_STR_INIT("https://") };
    for (size_t i = 0; i < KT_ARRAY_LEN(schemes); i++) {
        if (!kt_str_starts_nocase(target, schemes[i]))
            continue;
        ptrdiff_t slash = kt_str_find_byte(target, '/', schemes[i].len);
        target = slash < 0 ? KT_STR("/") : kt_str_from_index(target, (size_t)slash);
    }
    if (target.len == 0 || target.at[0] != '/')
        return kt_fail(err, KT_E_INPUT, "a target begins with /");
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 0x7F)
            return kt_fail(err, KT_E_INPUT, "a byte of the target must be written as %%XX");
    ptrdiff_t mark = kt_str_find_byte(target, '?', 0);
    *ret_path = mark < 0 ? target : kt_str_sub(target, 0, (size_t)mark);
    *ret_query = mark < 0 ? KT_STR_NONE : kt_str_from_index(target, (size_t)mark + 1);
    return KT_OK;
}

/* ---- parameters ---- */

static bool name_ok(struct kt_str s)
{
    bool fine = s.len > 0 && s.len <= NAME_MAX_BYTES;
    for (size_t i = 0; fine && i < s.len; i++)
        fine = (s.at[i] >= 'a' && s.at[i] <= 'z') || s.at[i] == '_';
    return fine;
}

/* name is right; value is decoded, in the arena or longer living. */
static enum kt_status add(struct kt_web_params *p, struct kt_str name, struct kt_str value,
                          struct kt_error *err)
{
    if (p->n == KT_API_PARAMS_MAX)
        return kt_fail(err, KT_E_LIMIT, "more than %u parameters", KT_API_PARAMS_MAX);
    if (p->arena.full || value.len > KT_API_VALUE_MAX)
        return kt_fail(err, KT_E_LIMIT, KT_STR_FMT ": too long", KT_STR_ARG(name));
    if (!kt_utf8_valid(value) || kt_str_find_byte(value, '\0', 0) >= 0)
        return kt_fail(err, KT_E_INPUT, KT_STR_FMT " is no text: UTF-8 without NUL",
                       KT_STR_ARG(name));
    p->at[p->n++] = (struct kt_api_param){ .name = name, .value = value };
    return KT_OK;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* false: a broken escape. What does not fit in the arena makes that full. */
static bool unescape(struct kt_arena *arena, struct kt_str s, struct kt_str *ret)
{
    char *to = kt_arena_alloc(arena, s.len + 1);
    size_t n = 0;
    *ret = KT_STR_NONE;
    for (size_t i = 0; to != NULL && i < s.len; i++) {
        if (s.at[i] != '%') {
            to[n++] = s.at[i] == '+' ? ' ' : s.at[i];
            continue;
        }
        int high = i + 2 < s.len ? hex(s.at[i + 1]) : -1, low = high < 0 ? -1 : hex(s.at[i + 2]);
        if (i + 2 >= s.len || high < 0 || low < 0)
            return false;
        to[n++] = (char)(high * 16 + low);
        i += 2;
    }
    if (to != NULL)
        *ret = kt_str_from(to, n);
    return true;
}

enum kt_status kt_web_query(struct kt_web_params *p, struct kt_str query, struct kt_error *err)
{
    struct kt_str part, value;
    while (query.len > 0 && kt_str_split(&query, '&', &part)) {
        if (part.len == 0)
            continue;
        ptrdiff_t eq = kt_str_find_byte(part, '=', 0);
        struct kt_str name = eq < 0 ? part : kt_str_sub(part, 0, (size_t)eq);
        struct kt_str raw = eq < 0 ? KT_STR_NONE : kt_str_from_index(part, (size_t)eq + 1);
        if (!name_ok(name))
            return kt_fail(err, KT_E_INPUT, "a parameter's name is 1 to %u of a-z and _",
                           NAME_MAX_BYTES);
        if (!unescape(&p->arena, raw, &value))
            return kt_fail(err, KT_E_INPUT, KT_STR_FMT ": a %% is followed by two hex digits",
                           KT_STR_ARG(name));
        name = kt_arena_str(&p->arena, name);
        if (add(p, name, value, err) != KT_OK)
            return err == NULL ? KT_E_INPUT : err->code;
    }
    return KT_OK;
}

/* ---- the body ---- */

static enum kt_status add_json(struct kt_web_params *p, struct kt_str name, const json_t *v,
                               struct kt_error *err)
{
    char number[64];
    struct kt_str text = KT_STR_NONE;
    switch (json_typeof(v)) {
    case JSON_NULL:
        return KT_OK;
    case JSON_TRUE:
        text = KT_STR("true");
        break;
    case JSON_FALSE:
        text = KT_STR("false");
        break;
    case JSON_STRING:
        text = kt_str_from(json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        text = kt_str_of(number);
        break;
    case JSON_REAL:
        (void)snprintf(number, sizeof number, "%.17g", json_real_value(v));
        text = kt_str_of(number);
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        return kt_fail(err, KT_E_INPUT, KT_STR_FMT ": a text, a number or a list of those",
                       KT_STR_ARG(name));
    }
    return add(p, name, kt_arena_str(&p->arena, text), err);
}

static enum kt_status add_member(struct kt_web_params *p, const char *key, const json_t *v,
                                 unsigned of_url, struct kt_error *err)
{
    struct kt_str name = kt_arena_str(&p->arena, kt_str_of(key));
    enum kt_status status = KT_OK;
    if (!name_ok(name))
        return kt_fail(err, KT_E_INPUT, "a key of the body is 1 to %u of a-z and _",
                       NAME_MAX_BYTES);
    for (unsigned i = 0; i < of_url; i++)
        if (kt_str_eq(p->at[i].name, name))
            return kt_fail(err, KT_E_INPUT, KT_STR_FMT " is in the URL and in the body",
                           KT_STR_ARG(name));
    if (!json_is_array(v))
        return add_json(p, name, v, err);
    for (size_t i = 0; i < json_array_size(v) && status == KT_OK; i++)
        status = add_json(p, name, json_array_get(v, i), err);
    return status;
}

enum kt_status kt_web_body(struct kt_web_params *p, struct kt_str json, struct kt_error *err)
{
    json_error_t why;
    json_auto_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return kt_fail(err, KT_E_INPUT, "the body, at byte %d: %s", why.position,
                       kt_utf8_valid(kt_str_of(why.text)) ? why.text : "it is no JSON");
    if (!json_is_object(root))
        return kt_fail(err, KT_E_INPUT, "the body is a JSON object");
    unsigned of_url = p->n;
    enum kt_status status = KT_OK;
    for (void *at = json_object_iter(root); at != NULL && status == KT_OK;
         at = json_object_iter_next(root, at))
        status = add_member(p, json_object_iter_key(at), json_object_iter_value(at), of_url, err);
    return status;
}

/* ---- Host ---- */

static struct kt_str without_port(struct kt_str host)
{
    ptrdiff_t bracket = kt_str_find_byte(host, ']', 0);
    ptrdiff_t colon = kt_str_find_byte(host, ':', bracket < 0 ? 0 : (size_t)bracket);
    uint64_t port;
    if (colon < 0)
        return host;
    return kt_str_u64(kt_str_from_index(host, (size_t)colon + 1), &port) && port <= UINT16_MAX
               ? kt_str_sub(host, 0, (size_t)colon)
               : KT_STR_NONE;
}

bool kt_web_host_ok(struct kt_str host, const struct kt_strings *names)
{
    static const struct kt_str own[] = { KT_STR_INIT("localhost"), KT_STR_INIT("127.0.0.1"),
                                         KT_STR_INIT("[::1]") };
    struct kt_str name = without_port(host);
    for (size_t i = 0; i < KT_ARRAY_LEN(own); i++)
        if (kt_str_eq_nocase(name, own[i]))
            return true;
    for (unsigned i = 0; i < names->n; i++)
        if (name.len > 0 && kt_str_eq_nocase(name, without_port(kt_str_of(names->at[i]))))
            return true;
    return false;
}
