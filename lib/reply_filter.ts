/** An instruction of a classic BPF program, as in Linux's `struct sock_filter`. */
export interface BpfInstruction {
  readonly code: number;
  /** Number of instructions to skip if a comparison holds. */
  readonly jt: number;
  /** Number of instructions to skip if it does not. */
  readonly jf: number;
  /** Operand, unsigned 32 bits. */
  readonly k: number;
}

/** What distinguishes a reply from other UDP datagrams. */
interface ReplyForm {
  /** Its source; the IPv4 address as a number. */
  readonly source: { readonly ip: number; readonly port: number };
  /** Local UDP port. */
  readonly port: number;
  /** Bytes of UDP payload. */
  readonly payloadLength: number;
}

const CODE = {
  loadWord: 0x20,
  loadWordInUdp: 0x40,
  loadHalfInUdp: 0x48,
  loadByteInUdp: 0x50,
  /** Makes the `InUdp` loads start at the UDP header. */
  skipIpHeader: 0xb1,
  and: 0x54,
  jumpIfEqual: 0x15,
  return: 0x06,
} as const;

const IP_SOURCE = 12;
const UDP_PORTS = 0;
const UDP_LENGTH = 4;
const UDP_PAYLOAD = 8;
const INNER_LENGTH = UDP_PAYLOAD + 2;
const SHORTEST_INNER_PACKET = 20;

/** An instruction whose jumps lead to `TAKE` or `LEAVE`, or else to the next instruction. */
interface Step {
  readonly code: number;
  readonly k: number;
  readonly yes?: "take" | "leave";
  readonly no?: "take" | "leave";
}

const LEAVE: BpfInstruction = { code: CODE.return, jt: 0, jf: 0, k: 0 };
const TAKE: BpfInstruction = { code: CODE.return, jt: 0, jf: 0, k: 0xffff_ffff };

/** A program that accepts nothing. */
export const TAKE_NOTHING: readonly BpfInstruction[] = [LEAVE];

/**
 * Makes the program that takes only replies, from UDP datagrams with their IPv4 header. It leaves the tunnel's data, even
 * of a reply's length: whatever `looksLikeInnerPacket()` accepts is data.
 */
export function replyFilter({ source, port, payloadLength }: ReplyForm): readonly BpfInstruction[] {
  const steps: Step[] = [
    { code: CODE.loadWord, k: IP_SOURCE },
    { code: CODE.jumpIfEqual, k: source.ip, no: "leave" },
    { code: CODE.skipIpHeader, k: 0 },
    { code: CODE.loadWordInUdp, k: UDP_PORTS },
    { code: CODE.jumpIfEqual, k: source.port * 0x1_0000 + port, no: "leave" },
    { code: CODE.loadHalfInUdp, k: UDP_LENGTH },
    { code: CODE.jumpIfEqual, k: UDP_PAYLOAD + payloadLength, no: "leave" },
  ];
  if (payloadLength >= SHORTEST_INNER_PACKET) {
    steps.push(
      { code: CODE.loadByteInUdp, k: UDP_PAYLOAD },
      { code: CODE.and, k: 0xf0 },
      { code: CODE.jumpIfEqual, k: 0x40, no: "take" },
      { code: CODE.loadHalfInUdp, k: INNER_LENGTH },
      { code: CODE.jumpIfEqual, k: payloadLength, yes: "leave" },
    );
  }
  return assemble(steps);
}

function assemble(steps: readonly Step[]): readonly BpfInstruction[] {
  const distance = (from: number, to: Step["yes"]) => {
    if (to === undefined) return 0;
    return steps.length - from - (to === "take" ? 1 : 0);
  };
  const instructions = steps.map(({ code, k, yes, no }, index) => ({
    code,
    jt: distance(index, yes),
    jf: distance(index, no),
    k,
  }));
  return [...instructions, TAKE, LEAVE];
}
