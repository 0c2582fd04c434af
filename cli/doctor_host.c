/*
 * doctor_host: what the machine itself must give: a clock that is kept, files enough, users.
 *
 * Owns:  nothing.
 * Calls: adjtimex, getrlimit, the user database.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/doctor.h"

#define FILES_MIN 1024u

static void clock_of(struct kt_doctor *d)
{
    struct timex t = { 0 };
    struct kt_store_stats stats;
    int state = adjtimex(&t);
    bool late = d->reader != NULL && kt_reader_stats(d->reader, &stats, NULL) == KT_OK &&
                stats.last_stored > d->now + KT_NS_S;
    if (late) {
        char by[KT_TIME_TEXT_MAX];
        kt_doctor_say(d, KT_DOCTOR_BAD, "clock", "set the clock, then keytrail store trust-clock",
                      "the newest record was stored %s in the future of this clock",
                      kt_duration_format(stats.last_stored - d->now, by));
    } else if (state == TIME_ERROR) {
        kt_doctor_say(d, KT_DOCTOR_WARN, "clock", "timedatectl set-ntp true, or run chrony",
                      "nothing keeps this clock: the kernel calls it unsynchronised");
    } else {
        kt_doctor_say(d, KT_DOCTOR_OK, "clock", NULL, "kept by the system");
    }
}

/* Sockets of agents, segments of the store, the outbox: what the collector would get if it began
 * here. */
static void limits(struct kt_doctor *d)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    if (files.rlim_cur < FILES_MIN)
        kt_doctor_say(d, KT_DOCTOR_WARN, "open files", "LimitNOFILE=65536 in the unit",
                      "only %llu may be open here", (unsigned long long)files.rlim_cur);
    else
        kt_doctor_say(d, KT_DOCTOR_OK, "open files", NULL, "%llu may be open here",
                      (unsigned long long)files.rlim_cur);
}

static bool is_member(const char *user, const struct group *g)
{
    const struct passwd *p = getpwnam(user);
    for (char **m = g->gr_mem; *m != NULL; m++)
        if (strcmp(*m, user) == 0)
            return true;
    return p != NULL && p->pw_gid == g->gr_gid;
}

/* Of an installation; who runs keytrail out of a folder needs none. */
static void users(struct kt_doctor *d)
{
    static const char units[] = "keytrail-collector.service", page[] = "keytrail-dashboard";
    if (!kt_str_starts(kt_str_of(d->store), KT_STR("/var/lib/keytrail/")))
        return;
    const struct group *readers = getgrnam("keytrail-read");
    if (getpwnam("keytrail") == NULL || readers == NULL) {
        kt_doctor_say(d, KT_DOCTOR_WARN, "users", "systemd-sysusers",
                      "the user keytrail or the group keytrail-read is missing (%s runs as them)",
                      units);
    } else if (getpwnam(page) == NULL) {
        kt_doctor_say(d, KT_DOCTOR_WARN, "users", "systemd-sysusers",
                      "the page's own user %s is missing", page);
    } else if (!is_member(page, readers)) {
        kt_doctor_say(d, KT_DOCTOR_BAD, "users", "usermod -aG keytrail-read keytrail-dashboard",
                      "the page's user %s cannot read the store", page);
    } else {
        kt_doctor_say(d, KT_DOCTOR_OK, "users", NULL, "keytrail writes, %s reads", page);
    }
}

void kt_doctor_host(struct kt_doctor *d)
{
    clock_of(d);
    limits(d);
    users(d);
}
