import {
  type CommandLine,
  type CommandWord,
  commandWords,
  type Offer,
  type Offered,
  typed,
} from "./offers.ts";

/** The completions for zsh 5. @param folder of the configuration files, ending in `/` */
export function zshCompletions([main, ...own]: readonly CommandLine[], folder: string): string {
  const words = [...Map.groupBy(commandWords(own), ({ after }) => after)];
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

# The words between the program's name and this one.
_ipipou_line() {
  print -r -- "\${(j: :)words[2,CURRENT-1]}"
}

_ipipou_commands() {
  local -a commands
  case "$(_ipipou_line)" in
${words.map(wordCase).join("\n")}
    *) return 1 ;;
  esac
  _describe command commands
}

_ipipou() {
  case "$(_ipipou_line) " in
${own.map(commandCase).join("\n")}
  esac
  _arguments -s \\
${specs(main!, "    ")} \\
    '*: :_ipipou_commands'
}

_ipipou "$@"
`;
}

function wordCase([after, words]: [string, CommandWord[]]): string {
  const described = words.map(({ word, help }) => quote(`${word}:${help}`)).join(" ");
  return `    ${quote(after)}) commands=(${described}) ;;`;
}

function commandCase(line: CommandLine): string {
  const { name, operands } = line;
  const count = name.split(" ").length;
  return [
    `    ${quote(`${name} `)}*)`,
    `      shift ${count} words`,
    `      ((CURRENT -= ${count}))`,
    "      _arguments -s \\",
    `${specs(line, "        ")} \\`,
    `        ${quote(`*:${action("operand", operands)}`)}`,
    "      return ;;",
  ].join("\n");
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
