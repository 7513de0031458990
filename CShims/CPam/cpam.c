#define _GNU_SOURCE
#include "CPam.h"

#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What there is to answer with.
struct shown {
    const char *user;
    const char *password;
};

static void drop(struct pam_response *responses, int count) {
    for (int i = 0; i < count; i++) {
        if (!responses[i].resp) continue;
        explicit_bzero(responses[i].resp, strlen(responses[i].resp));
        free(responses[i].resp);
    }
    free(responses);
}

/// Answers what a module asks; its copies are the module's to wipe and to free.
static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *context) {
    const struct shown *shown = context;
    if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
    struct pam_response *made = calloc((size_t)count, sizeof *made);
    if (!made) return PAM_BUF_ERR;
    int result = PAM_SUCCESS;
    for (int i = 0; i < count && result == PAM_SUCCESS; i++) {
        const char *answer = NULL;
        switch (messages[i]->msg_style) {
        case PAM_PROMPT_ECHO_ON: answer = shown->user; break;
        case PAM_PROMPT_ECHO_OFF: answer = shown->password; break;
        case PAM_ERROR_MSG:
        case PAM_TEXT_INFO: continue;
        default: result = PAM_CONV_ERR; continue;
        }
        made[i].resp = strdup(answer);
        if (!made[i].resp) result = PAM_BUF_ERR;
    }
    if (result != PAM_SUCCESS) {
        drop(made, count);
        return result;
    }
    *responses = made;
    return PAM_SUCCESS;
}

/// Refusals are held back by who is asked for them, and not by a thread that others wait for.
static void hold_nothing_back(int result, unsigned microseconds, void *context) {
    (void)result;
    (void)microseconds;
    (void)context;
}

static cpam_answer meaning(int result) {
    switch (result) {
    case PAM_SUCCESS: return cpam_accepted;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED: return cpam_refused;
    default: return cpam_unavailable;
    }
}

/// Sets what the modules are told besides the user.
static int set_items(pam_handle_t *handle, const char *client) {
    int result = pam_set_item(handle, PAM_FAIL_DELAY, (const void *)hold_nothing_back);
    if (result == PAM_SUCCESS && client) result = pam_set_item(handle, PAM_RHOST, client);
    return result;
}

cpam_answer cpam_authenticate(
    const char *service, const char *user, const char *password, const char *client, const char *folder,
    char reason[CPAM_REASON_BYTES]) {
    struct shown shown = {.user = user, .password = password};
    const struct pam_conv conversation = {.conv = converse, .appdata_ptr = &shown};
    const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
    pam_handle_t *handle = NULL;
    int result = folder ? pam_start_confdir(service, user, &conversation, folder, &handle)
                        : pam_start(service, user, &conversation, &handle);
    if (result == PAM_SUCCESS) {
        result = set_items(handle, client);
        if (result == PAM_SUCCESS) result = pam_authenticate(handle, flags);
        if (result == PAM_SUCCESS) result = pam_acct_mgmt(handle, flags);
    }
    const char *words = pam_strerror(handle, result);
    snprintf(reason, CPAM_REASON_BYTES, "%s", words ? words : "no reason given");
    if (handle) pam_end(handle, result);
    return meaning(result);
}
