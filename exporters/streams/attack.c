/*
 * attack: the table of techniques.
 *
 * Owns:  the ids. Calls: core/base.
 * Holds: only what a detector's evidence says by itself; a signature or a rule finds many things,
 *        so these name no technique.
 */
#include "exporters/streams/attack.h"

#include "core/base/err.h"

static const struct kt_attack_name
    credentials = { "TA0006", "Credential Access" },
    initial = { "TA0001", "Initial Access" }, impairment = { "TA0112", "Defense Impairment" },
    stores = { "T1555", "Credentials from Password Stores" },
    cloud_stores = { "T1555.006", "Cloud Secrets Management Stores" },
    unsecured = { "T1552", "Unsecured Credentials" },
    in_files = { "T1552.001", "Credentials In Files" }, valid = { "T1078", "Valid Accounts" },
    cloud_accounts = { "T1078.004", "Cloud Accounts" }, brute_force = { "T1110", "Brute Force" },
    modify_tools = { "T1685", NULL }, /* new with v19; its name was not to be had */
    cloud_log = { "T1685.002", "Disable or Modify Cloud Log" };

static const struct kt_attack attacks[] = {
    { "unexpected_ip", KT_ATTACK_BEHAVIORAL, &initial, &valid, &cloud_accounts },
    { "impossible_travel", KT_ATTACK_BEHAVIORAL, &initial, &valid, &cloud_accounts },
    { "dormant", KT_ATTACK_BEHAVIORAL, &initial, &valid, &cloud_accounts },
    { "unusual_time", KT_ATTACK_BEHAVIORAL, &initial, &valid, &cloud_accounts },
    { "shared_network", KT_ATTACK_BEHAVIORAL, &initial, &valid, &cloud_accounts },
    { "volume_spike", KT_ATTACK_STATISTICAL, &credentials, &stores, &cloud_stores },
    { "new_secrets", KT_ATTACK_STATISTICAL, &credentials, &stores, &cloud_stores },
    { "grant_then_read", KT_ATTACK_BEHAVIORAL, &credentials, &stores, &cloud_stores },
    { "ai_agent", KT_ATTACK_BEHAVIORAL, &credentials, &stores, &cloud_stores },
    { "env_file", KT_ATTACK_BEHAVIORAL, &credentials, &unsecured, &in_files },
    { "failed_attempts", KT_ATTACK_STATISTICAL, &credentials, &brute_force, NULL },
    { "silent_source", KT_ATTACK_STATISTICAL, &impairment, &modify_tools, &cloud_log },
    { "salt_change", KT_ATTACK_BEHAVIORAL, &impairment, &modify_tools, NULL },
    { "signatures", KT_ATTACK_RULE, NULL, NULL, NULL },
    { "sigma", KT_ATTACK_RULE, NULL, NULL, NULL },
};

const struct kt_attack *kt_attack_of(const char *detector)
{
    static const struct kt_attack other = { "", KT_ATTACK_RULE, NULL, NULL, NULL };
    for (size_t i = 0; i < KT_ARRAY_LEN(attacks); i++)
        if (kt_str_is(kt_str_of(detector), attacks[i].detector))
            return &attacks[i];
    return &other;
}
