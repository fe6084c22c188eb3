// What is released, from the one list of it: `napi.targets` in package.json.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseTriple } from '@napi-rs/cli'

export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

/** Everything a release consists of is put here, and nothing of it is committed. */
export const STAGE = join(CHECKOUT, 'npm')

/** Programs that are fetched for a build or a test, and installed nowhere. */
export const TOOLS = join(CHECKOUT, 'target', 'tools')

export const manifest = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'))

const LIBC = { gnu: 'glibc', musl: 'musl' }

/** One npm package with one addon each. */
export const PLATFORMS = manifest.napi.targets.map((triple) => {
  const { platformArchABI: name, platform: os, arch: cpu, abi } = parseTriple(triple)
  const folder = join(STAGE, name)
  const file = `${manifest.napi.binaryName}.${name}.node`
  const packageName = `${manifest.name}-${name}`
  const addon = join(folder, file)
  return { triple, name, os, cpu, libc: LIBC[abi], packageName, folder, file, addon }
})
