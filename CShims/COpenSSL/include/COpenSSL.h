// OpenSSL 3 as an engine without input or output: every call is given the ciphertext it may read and a function that
// takes the ciphertext it makes. No socket, no file name, no buffer beside OpenSSL's own.
//
// A context and what is made from it belong to one thread. No call blocks.
#ifndef COPENSSL_H
#define COPENSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPENSSL_CLOSED_ENUM __attribute__((enum_extensibility(closed)))

/// Settings, identities and trust of one listener or client, on one thread (an SSL_CTX).
typedef struct copenssl_context copenssl_context;
/// One connection (an SSL).
typedef struct copenssl_engine copenssl_engine;
/// What a client remembers of a connection so that the next handshake can be short (an SSL_SESSION).
typedef struct copenssl_session copenssl_session;

enum {
    /// The longest text in an error, its final zero included.
    COPENSSL_TEXT_BYTES = 256,
    /// Name, HMAC key and AES key of session tickets.
    COPENSSL_TICKET_KEY_BYTES = 80,
    /// The most plaintext that one record carries (RFC 8446, 5.1).
    COPENSSL_RECORD_PLAINTEXT_BYTES = 16384,
    /// A pinned key: SHA-256 of its SubjectPublicKeyInfo (RFC 7469, 2.4).
    COPENSSL_PIN_BYTES = 32,
    /// The longest list of authorities' names that a server sends.
    COPENSSL_AUTHORITY_NAMES_BYTES = 16384,
    /// The longest name of an algorithm, its final zero included.
    COPENSSL_ALGORITHM_BYTES = 32,
};

// MARK: Errors

/// What a reason of OpenSSL's means where it alone tells more than the alert that was sent.
enum COPENSSL_CLOSED_ENUM copenssl_cause {
    copenssl_cause_other,
    /// The peer sent an alert; its number is in `alert_received`.
    copenssl_cause_peer_alert,
    /// The first bytes are no TLS record.
    copenssl_cause_not_tls,
    copenssl_cause_version,
    copenssl_cause_cipher,
    copenssl_cause_group,
    copenssl_cause_signature,
    /// The peer's certificate is refused; `verification` says why.
    copenssl_cause_certificate,
    /// The peer showed none, though it must.
    copenssl_cause_no_certificate,
};

/// What is found about the peer's certificate.
enum COPENSSL_CLOSED_ENUM copenssl_outcome {
    copenssl_outcome_verified,
    /// There is one, but nothing was demanded of it.
    copenssl_outcome_unchecked,
    copenssl_outcome_no_certificate,
    copenssl_outcome_expired,
    copenssl_outcome_not_yet_valid,
    copenssl_outcome_self_signed,
    copenssl_outcome_unknown_authority,
    copenssl_outcome_name_mismatch,
    copenssl_outcome_pin_mismatch,
    copenssl_outcome_revoked,
    copenssl_outcome_wrong_purpose,
    copenssl_outcome_too_weak,
    copenssl_outcome_bad_signature,
    copenssl_outcome_other,
};

struct copenssl_verification {
    enum copenssl_outcome outcome;
    /// X509_V_ERR_*; 0 where it is verified, and there alone.
    int32_t code;
    /// For people; lives for ever.
    const char *text;
};

struct copenssl_error {
    /// OpenSSL's own codes (ERR_GET_LIB, ERR_GET_REASON); 0 when it gave none.
    int32_t library;
    int32_t reason;
    enum copenssl_cause cause;
    /// The alert's number (RFC 8446, 6), or -1.
    int32_t alert_received;
    struct copenssl_verification verification;
    /// For people, in OpenSSL's words, never empty.
    char text[COPENSSL_TEXT_BYTES];
};

/// Takes the error of the call before, made on this thread, and empties OpenSSL's queue. `engine` may be NULL.
void copenssl_take_error(const copenssl_engine *engine, struct copenssl_error *error);

// MARK: Contexts

enum COPENSSL_CLOSED_ENUM copenssl_role { copenssl_role_server, copenssl_role_client };

/// NULL when there is no memory, or when OpenSSL's own configuration file is broken.
copenssl_context *copenssl_context_new(enum copenssl_role role);
void copenssl_context_free(copenssl_context *context);

// Each returns 0, or -EINVAL for a value that OpenSSL does not take. Strings end with a zero.

/// Wire numbers (0x0301 is TLS 1.0, 0x0304 is TLS 1.3); a maximum of 0 is the newest.
int32_t copenssl_context_set_versions(copenssl_context *context, int32_t minimum, int32_t maximum);
/// TLS 1.2 and older, in the syntax of openssl-ciphers(1).
int32_t copenssl_context_set_ciphers(copenssl_context *context, const char *list);
/// TLS 1.3: names with colons between them.
int32_t copenssl_context_set_ciphersuites(copenssl_context *context, const char *list);
int32_t copenssl_context_set_groups(copenssl_context *context, const char *list);
int32_t copenssl_context_set_signature_algorithms(copenssl_context *context, const char *list);

