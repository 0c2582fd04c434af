/* limits: every maximum of the program, in one place (DESIGN §11, THREATS I1). */
#pragma once

#define KT_RECORD_MAX                                                                              \
    (1u << 20) /* bytes of one source record that is decoded; longer ones are streamed past */
#define KT_LINE_MAX (256u << 10) /* bytes of one canonical line */
#define KT_STRING_MAX                                                                              \
    (64u << 10) /* bytes of one kept string; longer ones are cut and marked `repaired` */
#define KT_KEY_MAX                256u /* bytes of an object key */
#define KT_JSON_DEPTH_MAX         64u
#define KT_JSON_MEMBERS_MAX       2000u /* members of one object */
#define KT_SECRETS_PER_RECORD_MAX 64u

#define KT_BATCH_EVENTS        256u         /* a batch closes at this, or … */
#define KT_BATCH_EVENTS_BEHIND 1024u        /* … this when the agent is behind */
#define KT_BATCH_BYTES         (256u << 10) /* uncompressed */
#define KT_BATCH_BYTES_BEHIND  (1u << 20)
#define KT_BATCH_DELAY_MS      50
#define KT_BATCH_EVENTS_MAX    5000u /* what the collector takes */
#define KT_BATCH_PACKED_MAX    (4u << 20)
#define KT_BATCH_RAW_MAX       (16u << 20)
#define KT_BATCH_RATIO_MAX     100u
#define KT_INFLIGHT_MAX        32u /* batches sent and not acknowledged */

#define KT_FOLD_MAX         200000u    /* requests waiting for their response, one source */
#define KT_GROUPS_MAX       4096u      /* events waiting for the rest of their lines, one source */
#define KT_DEDUPE_RECENT    (2u << 20) /* ids held in memory (32 MiB) */
#define KT_CONFIG_MAX       (1u << 20)
#define KT_CONFIG_DEPTH_MAX 16u
#define KT_SETTINGS_MAX     (4u << 20) /* of its text and files together: the log records both */

#define KT_IDENTITIES_BYTES   (15u << 18) /* of identities_file, also as it is recorded */
#define KT_IDENTITIES_MAX     50000u
#define KT_IDENTITY_ALIASES   200000u /* of all together */
#define KT_IDENTITY_GLOBS     1000u   /* of them with a `*`: each is tried on a name that is new */
#define KT_IDENTITY_SHIFTS    100000u /* on call, of all together */
#define KT_IDENTITY_NAME_MAX  127u    /* bytes */
#define KT_IDENTITY_ALIAS_MAX 256u

#define KT_AGENTS_MAX     4096u
#define KT_HTTP_REPLY_MAX (64u << 10)
#define KT_COPIES_MAX     8u  /* of checkpoints */
#define KT_STREAMS_MAX    16u /* a thread and some 16 MiB each */
#define KT_NAME_MAX       64u /* agent and instance names */
/* What the detectors know. Beyond these the least recently used is forgotten for good, and counted;
 * how much of it is in memory is another question. */
#define KT_ACTORS_MAX       120000u
#define KT_FACTS_MAX        50000u      /* addresses that somebody got in from */
#define KT_STRANGERS_MAX    20000u      /* addresses that nobody got in from */
#define KT_ASIDE_BLOCKS_MAX 250000u     /* of eight numbers that wait 24 h to be counted */
#define KT_DETECT_STATE_MAX (64u << 20) /* bytes of all that in memory */
#define KT_DETECT_ROWS_MAX  (24u << 20) /* of what left memory and waits for a save; and of one */

/* Routes of alerts (docs/routing.md). */
#define KT_ROUTES_MAX      100u
#define KT_ESCALATIONS_MAX 10u /* of one route */
#define KT_QUIETS_MAX      8u  /* of one route */
#define KT_PAGES_MAX       4096u /* alerts that wait for a repeat, an escalation, the end of a night */

/* Rules in the form of Sigma (docs/sigma.md). */
#define KT_RULES_MAX       1000u /* of one configuration */
#define KT_RULES_FILES_MAX 2000u
#define KT_RULES_BYTES_MAX (4u << 20) /* of their files together */
#define KT_RULES_VALUES    20000u     /* values that they compare with, together */
#define KT_RULE_NODES_MAX  4096u      /* of one rule's condition, written out */
#define KT_RULE_VALUE_MAX  1024u      /* bytes of one value */
#define KT_RULES_REGEX_MAX 200u       /* expressions, together; 256 KiB each */
#define KT_RULE_WINDOW_MAX 100u       /* events that a correlation counts up to */

/* Budget of the collector: cache 48, detector state 64, ids 32, network 32, rest 24 MiB = 200 MiB.
 */
#define KT_STORE_CACHE_KIB (48 * 1024)
