import { type BpfInstruction, RANDOM } from "../../../lib/reply_filter.ts";

/**
 * Runs a BPF program on a packet. It knows only the instructions that ours use.
 *
 * @param random gives random words
 * @returns how many bytes to keep
 */
export function runBpf(
  program: readonly BpfInstruction[],
  packet: Uint8Array,
  random: () => number = () => 1,
): number {
  let [accumulator, index] = [0, 0];
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at]!;
    const load = (bytes: number, offset: number) => {
      if (offset + bytes > packet.length) return false;
      accumulator = packet.slice(offset, offset + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
      return true;
    };
    switch (code) {
      case 0x06: // BPF_RET | BPF_K
        return k;
      case 0x15: // BPF_JMP | BPF_JEQ | BPF_K
        at += accumulator === k ? jt : jf;
        break;
      case 0x20: // BPF_LD | BPF_W | BPF_ABS
        if (k === RANDOM) accumulator = random();
        else if (!load(4, k)) return 0;
        break;
      case 0x40: // BPF_LD | BPF_W | BPF_IND
        if (!load(4, index + k)) return 0;
        break;
      case 0x48: // BPF_LD | BPF_H | BPF_IND
        if (!load(2, index + k)) return 0;
        break;
      case 0x50: // BPF_LD | BPF_B | BPF_IND
        if (!load(1, index + k)) return 0;
        break;
      case 0x54: // BPF_ALU | BPF_AND | BPF_K
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0xb1: // BPF_LDX | BPF_B | BPF_MSH
        index = (packet[k]! & 0x0f) * 4;
        break;
      default:
        throw new TypeError(`No such instruction: ${code}`);
    }
  }
  throw new TypeError("The program has no end");
}
