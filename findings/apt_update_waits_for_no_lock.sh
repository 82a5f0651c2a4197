#!/bin/sh
# Guess:     `apt-get -o DPkg::Lock::Timeout=60 …` waits for up to a minute while another apt-get runs, whatever that does:
#            with it a script needs no loop of its own on a machine that has just started, where a timer updates the lists.
# Behaviour: only what changes installed packages waits. `update` fails at once with exit code 100 while another one updates
#            the lists, `clean` while another one downloads: "Could not get lock". A script has to try again by itself.
# Version:   apt 2.6.1, which has the option since 1.9.11.
# Source:    seen; apt, apt-pkg/deb/debsystem.cc: the option is read for dpkg's two locks alone.
#
# Needs apt of Debian 12 and Python 3. Changes nothing outside a temporary folder. Takes a few seconds.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq -o APT::Sandbox::User=root apt=2.6.1 libapt-pkg6.0=2.6.1
for package in *.deb; do dpkg-deb -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libapt-pkg.so.6.0')")
export LD_LIBRARY_PATH LC_ALL=C
mkdir -p lists/partial archives/partial dpkg
touch sources.list dpkg/status

apt() {
  "$folder/root/usr/bin/apt-get" -qq -o DPkg::Lock::Timeout=60 -o APT::Sandbox::User=root \
    -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=- -o Dir::Cache="$folder" \
    -o Dir::State::Lists="$folder/lists" -o Dir::State::Status="$folder/dpkg/status" "$@"
}
cat > hold.py <<'END'
import fcntl, sys, time

with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    open(sys.argv[1] + ".held", "w").close()
    time.sleep(3)
END

# Prints "waits" or "fails" for a command of apt-get while another program has a lock for three seconds.
try() {
  lock=$1
  shift
  python3 hold.py "$lock" &
  holder=$!
  until [ -e "$lock.held" ]; do sleep 0.1; done
  if apt "$@" > log 2>&1; then outcome=waits; else outcome="fails with $?"; fi
  if kill -0 $holder 2>/dev/null && [ "$outcome" = waits ]; then outcome="does not care"; fi
  wait $holder
  echo "$outcome"
}

"$folder/root/usr/bin/apt-get" --version | head -n 1
install=$(try dpkg/lock-frontend install)
update=$(try lists/lock update)
clean=$(try archives/lock clean)
echo "while another program has its lock: install $install; update $update; clean $clean"
[ "$install, $update, $clean" = "waits, fails with 100, fails with 100" ] ||
  { echo "changed: what waits for a lock is another command"; exit 1; }
