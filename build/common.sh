# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Functions of build/quickstart and build/test, which source this file.

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Runs a command that may take minutes, with its output in a file, and prints
# every five seconds what it is doing.  The command is a process group of its
# own and is ended when a signal ends us.
watched() {
    log=$1
    shift
    perl -e 'setpgrp 0, 0; exec @ARGV or die "$ARGV[0]: $!\n"' "$@" \
        >"$log" 2>&1 </dev/null &
    watched=$!
    trap interrupted INT TERM HUP
    ticks=0
    while kill -0 $watched 2>/dev/null; do
        sleep 0.2
        ticks=$((ticks + 1))
        test $((ticks % ${WATCHED_TICKS:-25})) -ne 0 ||
            printf '  %3d s: %s\n' $((ticks / 5)) \
                "$(tail -n 1 "$log" | cut -c1-60)"
    done
    watched_status=0
    wait $watched || watched_status=$?
    trap - INT TERM HUP
    return $watched_status
}

interrupted() {
    trap '' INT TERM HUP
    kill -- -$watched 2>/dev/null || kill $watched 2>/dev/null || :
    wait $watched || :
    echo "$(basename "$0"): interrupted; what was built so far stays." >&2
    exit 130
}

# Installs those of the named Debian packages that are missing.
need_packages() {
    command -v dpkg-query >/dev/null ||
        fail "this is no Debian or Ubuntu. Install httpd 2.4 with its apxs," \
             "APR, APR-util with SQLite, OpenSSL, autoconf and automake," \
             "then ./buildconf && ./configure && make."
    missing=
    for package; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
            grep -q 'ok installed' || missing="$missing $package"
    done
    test -n "$missing" || return 0
    echo "Installing$missing"
    said=$(mktemp)
    root=
    if test "$(id -u)" -ne 0; then
        command -v sudo >/dev/null ||
            fail "missing:$missing. Install them, or become root."
        root=sudo
    fi
    apt="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    # sudo's question for the password must not go to the file.
    test -z "$root" || sudo -v
    for step in update "--no-install-recommends install $missing"; do
        watched "$said" $apt $step || {
            tail -n 20 "$said" >&2
            rm -f "$said"
            fail "apt-get could not install$missing"
        }
    done
    rm -f "$said"
}

# Installs the client of the Model Context Protocol that t/apps/mcp.t uses into
# this folder; no package of Debian has it.  An unfinished installation is
# started again.
need_mcp_client() {
    sdk=@modelcontextprotocol/sdk@1.32.2
    test ! -d "$1/node_modules/${sdk%@*}" || return 0
    command -v npm >/dev/null || need_packages nodejs npm
    echo "Installing $sdk"
    rm -rf "$1" "$1.new"
    mkdir -p "$1.new"
    # npm waits for minutes where its packets get no answer.
    watched "$1.log" timeout -k 5 "${MCP_SECONDS:-180}" npm install \
        --prefix "$1.new" --no-audit --no-fund --ignore-scripts \
        --loglevel=error --fetch-retries=1 --fetch-timeout=30000 "$sdk" ||
        fail "npm could not install $sdk, which t/apps/mcp.t needs; see" \
             "$1.log, and try again where npm's registry can be reached."
    mv "$1.new" "$1"
}

BUILD_PACKAGES="gcc libc6-dev make autoconf automake perl apache2-bin
    apache2-dev libssl-dev libaprutil1-dbd-sqlite3"

# Builds into a folder of the checkout; the arguments are configure's.
build_into() {
    folder=$1
    shift
    test -e configure || ./buildconf >/dev/null || fail "./buildconf failed."
    mkdir -p "$folder"
    test -e "$folder/Makefile" || {
        echo "Configuring"
        watched "$folder/configure.log" sh -c \
            'cd "$1" && shift && exec ../configure "$@"' sh "$folder" "$@"
    } || {
        tail -n 20 "$folder/configure.log" >&2
        fail "./configure failed; see $folder/config.log."
    }
}
