#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <string.h>
#include <time.h>

static BIO *reader_of(const uint8_t *bytes, size_t length) {
    if (length > INT_MAX) return NULL;
    return BIO_new_mem_buf(length > 0 ? (const void *)bytes : "", (int)length);
}

// Certificates are not encrypted; without this OpenSSL would ask for a password on the terminal.
static int refuse_password(char *buffer, int capacity, int writing, void *context) {
    (void)buffer, (void)capacity, (void)writing, (void)context;
    return -1;
}

STACK_OF(X509) *copenssl_read_certificates(const uint8_t *pem, size_t length) {
    BIO *reader = reader_of(pem, length);
    STACK_OF(X509) *certificates = sk_X509_new_null();
    X509 *certificate = NULL;
    bool complete = false;
    if (reader == NULL || certificates == NULL) goto finish;
    while ((certificate = PEM_read_bio_X509(reader, NULL, refuse_password, NULL)) != NULL) {
        if (sk_X509_push(certificates, certificate) <= 0) goto finish;
    }
    unsigned long code = ERR_peek_last_error();
    complete = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (complete) ERR_clear_error();
finish:
    BIO_free(reader);
    if (complete) return certificates;
    X509_free(certificate);
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

struct password {
    const uint8_t *bytes;
    size_t length;
    bool asked;
};

static int give_password(char *buffer, int capacity, int writing, void *context) {
    (void)writing;
    struct password *password = context;
    password->asked = true;
    if (password->bytes == NULL || capacity < 0 || password->length > (size_t)capacity) return -1;
    memcpy(buffer, password->bytes, password->length);
    return (int)password->length;
}

static enum copenssl_identity_status read_key(const struct copenssl_identity *identity, EVP_PKEY **key) {
    static const char mark[] = "PRIVATE KEY-----";
    struct password password = {.bytes = identity->password, .length = identity->password_length};
    if (memmem(identity->key_pem, identity->key_length, mark, strlen(mark)) == NULL) {
        return copenssl_identity_status_no_key;
    }
    BIO *reader = reader_of(identity->key_pem, identity->key_length);
    *key = reader == NULL ? NULL : PEM_read_bio_PrivateKey(reader, NULL, give_password, &password);
    BIO_free(reader);
    if (*key != NULL) return copenssl_identity_status_taken;
    if (!password.asked) return copenssl_identity_status_malformed_key;
    if (password.bytes == NULL) return copenssl_identity_status_password_missing;
    return copenssl_identity_status_password_wrong;
}

// Leaves the date that is in the way in the error's text.
static enum copenssl_identity_status check_dates(const X509 *certificate, struct copenssl_error *error) {
    const ASN1_TIME *from = X509_get0_notBefore(certificate), *until = X509_get0_notAfter(certificate);
    enum copenssl_identity_status status = copenssl_identity_status_taken;
    if (X509_cmp_current_time(from) > 0) status = copenssl_identity_status_not_yet_valid;
    if (X509_cmp_current_time(until) < 0) status = copenssl_identity_status_expired;
    if (status == copenssl_identity_status_taken) return status;
    BIO *writer = BIO_new(BIO_s_mem());
    if (writer == NULL) return status;
    ASN1_TIME_print(writer, status == copenssl_identity_status_expired ? until : from);
    int length = BIO_read(writer, error->text, sizeof error->text - 1);
    error->text[length > 0 ? length : 0] = '\0';
    BIO_free(writer);
    return status;
}

static enum copenssl_identity_status use_identity(SSL_CTX *ctx, STACK_OF(X509) *chain, EVP_PKEY *key) {
    X509 *certificate = sk_X509_shift(chain);
    enum copenssl_identity_status status = copenssl_identity_status_taken;
    if (X509_check_private_key(certificate, key) != 1) {
        status = copenssl_identity_status_mismatch;
    } else if (SSL_CTX_use_cert_and_key(ctx, certificate, key, chain, 0) != 1) {
        unsigned long code = ERR_peek_last_error();
        bool repeated = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_NOT_REPLACING_CERTIFICATE;
        status = repeated ? copenssl_identity_status_repeated : copenssl_identity_status_refused;
    }
    X509_free(certificate);
    return status;
}

enum copenssl_identity_status copenssl_context_add_identity(
    copenssl_context *context, const struct copenssl_identity *identity, struct copenssl_error *error) {
    *error = (struct copenssl_error){.alert_received = -1};
    ERR_clear_error();
    enum copenssl_identity_status status = copenssl_identity_status_malformed_certificate;
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *chain = copenssl_read_certificates(identity->chain_pem, identity->chain_length);
    if (chain == NULL) goto finish;
    status = copenssl_identity_status_no_certificate;
    if (sk_X509_num(chain) == 0) goto finish;
    status = read_key(identity, &key);
    if (status != copenssl_identity_status_taken) goto finish;
    // Decoding may leave the marks of what it tried before it found the form.
    ERR_clear_error();
    leaf = sk_X509_value(chain, 0);
    X509_up_ref(leaf);
    status = use_identity(copenssl_ssl_ctx(context), chain, key);
    if (status == copenssl_identity_status_taken) status = check_dates(leaf, error);
finish:
    X509_free(leaf);
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
    if (status != copenssl_identity_status_taken && error->text[0] == '\0') copenssl_take_error(NULL, error);
    ERR_clear_error();
    return status;
}

int copenssl_not_after(const uint8_t *pem, size_t length, int64_t *seconds) {
    STACK_OF(X509) *chain = copenssl_read_certificates(pem, length);
    struct tm date;
    int result = -EINVAL;
    if (chain != NULL && sk_X509_num(chain) > 0 &&
        ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, 0)), &date) == 1) {
        *seconds = timegm(&date);
        result = 0;
    }
    sk_X509_pop_free(chain, X509_free);
    ERR_clear_error();
    return result;
}
