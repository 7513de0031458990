// Hashes of passwords by libcrypt (crypt(5)). Slow on purpose: a hash takes a tenth of a second.
#ifndef CCRYPT_H
#define CCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of a hash at most, its NUL included.
#define CCRYPT_HASH_BYTES 384
/// Bytes of a password at most, its NUL included.
#define CCRYPT_PHRASE_BYTES 512

/// Whether `hash` is by a method that is known and no legacy of times when computers were slow.
bool ccrypt_is_sound(const char *hash);
/// Hashes a phrase by the method, with the parameters and the salt of `setting`, which may be a hash. 0 or a negative
/// errno. From any thread.
int32_t ccrypt_hash(const char *phrase, const char *setting, char hash[CCRYPT_HASH_BYTES]);
/// Makes a setting with a random salt. `prefix`: of crypt(5), `$y$`; `cost`: 0 for the method's own. 0 or a negative
/// errno.
int32_t ccrypt_make_setting(const char *prefix, uint32_t cost, char setting[CCRYPT_HASH_BYTES]);

#endif
