#include "internal.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

const char *copenssl_engine_version(const copenssl_engine *engine) {
    return SSL_get_version(copenssl_const_ssl(engine));
}

const char *copenssl_engine_cipher(const copenssl_engine *engine) {
    return SSL_get_cipher_name(copenssl_const_ssl(engine));
}

const char *copenssl_engine_server_name(const copenssl_engine *engine) {
    return SSL_get_servername(copenssl_const_ssl(engine), TLSEXT_NAMETYPE_host_name);
}

bool copenssl_engine_is_resumed(const copenssl_engine *engine) {
    return SSL_session_reused(copenssl_const_ssl(engine)) == 1;
}

const char *copenssl_engine_group(copenssl_engine *engine) {
    SSL *ssl = copenssl_ssl(engine);
    int group = (int)SSL_get_negotiated_group(ssl);
    return group == NID_undef ? NULL : SSL_group_to_name(ssl, group);
}

// MARK: Signatures

// The registry's names (RFC 8446, 4.2.3), where the algorithm and the digest make one; TLS 1.2 has the same numbers.
static const struct {
    int algorithm, digest;
    const char *name;
} schemes[] = {
    {EVP_PKEY_EC, NID_sha256, "ecdsa_secp256r1_sha256"},
    {EVP_PKEY_EC, NID_sha384, "ecdsa_secp384r1_sha384"},
    {EVP_PKEY_EC, NID_sha512, "ecdsa_secp521r1_sha512"},
    {EVP_PKEY_EC, NID_sha1, "ecdsa_sha1"},
    {EVP_PKEY_RSA, NID_sha256, "rsa_pkcs1_sha256"},
    {EVP_PKEY_RSA, NID_sha384, "rsa_pkcs1_sha384"},
    {EVP_PKEY_RSA, NID_sha512, "rsa_pkcs1_sha512"},
    {EVP_PKEY_RSA, NID_sha1, "rsa_pkcs1_sha1"},
    {EVP_PKEY_ED25519, NID_undef, "ed25519"},
    {EVP_PKEY_ED448, NID_undef, "ed448"},
};
// The first name is for a key of any RSA use, the second for one that is for PSS alone.
static const struct {
    int digest;
    const char *names[2];
} pss_schemes[] = {
    {NID_sha256, {"rsa_pss_rsae_sha256", "rsa_pss_pss_sha256"}},
    {NID_sha384, {"rsa_pss_rsae_sha384", "rsa_pss_pss_sha384"}},
    {NID_sha512, {"rsa_pss_rsae_sha512", "rsa_pss_pss_sha512"}},
};

static const char *scheme_of(int algorithm, int digest, const X509 *certificate) {
    if (algorithm == EVP_PKEY_RSA_PSS) {
        const EVP_PKEY *key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
        bool is_for_pss_alone = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS;
        for (size_t index = 0; index < sizeof pss_schemes / sizeof *pss_schemes; index++) {
            if (pss_schemes[index].digest == digest) return pss_schemes[index].names[is_for_pss_alone];
        }
        return NULL;
    }
    for (size_t index = 0; index < sizeof schemes / sizeof *schemes; index++) {
        if (schemes[index].algorithm == algorithm && schemes[index].digest == digest) return schemes[index].name;
    }
    return NULL;
}

const char *copenssl_engine_own_signature(const copenssl_engine *engine) {
    const SSL *ssl = copenssl_const_ssl(engine);
    int algorithm = NID_undef, digest = NID_undef;
    if (SSL_get_signature_type_nid(ssl, &algorithm) != 1) return NULL;
    // Fails where the algorithm has no digest of its own, and is NID_undef then.
    SSL_get_signature_nid((SSL *)ssl, &digest);
    return scheme_of(algorithm, digest, SSL_get_certificate(ssl));
}

const char *copenssl_engine_peer_signature(const copenssl_engine *engine) {
    const SSL *ssl = copenssl_const_ssl(engine);
    int algorithm = NID_undef, digest = NID_undef;
    if (SSL_get_peer_signature_type_nid(ssl, &algorithm) != 1) return NULL;
    SSL_get_peer_signature_nid((SSL *)ssl, &digest);
    return scheme_of(algorithm, digest, SSL_get0_peer_certificate(ssl));
}

// MARK: Certificates

static void write_key_algorithm(const X509 *certificate, char *text, size_t capacity) {
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    int algorithm = key == NULL ? NID_undef : EVP_PKEY_get_base_id(key);
    switch (algorithm) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        snprintf(text, capacity, "RSA%d", EVP_PKEY_get_bits(key));
        return;
    case EVP_PKEY_EC:
        snprintf(text, capacity, "EC%d", EVP_PKEY_get_bits(key));
        return;
    default:
        snprintf(text, capacity, "%s", algorithm > 0 ? OBJ_nid2sn(algorithm) : "unknown");
    }
}

static void write_signature_algorithm(X509 *certificate, char *text, size_t capacity) {
    int digest = NID_undef;
    if (X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1 || digest == NID_undef) {
        digest = X509_get_signature_nid(certificate);
    }
    snprintf(text, capacity, "%s", digest == NID_undef ? "unknown" : OBJ_nid2sn(digest));
}

static bool describe(X509 *certificate, struct copenssl_certificate *facts) {
    *facts = (struct copenssl_certificate){.der = NULL};
    if (certificate == NULL) return false;
    int length = i2d_X509(certificate, &facts->der);
    if (length <= 0) return false;
    facts->der_length = (size_t)length;
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index >= 0) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, index);
        length = ASN1_STRING_to_UTF8(&facts->common_name, X509_NAME_ENTRY_get_data(entry));
        facts->common_name_length = length > 0 ? (size_t)length : 0;
    }
    write_key_algorithm(certificate, facts->key_algorithm, sizeof facts->key_algorithm);
    write_signature_algorithm(certificate, facts->signature_algorithm, sizeof facts->signature_algorithm);
    return true;
}

bool copenssl_engine_get_peer_certificate(const copenssl_engine *engine, struct copenssl_certificate *certificate) {
    return describe(SSL_get0_peer_certificate(copenssl_const_ssl(engine)), certificate);
}

bool copenssl_engine_get_own_certificate(const copenssl_engine *engine, struct copenssl_certificate *certificate) {
    return describe(SSL_get_certificate(copenssl_const_ssl(engine)), certificate);
}

void copenssl_certificate_release(struct copenssl_certificate *certificate) {
    OPENSSL_free(certificate->der);
    OPENSSL_free(certificate->common_name);
    *certificate = (struct copenssl_certificate){.der = NULL};
}
