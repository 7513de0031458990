# What packaging/run and packaging/test share. Sourced by bash.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

# packages SECTION...: the packages of these sections of packages.txt
packages() {
    local section
    for section in "$@"; do
        sed -n "/^\[$section\]/,/^\[/{/^[a-z0-9]/p}" "$root/packaging/packages.txt"
    done | sort -u
}

# Installs what is missing of these sections, as root; else says what to install and ends with 69.
require_packages() {
    local missing=() package
    for package in $(packages "$@"); do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        say "These Debian packages are missing: ${missing[*]}"
        say "Install them as root: apt-get install ${missing[*]}"
        exit 69
    fi
    say "Installing: ${missing[*]}"
    local policy=/usr/sbin/policy-rc.d log
    log=$(mktemp)
    if ! (
        # Daemons that come with a package are not to start by themselves; all others are, again, whatever comes of this.
        if [ ! -e "$policy" ]; then
            trap 'rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod +x "$policy"
        fi
        apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
    ) >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get could not install them"
        exit 69
    fi
    rm -f "$log"
}

# Finds Swift, also where it is not on the path.
require_swift() {
    command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin:/usr/local/swift/usr/bin
    if ! command -v swift >/dev/null; then
        say "Swift 6.3 is needed and no swift is on the path."
        exit 69
    fi
}

# Where a release is built: .build, unless MAILRACE_SCRATCH names another folder.
scratch=${MAILRACE_SCRATCH:-$root/.build}

# forget_variables [NAME]...: takes the caller's MAILRACE_* variables out of the environment, but for these. Mailrace
# takes each for a setting, and builds and tests take some for what they are to do: one that was exported for something
# else would change what comes of them.
forget_variables() {
    local name
    for name in $(compgen -e MAILRACE_); do
        [[ " $* " == *" $name "* ]] || unset "$name"
    done
    scratch=${MAILRACE_SCRATCH:-$root/.build}
}

# build_release [PRODUCT]...: builds the two programs, or others, as they are packaged, into $scratch/release: the Swift
# runtime within, no search path for libraries, all symbols bound at the start, and the list of addresses that depend on
# where they are loaded packed (DT_RELR, which glibc reads since 2.36), three quarters of a megabyte less; no names for
# libraries to find, of which none looks, and without which the daemon is smaller by 0.6 MB. Always with the same options,
# so that it is done once.
build_release() {
    local product
    [ $# -gt 0 ] || set -- mailrace mailrace-bench
    for product in "$@"; do
        swift build --package-path "$root" --scratch-path "$scratch" -c release --static-swift-stdlib \
            --disable-local-rpath -Xswiftc -use-ld=lld -Xlinker -z -Xlinker now \
            -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --no-export-dynamic --product "$product" || return
    done
}
