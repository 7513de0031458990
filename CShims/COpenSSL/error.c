#include "internal.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

// Whatever is not named here is told well enough by the alert that OpenSSL made for it.
static enum copenssl_cause cause_of(int reason) {
    if (reason >= SSL_AD_REASON_OFFSET) return copenssl_cause_peer_alert;
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
        return copenssl_cause_not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return copenssl_cause_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_CIPHERS_AVAILABLE:
        return copenssl_cause_cipher;
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        return copenssl_cause_group;
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        return copenssl_cause_signature;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return copenssl_cause_certificate;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return copenssl_cause_no_certificate;
    default:
        return copenssl_cause_other;
    }
}

// libssl's first entry is the cause as the protocol sees it; without one, the deepest entry is.
static unsigned long take_telling_code(void) {
    unsigned long first = 0, code;
    while ((code = ERR_get_error()) != 0) {
        if (first == 0 || (ERR_GET_LIB(first) != ERR_LIB_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL)) first = code;
    }
    return first;
}

void copenssl_take_error(const copenssl_engine *engine, struct copenssl_error *error) {
    unsigned long code = take_telling_code();
    *error = (struct copenssl_error){
        .library = ERR_GET_LIB(code),
        .reason = ERR_GET_REASON(code),
        .cause = copenssl_cause_other,
        .alert_received = -1,
    };
    if (error->library == ERR_LIB_SSL) error->cause = cause_of(error->reason);
    if (error->cause == copenssl_cause_peer_alert) error->alert_received = error->reason - SSL_AD_REASON_OFFSET;

    const char *text = ERR_reason_error_string(code);
    if (error->cause == copenssl_cause_certificate && engine != NULL) {
        error->verification = copenssl_verification_of(SSL_get_verify_result(copenssl_const_ssl(engine)));
        text = error->verification.text;
    }
    if (text != NULL) {
        snprintf(error->text, sizeof error->text, "%s", text);
    } else {
        snprintf(error->text, sizeof error->text, "library %d, reason %d", error->library, error->reason);
    }
}
