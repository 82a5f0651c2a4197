/**
 * What packages do beside their files. The administrator's files in /etc/ipipou stay in any case. dpkg tells a script "remove" or "purge", rpm how many versions stay: 0. On an
 * upgrade running instances go on as they are.
 */

const RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload";

/** The maintainer scripts, by nfpm's names for them. */
export const SCRIPTS = {
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
} as const;