/// Binds sessions to `name`, and those of clients that ask for a server name to that as well: what was made under
/// another name is not resumed. Any length.
int32_t copenssl_context_bind_sessions(copenssl_context *context, const uint8_t *name, size_t length);
/// Makes and takes session tickets, sealed with these COPENSSL_TICKET_KEY_BYTES bytes. Without this there are none.
int32_t copenssl_context_set_ticket_keys(copenssl_context *context, const uint8_t *keys);

/// Trusts the certificates in `pem`, and a server names them to its clients unless the names are longer than
/// COPENSSL_AUTHORITY_NAMES_BYTES. -ENOENT: there is none.
int32_t copenssl_context_add_authorities(copenssl_context *context, const uint8_t *pem, size_t length);
/// Trusts those of the system, and no others: OpenSSL's default file and folder, or what SSL_CERT_FILE and SSL_CERT_DIR
/// name. The folder is read when a handshake needs an authority that was not needed before. All contexts share them.
int32_t copenssl_context_use_system_authorities(copenssl_context *context);

/// What is demanded of the peer's certificate. Whatever is found is told by copenssl_engine_verification.
struct copenssl_demand {
    /// An authority vouches for it, in its time; for a client also: it carries the server's name.
    bool authority;
    /// What is not good enough ends the handshake; a server's client must show one.
    bool is_enforced;
    /// Its key is one of these, COPENSSL_PIN_BYTES each. None: any key.
    const uint8_t *pins;
    size_t pin_count;
};

/// Without this nothing is demanded, and a server asks for no certificate. -ENOMEM: no memory.
int32_t copenssl_context_demand(copenssl_context *context, const struct copenssl_demand *demand);
/// Takes over the authorities and demands of `model`, both of servers.
int32_t copenssl_context_trust_like(copenssl_context *context, const copenssl_context *model);

/// Finds the context whose identities a client is shown.
struct copenssl_chooser {
    /// Is given the body of the client's server name extension (RFC 6066, 3), as it came. NULL: the engine's own.
    copenssl_context *(*choose)(void *chooser_context, const uint8_t *extension, size_t length);
    void *chooser_context;
};

/// `chooser` is used by every handshake of the context's engines. The identities and ciphers are then the chosen
/// context's; all else remains the engine's own.
void copenssl_context_choose_with(copenssl_context *context, const struct copenssl_chooser *chooser);

enum COPENSSL_CLOSED_ENUM copenssl_identity_status {
    copenssl_identity_status_taken,
    /// Taken all the same: whether a certificate out of its time is any use is the client's to decide.
    copenssl_identity_status_expired,
    copenssl_identity_status_not_yet_valid,
    copenssl_identity_status_no_certificate,
    copenssl_identity_status_malformed_certificate,
    copenssl_identity_status_no_key,
    copenssl_identity_status_malformed_key,
    copenssl_identity_status_password_missing,
    copenssl_identity_status_password_wrong,
    /// The key belongs to another certificate.
    copenssl_identity_status_mismatch,
    /// There is an identity of this key type already.
    copenssl_identity_status_repeated,
    /// OpenSSL's security level refuses it (a key too short, a digest too weak).
    copenssl_identity_status_refused,
};

struct copenssl_identity {
    /// The server's certificate first, then those that vouch for it.
    const uint8_t *chain_pem;
    size_t chain_length;
    const uint8_t *key_pem;
    size_t key_length;
    /// NULL: none.
    const uint8_t *password;
    size_t password_length;
};

/// Adds a certificate with its key. Unless it was taken, `error->text` tells more: OpenSSL's reason, or the date.
enum copenssl_identity_status copenssl_context_add_identity(
    copenssl_context *context, const struct copenssl_identity *identity, struct copenssl_error *error);
/// When the first certificate of a PEM text expires, in seconds since 1970; -EINVAL where there is none.
int copenssl_not_after(const uint8_t *pem, size_t length, int64_t *seconds);

// MARK: Engines

/// NULL when there is no memory.
copenssl_engine *copenssl_engine_new_server(copenssl_context *context);
/// `server_name` (a host name or an address, ends with a zero) and `session` may be NULL.
/// NULL when there is no memory, or for a name that cannot be one.
copenssl_engine *copenssl_engine_new_client(
    copenssl_context *context, const char *server_name, copenssl_session *session);
void copenssl_engine_free(copenssl_engine *engine);

/// What one call reads and writes. It is used during the call alone.
struct copenssl_io {
    /// Ciphertext from the peer; moved on as it is read.
    const uint8_t *input;
    size_t input_length;
    /// Takes ciphertext for the peer, all of it, each time there is some.
    void (*output)(void *output_context, const uint8_t *bytes, size_t length);
    void *output_context;
    /// The last alert that was made for the peer, or -1. Set it to -1 before the call.
    int32_t alert_sent;
};

