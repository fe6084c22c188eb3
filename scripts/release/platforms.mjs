// The platforms of a release. `napi.targets` in package.json is the only list of them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseTriple } from '@napi-rs/cli'

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

/** The folder of all files of a release. They are not committed. */
export const STAGE = join(CHECKOUT, 'npm')

/** The folder of the programs that builds and tests download. Nothing is installed on the machine. */
export const TOOLS = join(CHECKOUT, 'target', 'tools')

export const manifest = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))

const LIBC = { gnu: 'glibc', musl: 'musl' }

/** Each platform has an npm package with one addon. */
export const PLATFORMS = manifest.napi.targets.map((triple) => {
  const { platformArchABI: name, platform: os, arch: cpu, abi } = parseTriple(triple)
  const folder = join(STAGE, name)
  const file = `${manifest.napi.binaryName}.${name}.node`
  const packageName = `${manifest.name}-${name}`
  const addon = join(folder, file)
  return { triple, name, os, cpu, libc: LIBC[abi], packageName, folder, file, addon }
})
