/**
 * Reads one of the kernel's counts of packets.
 *
 * @param text /proc/net/snmp or /proc/net/netstat: two lines for each section, names and numbers
 * @returns null: it is not there
 */
export function parseCount(text: string | null, section: string, name: string): number | null {
  const [names = [], values = []] = (text ?? "").split("\n").filter((line) => line.startsWith(`${section}: `))
    .map((line) => line.split(" "));
  const value = Number(values[names.indexOf(name)]);
  return Number.isSafeInteger(value) ? value : null;
}
