import { COMMAND_LINES, type CommandLine, type Offer, type Offered, typed } from "./offers.ts";

/** The completions for zsh 5. @param folder where configuration lies, ending in `/` */
export function zshCompletions(folder: string): string {
  const commands = COMMAND_LINES.flatMap(({ name, help }) => name === null ? [] : [`${name}:${help}`]);
  return `#compdef ipipou

# The last argument is the extension; what comes before is for compadd.
_ipipou_names() {
  if [[ $PREFIX == (|.|..)/* ]]; then
    _files "\${@[1,-2]}"
  else
    local -a files=(${folder}*.$@[-1](N))
    compadd "\${@[1,-2]}" -- \${files:t:r}
  fi
}

_ipipou_devices() {
  local -a devices=(/sys/class/net/*(N))
  compadd "$@" -- \${devices:t}
}

_ipipou_local() {
  if compset -P '*@'; then _ipipou_devices "$@"; else _ipipou_devices "$@" -P @; fi
}

_ipipou_commands() {
  local -a commands=(
${commands.map((command) => `    ${quote(command)}`).join("\n")}
  )
  _describe command commands
}

_ipipou() {
  if ((CURRENT > 2)); then
    case $words[2] in
${COMMAND_LINES.flatMap(commandCase).join("\n")}
    esac
  fi
  _arguments -s \\
${specs(COMMAND_LINES[0]!, "    ")} \\
    '1: :_ipipou_commands'
}

_ipipou "$@"
`;
}

function commandCase(line: CommandLine): string[] {
  if (line.name === null) return [];
  const { name, operands } = line;
  return [
    `      ${name})`,
    "        shift words",
    "        ((CURRENT--))",
    "        _arguments -s \\",
    `${specs(line, "          ")} \\`,
    `          ${quote(`*:${action("operand", operands)}`)}`,
    "        return ;;",
  ];
}

function specs({ options }: CommandLine, indent: string): string {
  return options.flatMap(optionSpecs).map((spec) => indent + quote(spec)).join(" \\\n");
}

function optionSpecs(option: Offered): string[] {
  const { help, value, repeats } = option;
  const names = typed(option);
  return names.map((name) => {
    const once = repeats ? "*" : `(${names.join(" ")})`;
    const joint = value === null ? "" : name.startsWith("--") ? "=" : "+";
    const argument = value === null ? "" : `:${action(value.metavar, value.offer)}`;
    return `${once}${name}${joint}[${escape(help)}]${argument}`;
  });
}

function action(message: string, offer: Offer): string {
  return `${escape(message)}:${actionOf(offer)}`;
}

function actionOf(offer: Offer): string {
  switch (offer.kind) {
    case "names":
      return `_ipipou_names ${offer.extension}`;
    case "files":
      return "_files";
    case "words":
      return `(${offer.words.join(" ")})`;
    case "nothing":
      return " ";
    default:
      return `_ipipou_${offer.kind}`;
  }
}

function escape(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
