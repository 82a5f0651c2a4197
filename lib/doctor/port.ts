import { portCure } from "../kernel/cures.ts";
import { ANY_ADDRESS } from "../kernel/state.ts";
import { type IpFou, wordsOfFou } from "../listing.ts";
import { type Finding, fine, unseen } from "./finding.ts";

/** What was seen of an instance's UDP ports. */
export interface PortFacts {
  /** Own outer address; null: there is none. */
  readonly ip: string | null;
  /** Why not. */
  readonly lack: string | null;
  /** The device that its sockets are bound to; null: none. */
  readonly link: string | null;
  readonly ports: readonly number[];
  /** Those that nothing has. */
  readonly free: ReadonlySet<number>;
  /** Those that a tunnel device of this instance sends from. */
  readonly used: ReadonlySet<number>;
  /** Null: they cannot be listed. */
  readonly fou: readonly IpFou[] | null;
  /** What `ss -H -lunp` printed. */
  readonly sockets: string;
}

/** Judges who has an instance's ports. */
export function judgePorts(facts: PortFacts): Finding[] {
  const { ip, lack, ports } = facts;
  if (ip === null) {
    return [{
      ...{ topic: "port", level: "fault", what: lack ?? "there is no own address" },
      why: "the instance waits for it, or ends",
      cure: "see ip -4 address and ip route, and give --fou-local an address or device of this host",
    }];
  }
  return ports.map((port) => judgePort(port, ip, facts));
}

function judgePort(port: number, ip: string, facts: PortFacts): Finding {
  const { link, free, used, fou, sockets } = facts;
  const place = `UDP port ${port} of ${ip}`;
  if (free.has(port)) return fine("port", `${place} is free`);
  const taker = fou?.find((listener) => isThere(listener, port, ip));
  if (taker !== undefined && fits(taker, link)) {
    return fine(
      "port",
      `${place} is FOU's${used.has(port) ? "" : ", and no tunnel of this instance uses it"}`,
    );
  }
  if (taker === undefined && used.has(port)) {
    return fine("port", `${place} is taken, as it is to be while a tunnel of this instance uses it`);
  }
  if (fou === null) {
    return unseen(
      "port",
      `${place} is taken`,
      "whether by a FOU port or a program only root is told",
      "run it as root",
    );
  }
  return {
    topic: "port",
    level: "fault",
    what: `${place} is taken${taker === undefined ? "" : `: ip fou add ${wordsOfFou(taker)}`}`,
    why: "the instance needs it for FOU, and IPIP in it",
    cure: portCure({ ip, port }, fou, sockets),
  };
}

function isThere({ port: other, family, local }: IpFou, port: number, ip: string): boolean {
  return other === port && family === "inet" && [undefined, ANY_ADDRESS, ip].includes(local);
}

/** Whether it takes IPIP from anybody, as a tunnel's does. */
function fits({ ipproto, peer, dev }: IpFou, link: string | null): boolean {
  return ipproto === 4 && peer === undefined && (dev === undefined || dev === link);
}
