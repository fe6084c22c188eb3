// The licences of the crates that are linked into an addon: they must be shipped with it.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CHECKOUT } from './platforms.mjs'
import { run } from './run.mjs'

const LICENCE_FILE = /^(licen[cs]e|notice|copying|copyright)/i

/** Files of licences that do not apply where MIT is a choice. */
const NOT_MIT = /apache|isc|unlicense|copying/i

/** @returns {string} the text of THIRD-PARTY-NOTICES for the addon that is built for `triple` */
export function notices(triple) {
  const crates = linkedCrates(triple)
  /** Each licence text, with the crates that it covers. @type {Map<string, string[]>} */
  const texts = new Map()
  for (const crate of crates) {
    for (const text of licenceTexts(crate)) {
      const name = `${crate.name} ${crate.version} (${crate.license})`
      texts.set(text, [...(texts.get(text) ?? []), name])
    }
  }
  const parts = [...texts].map(([text, names]) => `${names.join('\n')}\n\n${text}`)
  const line = `\n\n${'-'.repeat(80)}\n\n`
  return `The addon of velt-auth contains the software below, under these licences.${line}${parts.join(line)}\n`
}

/** The crates whose code is in the addon: not those of build scripts and procedural macros. */
function linkedCrates(triple) {
  const filter = ['--filter-platform', triple]
  const args = ['metadata', '--locked', '--format-version', '1', ...filter]
  const { packages, resolve } = JSON.parse(run('cargo', args, { cwd: CHECKOUT, stdio: 'pipe' }))
  const crates = new Map(packages.map((crate) => [crate.id, crate]))
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const linked = new Set()
  const visit = (id) => {
    const isMacro = crates.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))
    if (linked.has(id) || isMacro) return
    linked.add(id)
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg)
    }
  }
  visit(resolve.root)
  linked.delete(resolve.root)
  const std = { name: 'the Rust standard library', version: '', license: 'MIT OR Apache-2.0' }
  const rust = { ...std, authors: ['The Rust Project Contributors'] }
  return [...[...linked].map((id) => crates.get(id)), rust]
}

/** @returns {string[]} the licence texts of a crate; only MIT where MIT is a choice */
function licenceTexts({ name, license, authors, manifest_path }) {
  const folder = manifest_path && dirname(manifest_path)
  const files = folder ? readdirSync(folder).filter((file) => LICENCE_FILE.test(file)) : []
  const choice = /\bOR\b/.test(license) && /\bMIT\b/.test(license)
  const needed = choice ? files.filter((file) => !NOT_MIT.test(file)) : files
  if (needed.length > 0) {
    return needed.map((file) =>
      readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim(),
    )
  }
  if (!/\bMIT\b/.test(license))
    throw new Error(`The crate ${name} contains no licence text (${license}).`)
  const [, permission] = readFileSync(join(CHECKOUT, 'LICENSE'), 'utf8').split(/^Copyright.*\n/m)
  const holders = authors.length > 0 ? authors.join(', ') : `the authors of ${name}`
  return [`MIT License\n\nCopyright (c) ${holders}\n${permission}`.trim()]
}
