import { parseIpv4 } from "../ipv4.ts";

/**
 * What `ip` prints differs by version: an object that lacks what every one has is ignored. So what comes from here can be
 * put into commands and messages.
 */

// As the kernel takes them, but for what would break a line or be obeyed by a terminal.
// deno-lint-ignore no-control-regex
const NAMESPACE_REGEXP = /^[^\s/\u0000-\u001f\u007f-\u009f-][^\s/\u0000-\u001f\u007f-\u009f]{0,254}$/;
// deno-lint-ignore no-control-regex
const DEVICE_REGEXP = /^[^\s/:\u0000-\u001f\u007f-\u009f]{1,15}$/;

type Fields = Readonly<Record<string, unknown>>;

/** A tunnel device in another network namespace than the one it was made in. */
export interface MovedDevice {
  readonly name: string;
  /** "" where it has none. */
  readonly alias: string;
  readonly local: string;
  readonly remote: string;
}

/** Reads those of `ip -json -details link show type ipip` that were moved. */
export function readMovedDevices(list: readonly unknown[]): MovedDevice[] {
  return list.map(fieldsOf).flatMap(({ ifname: name, ifalias, link_netnsid: netns, linkinfo }) => {
    const { local, remote } = fieldsOf(fieldsOf(linkinfo)["info_data"]);
    if (typeof name !== "string" || !DEVICE_REGEXP.test(name) || typeof netns !== "number") return [];
    if (!isAddress(local) || !isAddress(remote)) return [];
    return { name, alias: typeof ifalias === "string" ? ifalias : "", local, remote };
  });
}

/** Reads `ip -json netns list-id`. @returns names */
export function readNamespaces(list: readonly unknown[]): string[] {
  return list.map(fieldsOf).flatMap(({ name }) =>
    typeof name === "string" && NAMESPACE_REGEXP.test(name) ? name : []
  );
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

/** Not "any", as `ip` prints for none. */
function isAddress(value: unknown): value is string {
  return typeof value === "string" && parseIpv4(value) !== null;
}
