/* notify: parts of the command notify. */
#pragma once

/* `notify keygen`: a key file's two lines on stdout, the public key and what to do on stderr. */
int kt_notify_keygen(void);
