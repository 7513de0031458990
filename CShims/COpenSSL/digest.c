#include "internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int32_t copenssl_hmac_md5(
    const uint8_t *key, size_t key_length, const uint8_t *bytes, size_t length, uint8_t digest[16]) {
    if (key_length > INT32_MAX) return -EINVAL;
    static const uint8_t nothing[1];
    unsigned int digest_length = 0;
    ERR_clear_error();
    const uint8_t *made = HMAC(
        EVP_md5(), key ? key : nothing, (int)key_length, bytes ? bytes : nothing, length, digest, &digest_length);
    ERR_clear_error();
    return made && digest_length == 16 ? 0 : -ENOTSUP;
}
