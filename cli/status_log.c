/*
 * status_log: see the header.
 *
 * Owns:  nothing.
 * Calls: core/proof (the note), cli (log_keys); stdout.
 */
#include "cli/status_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/log_keys.h"
#include "cli/store_cmd.h"
#include "core/base/enc.h"
#include "core/base/log.h"
#include "core/event/line.h"
#include "core/proof/note.h"

#define NAMES_SHOWN 5u

static void add_cosigners(const struct kt_checkpoint *cp, struct kt_buf *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < cp->n; i++) {
        if (kt_str_eq(cp->signature[i].name, cp->origin))
            continue;
        if (n++ >= NAMES_SHOWN)
            continue;
        kt_buf_addz(out, n == 1 ? "; cosigned by " : ", ");
        kt_tty_add(out, cp->signature[i].name);
    }
    if (n > NAMES_SHOWN)
        kt_buf_addf(out, " and %u others", n - NAMES_SHOWN);
    if (n == 0)
        kt_buf_addz(out, "; cosigned by nobody");
}

static void print_keys(struct kt_str hex)
{
    struct kt_str line;
    while (kt_str_split(&hex, '\n', &line) && line.len > 0) {
        uint8_t key[32];
        char print[KT_FINGERPRINT];
        if (kt_hex_decode(line, key, sizeof key))
            printf("log key    %s\n", kt_log_fingerprint(key, print));
    }
}

void kt_status_log_print(const struct kt_log_head *l, uint64_t records, struct kt_jval live,
                         kt_time_ns now)
{
    KT_CLEANUP(kt_buf_done) struct kt_buf text = { 0 };
    struct kt_checkpoint cp;
    struct kt_str why = kt_json_str_at(live, "why");
    char age[KT_TIME_TEXT_MAX], a[KT_COUNT_TEXT], b[KT_COUNT_TEXT];
    if (l->note.len == 0) {
        kt_buf_addz(&text, "none: whoever owns this host can rewrite the log unseen");
    } else if (kt_checkpoint_read(kt_buf_str(&l->note), &cp, NULL) != KT_OK) {
        kt_buf_addz(&text, "damaged: run keytrail verify");
    } else {
        kt_buf_addf(&text, "%s of %s records, signed %s ago", kt_count_text(cp.head.size, a),
                    kt_count_text(records, b),
                    kt_duration_format(now > l->at ? now - l->at : 0, age));
        add_cosigners(&cp, &text);
    }
    printf("checkpoint %s\n", kt_buf_z(&text));
    if (why.len > 0) {
        kt_buf_reset(&text);
        kt_tty_add(&text, why);
        printf("           %s: %s\n",
               kt_json_bool(kt_json_at(live, "refused"), false) ? "REFUSED" : "not signed now",
               kt_buf_z(&text));
    }
    print_keys(kt_buf_str(&l->keys));
}
