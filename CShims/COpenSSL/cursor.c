#include "internal.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <string.h>

static BIO_METHOD *cursor_method;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static int cursor_read(BIO *cursor, char *bytes, size_t capacity, size_t *length) {
    struct copenssl_io *io = BIO_get_data(cursor);
    BIO_clear_retry_flags(cursor);
    *length = 0;
    if (io == NULL || io->input_length == 0) {
        BIO_set_retry_read(cursor);
        return 0;
    }
    *length = capacity < io->input_length ? capacity : io->input_length;
    memcpy(bytes, io->input, *length);
    io->input += *length;
    io->input_length -= *length;
    return 1;
}

// Always takes everything: OpenSSL tries to send an alert once and does not come back to it.
static int cursor_write(BIO *cursor, const char *bytes, size_t count, size_t *length) {
    struct copenssl_io *io = BIO_get_data(cursor);
    BIO_clear_retry_flags(cursor);
    *length = 0;
    if (io == NULL) return 0;
    io->output(io->output_context, (const uint8_t *)bytes, count);
    *length = count;
    return 1;
}

static long cursor_control(BIO *cursor, int command, long number, void *pointer) {
    (void)cursor, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int cursor_create(BIO *cursor) {
    BIO_set_init(cursor, 1);
    return 1;
}

static void set_up(void) {
    // No exit handler: shards may still run when the process exits.
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) return;
    if (OPENSSL_init_ssl(0, NULL) != 1) return;
    if (!copenssl_extras_set_up()) return;
    int type = BIO_get_new_index();
    if (type < 0) return;
    BIO_METHOD *method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "cursor");
    if (method == NULL) return;
    BIO_meth_set_read_ex(method, cursor_read);
    BIO_meth_set_write_ex(method, cursor_write);
    BIO_meth_set_ctrl(method, cursor_control);
    BIO_meth_set_create(method, cursor_create);
    cursor_method = method;
}

bool copenssl_set_up(void) { return CRYPTO_THREAD_run_once(&once, set_up) == 1 && cursor_method != NULL; }

BIO *copenssl_cursor_new(void) { return BIO_new(cursor_method); }

void copenssl_cursor_lend(BIO *cursor, struct copenssl_io *io) { BIO_set_data(cursor, io); }
