# Completion of mailrace and mailrace-bench for bash. The commands and options are those that the program's own help
# lists, so that this is never behind it.

# _mailrace_help COMMAND: the help of the program, or of one of its commands
_mailrace_help() {
    "$_mailrace_program" ${1:+"$1"} --help 2>/dev/null
}

# Lines of the help that begin with two spaces and a lower-case word are commands.
_mailrace_commands() {
    _mailrace_help | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'
}

_mailrace_options() {
    _mailrace_help "$1" | sed -nE 's/^  (--[a-z0-9-]+).*/\1/p'
}

# _mailrace_argument COMMAND OPTION: what the option takes, as in FILE; nothing where it takes nothing
_mailrace_argument() {
    _mailrace_help "$1" | sed -nE "s/^  $2 ([A-Z][A-Z0-9_=:[-]*).*/\\1/p"
}

_mailrace() {
    local _mailrace_program=$1 command='' commands given
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    # bash makes three words of --config=FILE.
    if [ "$word" = = ]; then
        word=''
    elif [ "$before" = = ] && [ "$COMP_CWORD" -ge 2 ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    commands=$(_mailrace_commands)
    for given in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if grep -qxF -e "$given" <<<"$commands"; then
            command=$given
            break
        fi
    done
    if [[ $before == --* ]]; then
        case $(_mailrace_argument "$command" "$before") in
        '') ;;
        FILE | PATH)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        DIR)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        *) return ;;
        esac
    fi
    if [ -z "$command" ] && [[ $word != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(_mailrace_options "$command")" -- "$word")
    fi
}

complete -F _mailrace mailrace mailrace-bench
