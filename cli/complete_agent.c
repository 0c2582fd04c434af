/*
 * complete_agent: the values that completion of keytrail-agent offers.
 *
 * Owns:  nothing.
 * Calls: the registry of sources, the agent's configuration that the line names.
 */
#include "agents/source.h"
#include "cli/commands.h"
#include "cli/complete.h"
#include "cli/complete_values.h"
#include "core/config/config.h"

static void sources(struct kt_complete *c)
{
    for (unsigned i = 0; kt_sources[i] != NULL; i++)
        (void)kt_complete_offer(c, kt_str_of(kt_sources[i]->name),
                                kt_str_of(kt_sources[i]->summary));
}

static void instances(struct kt_complete *c)
{
    struct kt_agent_conf *conf = NULL;
    struct kt_error err = { 0 };
    const char *path = kt_complete_config(c);
    if (kt_agent_conf_load(path != NULL ? path : KT_CONFIG_AGENT, &conf, &err) == KT_OK)
        for (unsigned i = 0; i < conf->n_sources; i++)
            (void)kt_complete_offer(c, kt_str_of(conf->sources[i].id),
                                    kt_str_of(conf->sources[i].type));
    kt_agent_conf_free(conf);
}

static const struct kt_values kinds[] = {
    { "SOURCE", NULL, false, false, sources },
    { "INSTANCE", NULL, false, false, instances },
    KT_VALUES_COMMON,
    { 0 },
};

int kt_complete_agent(int argc, char **argv)
{
    return kt_complete_main(kt_program_agent, kinds, argc, argv);
}
