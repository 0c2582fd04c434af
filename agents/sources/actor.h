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
