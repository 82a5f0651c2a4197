#!/bin/sh
# Guess:     `deno bundle --minify` keeps what a program does: a resource that is declared by `using` is disposed of at
#            the end of its block, whatever the code around it is turned into.
# Behaviour: where a `using` variable is used once, in the expression right after its declaration, the minifier puts the
#            initializer in its place and drops the declaration: `using file = open(); return file.read();` becomes
#            `return open().read()`. Nothing is ever disposed of, and nothing warns: sockets, locks and files leak, and
#            only in the program that is shipped. Without --minify, or where the variable is used twice, all is well. The
#            same goes for esbuild, which does the work. A bundle that targets older engines (esbuild --target=es2022) is
#            right: there `using` is rewritten before.
# Version:   deno 2.8.3; esbuild 0.25.5 and 0.27.2.
# Source:    seen; the proposal "Explicit Resource Management" has a `using` declaration dispose of its value at the end
#            of the block, used or not.
#
# Needs Node with npx, and the npm registry. Changes nothing outside a temporary folder.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > once.ts <<'END'
class Resource {
  work(): string {
    return "works";
  }
  [Symbol.dispose](): void {
    console.log("disposed of");
  }
}
const open = () => new Resource();
function use(): string {
  using resource = open();
  return resource.work();
}
console.log(use());
END
sed 's/return resource.work();/return resource.work() + resource.work();/' once.ts > twice.ts
deno() { npx --yes deno@2.8.3 "$@"; }
esbuild() { npx --yes "esbuild@$1" "$2" --bundle --format=esm --minify; }
fail() {
  echo "changed: $1"
  exit 1
}
# Runs a script; says whether it disposed of its resource.
disposes() { deno run --quiet "$1" | grep -q "disposed of"; }

deno --version | head -n 1
disposes once.ts || fail "the source does not dispose"
deno bundle --quiet once.ts -o whole.js
disposes whole.js || fail "a bundle that is not minified does not dispose"
deno bundle --quiet --minify twice.ts -o twice.js
disposes twice.js || fail "a variable that is used twice is not disposed of"
deno bundle --quiet --minify once.ts -o once.js
if disposes once.js; then fail "a variable that is used once is disposed of"; fi
echo "deno bundle --minify: not disposed of: $(grep -o 'return [a-z]*().work()' once.js)"
for version in 0.25.5 0.27.2; do
  esbuild "$version" once.ts > esbuild.js
  if disposes esbuild.js; then fail "esbuild $version: disposed of"; fi
  echo "esbuild $version --minify: not disposed of"
done
npx --yes esbuild@0.27.2 once.ts --bundle --format=esm --minify --target=es2022 > older.js
disposes older.js || fail "for an older target it is not disposed of"
echo "esbuild 0.27.2 --minify --target=es2022: disposed of"
