/*
 * part_keep: that the log is kept, and that it is what it was: retention with removals and holds,
 * the tree and its checkpoints.
 *
 * Owns:  nothing.
 * Calls: parts, doc.
 */
#include "core/base/enc.h"
#include "exporters/reports/parts.h"

/* ---- retention ---- */

static const struct kt_doc_column hold_columns[] = {
    { "id", "Hold", KT_DOC_TEXT },       { "added", "Since", KT_DOC_TIME },
    { "removed", "Ended", KT_DOC_TIME }, { "from", "Of accesses from", KT_DOC_TIME },
    { "until", "until", KT_DOC_TIME },   { "query", "Of what", KT_DOC_TEXT },
    { "by", "By", KT_DOC_TEXT },         { "reason", "Why", KT_DOC_TEXT },
};

static void list_holds(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "holds",
                                     .title = "Holds: what may not be removed",
                                     .columns = hold_columns,
                                     .n = KT_ARRAY_LEN(hold_columns),
                                     .shown = 50,
                                     .query = "keytrail hold list --all",
                                     .empty = "There was no hold." };
    kt_part_table(e, &t);
    for (unsigned i = 0; i < e->holds.n; i++) {
        const struct kt_hold *h = &e->holds.at[i];
        const struct kt_doc_cell cells[] = {
            kt_doc_text(kt_str_of(h->id)),
            kt_part_when(h->added),
            kt_part_when(h->removed),
            kt_part_when(h->since),
            kt_part_when(h->until),
            kt_part_free(e, kt_str_of(h->query)),
            kt_part_actor(e, kt_str_of(h->by)),
            kt_part_free(e, kt_str_of(h->reason)),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static const struct kt_doc_column removal_columns[] = {
    { "at", "When", KT_DOC_TIME },   { "seq", "Record", KT_DOC_COUNT },
    { "what", "What", KT_DOC_TEXT }, { "by", "By", KT_DOC_TEXT },
    { "text", "Why", KT_DOC_TEXT },
};

static void list_removals(struct kt_evidence *e)
{
    const struct kt_part_table t = { .name = "removals",
                                     .title = "Removals and holds in the period",
                                     .columns = removal_columns,
                                     .n = KT_ARRAY_LEN(removal_columns),
                                     .shown = 50,
                                     .query = "keytrail search kind:tombstone,hold",
                                     .empty = "Nothing was removed." };
    kt_part_table(e, &t);
    for (uint32_t i = 0; i < e->changes->n; i++) {
        const struct kt_change *c = &e->changes->at[i];
        if (c->what != KT_CHANGE_RETENTION)
            continue;
        const struct kt_doc_cell cells[] = { kt_part_when(c->at), kt_doc_number((int64_t)c->seq),
                                             kt_part_word(kt_kind_word(c->kind)),
                                             kt_part_actor(e, c->by), kt_part_free(e, c->text) };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
}

static enum kt_status write_retention(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_conf *conf = e->in->conf;
    char when[2][KT_TIME_TEXT_MAX], number[2][KT_PART_NUMBER_MAX];
    (void)err;
    if (conf == NULL)
        kt_doc_alarm(e->doc, "The log records no configuration: how long records are kept by "
                             "policy is not known.");
    else
        kt_doc_para(e->doc, "By configuration a record is kept for %lld days after it was stored.",
                    (long long)(conf->retention / KT_NS_DAY));
    if (conf != NULL && conf->retention < 365 * KT_NS_DAY)
        kt_doc_alarm(e->doc, "Records are kept for less than 365 days.");
    if (e->stats.events == 0)
        kt_doc_para(e->doc, "No event is stored.");
    else
        kt_doc_para(e->doc,
                    "The oldest event that is stored is of %s UTC; the first record came on %s "
                    "UTC. Retention has taken %s events in %s segments so far; their place in the "
                    "tree is kept by tombstones.",
                    kt_time_format_short(e->stats.first_time, when[0]),
                    kt_time_format_short(e->stats.first_arrival, when[1]),
                    kt_part_number(e->stats.removed_events, number[0]),
                    kt_part_number(e->stats.removed_segments, number[1]));
    if (e->stats.removed_events > 0 && e->stats.first_time > e->ask->since)
        kt_doc_alarm(e->doc, "Retention has taken records of the period before this report was "
                             "made.");
    list_holds(e);
    list_removals(e);
    return KT_OK;
}
const struct kt_report_part kt_part_retention = { "retention", "Retention", write_retention };

/* ---- integrity ---- */

static const struct kt_doc_column checkpoint_columns[] = {
    { "from", "Held by", KT_DOC_TEXT },   { "at", "Signed", KT_DOC_TIME },
    { "size", "Records", KT_DOC_COUNT },  { "root", "Root", KT_DOC_TEXT },
    { "agents", "Agents", KT_DOC_COUNT }, { "witnesses", "Witnesses", KT_DOC_COUNT },
    { "by", "By whom", KT_DOC_TEXT },     { "says", "Result", KT_DOC_TEXT },
};

static void list_checkpoints(struct kt_evidence *e, const struct kt_report_proof *p)
{
    const struct kt_part_table t = { .name = "checkpoints",
                                     .title = "Checkpoints, and who signed them by a key that was "
                                              "at hand",
                                     .columns = checkpoint_columns,
                                     .n = KT_ARRAY_LEN(checkpoint_columns),
                                     .shown = 30,
                                     .empty = "There is no checkpoint." };
    kt_part_table(e, &t);
    for (unsigned i = 0; i < p->n_checkpoints; i++) {
        const struct kt_report_checkpoint *c = &p->checkpoint[i];
        char root[65];
        kt_hex(root, c->root, sizeof c->root);
        const struct kt_doc_cell cells[] = {
            kt_doc_text(c->from.len > 0 ? c->from : KT_STR("the store")),
            kt_part_when(c->at),
            kt_doc_number((int64_t)c->size),
            kt_doc_text(kt_str_of(root)),
            kt_doc_number(c->agents),
            kt_doc_number(c->witnesses),
            kt_doc_text(c->by),
            kt_doc_text(c->says),
        };
        kt_part_row(e, cells);
    }
    (void)kt_part_table_end(e);
    if (p->n_checkpoints == 0)
        kt_doc_alarm(e->doc, "There is no checkpoint: whoever can write the store could have "
                             "rewritten all of it.");
}

/* Who could contradict a log that was rewritten as a whole? */
static void alarm_anchor(struct kt_evidence *e, const struct kt_report_proof *p)
{
    char number[KT_PART_NUMBER_MAX];
    if (p->witnessed > 0)
        kt_doc_alarm(e->doc,
                     "The tail of the period is not anchored: nobody outside vouches for it behind "
                     "record %s.",
                     kt_part_number(p->witnessed, number));
    else if (p->cosigned > 0)
        kt_doc_alarm(e->doc,
                     "Nobody outside vouches for the log: agents cosigned it to record %s, and "
                     "their keys are those of the host's own allow-list.",
                     kt_part_number(p->cosigned, number));
    else
        kt_doc_alarm(e->doc, "The log is unanchored: nothing from outside its host could "
                             "contradict it, had all of it been written anew.");
}

static enum kt_status write_integrity(struct kt_evidence *e, struct kt_error *err)
{
    const struct kt_report_proof *p = e->in->proof;
    char number[2][KT_PART_NUMBER_MAX];
    (void)err;
    kt_doc_para(e->doc, "The log is tamper-evident, not tamper-proof: a change is found by whoever "
                        "holds an older checkpoint. Every record is a leaf of one Merkle tree (RFC "
                        "6962, SHA-256); a checkpoint is its size and root, signed.");
    if (p == NULL || p->verified_at == 0)
        kt_doc_alarm(e->doc, "The log was not verified for this report: what it says may "
                             "have been changed.");
    if (p == NULL)
        return KT_OK;
    kt_doc_para(e->doc,
                "Looked at when this package was made (manifest.json says when): records %s to %s "
                "of log " KT_STR_FMT ". Result: " KT_STR_FMT ".",
                kt_part_number(p->first_seq, number[0]), kt_part_number(p->last_seq, number[1]),
                KT_STR_ARG(p->log_id), KT_STR_ARG(p->verdict));
    if (p->failed)
        kt_doc_alarm(e->doc, "The log does not verify: " KT_STR_FMT, KT_STR_ARG(p->verdict));
    else if (!p->anchored)
        alarm_anchor(e, p);
    struct kt_str rest = p->text, line;
    while (rest.len > 0 && kt_str_split(&rest, '\n', &line))
        if (line.len > 0)
            kt_doc_para(e->doc, KT_STR_FMT, KT_STR_ARG(line));
    list_checkpoints(e, p);
    return KT_OK;
}
const struct kt_report_part kt_part_integrity = { "integrity", "Integrity", write_integrity };
