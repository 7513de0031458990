#!/bin/sh
# Writes TestCertificates.swift and TestCertificates+Trust.swift: throw-away keys and certificates for tests, valid for a hundred years. Needs openssl(1).
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
target=$folder/TestCertificates.swift
trust=$folder/TestCertificates+Trust.swift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

from=20200101000000Z
until=21200101000000Z
names='DNS:mx.example.com, DNS:*.example.net, DNS:localhost, IP:127.0.0.1, IP:::1'

cat > ca.cnf <<END
[ca]
default_ca = here
[here]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = $names
[named]
extendedKeyUsage = serverAuth
subjectAltName = DNS:mail.example.org
[wildcard]
extendedKeyUsage = serverAuth
subjectAltName = DNS:*.example.net
[client]
extendedKeyUsage = clientAuth
[req]
distinguished_name = name
[name]
END
: > index.txt

ec_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
rsa_key() { openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$1.key" 2>/dev/null; }

# certify NAME COMMON-NAME EXTENSIONS ISSUER [FROM UNTIL]
certify() {
    openssl req -new -config ca.cnf -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    if [ "$4" = self ]; then issuer="-selfsign -keyfile $1.key"; else issuer="-cert $4.pem -keyfile $4.key"; fi
    # shellcheck disable=SC2086
    openssl ca -batch -notext -config ca.cnf -extensions "$3" $issuer -in "$1.csr" -out "$1.pem" \
        -startdate "${5:-$from}" -enddate "${6:-$until}" 2>/dev/null
}

ec_key root; certify root 'Mailrace Test Root' authority self
ec_key intermediate; certify intermediate 'Mailrace Test Intermediate' authority root
ec_key ecdsa; certify ecdsa mx.example.com server intermediate
rsa_key rsa 2048; certify rsa mx.example.com server intermediate
rsa_key weak 1024; certify weak mx.example.com server intermediate
ec_key expired; certify expired mx.example.com server intermediate 20200101000000Z 20210101000000Z
ec_key future; certify future mx.example.com server intermediate 21190101000000Z 21200101000000Z
ec_key self; certify self mx.example.com server self
ec_key named; certify named mail.example.org named root
rsa_key wildcard 2048; certify wildcard '*.example.net' wildcard root
ec_key otherRoot; certify otherRoot 'Another Test Root' authority self
ec_key client; certify client client.example.com client root
ec_key expiredClient; certify expiredClient expired.example.com client root 20200101000000Z 20210101000000Z
ec_key otherClient; certify otherClient other.example.com client otherRoot
openssl pkcs8 -topk8 -v2 aes-256-cbc -passout 'pass:correct horse' -in ecdsa.key -out encrypted.key

# constant NAME COMMENT FILE...
constant() {
    printf '\n    /// %s\n    public static let %s = """\n' "$2" "$1"
    shift 2
    cat "$@" | sed 's/^/        /'
    printf '        """\n'
}
# pair NAME COMMENT: the certificate and its key
pair() {
    constant "$1Certificate" "$2" "$1.pem"
    constant "$1Key" "The key of \`\`$1Certificate\`\`." "$1.key"
}
# digest KEY-FILE: SHA-256 of the SubjectPublicKeyInfo, in hexadecimal
digest() { openssl pkey -in "$1" -pubout -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1; }
{
    echo '// Made by generate.sh. Throw-away keys for tests: they protect nothing.'
    echo
    echo "/// PEM texts. Servers' certificates are for mx.example.com, *.example.net, localhost, 127.0.0.1 and ::1."
    printf 'public enum TestCertificates {\n'
    printf '    /// Decrypts ``encryptedKey``.\n    public static let password = "correct horse"\n'
    constant root 'Vouches for ``intermediate``.' root.pem
    constant intermediate 'Vouches for all others.' intermediate.pem
    constant ecdsaCertificate 'P-256, without the chain.' ecdsa.pem
    constant ecdsaChain 'P-256, with the intermediate certificate.' ecdsa.pem intermediate.pem
    constant ecdsaKey 'The key of ``ecdsaChain``.' ecdsa.key
    constant encryptedKey 'The key of ``ecdsaChain``, encrypted with ``password``.' encrypted.key
    constant rsaChain 'RSA, 2048 bits, with the intermediate certificate.' rsa.pem intermediate.pem
    constant rsaKey 'The key of ``rsaChain``.' rsa.key
    constant weakCertificate 'RSA, 1024 bits: too short for OpenSSL.' weak.pem
    constant weakKey 'The key of ``weakCertificate``.' weak.key
    constant expiredCertificate 'P-256, until 2021.' expired.pem
    constant expiredKey 'The key of ``expiredCertificate``.' expired.key
    constant futureCertificate 'P-256, from 2119 on.' future.pem
    constant futureKey 'The key of ``futureCertificate``.' future.key
    echo '}'
} > "$target"
{
    echo '// Made by generate.sh. Throw-away keys for tests: they protect nothing.'
    echo
    echo '/// For names of their own, for clients, and what is not to be trusted.'
    printf 'extension TestCertificates {\n'
    printf '    /// SHA-256 of the public key of ``ecdsaChain``, in hexadecimal.\n'
    printf '    public static let ecdsaPin = "%s"\n' "$(digest ecdsa.key)"
    pair named 'P-256, for mail.example.org, by ``root``.'
    pair wildcard 'RSA, 2048 bits, for *.example.net, by ``root``.'
    pair self 'P-256, for the same names as ``ecdsaCertificate``, by itself.'
    pair client 'P-256, for the client client.example.com, by ``root``.'
    pair expiredClient 'P-256, for the client expired.example.com, by ``root``, until 2021.'
    constant otherRoot 'Vouches for ``otherClientCertificate``.' otherRoot.pem
    pair otherClient 'P-256, for the client other.example.com, by ``otherRoot``.'
    echo '}'
} > "$trust"
