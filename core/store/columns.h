/*
 * columns: what is kept beside the lines of a segment, one value a record, so that most questions
 * need not open a line. The same for records that are not in a segment yet: their columns are made
 * from the lines on the way.
 *
 * A text column is a dictionary (bytewise rising, no entry twice) and a code a record: 0 = absent,
 * c = entry c - 1. A small column is one byte a record.
 */
#pragma once
#include "core/base/buf.h"
#include "core/event/event.h"

/* clang-format off */
#define KT_SMALL_COLUMNS(X)                                                                        \
    X(KIND, ev->kind) X(ACTION, ev->action) X(OUTCOME, ev->outcome) X(ACTOR_KIND, ev->actor_kind)
#define KT_TEXT_COLUMNS(X)                                                                         \
    X(SOURCE, ev->source) X(INSTANCE, ev->instance) X(ACTOR, ev->actor) X(SECRET, ev->secret)      \
    X(IP, ip_bytes(ev)) /* 16 bytes */                                                             \
    X(OPERATION, ev->operation) X(CODE, ev->code) X(HOST, ev->host) X(USER_AGENT, ev->user_agent)
enum kt_column {
    KT_COL_NONE = -1,
#define X(n, get) KT_COL_##n,
    KT_SMALL_COLUMNS(X)
    KT_COL_SMALL,
    KT_COL_TEXT_0 = KT_COL_SMALL - 1, /* so that the next one is KT_COL_SMALL */
    KT_TEXT_COLUMNS(X)
#undef X
    KT_COL_COUNT
};
/* clang-format on */
#define KT_COLUMN(c) (1u << (c))
