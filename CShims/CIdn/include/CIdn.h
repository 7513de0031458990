// Domain names with letters beyond US-ASCII (RFC 5890), by libidn2.
#ifndef CIDN_H
#define CIDN_H

#include <stddef.h>
#include <stdint.h>

/// The longest name that is looked at, in bytes.
#define CIDN_NAME_BYTES 1024

/// Writes the A-labels of a domain name in UTF-8, in lower case.
///
/// - Returns: their length in bytes; 0 where it is no such name, or `capacity` is too little.
size_t cidn_to_ascii(const uint8_t *name, size_t length, uint8_t *ascii, size_t capacity);

#endif
