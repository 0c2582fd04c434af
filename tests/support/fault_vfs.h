/*
 * fault_vfs: an SQLite VFS around the real one whose n-th writing call or read fails, and which can
 * lose what was not synced, as a power cut does. One at a time in a process.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_WRITE, /* the n-th writing call, or sync, fails half done, with an I/O error */
    FAULT_SYNC,  /* the n-th sync fails; no other call is counted */
    FAULT_FULL,  /* the n-th writing call and all later ones find the disk full; not counted: syncs
                  */
    FAULT_CRASH, /* from the n-th writing call on nothing works any more */
    FAULT_READ,  /* the n-th read fails, with an I/O error; writing calls are not counted */
};
#define FAULT_VFS "keytrail-fault"

/* Registers the VFS (once) and arms it; fail_at 0 = never. Forgets everything unsynced. */
void fault_vfs_arm(enum fault_kind kind, unsigned long fail_at);
/* Did the fault happen? */
bool fault_vfs_fired(void);
unsigned long fault_vfs_syncs(void); /* that went well since it was armed */
/* After the files were closed: unsynced writes are undone; some of them, by chance, stay, whole or
 * torn. Then works again, unarmed. */
void fault_vfs_power_cut(uint64_t seed);
