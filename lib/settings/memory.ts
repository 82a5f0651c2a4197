import { isDeepStrictEqual } from "node:util";
import { Recall } from "../recall.ts";
import type { FileRead } from "./files.ts";
import type { SchemeContext } from "./scheme.ts";
import type { Peer } from "./settings.ts";
import type { SaidTable } from "./toml.ts";

/** A peer, and what it was chosen by beside its own values. */
interface Chosen {
  readonly peer: Peer;
  readonly grounds: object;
  /** Files that were read for it. */
  readonly files: ReadonlyMap<string, FileRead>;
}

type Watched = Pick<SchemeContext, "read" | "warn">;

/** What a program that reads its settings time and again knows of them: what stays as it is costs nothing anew. */
export class Memory {
  readonly pieces = new Recall<readonly SaidTable[]>();
  readonly #peers = new WeakMap<object, Chosen>();
  #grounds: object = {};

  /** Chooses peers from here on by this, beside their own values. */
  choosePeersBy(grounds: object): void {
    if (!isDeepStrictEqual(grounds, this.#grounds)) this.#grounds = grounds;
  }

  /**
   * The very same peer as before, where everything it follows from is the same; else what `choose` makes now.
   *
   * @param origin of its own values
   */
  peer(origin: object, { read, warn }: Watched, choose: (watched: Watched) => Peer): Peer {
    const known = this.#peers.get(origin);
    if (known?.grounds === this.#grounds) {
      const isAsItWas = known.files.entries().every(([path, file]) => isDeepStrictEqual(read(path), file));
      if (isAsItWas) return known.peer;
    }
    const files = new Map<string, FileRead>();
    let isQuiet = true;
    const peer = choose({
      read: (path) => {
        const file = read(path);
        files.set(path, file);
        return file;
      },
      warn: (warning) => {
        isQuiet = false;
        warn(warning);
      },
    });
    // A warning is to be told each time.
    if (isQuiet) this.#peers.set(origin, { peer, grounds: this.#grounds, files });
    return peer;
  }
}
