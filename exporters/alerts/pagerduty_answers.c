/*
 * pagerduty_answers: who acknowledged or resolved an incident, from PagerDuty's REST API v2:
 * GET /incidents?incident_key=… and GET /incidents/{id}/log_entries (EXPORTS §1.2).
 *
 * Owns:  nothing.
 * Calls: render.h, jansson. No I/O, no clock.
 * Holds: entries whose agent is no user are left out: an integration's are our own echo, a
 *        service's are timeouts, at which nobody looked.
 */
#include "exporters/alerts/pagerduty_answers.h"

#include <string.h>

#include "core/base/log.h"
#include "exporters/alerts/render.h"

/* Ids go into paths. */
static bool is_id(const char *z)
{
    size_t n = z == NULL ? 0 : strlen(z);
    for (size_t i = 0; i < n; i++)
        if (!((z[i] >= 'A' && z[i] <= 'Z') || (z[i] >= 'a' && z[i] <= 'z') ||
              (z[i] >= '0' && z[i] <= '9')))
            return false;
    return n > 0 && n < KT_ANSWER_KEY;
}

enum kt_status kt_pagerduty_ask(const char *server, struct kt_str token,
                                const struct kt_answer_place *place, struct kt_arena *arena,
                                struct kt_target_request *ret, struct kt_error *err)
{
    if (place->subject[0] == '\0')
        /* A key opens another incident once the one before is resolved: the newest counts. */
        ret->url = kt_arena_fmt(
            arena, "%s/incidents?incident_key=%s&date_range=all&sort_by=created_at:desc&limit=1",
            server, place->alert);
    else
        ret->url = kt_arena_fmt(arena, "%s/incidents/%s/log_entries?limit=%u&offset=%u", server,
                                place->subject, KT_ANSWERS_PAGE, place->offset);
    ret->headers[ret->n_headers++] = KT_STR("Accept: application/vnd.pagerduty+json;version=2");
    ret->headers[ret->n_headers++] =
        kt_arena_cat(arena, KT_STR("Authorization: Token token="), token);
    return arena->full ? kt_fail(err, KT_E_LIMIT, "pagerduty: no room to ask") : KT_OK;
}

static const struct {
    const char *type;
    bool resolved;
} entry_types[] = { { "acknowledge_log_entry", false }, { "resolve_log_entry", true } };

static bool read_entry(const json_t *e, struct kt_answer *ret)
{
    const char *type = json_string_value(json_object_get(e, "type"));
    const char *id = json_string_value(json_object_get(e, "id"));
    const json_t *agent = json_object_get(e, "agent");
    struct kt_str kind = kt_str_of(json_string_value(json_object_get(agent, "type")));
    struct kt_str name = kt_str_of(json_string_value(json_object_get(agent, "summary")));
    struct kt_str at = kt_str_of(json_string_value(json_object_get(e, "created_at")));
    KT_CLEANUP(kt_buf_done) struct kt_buf plain = { 0 };
    size_t i = 0;
    while (i < KT_ARRAY_LEN(entry_types) && !kt_str_is(kt_str_of(type), entry_types[i].type))
        i++;
    *ret = (struct kt_answer){ 0 };
    if (i == KT_ARRAY_LEN(entry_types) || !is_id(id) || name.len == 0 ||
        (!kt_str_is(kind, "user_reference") && !kt_str_is(kind, "user")) ||
        kt_time_parse(at, &ret->at, NULL) != KT_OK)
        return false;
    ret->resolved = entry_types[i].resolved;
    kt_str_copyz(ret->entry, sizeof ret->entry, kt_str_of(id));
    kt_name_add(&plain, name);
    kt_str_copyz(ret->by, sizeof ret->by, kt_utf8_cut(kt_buf_str(&plain), sizeof ret->by - 1));
    return true;
}

static void hear_entries(const json_t *root, const json_t *entries, struct kt_answer_place *place,
                         struct kt_answer *ret, unsigned *ret_n, bool *ret_more)
{
    size_t n = json_array_size(entries);
    for (size_t i = 0; i < n && *ret_n < KT_ANSWERS_PAGE; i++) {
        const json_t *e = json_array_get(entries, i);
        struct kt_str type = kt_str_of(json_string_value(json_object_get(e, "type")));
        *ret_n += read_entry(e, &ret[*ret_n]);
        place->over = place->over || kt_str_is(type, "resolve_log_entry");
    }
    *ret_more = n > 0 && json_is_true(json_object_get(root, "more")) &&
                place->offset + n < KT_PAGERDUTY_ENTRIES_MAX;
    place->offset = *ret_more ? place->offset + (uint32_t)n : 0;
    if (*ret_more)
        return;
    if (place->over) /* whoever resolved it: what comes next is another incident */
        place->subject[0] = '\0';
    place->over = false;
}

enum kt_verdict kt_pagerduty_hear(const struct kt_target_reply *reply,
                                  struct kt_answer_place *place, struct kt_answer *ret,
                                  unsigned *ret_n, bool *ret_more, char word[64])
{
    json_auto_t *root =
        json_loadb(reply->body.at != NULL ? reply->body.at : "", reply->body.len, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    const json_t *incidents = json_object_get(root, "incidents");
    const json_t *entries = json_object_get(root, "log_entries");
    const char *id = json_string_value(json_object_get(json_array_get(incidents, 0), "id"));
    enum kt_verdict v = kt_render_judge(reply->status);

    *ret_n = 0;
    *ret_more = false;
    if (v != KT_DELIVERED) {
        kt_render_word(kt_str_of(json_string_value(json_object_get(error, "message"))),
                       reply->status, word);
        if (reply->status == 404) /* merged or deleted there: look it up anew */
            place->subject[0] = '\0';
        return v;
    }
    if (!json_is_array(entries) && !json_is_array(incidents)) { /* whoever it was */
        kt_render_word(KT_STR("no_entries"), reply->status, word);
        return KT_RETRY;
    }
    kt_render_word(KT_STR("ok"), reply->status, word);
    if (json_is_array(entries)) {
        hear_entries(root, entries, place, ret, ret_n, ret_more);
    } else if (is_id(id)) {
        kt_str_copyz(place->subject, sizeof place->subject, kt_str_of(id));
        place->offset = 0;
        *ret_more = true;
    }
    return v;
}
