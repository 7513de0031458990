// Hashes of passwords by libcrypt (crypt(5)) and libargon2. Slow on purpose: a hash takes a tenth of a second.
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

/// What a hash by Argon2 may cost: KiB of memory, passes over it, threads.
#define CCRYPT_ARGON2_KIB_MAX 262144
#define CCRYPT_ARGON2_PASSES_MAX 64
#define CCRYPT_ARGON2_LANES_MAX 16

/// Whether `hash` is one by Argon2id or Argon2i, version 1.3, within these limits (RFC 9106).
bool ccrypt_argon2_is_sound(const char *hash);
/// Whether a sound hash is that of the phrase: 1, 0 or a negative errno. From any thread.
int32_t ccrypt_argon2_matches(const char *hash, const void *phrase, size_t length);
/// Makes a hash by Argon2id with a random salt. 0 or a negative errno.
int32_t ccrypt_argon2_make(const void *phrase, size_t length, char hash[CCRYPT_HASH_BYTES]);

#endif
