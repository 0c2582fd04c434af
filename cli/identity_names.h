/* identity_names: what the name of an actor says about who it is. Pure. */
#pragma once
#include "core/base/str.h"

#define KT_NAME_KEY_MAX 64u

struct kt_name {                /* "alice.smith@acme.example", "asmith@web1", "person" */
    struct kt_str local, where; /* before and behind the last '@' */
    bool email;                 /* where is a domain, and an account there belongs to one person */
    char key[KT_NAME_KEY_MAX];  /* local in lower case, letters and digits only; empty: says nothing
                                 */
};
/* Views into actor. */
struct kt_name kt_name_of(struct kt_str actor);
/* The key of "Alice Smith" as an e-mail would have it ("alicesmith"), and with the first name's
 * initial ("asmith"); empty for what is not two or three words of letters. */
void kt_name_of_display(struct kt_str display, char ret_full[KT_NAME_KEY_MAX],
                        char ret_initial[KT_NAME_KEY_MAX]);
/* "alice.smith" -> "asmith"; empty without two parts. */
void kt_name_initial(struct kt_str local, char ret[KT_NAME_KEY_MAX]);
/* A word that many machines and teams use for an account: root, admin, ubuntu, deploy … */
bool kt_name_is_generic(const char *key);
/* Is one of them a second account, for another purpose or of another person: alice and alice-admin,
 * alice.smith and alice.smith2? */
bool kt_name_is_second(struct kt_str a, struct kt_str b);
