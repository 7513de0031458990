#include "CSystemd.h"

#include <errno.h>
#include <sys/uio.h>

// Without this every entry would name the C file and line that it was sent from.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

int systemd_journal_send(const char *text, const size_t *lengths, size_t count) {
    struct iovec fields[SYSTEMD_JOURNAL_FIELDS_MAX];
    if (count > SYSTEMD_JOURNAL_FIELDS_MAX) return -E2BIG;
    for (size_t i = 0; i < count; i++) {
        fields[i] = (struct iovec){.iov_base = (void *)text, .iov_len = lengths[i]};
        text += lengths[i];
    }
    return sd_journal_sendv(fields, (int)count);
}
