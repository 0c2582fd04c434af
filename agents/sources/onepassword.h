/* onepassword, inside: what the files of this source share. Nobody else includes this. */
#pragma once
#include "agents/poll.h"
#include "agents/source.h"
#include "core/event/keep.h"

/* What an audit event is about, and so where its vault stands. */
enum op_object {
    OP_OBJECT_OTHER,
    OP_OBJECT_ITEM,   /* object_uuid is the item, aux_uuid its vault */
    OP_OBJECT_VAULT,  /* object_uuid is a vault: all that is in it */
    OP_OBJECT_ENTRY,  /* somebody's access to a vault: object_uuid is the vault */
    OP_OBJECT_ACCESS, /* who or what can sign in: user, device, service account, token … */
};
enum op_object kt_op_object_of(struct kt_str object_type);
/* KT_ACT_OTHER for words that the tables do not have. */
enum kt_action kt_op_usage_verb(struct kt_str action);
enum kt_action kt_op_audit_verb(struct kt_str action, enum op_object object);
enum kt_action kt_op_connect_verb(struct kt_str action);
enum kt_outcome kt_op_signin_outcome(struct kt_str category);

extern const struct kt_keep kt_op_keep_root[];
extern const char *const kt_op_known_keys[];
extern const struct kt_poll kt_onepassword_poll;
