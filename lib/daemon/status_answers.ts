import type { Clock, StatusConnection } from "../ports.ts";
import { inTime, LineReader, writeText } from "../status/lines.ts";
import { LONGEST_REQUEST, parseRequest, type Request } from "../status/protocol.ts";
import { STATUS_VERSION } from "../status/snapshot.ts";
import { type ReportContext, reportInstance, reportTunnels } from "./report.ts";

/** Milliseconds until who says nothing, or does not read, is sent away. */
const PATIENCE_MILLISECONDS = 10_000;
/** Least milliseconds between two answers to one who asks again and again. */
const GAP_MILLISECONDS = 100;
/** So many tunnels are told at a time. */
const PORTION = 64;
/** Rest after each portion: the program's other work runs, and on a host with one processor other programs. */
const REST_MILLISECONDS = 1;

/** Answers requests until they end. @param look makes what the answers are made from @throws {Error} when they end badly */
export async function serveStatus(
  connection: StatusConnection,
  clock: Clock,
  look: () => ReportContext,
): Promise<void> {
  const reader = new LineReader(connection, LONGEST_REQUEST);
  while (true) {
    const line = await inTime(reader.next(), PATIENCE_MILLISECONDS, clock);
    if (line === null) return;
    const began = clock.now();
    const request = parseRequest(line);
    const texts = request === null ? [formatLine({ error: "not a request" })] : answersTo(request, look);
    for (const text of texts) {
      await inTime(writeText(connection, text), PATIENCE_MILLISECONDS, clock);
      await clock.waitUntil(clock.now() + REST_MILLISECONDS);
    }
    if (request === null) return;
    await clock.waitUntil(began + GAP_MILLISECONDS);
  }
}

/** The answer in parts, each made when the one before has gone. */
function* answersTo({ peer }: Request, look: () => ReportContext): Generator<string> {
  const context = look();
  const { view } = context;
  const isTold = ({ name }: { readonly name: string }) => peer === null || name === peer;
  const tunnels = view === null ? 0 : view.settings.peers.filter(isTold).length;
  yield formatLine({ ...reportInstance(context), tunnels });
  let portion: string[] = [];
  for (const tunnel of reportTunnels(context, peer)) {
    portion.push(formatLine(tunnel));
    if (portion.length < PORTION) continue;
    yield portion.join("");
    portion = [];
  }
  if (portion.length > 0) yield portion.join("");
}

function formatLine(value: object): string {
  return `${JSON.stringify({ version: STATUS_VERSION, ...value })}\n`;
}
