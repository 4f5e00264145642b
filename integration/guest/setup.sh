# shellcheck shell=bash
# The host's packages, the root image and the kernels; a part of 'guest', which sets $here and $cache.
# shellcheck disable=SC2154

host_packages=(qemu-system-x86 mmdebstrap erofs-utils cpio kmod busybox-static e2fsprogs
    debian-archive-keyring)
# the types that the project ships for hosts whose SELinux policy has none for containers
policy=$here/../../packaging/selinux/holdfast_container.cil
boot_modules=(virtio_pci virtio_blk virtio_console erofs overlay ext4)

# The Debian and security mirrors that this machine's apt is set up with.
mirror() { # label
    apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages' |
        sed -n "s/^$1|//p" | sort -u | head -n 1
}

sources() { # suite: sources.list lines
    local key=/usr/share/keyrings/debian-archive-keyring.gpg deb sec
    deb=${HOLDFAST_MIRROR:-$(mirror Debian)}
    sec=${HOLDFAST_SECURITY_MIRROR:-$(mirror Debian-Security)}
    [ -n "$deb" ] || die "apt knows no Debian mirror; set HOLDFAST_MIRROR"
    echo "deb [signed-by=$key] $deb $1 main"
    case $1 in *-backports | sid | unstable | experimental | testing) return ;; esac
    echo "deb [signed-by=$key] $deb $1-updates main"
    [ -z "$sec" ] || echo "deb [signed-by=$key] $sec $1-security main"
}

install_host() {
    local p missing=()
    for p in "${host_packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    apt-get -o DPkg::Lock::Timeout=600 -q update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q install -y \
        --no-install-recommends "${missing[@]}" >&2
}

packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/packages.txt"; }
root_image() { # suite
    echo "$cache/root-$1-$(cat "$here"/{packages.txt,holdfast_guest.cil} "$policy" | sha256sum | cut -c1-12).erofs"
}

build_root() ( # suite image
    tmp=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    sources "$1" >"$tmp/sources.list"
    cat >"$tmp/finish" <<'H'
#!/bin/bash
set -eu
root=$1 here=$2 image=$3
sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"
mkdir -p "$root/run/cil" "$root/scratch" "$root/usr/lib/modules"
cp "$here/holdfast_guest.cil" "$here/../../packaging/selinux/holdfast_container.cil" "$root/run/cil"
cil=(/run/cil/holdfast_guest.cil)
[ -e "$root/usr/share/selinux/default/container.pp.bz2" ] || cil+=(/run/cil/holdfast_container.cil)
chroot "$root" semodule -n -s default -i "${cil[@]}"
rm -rf "$root"/run/cil "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
echo guest >"$root/etc/hostname"
printf '127.0.0.1 localhost guest\n::1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
contexts=$root/etc/selinux/default/contexts/files/file_contexts
# a plain bind shows the tree without the /proc, /sys and /dev mounted in it
mkdir "$image.tree"
mount --bind "$root" "$image.tree"
mkfs.erofs -T0 --file-contexts="$contexts" "$image" "$image.tree" >/dev/null
umount "$image.tree"
H
    chmod 755 "$tmp/finish"
    say "building the $1 root image (a few minutes)"
    TMPDIR=$tmp mmdebstrap --quiet --variant=minbase --format=null \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --include="$(packages | paste -sd,)" \
        --customize-hook="\"$tmp/finish\" \"\$1\" \"$here\" \"$tmp/root.erofs\"" \
        "$1" /dev/null "$tmp/sources.list" >&2
    mv "$tmp/root.erofs" "$2"
)

kernel_dir() { # suite[/flavour]
    local suite=${1%%/*} flavour=cloud-amd64
    [ "$suite" = "$1" ] || flavour=${1#*/}
    echo "$cache/kernel-$suite-$flavour"
}

