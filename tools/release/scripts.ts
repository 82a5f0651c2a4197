/** What a package does beside its files, by nfpm's names for the moments. */
export type Scripts = Partial<Record<"preinstall" | "postinstall" | "preremove" | "postremove", string>>;

const RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload";

/**
 * With systemd. The administrator's files in /etc/ipipou stay in any case. dpkg tells a script "remove" or "purge", rpm
 * how many versions stay: 0. On an upgrade running instances go on as they are.
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

/** With OpenRC. An upgrade runs none of apk's scripts but those for upgrades, so instances go on as they are. */
export const OPENRC = {
  preremove: `#!/bin/sh
for service in /etc/init.d/ipipou.*; do
  [ ! -e "$service" ] || rc-service --ifstarted "\${service##*/}" stop
done
`,
} as const satisfies Scripts;

/**
 * With procd. Nothing is done where an image is being built, on another machine ($IPKG_INSTROOT). An upgrade, which opkg
 * tells by $PKG_UPGRADE, leaves running instances as they are; OpenWrt's own scripts would stop them.
 *
 * @param machine as `uname -m` calls it: "x86_64", "aarch64"
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
