import type { Endpoint } from "../packet.ts";
import type { Command, EXPORT_FORMATS } from "./commands.ts";
import type { GivenValues } from "./given.ts";
import type { Setting } from "./words.ts";

/** Configuration files and options to read values from. */
export interface Sources {
  /** Values of `--config`, in order. */
  readonly configs: readonly string[];
  /** What names these in a command's usage, unless that is `--config`. */
  readonly place?: string;
  readonly given: Readonly<GivenValues>;
}

/** What a command line asks for. */
export type Invocation =
  /** `commands`: whose help to print; empty: the whole program's. */
  | { readonly kind: "help"; readonly commands: readonly Command[] }
  | { readonly kind: "version" }
  /** Generate a key pair; `labelled`: label the lines. */
  | { readonly kind: "keygen"; readonly labelled: boolean }
  | Sources & {
    readonly kind: "run";
    /** A line each. */
    readonly warnings: readonly string[];
  }
  /** Tell what a run would do in the kernel; `warnings`: a line each. */
  | Sources & { readonly kind: "dry-run"; readonly warnings: readonly string[] }
  /** Show how instances are. */
  | StatusRequest & { readonly kind: "status" }
  /** Tell Prometheus how instances are. */
  | MetricsRequest & { readonly kind: "metrics" }
  /** Find mistakes in configuration files, as `--config` takes them; none: all of /etc/ipipou. */
  | { readonly kind: "check"; readonly names: readonly string[] }
  /** Find what keeps tunnels from working. */
  | DoctorRequest & { readonly kind: "doctor" }
  /** Print the kernel part of an instance for another system. */
  | ExportRequest & { readonly kind: "export" }
  /** Convert files of version 0.1 to TOML. */
  | ConvertOptions & { readonly kind: "convert" }
  /** Remove what an instance left in the kernel. */
  | Sources & { readonly kind: "cleanup" }
  | PeerAddition & { readonly kind: "peer-add"; /** A line each. */ readonly warnings: readonly string[] }
  | PeerChoice & ClientFileRequest & { readonly kind: "peer-show" }
  | PeerChoice & { readonly kind: "peer-remove" }
  | { readonly kind: "peer-list"; /** As `--config` takes it. */ readonly hub: string };

/** Of what to show the status, and how. */
export interface StatusRequest {
  /** Of an instance or its file; null: all instances. */
  readonly name: string | null;
  /** Null: all peers. */
  readonly peer: string | null;
  readonly json: boolean;
  /** Again and again. */
  readonly watch: boolean;
}

/** What to examine, and how to say it. */
export interface DoctorRequest {
  /** A file, as `--config` takes it; null: all of /etc/ipipou. */
  readonly name: string | null;
  /** Measure how long NATs keep clients' ways open. */
  readonly nat: boolean;
  readonly json: boolean;
}

/** Of what to make metrics, and where they go. */
export interface MetricsRequest {
  /** Of an instance or its file; null: all instances. */
  readonly name: string | null;
  /** Path of the file to replace; null: none. */
  readonly file: string | null;
  /** Where to answer HTTP requests: a path, or a loopback address and a port; null: nowhere. */
  readonly listen: string | Endpoint | null;
}

/** Which instance to export, and to what. */
export interface ExportRequest {
  readonly format: typeof EXPORT_FORMATS[number];
  /** Of its file, as `--config` takes it. */
  readonly name: string;
}

/** What to convert, and where to. */
export interface ConvertOptions {
  /** Files of version 0.1, as `--config` takes them. */
  readonly names: readonly string[];
  /** The file to merge them all into, as `--config` takes it; null: convert each on its own. */
  readonly hub: string | null;
  /** Write files instead of printing. */
  readonly write: boolean;
  /** Replace existing files. */
  readonly force: boolean;
}

/** One peer of one hub. */
export interface PeerChoice {
  /** As `--config` takes it. */
  readonly hub: string;
  /** 1-15 characters of `A-Za-z0-9_.-`. */
  readonly peer: string;
}

/** What a client's file needs that the hub's settings do not tell, and how to print it. */
export interface ClientFileRequest {
  /** Where the client reaches the hub; null: not given. */
  readonly endpoint: { readonly host: string | null; readonly port: number | null };
  /** The client's network device; null: by its routes. */
  readonly clientDevice: string | null;
  /** Print a shell command that writes the client's file. */
  readonly asLine: boolean;
}

/** A peer to add to a hub. */
export interface PeerAddition extends PeerChoice, ClientFileRequest {
  /** The peer's options in order; later ones override earlier ones. */
  readonly settings: readonly Setting[];
  readonly given: Readonly<GivenValues>;
  /** Generate the client's key pair. */
  readonly makeKey: boolean;
}
