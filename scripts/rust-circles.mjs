// Fails if modules of src/ import each other in a circle. cargo-modules reads the imports, and tsort
// finds circles in them.
//
// cargo-modules has an option `--acyclic`, but version 0.27.0 applies it before the filters, so that a
// type and a constructor that returns `Self` are a circle.

import { run } from './release/run.mjs'

const FILTERS = ['owns', 'externs', 'sysroot', 'fns', 'traits', 'types'].map(
  (kind) => `--no-${kind}`,
)

const graph = run('cargo', ['modules', 'dependencies', '--lib', ...FILTERS], { stdio: 'pipe' })
const imports = [...graph.matchAll(/"(\S+)" -> "(\S+)"/g)]
  .map(([, from, to]) => `${from} ${to}`)
  // cargo-modules counts an `impl` in the binding for a type of the core as code of the core. The core
  // cannot import the binding: clippy compiles it without the binding.
  .filter((line) => !/^velt_auth::core\S* velt_auth::binding/.test(line))
if (imports.length === 0) throw new Error('cargo-modules printed no imports')
try {
  run('tsort', [], { input: imports.join('\n'), stdio: 'pipe' })
} catch (error) {
  console.error(`Modules of src/ import each other in a circle:\n${error.message}`)
  process.exitCode = 1
}
