import type { IpDevice, IpFou, IpRoute } from "../../../lib/kernel/listing.ts";

/** What `ip -json` and `nft -j` print, of objects that are as they should be. */
export interface Listed {
  readonly devices: readonly IpDevice[];
  readonly fou: readonly IpFou[];
  readonly routes: readonly IpRoute[];
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
