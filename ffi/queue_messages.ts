import { Attributes } from "./attributes.ts";
import { parseAnswer } from "./netlink_answers.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";

/** NFNL_SUBSYS_QUEUE and NFQNL_MSG_PACKET. */
const PACKET = 0x300;
/** Bytes of struct nfgenmsg, which the attributes follow. */
const NFGENMSG = 4;
const NFQA = { packetHeader: 1, payload: 10 } as const;

/** A packet that waits in a netfilter queue for a verdict. */
export interface QueuedPacket {
  readonly kind: "packet";
  /** By which the kernel knows it; they count up, and begin again after 2^32 - 1. */
  readonly id: number;
  /** A copy of it, from the IPv4 header on, as far as the queue copies; null: it has no bytes. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** What the kernel says of a queue: a packet, or its answer to a message. */
export type QueueMessage = QueuedPacket | { readonly kind: "answer"; readonly errno: number };

/** Reads a datagram of a netfilter queue. What is neither is left out. */
export function parseQueueMessages(datagram: Uint8Array): QueueMessage[] {
  const found: QueueMessage[] = [];
  for (const message of messagesIn(datagram)) {
    if (message === null) continue;
    const read = message.type === PACKET ? readPacket(message) : readAnswer(message);
    if (read !== null) found.push(read);
  }
  return found;
}

function readPacket({ body }: Message): QueuedPacket | null {
  const attributes = new Attributes(body, NFGENMSG);
  const header = attributes.bytes(NFQA.packetHeader);
  if (header === undefined || header.length < 4) return null;
  const id = new DataView(header.buffer, header.byteOffset).getUint32(0); // struct nfqnl_msg_packet_hdr begins with it
  return { kind: "packet", id, bytes: attributes.bytes(NFQA.payload)?.slice() ?? null };
}

function readAnswer(message: Message): QueueMessage | null {
  const answer = parseAnswer(message);
  return answer && { kind: "answer", errno: answer.errno };
}
