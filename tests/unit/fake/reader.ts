import type { KernelReader } from "../../../lib/kernel_ports.ts";
import { readDevices, readFou, readRoutes, readTable } from "../../read_listing.ts";
import type { FakeHost } from "./host.ts";

/** Reads a fake kernel. */
export class FakeReader implements KernelReader {
  readonly #host: FakeHost;

  constructor(host: FakeHost) {
    this.#host = host;
  }

  get hasTunnels(): boolean {
    return this.#host.kernel.modules === "loaded";
  }

  lists({ routes }: { readonly routes: boolean }): ReturnType<KernelReader["lists"]> {
    const { kernel } = this.#read("devices");
    return {
      devices: readDevices(kernel.listDevices()),
      routes: routes ? readRoutes(kernel.listRoutes()) : [],
    };
  }

  fouPorts(): ReturnType<KernelReader["fouPorts"]> {
    const { kernel } = this.#read("FOU ports");
    return kernel.modules === "loaded" ? readFou(kernel.listFou()) : null;
  }

  table(name: string, isWanted: (set: string) => boolean): ReturnType<KernelReader["table"]> {
    const { kernel, hasNftables } = this.#read("table");
    if (!hasNftables) return null;
    const table = readTable(kernel.listTable(name));
    return {
      ...table,
      sets: table.sets.map((set) => isWanted(set.name) ? set : { ...set, elements: [], isUnclear: false }),
    };
  }

  [Symbol.dispose](): void {}

  #read(what: string): FakeHost {
    this.#host.reads.push(what);
    const error = this.#host.failReading.shift();
    if (error) throw error;
    return this.#host;
  }
}
