#!/usr/bin/env bash
# Installs Salt for Vagrant's salt provisioner: a virtual environment in /opt/salt, the programs linked
# to /usr/bin (where sudo finds them too), systemd units for the daemons, and the configuration and
# keys that Vagrant uploads. The provisioner calls it with the options of salt-bootstrap; those it can
# send are understood here and any other one stops the run. Run again, it puts the same things in the
# same places.
set -euo pipefail

readonly VENV=/opt/salt
readonly CONF=/etc/salt
config_dir=/tmp
seed_keys=""
with_master=no
with_minion=yes
configure_only=no
minion_id=""
master_address=""
packages=()

fail() {
    printf 'bootstrap.sh: %s\n' "$*" >&2
    exit 1
}

while getopts ':j:J:Fc:k:CMNXi:A:p:x:' option; do
    case "$option" in
        c) config_dir=$OPTARG ;;
        k) seed_keys=$OPTARG ;;
        C) configure_only=yes ;;
        M) with_master=yes ;;
        N) with_minion=no ;;
        i) minion_id=$OPTARG ;;
        A) master_address=$OPTARG ;;
        p) packages+=("$OPTARG") ;;
        F | X) ;; # overwriting what lies there, and leaving services to us, is what this script does
        x) fail "-x $OPTARG: the distribution's python3 is used, another one cannot be chosen" ;;
        j | J) fail "-$option: use a configuration file, JSON shows up in the process list" ;;
        *) fail "option -${OPTARG:-?} is not known here" ;;
    esac
done
shift $((OPTIND - 1))
[ "${1:-pip}" = pip ] || fail "install type '$1': only 'pip' is known here"
version=${2:-}

trust_site_certificates() {
    # Vagrant uploads what the host trusts beyond its distribution, empty where that is nothing.
    local upload=/tmp/site.crt target=/usr/local/share/ca-certificates
    [ -s "$upload" ] || return 0
    export DEBIAN_FRONTEND=noninteractive
    command -v update-ca-certificates > /dev/null \
        || { apt-get update -q && apt-get install -q -y --no-install-recommends ca-certificates; }
    rm -f "$target"/site-*.crt
    # One certificate a file, as update-ca-certificates wants them.
    awk -v target="$target" \
        '/BEGIN CERTIFICATE/ { n++ } { print > sprintf("%s/site-%03d.crt", target, n) }' "$upload"
    rm -f "$upload"
    update-ca-certificates > /dev/null
    # An older pip trusts only its own bundle unless told.
    export PIP_CERT=/etc/ssl/certs/ca-certificates.crt
}

install_salt() {
    [ -n "$version" ] || fail "no version given: expected 'pip 3008.3' or the like"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # gcc and the headers build the one dependency that has no wheel for the newest Pythons.
    apt-get install -q -y --no-install-recommends \
        ca-certificates gcc libc6-dev python3-dev python3-venv
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check \
        "salt==$version" "${packages[@]}"
    for program in salt salt-call salt-cp salt-key salt-master salt-minion salt-run salt-ssh; do
        ln -sf "$VENV/bin/$program" "/usr/bin/$program"
    done
}

install_unit() { # daemon, description
    cat > "/etc/systemd/system/$1.service" <<UNIT
[Unit]
Description=$2
Documentation=man:$1(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=all
KillMode=process
LimitNOFILE=100000
Environment=PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/$1
Restart=on-failure

[Install]
WantedBy=multi-user.target
UNIT
}

place() { # source, target, mode: moves an upload to its place; without an upload nothing changes
    if [ -f "$1" ]; then
        install -D -o root -g root -m "$3" "$1" "$2"
        rm -f "$1"
    fi
}

configure_minion() {
    install -d -m 0755 "$CONF"
    install -d -m 0700 "$CONF/pki" "$CONF/pki/minion"
    place "$config_dir/minion" "$CONF/minion" 0640
    place "$config_dir/grains" "$CONF/grains" 0644
    place "$config_dir/minion.pem" "$CONF/pki/minion/minion.pem" 0400
    place "$config_dir/minion.pub" "$CONF/pki/minion/minion.pub" 0644
    if [ -n "$minion_id" ]; then
        printf '%s' "$minion_id" > "$CONF/minion_id"
    fi
    if [ -n "$master_address" ]; then
        install -d -m 0755 "$CONF/minion.d"
        printf 'master: %s\n' "$master_address" > "$CONF/minion.d/master.conf"
    fi
    install_unit salt-minion 'The Salt Minion'
}

configure_master() {
    install -d -m 0755 "$CONF"
    install -d -m 0700 "$CONF/pki" "$CONF/pki/master" "$CONF/pki/master/minions"
    place "$config_dir/master" "$CONF/master" 0640
    place "$config_dir/master.pem" "$CONF/pki/master/master.pem" 0400
    place "$config_dir/master.pub" "$CONF/pki/master/master.pub" 0644
    if [ -n "$seed_keys" ] && [ -d "$seed_keys" ]; then
        for key in "$seed_keys"/*; do
            [ -f "$key" ] || continue
            place "$key" "$CONF/pki/master/minions/$(basename "$key")" 0644
        done
        rmdir "$seed_keys" 2>/dev/null || true
    fi
    install_unit salt-master 'The Salt Master'
}

start() {
    # A box is built in a chroot, where there is nothing to start yet.
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    systemctl enable --quiet "$1"
    systemctl restart "$1"
}

await_master() {
    # Two programs of one minion that introduce themselves at the same moment may be given different
    # session keys, and what the service then answers is lost (Salt 3008). A master that comes later
    # is awaited by each of them.
    [ -d /run/systemd/system ] || return 0
    for _ in $(seq 60); do
        [ ! -s "$CONF/pki/minion/minion_master.pub" ] || return 0
        sleep 0.5
    done
}

trust_site_certificates
[ "$configure_only" = yes ] || install_salt
if [ "$with_master" = yes ]; then
    configure_master
    start salt-master
fi
if [ "$with_minion" = yes ]; then
    configure_minion
    start salt-minion
    await_master
fi
