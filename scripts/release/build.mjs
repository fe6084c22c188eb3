// `npm run build:release -- [name …]`: release addons, each into its folder in npm/. `here` is the one
// that this machine loads; without names, all that it can build. It ends with what it built, and
// with what it could not build and why.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CHECKOUT, PLATFORMS } from './platforms.mjs'
import { run } from './run.mjs'
import { toolchain } from './toolchain.mjs'

const LIBRARY = { linux: 'libvelt_auth.so', darwin: 'libvelt_auth.dylib', win32: 'velt_auth.dll' }

const MACHINE = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }

/** Inlines nearly as little as `opt-level = "s"`: most of what that saves, for a fraction of its cost. */
const SMALL = ['-Cllvm-args=-inline-threshold=60']

function build(platform) {
  const { triple, os, folder, addon } = platform
  rmSync(addon, { force: true })
  const { cargo, arguments: more = [], flags = [], env } = toolchain(platform)
  run('cargo', [...cargo, '--release', '--locked', ...more], {
    cwd: CHECKOUT,
    env: { ...env, CARGO_ENCODED_RUSTFLAGS: [...flags, ...SMALL, ...remapped()].join('\x1f') },
  })
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(CHECKOUT, 'target', triple, 'release', LIBRARY[os]), addon)
}

/** Panic messages name source files: not with the paths of whoever built, so that anyone can. */
function remapped() {
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src')
  const registries = existsSync(sources) ? readdirSync(sources) : []
  const folders = [CHECKOUT, ...registries.map((name) => join(sources, name, '/'))]
  return folders.map((folder) => `--remap-path-prefix=${folder}=`)
}

/** Whether this very Node loads the addon of `platform`. */
function isHere({ os, cpu, libc }) {
  const { glibcVersionRuntime } = process.report.getReport().header
  const ours = process.platform !== 'linux' ? undefined : glibcVersionRuntime ? 'glibc' : 'musl'
  return os === process.platform && cpu === process.arch && libc === ours
}

function main(asked) {
  const names = asked.map((name) => (name === 'here' ? PLATFORMS.find(isHere)?.name : name))
  const unknown = names.filter((name) => !PLATFORMS.some((platform) => platform.name === name))
  if (unknown.length > 0) throw new Error(`not in napi.targets: ${unknown}`)
  const rows = []
  for (const platform of PLATFORMS) {
    const { name, os, addon } = platform
    if (names.length > 0 && !names.includes(name)) continue
    if (os !== process.platform) {
      rows.push([name, `not built: it takes a ${MACHINE[os]} machine`])
      if (names.length > 0) process.exitCode = 1
      continue
    }
    try {
      build(platform)
      rows.push([name, `${statSync(addon).size} bytes`])
    } catch (error) {
      rows.push([name, `FAILED: ${error.message}`])
      process.exitCode = 1
    }
  }
  for (const [name, outcome] of rows) console.log(name.padEnd(20), outcome)
}

main(process.argv.slice(2))
