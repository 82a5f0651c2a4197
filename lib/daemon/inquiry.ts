import { ANSWER_LENGTH, readAnswer } from "../auth/answer.ts";
import type { Scheme } from "../auth/scheme.ts";
import { parseIpv4 } from "../ipv4.ts";
import { type Endpoint, MAX_HEADERS_LENGTH, parseUdpPacket } from "../packet.ts";
import type { ReplySocket, System } from "../ports.ts";
import { replyFilter } from "../reply_filter.ts";
import { AuthSender, type AuthSystem } from "./authentication.ts";
import type { Setup } from "./client_setup.ts";

/** Milliseconds for the answer to each question, before another one is sent and at last the answer is missed. */
const PATIENCE = [1_000, 2_000, 4_000];
/** Datagrams that are taken for answers: forged ones cost no more than this. */
const MOST_DATAGRAMS = 64;

/**
 * Asks a client's server where it sees the client. This moves nobody there, so the setup may have another UDP port than
 * the tunnel that stands.
 *
 * @returns null: it does not answer
 * @throws {SysError}
 */
export async function askPlace(
  setup: Setup,
  system: AuthSystem & Pick<System, "openReplySocket">,
): Promise<Endpoint | null> {
  const { settings: { peers: [peer], local: { ports } }, remote } = setup;
  const { clock } = system;
  using sender = new AuthSender(setup, system);
  using socket = system.openReplySocket({
    filter: replyFilter({
      source: { ip: parseIpv4(remote.ip)!, port: remote.port },
      port: ports[0],
      payloadLengths: [ANSWER_LENGTH],
    }),
    maxLength: MAX_HEADERS_LENGTH + ANSWER_LENGTH,
  });
  const questions: Uint8Array[] = [];
  const hearing = hearAnswer(socket, peer!.scheme, questions);
  const over = new AbortController();
  hearing.then(() => over.abort(), () => over.abort());
  for (const patience of PATIENCE) {
    if (over.signal.aborted) break;
    sender.ask((question) => questions.push(question));
    await clock.waitUntil(clock.now() + patience, over.signal);
  }
  socket[Symbol.dispose]();
  return await hearing;
}

/** Reads the answer to one of the questions, until the socket is closed. */
async function hearAnswer(
  socket: ReplySocket,
  scheme: Scheme,
  questions: readonly Uint8Array[],
): Promise<Endpoint | null> {
  let count = 0;
  for await (const packet of socket.packets()) {
    const payload = parseUdpPacket(packet)?.payload ?? new Uint8Array();
    for (const question of questions) {
      const seen = readAnswer(scheme, payload, question);
      if (seen !== null) return seen;
    }
    if (++count === MOST_DATAGRAMS) break;
  }
  return null;
}
