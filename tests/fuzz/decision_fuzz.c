/* decision: the first byte chooses the decision, the step in an alert's life, or a silence; the
 * rest is a request or a record of any bytes. What is taken keeps within its bounds, and is written
 * to what is read again as the same. */
#include <assert.h>
#include <string.h>

#include "core/event/decision.h"
#include "core/event/step.h"
#include "core/query/silences.h"

static void about_step(enum kt_step_what what, struct kt_jval root)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_buf out = { 0 }, said = { 0 };
    struct kt_step s, again;
    struct kt_jval read;
    unsigned repaired;
    if (kt_step_read(what, root, &s, NULL) == KT_OK) {
        kt_step_say(&s, &said);
        kt_step_write(&s, &out);
        enum kt_status st = kt_json_parse(json, kt_buf_str(&out), &read, &repaired, NULL);
        assert(st == KT_OK);
        st = kt_step_read(what, read, &again, NULL);
        assert(st == KT_OK && strcmp(s.reason, again.reason) == 0 && strcmp(s.by, again.by) == 0 &&
               strcmp(s.alert, again.alert) == 0 && s.verdict == again.verdict);
    }
    kt_buf_done(&out);
    kt_buf_done(&said);
    kt_json_free(json);
}

static void about_silence(struct kt_jval root)
{
    struct kt_json *json = kt_json_new(KT_JSON_SIMDJSON);
    struct kt_buf out = { 0 };
    struct kt_silence s, again;
    struct kt_silences all = { 0 };
    struct kt_jval read;
    unsigned repaired;
    if (kt_silence_read(root, &s, NULL) == KT_OK) {
        assert(s.until > s.from && s.until - s.from <= KT_SILENCE_LAST_MAX);
        kt_silence_write(&s, &out);
        enum kt_status st = kt_json_parse(json, kt_buf_str(&out), &read, &repaired, NULL);
        assert(st == KT_OK);
        st = kt_silence_read(read, &again, NULL);
        assert(st == KT_OK && strcmp(s.match, again.match) == 0 && s.until == again.until);
    }
    kt_silences_take(&all, KT_STR(KT_SILENCE_OP), root, 1);
    kt_silences_take(&all, KT_STR(KT_SILENCE_RM_OP), root, 2);
    kt_silences_take(&all, KT_STR(KT_SILENCE_OVER_OP), root, 3);
    kt_silences_done(&all);
    kt_buf_done(&out);
    kt_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kt_json *json;
    struct kt_decision d, again;
    struct kt_jval root;
    struct kt_buf out = { 0 }, said = { 0 };
    unsigned repaired;
    if (json == NULL)
        json = kt_json_new(KT_JSON_SIMDJSON);
    if (size == 0)
        return 0;
    unsigned which = (uint8_t)(data[0] - '0') % (KT_DECIDE_COUNT + KT_STEP_COUNT + 1);
    enum kt_decision_what what = (enum kt_decision_what)which;
    if (kt_json_parse(json, kt_str_from(data + 1, size - 1), &root, &repaired, NULL) != KT_OK)
        return 0;
    if (which >= KT_DECIDE_COUNT + KT_STEP_COUNT)
        about_silence(root);
    else if (which >= KT_DECIDE_COUNT)
        about_step((enum kt_step_what)(which - KT_DECIDE_COUNT), root);
    if (which >= KT_DECIDE_COUNT || kt_decision_read(what, root, &d, NULL) != KT_OK)
        return 0;
    assert(d.until - d.from <= KT_EXPECT_LAST_MAX);
    assert(memchr(d.reason, '\0', sizeof d.reason) != NULL);
    kt_decision_say(&d, &said);
    kt_decision_write(&d, &out);
    enum kt_status st = kt_json_parse(json, kt_buf_str(&out), &root, &repaired, NULL);
    assert(st == KT_OK);
    st = kt_decision_read(what, root, &again, NULL);
    assert(st == KT_OK && memcmp(&d, &again, sizeof d) == 0);
    kt_buf_done(&out);
    kt_buf_done(&said);
    return 0;
}
