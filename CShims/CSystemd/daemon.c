#include "CSystemd.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

int systemd_take_sockets(void (*each)(void *context, int32_t descriptor, const char *name), void *context) {
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    for (int index = 0; index < count; index++) {
        each(context, SD_LISTEN_FDS_START + index, names[index]);
        free(names[index]);
    }
    free(names);
    return count;
}

int systemd_notify(const char *lines) { return sd_notify(0, lines); }

uint64_t systemd_watchdog_us(void) {
    uint64_t interval = 0;
    return sd_watchdog_enabled(0, &interval) > 0 ? interval : 0;
}
