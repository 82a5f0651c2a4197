import type { IpDevice, IpFou, IpRoute } from "../../../lib/listing.ts";

/** A device as `ip -json` prints it. */
export type PrintedDevice = Omit<IpDevice, "group" | "linkinfo"> & {
  readonly group?: string | undefined;
  readonly linkinfo?: {
    readonly "info_kind"?: string | undefined;
    readonly "info_data"?:
      | Omit<PrintedTunnel, "tos" | "fwmark"> & { readonly tos?: string; readonly fwmark?: string }
      | undefined;
  } | undefined;
};
type PrintedTunnel = NonNullable<NonNullable<IpDevice["linkinfo"]>["info_data"]>;

/** A route as `ip -json` prints it. */
export type PrintedRoute = Omit<IpRoute, "protocol" | "tos"> & {
  readonly protocol?: string;
  readonly tos?: string;
};

/** What `ip -json` and `nft -j` print, of objects that are as they should be. */
export interface Listed {
  readonly devices: readonly PrintedDevice[];
  readonly fou: readonly IpFou[];
  readonly routes: readonly PrintedRoute[];
  readonly nft: readonly ListedObject[];
}

type ListedKey = string | { readonly concat: readonly unknown[] };
type ListedElement = ListedKey | {
  readonly elem: { readonly val: ListedKey; readonly timeout: number; readonly expires: number };
};

/** One object of a table. */
export interface ListedObject {
  readonly chain?: { readonly name: string };
  readonly rule?: {
    readonly chain: string;
    readonly handle?: number;
    readonly comment?: string;
    readonly expr?: readonly unknown[];
  };
  readonly set?: { readonly name: string; readonly elem?: readonly ListedElement[] };
  readonly map?: { readonly name: string; readonly elem?: readonly [ListedElement, unknown][] };
}
