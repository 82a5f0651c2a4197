import type { Settings } from "../settings/settings.ts";

/** What an instance recognizes its own objects by. */
export interface Identity {
  readonly name: string;
  readonly table: string;
  /** Device names of its tunnels. An unmarked FOU device with such a name and port is taken over. */
  readonly devices: ReadonlySet<string>;
  readonly ports: ReadonlySet<number>;
  /** Of a client that may take other ports than its own: the ports of its servers. */
  readonly serverPorts?: ReadonlySet<number>;
  /** Netfilter queue it reads. */
  readonly queue: number;
  /** `listenerKey` or private address of what this process made: ours even if others deleted the device with the mark. */
  readonly made: ReadonlySet<string>;
  /** The kernel's numbers (ifindex) of devices known to be ours: still ours if others rename one and remove its mark. */
  readonly indexes?: ReadonlySet<number>;
  /** The outer device's name in the settings, which may be an alternative one. */
  readonly outer?: string | null;
}

/** The identity of an instance with these settings. */
export function identityOf(settings: Settings): Identity {
  const { peers, nft, local, queue, mode, monitor, fallbacks } = settings;
  const servers = [peers[0]?.remote, ...fallbacks].flatMap((remote) => remote?.port ?? []);
  return {
    name: settings.name,
    table: nft.table,
    devices: new Set(peers.map((peer) => peer.tunnel.device)),
    ports: new Set(local.ports),
    ...(mode === "client" && monitor.port ? { serverPorts: new Set(servers) } : {}),
    // A client reads none: rules with it are somebody else's.
    queue: settings.mode === "server" ? queue.number : -1,
    made: new Set(),
    outer: local.device,
  };
}