build_kernel() ( # suite[/flavour] directory
    flavour=${2##*/kernel-"${1%%/*}"-}
    tmp=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$tmp"' EXIT
    chmod 755 "$tmp"
    mkdir -p "$tmp"/{lists/partial,cache/archives/partial,deb,x,ird}
    sources "${1%%/*}" >"$tmp/sources.list"
    apt=(-q -o "Dir::Etc::SourceList=$tmp/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::Etc::PreferencesParts=/dev/null -o "Dir::State::Lists=$tmp/lists"
        -o "Dir::Cache=$tmp/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
    say "fetching linux-image-$flavour of ${1%%/*}"
    apt-get "${apt[@]}" update >&2
    image=$(apt-cache "${apt[@]}" show "linux-image-$flavour" |
        sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
    [ -n "$image" ] || die "no linux-image-$flavour in ${1%%/*}"
    # newer releases keep the modules in packages of their own
    deps=$(apt-cache "${apt[@]}" show "$image" | sed -n 's/^Depends: //p' | head -n 1 |
        tr ',' '\n' | sed -n 's/^ *\(linux-\(modules\|binary\|base\)-[^ ]*\).*/\1/p' | grep -v '^linux-base$' || true)
    # shellcheck disable=SC2086
    (cd "$tmp/deb" && apt-get "${apt[@]}" download $image $deps >&2)
    for d in "$tmp"/deb/*.deb; do dpkg-deb -x "$d" "$tmp/x"; done
    [ -d "$tmp/x/usr/lib/modules" ] || { mkdir -p "$tmp/x/usr/lib" && mv "$tmp/x/lib/modules" "$tmp/x/usr/lib/"; }
    release=$(basename "$tmp"/x/usr/lib/modules/*)
    mkdir "$tmp/m" && mkdir "$tmp/m/usr" "$tmp/m/usr/lib" && mv "$tmp/x/usr/lib/modules" "$tmp/m/usr/lib/"
    ln -s usr/lib "$tmp/m/lib"
    depmod -b "$tmp/m" "$release"

    mkdir -p "$tmp"/ird/{bin,mod,proc,sys,dev,root,kernel,new}
    cp /bin/busybox "$tmp/ird/bin/"
    for b in sh mount umount insmod mkdir cat cp ip ln chmod chroot switch_root reboot; do
        ln -s busybox "$tmp/ird/bin/$b"
    done
    for m in "${boot_modules[@]}"; do
        modprobe -d "$tmp/m" -S "$release" --show-depends "$m" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
    done | awk '!seen[$0]++' | while read -r f; do
        n=$(basename "$f")
        case $n in
            *.xz) xz -dc "$f" >"$tmp/ird/mod/${n%.xz}" ;;
            *.zst) zstd -qdc "$f" >"$tmp/ird/mod/${n%.zst}" ;;
            *) cp "$f" "$tmp/ird/mod/" ;;
        esac
        n=${n%.xz}
        echo "${n%.zst}"
    done >"$tmp/order"
    mv "$tmp/order" "$tmp/ird/mod/order"
    mkdir "$tmp/done"
    (cd "$tmp/ird" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/done/initrd"
    cp "$tmp"/x/boot/vmlinuz-* "$tmp/done/vmlinuz"
    cp "$tmp"/x/boot/config-* "$tmp/done/config"
    mkfs.erofs -T0 "$tmp/done/modules.erofs" "$tmp/m/usr/lib/modules" >/dev/null
    echo "$release" >"$tmp/done/release"
    rm -rf "$2"
    mv "$tmp/done" "$2"
)

setup() {
    local suite=bookworm force=0 image k d
    local -a kernels=()
    while [ $# -gt 0 ]; do
        case $1 in
            --suite) suite=$2 && shift 2 ;;
            --kernel) kernels+=("$2") && shift 2 ;;
            --force) force=1 && shift ;;
            *) usage >&2 && exit 125 ;;
        esac
    done
    [ ${#kernels[@]} -gt 0 ] || kernels=("$suite")
    install_host
    mkdir -p "$cache"
    image=$(root_image "$suite")
    if [ $force = 1 ] || [ ! -e "$image" ]; then build_root "$suite" "$image"; fi
    for k in "${kernels[@]}"; do
        d=$(kernel_dir "$k")
        if [ $force = 1 ] || [ ! -e "$d/release" ]; then build_kernel "$k" "$d"; fi
    done
    if [ ! -e "$cache/scratch.ext4" ]; then
        truncate -s 8G "$cache/scratch.tmp"
        mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -O ^has_journal "$cache/scratch.tmp"
        mv "$cache/scratch.tmp" "$cache/scratch.ext4"
    fi
    say "ready: $(info)"
}

info() {
    local d
    for d in "$cache"/*; do
        [ -e "$d" ] || continue
        case $d in
            */kernel-*) echo "${d##*/} ($(cat "$d/release"))" ;;
            *) echo "${d##*/}" ;;
        esac
    done | paste -sd' '
}

