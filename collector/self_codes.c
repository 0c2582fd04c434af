/*
 * self_codes: see the header.
 *
 * Owns:  the words of keytrail's alerts about itself.
 * Calls: core/base.
 */
#include "collector/self_codes.h"

#include <string.h>

#include "core/base/err.h"

#define MIN10  (10 * KT_NS_MIN)
#define HOUR   KT_NS_HOUR
#define HOURS6 (6 * KT_NS_HOUR)
#define TRAIL  "keytrail search 'kind:report operation:trail.*' --since 7d"
#define GAPS   "keytrail coverage --gaps --since 7d"

const struct kt_self_code kt_self_codes[] = {
    /* ---- agents ---- */
    { "identity.violation", KT_SEV_HIGH, MIN10, false, false,
      "Nothing of that is stored, and its records wait in its spool. Its configuration names an "
      "instance that is another agent's or not on its list, or somebody has its key: revoke that "
      "when nobody changed anything.",
      "keytrail agent list" },
    { "agent.twice", KT_SEV_HIGH, HOUR, false, false,
      "What the second one sends is taken as this agent's. Find the copied machine and give it a "
      "key of its own; when there is none, somebody has the key: revoke it and make a new one.",
      "keytrail agent list" },
    { "batch.forked", KT_SEV_HIGH, MIN10, false, false,
      "Its spool was copied or put back, or somebody else signs with its key. What is stored "
      "stays; the agent begins a new count and sends what it has again.",
      "keytrail agent list" },
    { "batch.signature", KT_SEV_HIGH, MIN10, false, false,
      "Its connection is let in and its signature is not: a key was replaced on one side only, or "
      "somebody stands in its place. Its records wait in its spool.",
      "keytrail agent list" },
    { "secret.in_line", KT_SEV_HIGH, MIN10, false, false,
      "Nothing of that record is stored, a line says that it is missing. The agent should have cut "
      "the value: upgrade it, and report what kind of record it was.",
      "keytrail search 'kind:audit operation:secret.in_line' --since 24h" },
    { "quota.exceeded", KT_SEV_MEDIUM, HOUR, false, false,
      "Its records wait in its spool: for a used-up quota until the next day (UTC), old ones "
      "out of order until there is time for them. Find the source that sends so much, or raise "
      "`quota` in its file of agents.d.",
      "keytrail status" },
    { "batch.invalid", KT_SEV_LOW, MIN10, false, false,
      "The agent puts records that cannot be taken into quarantine and goes on; a batch that "
      "is not what it says waits in its spool. One that is newer than the collector does this: "
      "upgrade the collector first.",
      "keytrail agent list" },
    { "agent.revoked", KT_SEV_LOW, MIN10, false, false,
      "Nothing of it is taken. Stop that agent, or let it in again with `keytrail agent add`.",
      "keytrail agent list" },
    { "wire.broken", KT_SEV_LOW, MIN10, false, false,
      "Something with that agent's key does not speak keytrail's language: another version, or no "
      "agent.",
      "keytrail agent list" },
    /* ---- the store ---- */
    { "integrity.failed", KT_SEV_CRITICAL, MIN10, false, false,
      "What lies on the disk is not what was written. The log goes on in a next file, nothing is "
      "mended in place. Copy the files aside, look at the disk, and fill what is lost from the "
      "last "
      "backup.",
      "keytrail verify" },
    { "disk.refuse", KT_SEV_CRITICAL, MIN10, false, true,
      "No event is taken until there is room; agents keep theirs in their spools and wait. Give "
      "the file system room, or move other things away.",
      "keytrail store forecast" },
    { "disk.alert", KT_SEV_HIGH, HOUR, false, true,
      "From 95 % on no event is taken. Give the file system room, or shorten `store.retention`.",
      "keytrail store forecast" },
    { "wal.held", KT_SEV_MEDIUM, HOURS6, false, true,
      "A reader has been at the store for long, and its -wal grows until that one ends: a "
      "forgotten `keytrail sql`, a dump, somebody's SQLite shell.",
      "keytrail doctor" },
    { "retention.unsure", KT_SEV_HIGH, HOUR, false, false,
      "Nothing is removed while a hold may have been lost. Restore the store from the last backup.",
      "keytrail verify" },
    { "clock.jump", KT_SEV_HIGH, HOUR, false, false,
      "Nothing is removed until somebody says that the clock is right: look at it (`timedatectl`), "
      "then `keytrail store trust-clock`.",
      "keytrail search 'kind:audit operation:clock.jump' --since 7d" },
    { "store.restored", KT_SEV_HIGH, HOUR, false, false,
      "You restored it: close this alert. You did not: somebody put an older copy in its place; "
      "keep the files and look who wrote them.",
      "keytrail status" },
    /* ---- the log's proof ---- */
    { "checkpoint.refused", KT_SEV_CRITICAL, HOUR, false, true,
      "The signer knows a log with more records, or another one. A restored backup does that: "
      "bring "
      "the newer store back, or begin anew with `keytrail store new-log`. Nobody restored one: "
      "somebody took records away.",
      "keytrail status" },
    { "checkpoint.late", KT_SEV_HIGH, HOUR, false, true,
      "Events are taken, and what came since could be rewritten unseen. The sentence says what "
      "hinders the signer.",
      "keytrail status" },
    { "checkpoint.signer", KT_SEV_HIGH, MIN10, false, true,
      "It is started again by itself. When it goes on dying, look at the collector's log, and at "
      "the key file's owner and mode.",
      "keytrail doctor" },
    { "log.key", KT_SEV_HIGH, HOUR, false, false,
      "Whoever checks the log has to be told of the new key. Nobody exchanged it: look who wrote "
      "the key file.",
      "keytrail search 'kind:key' --since 30d" },
    { "integrity.contradiction", KT_SEV_CRITICAL, HOUR, false, false,
      "Somebody outside holds a checkpoint that this log cannot be grown from: it was rewritten, "
      "or "
      "restored. Keep the files and both notes before anything else.",
      "keytrail verify" },
    { "log.stale", KT_SEV_HIGH, HOUR, false, false,
      "The agents get no newer proof of the log: the signer stands, or somebody shows them an old "
      "one.",
      "keytrail status" },
    { "copy.failed", KT_SEV_MEDIUM, HOURS6, false, false,
      "Checkpoints are not kept outside this host meanwhile; the newest goes out when the place "
      "answers again.",
      "keytrail status" },
    { "copy.refused", KT_SEV_HIGH, HOURS6, false, false,
      "That place takes no checkpoints: a witness that answers 404 wants the log's vkey, 403 the "
      "new one after an exchange.",
      "keytrail status" },
    /* ---- evidence that agents read ---- */
    { "trail.signature", KT_SEV_CRITICAL, HOUR, false, false,
      "A digest in the bucket is not CloudTrail's. Who can write to the bucket? Their writes are "
      "in the bucket's own log.",
      TRAIL },
    { "trail.chain", KT_SEV_CRITICAL, HOUR, false, false,
      "The chain of digests is broken: one was removed, moved or replaced. Who can write to the "
      "bucket?",
      TRAIL },
    { "trail.changed", KT_SEV_CRITICAL, HOUR, false, false,
      "A log file is not what CloudTrail delivered. What was read of it before is in the log here. "
      "Who can write to the bucket?",
      TRAIL },
    { "trail.missing", KT_SEV_CRITICAL, HOUR, false, false,
      "A log file that CloudTrail delivered is gone. Who can delete in the bucket?", TRAIL },
    { "trail.unread", KT_SEV_HIGH, HOUR, false, false,
      "Something of the trail could not be read, so that nothing can be said of that hour. A "
      "missing right on the bucket is the usual cause.",
      GAPS },
    /* ---- detection and delivery ---- */
    { "detection.failed", KT_SEV_CRITICAL, HOUR, false, true,
      "Either no alerts are made while this lasts (events are stored, and judged when it is "
      "mended), or a part of what the detectors had learned was lost and is learned anew: the "
      "sentence says which.",
      "keytrail doctor" },
    { "delivery.broken", KT_SEV_MEDIUM, HOURS6, false, true,
      "Its alerts wait in the queue. `keytrail notify test` says what it answers now.",
      "keytrail notify queue" },
    { "delivery.dead", KT_SEV_MEDIUM, HOURS6, false, false,
      "It was not told to this target, and is not sent again by itself: mend what its answer "
      "names, "
      "then `keytrail notify retry`.",
      "keytrail notify dead" },
    { "stream.broken", KT_SEV_MEDIUM, HOURS6, false, false,
      "Its events wait, none is lost; it goes on where it stood when the target answers.",
      "keytrail stream list" },
    { "stream.dead", KT_SEV_MEDIUM, HOURS6, false, false,
      "The target took the others and never this one; it stays in the log here.",
      "keytrail stream list" },
    { "geoip.broken", KT_SEV_MEDIUM, HOURS6, false, true,
      "Addresses that are new get no country and no network from it, and unexpected_ip sees less.",
      "keytrail geoip status" },
    /* ---- changes: no alerts ---- */
    { "source.added", KT_SEV_INFO, 0, true, false, NULL, NULL },
    { "agents.changed", KT_SEV_INFO, 0, true, false, NULL, NULL },
    { "collector.upgraded", KT_SEV_INFO, 0, true, false, NULL, NULL },
    { "retention.changed", KT_SEV_INFO, 0, true, false, NULL, NULL },
    { "detectors.changed", KT_SEV_INFO, 0, true, false, NULL, NULL },
    { "log.accepted", KT_SEV_INFO, 0, true, false, NULL, NULL },
};

size_t kt_self_codes_count(void)
{
    return KT_ARRAY_LEN(kt_self_codes);
}

const struct kt_self_code *kt_self_code_of(const char *code)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(kt_self_codes); i++)
        if (strcmp(kt_self_codes[i].code, code) == 0)
            return &kt_self_codes[i];
    return NULL;
}
