/** What was measured of one row. Times are in milliseconds since the event began, or lengths; null: it did not come. */
export interface Figures {
  readonly what: string;
  readonly tool: string;
  /** How long the tool that broke the tunnel took. */
  readonly took: number;
  /** When the first stranger's datagram came in. */
  readonly opened: number | null;
  /** When a program first looked at its kernel. */
  readonly seen: number | null;
  /** When a program began the last change before the first datagram, or the last one of all. */
  readonly repaired: number | null;
  /** When the first datagram after the outage came back; null: there was none. */
  readonly first: number | null;
  /** The longest time without an answer. */
  readonly outage: number;
  /** From the end of the tool to the first datagram. */
  readonly healed: number;
  /** How long strangers' datagrams came in. */
  readonly open: number;
  /** Datagrams that were never answered. */
  readonly lost: number;
  /** When the TCP connection went on. */
  readonly tcp: number;
}

/** What a line with figures begins with. */
const START = "figures ";

/** Prints figures as one line, for {@linkcode readFigures}. */
export function tell(figures: Figures): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${START}${JSON.stringify(figures)}\n`));
}

/** The figures in the output of a test run. */
export function readFigures(output: string): Figures[] {
  return output.split("\n").flatMap((line) => {
    const at = line.indexOf(START + "{");
    return at < 0 ? [] : [JSON.parse(line.slice(at + START.length))];
  });
}
