// What the files of this shim share; the only place where OpenSSL's types meet the opaque ones.
#ifndef COPENSSL_INTERNAL_H
#define COPENSSL_INTERNAL_H

#include "COpenSSL.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

static inline SSL_CTX *copenssl_ssl_ctx(copenssl_context *context) { return (SSL_CTX *)context; }
static inline SSL *copenssl_ssl(copenssl_engine *engine) { return (SSL *)engine; }
static inline const SSL *copenssl_const_ssl(const copenssl_engine *engine) { return (const SSL *)engine; }
static inline SSL_SESSION *copenssl_ssl_session(copenssl_session *session) { return (SSL_SESSION *)session; }

/// What a context has beside OpenSSL's own, and owns.
struct copenssl_extras {
    bool demands_authority;
    bool is_enforced;
    uint8_t *pins;
    size_t pin_count;
    /// What sessions are bound to; SHA-256.
    uint8_t binding[32];
    const struct copenssl_chooser *chooser;
};

/// Makes the place for extras in every context to come. False: no memory.
bool copenssl_extras_set_up(void);
/// Gives the context empty extras. False: no memory.
bool copenssl_extras_add(SSL_CTX *ctx);
struct copenssl_extras *copenssl_extras_of(const SSL_CTX *ctx);

/// OpenSSL's question whether the peer's certificate will do (SSL_CTX_set_cert_verify_callback).
int copenssl_verify(X509_STORE_CTX *store, void *context);
/// What a result of verification means.
struct copenssl_verification copenssl_verification_of(long code);

/// Sets up OpenSSL once for the process. False: its configuration file is broken, or there is no memory.
bool copenssl_set_up(void);

/// A BIO that reads and writes the copenssl_io it is lent. NULL: no memory.
BIO *copenssl_cursor_new(void);
/// Lends `io`, or takes it back (NULL).
void copenssl_cursor_lend(BIO *cursor, struct copenssl_io *io);

/// The certificates in `pem`, which may be none. NULL, with the reason in OpenSSL's queue, when one cannot be parsed.
STACK_OF(X509) *copenssl_read_certificates(const uint8_t *pem, size_t length);

#endif
