#!/bin/sh
# Guess:     rpm in a chroot, as image builders run it, installs packages and runs their scripts as it always did: a
#            chroot needs no more than the folders /proc and /dev.
# Behaviour: rpm 6 runs no script there. Its plugin "unshare", which is on by default, gives each script mounts of its
#            own, and for that changes the propagation of `/`. Where nothing is mounted on the chroot's folder the
#            kernel refuses: EINVAL. The files are installed, the %post is not run ("scriptlet failed, exit status
#            126"), and rpm ends with 1. With the folder mounted on itself (`mount --bind DIR DIR`) or with --noplugins
#            all is as one would expect.
# Version:   rpm 6.1.0 of Debian forky; Linux 6.18.
# Source:    seen; mount(2) has EINVAL for a change of propagation of what is no mount point.
#
# Needs root on Debian or a relative, mmdebstrap and a mirror of Debian. Changes nothing outside a temporary folder.
set -eu

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --variant=apt --include=rpm --aptopt='Acquire::Check-Valid-Until "false"' forky "$root"
fail() {
  echo "changed: $1"
  exit 1
}
# $1: what is done first, in a namespace of mounts; the rest runs in the chroot.
inside() {
  first=$1
  shift
  # shellcheck disable=SC2016
  unshare --mount sh -ec "$first"'; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"' "$root" "$@"
}

cat > "$root/told.spec" <<'END'
Name: told
Version: 1
Release: 1
Summary: A package whose script leaves a file
License: MIT
BuildArch: noarch
AutoReqProv: no
%description
Its script leaves a file.
%post
touch /post-ran
%files
END
inside : rpmbuild -bb --quiet /told.spec 2> /dev/null
install="rpm --install --nodeps --nosignature --define=_pkgverify_level\ none"
package=/root/rpmbuild/RPMS/noarch/told-1-1.noarch.rpm

# $1: what is done first, $2: more options. Prints rpm's exit code and whether the script ran.
attempt() {
  rm -f "$root/post-ran"
  code=0
  inside "$1" sh -c "$install $2 $package" > "$root/said" 2>&1 || code=$?
  inside : rpm --erase --nodeps told 2> /dev/null
  [ -e "$root/post-ran" ] && ran=yes || ran=no
  echo "exit code $code, script ran: $ran"
}

inside : rpm --version
plain=$(attempt : "")
echo "a plain chroot: $plain"
sed 's/^/  /' "$root/said"
# shellcheck disable=SC2016
mounted=$(attempt 'mount --bind "$0" "$0"' "")
echo "mounted on itself: $mounted"
bare=$(attempt : --noplugins)
echo "without plugins: $bare"
[ "$plain" = "exit code 1, script ran: no" ] || fail "scripts run in a plain chroot"
for other in "$mounted" "$bare"; do
  [ "$other" = "exit code 0, script ran: yes" ] || fail "scripts need something else, too"
done
echo "as described"
