#include "internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

_Static_assert(TLS1_VERSION == 0x0301 && TLS1_3_VERSION == 0x0304, "wire numbers of the versions");
_Static_assert(SSL3_RT_MAX_PLAIN_LENGTH == COPENSSL_RECORD_PLAINTEXT_BYTES, "plaintext of a record");
_Static_assert(EVP_MAX_MD_SIZE >= SSL_MAX_SID_CTX_LENGTH && SSL_MAX_SID_CTX_LENGTH == 32, "SHA-256 fits");

// A failure is told by the alert that was sent for it.
static void observe(const SSL *ssl, int event, int value) {
    if (event != SSL_CB_WRITE_ALERT) return;
    struct copenssl_io *io = BIO_get_data(SSL_get_rbio(ssl));
    if (io != NULL) io->alert_sent = value & 0xff;
}

// Every name is served alike. But a session of TLS 1.2 keeps only a name that was accepted, and shows it when resumed.
static int accept_server_name(SSL *ssl, int *alert, void *context) {
    (void)ssl, (void)alert, (void)context;
    return SSL_TLSEXT_ERR_OK;
}

copenssl_context *copenssl_context_new(enum copenssl_role role) {
    if (!copenssl_set_up()) return NULL;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(role == copenssl_role_server ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL) return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection holds no record buffer; the chain sent is the one that was given, never one put together.
    SSL_CTX_set_mode(
        ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                 | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_info_callback(ctx, observe);
    if (role == copenssl_role_server) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        SSL_CTX_set_tlsext_servername_callback(ctx, accept_server_name);
    }
    return (copenssl_context *)ctx;
}

void copenssl_context_free(copenssl_context *context) { SSL_CTX_free(copenssl_ssl_ctx(context)); }

int32_t copenssl_context_set_versions(copenssl_context *context, int32_t minimum, int32_t maximum) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    ERR_clear_error();
    if (SSL_CTX_set_min_proto_version(ctx, minimum) != 1) return -EINVAL;
    if (SSL_CTX_set_max_proto_version(ctx, maximum) != 1) return -EINVAL;
    // Their SHA-1 signatures are below every other level: asked for, they would never work.
    if (minimum < TLS1_2_VERSION) SSL_CTX_set_security_level(ctx, 0);
    return 0;
}

int32_t copenssl_context_set_ciphers(copenssl_context *context, const char *list) {
    ERR_clear_error();
    return SSL_CTX_set_cipher_list(copenssl_ssl_ctx(context), list) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_set_ciphersuites(copenssl_context *context, const char *list) {
    ERR_clear_error();
    return SSL_CTX_set_ciphersuites(copenssl_ssl_ctx(context), list) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_set_groups(copenssl_context *context, const char *list) {
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(copenssl_ssl_ctx(context), list) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_set_signature_algorithms(copenssl_context *context, const char *list) {
    ERR_clear_error();
    return SSL_CTX_set1_sigalgs_list(copenssl_ssl_ctx(context), list) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_bind_sessions(copenssl_context *context, const uint8_t *name, size_t length) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_length = 0;
    ERR_clear_error();
    if (EVP_Digest(name, length, digest, &digest_length, EVP_sha256(), NULL) != 1) return -EINVAL;
    return SSL_CTX_set_session_id_context(copenssl_ssl_ctx(context), digest, digest_length) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_set_ticket_keys(copenssl_context *context, const uint8_t *keys) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    unsigned char copy[COPENSSL_TICKET_KEY_BYTES];
    ERR_clear_error();
    memcpy(copy, keys, sizeof copy);
    long taken = SSL_CTX_set_tlsext_ticket_keys(ctx, copy, sizeof copy);
    OPENSSL_cleanse(copy, sizeof copy);
    if (taken != 1) return -EINVAL;
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
    // A mail client keeps one session a server; a second ticket would be made for nothing.
    return SSL_CTX_set_num_tickets(ctx, 1) == 1 ? 0 : -EINVAL;
}

int32_t copenssl_context_require_authorities(copenssl_context *context, const uint8_t *pem, size_t length) {
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    ERR_clear_error();
    STACK_OF(X509) *authorities = copenssl_read_certificates(pem, length);
    if (authorities == NULL) return -EINVAL;
    int32_t result = sk_X509_num(authorities) > 0 ? 0 : -ENOENT;
    for (int index = 0; index < sk_X509_num(authorities); index++) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), sk_X509_value(authorities, index)) != 1) result = -EINVAL;
    }
    sk_X509_pop_free(authorities, X509_free);
    if (result != 0) return result;
    // What the administrator names is trusted, be it a root or not.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return 0;
}

int32_t copenssl_random(uint8_t *bytes, size_t length) {
    if (!copenssl_set_up()) return -EIO;
    ERR_clear_error();
    return RAND_priv_bytes_ex(NULL, bytes, length, 0) == 1 ? 0 : -EIO;
}
