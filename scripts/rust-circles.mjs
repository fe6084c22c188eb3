// Fails if modules of src/ import each other in a circle. cargo-modules reads the imports. Its own
// option `--acyclic` cannot be used: version 0.27.0 applies it before the filters, so that a type and a
// constructor that returns `Self` are a circle.

import { run } from './release/run.mjs'

const FILTERS = ['owns', 'externs', 'sysroot', 'fns', 'traits', 'types'].map(
  (kind) => `--no-${kind}`,
)

/** Module names, each with the names of the modules that it imports. */
function imports() {
  const args = ['modules', 'dependencies', '--lib', ...FILTERS]
  const graph = run('cargo', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const modules = new Map()
  for (const [, from, to] of graph.matchAll(/"(\S+)" -> "(\S+)"/g)) {
    // cargo-modules counts an `impl` in the binding for a type of the core as code of the core. The core
    // cannot import the binding: clippy compiles it without the binding (`--no-default-features`).
    if (isIn('core', from) && isIn('binding', to)) continue
    modules.set(from, [...(modules.get(from) ?? []), to])
  }
  return modules
}

const isIn = (folder, name) => name.startsWith(`velt_auth::${folder}`)

/** The shortest path of imports from a module back to itself, or undefined. */
function circleOf(module, modules) {
  const paths = [[module]]
  const seen = new Set()
  for (const path of paths) {
    for (const next of modules.get(path.at(-1)) ?? []) {
      if (next === module) return path
      if (!seen.has(next)) paths.push([...path, next])
      seen.add(next)
    }
  }
  return undefined
}

const modules = imports()
if (modules.size === 0) throw new Error('cargo-modules printed no imports')
const circles = new Map()
for (const module of modules.keys()) {
  const circle = circleOf(module, modules)
  if (circle) circles.set([...circle].sort().join(), [...circle, module].join(' → '))
}
for (const circle of circles.values()) console.error(`import circle: ${circle}`)
if (circles.size > 0) process.exitCode = 1
