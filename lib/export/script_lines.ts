import { showInvisible } from "../errors.ts";

/** What a script says of itself, each line behind `#`. */
export function comments(lines: readonly string[]): string[] {
  return lines.map((line) => `# ${showInvisible(line)}`);
}

/** A command that writes a file. */
export function fileCommand(path: string, lines: readonly string[]): string[] {
  return [`cat > ${path} <<'EOF'`, ...lines, "EOF"];
}
