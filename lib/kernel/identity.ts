import type { Settings } from "../settings/settings.ts";

/** By what an instance knows its own. */
export interface Identity {
  readonly name: string;
  readonly table: string;
  /** Device names its tunnels have. An unmarked FOU device of such a name and such a port is taken over. */
  readonly devices: ReadonlySet<string>;
  /** Own FOU ports. */
  readonly ports: ReadonlySet<number>;
  /** Netfilter queue it reads. */
  readonly queue: number;
  /**
   * Listeners (`listenerKey`) and private addresses that this process made. They are ours also when the device whose mark
   * says so was deleted by others.
   */
  readonly made: ReadonlySet<string>;
}

/** By what an instance of these settings knows its own. */
export function identityOf(settings: Settings): Identity {
  const { peers, nft, local, queue } = settings;
  return {
    name: settings.name,
    table: nft.table,
    devices: new Set(peers.map((peer) => peer.tunnel.device)),
    ports: new Set(local.ports),
    queue: queue.number,
    made: new Set(),
  };
}
