/** Defaults that the help names too. */
export const DEFAULT_SECRET = "netprickle.com";
export const DEFAULT_NFT_TABLE = "ipipou";

/** A secret kept in a file of its own. */
export interface SecretFile {
  readonly file: string;
}

/** Everything that can be given, by slot: options that set the same thing share a slot. All are optional. */
export interface Values {
  server: boolean;
  number: number;
  /** How many `-v`. */
  verbose: number;
  verb: number;
  logTime: boolean;
  logPid: boolean;
  logFormat: "text" | "json";
  logAddresses: boolean;
  localIp: string;
  /** At least one. */
  localPorts: readonly number[];
  device: string;
  fouMark: number;
  encapCsum: boolean;
  remoteHost: string;
  remotePort: number;
  /** More remotes after the first one; a port is null where it is not given. */
  fallbacks: readonly { readonly host: string; readonly port: number | null }[];
  tunnelDevice: string;
  tunnelIp: string;
  tunnelPeerIp: string;
  tunnelTtl: number | "inherit";
  /** A TOS byte. */
  tunnelTos: number | "inherit";
  pathMtuDiscovery: boolean;
  tunnelMtu: number | "auto";
  mssClamp: number | "auto" | "off";
  /** IP/LENGTH, as the other networks. */
  tunnelNet: string;
  privateNet: string;
  allowedIps: readonly string[];
  routes: readonly string[];
  /** Text or bytes. */
  token: string | Uint8Array<ArrayBuffer> | SecretFile;
  privateKey: Uint8Array<ArrayBuffer> | SecretFile;
  remotePublicKey: Uint8Array<ArrayBuffer>;
  secret: string | SecretFile;
  byRemoteIp: boolean;
  byRemotePort: boolean;
  maxTimeDiscrepancy: number;
  replay: "strict" | "window" | "off";
  lifetime: number;
  reply: boolean;
  authPacketTtl: number;
  altIp: string;
  forceAlt: boolean;
  sharedIpip: boolean;
  queueNumber: number;
  queueMaxLength: number;
  nftTable: string;
  nftCounter: boolean;
  keepalive: number;
  monitorPort: boolean;
  monitorPing: boolean;
  reauthOnly: boolean;
  wait: boolean;
  moveInterval: number;
  silentAfter: number;
  /** Name of one of several peers. Not an option of an instance's command line. */
  peerName: string;
  /** Of a command: where to wait for who asks, and the file to write. */
  listen: string;
  output: string;
}

/** The name of a value in `Values`. */
export type Slot = keyof Values;

/** The slots that can hold a `T`. */
export type SlotFor<T> = { [K in Slot]: T extends Values[K] ? K : never }[Slot];

