#ifndef CGETOPT_H
#define CGETOPT_H

#include <stdbool.h>
#include <stddef.h>

/// One long option: `--name`, or `--name VALUE` and `--name=VALUE` where it takes an argument.
typedef struct cgetopt_option {
    const char *name;
    bool takes_argument;
} cgetopt_option;

/// The most options one command line can know.
enum { CGETOPT_OPTIONS_MAX = 64 };

typedef enum cgetopt_outcome {
    CGETOPT_OPTION,           ///< An option; `index` names it, `text` is its argument or NULL.
    CGETOPT_OPERAND,          ///< `text` is not an option, or stands behind `--`.
    CGETOPT_END,
    CGETOPT_UNKNOWN,          ///< `text` is not, or not only, the beginning of a known option; or `letter` is none.
    CGETOPT_ARGUMENT_MISSING, ///< The option in `text` takes an argument and none follows.
    CGETOPT_ARGUMENT_UNWANTED ///< The option in `text` takes no argument and has one.
} cgetopt_outcome;

/// Where the walk along a command line stands. Zero it to begin; its fields belong to this library.
typedef struct cgetopt_state {
    int started;
    int operand;
} cgetopt_state;

typedef struct cgetopt_result {
    cgetopt_outcome outcome;
    size_t index;
    const char *text;
    char letter; ///< The letter of an unknown single-dash option, else 0.
} cgetopt_result;

/// The next part of a command line, by the rules of getopt_long: options and operands in any order, a unique beginning
/// of a name stands for the name, `--` ends the options. All options come first, then the operands in their order.
///
/// `argv[0]` is skipped, and the pointers of `argv` are put in that order. One command line at a time in a process.
cgetopt_result cgetopt_next(
    cgetopt_state *state, int argc, char *const argv[], const cgetopt_option *options, size_t option_count);

#endif
