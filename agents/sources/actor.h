/* actor: how all sources spell who did it (DETECTION §2.1), so that one person is one actor. */
#pragma once
#include "core/base/arena.h"

/* One '@', something before it, a dot behind it, no blanks. */
bool kt_actor_is_email(struct kt_str s);
/* ASCII lower case, in arena (or s itself when nothing changes). */
struct kt_str kt_actor_lower(struct kt_arena *a, struct kt_str s);
/* "name@where"; an e-mail stays alone, in lower case. Empty name: empty. Empty where: "-". */
struct kt_str kt_actor_at(struct kt_arena *a, struct kt_str name, struct kt_str where);
/* "namespace/account@k8s". */
struct kt_str kt_actor_k8s(struct kt_arena *a, struct kt_str ns, struct kt_str account);
/* The same of "system:serviceaccount:NAMESPACE:ACCOUNT", as tokens and users say it; empty when
 * user is no such account. */
struct kt_str kt_actor_k8s_account(struct kt_arena *a, struct kt_str user);

/* The name of an account that the chart of External Secrets Operator makes: its release's, such as
 * external-secrets or eso-external-secrets. */
bool kt_actor_is_external_secrets(struct kt_str account);

/* "AWSReservedSSO_Admin_0123456789abcdef" -> "Admin"; empty when it is no SSO role. */
struct kt_str kt_actor_permission_set(struct kt_str role);
/* arn:aws:sts::111122223333:assumed-role/ROLE/SESSION; malformed ones too, by their slashes. Both
 * stay as they are when it is none. */
void kt_actor_assumed_role(struct kt_str arn, struct kt_str *ret_role, struct kt_str *ret_session);
/* An AWS identity by its ARN alone, spelled as CloudTrail spells it. */
struct kt_actor_aws {
    struct kt_str actor, role, session;
    bool is_human, is_root;
};
/* false when arn names no role, user or root. */
bool kt_actor_aws(struct kt_arena *a, struct kt_str arn, struct kt_actor_aws *ret);
