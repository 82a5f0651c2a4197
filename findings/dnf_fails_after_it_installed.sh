#!/bin/sh
# Guess:     `dnf5 install` ends with 0 when it has installed what was asked for; what its plugins do beside that needs
#            nothing that the package of dnf5 does not bring.
# Behaviour: on Debian it installs the package, and ends with 1: "Createrepo_c process exited with code 255". The plugin
#            "local" is on by default outside containers (`enabled = host-only`), copies every installed package into a
#            repository of its own, and indexes that by a program that no dependency asks for. So `dnf5 -y install X &&
#            …` stops after a success, and all rpms are kept on disk. With createrepo-c installed, or `enabled = 0` in
#            /etc/dnf/libdnf5-plugins/local.conf, the exit code is 0.
# Version:   dnf5 5.4.6.0 and rpm 6.1.0 of Debian forky.
# Source:    seen; the file above says what the plugin does, and libdnf5-2 has no dependency on createrepo-c.
#
# Needs root on Debian or a relative, mmdebstrap and a mirror of Debian. Changes nothing outside a temporary folder.
set -eu

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --variant=apt --include=dnf5,rpm --aptopt='Acquire::Check-Valid-Until "false"' forky "$root"
fail() {
  echo "changed: $1"
  exit 1
}
inside() {
  # shellcheck disable=SC2016
  unshare --mount sh -ec 'mount --bind "$0" "$0"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"' "$root" "$@"
}

cat > "$root/empty.spec" <<'END'
Name: empty
Version: 1
Release: 1
Summary: A package without files
License: MIT
BuildArch: noarch
AutoReqProv: no
%description
It has no files.
%files
END
inside rpmbuild -bb --quiet /empty.spec 2> /dev/null

# Prints dnf5's exit code and whether the package is there then.
attempt() {
  code=0
  inside dnf5 --assumeyes --setopt=localpkg_gpgcheck=0 install /root/rpmbuild/RPMS/noarch/empty-1-1.noarch.rpm \
    > "$root/said" 2>&1 || code=$?
  inside rpm --query empty > /dev/null && there=yes || there=no
  inside rpm --erase empty
  echo "exit code $code, installed: $there"
}

inside dpkg-query --show dnf5 rpm
usual=$(attempt)
echo "as Debian installs it: $usual"
tail -n 1 "$root/said" | sed 's/^/  /'
printf '[main]\nname = local\nenabled = 0\n' > "$root/etc/dnf/libdnf5-plugins/local.conf"
without=$(attempt)
echo "without the plugin: $without"
[ "$usual" = "exit code 1, installed: yes" ] || fail "it does not fail after it installed"
[ "$without" = "exit code 0, installed: yes" ] || fail "it was not the plugin"
echo "as described"
