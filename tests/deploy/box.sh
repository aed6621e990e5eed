# shellcheck shell=bash
# box.sh - a Debian that boots: systemd as process 1 in namespaces of its own (the network is this machine's), for what
# only a running systemd can show. Sourced after lib.sh:
#
#   box_boot            or the test ends here, with one line
#   box COMMAND...      runs it inside, as root
#   box_end
BOX=$T/box
BOX_PID=                                  # systemd's, as this machine sees it
BOX_GROUP=/sys/fs/cgroup/systemd/llm-box-$$ # its part of the cgroup tree; it sees no other
BOX_PACKAGES=systemd-sysv,dbus,adduser,ca-certificates,curl,procps,libcurl4,libcjson1,libnghttp2-14,libmbedcrypto7,libsqlite3-0

# In the new namespaces: mounts, then systemd. It wants a /dev that it may copy (PrivateDevices), and a root that is no
# chroot (user namespaces are refused in one).
box_init() {
    set -e
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount -t sysfs -o ro sysfs "$1/sys"
    for n in run tmp; do mount -t tmpfs tmpfs "$1/$n"; done
    mount -t tmpfs -o mode=755 tmpfs "$1/dev"
    for n in null zero full random urandom tty; do
        touch "$1/dev/$n"
        mount --bind "/dev/$n" "$1/dev/$n"
    done
    mkdir "$1/dev/shm" "$1/dev/pts"
    mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/dev/pts"
    ln -s /proc/self/fd "$1/dev/fd"
    ln -s pts/ptmx "$1/dev/ptmx"
    mount -t tmpfs -o mode=755 tmpfs "$1/sys/fs/cgroup"
    mkdir "$1/sys/fs/cgroup/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$1/sys/fs/cgroup/systemd"
    cd "$1"
    mkdir -p .old
    pivot_root . .old
    umount -l /.old
    exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console --show-status=false
}

box_boot() {
    local tar=$TOOLS/bookworm.tar
    [ "$(id -u)" = 0 ] || skip_all "only root can boot a system in namespaces"
    grep -q ' - cgroup .*name=systemd' /proc/self/mountinfo || skip_all "this machine has no cgroup hierarchy name=systemd"
    [ -s "$tar" ] || {
        mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' --include=$BOX_PACKAGES bookworm "${tar%.tar}.new.tar" >"$T/mmdebstrap.log" 2>&1 &&
            mv "${tar%.tar}.new.tar" "$tar"
    } || skip_all "no Debian can be made: $(tail -n 1 "$T/mmdebstrap.log")"
    mkdir "$BOX" "$BOX_GROUP" || skip_all "$BOX_GROUP cannot be made"
    tar -xf "$tar" -C "$BOX"
    (
        echo "$BASHPID" >"$BOX_GROUP/cgroup.procs"
        exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child bash -c "$(declare -f box_init); box_init '$BOX'"
    ) >"$T/boot.log" 2>&1 </dev/null &
    BOX_UNSHARE=$!
    trap 'box_end; cleanup' EXIT
    eventually 20 box_running || {
        fail "systemd does not come up: $(tail -n 3 "$T/boot.log" | cut -c1-300)"
        finish
    }
}

box_running() {
    BOX_PID=$(cat "/proc/$BOX_UNSHARE/task/$BOX_UNSHARE/children")
    BOX_PID=${BOX_PID%% *}
    [ -n "$BOX_PID" ] && [[ $(box systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

box() { nsenter -t "$BOX_PID" -m -u -i -p -C -r -w -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# Its process 1 takes all others along.
box_end() {
    [ -n "$BOX_PID" ] || return 0
    kill -KILL "$BOX_PID"
    wait "$BOX_UNSHARE" 2>/dev/null
    BOX_PID=
    find "$BOX_GROUP" -depth -type d -exec rmdir {} + 2>/dev/null
}
