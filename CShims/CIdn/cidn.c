#include "CIdn.h"

#include <idn2.h>
#include <string.h>

size_t cidn_to_ascii(const uint8_t *name, size_t length, uint8_t *ascii, size_t capacity) {
    char text[CIDN_NAME_BYTES + 1];
    if (length == 0 || length > CIDN_NAME_BYTES || memchr(name, 0, length) != NULL) return 0;
    memcpy(text, name, length);
    text[length] = 0;
    char *found = NULL;
    if (idn2_to_ascii_8z(text, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK || found == NULL) return 0;
    size_t count = strlen(found);
    if (count > capacity) count = 0;
    for (size_t index = 0; index < count; index++) {
        uint8_t byte = (uint8_t)found[index];
        ascii[index] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
    }
    idn2_free(found);
    return count;
}
