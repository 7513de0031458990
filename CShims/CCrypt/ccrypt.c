#define _GNU_SOURCE
#include "CCrypt.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(CCRYPT_HASH_BYTES == CRYPT_OUTPUT_SIZE, "a hash of libcrypt");
_Static_assert(CCRYPT_PHRASE_BYTES == CRYPT_MAX_PASSPHRASE_SIZE, "a phrase of libcrypt");

bool ccrypt_is_sound(const char *hash) { return hash[0] == '$' && crypt_checksalt(hash) == CRYPT_SALT_OK; }

int32_t ccrypt_hash(const char *phrase, const char *setting, char hash[CCRYPT_HASH_BYTES]) {
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data) return -ENOMEM;
    const char *made = crypt_rn(phrase, setting, data, sizeof *data);
    int32_t result = made ? 0 : errno > 0 ? -errno : -EINVAL;
    if (made) snprintf(hash, CCRYPT_HASH_BYTES, "%s", made);
    explicit_bzero(data, sizeof *data);
    free(data);
    return result;
}

int32_t ccrypt_make_setting(const char *prefix, uint32_t cost, char setting[CCRYPT_HASH_BYTES]) {
    char *made = crypt_gensalt_rn(prefix, cost, NULL, 0, setting, CCRYPT_HASH_BYTES);
    return made ? 0 : errno > 0 ? -errno : -EINVAL;
}
