#define _GNU_SOURCE
#include "CCrypt.h"

#include <argon2.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    salt_bytes = 16,
    hash_bytes = 32,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The method that a hash begins with; false for another's.
static bool read_method(const char *hash, argon2_type *type) {
    *type = strncmp(hash, "$argon2id$", 10) ? Argon2_i : Argon2_id;
    return *type == Argon2_id || !strncmp(hash, "$argon2i$", 9);
}

bool ccrypt_argon2_is_sound(const char *hash) {
    argon2_type type;
    unsigned memory, passes, lanes;
    int read = 0;
    if (!read_method(hash, &type) || strlen(hash) >= CCRYPT_HASH_BYTES) return false;
    const char *values = strchr(hash + 1, '$');
    if (sscanf(values, "$v=19$m=%9u,t=%9u,p=%9u$%n", &memory, &passes, &lanes, &read) != 3 || !read) return false;
    if (memory > CCRYPT_ARGON2_KIB_MAX || passes > CCRYPT_ARGON2_PASSES_MAX || lanes > CCRYPT_ARGON2_LANES_MAX ||
        !passes || !lanes || memory < 8 * lanes)
        return false;
    const char *salt = values + read;
    size_t salt_length = strspn(salt, alphabet);
    const char *end = salt + salt_length;
    size_t hash_length = *end == '$' ? strspn(end + 1, alphabet) : 0;
    return salt_length >= 11 && salt_length <= 86 && hash_length >= 16 && hash_length <= 172 && !end[1 + hash_length];
}

int32_t ccrypt_argon2_matches(const char *hash, const void *phrase, size_t length) {
    argon2_type type;
    if (!read_method(hash, &type)) return -EINVAL;
    switch (argon2_verify(hash, phrase, length, type)) {
    case ARGON2_OK: return 1;
    case ARGON2_VERIFY_MISMATCH: return 0;
    case ARGON2_MEMORY_ALLOCATION_ERROR: return -ENOMEM;
    default: return -EINVAL;
    }
}

int32_t ccrypt_argon2_make(const void *phrase, size_t length, char hash[CCRYPT_HASH_BYTES]) {
    uint8_t salt[salt_bytes];
    if (getrandom(salt, sizeof salt, 0) != sizeof salt) return -EIO;
    // The second choice of RFC 9106 section 4, on one thread.
    int result = argon2id_hash_encoded(
        3, 64 << 10, 1, phrase, length, salt, sizeof salt, hash_bytes, hash, CCRYPT_HASH_BYTES);
    return result == ARGON2_OK ? 0 : result == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EINVAL;
}
