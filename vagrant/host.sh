#!/usr/bin/env bash
# Makes sure of what a make target needs on this host, and of python3, in which all the rest is
# written; installs what is missing where there is apt-get. Quick and silent where all is there.
#
#   vagrant/host.sh PROGRAM[=PACKAGE] import:MODULE=PACKAGE file:PATTERN=PACKAGE … [-- PROGRAM…]
#
# Programs behind -- are not installed here, only named too when something has to be installed by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

is_there() {
    case $1 in
        import:*) python3 -c "import ${1#import:}" > /dev/null 2>&1 ;;
        file:*) compgen -G "${1#file:}" > /dev/null ;;
        *) command -v "$1" > /dev/null ;;
    esac
}

lacking=() packages=() by_hand=()
installed=yes
for wanted in python3 "$@"; do
    if [ "$wanted" = -- ]; then
        installed=no
        continue
    fi
    is_there "${wanted%%=*}" && continue
    by_hand+=("${wanted%%=*}")
    [ $installed = yes ] || continue
    lacking+=("${wanted%%=*}")
    packages+=("${wanted##*=}")
done
[ "${#packages[@]}" -gt 0 ] || exit 0

if ! command -v apt-get > /dev/null; then
    printf 'missing on this host, which has no apt-get to install it: %s\n' "${by_hand[*]}" >&2
    exit 1
fi

root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
        printf 'missing on this host: %s; as root: apt-get install %s\n' "${lacking[*]}" "${packages[*]}" >&2
        exit 1
    fi
    root=(sudo)
    printf '==> sudo is needed for installing %s\n' "${packages[*]}"
    sudo -v || exit 1
fi

log=.lab/log/packages.log
mkdir -p .lab
[ -d .lab/log ] || mkdir -m 0700 .lab/log
: > "$log"
chmod 0600 "$log"
# What root makes here is the owner's of the checkout.
[ "$(id -u)" -ne 0 ] || chown --reference=. .lab .lab/log "$log"
install_packages() {
    "${root[@]}" apt-get update -q &&
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "${packages[@]}"
}
if [ "${VERBOSE:-0}" != 0 ]; then
    install_packages 2>&1 | tee "$log"
elif ! install_packages > "$log" 2>&1; then
    printf 'installing %s failed; the end of %s:\n' "${packages[*]}" "$log" >&2
    tail -n 20 "$log" | sed 's/^/    /' >&2
    exit 1
fi
printf '==> installing %s: done in %s s\n' "${packages[*]}" "$SECONDS"
