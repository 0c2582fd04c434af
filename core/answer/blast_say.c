/*
 * blast_say: the blast radius in words.
 *
 * Owns:  nothing.
 * Calls: core/answer/blast's structs.
 */
#include "core/answer/blast.h"

const char *kt_blast_list_word(enum kt_blast_list which)
{
    static const char *const words[] = {
        [KT_BLAST_ADDRESSES] = "addresses",      [KT_BLAST_ACTORS] = "actors",
        [KT_BLAST_SOURCES] = "sources",          [KT_BLAST_CREDENTIALS] = "credentials",
        [KT_BLAST_NAMES] = "names only",         [KT_BLAST_SETS] = "read whole",
        [KT_BLAST_FAILED] = "refused or failed", [KT_BLAST_DEEDS] = "changed",
    };
    return words[which];
}

static void add_plural(struct kt_buf *out, uint64_t n, const char *thing)
{
    kt_buf_addf(out, "%llu %s%s", (unsigned long long)n, thing, n == 1 ? "" : "s");
}

void kt_blast_sum(const struct kt_blast *b, int zone_offset_s, struct kt_buf *out)
{
    kt_time_ns zone = zone_offset_s * KT_NS_S;
    char first[KT_TIME_TEXT_MAX], last[KT_TIME_TEXT_MAX];
    if (b->records == 0) {
        kt_buf_addz(out, "no record of it");
        return;
    }
    add_plural(out, b->reads, "read");
    kt_buf_addz(out, " of ");
    add_plural(out, b->n_secrets, "secret");
    kt_buf_addf(out, "; still exposed %u", b->open);
    if (b->open > 0)
        kt_buf_addf(out, " (%u of production)", b->open_production);
    for (int i = 0; i < KT_EXPOSURE_COUNT; i++)
        if (b->by_exposure[i] > 0 && !kt_exposure_is_open((enum kt_exposure)i))
            kt_buf_addf(out, ", %s %u", kt_exposure_word((enum kt_exposure)i), b->by_exposure[i]);
    kt_buf_addf(out, "; %llu refused or failed; ", (unsigned long long)b->failed);
    add_plural(out, b->records, "record");
    kt_buf_addf(out, " from %s to %s", kt_time_format_short(b->first + zone, first),
                kt_time_format_short(b->last + zone, last));
}

void kt_blast_readers(const struct kt_secret_state *st, unsigned most, struct kt_buf *out)
{
    for (unsigned i = 0; i < st->n_readers && i < most; i++)
        kt_buf_addf(out, "%s" KT_STR_FMT " (%llu)", i > 0 ? ", " : "",
                    KT_STR_ARG(st->reader[i].actor), (unsigned long long)st->reader[i].reads);
    if (st->n_readers > most)
        kt_buf_addf(out, ", and %u more", st->n_readers - most);
}

void kt_blast_versions(const struct kt_secret_state *st, struct kt_buf *out)
{
    for (unsigned i = 0; i < st->n_versions; i++)
        kt_buf_addf(out, "%s" KT_STR_FMT, i > 0 ? " " : "", KT_STR_ARG(st->version[i]));
    if (st->n_versions == KT_STATE_VERSIONS)
        kt_buf_addz(out, " …");
}
