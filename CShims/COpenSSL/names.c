#include "internal.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

/// What was printed, with a NUL behind it.
static char *text_of(BIO *memory) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(memory, &bytes);
    return length > 0 ? OPENSSL_strndup(bytes, (size_t)length) : OPENSSL_strdup("");
}

static char *name_text(const X509_NAME *name) {
    BIO *memory = BIO_new(BIO_s_mem());
    if (memory == NULL) return NULL;
    char *text = X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) >= 0 ? text_of(memory) : NULL;
    BIO_free(memory);
    return text;
}

static char *serial_text(const ASN1_INTEGER *serial) {
    BIO *memory = BIO_new(BIO_s_mem());
    if (memory == NULL) return NULL;
    char *text = i2a_ASN1_INTEGER(memory, serial) > 0 ? text_of(memory) : NULL;
    BIO_free(memory);
    return text;
}

bool copenssl_certificate_get_names(const uint8_t *der, size_t length, struct copenssl_certificate_names *names) {
    *names = (struct copenssl_certificate_names){.subject = NULL};
    const uint8_t *start = der;
    X509 *certificate = d2i_X509(NULL, &start, (long)length);
    unsigned int digest_length = 0;
    if (certificate != NULL) {
        names->subject = name_text(X509_get_subject_name(certificate));
        names->issuer = name_text(X509_get_issuer_name(certificate));
        names->serial = serial_text(X509_get0_serialNumber(certificate));
        if (X509_digest(certificate, EVP_sha1(), names->sha1, &digest_length) != 1) digest_length = 0;
        X509_free(certificate);
    }
    if (names->subject && names->issuer && names->serial && digest_length == sizeof names->sha1) return true;
    copenssl_certificate_names_release(names);
    ERR_clear_error();
    return false;
}

void copenssl_certificate_names_release(struct copenssl_certificate_names *names) {
    OPENSSL_free(names->subject);
    OPENSSL_free(names->issuer);
    OPENSSL_free(names->serial);
    *names = (struct copenssl_certificate_names){.subject = NULL};
}
