#include "internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

static int extras_index = -1;

static void free_extras(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    struct copenssl_extras *extras = pointer;
    if (extras == NULL) return;
    OPENSSL_free(extras->pins);
    OPENSSL_free(extras);
}

bool copenssl_extras_set_up(void) {
    extras_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_extras);
    return extras_index >= 0;
}

bool copenssl_extras_add(SSL_CTX *ctx) {
    struct copenssl_extras *extras = OPENSSL_zalloc(sizeof *extras);
    if (extras != NULL && SSL_CTX_set_ex_data(ctx, extras_index, extras) == 1) return true;
    OPENSSL_free(extras);
    return false;
}

struct copenssl_extras *copenssl_extras_of(const SSL_CTX *ctx) { return SSL_CTX_get_ex_data(ctx, extras_index); }

// MARK: Authorities

// A longer list is not sent at all: an empty one says that any authority will do (RFC 8446, 4.2.4).
static bool name_to_clients(SSL_CTX *ctx, const STACK_OF(X509) *authorities) {
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
    size_t total = 0;
    bool complete = names != NULL;
    for (int index = 0; complete && index < sk_X509_num(authorities); index++) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(sk_X509_value(authorities, index)));
        complete = name != NULL && sk_X509_NAME_push(names, name) > 0;
        if (!complete) X509_NAME_free(name);
        if (complete) total += 2 + (size_t)i2d_X509_NAME(name, NULL);
    }
    if (complete && total <= COPENSSL_AUTHORITY_NAMES_BYTES) {
        SSL_CTX_set_client_CA_list(ctx, names);
    } else {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
    }
    return complete;
}

int32_t copenssl_context_add_authorities(copenssl_context *context, const uint8_t *pem, size_t length) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    ERR_clear_error();
    STACK_OF(X509) *authorities = copenssl_read_certificates(pem, length);
    if (authorities == NULL) return -EINVAL;
    int32_t result = sk_X509_num(authorities) > 0 ? 0 : -ENOENT;
    for (int index = 0; index < sk_X509_num(authorities); index++) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), sk_X509_value(authorities, index)) != 1) result = -EINVAL;
    }
    if (result == 0 && !name_to_clients(ctx, authorities)) result = -EINVAL;
    sk_X509_pop_free(authorities, X509_free);
    if (result != 0) return result;
    // What the administrator names is trusted, be it a root or not.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}


// MARK: Demands

static void ask(SSL_CTX *ctx, const struct copenssl_extras *extras) {
    // To a server this is also the order to ask for a certificate; a client gets one in any case.
    int mode = SSL_VERIFY_PEER;
    if (extras->is_enforced) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, NULL);
}

int32_t copenssl_context_demand(copenssl_context *context, const struct copenssl_demand *demand) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    struct copenssl_extras *extras = copenssl_extras_of(ctx);
    uint8_t *pins = NULL;
    if (demand->pin_count > 0) {
        pins = OPENSSL_memdup(demand->pins, demand->pin_count * COPENSSL_PIN_BYTES);
        if (pins == NULL) return -ENOMEM;
    }
    OPENSSL_free(extras->pins);
    extras->pins = pins;
    extras->pin_count = demand->pin_count;
    extras->demands_authority = demand->authority;
    extras->is_enforced = demand->is_enforced;
    ask(ctx, extras);
    return 0;
}

int32_t copenssl_context_trust_like(copenssl_context *context, const copenssl_context *model) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    const SSL_CTX *other = (const SSL_CTX *)model;
    struct copenssl_extras *extras = copenssl_extras_of(ctx);
    const struct copenssl_extras *models = copenssl_extras_of(other);
    STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(other);
    ERR_clear_error();
    if (names != NULL) {
        names = SSL_dup_CA_list(names);
        if (names == NULL) return -ENOMEM;
        SSL_CTX_set_client_CA_list(ctx, names);
    }
    SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(other));
    extras->demands_authority = models->demands_authority;
    extras->is_enforced = models->is_enforced;
    return 0;
}

// MARK: Verification

static bool is_pinned(const struct copenssl_extras *extras, X509 *certificate) {
    uint8_t digest[EVP_MAX_MD_SIZE], *key = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    bool found = false;
    if (length > 0 && EVP_Digest(key, (size_t)length, digest, NULL, EVP_sha256(), NULL) == 1) {
        for (size_t pin = 0; pin < extras->pin_count && !found; pin++) {
            found = memcmp(extras->pins + pin * COPENSSL_PIN_BYTES, digest, COPENSSL_PIN_BYTES) == 0;
        }
    }
    OPENSSL_free(key);
    return found;
}

int copenssl_verify(X509_STORE_CTX *store, void *context) {
    (void)context;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct copenssl_extras *extras = copenssl_extras_of(SSL_get_SSL_CTX(ssl));
    // What stays in the queue would look like a failure of the call to come.
    ERR_set_mark();
    bool is_good = !extras->demands_authority || X509_verify_cert(store) > 0;
    if (is_good && extras->pin_count > 0 && !is_pinned(extras, X509_STORE_CTX_get0_cert(store))) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        is_good = false;
    }
    ERR_pop_to_mark();
    return is_good || !extras->is_enforced;
}

static enum copenssl_outcome outcome_of(long code) {
    switch (code) {
    case X509_V_OK:
        return copenssl_outcome_verified;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return copenssl_outcome_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        return copenssl_outcome_not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return copenssl_outcome_self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
        return copenssl_outcome_unknown_authority;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return copenssl_outcome_name_mismatch;
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return copenssl_outcome_pin_mismatch;
    case X509_V_ERR_CERT_REVOKED:
        return copenssl_outcome_revoked;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return copenssl_outcome_wrong_purpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return copenssl_outcome_too_weak;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
        return copenssl_outcome_bad_signature;
    default:
        return copenssl_outcome_other;
    }
}

struct copenssl_verification copenssl_verification_of(long code) {
    enum copenssl_outcome outcome = outcome_of(code);
    return (struct copenssl_verification){
        .outcome = outcome,
        .code = (int32_t)code,
        .text = outcome == copenssl_outcome_pin_mismatch ? "the key is not pinned"
                                                         : X509_verify_cert_error_string(code),
    };
}

struct copenssl_verification copenssl_engine_verification(const copenssl_engine *engine) {
    const SSL *ssl = copenssl_const_ssl(engine);
    const struct copenssl_extras *extras = copenssl_extras_of(SSL_get_SSL_CTX(ssl));
    struct copenssl_verification found = copenssl_verification_of(SSL_get_verify_result(ssl));
    if (SSL_get0_peer_certificate(ssl) == NULL) {
        found = copenssl_verification_of(X509_V_ERR_UNSPECIFIED);
        found.outcome = copenssl_outcome_no_certificate;
        found.text = "the peer has shown no certificate";
    } else if (found.outcome == copenssl_outcome_verified && !extras->demands_authority && extras->pin_count == 0) {
        found = copenssl_verification_of(X509_V_ERR_UNSPECIFIED);
        found.outcome = copenssl_outcome_unchecked;
        found.text = "nothing is demanded of the certificate";
    }
    return found;
}
