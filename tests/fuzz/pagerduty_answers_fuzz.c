/* pagerduty_answers: hostile replies of the REST API. What is told has an id, a name and a time;
 * ids go into paths. The first byte chooses the status. */
#include "core/base/alloc.h"
#include "exporters/alerts/pagerduty_answers.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 200, 404, 429 };
    static struct kt_answer found[KT_ANSWERS_PAGE];
    struct kt_answer_place place = { .alert = "3NJ1RZ8VZ2G4K0YQ5T7W9XABCD" };
    unsigned n;
    bool more;
    char word[64];
    if (size == 0)
        return 0;
    struct kt_target_reply reply = { statuses[data[0] % 4], kt_str_from(data + 1, size - 1) };
    for (int i = 0; i < 2; i++) { /* once more from where it got to */
        (void)kt_pagerduty_hear(&reply, &place, found, &n, &more, word);
        assert(n <= KT_ANSWERS_PAGE && strlen(word) < sizeof word);
        assert(strlen(place.subject) < sizeof place.subject);
        for (unsigned k = 0; k < n; k++)
            assert(found[k].entry[0] != '\0' && found[k].by[0] != '\0' &&
                   kt_utf8_valid(kt_str_of(found[k].by)));
        struct kt_arena arena = kt_arena_new(4096);
        struct kt_target_request r = { 0 };
        enum kt_status st = kt_pagerduty_ask("https://x", KT_STR("t"), &place, &arena, &r, NULL);
        assert(st == KT_OK && !kt_str_has(r.url, KT_STR("..")));
        kt_arena_done(&arena);
    }
    return 0;
}
