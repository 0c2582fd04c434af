/* incident: the first byte chooses the act, the rest is a request or a record of any bytes. What is
 * taken keeps within its bounds, is written to what is read again as the same, and folds. */
#include <assert.h>
#include <string.h>

#include "core/query/incidents.h"

static unsigned secrets_of(const struct kt_incident_act *a)
{
    struct kt_incident_walk w = { 0 };
    struct kt_incident_secret s;
    unsigned n = 0;
    while (kt_incident_secret_next(a, &w, &s)) {
        assert(s.secret.len > 0 && s.secret.len <= KT_INCIDENT_SECRET_MAX &&
               s.n_versions <= KT_INCIDENT_VERSIONS_MAX);
        n++;
    }
    assert(n <= KT_INCIDENT_PART_MAX);
    return n;
}

static void folds(struct kt_incident_act *a)
{
    struct kt_incidents all = { 0 };
    struct kt_incident_act open = { .what = KT_INCIDENT_OPEN, .id = "incident-1", .by = "x" };
    (void)kt_incidents_take(&all, &open);
    memcpy(a->id, open.id, sizeof a->id);
    bool taken = kt_incidents_take(&all, a);
    assert(all.n == 1 && all.at[0]->n_said == 1u + taken);
    (void)kt_incidents_take(&all, a);
    kt_incidents_done(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *json, *second;
    struct kt_incident_act a, again;
    struct kt_jval root;
    struct kt_buf out = { 0 }, twice = { 0 }, said = { 0 };
    unsigned repaired;
    if (json == NULL) {
        json = kt_json_new(KT_JSON_SIMDJSON);
        second = kt_json_new(KT_JSON_SIMDJSON);
    }
    if (size == 0)
        return 0;
    enum kt_incident_what what =
        (enum kt_incident_what)((uint8_t)(data[0] - '0') % KT_INCIDENT_WHATS);
    if (kt_json_parse(json, kt_str_from((const char *)data + 1, size - 1), &root, &repaired,
                      NULL) != KT_OK ||
        kt_incident_read(what, root, &a, NULL) != KT_OK)
        return 0;
    assert(memchr(a.reason, '\0', sizeof a.reason) != NULL && (a.open == 0 || a.forced));
    unsigned n = secrets_of(&a);
    kt_incident_write(&a, &out);
    kt_incident_say(&a, &said);
    enum kt_status st = kt_json_parse(second, kt_buf_str(&out), &root, &repaired, NULL);
    assert(st == KT_OK);
    st = kt_incident_read(what, root, &again, NULL);
    assert(st == KT_OK && secrets_of(&again) == n);
    kt_incident_write(&again, &twice);
    assert(kt_str_eq(kt_buf_str(&out), kt_buf_str(&twice)));
    folds(&a);
    kt_buf_done(&out);
    kt_buf_done(&twice);
    kt_buf_done(&said);
    return 0;
}
