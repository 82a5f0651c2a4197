import type { ServiceManager, StateFile, System } from "../../../lib/ports.ts";
import type { FakeHost } from "./host.ts";
import { FakeClockWatch } from "./clock_watch.ts";
import { FakeNews } from "./news.ts";
import { FakePacketQueue } from "./packet_queue.ts";
import type { Parent } from "./programs.ts";
import { FakeRawSocket } from "./raw_socket.ts";
import { FakeReplySocket } from "./reply_socket.ts";
import { FakeReader } from "./reader.ts";
import { FakeStatusSocket } from "./status_socket.ts";
import type { FakeServiceManager } from "./surroundings.ts";
import { FakeWriter } from "./writer.ts";

/** How long writing a file takes. */
const WRITE_MILLISECONDS = 3;

/** Something that the kernel closes when its process ends. */
interface Resource {
  abandon(): void;
}

/** A process on a fake host. Its `system` works until the process is killed. */
export class FakeProcess implements Parent {
  readonly system: System;
  /** The sources of kernel news that it opened. */
  readonly news: FakeNews[] = [];
  readonly pid: number;
  readonly #host: FakeHost;
  readonly #killed = new AbortController();
  readonly #resources = new Set<Resource>();

  constructor(host: FakeHost, serviceManager: FakeServiceManager | null) {
    this.#host = host;
    this.pid = host.nextPid++;
    this.system = this.#makeSystem(serviceManager);
  }

  get isDead(): boolean {
    return this.#killed.signal.aborted;
  }

  /**
   * Ends the process at once. Whatever it waits for never arrives, and whatever it does has no effect. Programs that it
   * started go on.
   */
  kill(): void {
    if (this.isDead) return;
    this.#killed.abort();
    for (const resource of this.#resources) resource.abandon();
    this.#host.lock.forget(this);
  }

  #makeSystem(serviceManager: FakeServiceManager | null): System {
    const { kernel, clock, random, programs, lock, resolver, queues, replySockets } = this.#host;
    return {
      clock: {
        now: () => clock.now(),
        unixTime: () => clock.unixTime(),
        waitUntil: (moment, ...signals) =>
          this.#live(() => clock.waitUntil(moment, ...signals, this.#killed.signal)),
      },
      random,
      runProgram: (program, args, input, timeLimit) =>
        this.#live(() => programs.run(this, { program, args, input }, timeLimit)),
      surroundings: this.#host.surroundings,
      locks: {
        namespace: () => this.#live(() => lock.take(this)),
        folder: unavailable,
        instance: (name) => this.#takeInstance(name),
        holderOf: unavailable,
        process: unavailable,
        signalHolder: unavailable,
      },
      openNews: (table) => {
        if (table !== null && !this.#host.hasNftables) throw new Error("EPROTONOSUPPORT");
        const news = this.#own(new FakeNews(kernel.changes, table));
        this.news.push(news);
        return news;
      },
      openReader: () => new FakeReader(this.#host),
      hasProgram: (program) => !programs.missing.has(program),
      openRoutes: () => ({
        findRoute: (ip) => kernel.routeTo(ip),
        findCounts: (device) => {
          const found = kernel.devices.get(device);
          return found === undefined ? null : { ...found.counts };
        },
        findWays: (destinations, _source, device) =>
          destinations.map((destination) => {
            const route = kernel.fib.lookup(destination);
            const index = route?.device ?? device;
            return index === null ? null : { index, mtu: route?.mtu ?? null, isListed: route !== null };
          }),
        findSource: (query) => kernel.findSource(query),
        hasRuleFor: (source) => {
          kernel.ruleQuestions++;
          return kernel.sourceRules.has(source);
        },
        hasRuleForMark: () => false,
        [Symbol.dispose]: () => {},
      }),
      openWriter: () => this.#own(new FakeWriter(kernel, programs)),
      openPacketQueue: (options) => this.#own(new FakePacketQueue(queues, options)),
      openRawSocket: (options) => this.#own(new FakeRawSocket(this.#host, options)),
      openReplySocket: (options) => this.#own(new FakeReplySocket(replySockets, options)),
      openClockWatch: () => this.#own(new FakeClockWatch(clock)),
      isPortFree: ({ ip, port }) => kernel.isPortFree(ip, port),
      openState: (name) => this.#stateFile(`/var/lib/ipipou/${name}`),
      openStatusSocket: (label) => {
        const { failSockets, statusSockets } = this.#host;
        if (failSockets !== null) return Promise.reject(new Error(failSockets));
        return Promise.resolve(this.#own(new FakeStatusSocket(statusSockets, label)));
      },
      resolve: (host) => this.#live(() => resolver.resolve(host)),
      openServiceManager: () => serviceManager === null ? null : this.#tell(serviceManager),
    };
  }

  #takeInstance(name: string): Disposable | number {
    const { instances } = this.#host;
    const holder = instances.get(name);
    if (holder !== undefined && !holder.isDead) return holder.pid;
    instances.set(name, this);
    return {
      [Symbol.dispose]: () => {
        if (instances.get(name) === this) instances.delete(name);
      },
    };
  }

  #stateFile(path: string): StateFile {
    const { clock, files, writes } = this.#host;
    return {
      path,
      read: () => files.get(path) ?? null,
      write: async (text) => {
        await this.#live(() => clock.waitUntil(clock.now() + WRITE_MILLISECONDS, this.#killed.signal));
        if (this.#host.failWrites !== null) throw new Error(this.#host.failWrites);
        files.set(path, text);
        writes.push(path);
      },
    };
  }

  #tell(serviceManager: FakeServiceManager): ServiceManager {
    return {
      send: (message) => this.isDead ? undefined : serviceManager.send(message),
      get time() {
        return serviceManager.time;
      },
      period: serviceManager.period,
      [Symbol.dispose]: () => this.isDead ? undefined : serviceManager[Symbol.dispose](),
    };
  }

  #own<T extends Resource>(resource: T): T {
    if (this.isDead) resource.abandon();
    else this.#resources.add(resource);
    return resource;
  }

  /** Settles like `work`, but only while the process lives. */
  async #live<T>(work: () => Promise<T>): Promise<T> {
    if (this.isDead) return await never();
    try {
      const result = await work();
      return this.isDead ? await never() : result;
    } catch (error) {
      if (this.isDead) return await never();
      throw error;
    }
  }
}

/** A part of the system that a server or client does not use. */
function unavailable(): never {
  throw new TypeError("Not to be had in a fake process");
}

function never(): Promise<never> {
  return new Promise(() => {});
}
