// Asks PAM (pam(8)) about a user and a password. Blocks as long as the modules of the service like.
#ifndef CPAM_H
#define CPAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason at most, its NUL included.
#define CPAM_REASON_BYTES 256

/// What PAM says.
typedef enum cpam_answer {
    cpam_accepted,
    /// The password is wrong, there is no such user, or the account is not to be used.
    cpam_refused,
    /// Nobody can say just now.
    cpam_unavailable,
} cpam_answer;

/// Has the service `service` look at a password and at the account. Nobody is logged in: no credentials are set, and no
/// session is opened. An account without a password is refused, and PAM holds no answer back. From any thread.
///
/// - client: the address that the user comes from; NULL for none.
/// - folder: where the files of services are; NULL for PAM's own.
/// - reason: PAM's words for the answer, without secrets.
cpam_answer cpam_authenticate(
    const char *service, const char *user, const char *password, const char *client, const char *folder,
    char reason[CPAM_REASON_BYTES]);

#endif
