/*
 * fanotify_who: what /proc tells about a process, at once, before it is gone.
 *
 * Owns:  the form of that part of a record (agents/sources/fanotify.c reads it).
 * Calls: core/base, core/event (JSON strings); /proc, /etc/passwd.
 * Holds: of a command line the first three words are handed on, and only to tell which program an
 *        interpreter runs; the source keeps none of them.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/inputs/fanotify_int.h"
#include "core/base/str.h"
#include "core/event/line.h"

#define ANCESTORS_MAX 16u
#define WORDS_MAX     3u
#define WORD_MAX      512u
#define FILE_MAX      4096u
#define UNSET         "4294967295"

/* The first bytes of /proc/PID/NAME; empty when it is gone. */
static struct kt_str read_proc(pid_t pid, const char *name, char room[FILE_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, room, FILE_MAX - 1) : -1;
    if (fd >= 0)
        (void)close(fd);
    return n > 0 ? kt_str_from(room, (size_t)n) : KT_STR_NONE;
}

/* What a link of /proc/PID points to. */
static struct kt_str read_link(pid_t pid, const char *name, char room[FILE_MAX])
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t n = readlink(path, room, FILE_MAX);
    return n > 0 ? kt_str_from(room, (size_t)n) : KT_STR_NONE;
}

/* The i-th word behind "NAME:" in the text of a status file. */
static struct kt_str status_word(struct kt_str text, const char *name, unsigned i)
{
    struct kt_str line, word = KT_STR_NONE;
    size_t length = strlen(name);
    while (kt_str_split(&text, '\n', &line)) {
        if (!kt_str_starts(line, kt_str_from(name, length)))
            continue;
        struct kt_str rest = kt_str_trim(kt_str_from_index(line, length));
        for (unsigned n = 0; n <= i; n++)
            if (!kt_str_split(&rest, '\t', &word))
                return KT_STR_NONE;
        return word;
    }
    return KT_STR_NONE;
}

/* ---- members ---- */

static void member(struct kt_buf *out, const char *name, struct kt_str text)
{
    if (text.len == 0)
        return;
    kt_buf_addf(out, "%s\"%s\":", out->len > 0 && out->at[out->len - 1] == '{' ? "" : ",", name);
    kt_json_quote(out, text);
}

static void words(pid_t pid, struct kt_buf *out)
{
    char room[FILE_MAX];
    struct kt_str rest = read_proc(pid, "cmdline", room), word;
    kt_buf_addz(out, ",\"words\":[");
    for (unsigned n = 0; n < WORDS_MAX && kt_str_split(&rest, '\0', &word); n++) {
        kt_buf_addz(out, n > 0 ? "," : "");
        kt_json_quote(out, kt_str_sub(word, 0, WORD_MAX));
    }
    kt_buf_byte(out, ']');
}

/* The host's own list alone: a directory service may be asked over the network, and we cannot wait.
 */
static void user_name(const char *name, struct kt_str id, struct kt_buf *out)
{
    char room[FILE_MAX];
    struct passwd entry, *found = NULL;
    uint64_t number = 0;
    FILE *f = kt_str_u64(id, &number) && !kt_str_is(id, UNSET) ? fopen("/etc/passwd", "re") : NULL;
    while (f != NULL && fgetpwent_r(f, &entry, room, sizeof room, &found) == 0)
        if (entry.pw_uid == number) {
            member(out, name, kt_str_of(entry.pw_name));
            break;
        }
    if (f != NULL)
        (void)fclose(f);
}

static pid_t parent_of(struct kt_str status)
{
    uint64_t pid = 0;
    return kt_str_u64(status_word(status, "PPid:", 0), &pid) && pid < INT32_MAX ? (pid_t)pid : 0;
}

bool kt_fan_program(pid_t pid, struct kt_buf *out)
{
    char room[FILE_MAX], comm[FILE_MAX];
    struct kt_str exe = read_link(pid, "exe", room);
    member(out, "exe", exe);
    member(out, "comm", kt_str_trim(read_proc(pid, "comm", comm)));
    words(pid, out);
    return exe.len > 0;
}

static void ancestors(pid_t pid, struct kt_buf *out)
{
    char room[FILE_MAX];
    kt_buf_addz(out, ",\"ancestors\":[");
    for (unsigned n = 0; n < ANCESTORS_MAX && pid > 1; n++) {
        kt_buf_addf(out, "%s{\"pid\":\"%d\"", n > 0 ? "," : "", (int)pid);
        (void)kt_fan_program(pid, out);
        kt_buf_byte(out, '}');
        pid = parent_of(read_proc(pid, "status", room));
    }
    kt_buf_byte(out, ']');
}

void kt_fan_who(pid_t pid, struct kt_buf *out)
{
    char room[FILE_MAX], login[FILE_MAX], session[FILE_MAX], cgroup[FILE_MAX], cwd[FILE_MAX];
    (void)kt_fan_program(pid, out); /* first: it is gone soonest */
    member(out, "cwd", read_link(pid, "cwd", cwd));
    struct kt_str status = read_proc(pid, "status", room);
    struct kt_str uid = status_word(status, "Uid:", 0);
    struct kt_str auid = kt_str_trim(read_proc(pid, "loginuid", login));
    member(out, "ppid", status_word(status, "PPid:", 0));
    member(out, "uid", uid);
    member(out, "euid", status_word(status, "Uid:", 1));
    member(out, "auid", auid);
    member(out, "ses", kt_str_trim(read_proc(pid, "sessionid", session)));
    member(out, "cgroup", kt_str_trim(read_proc(pid, "cgroup", cgroup)));
    ancestors(parent_of(status), out);
    user_name("user", uid, out);
    user_name("login", auid, out);
}
