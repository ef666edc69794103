# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# What build/quickstart and build/test share; they source it.

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
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
    root=
    if test "$(id -u)" -ne 0; then
        command -v sudo >/dev/null ||
            fail "missing:$missing. Install them, or become root."
        root=sudo
    fi
    $root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
        fail "apt-get update failed."
    said=$($root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        --no-install-recommends install $missing 2>&1 </dev/null) || {
        printf '%s\n' "$said" | tail -n 20 >&2
        fail "apt-get could not install$missing"
    }
}

BUILD_PACKAGES="gcc libc6-dev make autoconf automake perl apache2-bin
    apache2-dev libssl-dev libaprutil1-dbd-sqlite3"

# Builds into a folder of the checkout; the arguments are configure's.
build_into() {
    folder=$1
    shift
    test -e configure || ./buildconf >/dev/null || fail "./buildconf failed."
    mkdir -p "$folder"
    test -e "$folder/Makefile" ||
        (cd "$folder" && ../configure "$@" >configure.log 2>&1) || {
        tail -n 20 "$folder/configure.log" >&2
        fail "./configure failed; see $folder/config.log."
    }
}