enum COPENSSL_CLOSED_ENUM copenssl_status {
    copenssl_status_done,
    /// All input is read and more is needed.
    copenssl_status_want_input,
    /// The peer's close_notify.
    copenssl_status_ended,
    /// See copenssl_take_error. The engine can only be freed.
    copenssl_status_failed,
};

/// DONE when the handshake is complete.
enum copenssl_status copenssl_engine_handshake(copenssl_engine *engine, struct copenssl_io *io);
/// DONE when `*length` bytes (at least 1, of one record) are in `plaintext`, which has room for `capacity` bytes.
enum copenssl_status copenssl_engine_read(
    copenssl_engine *engine, struct copenssl_io *io, void *plaintext, size_t capacity, size_t *length);
/// DONE when the first `*length` bytes of the `count` (at least 1) are sealed.
enum copenssl_status copenssl_engine_write(
    copenssl_engine *engine, struct copenssl_io *io, const void *plaintext, size_t count, size_t *length);
/// Sends close_notify. Once, after the handshake.
enum copenssl_status copenssl_engine_end(copenssl_engine *engine, struct copenssl_io *io);
/// Takes new keys in both directions (RFC 8446, 4.6.3). FAILED before TLS 1.3.
enum copenssl_status copenssl_engine_update_keys(copenssl_engine *engine, struct copenssl_io *io);
/// Decrypted bytes that wait for copenssl_engine_read.
size_t copenssl_engine_pending(const copenssl_engine *engine);
/// Whether OpenSSL overwrites what it has decrypted once that is read (SSL_OP_CLEANSE_PLAINTEXT).
void copenssl_engine_set_cleansing(copenssl_engine *engine, bool cleanses);
bool copenssl_engine_is_cleansing(const copenssl_engine *engine);

// Facts, after the handshake. The texts live as long as the engine.

/// "TLSv1.3"
const char *copenssl_engine_version(const copenssl_engine *engine);
/// "TLS_AES_256_GCM_SHA384"
const char *copenssl_engine_cipher(const copenssl_engine *engine);
/// The name that the client asked for (SNI), or NULL.
const char *copenssl_engine_server_name(const copenssl_engine *engine);
bool copenssl_engine_is_resumed(const copenssl_engine *engine);
/// "x25519"; NULL where no group was used.
const char *copenssl_engine_group(copenssl_engine *engine);
/// "rsa_pss_rsae_sha256": what this end, or the peer, signed the handshake with. NULL: it did not, or without a name.
const char *copenssl_engine_own_signature(const copenssl_engine *engine);
const char *copenssl_engine_peer_signature(const copenssl_engine *engine);
struct copenssl_verification copenssl_engine_verification(const copenssl_engine *engine);

struct copenssl_certificate {
    uint8_t *der;
    size_t der_length;
    /// The first one of the subject, as UTF-8; NULL: there is none.
    uint8_t *common_name;
    size_t common_name_length;
    /// "RSA2048", "EC256", "ED25519"
    char key_algorithm[COPENSSL_ALGORITHM_BYTES];
    /// What it is signed with: "SHA256", or the signature's name where that has no digest of its own.
    char signature_algorithm[COPENSSL_ALGORITHM_BYTES];
};

/// False when there is none, or no memory. What is filled in is to be released.
bool copenssl_engine_get_peer_certificate(const copenssl_engine *engine, struct copenssl_certificate *certificate);
/// The one that this end has shown.
bool copenssl_engine_get_own_certificate(const copenssl_engine *engine, struct copenssl_certificate *certificate);
void copenssl_certificate_release(struct copenssl_certificate *certificate);

struct copenssl_certificate_names {
    /// In RFC 2253's form, what is not printable ASCII escaped.
    char *subject;
    char *issuer;
    /// In hexadecimal digits, capital letters.
    char *serial;
    uint8_t sha1[20];
};

/// Who is in a certificate. False when it is none, or no memory. What is filled in is to be released.
bool copenssl_certificate_get_names(const uint8_t *der, size_t length, struct copenssl_certificate_names *names);
void copenssl_certificate_names_release(struct copenssl_certificate_names *names);

/// The session that a next connection can offer, with a reference for the caller; NULL while there is none.
copenssl_session *copenssl_engine_copy_session(copenssl_engine *engine);
void copenssl_session_free(copenssl_session *session);

// MARK: Random numbers

/// Fills `bytes` with secret random numbers. 0, or -EIO.
int32_t copenssl_random(uint8_t *bytes, size_t length);

// MARK: Digests

/// HMAC-MD5. 0, or -ENOTSUP where OpenSSL does not do MD5.
int32_t copenssl_hmac_md5(
    const uint8_t *key, size_t key_length, const uint8_t *bytes, size_t length, uint8_t digest[16]);

#endif
