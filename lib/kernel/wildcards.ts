import type { Log } from "../log.ts";
import type { Settings } from "../settings/settings.ts";
import type { Observed } from "./state.ts";

/** Takes the IPIP that no other device takes, once it is up. */
export const WILDCARD_DEVICE = "tunl0";

/** Says once of each device that takes plain IPIP that our tunnels take some of it away. */
export class WildcardWarnings {
  readonly #log: Log;
  /** Names of those devices at the last look. */
  #known: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  tell({ peers }: Settings, { foreign: { wildcards }, hasNft }: Observed): void {
    const isAllShared = hasNft && peers.every(({ sharedIpip }) => sharedIpip);
    for (const device of isAllShared ? [] : wildcards) {
      if (this.#known.has(device)) continue;
      this.#log.warning(
        `${device} is up: plain IPIP between this host's outer address and that of a peer does not get to it while there ` +
          "is a tunnel to that peer; if Calico, LVS or the like needs it, give --tunl-shared-ipip at both ends (with nft)",
        null,
      );
    }
    this.#known = new Set(wildcards);
  }
}
