#include "internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

static SSL *new_ssl(copenssl_context *context) {
    ERR_clear_error();
    SSL *ssl = SSL_new(copenssl_ssl_ctx(context));
    BIO *cursor = copenssl_cursor_new();
    if (ssl == NULL || cursor == NULL) {
        SSL_free(ssl);
        BIO_free(cursor);
        return NULL;
    }
    SSL_set_bio(ssl, cursor, cursor);
    return ssl;
}

copenssl_engine *copenssl_engine_new_server(copenssl_context *context) {
    SSL *ssl = new_ssl(context);
    if (ssl != NULL) SSL_set_accept_state(ssl);
    return (copenssl_engine *)ssl;
}

// An address is looked for in the certificate, but is not sent: a server name indication is a host name (RFC 6066, 3).
static bool set_server_name(SSL *ssl, const char *name) {
    X509_VERIFY_PARAM *verification = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(verification, name) == 1) return true;
    return X509_VERIFY_PARAM_set1_host(verification, name, 0) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

copenssl_engine *copenssl_engine_new_client(
    copenssl_context *context, const char *server_name, copenssl_session *session) {
    SSL *ssl = new_ssl(context);
    if (ssl == NULL) return NULL;
    SSL_set_connect_state(ssl);
    if ((server_name != NULL && !set_server_name(ssl, server_name))
        || (session != NULL && SSL_set_session(ssl, copenssl_ssl_session(session)) != 1)) {
        SSL_free(ssl);
        return NULL;
    }
    return (copenssl_engine *)ssl;
}

void copenssl_engine_free(copenssl_engine *engine) {
    SSL *ssl = copenssl_ssl(engine);
    // A connection that ends without close_notify is no reason to forget its session.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
}

static SSL *begin(copenssl_engine *engine, struct copenssl_io *io) {
    SSL *ssl = copenssl_ssl(engine);
    copenssl_cursor_lend(SSL_get_rbio(ssl), io);
    ERR_clear_error();
    return ssl;
}

static enum copenssl_status finish(SSL *ssl, int result) {
    int why = SSL_get_error(ssl, result);
    copenssl_cursor_lend(SSL_get_rbio(ssl), NULL);
    switch (why) {
    case SSL_ERROR_NONE: return copenssl_status_done;
    case SSL_ERROR_WANT_READ: return copenssl_status_want_input;
    case SSL_ERROR_ZERO_RETURN: return copenssl_status_ended;
    default: return copenssl_status_failed;
    }
}

enum copenssl_status copenssl_engine_handshake(copenssl_engine *engine, struct copenssl_io *io) {
    SSL *ssl = begin(engine, io);
    return finish(ssl, SSL_do_handshake(ssl));
}

enum copenssl_status copenssl_engine_read(
    copenssl_engine *engine, struct copenssl_io *io, void *plaintext, size_t capacity, size_t *length) {
    SSL *ssl = begin(engine, io);
    *length = 0;
    return finish(ssl, SSL_read_ex(ssl, plaintext, capacity, length));
}

enum copenssl_status copenssl_engine_write(
    copenssl_engine *engine, struct copenssl_io *io, const void *plaintext, size_t count, size_t *length) {
    SSL *ssl = begin(engine, io);
    *length = 0;
    return finish(ssl, SSL_write_ex(ssl, plaintext, count, length));
}

enum copenssl_status copenssl_engine_end(copenssl_engine *engine, struct copenssl_io *io) {
    SSL *ssl = begin(engine, io);
    // 0 says: sent, but the peer's own has not come yet; to SSL_get_error that would look like a failure.
    int result = SSL_shutdown(ssl);
    return finish(ssl, result == 0 ? 1 : result);
}

enum copenssl_status copenssl_engine_update_keys(copenssl_engine *engine, struct copenssl_io *io) {
    SSL *ssl = begin(engine, io);
    int result = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    return finish(ssl, result == 1 ? SSL_do_handshake(ssl) : result);
}

size_t copenssl_engine_pending(const copenssl_engine *engine) {
    return (size_t)SSL_pending(copenssl_const_ssl(engine));
}

void copenssl_engine_set_cleansing(copenssl_engine *engine, bool cleanses) {
    if (cleanses) {
        SSL_set_options(copenssl_ssl(engine), SSL_OP_CLEANSE_PLAINTEXT);
    } else {
        SSL_clear_options(copenssl_ssl(engine), SSL_OP_CLEANSE_PLAINTEXT);
    }
}

bool copenssl_engine_is_cleansing(const copenssl_engine *engine) {
    return (SSL_get_options(copenssl_const_ssl(engine)) & SSL_OP_CLEANSE_PLAINTEXT) != 0;
}

copenssl_session *copenssl_engine_copy_session(copenssl_engine *engine) {
    SSL_SESSION *session = SSL_get1_session(copenssl_ssl(engine));
    if (session == NULL || SSL_SESSION_is_resumable(session) == 1) return (copenssl_session *)session;
    SSL_SESSION_free(session);
    return NULL;
}

void copenssl_session_free(copenssl_session *session) { SSL_SESSION_free(copenssl_ssl_session(session)); }
