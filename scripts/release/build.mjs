// `npm run build:release -- [name …]`: builds release addons, each into its folder in npm/. The name
// `here` means the platform of this machine; without names, the script builds every platform that
// this machine can build. At the end it prints the platforms that it built, and why it did not build
// the others.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CHECKOUT, PLATFORMS } from './platforms.mjs'
import { run } from './run.mjs'
import { toolchain } from './toolchain.mjs'

const LIBRARY = { linux: 'libvelt_auth.so', darwin: 'libvelt_auth.dylib', win32: 'velt_auth.dll' }

const MACHINE = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }

/**
 * Limits inlining nearly as much as `opt-level = "s"`: it saves most of the same size, and costs only a
 * fraction of the speed.
 */
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

/** Removes the paths of this machine from panic messages: so every machine builds the same addon. */
function remapped() {
  const sources = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry', 'src')
  const registries = existsSync(sources) ? readdirSync(sources) : []
  const folders = [CHECKOUT, ...registries.map((name) => join(sources, name, '/'))]
  return folders.map((folder) => `--remap-path-prefix=${folder}=`)
}

/** Whether the Node that runs this script can load the addon of this platform. */
function isHere({ os, cpu, libc }) {
  const { glibcVersionRuntime } = process.report.getReport().header
  const current = process.platform !== 'linux' ? undefined : glibcVersionRuntime ? 'glibc' : 'musl'
  return os === process.platform && cpu === process.arch && libc === current
}

function main(args) {
  const names = args.map((name) => (name === 'here' ? PLATFORMS.find(isHere)?.name : name))
  const unknown = names.filter((name) => !PLATFORMS.some((platform) => platform.name === name))
  if (unknown.length > 0)
    throw new Error(
      `Unknown platforms: ${unknown}. napi.targets in package.json lists the platforms.`,
    )
  const rows = []
  for (const platform of PLATFORMS) {
    const { name, os, addon } = platform
    if (names.length > 0 && !names.includes(name)) continue
    if (os !== process.platform) {
      rows.push([name, `not built: it needs a ${MACHINE[os]} machine`])
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
