import { must } from "../../tools/command.ts";
import { aptGet } from "../../tools/packages.ts";

/**
 * Programs that break tunnels, of Debian's packages. They are not installed, since some start services that change this
 * machine's network: they are downloaded, and unpacked in the lab alone, which forgets them.
 */
const PACKAGES = [
  ...["iptables", "firewalld", "python3-firewall", "ufw", "dbus"],
  ...["ifupdown", "isc-dhcp-client", "udhcpc", "busybox", "dnsmasq-base"],
];

/** Where the packages are, with all that they need and this machine has not. */
const FOLDER = new URL("../../dist/healing", import.meta.url).pathname;

/** Fetches the packages. @throws {CommandError} */
export async function fetchTools(): Promise<void> {
  await must(["mkdir", "-p", `${FOLDER}/partial`]);
  // As root, apt may write here where its own user may not.
  const options = ["APT::Sandbox::User=root", `Dir::Cache::Archives=${FOLDER}`].flatMap((option) => [
    "-o",
    option,
  ]);
  const args = [...options, "install", "-y", "--reinstall", "--download-only", "--no-install-recommends"];
  try {
    await aptGet([...args, ...PACKAGES]);
  } catch {
    // There are no lists of packages, or they name files that no longer exist.
    await aptGet(["update"]);
    await aptGet([...args, ...PACKAGES]);
  }
}

/** Starts the bus by which programs talk to firewalld and networkd. That of an earlier test is gone with its network. */
export const SYSTEM_BUS = "rm -f /run/dbus/pid /run/dbus/system_bus_socket; dbus-daemon --system --fork";

/** What the packages' own scripts would have done. */
const SETUP = `
for family in ip ip6; do
  for name in tables tables-save tables-restore; do ln -sf xtables-nft-multi /usr/sbin/$family$name; done
done
mkdir -p /var/lib/dhcp /run/network /run/dbus
cp -n /usr/share/ufw/ufw.conf /usr/share/ufw/iptables/*.rules /etc/ufw/
`;

/** Unpacks them where this runs, once: in the lab. */
export async function unpackTools(): Promise<void> {
  const unpack = 'dpkg --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C /';
  const script = `exec 9> /run/healing
flock 9
[ ! -s /run/healing ] || exit 0
for deb in ${FOLDER}/*.deb; do ${unpack}; done
${SETUP}
echo done >&9`;
  await must(["sh", "-ec", script]);
}
