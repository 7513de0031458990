#include "CGetopt.h"

#include <getopt.h>
#include <string.h>

/// What getopt_long returns for option i is FIRST + i, apart from '?', ':' and every short option.
enum { FIRST = 256 };

static cgetopt_result operand(cgetopt_state *state, int argc, char *const argv[]) {
    if (state->operand >= argc) return (cgetopt_result){.outcome = CGETOPT_END};
    return (cgetopt_result){.outcome = CGETOPT_OPERAND, .text = argv[state->operand++]};
}

cgetopt_result cgetopt_next(
    cgetopt_state *state, int argc, char *const argv[], const cgetopt_option *options, size_t option_count) {
    if (option_count > CGETOPT_OPTIONS_MAX) return (cgetopt_result){.outcome = CGETOPT_END};
    if (state->operand > 0) return operand(state, argc, argv);

    struct option names[CGETOPT_OPTIONS_MAX + 1];
    memset(names, 0, sizeof names);
    for (size_t i = 0; i < option_count; i++) {
        names[i].name = options[i].name;
        names[i].has_arg = options[i].takes_argument ? required_argument : no_argument;
        names[i].val = FIRST + (int)i;
    }
    if (!state->started) {
        optind = 0; // glibc: forget any earlier command line
        state->started = 1;
    }
    opterr = 0;
    optopt = 0;
    int found = getopt_long(argc, argv, ":", names, NULL);
    if (found == -1) {
        state->operand = optind;
        return operand(state, argc, argv);
    }
    if (found >= FIRST) {
        return (cgetopt_result){.outcome = CGETOPT_OPTION, .index = (size_t)(found - FIRST), .text = optarg};
    }
    if (found == '?' && optopt > 0 && optopt < FIRST) {
        // Where letters are bundled, optind still names the argument they stand in or has passed it already.
        return (cgetopt_result){.outcome = CGETOPT_UNKNOWN, .letter = (char)optopt};
    }
    cgetopt_result result = {.outcome = CGETOPT_UNKNOWN, .text = argv[optind - 1]};
    if (found == ':') result.outcome = CGETOPT_ARGUMENT_MISSING;
    else if (optopt >= FIRST) result.outcome = CGETOPT_ARGUMENT_UNWANTED;
    return result;
}