/** The kind of value an option takes, and the slot it fills. */
export type Kind =
  /** Does something other than run. */
  | { readonly kind: "command"; readonly command: "help" | "version" | "keygen" | "dryRun" }
  /** Turns something on for a command. */
  | {
    readonly kind: "switch";
    readonly switch: "write" | "force" | "makeKey" | "line" | "json" | "watch" | "nat";
  }
  /** Names a configuration file. May be repeated. */
  | { readonly kind: "config" }
  /** Takes no value; its repetitions are counted. */
  | { readonly kind: "count"; readonly slot: "verbose" }
  /** Takes no value on the command line, `true` or `false` in TOML. */
  | { readonly kind: "flag"; readonly slot: SlotFor<boolean>; readonly gives: boolean }
  | { readonly kind: "integer"; readonly slot: SlotFor<number>; readonly min: number; readonly max: number }
  /** A whole number, or one of a few words. In TOML a number has no quotes. */
  | {
    readonly kind: "numberOrWord";
    readonly slot: "tunnelTtl" | "tunnelMtu" | "mssClamp";
    readonly min: number;
    readonly max: number;
    readonly words: readonly ("inherit" | "auto" | "off")[];
  }
  /** A DSCP as a TOS byte, or by name, or `inherit`. */
  | { readonly kind: "tos"; readonly slot: "tunnelTos" }
  /** Whole seconds, or whole seconds, minutes or hours with their unit: `25s`, `5m`, `2h`. */
  | { readonly kind: "duration"; readonly slot: SlotFor<number> }
  /** A firewall mark: decimal, or hexadecimal after 0x. */
  | { readonly kind: "mark"; readonly slot: "fouMark" }
  /** UDP ports separated by commas; in TOML one port or a list. */
  | { readonly kind: "ports"; readonly slot: "localPorts" }
  | { readonly kind: "text"; readonly slot: "token" | "secret" | "listen" | "output" }
  | { readonly kind: "base64"; readonly slot: "token" }
  /** 32 bytes in base64. */
  | { readonly kind: "privateKey"; readonly slot: "privateKey" }
  | { readonly kind: "publicKey"; readonly slot: "remotePublicKey" }
  | { readonly kind: "secretFile"; readonly slot: SlotFor<SecretFile> }
  | { readonly kind: "ipv4"; readonly slot: SlotFor<string> }
  /** `IP/LENGTH`, or an address for a network of one. */
  | {
    readonly kind: "network";
    readonly slot: "tunnelNet" | "privateNet";
    readonly min: number;
    readonly max: number;
  }
  /** Networks separated by commas; in TOML a list. */
  | { readonly kind: "networks"; readonly slot: "allowedIps" | "routes" }
  | { readonly kind: "device"; readonly slot: "device" | "tunnelDevice" | "peerName" }
  | { readonly kind: "nftTable"; readonly slot: "nftTable" }
  /** One of a few words. */
  | { readonly kind: "word"; readonly slot: "replay"; readonly choices: readonly Values["replay"][] }
  | { readonly kind: "word"; readonly slot: "logFormat"; readonly choices: readonly Values["logFormat"][] }
  /** One of a few words. It is checked and has no effect. */
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  /** `[IP][:PORT][@DEV]` */
  | { readonly kind: "local" }
  /** `[HOST|IP][:PORT]`, and more of them after commas; in TOML one text or a list. */
  | { readonly kind: "remote" };

/** How an option is written. */
interface Written {
  /** Name without the two hyphens; null if there is only a short one. */
  readonly long: string | null;
  /** One letter. */
  readonly short?: string | undefined;
  /** Name of the value in the help. */
  readonly metavar?: string | undefined;
}

interface Described {
  /** One sentence, no full stop. */
  readonly help: string;
  readonly default?: string;
  /** Can be given for each of several peers. */
  readonly perPeer?: true;
  /** The only mode in which it has an effect. */
  readonly mode?: "client" | "server";
  /** The value is never shown. */
  readonly secret?: true;
  /** Describes the command, not an instance. */
  readonly ofCommand?: true;
  /** Not in version 0.1: abbreviations that worked there must not become ambiguous. */
  readonly neverAbbreviated?: true;
}

/** An option: everything the parsers, the checks and the help know about it. */
export type Option = Written & Described & Kind;

/** Options that the help shows together. */
export interface OptionGroup {
  readonly title: string;
  readonly options: readonly Option[];
}

/**
 * Makes options from a table: how each is written, as `-n, --number N`, and what it is.
 *
 * @param shared what they have in common
 */
export function optionsOf(
  table: Readonly<Record<string, Described & Kind>>,
  shared: Partial<Described> = {},
): Option[] {
  return Object.entries(table).map(([usage, own]) => {
    const [, short, long = null, metavar] = /^(?:-(\w))?(?:, )?(?:--([\w-]+))?(?: (.+))?$/.exec(usage) ?? [];
    return { short, long, metavar, ...shared, ...own };
  });
}

/** The tables a TOML file can have. */
export const TOML_TABLES = ["fou", "tunl", "auth", "nft", "nfq", "log", "encap", "monitor"] as const;

/** The option's name in messages, as `-n/--number`. */
export function nameOf(option: Option): string {
  const names = [];
  if (option.short !== undefined) names.push(`-${option.short}`);
  if (option.long !== null) names.push(`--${option.long}`);
  return names.join("/");
}

/**
 * The option's TOML key, outermost table first: `--TABLE-KEY` is KEY in [TABLE], any other name is a key at the top of
 * the file, and a leading `no-` is dropped. Null if it has none.
 */
export function tomlPathOf(option: Option): readonly string[] | null {
  if (option.long === null || option.kind === "command" || option.kind === "config") return null;
  const name = option.long.replace(/^no-/, "");
  const table = TOML_TABLES.find((table) => name.startsWith(`${table}-`));
  return table === undefined ? [name] : [table, name.slice(table.length + 1)];
}
