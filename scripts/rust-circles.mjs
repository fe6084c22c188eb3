// Finds modules of src/ that import each other in a circle, and fails if there are any. cargo-modules
// reads the imports. Its own `--acyclic` is no help: version 0.27.0 applies it before its filters, and
// then a type whose constructor returns `Self` counts as a circle.

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
    // An `impl` in the binding for a type of the core counts as a part of the core. The core itself
    // cannot import the binding: clippy compiles it with `--no-default-features`, without the binding.
    if (isIn('core', from) && isIn('binding', to)) continue
    modules.set(from, [...(modules.get(from) ?? []), to])
  }
  return modules
}

const isIn = (folder, name) => name.startsWith(`velt_auth::${folder}`)

/** The shortest way from a module back to itself, if there is one. */
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
