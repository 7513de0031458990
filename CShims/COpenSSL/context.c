#include "internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

_Static_assert(TLS1_VERSION == 0x0301 && TLS1_3_VERSION == 0x0304, "wire numbers of the versions");
_Static_assert(SSL3_RT_MAX_PLAIN_LENGTH == COPENSSL_RECORD_PLAINTEXT_BYTES, "plaintext of a record");
_Static_assert(SHA256_DIGEST_LENGTH == SSL_MAX_SID_CTX_LENGTH, "SHA-256 fits");

// The digest of what sessions are bound to: `name`, after what they were bound to before.
static bool bind_to(
    uint8_t *binding, const uint8_t *before, size_t before_length, const uint8_t *name, size_t length) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(digest, before, before_length) == 1 && EVP_DigestUpdate(digest, name, length) == 1
        && EVP_DigestFinal_ex(digest, binding, NULL) == 1;
    EVP_MD_CTX_free(digest);
    return done;
}

// A failure is told by the alert that was sent for it.
static void observe(const SSL *ssl, int event, int value) {
    if (event != SSL_CB_WRITE_ALERT) return;
    struct copenssl_io *io = BIO_get_data(SSL_get_rbio(ssl));
    if (io != NULL) io->alert_sent = value & 0xff;
}

// No name is refused. But a session of TLS 1.2 keeps only a name that was accepted, and shows it when resumed.
static int accept_server_name(SSL *ssl, int *alert, void *context) {
    (void)ssl, (void)alert, (void)context;
    return SSL_TLSEXT_ERR_OK;
}

// A name may have identities of its own, and sessions are bound to it (RFC 6066, 3). OpenSSL looks for the session
// before it asks the callback for server names, hence this earlier one.
static int hear_hello(SSL *ssl, int *alert, void *context) {
    (void)context;
    const struct copenssl_extras *extras = copenssl_extras_of(SSL_get_SSL_CTX(ssl));
    const struct copenssl_chooser *chooser = extras->chooser;
    const unsigned char *name = NULL;
    size_t length = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &length) != 1) return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    uint8_t binding[SHA256_DIGEST_LENGTH];
    if (!bind_to(binding, extras->binding, sizeof extras->binding, name, length)) return SSL_CLIENT_HELLO_ERROR;
    copenssl_context *chosen = NULL;
    if (chooser != NULL) chosen = chooser->choose(chooser->chooser_context, name, length);
    if (chosen != NULL && SSL_set_SSL_CTX(ssl, copenssl_ssl_ctx(chosen)) == NULL) return SSL_CLIENT_HELLO_ERROR;
    if (SSL_set_session_id_context(ssl, binding, sizeof binding) != 1) return SSL_CLIENT_HELLO_ERROR;
    return SSL_CLIENT_HELLO_SUCCESS;
}

copenssl_context *copenssl_context_new(enum copenssl_role role) {
    if (!copenssl_set_up()) return NULL;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(role == copenssl_role_server ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL || !copenssl_extras_add(ctx)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // An idle connection holds no record buffer; the chain sent is the one that was given, never one put together.
    SSL_CTX_set_mode(
        ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                 | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_info_callback(ctx, observe);
    SSL_CTX_set_cert_verify_callback(ctx, copenssl_verify, NULL);
    if (role == copenssl_role_server) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        SSL_CTX_set_client_hello_cb(ctx, hear_hello, NULL);
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
    SSL_CTX *ctx = copenssl_ssl_ctx(context);
    struct copenssl_extras *extras = copenssl_extras_of(ctx);
    ERR_clear_error();
    if (!bind_to(extras->binding, NULL, 0, name, length)) return -EINVAL;
    return SSL_CTX_set_session_id_context(ctx, extras->binding, sizeof extras->binding) == 1 ? 0 : -EINVAL;
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

void copenssl_context_choose_with(copenssl_context *context, const struct copenssl_chooser *chooser) {
    copenssl_extras_of(copenssl_ssl_ctx(context))->chooser = chooser;
}

int32_t copenssl_random(uint8_t *bytes, size_t length) {
    if (!copenssl_set_up()) return -EIO;
    ERR_clear_error();
    return RAND_priv_bytes_ex(NULL, bytes, length, 0) == 1 ? 0 : -EIO;
}
