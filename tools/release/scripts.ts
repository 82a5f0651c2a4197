/** A package's scripts, by nfpm's names. */
export type Scripts = Partial<Record<"preinstall" | "postinstall" | "preremove" | "postremove", string>>;

const RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload";

/**
 * With systemd. The administrator's files in /etc/ipipou always stay. dpkg passes "remove" or "purge" to a script, rpm
 * the number of remaining versions, 0. An upgrade leaves running instances alone.
 */
export const SYSTEMD = {
  postinstall: `#!/bin/sh
set -e
${RELOAD}
`,
  preremove: `#!/bin/sh
set -e
case $1 in
  remove | 0) [ ! -d /run/systemd/system ] || systemctl stop 'ipipou@*' ;;
esac
`,
  postremove: `#!/bin/sh
set -e
${RELOAD}
case $1 in
  purge | 0)
    rm -f /etc/systemd/system/*.wants/ipipou@*.service
    rm -rf /var/lib/ipipou /var/lib/private/ipipou ;;
esac
`,
} as const satisfies Scripts;

/** With OpenRC. On an upgrade apk does not run these scripts, so running instances are left alone. */
export const OPENRC = {
  preremove: `#!/bin/sh
for service in /etc/init.d/ipipou.*; do
  [ ! -e "$service" ] || rc-service --ifstarted "\${service##*/}" stop
done
`,
} as const satisfies Scripts;

/**
 * With procd. They do nothing while an image is built on another machine ($IPKG_INSTROOT). An upgrade ($PKG_UPGRADE, set
 * by opkg) leaves running instances alone; OpenWrt's default scripts would stop them.
 *
 * @param machine as printed by `uname -m`: "x86_64", "aarch64"
 */
export function procd(machine: string): Scripts {
  return {
    preinstall: `#!/bin/sh
[ -z "$IPKG_INSTROOT" ] || exit 0
[ "$(uname -m)" = ${machine} ] && exit 0
echo "Cannot install: this package is for ${machine}, and this machine is $(uname -m)" >&2
exit 1
`,
    postinstall: `#!/bin/sh
[ -z "$IPKG_INSTROOT" ] || exit 0
[ "$PKG_UPGRADE" = 1 ] && exit 0
/etc/init.d/ipipou enable
/etc/init.d/ipipou start
`,
    preremove: `#!/bin/sh
[ -z "$IPKG_INSTROOT" ] || exit 0
[ "$PKG_UPGRADE" = 1 ] && exit 0
/etc/init.d/ipipou stop
/etc/init.d/ipipou disable
`,
  };
}
