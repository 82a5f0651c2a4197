import { pid } from "node:process";
import { EXIT, IpipouError, reasonOf } from "./errors.ts";
import type { Endpoint } from "./packet.ts";
import { isDeadSocket, shareSocket } from "./status_socket.ts";

/** Collectors read it as another user. */
const FILE_MODE = 0o644;

/** Replaces a file in one step. @throws {IpipouError} when it cannot */
export async function replaceMetricsFile(path: string, text: string): Promise<void> {
  const next = `${path}.${pid}.new`;
  try {
    await Deno.writeTextFile(next, text, { mode: FILE_MODE });
    await Deno.rename(next, path);
  } catch (error) {
    await Deno.remove(next).catch(() => {});
    throw new IpipouError(`Cannot write ${path} (--file): ${reasonOf(error)}`, EXIT.failure);
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Answers HTTP requests until told to stop. @throws {IpipouError} when it cannot listen there */
export async function serveMetrics(
  place: string | Endpoint,
  answer: (method: string, path: string, accept: string) => Promise<Answer>,
  stop: AbortSignal,
): Promise<void> {
  const handler = async (request: Request) => {
    const { pathname } = new URL(request.url);
    const { status, type, text } = await answer(
      request.method,
      pathname,
      request.headers.get("accept") ?? "",
    );
    return new Response(text, { status, headers: { "content-type": type } });
  };
  const isPath = typeof place === "string";
  const options = { signal: stop, onListen: () => isPath && shareSocket(place) };
  try {
    if (isPath && await isDeadSocket(place)) Deno.removeSync(place);
    const server = isPath
      ? Deno.serve({ ...options, path: place }, handler)
      : Deno.serve({ ...options, hostname: place.ip, port: place.port }, handler);
    await server.finished;
  } catch (error) {
    const where = isPath ? place : `${place.ip}:${place.port}`;
    throw new IpipouError(`Cannot listen at ${where} (--listen): ${reasonOf(error)}`, EXIT.failure);
  }
}
