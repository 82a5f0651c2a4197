import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { Attributes } from "./attributes.ts";
import { HEADER, type Message, messagesIn, NLMSG } from "./netlink_messages.ts";

/** Of the flags in struct nlmsghdr: the request is not repeated, and attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** Bytes of the errno in struct nlmsgerr. */
const ERRNO = 4;

/** What the kernel answered to one message: an error, or that it is done. */
export interface Answer {
  readonly sequence: number;
  /** 0: done. */
  readonly errno: number;
  /** What the kernel says of it; null: nothing. */
  readonly message: string | null;
}

/** Reads a datagram of answers. What is none is left out. */
export function readAnswers(datagram: Uint8Array): Answer[] {
  return messagesIn(datagram).flatMap((message) => (message && parseAnswer(message)) ?? []);
}

/** Reads an answer. @returns null: it is none */
export function parseAnswer(message: Message): Answer | null {
  const { type, sequence, body } = message;
  if (type !== NLMSG.error || body.byteLength < ERRNO) return null;
  const errno = Math.abs(body.getInt32(0, IS_LITTLE_ENDIAN)); // negative
  return { sequence, errno, message: describe(message) };
}

/** What is said in an answer besides the errno. It follows the request, or just that one's struct nlmsghdr. */
function describe({ flags, body }: Message): string | null {
  if ((flags & NLM_F_ACK_TLVS) === 0 || body.byteLength < ERRNO + HEADER) return null;
  const length = flags & NLM_F_CAPPED ? HEADER : Math.max(HEADER, body.getUint32(ERRNO, IS_LITTLE_ENDIAN));
  if (ERRNO + length > body.byteLength) return null;
  return new Attributes(body, ERRNO + length).text(NLMSGERR_ATTR_MSG) ?? null;
}
