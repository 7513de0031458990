#define _GNU_SOURCE  // secure_getenv, as OpenSSL asks for the name of its file
#include "internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Reading the system's authorities, some 140 certificates, takes tens of milliseconds: done once for all contexts, and
// again where the file has changed. A store may be used by many threads at once (X509_STORE_new(3)).
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *shared;
static struct stat shared_file;

// What X509_STORE_set_default_paths reads first. All zero where it is not there.
static struct stat default_file(void) {
    const char *path = secure_getenv(X509_get_default_cert_file_env());
    struct stat found;
    if (stat(path != NULL ? path : X509_get_default_cert_file(), &found) != 0) memset(&found, 0, sizeof found);
    return found;
}

static bool same(const struct stat *one, const struct stat *other) {
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size
        && one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static bool refresh(void) {
    struct stat now = default_file();
    if (shared != NULL && same(&now, &shared_file)) return true;
    X509_STORE *fresh = X509_STORE_new();
    if (fresh == NULL || X509_STORE_set_default_paths(fresh) != 1) {
        X509_STORE_free(fresh);
        return false;
    }
    X509_STORE_free(shared);  // Contexts that have it hold it.
    shared = fresh;
    shared_file = now;
    return true;
}

int32_t copenssl_context_use_system_authorities(copenssl_context *context) {
    ERR_clear_error();
    pthread_mutex_lock(&lock);
    bool is_there = refresh();
    if (is_there) SSL_CTX_set1_cert_store(copenssl_ssl_ctx(context), shared);
    pthread_mutex_unlock(&lock);
    return is_there ? 0 : -EINVAL;
}
